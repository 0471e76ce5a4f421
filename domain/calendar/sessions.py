"""Answers from the calendar's tables: does it trade, from when to when, and which day comes before or after."""

from __future__ import annotations

import datetime as dt
from typing import Final, TypeVar

from domain.calendar import tables
from domain.errors import CalendarUnknown
from domain.values import IST, MINUTE, Nanos, SessionClass, nanos

_T = TypeVar("_T")
_DAY: Final = dt.timedelta(days=1)
_SUNDAY: Final = 6
_SEARCH_DAYS_MAX: Final = 31
"""No exchange has ever been shut this long: a longer search is a defect in a table."""


class SessionCalendar:
    """Implements `domain.ports.Calendar` from the dated tables.

    fallback_weekdays  in a year without a table, take Monday to Friday as trading days. For the local sandbox alone.

    Days are IST dates; instants are nanoseconds UTC. Every method raises CalendarUnknown for a year without a table,
    unless the fallback is on.
    """

    def __init__(self, fallback_weekdays: bool = False) -> None:
        self._fallback = fallback_weekdays

    def is_table_known(self, year: int) -> bool:
        """Whether there is a holiday table for the year (the fallback does not count)."""
        return year in tables.HOLIDAYS

    def is_trading_day(self, day: dt.date, session: SessionClass) -> bool:
        """Whether the class trades on that day at hours that we know."""
        return self._times(day, session) is not None

    def hours(self, day: dt.date, session: SessionClass) -> tuple[Nanos, Nanos] | None:
        """Start and end of continuous trading (the end is outside), or None where the class does not trade."""
        times = self._times(day, session)
        if times is None:
            return None
        start, end = times
        return _instant(day, start), _instant(day, end)

    def broker_square_off(self, day: dt.date, session: SessionClass) -> Nanos | None:
        """When the broker itself closes MIS positions of the class; None on a day without trading, and for indices.

        Ours must come well before. On a day of unusual hours: ten minutes before its end.
        """
        hours = self.hours(day, session)
        rows = tables.SQUARE_OFF.get(session)
        if hours is None or rows is None:
            return None
        start, end = hours
        usual = _instant(day, _in_force(rows, day))
        if session is SessionClass.COMMODITY and _new_york_winter(day):
            usual += 25 * MINUTE
        return usual if start < usual < end else end - 10 * MINUTE

    def previous_trading_day(self, day: dt.date, session: SessionClass) -> dt.date:
        """The last trading day before `day`."""
        return self._search(day, session, -_DAY)

    def next_trading_day(self, day: dt.date, session: SessionClass) -> dt.date:
        """The first trading day after `day`."""
        return self._search(day, session, _DAY)

    def _search(self, day: dt.date, session: SessionClass, step: dt.timedelta) -> dt.date:
        found = day
        for _ in range(_SEARCH_DAYS_MAX):
            found += step
            if self.is_trading_day(found, session):
                return found
        raise CalendarUnknown(f"no trading day within {_SEARCH_DAYS_MAX} days of {day} for {session.value}")

    def _times(self, day: dt.date, session: SessionClass) -> tables.Hours | None:
        if not self.is_table_known(day.year) and not self._fallback:
            known = ", ".join(str(year) for year in sorted(tables.HOLIDAYS))
            raise CalendarUnknown(
                f"there is no table of exchange holidays for {day.year} (known: {known}): "
                f"add it to domain/calendar/tables.py before trading on {day}"
            )
        if day in tables.SPECIAL_HOURS:
            return tables.SPECIAL_HOURS[day] if tables.keeps_equity_specials(session) else None
        if day.isoweekday() > 5 or day in tables.HOLIDAYS.get(day.year, ()):
            return None
        if session is SessionClass.CURRENCY and day in tables.SETTLEMENT_HOLIDAYS.get(day.year, ()):
            return None
        start, end = _in_force(tables.HOURS[session], day)
        if session is SessionClass.COMMODITY and _new_york_winter(day):
            end = tables.COMMODITY_WINTER_END
        return start, end


def _in_force(rows: tuple[tuple[dt.date, _T], ...], day: dt.date) -> _T:
    """The value of the newest row whose date is not after `day`."""
    return next(value for since, value in reversed(rows) if since <= day)


def _instant(day: dt.date, time: dt.time) -> Nanos:
    return nanos(dt.datetime.combine(day, time, IST))


def _new_york_winter(day: dt.date) -> bool:
    """Whether the United States keep standard time: before the second Sunday of March, from November's first on."""
    return not _nth_sunday(day.year, 3, 2) <= day < _nth_sunday(day.year, 11, 1)


def _nth_sunday(year: int, month: int, n: int) -> dt.date:
    first = dt.date(year, month, 1)
    return first + dt.timedelta(days=(_SUNDAY - first.weekday()) % 7 + 7 * (n - 1))
