import datetime as dt

import pytest

from domain.calendar import SessionCalendar
from domain.errors import CalendarUnknown
from domain.values import SessionClass, ist

EQUITY, AUCTION = SessionClass.EQUITY, SessionClass.EQUITY_AUCTION
DERIVATIVE, CURRENCY = SessionClass.EQUITY_DERIVATIVE, SessionClass.CURRENCY
COMMODITY, INDEX = SessionClass.COMMODITY, SessionClass.INDEX

HOURS = [
    ("2026-07-31", EQUITY, "09:15 15:30"),
    ("2026-07-31", AUCTION, "09:15 15:30"),
    ("2026-07-31", DERIVATIVE, "09:15 15:30"),
    ("2026-08-03", EQUITY, "09:15 15:30"),
    ("2026-08-03", AUCTION, "09:15 15:15"),
    ("2026-08-03", DERIVATIVE, "09:15 15:40"),
    ("2026-08-03", INDEX, "09:15 15:30"),
    ("2026-08-03", CURRENCY, "09:00 17:00"),
    ("2026-08-03", COMMODITY, "09:00 23:30"),
    ("2026-10-30", COMMODITY, "09:00 23:30"),  # the Friday before New York's clocks go back
    ("2026-11-02", COMMODITY, "09:00 23:55"),
    ("2026-03-06", COMMODITY, "09:00 23:55"),  # the Friday before they go forward
    ("2026-03-09", COMMODITY, "09:00 23:30"),
    ("2026-11-21", EQUITY, None),  # Saturday
    ("2026-11-24", EQUITY, None),  # Guru Nanak Jayanti
    ("2026-11-24", COMMODITY, None),  # whose own list we do not have
    ("2026-01-15", EQUITY, None),  # added late
    ("2026-02-01", EQUITY, "09:15 15:30"),  # budget, a Sunday
    ("2026-02-01", DERIVATIVE, "09:15 15:30"),
    ("2026-02-01", CURRENCY, None),
    ("2025-02-01", EQUITY, "09:15 15:30"),  # budget, a Saturday
    ("2025-10-21", EQUITY, "13:45 14:45"),  # Muhurat
    ("2025-10-21", CURRENCY, None),
    ("2025-10-22", EQUITY, None),
    ("2026-11-08", EQUITY, None),  # Muhurat, hour not verified
    ("2026-02-19", EQUITY, "09:15 15:30"),  # settlement holiday
    ("2026-02-19", CURRENCY, None),
]


@pytest.mark.parametrize(("day", "session", "expected"), HOURS)
def test_hours_are_those_of_the_dated_table(day: str, session: SessionClass, expected: str | None) -> None:
    calendar = SessionCalendar()

    hours = calendar.hours(dt.date.fromisoformat(day), session)

    found = None if hours is None else " ".join(ist(instant).strftime("%H:%M") for instant in hours)
    assert found == expected
    assert calendar.is_trading_day(dt.date.fromisoformat(day), session) is (expected is not None)


def test_hours_fall_on_the_day_asked_for() -> None:
    start, end = SessionCalendar().hours(dt.date(2026, 11, 20), EQUITY) or (0, 0)

    assert ist(start).date() == ist(end).date() == dt.date(2026, 11, 20)


def test_neighbouring_trading_days_step_over_weekends_and_holidays() -> None:
    calendar = SessionCalendar()

    assert calendar.next_trading_day(dt.date(2026, 11, 20), EQUITY) == dt.date(2026, 11, 23)
    assert calendar.next_trading_day(dt.date(2026, 11, 23), EQUITY) == dt.date(2026, 11, 25)
    assert calendar.previous_trading_day(dt.date(2026, 11, 25), EQUITY) == dt.date(2026, 11, 23)
    assert calendar.previous_trading_day(dt.date(2026, 2, 2), EQUITY) == dt.date(2026, 2, 1)
    assert calendar.previous_trading_day(dt.date(2025, 10, 23), EQUITY) == dt.date(2025, 10, 21)


def test_a_year_without_a_table_is_refused_in_words() -> None:
    calendar = SessionCalendar()

    assert calendar.is_table_known(2026)
    assert not calendar.is_table_known(2027)
    with pytest.raises(CalendarUnknown, match=r"2027 \(known: 2025, 2026\)"):
        calendar.hours(dt.date(2027, 1, 4), EQUITY)
    with pytest.raises(CalendarUnknown, match="2027"):
        calendar.next_trading_day(dt.date(2026, 12, 31), EQUITY)


def test_the_sandbox_may_fall_back_to_weekdays() -> None:
    calendar = SessionCalendar(fallback_weekdays=True)

    assert calendar.is_trading_day(dt.date(2027, 1, 1), EQUITY)
    assert not calendar.is_trading_day(dt.date(2027, 1, 2), EQUITY)
    assert calendar.next_trading_day(dt.date(2026, 12, 31), EQUITY) == dt.date(2027, 1, 1)
    assert not calendar.is_trading_day(dt.date(2026, 11, 24), EQUITY), "a known year keeps its holidays"


@pytest.mark.parametrize(
    ("day", "session", "expected"),
    [
        ("2026-11-20", EQUITY, "15:20"),
        ("2026-11-20", AUCTION, "15:10"),
        ("2026-07-31", AUCTION, "15:20"),
        ("2026-11-20", DERIVATIVE, "15:25"),
        ("2026-11-20", CURRENCY, "16:45"),
        ("2026-11-20", COMMODITY, "23:30"),
        ("2026-08-03", COMMODITY, "23:05"),
        ("2025-10-21", EQUITY, "14:35"),
        ("2026-11-21", EQUITY, None),
        ("2026-11-20", INDEX, None),
    ],
)
def test_the_broker_squares_off_before_the_session_ends(day: str, session: SessionClass, expected: str | None) -> None:
    instant = SessionCalendar().broker_square_off(dt.date.fromisoformat(day), session)

    assert (None if instant is None else ist(instant).strftime("%H:%M")) == expected
