"""`trade`: what stops it before it trades, its exit statuses, and the parts that a day is made of."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path

import pytest

from adapters.report.writer import EodWriter
from adapters.store.lock import AccountLock
from app import cli
from app.day import NotingWriter, StopRequest
from domain.portfolio import Book
from domain.report.replay import past_day
from tests.report.sample_day import DAY, journal
from tests.support.waiting import child_processes, nothing_left_behind


class Trade:
    """The command line with folders of its own."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capfd = folder, capfd

    def run(self, *argv: str, command: tuple[str, ...] = ("trade",)) -> tuple[int, str, str]:
        sets = ("--set", f"data_dir={self.folder / 'data'}", "--set", f"reports_dir={self.folder / 'reports'}")
        status = cli.main([*command, *argv, *sets])
        out, err = self._capfd.readouterr()
        return status, out, err


@pytest.fixture
def trade(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Trade:
    return Trade(tmp_path, capfd)


def lines(err: str) -> list[str]:
    """What was said to the person (the log's lines have a time first)."""
    assert "Traceback" not in err
    return [line for line in err.splitlines() if line.startswith("patang: ")]


def test_live_needs_to_be_meant(trade: Trade) -> None:
    status, out, err = trade.run("--env", "live")

    assert (status, out) == (2, "")
    assert (
        err
        == "patang: live trades with real money: say --yes-i-mean-live if that is meant, or use --env sandbox or paper.\n"
    )
    assert list(trade.folder.iterdir()) == []  # nothing was even looked at


@pytest.mark.parametrize(
    ("environ", "key", "meaning"),
    [
        ({}, "API_KEY", "the app's key"),
        ({"PATANG_KITE_API_KEY": "k"}, "USER_ID", "the client id of the account that is traded"),
        ({"PATANG_KITE_USER_ID": "AB1234"}, "API_KEY", "the app's key"),
    ],
)
@pytest.mark.parametrize("command", [("trade", "--yes-i-mean-live"), ("check",)])
def test_live_without_a_named_account_is_refused_in_one_line(
    trade: Trade,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    environ: dict[str, str],
    key: str,
    meaning: str,
) -> None:
    for name in ("API_KEY", "USER_ID"):
        monkeypatch.delenv(f"PATANG_KITE_{name}", raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)

    status, out, err = trade.run("--env", "live", command=command)

    assert (status, out) == (2, "")
    (line,) = lines(err)
    assert line.startswith("patang: config/base.yaml:")
    assert line.endswith(f"kite.{key.lower()}: found nothing; allowed: {meaning}, best in PATANG_KITE_{key} or .env")


@pytest.mark.parametrize("until", ["noon", "25:00", "11", "11:30:00", ""])
def test_a_time_that_is_none(trade: Trade, until: str) -> None:
    status, out, err = trade.run("--until", until)

    assert (status, out) == (2, "")
    assert err == f"patang: --until: found {until!r}; allowed: a market time HH:MM, such as 11:30\n"
    assert list(trade.folder.iterdir()) == []


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("kind: domain.strategies.ma_crossover:Nobody\n    instruments: [NSE:INFY]", "3: strategies.ma_crossover.kind: strategy 'domain.strategies.ma_crossover:Nobody'"),
        ("kind: domain.strategies.ma_crossover:MaCrossover\n    instruments: [NSE:NOBODY]", "4: strategies.ma_crossover.instruments[0]: NSE:NOBODY is not among the day's instruments"),
    ],
)  # fmt: skip
def test_a_wrong_name_is_one_line_with_its_place(trade: Trade, setting: str, says: str) -> None:
    file = trade.folder / "mine.yaml"
    file.write_text(
        f"strategies:\n  ma_crossover:\n    {setting}\n    interval: minute\n    capital: 1\n    quantity: 1\n"
    )

    with nothing_left_behind():
        status, out, err = trade.run("--config", str(file))

    assert (status, out) == (2, "")
    (line,) = lines(err)
    assert line.startswith(f"patang: {file}:{says}")


def test_a_second_process_on_one_account_is_refused_in_one_line(trade: Trade) -> None:
    lock = AccountLock(trade.folder / "data" / "sandbox" / "lock")

    with nothing_left_behind():
        status, out, err = trade.run()
    lock.release()

    assert (status, out) == (1, "")
    (line,) = lines(err)
    assert "trades this account already; stop it first" in line


@pytest.mark.slow
def test_a_morning_leaves_a_report_and_no_process_behind(trade: Trade) -> None:
    children = child_processes()
    status, out, err = trade.run("--until", "09:40", "--speed", "250", "--instruments", "2", "--json")

    assert status == 0, err
    assert child_processes() == children
    AccountLock(trade.folder / "data" / "sandbox" / "lock").release()
    document = json.loads(out)
    assert lines(err) == []
    (written,) = (trade.folder / "reports").rglob("*.json")
    assert json.loads(written.read_text()) == document


# -- parts -------------------------------------------------------------------------------------------------------------


def test_a_written_report_is_noted_and_waited_for(tmp_path: Path) -> None:
    writer, report = NotingWriter(EodWriter(tmp_path)), past_day(journal(), Book(), DAY, "sandbox")
    assert report is not None
    assert (writer.count, writer.last, writer.wait_beyond(0, 0.0)) == (0, None, False)
    waited: list[bool] = []
    waiter = threading.Thread(target=lambda: waited.append(writer.wait_beyond(0, 10.0)))
    waiter.start()

    written = writer.write(report)
    waiter.join()

    assert waited == [True]
    assert (writer.count, writer.last, writer.report) == (1, written, report)
    assert Path(written.html_path).exists()
    assert writer.wait_beyond(0, 0.0)
    assert not writer.wait_beyond(1, 0.0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_and_the_second_is_left_to_the_system(number: signal.Signals) -> None:
    former = signal.getsignal(number)
    with StopRequest() as stop:
        assert not stop.wait(0.0)

        signal.raise_signal(number)

        assert stop.wait(0.0)
        assert signal.getsignal(number) not in (signal.SIG_DFL, former)  # one more is heard
        signal.getsignal(number)(number, None)  # type: ignore[operator, misc]  # the second one
        assert signal.getsignal(number) is signal.SIG_DFL
    assert signal.getsignal(number) == former
