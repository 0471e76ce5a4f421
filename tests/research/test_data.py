"""Files of candles: what is read, what is dropped by which rule, what is refused in which words."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from domain.calendar import SessionCalendar
from domain.values import IST, Instrument, InstrumentKind, SessionClass, nanos
from research.data.adjust import ActionsUnreadable, read_actions
from research.data.candles import fingerprint, of_bars
from research.data.load import DataError, Facts, load

CALENDAR = SessionCalendar(fallback_weekdays=True)
HEAD = "timestamp,open,high,low,close,volume\n"
GOOD = (
    "2026-11-02 09:15:00,100,101,99.5,100.5,10\n"
    "2026-11-02 09:16:00,100.5,102,100,101.35,20\n"
    "2026-11-02 09:17:00,101,101,101,101,0\n"
)


def written(folder: Path, rows: str, name: str = "INFY.csv") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + rows, encoding="utf-8")
    return path


def test_a_plain_file_is_read_as_it_stands(tmp_path: Path) -> None:
    [found] = load(written(tmp_path, GOOD), calendar=CALENDAR)

    assert found.candles.instrument.key == "NSE:INFY"
    assert found.candles.interval_seconds == 60
    assert found.candles.close.tolist() == [1_005_000, 1_013_500, 1_010_000]
    assert found.candles.start[0] == nanos(dt.datetime(2026, 11, 2, 9, 15, tzinfo=IST))
    assert (found.report.bad, found.report.rounded, found.report.outside, found.report.gaps) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("2026-11-02 09:18:00,101,100,99,100,5\n", "bad"),  # the high below the open
        ("2026-11-02 09:18:00,101,102,101.5,101,5\n", "bad"),  # the low above the open
        ("2026-11-02 09:18:00,0,1,0,1,5\n", "bad"),
        ("2026-11-02 09:18:00,-1,1,-1,1,5\n", "bad"),
        ("2026-11-02 09:18:00,,102,99,100,5\n", "bad"),
        ("2026-11-02 09:18:00,inf,inf,99,100,5\n", "bad"),
        ("2026-11-02 09:18:00,100,102,99,100,-5\n", "bad"),
        ("2026-11-02 09:17:00,100,102,99,100,5\n", "duplicates"),
        ("2026-11-02 08:59:00,100,102,99,100,5\n", "outside"),
        ("2026-11-02 15:30:00,100,102,99,100,5\n", "outside"),
        ("2026-11-01 09:18:00,100,102,99,100,5\n", "outside"),  # a Sunday
        ("2026-11-02 09:20:00,100,102,99,100,5\n", "gap_days"),
        ("2026-11-02 09:18:00,100.00005,102,99,100,5\n", "rounded"),
    ],
)
def test_each_rule_counts_what_it_does(tmp_path: Path, row: str, what: str) -> None:
    [found] = load(written(tmp_path, GOOD + row), calendar=CALENDAR)

    assert getattr(found.report, what) == 1, found.report
    dropped = what in ("bad", "duplicates", "outside")
    assert len(found.candles) == 3 + (not dropped)


def test_rows_out_of_order_are_sorted_and_the_last_of_a_time_stays(tmp_path: Path) -> None:
    lines = GOOD.splitlines(keepends=True)
    again = "2026-11-02 09:16:00,100.5,102,100,100.5,20\n"

    [found] = load(written(tmp_path, lines[2] + lines[0] + lines[1] + again), calendar=CALENDAR)

    assert found.candles.close.tolist() == [1_005_000, 1_005_000, 1_010_000]
    assert found.report.duplicates == 1


@pytest.mark.parametrize(
    "stamp", ["2026-11-02T09:15:00+05:30", "2026-11-02T03:45:00Z", "2026-11-02 03:45:00+00:00", "2026-11-02 09:15:00"]
)
def test_a_zone_is_kept_and_without_one_it_is_india(tmp_path: Path, stamp: str) -> None:
    [found] = load(written(tmp_path, f"{stamp},100,101,99.5,100.5,10\n"), calendar=CALENDAR, interval_seconds=60)

    assert found.candles.start[0] == nanos(dt.datetime(2026, 11, 2, 9, 15, tzinfo=IST))


def test_parquet_and_csv_of_the_same_rows_are_the_same_data(tmp_path: Path) -> None:
    csv = written(tmp_path, GOOD)
    frame = pl.read_csv(csv, try_parse_dates=True)
    frame.write_parquet(tmp_path / "NSE_INFY.parquet")

    [one] = load(csv, calendar=CALENDAR)
    [other] = load(tmp_path / "NSE_INFY.parquet", calendar=CALENDAR)

    assert fingerprint([one.candles]) == fingerprint([other.candles])


def test_one_changed_number_is_another_fingerprint(tmp_path: Path) -> None:
    [one] = load(written(tmp_path, GOOD), calendar=CALENDAR)
    [other] = load(written(tmp_path, GOOD.replace(",20\n", ",21\n")), calendar=CALENDAR)

    assert fingerprint([one.candles]) != fingerprint([other.candles])


@pytest.mark.parametrize(
    ("name", "key", "session"),
    [
        ("INFY.csv", "NSE:INFY", SessionClass.EQUITY),
        ("BSE_INFY.csv", "BSE:INFY", SessionClass.EQUITY),
        ("NFO/NIFTY26NOVFUT.minute.csv", "NFO:NIFTY26NOVFUT", SessionClass.EQUITY_DERIVATIVE),
        ("M&M.csv", "NSE:M&M", SessionClass.EQUITY),
    ],
)
def test_the_files_name_says_the_instrument(tmp_path: Path, name: str, key: str, session: SessionClass) -> None:
    [found] = load(written(tmp_path, GOOD, name), calendar=CALENDAR)

    assert found.candles.instrument.key == key
    assert found.candles.instrument.session is session


@pytest.mark.parametrize(
    ("rows", "name", "words"),
    [
        ("", "INFY.csv", "no row"),
        ("2026-11-01 09:15:00,100,101,99,100,1\n2026-11-01 09:16:00,100,101,99,100,1\n", "INFY.csv", "2 outside"),
        ("soon,100,101,99,100,1\n", "INFY.csv", "want times such as"),
        (GOOD.splitlines(keepends=True)[0], "INFY.csv", "give --interval"),
        (GOOD, "INFY.txt", "want .parquet, .csv"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(tmp_path: Path, rows: str, name: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load(written(tmp_path, rows, name), calendar=CALENDAR)


def test_a_column_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "INFY.csv"
    path.write_text("timestamp,open,high,low,close\n2026-11-02 09:15:00,1,1,1,1\n", encoding="utf-8")

    with pytest.raises(DataError, match="no column 'volume'"):
        load(path, calendar=CALENDAR)


def test_a_split_makes_the_past_as_if_of_todays_shares(tmp_path: Path) -> None:
    rows = "2026-11-02 09:15:00,101,103,99,100.15,11\n2026-11-03 09:15:00,50,51,49,50,20\n"
    actions = tmp_path / "actions.csv"
    actions.write_text("instrument,day,factor\nNSE:INFY,2026-11-03,2/1\n", encoding="utf-8")

    [found] = load(written(tmp_path, rows), calendar=CALENDAR, interval_seconds=60, actions=read_actions(actions))

    assert found.candles.open.tolist() == [505_000, 500_000]
    assert found.candles.close.tolist() == [500_750, 500_000]
    assert found.candles.volume.tolist() == [22, 20]


@pytest.mark.parametrize("row", ["NSE:INFY,2026-11-03,0", "NSE:INFY,someday,2", "NSE:INFY,2026-11-03"])
def test_a_bad_action_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    path = tmp_path / "actions.csv"
    path.write_text(f"instrument,day,factor\n{row}\n", encoding="utf-8")

    with pytest.raises(ActionsUnreadable, match=":2:"):
        read_actions(path)


def test_arrays_and_bars_are_the_same_thing(tmp_path: Path) -> None:
    [found] = load(written(tmp_path, GOOD), calendar=CALENDAR, facts=Facts(tick_size=100))
    share = Instrument(1, "NSE", "INFY", InstrumentKind.EQUITY, 500)

    again = of_bars(share, 60, [found.candles.bar(at) for at in range(3)])

    assert all(np.array_equal(getattr(again, name), getattr(found.candles, name)) for name in ("start", "high", "low"))
