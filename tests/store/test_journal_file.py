"""The journal on a real file: order, atomicity, claims, epochs, recovery, and a disk that refuses."""

from __future__ import annotations

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.store.journal import SqliteJournal
from adapters.store.lock import AccountLock
from domain.errors import (
    AccountLocked,
    DuplicateIntent,
    IllegalTransition,
    JournalCorrupt,
    JournalUnavailable,
    StaleApproval,
)
from domain.execution.values import ExecutionRule
from domain.messages.journal import IntentExpired, OrderAcknowledged, OrderState, SendingClaimed
from domain.messages.plans import ExecutionEnded, ExecutionStarted
from domain.orders.updates import after_trades
from tests.support.orders import NOW, a_trade, an_accepted, an_intent


def open_journal(path: Path) -> SqliteJournal:
    return SqliteJournal(path, threading.Lock)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = open_journal(tmp_path / "data" / "journal.db")
    yield opened
    opened.close()


def test_events_are_numbered_in_commit_order_and_read_back_equal(journal: SqliteJournal) -> None:
    first, second = an_accepted(an_intent("a:1")), an_accepted(an_intent("a:2"))

    told = [*journal.commit([first]), *journal.commit([second])]

    assert [r.seq for r in told] == [1, 2]
    assert list(journal.read(0)) == told
    assert list(journal.read(1)) == told[1:]
    assert list(journal.read(0, 1)) == told[:1]


def test_a_second_process_finds_every_order_in_its_state(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    accepted = an_accepted()
    journal.commit([accepted])
    journal.claim(accepted.tag, NOW)
    journal.commit([OrderAcknowledged(tag=accepted.tag, order_id="42", strategy="ma", time=NOW)])
    record = journal.record(accepted.tag)
    assert record is not None
    journal.commit(after_trades(record, [a_trade(record, "T1", 4, order_id="42")], frozenset(), NOW))
    before = journal.records()
    journal.close()

    again = open_journal(path)

    assert again.records() == before
    assert again.record_of("42") == before[0]
    assert again.trade_ids(accepted.tag) == {"T1"}
    assert [r.tag for r in again.open_records()] == [accepted.tag]
    again.close()


def test_a_tag_is_claimed_once_whoever_asks_and_only_while_valid(journal: SqliteJournal) -> None:
    accepted = an_accepted()
    journal.commit([accepted])
    late = an_accepted(an_intent("late:1", valid_until=NOW))
    journal.commit([late])
    claims: list[object] = []
    threads = [threading.Thread(target=lambda: claims.append(journal.claim(accepted.tag, NOW))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len([claim for claim in claims if claim is not None]) == 1
    assert journal.claim(late.tag, NOW) is None
    assert journal.claim("never journaled", NOW) is None
    record = journal.record(accepted.tag)
    assert record is not None
    assert record.state is OrderState.SENDING
    assert isinstance(next(iter(journal.read(2))).event, SendingClaimed)


def test_an_intent_and_its_claim_are_one_commit_and_one_worker_takes_the_claim_up(
    tmp_path: Path, journal: SqliteJournal
) -> None:
    accepted = an_accepted()

    records = journal.commit([accepted], risk_epoch=0, claim_at=NOW)

    assert [type(record.event).__name__ for record in records] == ["IntentAccepted", "SendingClaimed"]
    other = open_journal(tmp_path / "data" / "journal.db")
    (found,) = other.open_records()
    assert found.state is OrderState.SENDING
    other.close()
    claims: list[object] = []
    threads = [threading.Thread(target=lambda: claims.append(journal.claim(accepted.tag, NOW))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [claim for claim in claims if claim is not None] == [records[1]]
    assert journal.last_seq() == 2
    assert not journal.withdraw(accepted.tag)


def test_a_standing_claim_is_taken_up_or_taken_back_but_never_both(journal: SqliteJournal) -> None:
    accepted = an_accepted()
    journal.commit([accepted], claim_at=NOW)

    assert journal.claim(accepted.tag, accepted.intent.valid_until) is None, "too old"
    assert journal.withdraw(accepted.tag)
    assert journal.withdraw(accepted.tag), "as often as it is asked"
    assert journal.claim(accepted.tag, NOW) is None


def test_an_intent_that_cannot_be_accepted_leaves_no_claim(journal: SqliteJournal) -> None:
    epoch = journal.raise_risk_epoch()
    with pytest.raises(StaleApproval):
        journal.commit([an_accepted()], risk_epoch=epoch - 1, claim_at=NOW)
    journal.commit([an_accepted()])
    with pytest.raises(DuplicateIntent):
        journal.commit([an_accepted()], claim_at=NOW)

    assert not journal.withdraw(an_accepted().tag)
    assert journal.claim(an_accepted().tag, NOW) is not None, "as one that is journaled alone"


def test_a_claimed_order_cannot_expire_as_unsent_after_its_claim_lost_the_race(journal: SqliteJournal) -> None:
    accepted = an_accepted()
    journal.commit([accepted])
    expired = IntentExpired(tag=accepted.tag, intent_id="ma:1:entry", strategy="ma", why="late", time=NOW)
    journal.commit([expired])

    assert journal.claim(accepted.tag, NOW) is None


def test_an_approval_older_than_the_risk_gate_is_refused_whole(journal: SqliteJournal) -> None:
    epoch = journal.raise_risk_epoch()
    journal.raise_risk_epoch()

    with pytest.raises(StaleApproval, match="epoch 1; it is 2"):
        journal.commit([an_accepted(risk_epoch=epoch)], risk_epoch=epoch)

    assert journal.last_seq() == 0
    assert journal.records() == []


def test_an_approval_heard_twice_is_a_repeated_one_though_the_risk_gate_restarted_in_between(
    journal: SqliteJournal,
) -> None:
    epoch = journal.raise_risk_epoch()
    journal.commit([an_accepted(risk_epoch=epoch)], risk_epoch=epoch)
    journal.raise_risk_epoch()

    with pytest.raises(DuplicateIntent):
        journal.commit([an_accepted(risk_epoch=epoch)], risk_epoch=epoch)


def test_the_risk_epoch_outlives_the_process(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "j.db")
    journal.raise_risk_epoch()
    journal.close()

    again = open_journal(tmp_path / "j.db")

    assert again.raise_risk_epoch() == 2
    again.close()


def test_the_same_intent_twice_is_refused(journal: SqliteJournal) -> None:
    journal.commit([an_accepted()])

    with pytest.raises(DuplicateIntent):
        journal.commit([an_accepted()])

    assert journal.last_seq() == 1


def test_a_decision_in_parts_begins_and_ends_once_even_by_a_careless_caller(tmp_path: Path) -> None:
    """Seed 814: the supervisor hung in the commit of an end, was replaced, and woke up when its successor had made it."""
    begun = ExecutionStarted(an_intent(), ExecutionRule(), NOW)
    ended = ExecutionEnded(an_intent().intent_id, "ma", 1, 0, "its time is over", NOW)
    journal = open_journal(tmp_path / "j.db")
    journal.commit([begun])
    journal.commit([ended])
    journal.close()

    again = open_journal(tmp_path / "j.db")
    for event in (begun, ended):
        with pytest.raises(DuplicateIntent):
            again.commit([event])
    assert again.last_seq() == 2
    again.close()


def test_a_commit_with_one_bad_event_leaves_nothing_behind(journal: SqliteJournal) -> None:
    good = an_accepted(an_intent("good:1"))

    with pytest.raises(IllegalTransition):
        journal.commit([good, OrderAcknowledged(tag="unknown", order_id="1", strategy="ma", time=NOW)])

    assert (journal.last_seq(), journal.record(good.tag)) == (0, None)


def test_the_same_trade_is_never_booked_twice_even_by_a_careless_caller(journal: SqliteJournal) -> None:
    accepted = an_accepted()
    journal.commit([accepted])
    journal.claim(accepted.tag, NOW)
    journal.commit([OrderAcknowledged(tag=accepted.tag, order_id="42", strategy="ma", time=NOW)])
    record = journal.record(accepted.tag)
    assert record is not None
    booking = after_trades(record, [a_trade(record, "T1", 4, order_id="42")], frozenset(), NOW)
    journal.commit(booking)

    with pytest.raises(DuplicateIntent, match="T1"):
        journal.commit(booking)

    after = journal.record(accepted.tag)
    assert after is not None
    assert after.booked == 4


def test_snapshots_and_flags_are_kept(journal: SqliteJournal) -> None:
    journal.save_snapshot("portfolio", 3, b"abc")
    journal.save_snapshot("portfolio", 5, b"def")
    journal.set_flag("trading_state", "HALTED")

    assert journal.load_snapshot("portfolio") == (5, b"def")
    assert journal.load_snapshot("risk") is None
    assert journal.flag("trading_state") == "HALTED"
    assert journal.flag("nothing") is None


def test_the_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "made" / "journal.db"
    journal = open_journal(path)
    journal.commit([an_accepted()])
    journal.close()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0


def test_a_torn_tail_costs_at_most_the_commit_that_was_torn(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    journal.commit([an_accepted(an_intent("a:1"))])
    journal.commit([an_accepted(an_intent("a:2"))])
    torn = tmp_path / "torn.db"
    torn.write_bytes(path.read_bytes())
    wal = path.with_name("journal.db-wal").read_bytes()
    torn.with_name("torn.db-wal").write_bytes(wal[:-100])
    journal.close()

    again = open_journal(torn)

    assert [r.intent.intent_id for r in again.records()] == ["a:1"]
    again.close()


def test_what_is_no_journal_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    path.write_bytes(b"this is not a database, and long enough to be looked at" * 20)

    with pytest.raises(JournalCorrupt) as caught:
        open_journal(path)

    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_full_disk_refuses_in_words_and_loses_nothing(tmp_path: Path) -> None:
    journal = open_journal(tmp_path / "journal.db")
    journal.commit([an_accepted(an_intent("a:1"))])
    # The file may not grow beyond what it has: what a full disk does to SQLite.
    pages = journal._db.pragma("page_count")
    journal._db.pragma("max_page_count", pages)

    def fill_the_disk() -> None:
        for number in range(2, 500):
            journal.commit([an_accepted(an_intent(f"a:{number}"))])

    with pytest.raises(JournalUnavailable, match="nothing can be made durable"):
        fill_the_disk()

    kept = len(journal.records())
    assert [r.seq for r in journal.read(0)] == list(range(1, kept + 1))
    journal._db.pragma("max_page_count", 1_000_000)
    journal.commit([an_accepted(an_intent("after"))])
    journal.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a second process of the same image")
def test_one_process_per_account(tmp_path: Path) -> None:
    lock = AccountLock(tmp_path / "lock")

    with pytest.raises(AccountLocked, match=f"process {os.getpid()} trades this account already"):
        AccountLock(tmp_path / "lock")

    lock.release()
    AccountLock(tmp_path / "lock").release()
