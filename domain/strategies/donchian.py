"""Donchian channel, the turtles' rule: with a new high of many days, out at a new low of fewer.

Idea: the few great moves of a year all begin with a new high; being in all of them pays for many small losses.
Weakness: most breakouts fail, and the losing runs are long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

from msgspec import Meta

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar: the channels of days that have closed, rupees."""

    close: float
    entry_high: float
    entry_low: float
    exit_high: float
    exit_low: float


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    stop_width: float
    short: int


class Donchian(RuleStrategy, frozen=True):
    """Long above the highest high of `entry` days, out below the lowest low of `leave` days; short likewise.

    Runs on day bars or on finer ones; the channels are those of days in either case.

    entry, leave  days of the channels
    stop_width    distance of the stop from the entry, as a share of the longer channel's width
    short         1: also short (not with CNC); 0: long alone
    """

    entry: Annotated[int, Meta(ge=2, le=200)] = 20
    leave: Annotated[int, Meta(ge=2, le=200)] = 10
    stop_width: Annotated[float, Meta(gt=0, le=2)] = 0.5
    short: Annotated[int, Meta(ge=0, le=1)] = 0

    def __post_init__(self) -> None:
        if self.leave > self.entry:
            raise ValueError(f"leave ({self.leave}) must not be above entry ({self.entry})")

    def indicators(self) -> Mapping[str, Indicator]:
        """Two channels, both of days."""
        return {
            "entry_high": indicator("DONCHIAN", output="upperband", timeperiod=self.entry, interval="day"),
            "entry_low": indicator("DONCHIAN", output="lowerband", timeperiod=self.entry, interval="day"),
            "exit_high": indicator("DONCHIAN", output="upperband", timeperiod=self.leave, interval="day"),
            "exit_low": indicator("DONCHIAN", output="lowerband", timeperiod=self.leave, interval="day"),
        }

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: Parameters
    ) -> tuple[Targets, NoState]:
        """The channel is that of the row before: on day bars the newest one would already hold this close."""
        risk = params.stop_width * (before.entry_high - before.entry_low)
        if book.quantity > 0:
            return Targets(0 if now.close < before.exit_low else book.quantity, book.entry - risk), state
        if book.quantity < 0:
            return Targets(0 if now.close > before.exit_high else book.quantity, book.entry + risk), state
        if book.pending == 0 and now.close > before.entry_high:
            return Targets(book.size, now.close - risk), state
        if book.pending == 0 and params.short == 1 and now.close < before.entry_low:
            return Targets(-book.size, now.close + risk), state
        return Targets(book.pending), state
