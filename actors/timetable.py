"""Calls for the day's jobs at their market times. A job is only a message; what it means is its receiver's to know."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from typing import Final

from msgspec import Struct

from actors.routes import Routes
from actors.runtime import Actor, Context
from domain.errors import CalendarUnknown
from domain.messages.control import Alert, JobDue, JobKind, Report
from domain.ports import Clock, Scheduler
from domain.timetable import Job, Missed, missed, trading_day
from domain.values import MINUTE, Nanos, ist

LATE_MAX: Final[Nanos] = 30 * MINUTE
"""How late the scheduler may fire before the job counts as missed: a machine that slept, not one that stuttered."""

Plan = Callable[[dt.date], Sequence[Job]]
"""The jobs of a trading day, by time."""


class _Fired(Struct, frozen=True):
    """The scheduler's thread to this actor: the job's time has come."""

    job: Job


class Timetable(Actor):
    """Hands the trading day's jobs to the scheduler and publishes a `JobDue` for each as it comes.

    Nothing is kept on disk. After a crash or a start in mid-day the day is planned again: jobs to come are scheduled
    anew (under the same names, so they replace their former selves), passed ones follow the rule of
    `domain.timetable.MISSED`. So a job that runs when missed may be called for twice, and each such kind is idempotent;
    the others are never repeated.

    When the broker's session expires in the morning, the next trading day is planned. The scheduler belongs to
    whoever made it and is stopped there.
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        scheduler: Scheduler,
        clock: Clock,
        plan: Plan,
        session_expiry: dt.time = dt.time(6, 0),
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._scheduler = scheduler
        self._clock = clock
        self._plan = plan
        self._session_expiry = session_expiry
        self._ahead: dict[str, Job] = {}

    def started(self) -> None:
        """Plan the trading day that it is now."""
        self._arm(trading_day(self._clock.now_ns(), self._session_expiry))

    def receive(self, message: object) -> object:
        """A job's time has come; `Report` is answered with the jobs still ahead."""
        match message:
            case _Fired(job):
                self._fire(job)
            case Report():
                return tuple(self._ahead.values())
        return None

    def _arm(self, day: dt.date) -> None:
        now = self._clock.now_ns()
        try:
            jobs = self._plan(day)
        except CalendarUnknown as error:
            # Without hours nothing may trade either, so no square-off is owed: dying of it over and over helps nobody.
            self._routes.publish(self.context, Alert("critical", "timetable.no_calendar", str(error), now))
            return
        self._ahead = {job.name: job for job in jobs if job.due > now}
        for job in self._ahead.values():
            self._scheduler.at(job.due, job.name, self._teller(job))
        self.context.log(
            "info",
            "timetable.planned",
            day=day.isoformat(),
            ahead=len(self._ahead),
            passed=len(jobs) - len(self._ahead),
        )
        for job in jobs:
            if job.due <= now:
                self._call(job, now)

    def _fire(self, job: Job) -> None:
        self._ahead.pop(job.name, None)
        self._call(job, self._clock.now_ns(), grace=LATE_MAX)
        if job.kind is JobKind.SESSION_EXPIRY:
            self._arm(ist(job.due).date())

    def _call(self, job: Job, now: Nanos, grace: Nanos = 0) -> None:
        if missed(job, now, grace) is Missed.SKIP:
            self.context.log("info", "timetable.skipped", job=job.name)
            return
        self.context.log("info", "timetable.due", job=job.name, late_seconds=(now - job.due) // 1_000_000_000)
        self._routes.publish(self.context, JobDue(job.kind, job.subject, job.due, now))

    def _teller(self, job: Job) -> Callable[[], None]:
        # The address outlives this incarnation: a job that fires while we are down waits in the mailbox.
        me = self.context.me
        return lambda: me.tell(_Fired(job))
