"""A file of candles: what it holds, which days it covers, and that it changes whole or not at all."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.marketfiles.bars_file import (
    About,
    Days,
    UnreadableFile,
    merged,
    missing,
    path_of,
    read_about,
    read_bars,
    write_bars,
)
from adapters.marketfiles.gaps import look
from domain.bars import Bar
from domain.calendar import SessionCalendar
from domain.values import SECOND, SessionClass, ist
from tests.domain.builders import at

ABOUT = About("NSE:INFY", 408065, 60, ((dt.date(2026, 11, 19), dt.date(2026, 11, 20)),))
MONDAY = dt.date(2026, 11, 2)


def a_bar(clock: str, close: int = 15_000_000, volume: int = 7) -> Bar:
    return Bar(408065, 60, at(clock), 15_000_000, 15_010_000, 14_990_000, close, volume, backfilled=True)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = path_of(tmp_path, "NSE:INFY", "minute")
    bars = [a_bar("09:15"), a_bar("09:16", 15_000_500)]

    assert write_bars(path, ABOUT, bars) == 2
    assert read_bars(path) == bars
    assert read_about(path) == ABOUT
    assert [one.name for one in path.parent.iterdir()] == ["INFY.minute.parquet"]


def test_newer_candles_take_the_place_of_older_ones_and_all_are_in_order(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    write_bars(path, ABOUT, [a_bar("09:17"), a_bar("09:15")])
    assert write_bars(path, ABOUT, [a_bar("09:16"), a_bar("09:15", 15_005_000)]) == 3

    assert [(ist(bar.start).strftime("%H:%M"), bar.close) for bar in read_bars(path)] == [
        ("09:15", 15_005_000),
        ("09:16", 15_000_000),
        ("09:17", 15_000_000),
    ]


def test_any_program_reads_the_columns_in_indian_time(tmp_path: Path) -> None:
    write_bars(tmp_path / "x.parquet", ABOUT, [a_bar("09:15")])
    frame = pl.read_parquet(tmp_path / "x.parquet")

    assert frame.schema["start"] == pl.Datetime("ns", "Asia/Kolkata")
    assert frame["start"].to_list()[0].isoformat() == "2026-11-20T09:15:00+05:30"
    assert frame.select("open", "volume").row(0) == (15_000_000, 7)


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.parquet"
    write_bars(path, ABOUT, [a_bar("09:15")])
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(OSError, match="disk full"):
        write_bars(path, ABOUT, [a_bar("09:16")])

    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_foreign_file_is_refused_in_words(tmp_path: Path) -> None:
    torn, foreign = tmp_path / "torn.parquet", tmp_path / "foreign.parquet"
    torn.write_bytes(b"PAR1 torn")
    pl.DataFrame({"a": [1]}).write_parquet(foreign)

    for path in (torn, foreign):
        with pytest.raises(UnreadableFile, match="not a file of candles"):
            read_about(path)
    assert read_about(tmp_path / "absent.parquet") is None
    with pytest.raises(UnreadableFile, match="no such file"):
        read_bars(tmp_path / "absent.parquet")


@pytest.mark.parametrize(
    ("key", "name"),
    [
        ("NSE:NIFTY 50", "NSE/NIFTY 50.day.parquet"),
        ("NSE:M&M", "NSE/M&M.day.parquet"),
        ("NSE:../../x", "NSE/..%2F..%2Fx.day.parquet"),
    ],
)
def test_no_symbol_leaves_the_folder(tmp_path: Path, key: str, name: str) -> None:
    assert path_of(tmp_path, key, "day") == tmp_path / name


STRETCHES = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 10)).map(
        lambda pair: (MONDAY + dt.timedelta(days=pair[0]), MONDAY + dt.timedelta(days=sum(pair)))
    ),
    max_size=6,
)


@given(covered=STRETCHES, wanted=STRETCHES.filter(bool).map(lambda found: found[0]))
def test_what_is_missing_and_what_is_covered_is_all_that_is_wanted_once(covered: list[Days], wanted: Days) -> None:
    gone = missing(wanted, covered)
    days = [day for stretch in gone for day in every_day(stretch)]

    assert sorted(days) == days and len(set(days)) == len(days)
    assert set(days) == set(every_day(wanted)) - {day for stretch in covered for day in every_day(stretch)}
    whole = merged(covered)
    assert all(later[0] > earlier[1] + dt.timedelta(days=1) for earlier, later in itertools.pairwise(whole))


def every_day(days: Days) -> list[dt.date]:
    return [days[0] + dt.timedelta(days=number) for number in range((days[1] - days[0]).days + 1)]


# -- against the calendar --------------------------------------------------------------------------------------------------


def minutes(day: dt.date, first: str, last: str) -> list[int]:
    return list(range(at(first, day) // SECOND, at(last, day) // SECOND + 1, 60))


def test_a_whole_week_has_nothing_to_report() -> None:
    week = (MONDAY, MONDAY + dt.timedelta(days=4))
    starts = [start for day in every_day(week) for start in minutes(day, "09:15", "15:29")]

    assert look(starts, SessionClass.EQUITY, 60, week, SessionCalendar(), at("16:00") // SECOND).none


@pytest.mark.parametrize(
    ("name", "change", "days", "bars", "outside"),
    [
        ("a day is gone", lambda s: s[:375] + s[750:], 1, 0, 0),
        ("a minute is gone", lambda s: s[:10] + s[11:], 0, 1, 0),
        ("a candle on Sunday", lambda s: s + minutes(MONDAY + dt.timedelta(days=6), "09:15", "09:15"), 0, 0, 1),
        ("a candle after the close", lambda s: sorted(s + minutes(MONDAY, "15:30", "15:31")), 0, 0, 2),
        ("nothing at all", lambda _s: [], 5, 0, 0),
    ],
)
def test_what_differs_from_the_calendar_is_counted(
    name: str, change: Callable[[list[int]], list[int]], days: int, bars: int, outside: int
) -> None:
    week = (MONDAY, MONDAY + dt.timedelta(days=6))
    whole = [start for day in every_day(week)[:5] for start in minutes(day, "09:15", "15:29")]
    starts = change(whole)
    found = look(starts, SessionClass.EQUITY, 60, week, SessionCalendar(), at("16:00") // SECOND)

    assert (found.missing_days_count, found.missing_bars, found.outside) == (days, bars, outside)


def test_what_is_not_over_is_not_missed_and_a_year_without_a_table_is_named() -> None:
    today = (dt.date(2026, 11, 20), dt.date(2026, 11, 20))
    starts = minutes(today[0], "09:15", "10:29")
    assert look(starts, SessionClass.EQUITY, 60, today, SessionCalendar(), at("10:30:30") // SECOND).none

    old = (dt.date(2019, 12, 30), dt.date(2019, 12, 31))
    assert look([], SessionClass.EQUITY, 60, old, SessionCalendar(), at("16:00") // SECOND).unchecked_years == (2019,)
