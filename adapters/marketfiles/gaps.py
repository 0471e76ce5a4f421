"""Which candles a file lacks, and which it should not have, by the trading calendar. Pure functions."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Final

from msgspec import Struct

from adapters.marketfiles.bars_file import Days
from domain.errors import CalendarUnknown
from domain.market.buckets import DAY_SECONDS, Hours, bar_end
from domain.ports import Calendar
from domain.values import IST, SessionClass, nanos

DAYS_SHOWN: Final = 20


class Gaps(Struct, frozen=True):
    """What is not as the calendar says.

    missing_days     trading days without a single candle (the first few; `missing_days_count` has them all)
    missing_bars     candles that are lacking on days which have some: nothing was traded then, or they are lost
    outside          candles at times when the calendar says that nothing trades
    unchecked_years  years that the calendar does not know: nothing was compared there
    """

    missing_days: tuple[str, ...] = ()
    missing_days_count: int = 0
    missing_bars: int = 0
    outside: int = 0
    unchecked_years: tuple[int, ...] = ()

    @property
    def none(self) -> bool:
        """Nothing to report."""
        return not (self.missing_days_count or self.missing_bars or self.outside or self.unchecked_years)


def look(
    starts: Sequence[int],
    session: SessionClass,
    interval_seconds: int,
    wanted: Days,
    calendar: Calendar,
    now: int,
) -> Gaps:
    """Hold sorted starts (seconds since 1970 UTC) against the days wanted. Candles not over at `now` are not missed."""
    missing_days: list[str] = []
    missing_bars = outside = 0
    unchecked: set[int] = set()
    for day in _days(wanted):
        first = _midnight(day)
        found = starts[bisect_left(starts, first) : bisect_left(starts, first + DAY_SECONDS)]
        try:
            hours = Hours.of(calendar.hours(day, session))
        except CalendarUnknown:
            unchecked.add(day.year)
            continue
        expected = set(_expected(hours, interval_seconds, now))
        outside += sum(start not in expected for start in found if start < now)
        if expected and not found:
            missing_days.append(day.isoformat())
        elif found:
            missing_bars += len(expected.difference(found))
    return Gaps(
        missing_days=tuple(missing_days[:DAYS_SHOWN]),
        missing_days_count=len(missing_days),
        missing_bars=missing_bars,
        outside=outside,
        unchecked_years=tuple(sorted(unchecked)),
    )


def _expected(hours: Hours, interval_seconds: int, now: int) -> Iterator[int]:
    """Starts of the session's candles that are over."""
    if hours.closes <= hours.opens:
        return
    if interval_seconds >= DAY_SECONDS:
        if bar_end(hours, interval_seconds, hours.opens) <= now:
            yield hours.midnight
        return
    for start in range(hours.opens, hours.closes, interval_seconds):
        if start + interval_seconds <= now:
            yield start


def _days(wanted: Days) -> Iterator[dt.date]:
    day, last = wanted
    while day <= last:
        yield day
        day += dt.timedelta(days=1)


def _midnight(day: dt.date) -> int:
    return nanos(dt.datetime.combine(day, dt.time(), IST)) // 1_000_000_000
