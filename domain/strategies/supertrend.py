"""Supertrend: stay with a move until it gives back a few average ranges.

Idea: a band of average ranges around the price separates noise from a turn; hold the side on which the price is.
Weakness: in a narrow market every touch of the band is a false turn, and each costs the width of the band.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

from msgspec import Meta

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar: the line in rupees, the trend 1 or -1."""

    line: float
    trend: float


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    last_entry_minutes: int


class Supertrend(RuleStrategy, frozen=True):
    """Long while the trend is up, short while it is down; the line is the stop.

    period              bars of the average range
    multiplier          average ranges between the middle and the band
    last_entry_minutes  no new position in the last minutes of the session
    """

    period: Annotated[int, Meta(ge=2, le=100)] = 10
    multiplier: Annotated[float, Meta(ge=0.5, le=10)] = 3.0
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 60

    def indicators(self) -> Mapping[str, Indicator]:
        """Our own supertrend: its line and its trend."""
        period, multiplier = self.period, self.multiplier
        return {
            "line": indicator("supertrend", output="line", timeperiod=period, multiplier=multiplier),
            "trend": indicator("supertrend", output="trend", timeperiod=period, multiplier=multiplier),
        }

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: Parameters
    ) -> tuple[Targets, NoState]:
        """Change sides when the trend does; move the stop along the line."""
        may_enter = session.minutes_left > params.last_entry_minutes
        if now.trend > before.trend:
            return Targets(book.size if may_enter else 0, now.line), state
        if now.trend < before.trend:
            return Targets(-book.size if may_enter else 0, now.line), state
        if (book.quantity > 0) == (now.trend > 0.0) and book.quantity != 0:
            return Targets(book.quantity + book.pending, now.line), state
        return Targets(book.pending), state
