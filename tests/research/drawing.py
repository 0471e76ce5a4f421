"""Runs drawn from a seed: a shape, its parameters, prices, costs, limits and fills."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np
from msgspec import Struct

from domain.calendar import SessionCalendar
from domain.risk.limits import RiskLimits
from domain.strategy.rule import RuleStrategy
from domain.strategy.sizing import FixedQuantity, FixedValue, Sizing
from domain.values import IST, RUPEE, SECOND, Instrument, InstrumentKind, Nanos, Product, SessionClass, nanos
from research.compiled import prepare
from research.data.candles import NAMES, Candles
from research.event_engine import EventEngine
from research.fills import FillModel, Inside
from research.records import Run
from research.settings import Charges, RunSettings, no_limits
from tests.research.shapes import SHAPES, Anchored, Crossing, Holding, Oversized, Scaling, Turning

CALENDAR = SessionCalendar(fallback_weekdays=True)
DAYS = [dt.date(2026, 2, 26), dt.date(2026, 2, 27), dt.date(2026, 3, 2), dt.date(2026, 7, 30), dt.date(2026, 8, 4)]
"""Around changes of tariffs and of trading hours, and over a weekend."""


class Case(Struct, frozen=True):
    """One run."""

    strategy: RuleStrategy
    candles: Candles
    settings: RunSettings
    decide_from: Nanos


def both(case: Case, *, stepwise: bool) -> tuple[Run, Run]:
    """The compiled run, and the event engine's."""
    compiled = prepare(case.strategy, [case.candles], case.settings, CALENDAR, case.decide_from).run()
    event = EventEngine(
        case.strategy, [case.candles], case.settings, CALENDAR, case.decide_from, stepwise=stepwise
    ).run()
    return compiled, event


def drawn(seed: int) -> Case:
    """The case of a seed."""
    rng = random.Random(seed)
    shape = SHAPES[seed % len(SHAPES)]
    strategy = _strategy(rng, shape)
    instrument = _instrument(rng)
    whole = shape is Anchored  # its warm-up is a session
    candles = _candles(rng, instrument, 60 if whole else rng.choice([60, 60, 60, 300, 1800]), whole=whole)
    settings = _settings(rng, instrument)
    decide_from = int(candles.start[rng.randrange(len(candles))]) if rng.random() < 0.2 else 0
    return Case(strategy, candles, settings, decide_from)


def drawn_together(seed: int) -> tuple[RuleStrategy, list[Candles], RunSettings]:
    """Several instruments with holes of their own on one account, fills at the next open and a flat charge."""
    rng = random.Random(seed)
    series = []
    for token in range(rng.randrange(2, 6)):
        share = Instrument(token + 1, "NSE", f"S{token}", InstrumentKind.EQUITY, 500)
        candles = _candles(rng, share, 60, whole=False)
        kept = np.array([rng.random() > 0.2 for _ in range(len(candles))])
        kept[0] = True
        series.append(Candles(share, 60, *(np.ascontiguousarray(getattr(candles, name)[kept]) for name in NAMES)))
    settings = RunSettings(
        cash=rng.choice([100_000, 10_000]) * 1_000 * RUPEE,
        product=rng.choice([Product.MIS, Product.CNC]),
        sizing=FixedQuantity(rng.randrange(1, 60)),
        limits=no_limits(),
        charges=Charges(flat=rng.choice([0, 20]) * RUPEE),
        fill=FillModel(spread_bps=rng.choice([0.0, 2.0])),
        sessions=rng.random() < 0.5,
        intent_valid_seconds=rng.choice([30.0, 600.0]),
    )
    return _strategy(rng, Crossing), series, settings


def whole_days(count: int, seed: int = 3) -> Candles:
    """Every minute of so many trading days of a share."""
    rng = random.Random(seed)
    share = Instrument(7, "NSE", "INFY", InstrumentKind.EQUITY, 500)
    rows: list[tuple[int, ...]] = []
    price = 1_000 * RUPEE
    day = dt.date(2026, 2, 2)
    while count:
        hours = CALENDAR.hours(day, share.session)
        day += dt.timedelta(days=1)
        if hours is None:
            continue
        count -= 1
        for start in range(hours[0], hours[1], 60 * SECOND):
            opened = price + rng.randint(-2, 2) * 500
            price = max(opened + rng.randint(-15, 15) * 500, 100 * RUPEE)
            high, low = max(opened, price) + rng.randint(0, 8) * 500, min(opened, price) - rng.randint(0, 8) * 500
            rows.append((start, opened, high, low, price, rng.randint(10, 5_000)))
    table = np.array(rows, dtype=np.int64)
    return Candles(share, 60, *(np.ascontiguousarray(table[:, at]) for at in range(6)))


def _strategy(rng: random.Random, shape: type[RuleStrategy]) -> RuleStrategy:
    if shape is Crossing:
        fast = rng.randrange(2, 6)
        return Crossing(
            fast=fast,
            slow=fast + rng.randrange(1, 8),
            stop=rng.choice([0.0, 0.001, 0.003]),
            target=rng.choice([0.0, 0.001, 0.004]),
            trail=rng.choice([0.0, 0.5, 2.0]),
        )
    if shape is Scaling:
        return Scaling(step=rng.choice([0.0, 0.3, 1.0]))
    if shape is Turning:
        return Turning(away=rng.choice([0.2, 1.0, 3.0]), bars_min=rng.randrange(1, 5))
    if shape is Holding:
        return Holding(
            every=rng.randrange(1, 6), age=rng.randrange(1, 8), loss=rng.choice([0.0, 0.001]), minutes=rng.randrange(40)
        )
    if shape is Anchored:
        return Anchored(band=rng.choice([0.0, 0.3, 1.0]), trail=rng.choice([0.0, 0.7, 3.0]))
    assert shape is Oversized
    return Oversized(times=rng.randrange(1, 8))


def _instrument(rng: random.Random) -> Instrument:
    future = rng.random() < 0.2
    return Instrument(
        token=7,
        exchange="NFO" if future else rng.choice(["NSE", "BSE"]),
        symbol="NIFTY26NOVFUT" if future else "INFY",
        kind=InstrumentKind.FUTURE if future else InstrumentKind.EQUITY,
        tick_size=rng.choice([500, 100, 1000]),
        lot_size=rng.choice([1, 5]) if future else 1,
        name="NIFTY" if future else "INFY",
        session=(
            SessionClass.EQUITY_DERIVATIVE if future else rng.choice([SessionClass.EQUITY, SessionClass.EQUITY_AUCTION])
        ),
        freeze_quantity=rng.choice([0, 0, 0, 150]),
    )


def _candles(rng: random.Random, instrument: Instrument, interval: int, *, whole: bool) -> Candles:
    """Minutes of a few short days that begin anywhere in the session, with holes; or days; or bars around the clock."""
    starts: list[int] = []
    first = rng.randrange(len(DAYS) - 1)
    for day in DAYS[first : first + (2 if whole else rng.randrange(1, 4))]:
        hours = CALENDAR.hours(day, instrument.session)
        assert hours is not None
        opens, closes = hours
        count = (closes - opens) // (interval * SECOND)
        if whole:
            starts += [opens + at * interval * SECOND for at in range(count)]
            continue
        begin = rng.randrange(count) if rng.random() < 0.5 else max(count - rng.randrange(1, 60), 0)
        length = rng.randrange(5, 50)
        holes = rng.random() * 0.3 if rng.random() < 0.3 else 0.0
        starts += [
            opens + at * interval * SECOND for at in range(begin, min(begin + length, count)) if rng.random() >= holes
        ]
    if not starts:
        starts = [nanos(dt.datetime.combine(DAYS[0], dt.time(10), IST))]
    tick = instrument.tick_size
    price = rng.choice([200, 1_000, 3_000]) * RUPEE
    step = rng.choice([2, 8, 30])
    rows = []
    for _ in starts:
        opened = max(price + rng.randint(-step, step) * tick, 50 * tick)
        close = max(opened + rng.randint(-step, step) * tick, 50 * tick)
        high = max(opened, close) + rng.randint(0, step) * tick
        low = max(min(opened, close) - rng.randint(0, step) * tick, tick)
        rows.append((opened, high, low, close, rng.randint(0, 5_000)))
        price = close
    table = np.array(rows, dtype=np.int64)
    return Candles(
        instrument,
        interval,
        np.array(starts, dtype=np.int64),
        *(np.ascontiguousarray(table[:, at]) for at in range(5)),
    )


def _settings(rng: random.Random, instrument: Instrument) -> RunSettings:
    lot = instrument.lot_size
    share = instrument.kind is InstrumentKind.EQUITY
    product = rng.choice([Product.MIS, Product.MIS, Product.CNC] if share else [Product.MIS, Product.NRML])
    sizings: tuple[Sizing, ...] = (FixedQuantity(lot * rng.randrange(1, 60)), FixedValue(50_000 * RUPEE))
    return RunSettings(
        cash=rng.choice([1_000_000, 200_000, 20_000]) * RUPEE,
        product=product,
        sizing=rng.choice(sizings),
        capital=rng.choice([0, 0, 80_000 * RUPEE]),
        limits=rng.choice([RiskLimits(allowed_products=tuple(Product)), no_limits(), _tight(rng)]),
        charges=rng.choice([Charges(), Charges(), Charges(flat=0), Charges(flat=20 * RUPEE)]),
        fill=FillModel(
            inside=rng.choice([Inside.CLOSE, Inside.TOUCH, Inside.PESSIMISTIC]),
            spread_bps=rng.choice([0.0, 0.0, 2.0, 3.7]),
            slippage_ticks=rng.choice([0, 0, 1, 3]),
        ),
        sessions=rng.random() < 0.85,
        intent_valid_seconds=rng.choice([30.0, 30.0, 600.0]),
    )


def _tight(rng: random.Random) -> RiskLimits:
    return RiskLimits(
        max_quantity_per_order=rng.choice([30, 100]),
        max_value_per_order=rng.choice([20_000, 60_000]) * RUPEE,
        orders_per_second=rng.choice([1, 2, 9]),
        orders_per_minute=rng.choice([2, 4, 120]),
        orders_per_day=rng.choice([5, 20, 1_000]),
        strategy_orders_per_minute=rng.choice([3, 60]),
        max_position_quantity=rng.choice([40, 200]),
        max_position_value_per_instrument=rng.choice([50_000, 200_000]) * RUPEE,
        gross_exposure_max=rng.choice([70_000, 500_000]) * RUPEE,
        net_exposure_max=rng.choice([60_000, 500_000]) * RUPEE,
        concentration_max_percent=rng.choice([5.0, 33.3, 100.0]),
        daily_loss_max=rng.choice([50, 500, 10_000]) * RUPEE,
        strategy_daily_loss_max=rng.choice([30, 10_000]) * RUPEE,
        day_drawdown_max=rng.choice([100, 10_000]) * RUPEE,
        drawdown_max=rng.choice([200, 20_000]) * RUPEE,
        profit_lock_from=rng.choice([20, 1_000]) * RUPEE,
        losses_in_a_row=rng.choice([1, 2, 8]),
        cool_down_minutes=rng.choice([2.0, 30.0]),
        trades_per_day=rng.choice([2, 200]),
        price_band_percent=rng.choice([0.1, 0.3, 3.0]),
        margin_buffer_percent=rng.choice([0.0, 5.0, 12.5]),
        allowed_products=tuple(Product),
    )
