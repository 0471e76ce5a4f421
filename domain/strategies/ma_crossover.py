"""Moving-average crossover: with the trend, long or short.

Idea: a fast average above a slow one says that prices have been rising lately; go with it until it turns.
Weakness: in a market without direction it buys highs and sells lows, and pays costs each time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Protocol

from msgspec import Meta

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar."""

    @property
    def fast(self) -> float:
        """Average over the shorter time, rupees."""
        ...

    @property
    def slow(self) -> float:
        """Average over the longer time, rupees."""
        ...


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    @property
    def last_entry_minutes(self) -> int:
        """See MaCrossover."""
        ...


class MaCrossover(RuleStrategy, frozen=True):
    """Long when the fast average crosses above the slow one, short when below.

    fast, slow          bars averaged
    last_entry_minutes  no new position in the last minutes of the session
    """

    fast: Annotated[int, Meta(ge=2, le=100)] = 5
    slow: Annotated[int, Meta(ge=3, le=400)] = 15
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 30

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast ({self.fast}) must be below slow ({self.slow})")

    def indicators(self) -> Mapping[str, Indicator]:
        """Two simple averages of the close."""
        return {
            "fast": indicator("SMA", timeperiod=self.fast),
            "slow": indicator("SMA", timeperiod=self.slow),
        }

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: Parameters
    ) -> tuple[Targets, NoState]:
        """Enter on a crossing; leave whenever the averages stand the other way, so that a refused exit is repeated."""
        rose = before.fast <= before.slow and now.fast > now.slow
        fell = before.fast >= before.slow and now.fast < now.slow
        may_enter = session.minutes_left > params.last_entry_minutes
        if rose and may_enter:
            return Targets(book.size), state
        if fell and may_enter:
            return Targets(-book.size), state
        if (book.quantity > 0 and now.fast < now.slow) or (book.quantity < 0 and now.fast > now.slow):
            return Targets(0), state
        return Targets(book.quantity + book.pending), state
