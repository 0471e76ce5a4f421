"""`jobs`: when each job of the time table runs next, and what becomes of one that is missed."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Final

from cyclopts import Parameter

from adapters.clock import SystemMarketClock
from app.nights import session_classes
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, UsageError, print_json, print_table
from app.wiring import timetable_settings
from domain.calendar import SessionCalendar
from domain.errors import CalendarUnknown
from domain.ports import Calendar
from domain.timetable import MEANINGS, MISSED, Job, TimetableSettings, plan, trading_day
from domain.values import IST, Nanos, SessionClass, ist, nanos

LOOK_AHEAD_DAYS: Final = 14

At = Annotated[
    str | None,
    Parameter(name="--at", help='As of this market time, "YYYY-MM-DD HH:MM"; now, if it is not given.'),
]


def run(
    *, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), at: At = None, as_json: Json = False
) -> int:
    """The next run of every job, at market time (IST), with the rule for a missed one."""
    loaded = load_settings(env, config, sets)
    now = SystemMarketClock().now_ns() if at is None else _instant(at)
    calendar = SessionCalendar(fallback_weekdays=env == "sandbox")
    settings = timetable_settings(loaded.settings, None, chores=True)
    jobs = next_runs(calendar, now, session_classes(loaded.settings), settings)
    if as_json:
        print_json(
            {
                "environment": env,
                "as_of": ist(now).isoformat(),
                "jobs": [
                    {
                        "kind": job.kind.value,
                        "subject": job.subject,
                        "due": ist(job.due).isoformat(),
                        "until": ist(job.until).isoformat(),
                        "missed": MISSED[job.kind].value,
                        "meaning": MEANINGS[job.kind],
                    }
                    for job in jobs
                ],
            }
        )
        return DONE
    print_table(
        f"Jobs of {env} as of {ist(now):%A %d %B %Y %H:%M} India time",
        ("Next run", "Job", "Of", "Missed", "What"),
        [
            (f"{ist(job.due):%a %d %b %H:%M}", job.kind.value, job.subject, MISSED[job.kind].value, MEANINGS[job.kind])
            for job in jobs
        ],
    )
    return DONE


def next_runs(
    calendar: Calendar, now: Nanos, classes: tuple[SessionClass, ...], settings: TimetableSettings
) -> tuple[Job, ...]:
    """The next run of each job from `now` on, by time. What lies beyond the last year that has a table is left out."""
    found: dict[tuple[str, str], Job] = {}
    day = trading_day(now, settings.session_expiry)
    for later in range(LOOK_AHEAD_DAYS):
        try:
            jobs = plan(calendar, day + dt.timedelta(days=later), classes, settings)
        except CalendarUnknown:
            if not later:
                raise
            break
        for job in jobs:
            if job.due >= now:
                found.setdefault((job.kind.value, job.subject), job)
    return tuple(sorted(found.values(), key=lambda job: job.due))


def _instant(text: str) -> Nanos:
    try:
        return nanos(dt.datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=IST))
    except ValueError:
        raise UsageError(f'--at: found {text!r}; allowed: a market time "YYYY-MM-DD HH:MM"') from None
