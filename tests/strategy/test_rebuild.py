"""After a crash a rule's state and stops are what they were: rebuilt from history and from the journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.bars import Bar
from domain.indicators.declaration import Indicator, indicator
from domain.messages.journal import JournalEvent
from domain.messages.market import BarsBackfilled
from domain.messages.orders import OrderIntent
from domain.strategy.adapter import Memory
from domain.strategy.rule import Book, RuleStrategy, SessionNow, Targets
from domain.strategy.runner import StrategyRunner
from tests.market.making import INFY
from tests.strategy.playing import a_bar, a_price, a_runner, at, filled, warmed


class Run(NamedTuple):
    """How often the close rose in a row, and what it was."""

    rises: int
    last: float


class Columns(NamedTuple):
    close: float


class Parameters(NamedTuple):
    rises: int


class Rises(RuleStrategy, frozen=True):
    """Buys after so many rises in a row, with a stop below and a trail; leaves at the first fall of two rupees."""

    rises: int = 2

    def indicators(self) -> Mapping[str, Indicator]:
        return {"average": indicator("SMA", timeperiod=2)}

    def initial(self) -> tuple[object, ...]:
        return Run(0, 0.0)

    @staticmethod
    def decide(
        now: Columns, before: Columns, book: Book, session: SessionNow, state: Run, params: Parameters
    ) -> tuple[Targets, Run]:
        rises = state.rises + 1 if now.close > state.last else 0
        fell = now.close < state.last - 1.5
        state = Run(rises, now.close)
        if book.quantity > 0 and fell:
            return Targets(0), state
        if book.quantity == 0 and rises >= params.rises:
            return Targets(book.size, now.close - 6, now.close + 20, 4.0), state
        if book.quantity > 0:
            return Targets(book.quantity, book.entry - 6 + min(book.bars_held, 3), book.entry + 20, 4.0), state
        return Targets(book.quantity + book.pending), state


def history(bars: list[Bar]) -> BarsBackfilled:
    """As market data remembers them."""
    return BarsBackfilled(INFY, 60, tuple(msgspec.structs.replace(bar, backfilled=True) for bar in bars))


def remembered(runner: StrategyRunner) -> tuple[object, Targets]:
    memory = runner._view.memory
    assert isinstance(memory, Memory)
    leg = memory.legs[INFY]
    return leg.state, leg.targets


def live(
    runner: StrategyRunner, bars: list[Bar], journal: list[JournalEvent], first: int = 0
) -> list[list[tuple[str, int]]]:
    """Bars as they close, a price in each, fills at once; what was wanted at each bar."""
    wanted = []
    for bar in bars:
        now = bar.end
        made: list[OrderIntent] = runner.bar(bar, now)
        done = list(made)
        second = (bar.end - at(0)) // 1_000_000_000 + 5
        done += runner.price(a_price(second, bar.close // 10_000), at(second))
        for intent in done:
            for event in filled(intent, time=at(second)):
                journal.append(event)
                done += runner.journaled(event, at(second))
        wanted.append([(each.reason, each.quantity) for each in done])
    return wanted


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-3, 3), min_size=20, max_size=60), st.integers(5, 18))
def test_a_crash_at_any_bar_changes_nothing(moves: list[int], crash: int) -> None:
    closes = [100]
    for move in moves:
        closes.append(closes[-1] + move)
    bars = [a_bar(minute, close) for minute, close in enumerate(closes)]
    one, other = (warmed(a_runner(Rises()), [])), a_runner(Rises())
    journal: list[JournalEvent] = []
    live(one, bars[:crash], journal)
    for event in journal:
        other.ledger.apply(event)

    other.backfilled(history(bars[:crash]), at(60 * crash))

    assert remembered(other)[0] == remembered(one)[0]
    if one.ledger.quantity(INFY):
        assert remembered(other)[1] == remembered(one)[1]
    assert live(other, bars[crash:], []) == live(one, bars[crash:], journal)


def a_held_position() -> tuple[StrategyRunner, list[Bar]]:
    """Bought at 103 by the third rise, one bar ago; then the process died."""
    runner, journal = warmed(a_runner(Rises()), []), list[JournalEvent]()
    bars = [a_bar(minute, close) for minute, close in enumerate([100, 100, 101, 102, 103, 104])]
    live(runner, bars, journal)
    assert runner.ledger.quantity(INFY) == 100
    again = a_runner(Rises())
    for event in journal:
        again.ledger.apply(event)
    return again, bars


@pytest.mark.parametrize(("price", "reason"), [(98, "stop"), (99, "trail"), (123, "target"), (103, "")])
def test_a_stop_is_in_force_again_before_the_next_bar(price: int, reason: str) -> None:
    runner, bars = a_held_position()
    runner.backfilled(history(bars), at(370))

    made = runner.price(a_price(371, price), at(371))

    assert [each.reason for each in made] == ([reason] if reason else [])
    assert all(each.reduce_only and each.quantity == 100 for each in made)


def test_without_its_history_nothing_is_known_of_stops() -> None:
    runner, _ = a_held_position()

    assert runner.price(a_price(371, 90), at(371)) == []


def test_history_orders_nothing() -> None:
    runner = a_runner(Rises())
    bars = [a_bar(minute, 100 + minute) for minute in range(10)]

    assert runner.backfilled(history(bars), at(2_000)) == []


def test_targets_from_history_do_not_hold_for_a_position_on_the_other_side() -> None:
    runner, bars = a_held_position()
    memory = runner._view.memory
    assert isinstance(memory, Memory)
    runner.backfilled(history(bars), at(370))
    memory.legs[INFY].targets = Targets(-100, stop=110.0)

    assert runner.price(a_price(371, 103), at(371)) == []
