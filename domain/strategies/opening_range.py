"""Opening-range breakout: with the first strong move of the day, once.

Idea: what is known overnight is fought out in the first minutes; who wins that fight often goes on winning.
Weakness: on most days nobody wins, and the breakout turns back through the range at the price of one stop.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple, Protocol

from msgspec import Meta

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar, rupees."""

    close: float
    range_high: float
    range_low: float


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    reward: float
    last_entry_minutes: int


class Today(NamedTuple):
    """bar: number of the session's last bar seen. entered: an entry was wanted today already."""

    bar: int
    entered: int


class OpeningRange(RuleStrategy, frozen=True):
    """Long above the opening range, short below it, once a day; stop at its other side.

    minutes             length of the opening range
    reward              target, as a multiple of what the stop risks
    last_entry_minutes  no new position in the last minutes of the session
    """

    minutes: Annotated[int, Meta(ge=1, le=120)] = 15
    reward: Annotated[float, Meta(ge=0.5, le=10)] = 2.0
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 120

    def indicators(self) -> Mapping[str, Indicator]:
        """The two sides of the range; no value, hence no decision, before it is over."""
        return {
            "range_high": indicator("opening_range", output="high", minutes=self.minutes),
            "range_low": indicator("opening_range", output="low", minutes=self.minutes),
        }

    def initial(self) -> tuple[object, ...]:
        """No bar seen."""
        return Today(0, 0)

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: Today, params: Parameters
    ) -> tuple[Targets, Today]:
        """Enter on the first close beyond the range; afterwards only say where to leave."""
        entered = state.entered if session.bar > state.bar else 0
        width = now.range_high - now.range_low
        if book.quantity > 0:
            target = book.entry + params.reward * (book.entry - now.range_low)
            return Targets(book.quantity, now.range_low, target), Today(session.bar, 1)
        if book.quantity < 0:
            target = book.entry - params.reward * (now.range_high - book.entry)
            return Targets(book.quantity, now.range_high, target), Today(session.bar, 1)
        if entered == 0 and book.pending == 0 and width > 0 and session.minutes_left > params.last_entry_minutes:
            if now.close > now.range_high:
                target = now.close + params.reward * (now.close - now.range_low)
                return Targets(book.size, now.range_low, target), Today(session.bar, 1)
            if now.close < now.range_low:
                target = now.close - params.reward * (now.range_high - now.close)
                return Targets(-book.size, now.range_high, target), Today(session.bar, 1)
        return Targets(book.pending), Today(session.bar, entered)
