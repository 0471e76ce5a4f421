"""Downloading: only what is missing, in pieces below the broker's limits, kept when it is interrupted."""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from adapters.marketfiles.bars_file import About, path_of, read_about, read_bars
from adapters.marketfiles.download import Step, download, plan, summarise
from domain.bars import Bar
from domain.calendar import SessionCalendar
from domain.errors import BrokerUnavailable
from domain.values import MINUTE, SECOND, Instrument, Nanos, ist
from tests.domain.builders import INFY, SBIN, at
from tests.support.projects import ROOT

WANTED = (dt.date(2026, 9, 1), dt.date(2026, 11, 20))


class Candles:
    """History in memory: one candle for each weekday at 09:15; fails once after so many calls."""

    def __init__(self, fails_after: int = 1000) -> None:
        self.asked: list[tuple[str, dt.date, dt.date]] = []
        self.duplicates = 0
        self._fails_after = fails_after

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        if len(self.asked) >= self._fails_after:
            raise BrokerUnavailable("no reply")
        first, last = ist(start).date(), ist(end - 1).date()
        self.asked.append((instrument.symbol, first, last))
        days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
        return [
            Bar(instrument.token, interval_seconds, at("09:15", day), 1, 2, 1, 2, 5, backfilled=True)
            for day in days
            if day.weekday() < 5
        ]


class Clock:
    def __init__(self, now: Nanos) -> None:
        self.now = now

    def now_ns(self) -> Nanos:
        return self.now


def steps(folder: Path, wanted: tuple[dt.date, dt.date] = WANTED) -> list[Step]:
    return plan(folder, [INFY, SBIN], "minute", 60, wanted, 60)


def test_a_stretch_is_asked_for_in_pieces_and_a_second_run_asks_nothing(tmp_path: Path) -> None:
    candles, clock = Candles(), Clock(at("18:00", dt.date(2026, 11, 22)))
    seen: list[str] = []
    done = download(
        steps(tmp_path), candles, clock, lambda step, added: seen.append(f"{step.instrument.symbol} {added}")
    )

    assert candles.asked == [
        ("INFY", dt.date(2026, 9, 1), dt.date(2026, 10, 30)),
        ("INFY", dt.date(2026, 10, 31), dt.date(2026, 11, 20)),
        ("SBIN", dt.date(2026, 9, 1), dt.date(2026, 10, 30)),
        ("SBIN", dt.date(2026, 10, 31), dt.date(2026, 11, 20)),
    ]
    assert seen == ["INFY 44", "INFY 15", "SBIN 44", "SBIN 15"]
    assert done["NSE:INFY", "minute"] == (59, 2, 0)
    assert steps(tmp_path) == []
    assert [(step.instrument.symbol, step.days) for step in steps(tmp_path, (WANTED[0], dt.date(2026, 11, 21)))] == [
        ("INFY", (dt.date(2026, 11, 21), dt.date(2026, 11, 21))),
        ("SBIN", (dt.date(2026, 11, 21), dt.date(2026, 11, 21))),
    ]


def test_what_came_before_an_interruption_is_kept(tmp_path: Path) -> None:
    clock = Clock(at("18:00", dt.date(2026, 11, 22)))
    with pytest.raises(BrokerUnavailable):
        download(steps(tmp_path), Candles(fails_after=3), clock, lambda _step, _added: None)

    again = Candles()
    download(steps(tmp_path), again, clock, lambda _step, _added: None)
    assert again.asked == [("SBIN", dt.date(2026, 10, 31), dt.date(2026, 11, 20))]
    assert len(read_bars(path_of(tmp_path, "NSE:SBIN", "minute"))) == 59


def test_a_day_that_is_not_over_is_asked_for_again(tmp_path: Path) -> None:
    clock = Clock(at("11:00", dt.date(2026, 11, 20)))
    download(steps(tmp_path), Candles(), clock, lambda _step, _added: None)

    about = read_about(path_of(tmp_path, "NSE:INFY", "minute"))
    assert about == About("NSE:INFY", INFY.token, 60, ((WANTED[0], dt.date(2026, 11, 19)),))
    assert {step.days for step in steps(tmp_path)} == {(WANTED[1], WANTED[1])}


def test_the_summary_holds_the_file_against_the_calendar(tmp_path: Path) -> None:
    clock = Clock(at("18:00", dt.date(2026, 11, 22)))
    done = download(steps(tmp_path), Candles(), clock, lambda _step, _added: None)
    found = summarise(tmp_path, INFY, "minute", 60, WANTED, done["NSE:INFY", "minute"], SessionCalendar(), clock)

    holidays = 4  # 14 September, 2 and 20 October, 10 November: weekdays with a candle that should not be
    assert (found.bars, found.added, found.requests, found.gaps.outside) == (59, 59, 2, holidays)
    assert found.gaps.missing_bars > 10_000
    assert MINUTE // SECOND == 60


def test_the_command_fills_files_from_the_sandbox(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "run.py"), "download", "--instruments", "NSE:INFY,NSE:NIFTY 50"]
    command += ["--interval", "15minute", "--from", "2026-11-16", "--to", "2026-11-19", "--json"]
    command += ["--set", f"data_dir={tmp_path}", "--set", "sandbox.date=2026-11-20"]
    path = ""
    for added in (96, 0):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
        assert ended.returncode == 0, ended.stderr
        (infy, nifty) = json.loads(ended.stdout)["files"]
        assert (infy["bars"], infy["added"], infy["duplicates"]) == (96, added, 0)
        assert infy["gaps"]["missing_days"] == [] and infy["gaps"]["missing_bars"] == infy["gaps"]["outside"] == 0
        assert nifty["bars"] > 0
        path = infy["path"]
    assert Path(path) == tmp_path / "sandbox" / "history" / "NSE" / "INFY.15minute.parquet"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("--from", "2026-11-32"), "--from: found '2026-11-32'"),
        (("--from", "2026-11-19"), "is after the last day"),
        (("--interval", "7minute"), "--interval: found '7minute'; allowed: minute"),
        (("--instruments", "NSE:NOSUCH"), "'NSE:NOSUCH' is not among the day's instruments"),
    ],
)
def test_bad_usage_is_one_line(tmp_path: Path, change: tuple[str, str], words: str) -> None:
    options = {"--instruments": "NSE:INFY", "--from": "2026-11-16", "--to": "2026-11-17", "--interval": "day"}
    options |= dict([change])
    command = [sys.executable, str(ROOT / "run.py"), "download", *(word for pair in options.items() for word in pair)]
    command += ["--set", f"data_dir={tmp_path}", "--set", "sandbox.date=2026-11-20"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)

    assert ended.returncode == 2
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
