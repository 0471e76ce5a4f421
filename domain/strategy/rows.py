"""One instrument's rows: each closed bar with the declared indicators, those of coarser intervals as of closed bars."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.bars import Bar
from domain.indicators.declaration import Indicator
from domain.indicators.handles import Columns, Running, columns_of
from domain.indicators.resample import Resampler
from domain.market.buckets import DAY_SECONDS, Hours
from domain.strategy.rule import Row, row_type
from domain.values import SECOND, Nanos

_IST_SECONDS: Final = 19_800
ENDS_KEPT: Final = 4_096
"""Bars by which a position's age is counted."""


class _Cell(NamedTuple):
    """A declared indicator, and its place among the declared ones."""

    place: int
    running: Running


class _Lane:
    """Indicators on bars of one interval."""

    def __init__(self, cells: list[_Cell]) -> None:
        self._cells = cells
        self._anchored = [cell.running for cell in cells if cell.running.of_session]
        self._timed = any(cell.running.of_clock for cell in cells)
        self._day = -1

    def push(self, bar: Bar, columns: Columns, hours: Hours, values: list[float]) -> None:
        day = (bar.start // SECOND + _IST_SECONDS) // DAY_SECONDS
        if day != self._day:
            self._day = day
            for running in self._anchored:
                running.reset()
        minute = 0.0
        if self._timed:
            over = bar.end if bar.interval_seconds < DAY_SECONDS else hours.closes * SECOND
            minute = (min(over, hours.closes * SECOND) - hours.opens * SECOND) / (60 * SECOND)
        for place, running in self._cells:
            values[place] = running.update(columns, minute)


class Rows:
    """See the module.

    row, before  the newest row and the one before it; None until there are so many
    newest       the newest bar
    seen         bars pushed
    kept         the newest bars, oldest first
    """

    def __init__(self, declared: Mapping[str, Indicator], interval_seconds: int, keep: int = 0) -> None:
        cells: dict[int, list[_Cell]] = {0: []}
        for index, each in enumerate(declared.values()):
            lane = 0 if each.interval_seconds == interval_seconds else each.interval_seconds
            cells.setdefault(lane, []).append(_Cell(index, Running(each)))
        self._own = _Lane(cells.pop(0))
        self._coarse = {seconds: (Resampler(seconds), _Lane(found)) for seconds, found in cells.items()}
        self._make = row_type(tuple(declared))
        self._values = [math.nan] * len(declared)
        self._ends = array("q")  # 8 bytes a bar, for thousands of instruments all day
        self.row: Row | None = None
        self.before: Row | None = None
        self._are_finite = self._were_finite = False  # every value of the newest row, and of the one before
        self.newest: Bar | None = None
        self.seen = 0
        self.kept: deque[Bar] = deque(maxlen=keep)

    def push(self, bar: Bar, hours: Hours) -> Row:
        """One closed bar of the own interval in, its row out; NaN where an indicator is not ready."""
        for resampler, lane in self._coarse.values():
            for made in resampler.push(bar, hours):
                lane.push(made, columns_of(made), hours, self._values)
        columns = columns_of(bar)
        self._own.push(bar, columns, hours, self._values)
        self._ends.append(bar.end)
        if len(self._ends) == 2 * ENDS_KEPT:
            del self._ends[:ENDS_KEPT]
        self.kept.append(bar)
        self.seen += 1
        self.newest = bar
        row = self._make(*columns, *self._values)
        self.before, self.row = self.row, row
        self._were_finite, self._are_finite = self._are_finite, all(map(math.isfinite, row))
        return row

    def coarse(self, bar: Bar, hours: Hours) -> None:
        """One finished bar of a coarser interval from history; bars already known are left out."""
        found = self._coarse.get(bar.interval_seconds)
        if found is None:
            return
        resampler, lane = found
        if resampler.history(bar) is not None:
            lane.push(bar, columns_of(bar), hours, self._values)

    @property
    def ready(self) -> bool:
        """Every value of the newest row and of the one before is there."""
        return self._were_finite and self._are_finite

    def bars_since(self, opened: Nanos) -> int:
        """Bars closed after that instant."""
        return min(len(self._ends) - bisect_right(self._ends, opened), ENDS_KEPT)
