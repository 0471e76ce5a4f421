"""Strategies of the measurements: one that always wants a unit, and one that only notes what it sees."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from benchmarks._crossing import Row
from domain.indicators.declaration import Indicator, indicator
from domain.strategy.event import EventStrategy, Needs
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets

if TYPE_CHECKING:
    from domain.messages.market import PriceChanged
    from domain.strategy.asks import Ask
    from domain.strategy.event import IntentDraft, View
    from domain.values import Nanos


class Wanting(RuleStrategy, frozen=True):
    """Two averages at each bar, as a crossover has them; whatever they say, it wants its unit."""

    fast: int = 20
    slow: int = 100

    def indicators(self) -> Mapping[str, Indicator]:
        """Two simple averages."""
        return {"fast": indicator("SMA", timeperiod=self.fast), "slow": indicator("SMA", timeperiod=self.slow)}

    @staticmethod
    def decide(
        now: Row, before: Row, book: Book, session: SessionNow, state: NoState, params: object
    ) -> tuple[Targets, NoState]:
        """Its unit, on either side of nothing."""
        return Targets(book.size if now.fast >= now.slow else max(book.size, 1)), state


class Idle(RuleStrategy, frozen=True):
    """An average on each of three intervals, reckoned at each bar; it never wants anything."""

    state_bars: ClassVar[int] = 0

    def indicators(self) -> Mapping[str, Indicator]:
        """Bars of the strategy's own interval, of five and of fifteen minutes."""
        return {
            "own": indicator("SMA", timeperiod=5),
            "five": indicator("SMA", timeperiod=5, interval="5minute"),
            "fifteen": indicator("SMA", timeperiod=5, interval="15minute"),
        }

    @staticmethod
    def decide(
        now: object, before: object, book: Book, session: SessionNow, state: NoState, params: object
    ) -> tuple[Targets, NoState]:
        """Nothing."""
        return Targets(0), state


class Sightings:
    """When a strategy saw prices, and how old they were then."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Nanos, float]] = {}
        self.ages = array("f")  # 4 bytes each: an hour has a million and a half, and memory is what is looked at


SIGHTINGS: Final[dict[int, Sightings]] = {}
"""By a watcher's number: strategies are values, so what they note is kept beside them."""


class Watching(EventStrategy, frozen=True):
    """Notes every price that it is told."""

    number: int = 0

    def needs(self) -> Needs:
        """Prices alone."""
        return Needs(bars=False, prices=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft | Ask]:
        """How old it is, in ms, by the clock that stamped it; and when the instrument was last seen."""
        notes = SIGHTINGS[self.number]
        notes.ages.append((view.now - price.received_time) / 1e6)
        notes.seen[price.token] = (price.event_time, time.perf_counter())
        return ()


class Crossover(Wanting, frozen=True):
    """As it stands: for starts, whose bars never cross."""
