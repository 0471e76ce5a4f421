"""The crossover of the measurements: always in the market once both averages are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from domain.indicators.declaration import Indicator, indicator
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets


class Row(Protocol):
    """What `decide` reads of a bar."""

    @property
    def fast(self) -> float:
        """Average over the shorter time."""
        ...

    @property
    def slow(self) -> float:
        """Average over the longer time."""
        ...


class Crossing(RuleStrategy, frozen=True):
    """Long while the fast average is above the slow one, short while it is below."""

    fast: int = 20
    slow: int = 100

    def indicators(self) -> Mapping[str, Indicator]:
        """Two simple averages."""
        return {"fast": indicator("SMA", timeperiod=self.fast), "slow": indicator("SMA", timeperiod=self.slow)}

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: object
    ) -> tuple[Targets, NoState]:
        """The side that the averages say."""
        if now.fast > now.slow:
            return Targets(book.size), state
        if now.fast < now.slow:
            return Targets(-book.size), state
        return Targets(book.quantity + book.pending), state
