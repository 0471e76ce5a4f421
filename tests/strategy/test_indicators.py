"""Indicators bar by bar equal TA-Lib's batch functions over the same bars, bit for bit."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import talib
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from talib import abstract

from domain.indicators.declaration import COLUMNS, Indicator, describe, indicator, warm_up_bars
from domain.indicators.handles import Columns, Running

BARS = 160


def some_bars(seed: int, count: int = BARS) -> dict[str, NDArray[np.float64]]:
    draw = np.random.default_rng(seed)
    close = np.round(100 + np.cumsum(draw.normal(0, 0.3, count)), 2)
    open_ = np.round(close + draw.normal(0, 0.2, count), 2)
    return {
        "open": open_,
        "high": np.maximum(open_, close) + np.round(draw.random(count), 2),
        "low": np.minimum(open_, close) - np.round(draw.random(count), 2),
        "close": close,
        "volume": draw.integers(1, 10_000, count).astype(np.float64),
    }


def streamed(declared: Indicator, bars: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    running = Running(declared)
    table = zip(*(bars[column].tolist() for column in COLUMNS), strict=True)
    return np.array([running.update(Columns(*bar)) for bar in table])


def batch(declared: Indicator, bars: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    function = describe(declared)
    answer = getattr(talib, declared.name)(*(bars[column] for column in function.columns), **dict(declared.parameters))
    outputs = answer if isinstance(answer, tuple) else (answer,)
    return np.asarray(outputs[function.output_index], dtype=np.float64)


def every_indicator() -> list[Indicator]:
    """Each output of each streaming function, with TA-Lib's defaults."""
    found = []
    for name in talib.get_functions():
        outputs = abstract.Function(name).output_names  # type: ignore[attr-defined]  # TA-Lib's stub leaves it out
        found += [indicator(name, output=output) for output in outputs]
    return found


@pytest.mark.parametrize("declared", every_indicator(), ids=lambda each: f"{each.name}.{each.output}")
def test_every_streaming_function_equals_its_batch(declared: Indicator) -> None:
    if declared.name == "MAVP":
        pytest.skip("needs a column of periods, which a bar does not have")
    bars = some_bars(len(declared.name))

    got, wanted = streamed(declared, bars), batch(declared, bars)

    # Functions of integers say 0 where they have no value yet; we say NaN, so that nobody decides on it.
    first = np.flatnonzero(~np.isnan(got))[:1]
    assert first.size == 0 or first[0] >= describe(declared).lookback
    ready = ~np.isnan(got)
    assert np.array_equal(got[ready], wanted[ready])
    seeded = describe(declared).lookback + 5
    assert np.array_equal(ready[seeded:], ~np.isnan(wanted[seeded:]))


@given(
    st.integers(0, 10_000),
    st.sampled_from(["SMA", "EMA", "RSI", "ATR", "ADX", "BBANDS"]),
    st.integers(2, 40),
    st.integers(20, 300),
)
def test_any_length_and_period_equals_the_batch(seed: int, name: str, period: int, count: int) -> None:
    declared = indicator(name, timeperiod=period)
    bars = some_bars(seed, count)

    assert np.array_equal(streamed(declared, bars), batch(declared, bars), equal_nan=True)


def test_a_look_at_a_forming_bar_commits_nothing() -> None:
    bars = some_bars(1)
    table = [Columns(*bar) for bar in zip(*(bars[column].tolist() for column in COLUMNS), strict=True)]
    running = Running(indicator("EMA", timeperiod=5))
    assert math.isnan(running.peek(table[0]))
    for bar in table[:50]:
        running.update(bar)

    peeked = [running.peek(bar) for bar in (table[70], table[50])]

    assert peeked[1] == running.update(table[50])
    assert peeked[0] != peeked[1]


def test_a_reset_forgets_everything() -> None:
    bars = some_bars(2)
    table = [Columns(*bar) for bar in zip(*(bars[column].tolist() for column in COLUMNS), strict=True)]
    used, fresh = Running(indicator("RSI", timeperiod=7)), Running(indicator("RSI", timeperiod=7))
    for bar in table[:60]:
        used.update(bar)
    used.reset()

    assert [str(used.update(bar)) for bar in table[60:80]] == [str(fresh.update(bar)) for bar in table[60:80]]


@pytest.mark.parametrize(
    ("declared", "bars"),
    [
        ({}, 0),
        ({"a": indicator("SMA", timeperiod=15)}, 16),
        ({"a": indicator("SMA", timeperiod=15), "b": indicator("SMA", timeperiod=100)}, 101),
        ({"a": indicator("EMA", timeperiod=20)}, 20 + 1_000 + 1),
        ({"a": indicator("EMA", timeperiod=20, convergence=60)}, 20 + 60 + 1),
        ({"a": indicator("MACD")}, 34 + 50 * 26 + 1),
        ({"a": indicator("BBANDS", matype=1, timeperiod=20)}, 20 + 1_000 + 1),
        ({"a": indicator("SMA", timeperiod=15, anchor="session")}, 391),
    ],
)
def test_the_warm_up_follows_from_the_indicators(declared: dict[str, Indicator], bars: int) -> None:
    assert warm_up_bars(declared) == bars


@pytest.mark.parametrize("name", ["EMA", "RSI", "ATR", "ADX", "MACD", "TEMA", "KC", "SUPERTREND", "TRIX", "STOCHRSI"])
def test_after_its_warm_up_a_value_no_longer_knows_where_it_began(name: str) -> None:
    declared = indicator(name)
    need = warm_up_bars({"it": declared})
    bars = some_bars(3, need + 500)

    early = batch(declared, bars)[-1]
    late = batch(declared, {column: values[-need:] for column, values in bars.items()})[-1]

    assert late == pytest.approx(early, rel=1e-12)


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        (indicator("NOPE"), "TA-Lib has no such streaming function"),
        (indicator("SMA", length=3), "no parameter 'length'; it has timeperiod"),
        (indicator("SMA", timeperiod=0), "refused by TA-Lib"),
        (indicator("SMA", timeperiod=2.5), "refused by TA-Lib"),
        (indicator("SMA", real="middle"), "no column 'middle'; a bar has open, high, low, close, volume"),
        (indicator("MACD", output="histogram"), "no output 'histogram'; it has macd, macdsignal, macdhist"),
    ],
)
def test_a_mistake_in_a_declaration_is_told_in_one_line(declared: Indicator, words: str) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        describe(declared)

    assert "\n" not in str(caught.value)


def test_any_series_can_be_the_input() -> None:
    bars = some_bars(4)

    assert describe(indicator("SMA", real="volume")).columns == ("volume",)
    assert describe(indicator("CORREL", real=("high", "close"))).columns == ("high", "close")
    assert describe(indicator("ATR")).columns == ("high", "low", "close")
    assert streamed(indicator("SMA", real="volume", timeperiod=2), bars)[1] == bars["volume"][:2].mean()


def test_talib_brings_no_table_package_along_and_leaves_one_that_is_there() -> None:
    program = (
        "import sys; from domain.indicators.declaration import describe, indicator; describe(indicator('SMA'));"
        "assert not {'polars', 'pandas'} & set(sys.modules), 'dragged in'; import polars; assert polars.Series"
    )
    there = "import polars, sys; from domain.indicators.declaration import describe, indicator; describe(indicator('SMA')); assert sys.modules['polars'] is polars"

    for each in (program, there):
        subprocess.run([sys.executable, "-c", each], check=True, cwd=Path(__file__).resolve().parents[2])
