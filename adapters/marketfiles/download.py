"""Candles from the broker into files: what is missing, in pieces below the broker's limits, kept after each piece."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from adapters.marketfiles.bars_file import About, Days, merged, missing, path_of, read_about, read_starts, write_bars
from adapters.marketfiles.gaps import Gaps, look
from domain.bars import Bar
from domain.ports import Calendar, Clock
from domain.values import IST, SECOND, Instrument, Nanos, ist, nanos

_DAY: Final = dt.timedelta(days=1)


class CountingHistory(Protocol):
    """`domain.ports.History` that also counts candles it was given twice."""

    duplicates: int

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        """See History.bars."""
        ...


class Downloaded(Struct, frozen=True):
    """What became of one instrument and interval.

    bars         candles in the file now
    added        candles that this run asked for and got
    requests     stretches asked for; 0: everything was there
    duplicates   candles that the broker sent twice
    """

    instrument: str
    interval: str
    path: str
    bars: int
    added: int
    requests: int
    duplicates: int
    gaps: Gaps


class Step(Struct, frozen=True):
    """One stretch of days of one instrument, about to be asked for."""

    instrument: Instrument
    interval: str
    interval_seconds: int
    days: Days
    path: Path


def plan(
    folder: Path, instruments: Sequence[Instrument], interval: str, interval_seconds: int, wanted: Days, days_max: int
) -> list[Step]:
    """What has to be asked for: the days that no file covers, each stretch below the broker's limit of days."""
    steps = []
    for instrument in instruments:
        path = path_of(folder, instrument.key, interval)
        about = read_about(path)
        for stretch in missing(wanted, () if about is None else about.covered):
            steps += [Step(instrument, interval, interval_seconds, piece, path) for piece in _pieces(stretch, days_max)]
    return steps


def fetch(step: Step, history: CountingHistory, clock: Clock) -> int:
    """Ask for one stretch and keep it; how many candles came. Days that are not over are not counted as covered.

    Raises BrokerError; what was kept before stays.
    """
    first, last = step.days
    bars = history.bars(step.instrument, step.interval_seconds, _midnight(first), _midnight(last + _DAY))
    about = read_about(step.path) or About(step.instrument.key, step.instrument.token, step.interval_seconds)
    yesterday = ist(clock.now_ns()).date() - _DAY
    covered = about.covered
    if first <= yesterday:
        covered = merged([*covered, (first, min(last, yesterday))])
    # A token is the newest one's: derivatives' tokens are used again after expiry.
    fresh = About(about.instrument, step.instrument.token, about.interval_seconds, covered)
    write_bars(step.path, fresh, bars)
    return len(bars)


def download(
    steps: Sequence[Step],
    history: CountingHistory,
    clock: Clock,
    progress: Callable[[Step, int], None],
) -> dict[tuple[str, str], tuple[int, int, int]]:
    """All steps in order; per (instrument, interval): candles added, requests, duplicates."""
    done: dict[tuple[str, str], tuple[int, int, int]] = {}
    for step in steps:
        before = history.duplicates
        added = fetch(step, history, clock)
        sums = done.get((step.instrument.key, step.interval), (0, 0, 0))
        news = (added, 1, history.duplicates - before)
        done[step.instrument.key, step.interval] = (sums[0] + news[0], sums[1] + news[1], sums[2] + news[2])
        progress(step, added)
    return done


def summarise(
    folder: Path,
    instrument: Instrument,
    interval: str,
    interval_seconds: int,
    wanted: Days,
    done: tuple[int, int, int],
    calendar: Calendar,
    clock: Clock,
) -> Downloaded:
    """The file as it is now, held against the calendar."""
    path = path_of(folder, instrument.key, interval)
    starts = [start // SECOND for start in read_starts(path)] if path.exists() else []
    added, requests, duplicates = done
    return Downloaded(
        instrument=instrument.key,
        interval=interval,
        path=str(path),
        bars=len(starts),
        added=added,
        requests=requests,
        duplicates=duplicates,
        gaps=look(starts, instrument.session, interval_seconds, wanted, calendar, clock.now_ns() // SECOND),
    )


def _pieces(days: Days, days_max: int) -> Iterator[Days]:
    first, last = days
    while first <= last:
        end = min(last, first + (days_max - 1) * _DAY)
        yield first, end
        first = end + _DAY


def _midnight(day: dt.date) -> Nanos:
    return nanos(dt.datetime.combine(day, dt.time(), IST))
