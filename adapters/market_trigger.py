"""An APScheduler trigger that thinks in market time and answers in wall time. Imported lazily: APScheduler is slow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

from apscheduler.triggers.base import BaseTrigger

from adapters.clock import MarketTime
from domain.values import Nanos

SOONEST_SECONDS: Final = 0.001
"""Between two looks at the clock. APScheduler would loop for ever on a trigger that never moves past its `now`."""

RETRY_SECONDS: Final = 1.0
"""Wall time between attempts at a job that raised."""


class MarketTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler has no types
    """Fires one job once, when the market clock reaches `due`.

    APScheduler asks it for a wall time; the answer is an estimate, because the clock may drift, change its rate or be
    held. So `run` looks at the market clock again and does nothing where it is early, and the trigger, asked for its
    next time, arms itself anew until the job is done.

    recheck_seconds  longest wall time between two looks at the clock: a change of rate nobody told us of is found then
    """

    def __init__(self, clock: MarketTime, due: Nanos, job: Callable[[], None], recheck_seconds: float) -> None:
        self._clock = clock
        self._due = due
        self._job = job
        self._recheck_seconds = recheck_seconds
        self._soonest_seconds = 0.0
        self._done = False

    def get_next_fire_time(self, previous_fire_time: dt.datetime | None, now: dt.datetime) -> dt.datetime | None:
        """The next wall time to look at the market clock, or None once the job is done."""
        if self._done:
            return None
        wait = min(self._clock.wall_seconds_until(self._due), self._recheck_seconds)
        soonest = self._soonest_seconds if previous_fire_time is None else max(SOONEST_SECONDS, self._soonest_seconds)
        return now + dt.timedelta(seconds=max(wait, soonest))

    def run(self) -> None:
        """What APScheduler calls: the job, if its market time has come. An exception leaves the job to be retried."""
        if self._done or self._clock.now_ns() < self._due:
            return
        self._soonest_seconds = RETRY_SECONDS
        self._job()
        self._done = True
