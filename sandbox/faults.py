"""Faults on demand: each kind of thing that can go wrong, with what it needs to know, as JSON and as an option.

A fault is a frozen value of one kind with a matcher. `sandbox.fault_plan` decides whom it befalls, `sandbox.faulty`
does it. `docs/faults.md` has an example of each.
"""

from typing import Annotated, ClassVar, Literal

import msgspec
from msgspec import Meta, Struct

from sandbox.refusal import ErrorType

Share = Annotated[float, Meta(ge=0, le=1)]
Milliseconds = Annotated[float, Meta(ge=0, le=600_000)]
Status = Annotated[int, Meta(ge=400, le=599)]
When = Literal["before", "after"]

METHODS = ("GET", "POST", "PUT", "DELETE")
SOCKET, UPDATE, CLOCK = "WS", "UPDATE", "CLOCK"
PLACING = "POST /orders/*"
TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."


def snake(name: str) -> str:
    """`HalfOpen` as `half_open`."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


class Fault(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault", tag=snake):
    """The matcher that every kind has.

    route        `METHOD /path` with `*` for one part and `**` for the rest; either half may be left out. `WS` is the
                 sockets, `UPDATE` the order updates on them, `CLOCK` market time itself. Empty: the kind's own default
    probability  of befalling what matches
    next         how many times at most; null for no end
    after        how many matches to let pass first
    since, until market time, `HH:MM[:SS]` (of any day) or `YYYY-MM-DD HH:MM:SS`; `until` is exclusive
    where        fields of the query or form, or of the update, that must have these values
    """

    domains: ClassVar[frozenset[str]] = frozenset({"REST"})
    default_route: ClassVar[str] = "*"
    alters: ClassVar[bool] = False

    route: str = ""
    probability: Share = 1.0
    next: Annotated[int, Meta(ge=1)] | None = None
    after: Annotated[int, Meta(ge=0)] = 0
    since: str | None = None
    until: str | None = None
    where: dict[str, str] = {}


class Latency(Fault, frozen=True, kw_only=True):
    """A delay of wall time before the request is looked at, or after; drawn from a distribution with that mean."""

    alters: ClassVar[bool] = True
    milliseconds: Milliseconds
    distribution: Literal["fixed", "uniform", "exponential", "lognormal"] = "fixed"
    maximum: Milliseconds = 60_000
    when: When = "before"


class Drop(Fault, frozen=True, kw_only=True):
    """The connection is closed without a reply, before or after acceptance; a socket at its handshake or once open."""

    domains: ClassVar[frozenset[str]] = frozenset({"REST", SOCKET})
    when: When = "before"
    reset: bool = False


class Freeze(Fault, frozen=True, kw_only=True):
    """Accepted and never answered: a request before or after it took effect, or a socket's handshake."""

    domains: ClassVar[frozenset[str]] = frozenset({"REST", SOCKET})
    when: When = "before"


class HalfOpen(Fault, frozen=True, kw_only=True):
    """The peer is gone and nobody tells: a reply ends in the middle, an open socket falls silent, pings unanswered."""

    domains: ClassVar[frozenset[str]] = frozenset({"REST", SOCKET})
    keep: Share = 0.5


class Ghost(Fault, frozen=True, kw_only=True):
    """An open socket without data: pings are answered, heartbeats come if wanted, ticks and updates are lost."""

    domains: ClassVar[frozenset[str]] = frozenset({SOCKET})
    default_route: ClassVar[str] = SOCKET
    heartbeats: bool = True


class TimedOut(Fault, frozen=True, kw_only=True):
    """HTTP 400 that says the order request timed out; whether it took effect, did not, or does so later."""

    default_route: ClassVar[str] = PLACING
    order: Literal["placed", "not_placed", "placed_late"] = "placed"
    late_milliseconds: Milliseconds = 500
    message: str = TIMED_OUT
    status: Status = 400
    error_type: ErrorType = "OrderException"


class Error(Fault, frozen=True, kw_only=True):
    """An error envelope instead of the reply, before or after the request took effect; at a socket, its handshake."""

    domains: ClassVar[frozenset[str]] = frozenset({"REST", SOCKET})
    status: Status = 500
    error_type: ErrorType = "GeneralException"
    message: str = "Something went wrong. Please try again later."
    when: When = "before"


class RateLimit(Fault, frozen=True, kw_only=True):
    """429 as Kite says it; the request has no effect."""


class Html(Fault, frozen=True, kw_only=True):
    """A proxy's HTML page instead of the reply, before or after the request took effect."""

    status: Status = 502
    when: When = "before"


class Drip(Fault, frozen=True, kw_only=True):
    """The whole reply, head included, a few bytes at a time."""

    bytes: Annotated[int, Meta(ge=1, le=65_536)] = 1
    milliseconds: Milliseconds = 20


class ContentType(Fault, frozen=True, kw_only=True):
    """A wrong content type, or none at all (null)."""

    alters: ClassVar[bool] = True
    value: Annotated[str, Meta(max_length=200, pattern=r"^[\x20-\x7e]*$")] | None = None


class Truncate(Fault, frozen=True, kw_only=True):
    """The reply cut off: its content (`body`: whole HTTP, broken JSON or CSV), or on the wire, shorter than said."""

    alters: ClassVar[bool] = True
    keep: Share = 0.5
    how: Literal["body", "wire"] = "body"


class LateRow(Fault, frozen=True, kw_only=True):
    """An order placed now is not in the order book, nor its trades, for a while of wall time."""

    alters: ClassVar[bool] = True
    default_route: ClassVar[str] = PLACING
    milliseconds: Milliseconds = 2_000


class RevokeToken(Fault, frozen=True, kw_only=True):
    """Every access token dies: by itself when its time comes, or at a request, which is the first to be refused."""

    domains: ClassVar[frozenset[str]] = frozenset({"REST", CLOCK})
    default_route: ClassVar[str] = CLOCK
    alters: ClassVar[bool] = True
    next: Annotated[int, Meta(ge=1)] | None = 1


class ClockSkew(Fault, frozen=True, kw_only=True):
    """Timestamps in JSON replies are off by so many seconds. The exchange itself is not, nor are socket frames."""

    alters: ClassVar[bool] = True
    seconds: Annotated[int, Meta(ge=-86_400, le=86_400)]


class History(Fault, frozen=True, kw_only=True):
    """Candles that are not there, twice there, or out of order; `share` of them."""

    alters: ClassVar[bool] = True
    default_route: ClassVar[str] = "GET /instruments/historical/*/*"
    do: Literal["empty", "gaps", "duplicates", "disorder"] = "gaps"
    share: Share = 0.1


class Rewrite(Fault, frozen=True, kw_only=True):
    """Books that are wrong: every object of a JSON reply that has these values gets others, or is left out.

    rows    fields that an object must have with these values; empty: every object of the list in `data`
    put     fields and what they are instead
    remove  it is not there at all
    """

    alters: ClassVar[bool] = True
    rows: dict[str, str | int | float | None] = {}
    put: dict[str, str | int | float | None] = {}
    remove: bool = False


class LoseUpdate(Fault, frozen=True, kw_only=True):
    """An order update that never comes."""

    domains: ClassVar[frozenset[str]] = frozenset({UPDATE})
    default_route: ClassVar[str] = UPDATE


class DuplicateUpdate(LoseUpdate, frozen=True, kw_only=True):
    """An order update that comes again."""

    times: Annotated[int, Meta(ge=2, le=100)] = 2


class ReorderUpdate(LoseUpdate, frozen=True, kw_only=True):
    """An order update that comes after the one that follows it, or by itself after `milliseconds`."""

    milliseconds: Milliseconds = 1_000


class DelayUpdate(LoseUpdate, frozen=True, kw_only=True):
    """An order update that comes late; those after it may overtake it."""

    milliseconds: Milliseconds = 1_000


AnyFault = (
    Latency
    | Drop
    | Freeze
    | HalfOpen
    | Ghost
    | TimedOut
    | Error
    | RateLimit
    | Html
    | Drip
    | ContentType
    | Truncate
    | LateRow
    | RevokeToken
    | ClockSkew
    | History
    | Rewrite
    | LoseUpdate
    | DuplicateUpdate
    | ReorderUpdate
    | DelayUpdate
)
KINDS: tuple[type[Fault], ...] = (
    Latency,
    Drop,
    Freeze,
    HalfOpen,
    Ghost,
    TimedOut,
    Error,
    RateLimit,
    Html,
    Drip,
    ContentType,
    Truncate,
    LateRow,
    RevokeToken,
    ClockSkew,
    History,
    Rewrite,
    LoseUpdate,
    DuplicateUpdate,
    ReorderUpdate,
    DelayUpdate,
)


_decode_one = msgspec.json.Decoder(AnyFault).decode
_decode_many = msgspec.json.Decoder(list[AnyFault]).decode


def parse(text: bytes | str) -> list[AnyFault]:
    """Faults from JSON: one object or a list of them. Raises ValueError saying what is wrong."""
    content = text.encode() if isinstance(text, str) else text
    try:
        return _decode_many(content) if content.lstrip().startswith(b"[") else [_decode_one(content)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(str(error)) from None


def parse_spec(text: str) -> list[AnyFault]:
    """Faults from a command line, as in `drop:when=after,next=1;latency:milliseconds=50`. Raises ValueError."""
    faults: list[AnyFault] = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        kind, _, settings = part.partition(":")
        fields: dict[str, object] = {"fault": kind.strip()}
        for setting in filter(None, (one.strip() for one in settings.split(","))):
            name, equals, value = setting.partition("=")
            if not equals:
                raise ValueError(f"{part}: name=value expected, found {setting!r}")
            fields[name.strip()] = None if value == "null" else value.strip()
        try:
            faults.append(msgspec.convert(fields, AnyFault, strict=False))
        except msgspec.ValidationError as error:
            raise ValueError(f"{part}: {error}") from None
    return faults
