"""Several instruments compiled, and many parameters at once: the same as one after the other by the event engine."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from domain.risk.limits import RiskLimits
from domain.strategy.sizing import FixedQuantity
from domain.values import RUPEE, Instrument, InstrumentKind, Product
from research.backtest import backtest
from research.compiled import CompiledUnfit
from research.data.candles import NAMES, Candles
from research.event_engine import EventEngine
from research.portfolio import prepare_many
from research.settings import Charges, RunSettings, no_limits
from research.sweep import sweep
from tests.research.drawing import CALENDAR, drawn_together, whole_days
from tests.research.shapes import Crossing

CASES = 60


@pytest.mark.slow
@pytest.mark.timeout(900)  # as in test_engines_agree
def test_a_portfolio_is_the_event_engines_to_the_order() -> None:
    compared = fills = 0
    for seed in range(CASES):
        strategy, series, settings = drawn_together(seed)
        try:
            compiled = prepare_many(strategy, series, settings, CALENDAR, 0).run()
        except CompiledUnfit:
            assert settings.sessions and settings.product is Product.MIS, seed
            continue

        event = EventEngine(strategy, series, settings, CALENDAR, stepwise=seed % 2 == 0).run()

        assert compiled.orders == event.orders, seed
        assert compiled.fills == event.fills, seed
        assert compiled.days == event.days, seed
        assert compiled.decided == event.decided, seed
        compared += 1
        fills += len(event.fills)
    assert compared > CASES // 2
    assert fills > 500


@pytest.mark.parametrize(
    ("limits", "cash", "why"),
    [
        (RiskLimits(), 1_000_000, "exposure"),
        (replace(no_limits(), daily_loss_max=5_000 * RUPEE), 10_000_000, "losses"),
        (replace(no_limits(), margin_percent_cnc=100), 1_000, "margin"),
        (replace(no_limits(), orders_per_minute=3), 10_000_000, "counts of a minute"),
        (replace(no_limits(), trades_per_day=5), 10_000_000, "counts of a day"),
    ],
)
def test_where_a_shared_limit_may_matter_the_event_engine_does_it(limits: RiskLimits, cash: int, why: str) -> None:
    settings = RunSettings(
        cash=cash * RUPEE,
        product=Product.CNC,
        sizing=FixedQuantity(50),
        limits=replace(limits, allowed_products=tuple(Product)),
        charges=Charges(flat=20 * RUPEE),
        sessions=False,
    )
    series = _two()
    rule = Crossing()

    with pytest.raises(CompiledUnfit, match=f"{why}|a limit refuses an order"):
        prepare_many(rule, series, settings, CALENDAR, 0).run()
    done = backtest(rule, series, settings, CALENDAR)

    assert done.engine == "event"
    assert done.run == EventEngine(rule, series, settings, CALENDAR).run()


def test_a_sweep_on_two_threads_is_each_run_by_itself() -> None:
    candles = whole_days(4)
    settings = RunSettings(sizing=FixedQuantity(5), limits=no_limits())
    rules = [Crossing(fast=fast, slow=slow) for fast in (2, 3, 5) for slow in (8, 13)]

    swept = sweep(rules, candles, settings, CALENDAR, threads=2)

    assert [each.strategy for each in swept] == rules
    for each in swept:
        run = EventEngine(each.strategy, [candles], settings, CALENDAR).run()
        assert (each.orders, each.fills) == (len(run.orders), len(run.fills))
        assert (each.final_equity, each.charges) == (run.final_equity, run.charges)
    assert len({each.final_equity for each in swept}) > 3


def _two() -> list[Candles]:
    candles = whole_days(1)
    other = Instrument(8, "NSE", "TCS", InstrumentKind.EQUITY, 500)
    return [candles, Candles(other, 60, *(np.ascontiguousarray(getattr(candles, name)) for name in NAMES))]
