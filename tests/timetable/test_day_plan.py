"""The day's jobs from the calendar, and the rule for those that were missed."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.calendar import SessionCalendar
from domain.errors import CalendarUnknown
from domain.messages.control import JobKind
from domain.timetable import MISSED, Job, Missed, TimetableSettings, missed, plan, trading_day
from domain.values import IST, MINUTE, SECOND, SessionClass, ist, nanos

CAS, EQUITY, FNO = SessionClass.EQUITY_AUCTION, SessionClass.EQUITY, SessionClass.EQUITY_DERIVATIVE
SETTINGS = TimetableSettings(
    square_off_warning={CAS: dt.time(14, 55), EQUITY: dt.time(15, 10), FNO: dt.time(15, 15)},
    square_off={CAS: dt.time(15, 0), EQUITY: dt.time(15, 15), FNO: dt.time(15, 20)},
    drop_feed_at=dt.time(11, 0),
    crash_strategy_at=dt.time(13, 0),
    crash_strategy="ma_cross",
)
FRIDAY = dt.date(2026, 11, 20)


def at(day: dt.date, clock: str) -> int:
    return nanos(dt.datetime.combine(day, dt.time.fromisoformat(clock), IST))


def planned(
    day: dt.date, classes: tuple[SessionClass, ...] = (CAS, EQUITY), settings: TimetableSettings = SETTINGS
) -> list[str]:
    jobs = plan(SessionCalendar(), day, classes, settings)
    return [f"{ist(job.due):%d %H:%M} {job.kind.value} {job.subject}".strip() for job in jobs]


def test_an_ordinary_day_in_order() -> None:
    assert planned(FRIDAY) == [
        "20 11:00 drill_drop_feed",
        "20 13:00 drill_crash_strategy ma_cross",
        "20 14:55 square_off_warning equity_auction",
        "20 15:00 square_off equity_auction",
        "20 15:10 square_off_warning equity",
        "20 15:15 square_off equity",
        "20 15:45 end_of_day",
        "21 06:00 session_expiry",
    ]


def test_before_the_closing_auction_came_its_shares_trade_as_long_as_the_others() -> None:
    # The square-off time is still inside the session, so it stands.
    assert "31 15:00 square_off equity_auction" in planned(dt.date(2026, 7, 31))


def test_only_traded_classes_are_squared_off() -> None:
    assert [job for job in planned(FRIDAY, (FNO,)) if "square_off" in job] == [
        "20 15:15 square_off_warning equity_derivative",
        "20 15:20 square_off equity_derivative",
    ]


def test_on_a_holiday_only_the_session_expires() -> None:
    assert planned(dt.date(2026, 11, 24)) == ["25 06:00 session_expiry"]


def test_a_short_special_session_is_squared_off_before_its_own_close() -> None:
    assert planned(dt.date(2025, 10, 21), (EQUITY,)) == [
        "21 14:30 square_off_warning equity",
        "21 14:35 square_off equity",
        "21 15:45 end_of_day",
        "22 06:00 session_expiry",
    ]


def test_a_square_off_at_the_very_close_is_moved_before_it() -> None:
    at_close = replace(SETTINGS, square_off={EQUITY: dt.time(15, 30)}, square_off_warning={})

    assert "20 15:20 square_off equity" in planned(FRIDAY, (EQUITY,), at_close)


def test_the_report_waits_for_the_last_session() -> None:
    late = replace(SETTINGS, end_of_day=dt.time(15, 20))

    assert "20 15:35 end_of_day" in planned(FRIDAY, (CAS, EQUITY), late)


def test_a_class_without_a_square_off_time_is_left_alone() -> None:
    assert not [job for job in planned(FRIDAY, (SessionClass.CURRENCY,)) if "square_off" in job]


def test_a_year_without_a_table_is_refused() -> None:
    with pytest.raises(CalendarUnknown):
        planned(dt.date(2031, 6, 3))


def test_names_are_unique_and_say_when() -> None:
    jobs = plan(SessionCalendar(), FRIDAY, (CAS, EQUITY, FNO), SETTINGS)

    assert len({job.name for job in jobs}) == len(jobs)
    assert "square_off:equity@2026-11-20T15:15" in {job.name for job in jobs}


@pytest.mark.parametrize(("clock", "day"), [("05:59:59", 19), ("06:00", 20), ("09:15", 20), ("23:59", 20)])
def test_a_trading_day_lasts_until_the_session_expires(clock: str, day: int) -> None:
    assert trading_day(at(FRIDAY, clock)) == dt.date(2026, 11, day)


@pytest.mark.parametrize(
    ("kind", "now", "expected"),
    [
        (JobKind.SQUARE_OFF, "15:20", Missed.RUN_NOW),
        (JobKind.SQUARE_OFF, "15:30", Missed.SKIP),  # the session is over: nothing can be closed any more
        (JobKind.SQUARE_OFF_WARNING, "15:12", Missed.SKIP),
        (JobKind.END_OF_DAY, "18:00", Missed.RUN_NOW),
        (JobKind.SESSION_EXPIRY, "06:30", Missed.RUN_NOW),
        (JobKind.DRILL_DROP_FEED, "11:01", Missed.SKIP),
        (JobKind.DRILL_CRASH_STRATEGY, "13:01", Missed.SKIP),
    ],
)
def test_the_rule_for_a_missed_job(kind: JobKind, now: str, expected: Missed) -> None:
    day = FRIDAY + dt.timedelta(days=1) if kind is JobKind.SESSION_EXPIRY else FRIDAY
    job = next(job for job in plan(SessionCalendar(), FRIDAY, (EQUITY,), SETTINGS) if job.kind is kind)

    assert missed(job, at(day, now)) is expected


def test_every_kind_has_a_rule() -> None:
    assert set(MISSED) == set(JobKind)


def test_a_job_within_the_grace_is_late_and_not_missed() -> None:
    job = Job(JobKind.DRILL_DROP_FEED, "", due=10 * MINUTE, until=100 * MINUTE)

    assert missed(job, 12 * MINUTE, grace=2 * MINUTE) is Missed.RUN_NOW
    assert missed(job, 12 * MINUTE + SECOND, grace=2 * MINUTE) is Missed.SKIP


def test_what_is_to_come_was_not_missed() -> None:
    with pytest.raises(ValueError, match="is not due before 2026-11-20T15:15:00"):
        missed(Job(JobKind.SQUARE_OFF, "equity", at(FRIDAY, "15:15"), at(FRIDAY, "15:30")), at(FRIDAY, "15:14"))


@given(
    day=st.dates(dt.date(2025, 1, 1), dt.date(2026, 12, 31)),
    classes=st.sets(st.sampled_from(SessionClass)),
    square_off=st.times(),
)
def test_every_square_off_lies_inside_its_session_and_every_report_after_all(
    day: dt.date, classes: set[SessionClass], square_off: dt.time
) -> None:
    calendar = SessionCalendar()
    settings = TimetableSettings(dict.fromkeys(classes, square_off), dict.fromkeys(classes, square_off))

    jobs = plan(calendar, day, classes, settings)

    hours = {each.value: calendar.hours(day, each) for each in classes}
    for job in jobs:
        if job.kind is JobKind.SQUARE_OFF:
            session = hours[job.subject]
            assert session is not None and session[0] <= job.due < session[1] == job.until
        if job.kind is JobKind.END_OF_DAY:
            assert all(job.due > session[1] for session in hours.values() if session is not None)
    assert [job.due for job in jobs] == sorted(job.due for job in jobs)
    assert sum(job.kind is JobKind.SQUARE_OFF for job in jobs) == sum(each is not None for each in hours.values())
