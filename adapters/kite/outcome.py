"""What a reply means: the one table, by HTTP status and envelope (kite-facts 1), never by exception class.

| Reply                                                        | Verdict     |
|--------------------------------------------------------------|-------------|
| 2xx, JSON object, `status: success`, `data` present           | DONE        |
| 2xx anything else (error marks, no data, not JSON, a list)    | UNRESOLVED  |
| 3xx (never followed)                                          | UNRESOLVED  |
| 400, 401, 403, 404, 405, 410, 428 with an error envelope      | REFUSED     |
|   … of type TokenException                                    | LOGIN       |
|   … whose text sends one to the order book, or says timed out | UNRESOLVED  |
|   … of type NetworkException or DataException                 | UNRESOLVED  |
| 429 with an envelope that says it was refused for its rate    | SLOW_DOWN   |
| 429 otherwise, 408, other 4xx, every 5xx, no envelope         | UNRESOLVED  |

REFUSED, LOGIN and SLOW_DOWN prove that nothing was done. NetworkException and DataException speak of the way to the
order system, not of the request, so at an order they prove nothing. Content types are not looked at: a body that
parses as an envelope is one, whatever its label says.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Final

import msgspec
from msgspec import Raw, Struct

from adapters.kite.advice import advice, advised
from adapters.kite.http import Reply
from adapters.kite.tokens import TokenHolder


class Verdict(Enum):
    """What a reply proves. SLOW_DOWN and LOGIN are refusals with a cause of their own."""

    DONE = "done"
    REFUSED = "refused"
    UNRESOLVED = "unresolved"
    LOGIN = "log in again"
    SLOW_DOWN = "slow down"


class Outcome(Struct, frozen=True):
    """A classified reply: what it proves, Kite's own text on one line, and the raw `data` where there is some.

    login_needed  the token is dead, whatever became of the request
    person        a refusal that only a person can end (`advice`), the login apart
    """

    verdict: Verdict
    status: int
    text: str
    data: bytes = b""
    login_needed: bool = False
    person: bool = False


class _Envelope(Struct):
    status: str = ""
    data: Raw = Raw(b"")
    message: object = None
    error_type: object = None


REFUSING: Final = frozenset({400, 401, 403, 404, 405, 410, 428})
"""Statuses that, with an error envelope, prove a refusal. 408, 409, 425 and the like are nobody's documented answer."""

LOST_ON_THE_WAY: Final = frozenset({"NetworkException", "DataException"})
"""Types that speak of the transport behind the API."""

_GO_AND_LOOK: Final = re.compile(
    r"timed? ?out|order ?book and confirm|check the order ?book and|request failed", re.IGNORECASE
)
_RATE: Final = re.compile(r"too many requests|maximum allowed order requests exceeded", re.IGNORECASE)

_decoder: Final = msgspec.json.Decoder(_Envelope)


def classify(reply: Reply, tokens: TokenHolder) -> Outcome:
    """The table above. Never raises: a reply that cannot be understood is UNRESOLVED. Texts are scrubbed of secrets."""
    status = reply.status
    try:
        envelope = _decoder.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Outcome(Verdict.UNRESOLVED, status, f"HTTP {status} without a readable envelope")

    kind = envelope.error_type if isinstance(envelope.error_type, str) else ""
    failed = envelope.status == "error" or bool(envelope.error_type)
    data = bytes(envelope.data)
    if 200 <= status < 300:
        if failed:
            return Outcome(Verdict.UNRESOLVED, status, f"HTTP {status} with an error: {_text(envelope, tokens)}")
        if envelope.status != "success" or not data:
            return Outcome(Verdict.UNRESOLVED, status, f"HTTP {status} without status and data")
        return Outcome(Verdict.DONE, status, "", data)
    if not failed:
        return Outcome(Verdict.UNRESOLVED, status, f"HTTP {status} without an error envelope")

    text = _text(envelope, tokens)
    dead = kind == "TokenException"
    told = f"HTTP {status}: {text}"
    if status == 429 and kind in ("NetworkException", "") and _RATE.search(text):
        return Outcome(Verdict.SLOW_DOWN, status, told)
    if status not in REFUSING or kind in LOST_ON_THE_WAY or _GO_AND_LOOK.search(text):
        return Outcome(Verdict.UNRESOLVED, status, told, login_needed=dead)
    if dead:
        return Outcome(Verdict.LOGIN, status, told, login_needed=True)
    return Outcome(Verdict.REFUSED, status, told, person=bool(advice(_message(envelope))))


def _message(envelope: _Envelope) -> str:
    return envelope.message if isinstance(envelope.message, str) and envelope.message else "no message"


def _text(envelope: _Envelope, tokens: TokenHolder) -> str:
    message = _message(envelope)
    kind = envelope.error_type if isinstance(envelope.error_type, str) else ""
    return tokens.scrub(advised(f"{message} ({kind})" if kind else message))
