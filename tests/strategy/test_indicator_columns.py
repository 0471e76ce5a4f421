"""An indicator over whole arrays equals the same one bar by bar, bit for bit: TA-Lib's, our own, and coarser intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from domain.bars import Bar
from domain.indicators.batch import BarArrays, column, resampled
from domain.indicators.declaration import Indicator, coarse_warm_up, describe, indicator, warm_up_bars
from domain.indicators.handles import Columns, Running
from domain.indicators.onestep import OWN
from domain.indicators.resample import Resampler
from domain.market.buckets import Hours
from domain.values import SECOND
from tests.market.making import CLOSES, INFY, OPENS
from tests.strategy.test_indicators import batch, every_indicator, some_bars

DAY = 86_400


def some_days(seed: int, days: int = 3, missing: float = 0.1, first: int = 0) -> tuple[list[Bar], list[Hours]]:
    """Minute bars of some days, some of them missing, and the session of each."""
    draw = np.random.default_rng(seed)
    bars, hours = [], []
    price = 1_000_000
    for day in range(days):
        session = Hours(OPENS + day * DAY, CLOSES + day * DAY)
        for minute in range(first if day == 0 else 0, 360):
            price += int(draw.integers(-20, 21)) * 500
            if draw.random() < missing:
                continue
            high, low = price + int(draw.integers(0, 9)) * 500, price - int(draw.integers(0, 9)) * 500
            start = (session.opens + 60 * minute) * SECOND
            bars.append(Bar(INFY, 60, start, price, high, low, price, int(draw.integers(0, 500))))
            hours.append(session)
    return bars, hours


def arrays(bars: list[Bar], hours: list[Hours]) -> BarArrays:
    def prices(name: str) -> NDArray[np.float64]:
        return np.array([getattr(bar, name) / 10_000 for bar in bars])

    return BarArrays(
        np.array([bar.start for bar in bars]), np.array([bar.end for bar in bars]),
        np.array([each.opens for each in hours]), np.array([each.closes for each in hours]),
        prices("open"), prices("high"), prices("low"), prices("close"),
        np.array([float(bar.volume) for bar in bars]),
    )  # fmt: skip


def columns(bar: Bar) -> Columns:
    return Columns(bar.open / 10_000, bar.high / 10_000, bar.low / 10_000, bar.close / 10_000, float(bar.volume))


def streamed(declared: Indicator, bars: list[Bar], hours: list[Hours]) -> NDArray[np.float64]:
    """What a strategy sees: own bars, or coarser ones made from them."""
    running, value, day = Running(declared), math.nan, -1
    made = Resampler(declared.interval_seconds) if declared.interval else None
    values = []
    for bar, session in zip(bars, hours, strict=True):
        for each in [bar] if made is None else made.push(bar, session):
            if running.of_session and each.start // SECOND // DAY != day:
                running.reset()
                day = each.start // SECOND // DAY
            minute = (min(each.end, session.closes * SECOND) - session.opens * SECOND) / (60 * SECOND)
            value = running.update(columns(each), minute)
        values.append(value)
    return np.array(values)


OWN_ONES = [indicator(name, output=output) for name, own in OWN.items() for output in own.outputs]
OTHERS = [
    indicator("SMA", timeperiod=5, anchor="session"),
    indicator("RSI", timeperiod=7, anchor="session"),
    indicator("EMA", timeperiod=5, interval="15minute"),
    indicator("SMA", timeperiod=2, interval="day"),
    indicator("bar", output="high", interval="60minute"),
    indicator("bar", interval="day"),
    indicator("supertrend", timeperiod=3, interval="5minute"),
    indicator("supertrend", timeperiod=4, anchor="session"),
    indicator("CDLDOJI"),
]


@pytest.mark.parametrize("declared", every_indicator(), ids=lambda each: f"{each.name}.{each.output}")
def test_every_function_of_talib_has_one_value_at_each_bar_whole_or_bar_by_bar(declared: Indicator) -> None:
    if declared.name == "MAVP":
        pytest.skip("needs a column of periods, which a bar does not have")
    raw = some_bars(len(declared.name))
    count = len(raw["close"])
    start = (OPENS + 60 * np.arange(count)) * SECOND
    session = (np.full(count, OPENS), np.full(count, CLOSES))
    bars = BarArrays(start, start + 60 * SECOND, *session, *(raw[name] for name in Columns._fields))
    running = Running(declared)

    by_bar = [
        running.update(Columns(*row)) for row in zip(*(raw[name].tolist() for name in Columns._fields), strict=True)
    ]

    assert np.array_equal(column(declared, bars, 60), np.array(by_bar), equal_nan=True)
    seeded = describe(declared).lookback
    assert np.array_equal(column(declared, bars, 60)[seeded:], batch(declared, raw)[seeded:], equal_nan=True)


@pytest.mark.parametrize("declared", OWN_ONES + OTHERS, ids=lambda each: f"{each.name}.{each.output}.{each.interval}")
@pytest.mark.parametrize("first", [0, 7])
def test_own_and_coarse_ones_are_the_same_whole_or_bar_by_bar(declared: Indicator, first: int) -> None:
    bars, hours = some_days(3, first=first)

    got, wanted = column(declared, arrays(bars, hours), 60), streamed(declared, bars, hours)

    assert np.array_equal(got, wanted, equal_nan=True)
    assert np.isfinite(wanted).any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([180, 900, 3_600, DAY]), st.integers(0, 40), st.floats(0, 0.7))
def test_coarse_bars_add_up_to_their_parts(seed: int, interval: int, first: int, missing: float) -> None:
    bars, hours = some_days(seed, 2, missing, first)
    made = Resampler(interval)

    by_bar = [each for bar, session in zip(bars, hours, strict=True) for each in made.push(bar, session)]
    whole = resampled(arrays(bars, hours), interval)

    over = whole.at(slice(len(by_bar)))
    assert [bar.start for bar in by_bar] == over.start.tolist()
    assert [columns(bar) for bar in by_bar] == [
        Columns(*row) for row in zip(*(getattr(over, name).tolist() for name in Columns._fields), strict=True)
    ]
    for bar in by_bar:
        parts = [each for each in bars if bar.start <= each.start < bar.end]
        assert bar.high == max(each.high for each in parts)
        assert bar.volume == sum(each.volume for each in parts)


def test_what_the_own_ones_say_by_hand() -> None:
    session = Hours(OPENS, CLOSES)
    rows = [(100, 102, 99, 101, 10), (101, 104, 100, 103, 30), (103, 103, 95, 96, 0), (96, 97, 96, 97, 20)]
    bars = [
        Bar(INFY, 60, (OPENS + 60 * n) * SECOND, o * 10_000, h * 10_000, low * 10_000, c * 10_000, v)
        for n, (o, h, low, c, v) in enumerate(rows)
    ]
    table = arrays(bars, [session] * 4)

    typical = [(102 + 99 + 101) / 3, (104 + 100 + 103) / 3, 0, (97 + 96 + 97) / 3]
    mean = sum(price * row[4] for price, row in zip(typical, rows, strict=True)) / 60
    squares = sum(row[4] * (price - mean) ** 2 for price, row in zip(typical, rows, strict=True)) / 60
    assert column(indicator("vwap"), table, 60)[-1] == pytest.approx(mean, rel=1e-12)
    assert column(indicator("vwap", output="deviation"), table, 60)[-1] == pytest.approx(squares**0.5, rel=1e-12)
    opening = column(indicator("opening_range", minutes=2), table, 60)
    assert [str(value) for value in opening] == ["nan", "104.0", "104.0", "104.0"]
    assert column(indicator("opening_range", output="low", minutes=2), table, 60)[-1] == 99
    assert column(indicator("session_range", output="low"), table, 60).tolist() == [99, 99, 95, 95]


def test_supertrend_turns_where_the_close_leaves_the_band() -> None:
    prices = [*range(100, 120), *range(119, 95, -1), *range(96, 130)]
    hours = Hours(OPENS, CLOSES)
    bars = [
        Bar(INFY, 60, (OPENS + 60 * n) * SECOND, p * 10_000, p * 10_000 + 5_000, p * 10_000 - 5_000, p * 10_000, 1)
        for n, p in enumerate(prices)
    ]
    table = arrays(bars, [hours] * len(bars))
    line = column(indicator("supertrend", timeperiod=5, multiplier=2), table, 60)
    trend = column(indicator("supertrend", timeperiod=5, multiplier=2, output="trend"), table, 60)
    ready = ~np.isnan(line)

    assert set(trend[ready]) == {1.0, -1.0}
    assert np.count_nonzero(np.diff(trend[ready])) == 2
    assert all((table.close[ready] - line[ready]) * trend[ready] >= 0)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (indicator("vwop"), "our own are bar, vwap, supertrend"),
        (indicator("vwap", timeperiod=3), "no parameter 'timeperiod'; it has none"),
        (indicator("supertrend", timeperiod=1), "timeperiod 1 is below 2"),
        (indicator("supertrend", output="up"), "no output 'up'; it has line, trend"),
        (indicator("SMA", interval="2minute"), "no interval '2minute'; want minute, 3minute"),
    ],
)
def test_a_mistake_in_an_own_ones_declaration_is_told_in_one_line(declared: Indicator, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        describe(declared)


def test_coarse_ones_ask_for_coarse_bars() -> None:
    declared = {
        "a": indicator("SMA", timeperiod=20, interval="day"),
        "b": indicator("EMA", timeperiod=20, interval="15minute"),
        "c": indicator("SMA", timeperiod=3),
    }

    assert warm_up_bars(declared) == 4
    assert coarse_warm_up(declared) == {86_400: 20, 900: 1_020}
