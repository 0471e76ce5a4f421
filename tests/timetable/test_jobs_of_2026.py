"""The whole time table on the days of 2026 that are unlike the others: holidays, a special session, the week's last day."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.cli import main
from app.commands.jobs import next_runs
from app.wiring import timetable_settings
from config.loader import load
from domain.calendar import SessionCalendar
from domain.errors import CalendarUnknown
from domain.messages.control import JobKind
from domain.timetable import EVENING, MEANINGS, MISSED, Job, Missed, missed, plan
from domain.values import MINUTE, SessionClass, ist
from tests.support.projects import ROOT
from tests.timetable.market_clocks import at

CAS, EQUITY, FNO = SessionClass.EQUITY_AUCTION, SessionClass.EQUITY, SessionClass.EQUITY_DERIVATIVE
COMMODITY = SessionClass.COMMODITY
SETTINGS = timetable_settings(load("sandbox", None, (), {}, ROOT).settings, None, chores=True)
MORNING = (JobKind.LOG_ROTATION, JobKind.LOGIN_REMINDER, JobKind.INSTRUMENTS_REFRESH, JobKind.PREFLIGHT)


def jobs_of(day: str, *classes: SessionClass) -> list[str]:
    found = plan(SessionCalendar(), dt.date.fromisoformat(day), classes or (CAS, EQUITY), SETTINGS)
    return [f"{ist(job.due):%d %H:%M} {job.kind.value} {job.subject}".strip() for job in found]


def test_a_friday_from_morning_to_evening() -> None:
    assert jobs_of("2026-11-20") == [
        "20 06:00 log_rotation",
        "20 08:30 login_reminder",
        "20 08:40 instruments_refresh",
        "20 08:50 preflight",
        "20 09:15 session_open equity",
        "20 09:15 session_open equity_auction",
        "20 11:00 drill_drop_feed",
        "20 13:00 drill_crash_strategy",
        "20 14:50 cut_off equity_auction",
        "20 14:55 square_off_warning equity_auction",
        "20 15:00 square_off equity_auction",
        "20 15:05 cut_off equity",
        "20 15:10 square_off_warning equity",
        "20 15:15 closing_auction equity_auction",
        "20 15:15 square_off equity",
        "20 15:45 end_of_day",
        "20 15:47 parity",
        "20 15:47 weekly_report",
        "20 15:48 backup",
        "20 15:49 vacuum",
        "21 06:00 session_expiry",
    ]


@pytest.mark.parametrize("day", ["2026-01-26", "2026-11-24", "2026-12-25", "2026-11-21"])
def test_a_holiday_and_a_weekend_have_the_expiry_alone(day: str) -> None:
    assert [line.partition(" ")[2].partition(" ")[2] for line in jobs_of(day)] == ["session_expiry"]


def test_there_is_no_closing_auction_before_it_came_into_being() -> None:
    assert not [line for line in jobs_of("2026-07-31") if "closing_auction" in line]
    assert [line for line in jobs_of("2026-08-03") if "closing_auction" in line]


def test_the_sunday_of_the_budget_is_a_day_like_others_and_ends_its_week() -> None:
    lines = jobs_of("2026-02-01", EQUITY)

    assert "01 08:50 preflight" in lines
    assert "01 15:15 square_off equity" in lines
    assert "01 15:47 weekly_report" in lines
    assert not [line for line in jobs_of("2026-01-30", EQUITY) if "weekly_report" in line], "the Friday before"


def test_the_muhurat_session_of_2026_is_not_traded_until_its_hour_is_known() -> None:
    assert jobs_of("2026-11-08", EQUITY) == ["09 06:00 session_expiry"]


def test_a_session_of_one_hour_has_its_own_times() -> None:
    """Muhurat trading of 2025: everything happens, and nothing outside of its hour."""
    calendar, day = SessionCalendar(), dt.date(2025, 10, 21)
    hours = calendar.hours(day, EQUITY)
    assert hours is not None
    found = {job.kind: job for job in plan(calendar, day, (EQUITY,), SETTINGS)}

    assert found[JobKind.PREFLIGHT].due < found[JobKind.SESSION_OPEN].due == hours[0]
    assert hours[0] <= found[JobKind.SQUARE_OFF].due < hours[1]
    assert found[JobKind.END_OF_DAY].due >= hours[1] + 5 * MINUTE
    assert JobKind.CUT_OFF not in found, "the usual time is not within it"


def test_the_weekly_report_comes_after_the_last_session_of_a_week_and_after_no_other() -> None:
    calendar, day, found = SessionCalendar(), dt.date(2026, 1, 1), []
    while day.year == 2026:
        if any(job.kind is JobKind.WEEKLY_REPORT for job in plan(calendar, day, (EQUITY,), SETTINGS)):
            found.append(day)
        day += dt.timedelta(days=1)

    weeks = {day.isocalendar()[:2] for day in found}
    assert len(weeks) == len(found), "once a week"
    assert dt.date(2026, 4, 2) in found, "a Thursday: Good Friday is a holiday"
    trading = {
        (dt.date(2026, 1, 1) + dt.timedelta(days=n)).isocalendar()[:2]
        for n in range(365)
        if calendar.is_trading_day(dt.date(2026, 1, 1) + dt.timedelta(days=n), EQUITY)
    }
    assert weeks == trading, "every week that has a session"


def test_where_commodities_trade_the_evening_waits_for_them() -> None:
    lines = jobs_of("2026-11-20", EQUITY, COMMODITY)
    report = next(line for line in lines if "end_of_day" in line)
    assert report > "20 23:30"
    assert lines.index(report) < min(index for index, line in enumerate(lines) if "backup" in line)


@given(day=st.dates(dt.date(2025, 1, 1), dt.date(2026, 12, 31)), classes=st.sets(st.sampled_from((CAS, EQUITY, FNO))))
def test_the_morning_is_before_the_first_session_and_the_evening_after_the_report(
    day: dt.date, classes: set[SessionClass]
) -> None:
    calendar = SessionCalendar()
    jobs = plan(calendar, day, classes, SETTINGS)
    hours = [found for each in classes if (found := calendar.hours(day, each)) is not None]
    reports = [job.due for job in jobs if job.kind is JobKind.END_OF_DAY]

    for job in jobs:
        assert job.due < job.until
        if job.kind in MORNING:
            assert job.due < min(start for start, _ in hours)
        if job.kind in EVENING:
            assert job.due > reports[0]
    assert len({job.name for job in jobs}) == len(jobs)


@pytest.mark.parametrize(
    ("kind", "now", "expected"),
    [
        (JobKind.PREFLIGHT, "09:20", Missed.RUN_NOW),  # a late start asks before it trades
        (JobKind.PREFLIGHT, "16:00", Missed.SKIP),
        (JobKind.LOGIN_REMINDER, "09:20", Missed.SKIP),
        (JobKind.INSTRUMENTS_REFRESH, "09:20", Missed.SKIP),
        (JobKind.LOG_ROTATION, "09:20", Missed.SKIP),
        (JobKind.SESSION_OPEN, "09:16", Missed.SKIP),
        (JobKind.CUT_OFF, "15:06", Missed.SKIP),
        (JobKind.CLOSING_AUCTION, "15:20", Missed.SKIP),
        (JobKind.WEEKLY_REPORT, "23:00", Missed.RUN_NOW),
        (JobKind.PARITY, "23:00", Missed.RUN_NOW),
        (JobKind.BACKUP, "23:00", Missed.RUN_NOW),
        (JobKind.VACUUM, "23:00", Missed.SKIP),
    ],
)
def test_the_rule_for_each_when_the_machine_was_asleep(kind: JobKind, now: str, expected: Missed) -> None:
    jobs = plan(SessionCalendar(), dt.date(2026, 11, 20), (CAS, EQUITY), SETTINGS)
    job = [each for each in jobs if each.kind is kind][-1]

    assert missed(job, at(now)) is expected


def test_every_kind_has_a_rule_and_a_meaning() -> None:
    assert set(MISSED) == set(MEANINGS) == set(JobKind)


def upcoming(now: str, day: str) -> list[Job]:
    return list(next_runs(SessionCalendar(), at(now, day), (CAS, EQUITY), SETTINGS))


def test_what_has_passed_today_is_listed_for_the_next_session() -> None:
    found = {(job.kind, job.subject): ist(job.due) for job in upcoming("16:00", "2026-11-20")}

    assert f"{found[JobKind.PREFLIGHT, '']:%Y-%m-%d %H:%M}" == "2026-11-23 08:50", "Monday"
    assert f"{found[JobKind.SESSION_EXPIRY, '']:%Y-%m-%d %H:%M}" == "2026-11-21 06:00"
    assert f"{found[JobKind.WEEKLY_REPORT, '']:%Y-%m-%d %H:%M}" == "2026-11-27 15:47"


def test_the_last_days_of_a_year_list_what_the_tables_know_and_a_year_without_one_is_refused() -> None:
    assert {ist(job.due).year for job in upcoming("16:00", "2026-12-31")} == {2027}, "the morning's expiry"
    with pytest.raises(CalendarUnknown):
        upcoming("09:00", "2031-06-03")


def test_the_command_lists_next_runs_with_rule_and_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "--json", "--at", "2026-11-20 12:00", "--config", "config/examples/nifty-options.yaml"]) == 0
    found = json.loads(capsys.readouterr().out)

    kinds = [job["kind"] for job in found["jobs"]]
    assert kinds[:4] == ["cut_off", "square_off_warning", "square_off", "end_of_day"]
    assert found["jobs"][0]["due"] == "2026-11-20T15:10:00+05:30"
    assert {job["missed"] for job in found["jobs"]} == {"run now", "skip"}
    assert main(["jobs", "--at", "noon"]) == 2
    assert "allowed: a market time" in capsys.readouterr().err
