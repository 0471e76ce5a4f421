"""`journal`, `orders`, `positions`, `report eod`: what is stored, read while nothing runs and while a trader does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.store.journal import SqliteJournal
from app import cli
from domain.messages.journal import IntentAccepted, OrderState
from tests.report.sample_day import DAY, journal_events


class Store:
    """A data folder of its own, and the command line reading it."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capfd = folder, capfd
        self.journal = folder / "data" / "sandbox" / "journal.db"

    def run(self, *argv: str) -> tuple[int, str, str]:
        sets = ("--set", f"data_dir={self.folder / 'data'}", "--set", f"reports_dir={self.folder / 'reports'}")
        status = cli.main([*argv, *sets])
        out, err = self._capfd.readouterr()
        return status, out, err

    def read(self, *argv: str) -> dict[str, object]:
        status, out, err = self.run(*argv, "--json")
        assert (status, err) == (0, "")
        document = json.loads(out)
        assert isinstance(document, dict)
        return document

    def trade(self) -> SqliteJournal:
        """The sample day, as a trader leaves it behind."""
        journal = SqliteJournal(self.journal, threading.Lock)
        journal.commit(journal_events())
        return journal


@pytest.fixture
def empty(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Store:
    return Store(tmp_path, capfd)


@pytest.fixture(params=["nothing runs", "a trader runs"])
def stored(request: pytest.FixtureRequest, empty: Store) -> Iterator[Store]:
    journal = empty.trade()
    if request.param == "nothing runs":
        journal.close()
        yield empty
    else:
        yield empty
        journal.close()


def rows(document: dict[str, object], key: str) -> list[dict[str, object]]:
    found = document[key]
    assert isinstance(found, list)
    return found


def test_journal_lists_every_intent_with_its_state(stored: Store) -> None:
    intents = rows(stored.read("journal"), "intents")

    asked = [event for event in journal_events() if isinstance(event, IntentAccepted)]
    assert [row["tag"] for row in intents] == [event.tag for event in asked]
    assert [row["state"] for row in intents] == ["complete"] * 4 + ["rejected", "expired", "complete"]
    assert {row["strategy"] for row in intents} == {"ma_cross", "rsi_reversion"}
    assert [row["order_id"] is None for row in intents] == [False] * 4 + [True, True, False]
    assert {row["state"] for row in intents} <= {state.name.lower() for state in OrderState}
    rejected = intents[4]
    assert rejected["text"] == "Insufficient funds <required> 40,75,000"
    assert (rejected["instrument"], rejected["side"], rejected["quantity"], rejected["filled"]) == ("NSE:SBIN", "BUY", 5000, 0)  # fmt: skip


def test_orders_are_those_that_reached_the_broker(stored: Store) -> None:
    document = stored.read("orders")

    assert document["day"] == DAY
    assert [row["state"] for row in rows(document, "orders")] == ["complete"] * 4 + ["rejected", "complete"]
    assert [row["filled"] for row in rows(document, "orders")] == [100, 100, 40, 40, 0, 40]


def test_positions_by_strategy_in_rupees(stored: Store) -> None:
    document = stored.read("positions")

    assert (document["day"], document["unit"]) == (DAY, "INR")
    by_line = {(row["strategy"], row["instrument"]): row for row in rows(document, "positions")}
    assert by_line["rsi_reversion", "NSE:SBIN"]["quantity"] == 40
    assert by_line["rsi_reversion", "NSE:SBIN"]["last_price"] == 810.05
    assert (
        by_line["rsi_reversion", "NSE:SBIN"]["average"] == float(str(by_line["rsi_reversion", "NSE:SBIN"]["cost"])) / 40
    )
    assert by_line["ma_cross", "NSE:INFY"]["average"] == 0, "flat"
    assert by_line["ma_cross", "NSE:INFY"]["realised"] == 890
    assert by_line["(by hand)", "NSE:INFY"]["quantity"] == 0


def test_the_end_of_day_report_is_made_from_the_store_once_and_then_read(stored: Store) -> None:
    first = stored.read("report", "eod")
    written = sorted((stored.folder / "reports").rglob("*.json"))
    again = stored.read("report", "eod", "--date", DAY)

    assert first == again
    assert len(written) == 1
    assert json.loads(written[0].read_text()) == first
    # What was written when the day ended knows more than the journal: it is shown, never made again.
    written[0].write_text('{"kept": true}')
    assert stored.read("report", "eod") == {"kept": True}
    assert written[0].read_text() == '{"kept": true}'


@pytest.mark.parametrize("command", [("journal",), ("orders",), ("positions",), ("report", "eod")])
def test_people_get_a_table(stored: Store, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "240")

    status, out, err = stored.run(*command)

    assert (status, err) == (0, "")
    assert "SBIN" in out or "report:" in out
    assert not out.lstrip().startswith("{")


def test_reading_changes_nothing(empty: Store) -> None:
    empty.trade().close()
    before = empty.journal.read_bytes()

    for command in (("journal",), ("orders",), ("positions",)):
        empty.run(*command)

    assert empty.journal.read_bytes() == before


# -- nothing is stored ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "document"),
    [
        ("journal", {"intents": []}),
        ("orders", {"day": None, "orders": []}),
        ("positions", {"day": None, "unit": "INR", "positions": []}),
    ],
)
def test_where_nothing_was_traded_there_is_nothing(empty: Store, command: str, document: object) -> None:
    assert empty.read(command) == document
    status, out, err = empty.run(command)

    assert (status, err) == (0, "")
    assert "none" in out
    assert "None" not in out
    assert not empty.folder.joinpath("data").exists()  # reading leaves nothing behind


@pytest.mark.parametrize(
    ("argv", "status", "says"),
    [
        (("report", "eod"), 1, "patang: there is nothing to report on yet: no trading day is stored\n"),
        (("report", "eod", "--date", "2026-11-20"), 1, "patang: no trading day 2026-11-20 is stored; known: none\n"),
        (("report", "eod", "--date", "20-11-2026"), 2, "patang: --date: found '20-11-2026'; allowed: a day YYYY-MM-DD\n"),
    ],
)  # fmt: skip
def test_a_report_on_nothing_is_one_line(empty: Store, argv: tuple[str, ...], status: int, says: str) -> None:
    assert empty.run(*argv, "--json") == (status, "", says)


def test_a_day_that_is_not_stored_names_those_that_are(stored: Store) -> None:
    status, out, err = stored.run("report", "eod", "--date", "2026-11-19")

    assert (status, out) == (1, "")
    assert err == f"patang: no trading day 2026-11-19 is stored; known: {DAY}\n"


def test_a_journal_that_was_never_filled_is_not_made_by_reading(empty: Store) -> None:
    empty.journal.parent.mkdir(parents=True)
    empty.journal.touch()

    status, out, err = empty.run("journal", "--json")

    assert (status, out) == (1, "")
    assert err.startswith(f"patang: {empty.journal}: journal of version 0")
    assert empty.journal.stat().st_size == 0


def test_a_journal_that_is_none_is_said_in_one_line(empty: Store) -> None:
    empty.journal.parent.mkdir(parents=True)
    empty.journal.write_bytes(b"this is not a database, whatever its name says" * 100)

    status, out, err = empty.run("journal", "--json")

    assert (status, out) == (1, "")
    assert err.startswith(f"patang: {empty.journal}: not a readable journal")
    assert err.count("\n") == 1
