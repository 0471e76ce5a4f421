"""Jobs at market times: the triggers that APScheduler asks in earnest are asked here, in virtual time."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import partial
from typing import Final

from adapters.clock import MarketTime
from adapters.market_trigger import MarketTrigger
from adapters.simulated.seam import Process, Time
from domain.values import Nanos

RECHECK_SECONDS: Final = 5.0
_EPOCH: Final = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


class SimScheduler:
    """Implements `domain.ports.Scheduler` for one process."""

    def __init__(self, time: Time, process: Process, clock: MarketTime) -> None:
        self._time = time
        self._process = process
        self._clock = clock
        self._jobs: dict[str, MarketTrigger] = {}

    def at(self, instant: Nanos, name: str, job: Callable[[], None]) -> None:
        """See Scheduler.at."""
        trigger = MarketTrigger(self._clock, instant, job, RECHECK_SECONDS)
        self._jobs[name] = trigger
        self._arm(name, trigger, None)

    def stop(self) -> None:
        """See Scheduler.stop."""
        self._jobs.clear()

    def _arm(self, name: str, trigger: MarketTrigger, previous: dt.datetime | None) -> None:
        now = _EPOCH + dt.timedelta(microseconds=self._time.now // 1000)
        fires = trigger.get_next_fire_time(previous, now)
        if fires is None:
            self._jobs.pop(name, None)
        else:
            self._process.timer((fires - now).total_seconds(), partial(self._run, name, trigger))

    def _run(self, name: str, trigger: MarketTrigger) -> None:
        if self._jobs.get(name) is trigger:
            trigger.run()
            self._arm(name, trigger, _EPOCH + dt.timedelta(microseconds=self._time.now // 1000))
