"""RSI mean reversion: against the last move, long or short.

Idea: prices that fell fast without news tend to come back a part of the way.
Weakness: when the move is the beginning of a trend it stands against it; the longest wait is bounded by `bars_max`.
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
    def rsi(self) -> float:
        """Relative strength, 0 to 100."""
        ...


class Parameters(Protocol):
    """What `decide` reads of the parameters."""

    @property
    def low(self) -> float:
        """See RsiReversion."""
        ...

    @property
    def high(self) -> float:
        """See RsiReversion."""
        ...

    @property
    def middle(self) -> float:
        """See RsiReversion."""
        ...

    @property
    def bars_max(self) -> int:
        """See RsiReversion."""
        ...

    @property
    def last_entry_minutes(self) -> int:
        """See RsiReversion."""
        ...


class RsiReversion(RuleStrategy, frozen=True):
    """Buys when the RSI is below `low`, sells when above `high`, leaves in the middle.

    period              bars of the RSI
    low, high           where it enters
    middle              where it leaves
    bars_max            bars after which it leaves in any case
    last_entry_minutes  no new position in the last minutes of the session
    """

    period: Annotated[int, Meta(ge=2, le=100)] = 7
    low: Annotated[float, Meta(gt=0, lt=50)] = 35.0
    high: Annotated[float, Meta(gt=50, lt=100)] = 65.0
    middle: Annotated[float, Meta(gt=0, lt=100)] = 50.0
    bars_max: Annotated[int, Meta(ge=1, le=400)] = 60
    last_entry_minutes: Annotated[int, Meta(ge=0, le=375)] = 30

    def __post_init__(self) -> None:
        if not self.low < self.middle < self.high:
            raise ValueError(f"want low < middle < high, got {self.low}, {self.middle}, {self.high}")

    def indicators(self) -> Mapping[str, Indicator]:
        """The RSI of the close."""
        return {"rsi": indicator("RSI", timeperiod=self.period)}

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: Parameters
    ) -> tuple[Targets, NoState]:
        """Enter at the edges, leave in the middle or when it has taken too long."""
        if book.quantity > 0 and (now.rsi >= params.middle or book.bars_held >= params.bars_max):
            return Targets(0), state
        if book.quantity < 0 and (now.rsi <= params.middle or book.bars_held >= params.bars_max):
            return Targets(0), state
        if book.quantity == 0 and session.minutes_left > params.last_entry_minutes:
            if now.rsi < params.low and before.rsi >= params.low:
                return Targets(book.size), state
            if now.rsi > params.high and before.rsi <= params.high:
                return Targets(-book.size), state
        return Targets(book.quantity + book.pending), state
