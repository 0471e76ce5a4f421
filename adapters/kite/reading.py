"""Reads from the broker: paced, retried within one deadline, decoded. Orders never come through here."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec
import stamina

from adapters.kite.http import Http, NoToken, NotReached, Reply, ReplyLost
from adapters.kite.outcome import Outcome, Verdict, classify
from adapters.kite.pacing import Endpoint, Pacer, Priority
from domain.errors import BrokerRefusal, BrokerUnavailable, LoginNeeded, NotPermitted, SlowDown
from domain.ports import Clock
from domain.values import SECOND

T = TypeVar("T")

ATTEMPTS: Final = 4
WAIT_FIRST_SECONDS: Final = 0.1
WAIT_MAX_SECONDS: Final = 1.0
SLOW_DOWN_SECONDS: Final = 1.0
"""After a 429: the broker counts by the second."""


class Reader:
    """Reads for one worker. Raises BrokerUnavailable, SlowDown, BrokerRefusal or LoginNeeded, each one line."""

    def __init__(self, http: Http, pacer: Pacer, monotonic: Clock, *, deadline_seconds: float = 10.0) -> None:
        """`deadline_seconds`: for a read with all its attempts and its waiting for a start."""
        self.http = http
        self._pacer = pacer
        self._monotonic = monotonic
        self._deadline_seconds = deadline_seconds

    def close(self) -> None:
        """Give the HTTP session back."""
        self.http.close()

    def get(
        self,
        route: str,
        wanted: Callable[[bytes], T],
        *,
        endpoint: Endpoint = Endpoint.OTHER,
        query: Sequence[tuple[str, str]] = (),
        deadline_seconds: float | None = None,
    ) -> T:
        """The reply's `data`, as `wanted` decodes it. A ValueError of `wanted` is an unreadable reply."""
        use = self._decoded(f"GET {route}", wanted)
        return self.fetch(route, use, endpoint=endpoint, query=query, deadline_seconds=deadline_seconds)

    def reckon(self, route: str, body: bytes, wanted: Callable[[bytes], T]) -> T:
        """The answer to a question that is put as JSON: a POST that changes nothing, so it is retried like any read."""
        return self.fetch(route, self._decoded(f"POST {route}", wanted), json=body)

    def _decoded(self, what: str, wanted: Callable[[bytes], T]) -> Callable[[Reply], T]:
        def decoded(reply: Reply) -> T:
            outcome = classify(reply, self.http.tokens)
            if outcome.verdict is not Verdict.DONE:
                raise failure(what, outcome, reply, self.http)
            try:
                return wanted(outcome.data)
            except (msgspec.MsgspecError, ValueError) as error:
                text = self.http.tokens.scrub(str(error))
                raise BrokerUnavailable(f"{what}: the reply is not as documented: {text}") from None

        return decoded

    def fetch(
        self,
        route: str,
        use: Callable[[Reply], T],
        *,
        endpoint: Endpoint = Endpoint.OTHER,
        query: Sequence[tuple[str, str]] = (),
        prefixed: bool = True,
        deadline_seconds: float | None = None,
        json: bytes | None = None,
    ) -> T:
        """One GET (with `json`, a POST) with its retries; `use` makes the result of the reply or raises BrokerError."""
        method = "GET" if json is None else "POST"
        deadline = time.monotonic() + (self._deadline_seconds if deadline_seconds is None else deadline_seconds)

        def again(error: Exception) -> bool | float:
            if not isinstance(error, BrokerUnavailable) or time.monotonic() + WAIT_MAX_SECONDS > deadline:
                return False
            return SLOW_DOWN_SECONDS if isinstance(error, SlowDown) else True

        for attempt in stamina.retry_context(
            on=again,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=WAIT_FIRST_SECONDS,
            wait_max=WAIT_MAX_SECONDS,
            wait_jitter=WAIT_FIRST_SECONDS,
        ):
            with attempt:
                left = deadline - time.monotonic()
                paced_until = self._monotonic.now_ns() + int(left * SECOND)
                if not self._pacer.acquire(endpoint, Priority.ENTRY, paced_until):
                    raise BrokerUnavailable(f"{method} {route}: no turn within our own rate limits in time")
                left = min(self.http.deadline_seconds, deadline - time.monotonic())
                try:
                    reply = self.http.call(
                        method, route, query=query, json=json, prefixed=prefixed, deadline_seconds=left
                    )
                except NoToken as error:
                    raise LoginNeeded(str(error)) from None
                except (NotReached, ReplyLost) as error:
                    raise BrokerUnavailable(str(error)) from None
                return use(reply)
        raise AssertionError("a retry loop ends by returning or raising")


def failure(
    what: str, outcome: Outcome, reply: Reply, http: Http
) -> BrokerUnavailable | SlowDown | BrokerRefusal | LoginNeeded:
    """The error for a reply that is no success, for a read. A dead token is forgotten for everyone."""
    text = f"{what}: {outcome.text}"
    if outcome.login_needed:
        http.tokens.invalidate(reply.generation)
        return LoginNeeded(text)
    if outcome.verdict is Verdict.SLOW_DOWN or reply.status == 429:
        return SlowDown(text)
    if outcome.verdict is Verdict.REFUSED:
        return NotPermitted(text) if outcome.person else BrokerRefusal(text)
    return BrokerUnavailable(text)
