"""The rows of a run, known ahead: what the live rows would be bar by bar, computed over whole arrays.

Research knows all bars when it begins. The indicators' batch functions answer the same bits as the streaming ones (the
tests of both say so), so a row may be looked up in place of being carried forward; it is shown no earlier than live.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from domain.bars import Bar
from domain.indicators.batch import column
from domain.indicators.declaration import COLUMNS
from domain.market.buckets import DAY_SECONDS, Hours
from domain.strategy.reads import reads_argument, reads_field
from domain.strategy.rows import ENDS_KEPT, Rows
from domain.strategy.rule import Row, RuleStrategy, SessionNow, row_type
from domain.values import E4, RUPEE, SECOND, Nanos
from research.columns import bar_arrays
from research.data.candles import Candles
from research.data.days import DAY_NS, IST_NS, Days, days_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.ports import Calendar

CHUNK: Final = 2_048
"""Bars that are Python objects at a time."""
_SOME: Final = SessionNow(0, 0, 0)
"""For a rule that does not look at it."""


class Chunk:
    """Bars [first, first + len(closes)) as Python values.

    rows      one more than bars: the row before the first one is at 0, an empty one where there is none
    ready     every value of a bar's row and of the one before is there, and the bar's end lies in a session
    sessions  where each bar's end lies in its session
    """

    __slots__ = ("_bars", "_candles", "closes", "first", "ready", "rows", "sessions")

    def __init__(self, tape: Tape, first: int) -> None:
        candles = tape.candles
        end = min(first + CHUNK, len(candles))
        here = slice(first, end)
        self.first = first
        self._candles = candles
        self._bars: list[tuple[E4, E4, E4]] | None = None
        self.closes: list[int] = candles.close[here].tolist()
        self.rows: list[Row] = tape.rows(max(first - 1, 0), end)
        if first == 0:
            self.rows.insert(0, ())
        self.sessions, inside = tape.sessions(first, end)
        self.ready: list[bool] = (tape.usable[here] & inside).tolist()

    def start(self, at: int) -> Nanos:
        """When a bar begins, counted from the chunk's first."""
        return self._candles.start.item(self.first + at)

    @property
    def bars(self) -> list[tuple[E4, E4, E4]]:
        """Open, high and low: wanted where something is watched inside bars."""
        if self._bars is None:
            candles, here = self._candles, slice(self.first, self.first + len(self.closes))
            columns = [each[here].tolist() for each in (candles.open, candles.high, candles.low)]
            self._bars = list(zip(*columns, strict=True))
        return self._bars


class Tape(Rows):
    """See the module. To the runner it is the rows; `seek` goes ahead over bars that were decided on elsewhere."""

    def __init__(self, candles: Candles, rule: RuleStrategy, calendar: Calendar | None) -> None:
        super().__init__({}, candles.interval_seconds)
        declared = rule.indicators()
        self._reads_session = reads_argument(rule.decide, 3)
        self.candles = candles
        self.days: Days = days_of(candles.start, candles.interval_seconds, candles.instrument.session, calendar)
        arrays = bar_arrays(candles, self.days, declared.values())
        self._columns = [column(each, arrays, candles.interval_seconds) for each in declared.values()]
        names = (*COLUMNS, *declared)
        # Of legs a rule reads `now.leg.close`, which its byte code does not tell apart.
        self._read = [
            bool(rule.legs) or any(reads_field(rule.decide, place, each) for place in (0, 1)) for each in names
        ]
        kind: Any = row_type(tuple(declared))
        self._new: Any = partial(tuple.__new__, kind)
        self._around_the_clock = calendar is None or candles.interval_seconds >= DAY_SECONDS
        self._ends_at = candles.start + candles.interval
        finite = np.ones(len(candles), dtype=np.bool_)
        for each in self._columns:
            finite &= np.isfinite(each)
        self.usable = finite.copy()
        self.usable[1:] &= finite[:-1]
        self.usable[:1] = False
        self._chunk: Chunk | None = None
        self._opened: Nanos = -1
        self._known = 0

    def rows(self, first: int, end: int) -> list[Row]:
        """The rows of bars [first, end). What the rule does not read is 0."""
        bars, here, nothing = self.candles, slice(first, end), [0.0] * (end - first)
        prices, volume = (bars.open, bars.high, bars.low, bars.close), bars.volume
        columns = [nothing] * len(self._read)
        for at, wanted in enumerate(self._read):
            if not wanted:
                continue
            if at < len(prices):
                columns[at] = (prices[at][here] / RUPEE).tolist()
            elif at == len(prices):
                columns[at] = volume[here].astype(np.float64).tolist()
            else:
                columns[at] = self._columns[at - len(COLUMNS)][here].tolist()
        return list(map(self._new, zip(*columns)))  # noqa: B905 - all of one length, and the check takes time

    def sessions(self, first: int, end: int) -> tuple[list[SessionNow], NDArray[np.bool_]]:
        """What `view.session` says at the end of each of these bars, where the rule reads it; and whether it does."""
        over = self._ends_at[first:end]
        if self._around_the_clock:
            opens = (over + IST_NS) // DAY_NS * DAY_NS - IST_NS
            closes = opens + DAY_NS
        else:
            day = np.searchsorted(self.days.first, np.arange(first, end), side="right") - 1
            opens, closes = self.days.opens[day], self.days.closes[day]
        second, opened, closed = over // SECOND, opens // SECOND, closes // SECOND
        found = [_SOME] * (end - first)
        if self._reads_session:
            since = second - opened
            numbers = -(-since // self.candles.interval_seconds), since // 60, (closed - second) // 60
            new: Any = partial(tuple.__new__, SessionNow)
            found = list(map(new, zip(*(each.tolist() for each in numbers))))  # noqa: B905 - as in rows
        return found, (closed > opened) & (second >= opened) & (second <= closed)

    def chunk(self, index: int) -> Chunk:
        """The chunk that the bar lies in."""
        held = self._chunk
        if held is None or not held.first <= index < held.first + len(held.closes):
            held = self._chunk = Chunk(self, index // CHUNK * CHUNK)
        return held

    # -- what the runner asks ------------------------------------------------------------------------------------------

    def push(self, bar: Bar, hours: Hours) -> Row:
        """The next bar: its row."""
        del hours
        self.newest = bar
        return self._show(self.seen)

    def seek(self, index: int) -> None:
        """This bar is the newest from here on."""
        self.newest = self.candles.bar(index)
        self._show(index)

    def _show(self, index: int) -> Row:
        chunk = self.chunk(index)
        at = index - chunk.first
        self.before, self.row = chunk.rows[at] if index else None, chunk.rows[at + 1]
        self.seen = index + 1
        return chunk.rows[at + 1]

    def coarse(self, bar: Bar, hours: Hours) -> None:
        """There is no history but the tape."""

    @property
    def ready(self) -> bool:
        """Every value of the newest row and of the one before is there."""
        return self.seen > 0 and bool(self.usable[self.seen - 1])

    def bars_since(self, opened: Nanos) -> int:
        """Bars closed after that instant."""
        if opened != self._opened:  # a position's age is asked for again and again
            self._opened, self._known = opened, int(self._ends_at.searchsorted(opened, side="right"))
        return min(self.seen - min(self._known, self.seen), ENDS_KEPT)
