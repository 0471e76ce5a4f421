"""What the two processes say to each other: one question, one answer, as MessagePack. Prices and bars are the domain's.

The parent speaks first, and again only when it has been answered. In between the child may ask for an instrument's
session, which only the parent's calendar knows, as often as it needs.
"""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import Raw, Struct

from domain.bars import Bar
from domain.messages.journal import JournalEvent
from domain.messages.market import BarsBackfilled, PriceChanged
from domain.messages.orders import OrderIntent
from domain.messages.plans import MoveExit
from domain.strategy.asks import Asked
from domain.strategy.runner import RunnerSettings, Standing
from domain.values import Instrument, Nanos


class Wire(Struct, frozen=True, array_like=True, tag=True):
    """Everything that travels: fields by place, since both ends are of one version."""


# -- from the parent ---------------------------------------------------------------------------------------------------


class Begin(Wire, frozen=True):
    """The first word. kind  `MODULE:CLASS`; strategy: its fields"""

    strategy_id: str
    kind: str
    strategy: Raw
    instruments: tuple[Instrument, ...]
    settings: RunnerSettings


class Priced(Wire, frozen=True):
    """A price that it decides on."""

    price: PriceChanged
    now: Nanos


class Closed(Wire, frozen=True):
    """A live bar closed."""

    bar: Bar
    now: Nanos


class History(Wire, frozen=True):
    """Bars from history."""

    message: BarsBackfilled
    now: Nanos


class Timed(Wire, frozen=True):
    """Time has passed."""

    now: Nanos


class Journaled(Wire, frozen=True):
    """An event of its own."""

    event: JournalEvent
    now: Nanos


class Refused(Wire, frozen=True):
    """An intent that came to nothing."""

    intent_id: str


class SquaredOff(Wire, frozen=True):
    """No more decisions on these."""

    tokens: tuple[int, ...]
    now: Nanos


class Reconfigured(Wire, frozen=True):
    """Other settings."""

    settings: RunnerSettings


class Nothing(Wire, frozen=True):
    """Only what goes before it is to be taken in."""


class Look(Wire, frozen=True):
    """How does it stand?"""


Question = Priced | Closed | History | Timed | Journaled | Refused | SquaredOff | Reconfigured | Nothing | Look


class Call(Wire, frozen=True):
    """A question, and what was put by until there was one.

    folded       events of the journal from before
    prices       the newest of each instrument, where nothing is decided on a price
    quiet_until, enabled   see StrategyRunner
    """

    folded: tuple[JournalEvent, ...]
    prices: tuple[PriceChanged, ...]
    quiet_until: Nanos
    enabled: bool
    question: Question


class Session(Wire, frozen=True):
    """The answer to SessionAsked: seconds, as in `domain.market.buckets.Hours`."""

    opens: int
    closes: int


class NoSession(Wire, frozen=True):
    """The answer to SessionAsked where the calendar knows none of that year."""

    text: str


# -- from the child ----------------------------------------------------------------------------------------------------


class Ready(Wire, frozen=True):
    """It has begun. prices, timed: whether it wants to be told of prices and time; files: where its code is from"""

    series: tuple[tuple[int, int], ...]
    warming: int
    prices: bool
    timed: bool
    files: tuple[str, ...]


class Done(Wire, frozen=True):
    """What came of it, and how far the runner has come."""

    intents: list[OrderIntent]
    moves: list[MoveExit]
    asked: list[Asked]
    warming: int
    decided: int
    lapsed: int


class Stands(Wire, frozen=True):
    """How it stands."""

    standing: Standing


class Raised(Wire, frozen=True):
    """The strategy raised. module, name: of the exception's class"""

    module: str
    name: str
    text: str
    traceback: str


class CannotBegin(Wire, frozen=True):
    """One line: why there is no strategy."""

    text: str


class SessionAsked(Wire, frozen=True):
    """In between: when is this instrument's session on the day of that instant?"""

    token: int
    instant: Nanos


ToChild = Begin | Call | Session | NoSession
ToParent = Ready | Done | Stands | Raised | CannotBegin | SessionAsked


def _plain(value: object) -> object:
    """A number of numpy's, as indicators make them, is a number."""
    item = getattr(value, "item", None)
    if not callable(item):
        raise TypeError(f"{type(value).__name__} is no part of what a strategy may ask for")
    return item()


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_plain)
_to_child: Final[msgspec.msgpack.Decoder[ToChild]] = msgspec.msgpack.Decoder(ToChild)
_to_parent: Final[msgspec.msgpack.Decoder[ToParent]] = msgspec.msgpack.Decoder(ToParent)

encode = _encoder.encode


def heard_by_child(message: bytes) -> ToChild:
    """What the parent said. Raises msgspec.MsgspecError."""
    return _to_child.decode(message)


def heard_by_parent(message: bytes) -> ToParent:
    """What the child said. Raises msgspec.MsgspecError."""
    return _to_parent.decode(message)
