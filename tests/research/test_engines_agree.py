"""The two engines are one: the same orders, fills, denials and cash, to the paisa, whatever is drawn."""

from __future__ import annotations

from collections import Counter

import pytest

from domain.risk.limits import RiskLimits
from domain.strategy.load import load_strategy
from domain.strategy.sizing import FixedQuantity
from domain.values import Product
from research.compiled import CompiledUnfit, prepare
from research.event_engine import EventEngine
from research.fills import FillModel, Inside
from research.records import DENIALS, Outcome
from research.settings import RunSettings
from tests.research.drawing import CALENDAR, both, drawn, whole_days
from tests.research.shapes import SHAPES

CASES = 2_000
"""In every run of the tests, over all shapes."""


@pytest.mark.slow
@pytest.mark.timeout(900)  # a shape is compiled once, which takes seconds on an idle machine
@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=[each.__name__ for each in SHAPES])
def test_the_engines_agree_on_whatever_is_drawn(shape: int) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(shape, CASES, len(SHAPES)):
        case = drawn(seed)
        # Every third one goes bar by bar, as live; the others pass quiet bars with rows known ahead.
        compiled, event = both(case, stepwise=seed // len(SHAPES) % 3 == 0)

        assert compiled.orders == event.orders, seed
        assert compiled.fills == event.fills, seed
        assert compiled.days == event.days, seed
        assert compiled.decided == event.decided, seed
        outcomes.update(Outcome(order.outcome).name for order in event.orders)
        outcomes.update(DENIALS[order.denial - 1].name for order in event.orders if order.denial)

    assert outcomes["FILLED"] > 100  # the property is about something
    assert outcomes["DENIED"] > 20


@pytest.mark.long("engines")
@pytest.mark.parametrize("tenth", range(10))
def test_a_hundred_thousand_runs(tenth: int) -> None:
    declined = 0
    for seed in range(10_000 + tenth * 10_000, 20_000 + tenth * 10_000):
        try:
            compiled, event = both(drawn(seed), stepwise=seed // len(SHAPES) % 2 == 0)
        except CompiledUnfit:
            declined += 1
            continue

        assert compiled == event, seed
    assert declined < 100


@pytest.mark.long("engines")
@pytest.mark.parametrize(
    "path",
    [
        "donchian:Donchian",
        "grid:Grid",
        "ma_crossover:MaCrossover",
        "opening_range:OpeningRange",
        "rsi_reversion:RsiReversion",
        "supertrend:Supertrend",
        "vwap_reversion:VwapReversion",
    ],
)
@pytest.mark.parametrize("inside", list(Inside))
def test_the_engines_agree_on_the_samples(path: str, inside: Inside) -> None:
    rule = load_strategy(f"domain.strategies.{path}", {})
    settings = RunSettings(
        sizing=FixedQuantity(20), limits=RiskLimits(allowed_products=tuple(Product)), fill=FillModel(inside=inside)
    )
    candles = whole_days(8)

    compiled = prepare(rule, [candles], settings, CALENDAR, 0).run()
    event = EventEngine(rule, [candles], settings, CALENDAR).run()

    assert compiled == event
