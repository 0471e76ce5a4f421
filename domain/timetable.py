"""The day's jobs, and what becomes of one that was missed. Pure: the calendar, the day and the settings come in.

A trading day runs from the broker's session expiry to the next one (06:00 to 06:00 IST): the token is good for exactly
that long, and no Indian session crosses it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import Final

from msgspec import Struct

from domain.errors import CalendarUnknown
from domain.messages.control import JobKind
from domain.ports import Calendar
from domain.values import IST, MINUTE, Nanos, SessionClass, ist, nanos

WHOLE_DAY: Final = ""
"""The subject of a job that concerns no single session class or strategy."""


class TimetableSettings(Struct, frozen=True):
    """When things happen, in market time (IST).

    square_off_warning, square_off  per session class; a class without an entry is not squared off
    end_of_day       the report; put off until every traded session is over
    session_expiry   when the broker ends every session
    cut_off          per session class: no new intraday entry from then on (the risk gate knows by itself; this tells)
    login_reminder, instruments_refresh, preflight  before the first session of a day; None: not at all
    evening_minutes  after the report: the parity, the weekly report in the week's last session, the backup, the
                     vacuum, one after the other; None: not at all
    parity           whether the day is sent through the backtester then
    tells_sessions   whether the beginning of sessions and of the closing auction is told
    drop_feed_at, crash_strategy_at  drills: None for none today
    crash_strategy   which strategy the drill crashes; empty lets the receiver choose
    short_session_lead_minutes   how long before the close to square off where the usual time is no use, because a
                                 special session ends before it or has not begun by then
    end_of_day_margin_minutes    the least time between the last close and the report, for late trades to be booked
    """

    square_off_warning: Mapping[SessionClass, dt.time]
    square_off: Mapping[SessionClass, dt.time]
    end_of_day: dt.time = dt.time(15, 45)
    session_expiry: dt.time = dt.time(6, 0)
    cut_off: Mapping[SessionClass, dt.time] = {}
    login_reminder: dt.time | None = None
    instruments_refresh: dt.time | None = None
    preflight: dt.time | None = None
    evening_minutes: int | None = None
    parity: bool = False
    tells_sessions: bool = False
    drop_feed_at: dt.time | None = None
    crash_strategy_at: dt.time | None = None
    crash_strategy: str = ""
    short_session_lead_minutes: int = 10
    end_of_day_margin_minutes: int = 5


class Job(Struct, frozen=True):
    """One thing to be called for.

    due    market time at which it is called for
    until  market time from which it is pointless, however it was missed
    """

    kind: JobKind
    subject: str
    due: Nanos
    until: Nanos

    @property
    def name(self) -> str:
        """Unique within a trading day and the same after every restart: `square_off:equity@2026-11-20T15:15`."""
        return f"{self.kind.value}:{self.subject}@{ist(self.due):%Y-%m-%dT%H:%M}"


EVENING: Final = frozenset({JobKind.PARITY, JobKind.WEEKLY_REPORT, JobKind.BACKUP, JobKind.VACUUM})
"""What is done after the report; a program of one day ends with it."""


class Missed(Enum):
    """What to do with a job whose time has passed."""

    RUN_NOW = "run now"
    SKIP = "skip"


MISSED: Final[Mapping[JobKind, Missed]] = {
    JobKind.PREFLIGHT: Missed.RUN_NOW,  # a program that starts late asks before it trades
    JobKind.PARITY: Missed.RUN_NOW,  # the same day gives the same line
    JobKind.WEEKLY_REPORT: Missed.RUN_NOW,  # writing it again gives the same report
    JobKind.BACKUP: Missed.RUN_NOW,  # the day's backup is one file, written anew
    JobKind.LOG_ROTATION: Missed.SKIP,  # the size rotates it too
    JobKind.LOGIN_REMINDER: Missed.SKIP,  # a start asks for the login itself
    JobKind.INSTRUMENTS_REFRESH: Missed.SKIP,  # a start reads the day's list itself
    JobKind.SESSION_OPEN: Missed.SKIP,  # news for the moment it happens
    JobKind.CUT_OFF: Missed.SKIP,
    JobKind.CLOSING_AUCTION: Missed.SKIP,
    JobKind.VACUUM: Missed.SKIP,  # tomorrow will do
    JobKind.SQUARE_OFF: Missed.RUN_NOW,  # a position left open is the broker's to close, for a fee
    JobKind.SESSION_EXPIRY: Missed.RUN_NOW,  # the token is dead whether we noticed or not
    JobKind.END_OF_DAY: Missed.RUN_NOW,  # writing it again gives the same report
    JobKind.SQUARE_OFF_WARNING: Missed.SKIP,  # the square-off itself has come, or comes soon
    JobKind.DRILL_DROP_FEED: Missed.SKIP,  # a fault on purpose is never owed
    JobKind.DRILL_CRASH_STRATEGY: Missed.SKIP,
}
"""The stated rule for missed jobs. Those that run now may run twice (after a crash, say): each is idempotent."""


MEANINGS: Final[Mapping[JobKind, str]] = {
    JobKind.LOG_ROTATION: "a new log file for the trading day",
    JobKind.LOGIN_REMINDER: "an alert where a person must log in",
    JobKind.INSTRUMENTS_REFRESH: "the day's list is read again, and compared with what is traded",
    JobKind.PREFLIGHT: "the checklist, as event and alert",
    JobKind.SESSION_OPEN: "continuous trading begins",
    JobKind.CUT_OFF: "no new intraday entries from then on",
    JobKind.SQUARE_OFF_WARNING: "intraday positions are closed soon",
    JobKind.SQUARE_OFF: "intraday positions are closed",
    JobKind.CLOSING_AUCTION: "continuous trading is over, the auction begins",
    JobKind.END_OF_DAY: "the day's report",
    JobKind.PARITY: "the day through the backtester, a line into the report",
    JobKind.WEEKLY_REPORT: "the week's figures, after its last session",
    JobKind.BACKUP: "the stores in one file",
    JobKind.VACUUM: "databases give back what they do not use",
    JobKind.SESSION_EXPIRY: "the broker ends every login, and the next day is planned",
    JobKind.DRILL_DROP_FEED: "the feed is dropped on purpose",
    JobKind.DRILL_CRASH_STRATEGY: "a strategy is crashed on purpose",
}
"""What each is for, in a line."""


def trading_day(now: Nanos, expiry: dt.time = dt.time(6, 0)) -> dt.date:
    """The day whose session is on at `now`: before the expiry in the morning it is still yesterday's."""
    moment = ist(now)
    return moment.date() if moment.time() >= expiry else moment.date() - dt.timedelta(days=1)


def plan(
    calendar: Calendar, day: dt.date, classes: Collection[SessionClass], settings: TimetableSettings
) -> tuple[Job, ...]:
    """The jobs of the trading day, by time. Classes that do not trade that day have none.

    On a holiday only the session's expiry is left. Raises CalendarUnknown for a year without a table.
    """
    hours = {each: found for each in classes if (found := calendar.hours(day, each)) is not None}
    expiry = _at(day + dt.timedelta(days=1), settings.session_expiry)
    jobs = [Job(JobKind.SESSION_EXPIRY, WHOLE_DAY, expiry, expiry + 24 * 60 * MINUTE)]
    for each, (start, end) in hours.items():
        jobs.extend(_square_off(day, each, start, end, settings))
        jobs.extend(_session(calendar, day, each, start, end, settings))
    if hours:
        first, last = min(start for start, _ in hours.values()), max(end for _, end in hours.values())
        report = max(_at(day, settings.end_of_day), last + settings.end_of_day_margin_minutes * MINUTE)
        jobs.append(Job(JobKind.END_OF_DAY, WHOLE_DAY, report, expiry))
        jobs.extend(_morning(day, first, last, settings))
        jobs.extend(_evening(report, expiry, settings, weekly=_ends_the_week(calendar, day, classes)))
        jobs.extend(_drills(day, first, last, settings))
    return tuple(sorted(jobs, key=lambda job: (job.due, job.kind.value, job.subject)))


def missed(job: Job, now: Nanos, grace: Nanos = 0) -> Missed:
    """What to do at `now` with a job: up to `grace` after its time it is merely late, which is no miss.

    Raises ValueError for a job whose time has not come: it was not missed.
    """
    if now < job.due:
        raise ValueError(f"{job.name} is not due before {ist(job.due).isoformat()}")
    if now - job.due <= grace:
        return Missed.RUN_NOW
    return MISSED[job.kind] if now < job.until else Missed.SKIP


def _square_off(
    day: dt.date, session: SessionClass, start: Nanos, end: Nanos, settings: TimetableSettings
) -> Iterator[Job]:
    if session not in settings.square_off:
        return
    usual = _at(day, settings.square_off[session])
    due = usual
    if not start < usual < end:
        due = max(start, end - settings.short_session_lead_minutes * MINUTE)
    yield Job(JobKind.SQUARE_OFF, session.value, due, end)
    if session in settings.square_off_warning:
        ahead = usual - _at(day, settings.square_off_warning[session])
        if ahead > 0 and due - ahead > start:
            yield Job(JobKind.SQUARE_OFF_WARNING, session.value, due - ahead, due)


def _session(
    calendar: Calendar, day: dt.date, session: SessionClass, start: Nanos, end: Nanos, settings: TimetableSettings
) -> Iterator[Job]:
    if settings.tells_sessions:
        yield Job(JobKind.SESSION_OPEN, session.value, start, end)
        # Continuous trading of these shares ends before that of the others: what follows is the auction.
        others = calendar.hours(day, SessionClass.EQUITY) if session is SessionClass.EQUITY_AUCTION else None
        if others is not None and end < others[1]:
            yield Job(JobKind.CLOSING_AUCTION, session.value, end, others[1])
    cut_off = _at(day, settings.cut_off[session]) if session in settings.cut_off else None
    if cut_off is not None and start < cut_off < end:
        yield Job(JobKind.CUT_OFF, session.value, cut_off, end)


def _morning(day: dt.date, first: Nanos, last: Nanos, settings: TimetableSettings) -> Iterator[Job]:
    """What comes before the first session; where that is early (a special one), an hour before it at the latest."""
    wanted = (
        (JobKind.LOGIN_REMINDER, settings.login_reminder, 45),
        (JobKind.INSTRUMENTS_REFRESH, settings.instruments_refresh, 35),
        (JobKind.PREFLIGHT, settings.preflight, 25),
    )
    for kind, at, minutes_before in wanted:
        if at is not None:
            due = _at(day, at)
            yield Job(kind, WHOLE_DAY, due if due < first else first - minutes_before * MINUTE, last)
    if settings.preflight is not None:
        # As the trading day begins: yesterday's lines are then in a file of their own.
        yield Job(JobKind.LOG_ROTATION, WHOLE_DAY, _at(day, settings.session_expiry), first)


def _evening(report: Nanos, expiry: Nanos, settings: TimetableSettings, *, weekly: bool) -> Iterator[Job]:
    if settings.evening_minutes is None:
        return
    due = report + settings.evening_minutes * MINUTE
    if settings.parity:
        yield Job(JobKind.PARITY, WHOLE_DAY, due, expiry)
    if weekly:
        yield Job(JobKind.WEEKLY_REPORT, WHOLE_DAY, due, expiry)
    yield Job(JobKind.BACKUP, WHOLE_DAY, due + MINUTE, expiry)
    yield Job(JobKind.VACUUM, WHOLE_DAY, due + 2 * MINUTE, expiry)


def _ends_the_week(calendar: Calendar, day: dt.date, classes: Collection[SessionClass]) -> bool:
    """Whether no later day of its week has a session of these classes. What no table knows counts as none."""
    for later in range(1, 8 - day.isoweekday()):
        try:
            if any(calendar.is_trading_day(day + dt.timedelta(days=later), each) for each in classes):
                return False
        except CalendarUnknown:
            return True
    return True


def _drills(day: dt.date, first: Nanos, last: Nanos, settings: TimetableSettings) -> Iterator[Job]:
    wanted = (
        (JobKind.DRILL_DROP_FEED, WHOLE_DAY, settings.drop_feed_at),
        (JobKind.DRILL_CRASH_STRATEGY, settings.crash_strategy, settings.crash_strategy_at),
    )
    for kind, subject, at in wanted:
        if at is not None and first <= _at(day, at) < last:
            yield Job(kind, subject, _at(day, at), last)


def _at(day: dt.date, time: dt.time) -> Nanos:
    return nanos(dt.datetime.combine(day, time, IST))
