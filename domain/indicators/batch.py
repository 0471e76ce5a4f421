"""Indicators over whole arrays of bars: bit for bit what `Running` answers bar by bar.

For research. TA-Lib's batch functions do the work; own ones are stepped by `drive`, for which research hands in a
compiled loop. A coarser interval's bars are made from the array's own, and its value stands from the bar that ends it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from domain.indicators.declaration import COLUMNS, Function, Indicator, describe
from domain.indicators.onestep import Floats, Step
from domain.market.buckets import DAY_SECONDS
from domain.values import SECOND

FloatArray: TypeAlias = NDArray[np.float64]
IntArray: TypeAlias = NDArray[np.int64]

_IST_SECONDS: Final = 19_800


class BarArrays(NamedTuple):
    """Bars of one instrument as columns, oldest first.

    start, end      nanoseconds UTC of the bar's first instant, and the first one after it
    opens, closes   seconds UTC of the session that each bar lies in
    open .. volume  rupees, and units
    """

    start: IntArray
    end: IntArray
    opens: IntArray
    closes: IntArray
    open: FloatArray
    high: FloatArray
    low: FloatArray
    close: FloatArray
    volume: FloatArray

    @property
    def minute(self) -> FloatArray:
        """Minutes from the session's open to each bar's end."""
        return (self.end - self.opens * SECOND) / (60 * SECOND)

    @property
    def day(self) -> IntArray:
        """Number of the IST day of each bar."""
        return (self.start // SECOND + _IST_SECONDS) // DAY_SECONDS

    def at(self, which: NDArray[np.bool_] | slice) -> BarArrays:
        """Some of the bars."""
        return BarArrays(
            self.start[which], self.end[which], self.opens[which], self.closes[which], self.open[which],
            self.high[which], self.low[which], self.close[which], self.volume[which],
        )  # fmt: skip


Drive: TypeAlias = Callable[[Step, Floats, FloatArray, NDArray[np.bool_], Floats, int], FloatArray]
"""(step, initial, bars as rows of six, where to begin anew, parameters, index of the output) -> values."""


def drive(
    step: Step, initial: Floats, rows: FloatArray, anew: NDArray[np.bool_], parameters: Floats, index: int
) -> FloatArray:
    """The own indicator over all rows, in plain Python."""
    values = np.empty(len(rows))
    state = initial
    for number, (row, begins) in enumerate(zip(rows.tolist(), anew.tolist(), strict=True)):
        if begins:
            state = initial
        state, outputs = step(state, tuple(row), parameters)
        values[number] = outputs[index]
    return values


def column(declared: Indicator, bars: BarArrays, interval_seconds: int, drive: Drive = drive) -> FloatArray:
    """The indicator's value at every bar; NaN where it has none yet. Raises ValueError as `describe`.

    interval_seconds  length of these bars
    """
    seconds = declared.interval_seconds
    if seconds in {0, interval_seconds}:
        return _over(declared, bars, drive)
    coarse = resampled(bars, seconds)
    values = np.append(_over(declared, coarse, drive), np.nan)
    # Of the coarse bars that have ended by the end of each own bar, the last one; before the first, the NaN at the end.
    return values[np.searchsorted(coarse.end, bars.end, side="right") - 1]


def resampled(bars: BarArrays, interval_seconds: int) -> BarArrays:
    """Bars of a coarser interval, laid from the session's open and cut at its close, as `Resampler` makes them."""
    if not len(bars.start):
        return bars
    within = bars.start // SECOND < bars.closes
    inside = bars.at(within)
    if not len(inside.start):
        return inside
    bucket = bucket_starts(inside, interval_seconds)
    first = np.flatnonzero(np.append(True, bucket[1:] != bucket[:-1]))
    ends = np.append(first[1:], len(bucket)) - 1
    # The first bucket counts only where the bars begin with it: half of a bar is no bar.
    opening = np.maximum(bucket[0], inside.opens[0]) * SECOND
    skip = 1 if inside.start[0] > opening else 0
    first, ends = first[skip:], ends[skip:]
    if not len(first):
        return bars.at(slice(0))
    begin = bucket[first]
    close = inside.closes[first]
    over = close if interval_seconds >= DAY_SECONDS else np.minimum(begin + interval_seconds, close)
    edges = first
    stop = ends[-1] + 1
    return BarArrays(
        start=begin * SECOND,
        end=over * SECOND,
        opens=inside.opens[first],
        closes=close,
        open=inside.open[first],
        high=np.maximum.reduceat(inside.high[:stop], edges),
        low=np.minimum.reduceat(inside.low[:stop], edges),
        close=inside.close[ends],
        volume=np.add.reduceat(inside.volume[:stop], edges),
    )


def bucket_starts(bars: BarArrays, interval_seconds: int) -> IntArray:
    """Start of the coarser bar that each bar belongs to, seconds UTC; a day begins at midnight IST."""
    seconds = bars.start // SECOND
    if interval_seconds >= DAY_SECONDS:
        return bars.day * DAY_SECONDS - _IST_SECONDS
    return seconds - (seconds - bars.opens) % interval_seconds


def _over(declared: Indicator, bars: BarArrays, drive: Drive) -> FloatArray:
    function = describe(declared)
    count = len(bars.start)
    if not count:
        return np.empty(0)
    if function.own is None and function.anchor != "session":
        return _talib(declared, function, bars, 0, count)
    anew = np.zeros(count, dtype=np.bool_)
    if function.anchor == "session":
        day = bars.day
        anew[1:] = day[1:] != day[:-1]
    if function.own is not None:
        rows = np.column_stack([*(getattr(bars, name) for name in COLUMNS), bars.minute])
        return drive(function.own.step, function.own.initial, rows, anew, function.values, function.output_index)
    edges = [0, *np.flatnonzero(anew).tolist(), count]
    parts = [_talib(declared, function, bars, one, two) for one, two in itertools.pairwise(edges)]
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _talib(declared: Indicator, function: Function, bars: BarArrays, first: int, stop: int) -> FloatArray:
    import talib

    if stop - first <= function.lookback:
        return np.full(stop - first, np.nan)
    taken = [np.ascontiguousarray(getattr(bars, name)[first:stop], dtype=np.float64) for name in function.columns]
    answer: Any = getattr(talib, declared.name)(*taken, **dict(declared.parameters))
    # TA-Lib's answer is an array of its own: it need not be copied.
    values = np.asarray(answer[function.output_index] if function.outputs > 1 else answer, dtype=np.float64)
    values[: function.lookback] = np.nan  # functions of integers say 0 there
    return values
