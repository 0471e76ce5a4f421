"""`adjust`: the books changed by hand while nobody trades, from the command line to the journal."""

from __future__ import annotations

import json
import threading
from contextlib import closing
from pathlib import Path

import pytest

from adapters.store.journal import SqliteJournal
from adapters.store.lock import AccountLock
from app.cli import main
from domain.messages.adjustments import PositionAdjusted
from domain.portfolio import Book
from domain.values import Product
from tests.domain.builders import INFY, buy, day_opened


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A store in which strategy s1 holds 10 INFY for the day, bought at Rs 1,000, and the external ledger 3."""
    folder = tmp_path / "data" / "sandbox"
    folder.mkdir(parents=True)
    with closing(SqliteJournal(_journal(tmp_path), threading.Lock)) as journal:
        journal.commit([day_opened(), buy(10, 1000), buy(3, 900, strategy="", trade_id="t2")])
    return tmp_path


def _journal(folder: Path) -> Path:
    return folder / "data" / "sandbox" / "journal.db"


def adjust(folder: Path, *words: str) -> int:
    sets = ["--set", f"data_dir={folder / 'data'}"]
    return main(["adjust", *words, "--why", "as the exchange says", "--who", "asha", *sets])


def books(folder: Path) -> Book:
    book = Book()
    with closing(SqliteJournal(_journal(folder), threading.Lock, read_only=True)) as journal:
        book.apply_all(journal.read(0))
    return book


def test_a_split_changes_everybodys_units_and_is_journaled_with_who_and_why(data: Path) -> None:
    assert adjust(data, "split", INFY.key, "--ratio", "10:1") == 0

    assert {ledger.strategy: ledger.quantity for ledger in books(data).ledgers} == {"s1": 100, "": 30}
    with closing(SqliteJournal(_journal(data), threading.Lock, read_only=True)) as journal:
        said = [record.event for record in journal.read(3)]
    assert all(isinstance(event, PositionAdjusted) for event in said)
    assert {(event.who, event.why) for event in said} == {("asha", "as the exchange says")}  # type: ignore[union-attr]  # as asserted


def test_a_conversion_and_a_settlement(data: Path) -> None:
    assert adjust(data, "convert", INFY.key, "--strategy", "s1", "--quantity", "4", "--from", "mis", "--to", "cnc") == 0
    assert adjust(data, "settle", INFY.key, "--strategy", "external", "--price", "905.50", "--tax", "1") == 0

    lines = {(ledger.strategy, ledger.product): ledger.quantity for ledger in books(data).ledgers}
    assert lines == {("s1", Product.MIS): 6, ("s1", Product.CNC): 4, ("", Product.MIS): 0}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["split", INFY.key, "--ratio", "1:7"], "leave a fraction"),
        (["split", "NSE:SBIN", "--ratio", "2:1"], "nobody holds NSE:SBIN"),
        (["settle", INFY.key, "--strategy", "s2", "--price", "1"], "s2 does not hold"),
        (["convert", INFY.key, "--quantity", "1", "--from", "MIS", "--to", "CNC"], "one strategy's position"),
        (["convert", INFY.key, "--strategy", "s1", "--quantity", "11", "--from", "MIS", "--to", "CNC"], "11 units"),
        (["convert", INFY.key, "--strategy", "s1", "--quantity", "1", "--from", "MIS", "--to", "MIS"], "to itself"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_journaled(
    data: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str
) -> None:
    before = books(data).encode()

    assert adjust(data, *words) == 1

    assert says in capsys.readouterr().err
    assert books(data).encode() == before


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["split", INFY.key, "--ratio", "10"], "--ratio"),
        (["settle", INFY.key], "--price"),
        (["settle", INFY.key, "--price", "1.00001"], "--price"),
        (["convert", INFY.key, "--from", "XYZ", "--to", "CNC"], "--from"),
        (["split", "--ratio", "2:1"], "EXCHANGE:SYMBOL"),
        (["peak", INFY.key], "none for peak"),
    ],
)
def test_bad_words_are_bad_usage(data: Path, capsys: pytest.CaptureFixture[str], words: list[str], says: str) -> None:
    assert adjust(data, *words) == 2

    assert says in capsys.readouterr().err


def test_the_answer_as_json(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert adjust(data, "peak", "--json") == 0

    answer = json.loads(capsys.readouterr().out)
    assert (answer["done"], answer["by"]) == (True, "this terminal")


def test_while_a_trader_holds_the_account_the_trader_is_asked(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It answers that it must be stopped first; here nobody answers, and nothing is done."""
    monkeypatch.setattr("app.operating.WAIT_SECONDS", 0.2)
    before = books(data).encode()
    lock = AccountLock(data / "data" / "sandbox" / "lock")
    try:
        assert adjust(data, "split", INFY.key, "--ratio", "10:1") == 1
    finally:
        lock.release()

    assert books(data).encode() == before


def test_a_thaw_needs_a_trader(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sets = ["--set", f"data_dir={data / 'data'}"]

    assert main(["resume", "--thaw", "s1", "--why", "looked into it", *sets]) == 1

    assert "no trader runs here" in capsys.readouterr().err
