"""Bars of several instruments in order of time, and the prices of one bar in the order that they are taken to have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from domain.bars import Bar
from domain.values import E4, Nanos
from research.data.candles import Candles


class Bars:
    """Bars of one instant that open, or that close."""

    __slots__ = ("closing", "rows", "time")

    def __init__(self, time: Nanos, rows: list[tuple[int, int]], *, closing: bool) -> None:
        self.time = time
        self.rows = rows
        self.closing = closing


def by_time(series: Sequence[Candles]) -> Iterator[Bars]:
    """Every bar's opening and closing in order of time; at one instant bars close before others open."""
    interval = series[0].interval
    opening = _grouped(series)
    closing = _grouped(series)
    opens, closes = next(opening, None), next(closing, None)
    while opens is not None or closes is not None:
        if closes is not None and (opens is None or closes[0] + interval <= opens[0]):
            yield Bars(closes[0] + interval, closes[1], closing=True)
            closes = next(closing, None)
        elif opens is not None:
            yield Bars(opens[0], opens[1], closing=False)
            opens = next(opening, None)


def _grouped(series: Sequence[Candles]) -> Iterator[tuple[Nanos, list[tuple[int, int]]]]:
    """(start, [(which instrument, which bar)]) in order of time, instruments in their order."""
    if len(series) == 1:
        for index, start in enumerate(series[0].start.tolist()):
            yield start, [(0, index)]
        return
    start = np.concatenate([each.start for each in series])
    where = np.concatenate([np.full(len(each), at, dtype=np.int64) for at, each in enumerate(series)])
    numbers = np.concatenate([np.arange(len(each), dtype=np.int64) for each in series])
    order = np.lexsort((where, start))
    rows: list[tuple[int, int]] = []
    current = -1
    merged = zip(start[order].tolist(), where[order].tolist(), numbers[order].tolist(), strict=True)
    for time, place, bar in merged:
        if time != current and rows:
            yield current, rows
            rows = []
        current = time
        rows.append((place, bar))
    if rows:
        yield current, rows


def turns(bar: Bar, held: int, short: E4) -> tuple[E4, E4, E4]:
    """The prices after a bar's open: the extreme that hurts, the other one, the close.

    held   units; with none, a bar that rises is taken to have fallen first
    short  by how much the extreme that helps is missed
    """
    if held > 0 or (not held and bar.close >= bar.open):
        return bar.low, max(bar.high - short, bar.open) if short else bar.high, bar.close
    return bar.high, min(bar.low + short, bar.open) if short else bar.low, bar.close
