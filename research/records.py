"""What a run leaves behind: orders, fills and days as plain rows, the same from either engine."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from msgspec import Struct

from domain.messages.orders import DenyReason
from domain.values import E4, Nanos

REASONS: Final = ("entry", "exit", "stop", "trail", "target", "square-off", "loss", "other")
"""Why an order was made, by number; what a strategy calls otherwise is `other`."""

_REASON_NUMBERS: Final = {word: number for number, word in enumerate(REASONS)}
_OTHER: Final = REASONS.index("other")

DENIALS: Final = tuple(DenyReason)
"""Why it was denied, by number from 1; 0: it was not."""


class Outcome(IntEnum):
    """What became of an order."""

    OPEN = 0
    FILLED = 1
    DENIED = 2
    REJECTED = 3
    CANCELLED = 4


class OrderRow(Struct, frozen=True, array_like=True, gc=False):
    """One order, in the order in which they were made.

    time     when it was decided
    where    index of the instrument among the run's
    signed   units, negative for a sale
    reason   index into REASONS
    denial   index into DENIALS + 1; 0: it was not denied
    """

    time: Nanos
    where: int
    signed: int
    reduce_only: bool
    reason: int
    outcome: int
    denial: int


class FillRow(Struct, frozen=True, array_like=True, gc=False):
    """One execution. `order` counts the orders from 0."""

    order: int
    time: Nanos
    where: int
    signed: int
    price: E4


class DayRow(Struct, frozen=True, array_like=True):
    """A trading day as it ended.

    day      days since 1970-01-01 in IST
    cash     after the day's charges
    equity   cash and positions at the last prices
    charges  of the day
    """

    day: int
    cash: E4
    equity: E4
    charges: E4


class Run(Struct, frozen=True):
    """A whole run."""

    orders: tuple[OrderRow, ...]
    fills: tuple[FillRow, ...]
    days: tuple[DayRow, ...]
    decided: int

    @property
    def final_equity(self) -> E4:
        """Equity at the end of the last day; 0 where there was none."""
        return self.days[-1].equity if self.days else 0

    @property
    def charges(self) -> E4:
        """All that trading cost beside prices."""
        return sum(day.charges for day in self.days)


def reason_number(text: str) -> int:
    """The number of an intent's reason; how its size came about stands in brackets behind it."""
    return _REASON_NUMBERS.get(text.partition(" [")[0], _OTHER)


def denial_number(reason: DenyReason) -> int:
    """The number of a denial."""
    return DENIALS.index(reason) + 1
