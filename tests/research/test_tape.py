"""Rows that are known ahead are the live ones wherever a rule looks."""

from __future__ import annotations

from typing import Any

import pytest

from domain.risk.limits import RiskLimits
from domain.strategy.rule import RuleStrategy, Targets
from domain.strategy.sizing import FixedQuantity
from domain.values import RUPEE
from research.event_engine import EventEngine
from research.settings import RunSettings
from tests.research.drawing import CALENDAR, whole_days


class Behind(RuleStrategy, frozen=True):
    """Reads of the row before what it does not read of the newest one."""

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        return Targets(book.size if now.close > before.open else -book.size), state


class Apart(RuleStrategy, frozen=True):
    """Takes its row apart."""

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        opened, _, _, close, volume = now
        return Targets(book.size if close > opened and volume > 0 else 0), state


class Ranging(RuleStrategy, frozen=True):
    """Reads volume, high and low."""

    @staticmethod
    def decide(now: Any, before: Any, book: Any, session: Any, state: Any, params: Any) -> Any:
        wide = now.high - now.low > before.high - before.low
        return Targets(book.size if wide and now.volume > before.volume else 0), state


@pytest.mark.parametrize("rule", [Behind, Apart, Ranging])
def test_a_rule_sees_what_it_reads(rule: type[RuleStrategy]) -> None:
    settings = RunSettings(
        cash=1_000_000 * RUPEE,
        sizing=FixedQuantity(3),
        limits=RiskLimits(orders_per_minute=1_000, strategy_orders_per_minute=1_000, drawdown_max=10**13),
    )
    bars = whole_days(2)

    ahead = EventEngine(rule(), [bars], settings, CALENDAR).run()
    by_bars = EventEngine(rule(), [bars], settings, CALENDAR, stepwise=True).run()

    assert ahead == by_bars
    assert len(ahead.fills) > 20
