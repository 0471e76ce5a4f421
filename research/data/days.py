"""Which trading day a bar belongs to, and that day's session: a table with a row per day, for arrays of bars."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from domain.market.buckets import DAY_SECONDS
from domain.values import IST, SECOND, Nanos, SessionClass, nanos

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.ports import Calendar

IST_NS: Final[Nanos] = 19_800 * SECOND
DAY_NS: Final[Nanos] = DAY_SECONDS * SECOND
_EPOCH: Final = dt.date(1970, 1, 1)


class Days(Struct, frozen=True, eq=False):
    """A row per IST day that has bars.

    number   days since 1970-01-01 in IST
    first    index of the day's first bar; one entry more than days: the end of the last
    opens, closes  the session, nanoseconds; without sessions the whole day
    inside   per bar: it lies in its day's session
    """

    number: NDArray[np.int64]
    first: NDArray[np.int64]
    opens: NDArray[np.int64]
    closes: NDArray[np.int64]
    inside: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.number)

    def gaps(self, start: NDArray[np.int64], interval_seconds: int) -> tuple[int, int]:
        """Bars missing between a day's first and last one, and how many days have such a gap."""
        if interval_seconds >= DAY_SECONDS or not len(start):
            return 0, 0
        begins, ends = self.first[:-1], self.first[1:]
        wanted = (start[ends - 1] - start[begins]) // (interval_seconds * SECOND) + 1
        missing = np.maximum(wanted - (ends - begins), 0)
        return int(missing.sum()), int((missing > 0).sum())


def date_of(number: int) -> dt.date:
    """The date of a day's number."""
    return _EPOCH + dt.timedelta(days=number)


def number_of(day: dt.date) -> int:
    """The number of a date."""
    return (day - _EPOCH).days


def midnight(number: int) -> Nanos:
    """00:00 IST of the day."""
    return number * DAY_NS - IST_NS


def at_time(number: int, time: dt.time) -> Nanos:
    """That time of day."""
    return nanos(dt.datetime.combine(date_of(number), time, IST))


def hours_of(number: int, session: SessionClass, calendar: Calendar | None) -> tuple[Nanos, Nanos]:
    """The session of a day, equal ends where there is none; without a calendar the whole day."""
    if calendar is None:
        return midnight(number), midnight(number + 1)
    return calendar.hours(date_of(number), session) or (midnight(number), midnight(number))


def days_of(
    start: NDArray[np.int64], interval_seconds: int, session: SessionClass, calendar: Calendar | None
) -> Days:
    """The table for these sorted starts. A bar of a day or more proves by itself that there was trading: it is inside."""
    day = (start + IST_NS) // DAY_NS
    edges = np.flatnonzero(np.diff(day)) + 1
    first = np.concatenate(([0], edges, [len(start)])).astype(np.int64) if len(start) else np.zeros(1, dtype=np.int64)
    number = day[first[:-1]] if len(start) else np.zeros(0, dtype=np.int64)
    hours = [hours_of(int(each), session, calendar) for each in number]
    opens = np.array([each[0] for each in hours], dtype=np.int64)
    closes = np.array([each[1] for each in hours], dtype=np.int64)
    if interval_seconds >= DAY_SECONDS:
        return Days(number, first, opens, closes, np.ones(len(start), dtype=np.bool_))
    lengths = np.diff(first)
    inside = (start >= np.repeat(opens, lengths)) & (start < np.repeat(closes, lengths))
    return Days(number, first, opens, closes, inside)
