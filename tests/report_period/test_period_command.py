"""`report period` on a stored journal: what it prints and writes, and one line for whatever is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.reporter import MEMORY
from adapters.report.benchmark_csv import BenchmarkUnreadable, read_benchmark
from adapters.report.stored_days import StoredDays
from adapters.store.journal import SqliteJournal
from app import cli
from domain.report.eod import EquityPoint
from domain.report.memory import DayMemory
from domain.values import RUPEE, Product
from tests.report_period.journals import Trades, at, day_of, opened

MON, TUE = "2026-11-16", "2026-11-17"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two days: a trip each, and shares held overnight."""
    trade = Trades()
    journal = SqliteJournal(tmp_path / "data" / "sandbox" / "journal.db", threading.Lock)
    for day, gain in ((MON, 9), (TUE, -4)):
        journal.commit(
            [
                opened(day, 100_000),
                trade(day, "10:00", 100, 100, "NSE:INFY"),
                trade(day, "10:05", -100, 100 + gain, "NSE:INFY"),
                trade(day, "14:00", 10, 800, "NSE:SBIN", Product.CNC, "swing"),
            ]
        )
    journal.save_snapshot(MEMORY, 8, memory_of_tuesday().encode())
    journal.close()
    return tmp_path


def memory_of_tuesday() -> DayMemory:
    memory = DayMemory()
    memory.open(TUE, 5, at(TUE, "09:10"))
    memory.equity_curve.append(EquityPoint(at(TUE, "10:02"), 50_000 * RUPEE))
    return memory


@pytest.fixture
def run(store: Path, capfd: pytest.CaptureFixture[str]) -> Run:
    def command(*argv: str) -> tuple[int, str, str]:
        sets = ("--set", f"data_dir={store / 'data'}", "--set", f"reports_dir={store / 'reports'}")
        status = cli.main(["report", "period", *argv, *sets])
        out, err = capfd.readouterr()
        return status, out, err.replace(str(store), "HERE")

    return command


def document(run: Run, *argv: str) -> dict[str, Any]:
    status, out, err = run(*argv, "--json")
    assert (status, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_without_days_it_is_the_whole_journal(run: Run, store: Path) -> None:
    report = document(run)

    assert (report["from"], report["to"], report["trading_days"]) == (MON, TUE, 2)
    assert report["gross"] == 500
    folder = store / "reports" / "period" / f"sandbox_{MON}_{TUE}"
    assert json.loads((folder / "period.json").read_text()) == report
    assert "Period report" in (folder / "period.html").read_text()


def test_for_people_it_is_tables_and_the_paths(run: Run, store: Path) -> None:
    status, out, err = run("--from", MON, "--to", MON, "--csv", str(store / "out.csv"))

    assert (status, err) == (0, "")
    for said in (
        "Period 2026-11-16 to 2026-11-16",
        "Months",
        "Strategies",
        "swing",
        "Intraday shares",
        "out-trips.csv",
    ):
        assert said in out
    assert (store / "out.csv").read_text().startswith("day,capital,gross,charges,net")


def test_one_strategy(run: Run) -> None:
    report = document(run, "--strategy", "s1")

    assert report["strategy"] == "s1"
    assert report["gross"] == 500
    assert report["tax"] is None


def test_the_day_that_is_on_has_the_reporters_own_samples(store: Path) -> None:
    stored = StoredDays(store / "reports", "sandbox", memory_of_tuesday())

    tuesday = stored(TUE)

    assert tuesday is not None
    assert tuesday.samples.curve == tuple(memory_of_tuesday().equity_curve)
    assert stored(MON) is None


def test_unknown_excursions_are_said(run: Run) -> None:
    """Nothing was sampled on Monday; on Tuesday shares are held beside."""
    report = document(run)

    assert [trip["adverse"] for trip in report["trip_list"]] == [None, None]
    assert "Excursions are known of 0 of 2 round trips" in report["notes"][-1]


def test_stored_days_give_closes_and_prices_of_their_own_environment_alone(run: Run, store: Path) -> None:
    eod = {
        "env": "sandbox",
        "equity_curve": [],
        "open_positions": [{"instrument": "NSE:SBIN", "last_price": 830.00}],
        "price_samples": {"NSE:INFY": [[f"{MON}T10:02:00+05:30", 97.5], [f"{MON}T10:03:00+05:30", 111.0]]},
        "more": "is passed over",
    }
    folder = store / "reports" / MON
    folder.mkdir(parents=True)
    file = folder / "eod.json"

    file.write_text(json.dumps(eod))
    monday, trip = (document(run)[key][0] for key in ("days", "trip_list"))
    file.write_text(json.dumps(eod | {"env": "paper"}))
    other = document(run)["days"][0]

    assert monday["gross"] == 900 + 300
    assert (trip["adverse"], trip["favourable"]) == (-250, 1100)
    assert other["gross"] == 900


@pytest.mark.parametrize("body", ["", "[]", '{"env": "sandbox"}', '{"env": "sandbox", "equity_curve": [["x", 1]], "open_positions": []}'])  # fmt: skip
def test_a_stored_day_that_cannot_be_read_stops_the_report(body: str, run: Run, store: Path) -> None:
    folder = store / "reports" / MON
    folder.mkdir(parents=True)
    (folder / "eod.json").write_text(body)

    status, out, err = run("--json")

    assert (status, out) == (1, "")
    assert err.startswith("patang: HERE/reports/2026-11-16/eod.json: is no end-of-day report (")
    assert err.endswith("move it away and `report eod --date 2026-11-16` makes it again\n")


def test_a_benchmark_is_compared_with(run: Run, store: Path) -> None:
    file = store / "NIFTY.csv"
    file.write_text(f"Date,Open,Close\n2026-11-13,1,100\n{MON} 00:00:00+05:30,1,101\n{TUE},1,99.99\n\n")

    report = document(run, "--benchmark", str(file))

    assert report["benchmark"]["name"] == "NIFTY"
    assert report["benchmark"]["returns"] == pytest.approx([0.01, -0.01])


BAD = [
    (("--from", "soon"), "--from: found 'soon'; allowed: a day YYYY-MM-DD"),
    (("--to", "20261116"), "--to: found '20261116'; allowed: a day YYYY-MM-DD"),
    (("--from", TUE, "--to", MON), "--from: found 2026-11-17, after --to 2026-11-16; allowed: a day up to it"),
    (("--benchmark", "/nonexistent.csv"), "--benchmark: /nonexistent.csv: cannot be read: No such file or directory"),
    (("--csv", "/nonexistent/out.csv"), "--csv: /nonexistent/out.csv: cannot be written: No such file or directory"),
]


@pytest.mark.parametrize(("argv", "says"), BAD)
def test_bad_usage_is_one_line_and_status_2(argv: tuple[str, ...], says: str, run: Run) -> None:
    status, _, err = run(*argv)

    assert (status, err) == (2, f"patang: {says}\n")


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("--from", "2026-01-01", "--to", "2026-01-31"), "no trading day from 2026-01-01 to 2026-01-31 is stored: the journal has 2026-11-16 to 2026-11-17"),
        (("--strategy", "nobody"), "strategy 'nobody' did nothing from 2026-11-16 to 2026-11-17; known: s1, swing"),
    ],
)  # fmt: skip
def test_nothing_to_report_is_one_line_and_status_1(argv: tuple[str, ...], says: str, run: Run) -> None:
    assert run(*argv) == (1, "", f"patang: {says}\n")


def test_where_nothing_was_traded_there_is_nothing_to_report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    status = cli.main(["report", "period", "--set", f"data_dir={tmp_path}"])

    assert (status, capfd.readouterr().err) == (
        1,
        "patang: there is nothing to report on yet: no trading day is stored\n",
    )


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("", ":1: found ''; allowed: a head with date and close"),
        ("day,close\n", ":1: found 'day,close'; allowed: a head with date and close"),
        ("date,close\n2026-11-16\n", ":2: found 1 cells; allowed: one for each head"),
        ("date,close\n16-11-2026,5\n", ":2: found '16-11-2026'; allowed: a day YYYY-MM-DD"),
        ("date,close\n2026-11-16,0\n", ":2: found '0'; allowed: a close above 0"),
        ("date,close\n2026-11-16,nan\n", ":2: found 'nan'; allowed: a close above 0"),
        ("date,close\n2026-11-16,x\n", ":2: found 'x'; allowed: a close above 0"),
        ("date,close\n2026-11-16,1\n2026-11-16,2\n", ":3: found 2026-11-16 after 2026-11-16; allowed: days in order"),
    ],
)
def test_a_bad_benchmark_is_named_with_its_line(body: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "b.csv"
    file.write_text(body)

    with pytest.raises(BenchmarkUnreadable) as refused:
        read_benchmark(file)

    assert str(refused.value) == f"{file}{says}"


def test_a_good_benchmark_is_read(tmp_path: Path) -> None:
    file = tmp_path / "NIFTY 50.csv"
    file.write_text("﻿close, DATE\n100.5,2026-11-16T15:30:00\n")

    assert read_benchmark(file).closes == ((day_of(MON), 100.5),)
