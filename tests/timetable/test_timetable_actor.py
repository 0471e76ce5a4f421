"""The timetable as an actor: it plans, fires, forgets nothing over a crash, and goes on to the next day."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence

import pytest

from actors.routes import ORDERS, REPORTER, RISK, SESSION, Routes, Topology
from actors.runtime import DetachedContext, Runtime, ThreadRuntime
from actors.timetable import Timetable
from adapters.clock import MonotonicClock
from domain.calendar import SessionCalendar
from domain.errors import CalendarUnknown
from domain.messages.control import Alert, JobDue, JobKind, Report
from domain.timetable import Job, TimetableSettings, plan
from domain.values import MINUTE, SessionClass
from tests.timetable.market_clocks import SetClock, at

SETTINGS = TimetableSettings(
    square_off_warning={SessionClass.EQUITY: dt.time(15, 10)},
    square_off={SessionClass.EQUITY: dt.time(15, 15)},
    drop_feed_at=dt.time(11, 0),
)


class HandScheduler:
    """A scheduler whose time is the test's: `run_until` fires what is due."""

    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self.jobs: dict[str, tuple[int, Callable[[], None]]] = {}

    def at(self, instant: int, name: str, job: Callable[[], None]) -> None:
        self.jobs[name] = (instant, job)

    def stop(self) -> None:
        self.jobs.clear()


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    runtime = ThreadRuntime(MonotonicClock())
    yield runtime
    runtime.close()


def a_plan(day: dt.date) -> Sequence[Job]:
    return plan(SessionCalendar(), day, (SessionClass.EQUITY,), SETTINGS)


class Desk:
    """A timetable built by hand, with what it told."""

    def __init__(self, runtime: Runtime, now: str, make_plan: Callable[[dt.date], Sequence[Job]] = a_plan) -> None:
        self.clock = SetClock(at(now))
        self.scheduler = HandScheduler(self.clock)
        self.context = DetachedContext(runtime, "timetable")
        routes = Routes(Topology(strategies=(), by_token={}))
        self.actor = Timetable(self.context, routes, self.scheduler, self.clock, make_plan)
        self.actor.started()

    def run_until(self, now: int) -> None:
        """Fire what comes due on the way, as the scheduler's thread would, and let the actor read its mailbox."""
        due = sorted((instant, name) for name, (instant, _) in self.scheduler.jobs.items() if instant <= now)
        for instant, name in due:
            self.clock.now = max(self.clock.now, instant)
            self.scheduler.jobs.pop(name)[1]()
            self.actor.receive(self.context.told_to("timetable")[-1])
        self.clock.now = now

    def called(self, *receivers: str) -> list[JobKind]:
        """Kinds of the jobs called for, in order, told to these receivers (or to any)."""
        wanted = [told for told in self.context.told if not receivers or told.to in receivers]
        return [told.message.kind for told in wanted if isinstance(told.message, JobDue)]


def test_the_day_is_called_in_order_and_told_to_whom_it_concerns(runtime: Runtime) -> None:
    desk = Desk(runtime, "09:15")

    desk.run_until(at("15:45"))

    assert JobKind.DRILL_DROP_FEED in desk.called()
    assert desk.called(RISK) == [JobKind.SQUARE_OFF]
    assert desk.called(SESSION) == []
    assert [kind for kind in desk.called(REPORTER) if kind is JobKind.END_OF_DAY] == [JobKind.END_OF_DAY]
    assert desk.called(ORDERS) == []


def test_a_job_says_when_it_was_due_and_when_it_fired(runtime: Runtime) -> None:
    desk = Desk(runtime, "15:14")
    desk.clock.now = at("15:15:20")

    name = next(name for name in desk.scheduler.jobs if name.startswith("square_off:"))
    desk.scheduler.jobs.pop(name)[1]()
    desk.actor.receive(desk.context.told_to("timetable")[-1])

    assert desk.context.told_to(RISK) == [JobDue(JobKind.SQUARE_OFF, "equity", at("15:15"), at("15:15:20"))]


def test_started_after_the_square_off_it_calls_for_it_at_once_and_not_for_warnings_or_drills(runtime: Runtime) -> None:
    desk = Desk(runtime, "15:20")

    assert desk.called() == [JobKind.SQUARE_OFF]


def test_started_after_the_close_only_the_report_is_owed(runtime: Runtime) -> None:
    desk = Desk(runtime, "17:00")

    assert desk.called() == [JobKind.END_OF_DAY]


def test_after_a_crash_the_same_jobs_are_scheduled_under_the_same_names_and_no_drill_is_repeated(
    runtime: Runtime,
) -> None:
    desk = Desk(runtime, "09:15")
    desk.run_until(at("11:30"))
    before, called = set(desk.scheduler.jobs), desk.called()

    again = Timetable(desk.context, Routes(Topology((), {})), desk.scheduler, desk.clock, a_plan)
    again.started()

    assert set(desk.scheduler.jobs) == before
    assert desk.called() == called
    assert JobKind.DRILL_DROP_FEED in called


def test_a_job_fired_by_a_scheduler_that_slept_follows_the_rule_for_missed_jobs(runtime: Runtime) -> None:
    desk = Desk(runtime, "09:15")
    drill = next(name for name in desk.scheduler.jobs if name.startswith("drill"))
    desk.clock.now = at("11:00") + 31 * MINUTE

    desk.scheduler.jobs.pop(drill)[1]()
    desk.actor.receive(desk.context.told_to("timetable")[-1])

    assert desk.called() == []


def test_when_the_session_expires_the_next_day_is_planned(runtime: Runtime) -> None:
    desk = Desk(runtime, "18:00")

    desk.run_until(at("06:00", "2026-11-21"))

    assert desk.called(SESSION) == [JobKind.SESSION_EXPIRY]
    # Saturday: nothing but the next expiry.
    assert list(desk.scheduler.jobs) == ["session_expiry:@2026-11-22T06:00"]


def test_a_year_without_a_calendar_is_an_alert_and_not_a_crash(runtime: Runtime) -> None:
    def unknown(day: dt.date) -> Sequence[Job]:
        raise CalendarUnknown(f"no calendar for {day.year}")

    desk = Desk(runtime, "09:15", unknown)

    alerts = [told.message for told in desk.context.told if isinstance(told.message, Alert)]
    assert {alert.level for alert in alerts} == {"critical"}
    assert desk.scheduler.jobs == {}


def test_it_answers_what_is_still_ahead(runtime: Runtime) -> None:
    desk = Desk(runtime, "15:12")

    ahead = desk.actor.receive(Report())

    assert isinstance(ahead, tuple)
    assert [job.kind for job in ahead] == [JobKind.SQUARE_OFF, JobKind.END_OF_DAY, JobKind.SESSION_EXPIRY]
