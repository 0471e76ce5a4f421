"""One series of bars as strategies are to see it: in order, without holes, whatever the feed did.

Live bars go out as they close. Whenever the series has a hole (at the start, after a gap in the feed) live bars wait,
history is asked for the hole, and goes out as one `BarsBackfilled` before the live bars that follow it. A live bar
with missing ticks is replaced by the history's. Where history does not come before the deadline the series goes on
without: the waiting bars are told `complete=False`. The warm-up has no deadline: without it nobody can decide anyway.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec import Struct

from domain.bars import Bar
from domain.market.buckets import Hours, finished_until
from domain.messages.market import BarsBackfilled, HistoryLoaded, LoadHistory
from domain.values import SECOND, Nanos

SeriesMessage = Bar | BarsBackfilled | LoadHistory
"""A bar that is to be told, or a message."""


class SeriesSettings(Struct, frozen=True):
    """How patient a series is. Wall seconds: they cover the network, not the market.

    deadline_seconds   how long live bars wait for the history of a gap
    retry_seconds      pause before history is asked again after an error, or when it lacks a bar that we saw trading
    answer_seconds     an answer that does not come by then is asked for again
    """

    deadline_seconds: float = 10.0
    retry_seconds: float = 0.5
    answer_seconds: float = 8.0


DEFAULT_SETTINGS: Final = SeriesSettings()


class Series:
    """The bars of one instrument and interval. Times are nanoseconds; `mono` is monotonic, the rest market time.

    keep     bars remembered, to answer a strategy that starts again
    warm     the warm-up has been told (or none is wanted)
    """

    def __init__(
        self, token: int, interval_seconds: int, keep: int, settings: SeriesSettings = DEFAULT_SETTINGS
    ) -> None:
        self.token = token
        self.interval_seconds = interval_seconds
        self.warm = keep == 0
        self.given_up = 0
        self._settings = settings
        self._told: deque[Bar] = deque(maxlen=keep)
        self._covered: Nanos = 0  # every bar that starts before this has been told, or never was
        self._waiting: list[Bar] = []
        self._seam: Nanos = 0  # bars starting before this need history
        self._asked: Nanos | None = None  # start of the range asked for, while an answer is due
        self._asked_until: Nanos = 0
        self._ask_again_mono: Nanos = 0
        self._deadline_mono: Nanos | None = None

    # -- what happens ------------------------------------------------------------------------------------------------

    def begin(self, warm_start: Nanos, hours: Hours, now: Nanos) -> None:
        """Start: everything up to the running bar is to come from history, from `warm_start` on."""
        until = finished_until(hours, self.interval_seconds, now // SECOND) * SECOND
        self._covered = until if self.warm else warm_start
        self._seam = until

    def resumed(self, whole_from_second: int) -> None:
        """The feed is back: bars that start before this second need history."""
        self._seam = max(self._seam, whole_from_second * SECOND)

    def closed(self, bar: Bar) -> None:
        """A live bar has closed. What is to be told of it comes from `step`."""
        if bar.start < self._covered and self.warm:
            return
        if not bar.complete:
            self._seam = max(self._seam, bar.end)
        self._waiting.append(bar)

    def loaded(self, answer: HistoryLoaded, mono: Nanos) -> list[SeriesMessage]:
        """An answer of the history worker; one that nobody waits for is ignored."""
        if self._asked is None or answer.start != self._asked:
            return []
        if answer.error:
            return self._ask_later(mono)
        until = self._asked_until
        bars = [bar for bar in answer.bars if self._covered <= bar.start < until]
        starts = {bar.start for bar in bars}
        lagging = any(bar.start < until and bar.start not in starts for bar in self._waiting)
        if lagging and not self._overdue(mono):
            return self._ask_later(mono)
        # A bar that we saw trading and history still lacks is kept as it is: incomplete.
        kept = [bar for bar in self._waiting if self._covered <= bar.start < until and bar.start not in starts]
        whole = sorted((*map(_as_backfill, bars), *map(_as_incomplete, kept)), key=lambda bar: bar.start)
        self._settle(until)
        self.warm = True
        self._told.extend(whole)
        return [BarsBackfilled(self.token, self.interval_seconds, tuple(whole))]

    def step(self, watermark: Nanos, mono: Nanos) -> list[SeriesMessage]:
        """What is to be told or asked now.

        watermark  how far the market is known to have come: a bar that ends later may still change
        """
        if self._seam > self._covered:
            if self._asked is None and self.warm and watermark < self._seam:
                return []  # the bar that the feed came back in is not over yet
            if self.warm and self._overdue(mono):
                return self._give_up()
            if self._asked is None or mono >= self._ask_again_mono:
                return [self._ask(mono)]
            return []
        told: list[SeriesMessage] = []
        if not self.warm:
            self.warm = True
            told.append(BarsBackfilled(self.token, self.interval_seconds, ()))
        for bar in self._waiting:
            if bar.start >= self._covered:
                told.append(bar)
                self._told.append(bar)
                self._covered = bar.end
        self._waiting.clear()
        return told

    def remembered(self) -> BarsBackfilled | None:
        """The bars told so far, for a strategy that starts again; None while the warm-up is on its way (to all)."""
        if not self.warm:
            return None
        return BarsBackfilled(self.token, self.interval_seconds, tuple(map(_as_backfill, self._told)))

    @property
    def quiet(self) -> bool:
        """Nothing waits: `step` would say nothing."""
        return self.warm and not self._waiting and self._seam <= self._covered

    # -- inside --------------------------------------------------------------------------------------------------------

    def _ask(self, mono: Nanos) -> LoadHistory:
        if self._asked is None:
            # The range stays as it is while an answer is due, so that a late answer is never taken for a longer range.
            self._asked = self._covered
            self._asked_until = self._seam
            self._deadline_mono = mono + int(self._settings.deadline_seconds * SECOND)
        self._ask_again_mono = mono + int(self._settings.answer_seconds * SECOND)
        return LoadHistory(self.token, self.interval_seconds, self._asked, self._asked_until)

    def _ask_later(self, mono: Nanos) -> list[SeriesMessage]:
        settings = self._settings
        pause_seconds = settings.answer_seconds if self._overdue(mono) else settings.retry_seconds
        self._ask_again_mono = mono + int(pause_seconds * SECOND)
        return []

    def _overdue(self, mono: Nanos) -> bool:
        return self._deadline_mono is not None and mono >= self._deadline_mono

    def _give_up(self) -> list[SeriesMessage]:
        self.given_up += 1
        waiting = [bar for bar in self._waiting if bar.start >= self._covered]
        until = max([self._seam, *(bar.end for bar in waiting)])
        self._settle(until)
        self._waiting.clear()
        marked = [_as_incomplete(bar) for bar in waiting]
        self._told.extend(marked)
        return [*marked]

    def _settle(self, until: Nanos) -> None:
        self._covered = until
        self._waiting = [bar for bar in self._waiting if bar.start >= until]
        self._asked = None
        self._deadline_mono = None


def warm_up_start(sessions: Iterable[Hours], interval_seconds: int, bars: int, now: Nanos) -> Nanos:
    """The open of the session to load history from, so that it holds at least `bars` bars that are over by `now`.

    sessions  newest first, today's (or the next one's) at the head. Half as many again are wanted, since an interval
              without trades has no bar; where the sessions do not reach that far, the oldest one's open.
    """
    wanted = bars + bars // 2
    start = now
    for hours in sessions:
        if hours.closes <= hours.opens or hours.opens * SECOND >= now:
            continue
        until = min(hours.closes, finished_until(hours, interval_seconds, now // SECOND))
        wanted -= -(-(until - hours.opens) // interval_seconds)
        start = (hours.midnight if interval_seconds >= 86_400 else hours.opens) * SECOND
        if wanted <= 0:
            break
    return start


def _as_backfill(bar: Bar) -> Bar:
    return bar if bar.backfilled else msgspec.structs.replace(bar, backfilled=True)


def _as_incomplete(bar: Bar) -> Bar:
    return bar if not bar.complete else msgspec.structs.replace(bar, complete=False)
