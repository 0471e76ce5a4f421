"""The scheduler port: a real APScheduler on wall time whose triggers compute in market time."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from domain.values import Nanos

if TYPE_CHECKING:
    from apscheduler.schedulers.background import BackgroundScheduler

    from adapters.clock import MarketTime

RECHECK_SECONDS: Final = 0.5


class MarketScheduler:
    """Runs jobs when the market clock reaches their instants. Implements `domain.ports.Scheduler`.

    No job is ever dropped as a misfire: at 125 times the speed a wall second is two market minutes, and what to do
    about a late job is the timetable's to say. Jobs run one after the other on the scheduler's own thread, so they must
    only hand a message over. One that raises is logged by APScheduler and tried again every second.

    APScheduler is imported (0.2 s) and its thread started at the first job, not before: hence
    the imports inside the functions.
    """

    def __init__(self, clock: MarketTime, recheck_seconds: float = RECHECK_SECONDS) -> None:
        self._clock = clock
        self._recheck_seconds = recheck_seconds
        self._lock = threading.Lock()
        self._scheduler: BackgroundScheduler | None = None
        self._stopped = False

    def at(self, instant: Nanos, name: str, job: Callable[[], None]) -> None:
        """Run the job once when the market clock reaches the instant, at once if it has.

        A second job of the same name replaces the first, if that has not run yet. After `stop` nothing is accepted.
        """
        from adapters.market_trigger import MarketTrigger

        scheduler = self._running()
        if scheduler is None:
            return
        trigger = MarketTrigger(self._clock, instant, job, self._recheck_seconds)
        scheduler.add_job(trigger.run, trigger, id=name, name=name, replace_existing=True)

    def rearm(self) -> None:
        """Ask every trigger again, now: the market clock has been released, held, stepped or given another rate."""
        from apscheduler.jobstores.base import JobLookupError

        with self._lock:
            scheduler = self._scheduler
        if scheduler is None:
            return
        for job in scheduler.get_jobs():
            try:
                job.reschedule(job.trigger)
            except JobLookupError:
                continue  # it ran while we were looking

    def pending(self) -> tuple[str, ...]:
        """Names of the jobs that have not run."""
        with self._lock:
            scheduler = self._scheduler
        return () if scheduler is None else tuple(job.id for job in scheduler.get_jobs())

    def stop(self) -> None:
        """Forget all jobs and end the thread. Not to be called from a job. Idempotent."""
        with self._lock:
            scheduler, self._scheduler, self._stopped = self._scheduler, None, True
        if scheduler is not None:
            scheduler.shutdown(wait=False)

    def _running(self) -> BackgroundScheduler | None:
        from apscheduler.executors.debug import DebugExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        with self._lock:
            if self._scheduler is None and not self._stopped:
                self._scheduler = BackgroundScheduler(
                    timezone=dt.UTC,
                    # Runs jobs on the scheduler's thread (its name is its only fault): a pool would add a hand-over
                    # of milliseconds, which are market seconds, and could run two jobs in the wrong order.
                    executors={"default": DebugExecutor()},
                    job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
                )
                self._scheduler.start()
            return self._scheduler
