"""Rules by which raw rows become candles, stated once and counted.

| found | rule |
|---|---|
| a missing, non-positive or infinite price; negative volume; high or low that does not enclose open and close | the row is dropped |
| a price finer than 1/10,000 rupee (adjusted data has such) | rounded to the nearest |
| rows out of order | sorted |
| several rows of one time | the last one in the file stays |
| a bar outside the instrument's session of that day, or on a day without one | dropped |
| bars missing within a session | counted; nothing is invented for them |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from research.data.candles import Candles
from research.data.days import Days, days_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.ports import Calendar
    from domain.values import Instrument

RUPEE_FLOAT: Final = 10_000.0
PRICE_MAX: Final = 1_000_000_000 * 10_000
"""Rupees a unit; beyond it the row is no price of anything."""
VOLUME_MAX: Final = 2**52


class Checked(Struct, frozen=True):
    """What was found in the rows of one instrument, and done by the rules above.

    rows         read
    bad          dropped for what they said
    rounded      prices finer than 1/10,000 rupee
    unsorted     rows that came after a later one
    duplicates   dropped for a later row of the same time
    outside      dropped for standing outside the session
    gaps         bars that the session would have had between its first and last one, and are not there
    gap_days     days with such a gap
    """

    rows: int
    bad: int = 0
    rounded: int = 0
    unsorted: int = 0
    duplicates: int = 0
    outside: int = 0
    gaps: int = 0
    gap_days: int = 0


class Raw(Struct, frozen=True):
    """Rows as they were read: times in nanoseconds UTC (the smallest int64 for none), prices in rupees or, where
    `exact`, in 1/10,000 rupee."""

    start: NDArray[np.int64]
    open: NDArray[np.float64] | NDArray[np.int64]
    high: NDArray[np.float64] | NDArray[np.int64]
    low: NDArray[np.float64] | NDArray[np.int64]
    close: NDArray[np.float64] | NDArray[np.int64]
    volume: NDArray[np.float64] | NDArray[np.int64]
    exact: bool = False


def interval_of(start: NDArray[np.int64]) -> int:
    """The commonest distance between neighbours, whole seconds; 0 where there are not two times."""
    steps = np.diff(start)
    steps = steps[steps > 0]
    if not len(steps):
        return 0
    values, counts = np.unique(steps, return_counts=True)
    return int(values[counts.argmax()]) // 1_000_000_000


def checked(
    instrument: Instrument, interval_seconds: int, raw: Raw, calendar: Calendar | None
) -> tuple[Candles, Checked, Days]:
    """Apply the rules. Without a calendar there are no sessions, and every time is as good as another."""
    rows = len(raw.start)
    prices, rounded, good = _prices(raw)
    good &= raw.start > 0
    start = raw.start
    if not good.all():
        start, prices = start[good], prices[:, good]
    steps = np.diff(start)
    unsorted = int((steps < 0).sum())
    duplicates = 0
    if unsorted or (steps == 0).any():
        order = np.argsort(start, kind="stable")
        start, prices = start[order], prices[:, order]
        last = np.append(np.diff(start) != 0, True)
        duplicates = len(start) - int(last.sum())
        start, prices = start[last], prices[:, last]
    days = days_of(start, interval_seconds, instrument.session, calendar)
    outside = 0
    if not days.inside.all():
        outside = len(start) - int(days.inside.sum())
        start, prices = start[days.inside], prices[:, days.inside]
        days = days_of(start, interval_seconds, instrument.session, calendar)
    gaps, gap_days = days.gaps(start, interval_seconds)
    candles = Candles(
        instrument, interval_seconds, np.ascontiguousarray(start), *(np.ascontiguousarray(row) for row in prices)
    )
    report = Checked(
        rows=rows,
        bad=rows - int(good.sum()),
        rounded=rounded,
        unsorted=unsorted,
        duplicates=duplicates,
        outside=outside,
        gaps=gaps,
        gap_days=gap_days,
    )
    return candles, report, days


def _prices(raw: Raw) -> tuple[NDArray[np.int64], int, NDArray[np.bool_]]:
    """open, high, low, close and volume as integers, how many prices were rounded, and which rows are good."""
    rows = len(raw.start)
    out = np.empty((5, rows), dtype=np.int64)
    good = np.ones(rows, dtype=np.bool_)
    rounded = 0
    for at, column in enumerate((raw.open, raw.high, raw.low, raw.close)):
        if raw.exact:
            out[at] = column
            # To look for the ends is a tenth of comparing each, and nearly always enough.
            if rows and (out[at].min() <= 0 or out[at].max() > PRICE_MAX):
                good &= (out[at] > 0) & (out[at] <= PRICE_MAX)
            continue
        scaled = column * RUPEE_FLOAT
        sane = np.isfinite(scaled) & (scaled > 0) & (scaled <= PRICE_MAX)
        known = np.where(sane, scaled, 0.0)
        whole = np.rint(known)
        # A float cannot say 101.35 exactly: what lies within a hair of a step is that step.
        rounded += int((np.abs(known - whole) > 1e-4 + 1e-11 * known).sum())
        good &= whole > 0
        out[at] = whole
    if raw.volume.dtype == np.int64:
        out[4] = raw.volume
        if rows and (out[4].min() < 0 or out[4].max() > VOLUME_MAX):
            good &= (out[4] >= 0) & (out[4] <= VOLUME_MAX)
    else:
        known = np.isfinite(raw.volume)
        good &= known & (raw.volume >= 0) & (raw.volume <= VOLUME_MAX)
        out[4] = np.where(known, raw.volume, 0)
    opened, high, low, close = out[:4]
    good &= (high >= opened) & (high >= close) & (low <= opened) & (low <= close)
    return out, rounded, good
