"""Where the disk takes nothing, entries are refused in words and every kind of exit goes on; nothing is lost after."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest
from msgspec.structs import replace

from adapters.store.enduring import EnduringJournal
from adapters.store.journal import SqliteJournal
from domain.errors import JournalUnavailable
from domain.messages.broker import Accepted, BrokerStatus, Change
from domain.messages.gtt import ApprovedGtt, GttIntent, GttLeg, GttState
from domain.messages.journal import (
    DayOpened,
    IntentAccepted,
    ModifyRequested,
    OrderAcknowledged,
    OrderRecord,
    OrderState,
)
from domain.orders.gtt import accept, after_gtt_post
from domain.orders.updates import after_post, after_trades, after_update
from domain.values import MINUTE, OrderKind, Product, Side, Validity
from tests.support.orders import NOW, a_row, a_trade, an_accepted, an_intent

ID = "2611200000000000001"


class Journal(EnduringJournal):
    """The real one, on a disk that may be full."""

    full = False

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with super()._transaction():
            if self.full:
                raise apsw.FullError("database or disk is full")
            yield


def full(journal: Journal, *, healed: bool = False) -> None:
    journal.full = not healed


def read_only(journal: Journal, *, healed: bool = False) -> None:
    journal._db.pragma("query_only", not healed)


@pytest.fixture(params=[full, read_only], ids=["full", "read-only"])
def spoil(request: pytest.FixtureRequest) -> Callable[..., None]:
    found: Callable[..., None] = request.param
    return found


@pytest.fixture
def told() -> list[tuple[str, int]]:
    return []


@pytest.fixture
def journal(tmp_path: Path, told: list[tuple[str, int]]) -> Iterator[Journal]:
    opened = Journal(tmp_path / "journal.db", threading.Lock, told=lambda event, kept: told.append((event, kept)))
    opened.commit([DayOpened("2026-11-20", 1, NOW)])
    yield opened
    opened.close()


def an_exit(name: str = "ma:1:exit", /, **order: object) -> IntentAccepted:
    first = an_accepted(replace(an_intent(name), side=Side.SELL, reduce_only=True))
    return replace(first, order=replace(first.order, **order))


def the(journal: SqliteJournal, tag: str) -> OrderRecord:
    record = journal.record(tag)
    assert record is not None
    return record


KINDS: Mapping[str, Mapping[str, object]] = {
    "market": {},
    "limit": {"kind": OrderKind.LIMIT, "price": 15_000_000},
    "stop": {"kind": OrderKind.STOP_MARKET, "trigger_price": 14_900_000},
    "stop-limit": {"kind": OrderKind.STOP_LIMIT, "trigger_price": 14_900_000, "price": 14_800_000},
    "ioc": {"validity": Validity.IOC},
    "ttl": {"validity": Validity.TTL, "ttl_minutes": 1},
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_exit_of_each_kind_is_journaled_claimed_filled_and_closed(
    journal: Journal, spoil: Callable[..., None], told: list[tuple[str, int]], kind: str
) -> None:
    spoil(journal)
    with pytest.raises(JournalUnavailable, match="nothing can be made durable"):
        journal.commit([an_accepted(an_intent("ma:1:entry"))])
    before, wanted = journal.last_seq(), an_exit(**KINDS[kind])

    journal.commit([wanted])
    claim = journal.claim(wanted.tag, NOW)
    twice = journal.claim(wanted.tag, NOW)
    journal.commit(after_post(the(journal, wanted.tag), Accepted(ID), NOW))
    journal.commit(
        after_update(the(journal, wanted.tag), a_row(the(journal, wanted.tag), BrokerStatus.COMPLETE, 10), NOW, "x")
    )
    journal.commit(after_trades(the(journal, wanted.tag), [a_trade(the(journal, wanted.tag), "T1", 10)], set(), NOW))

    assert claim is not None and twice is None
    assert the(journal, wanted.tag).state is OrderState.COMPLETE
    assert [record.seq for record in journal.read(before)] == list(range(before + 1, before + 7))
    assert journal.last_seq() == before + 6 == before + journal.kept
    assert told == [("journal.in_memory", 1)]


def test_what_was_kept_in_memory_is_written_first_as_soon_as_the_disk_takes_it(
    journal: Journal, spoil: Callable[..., None], told: list[tuple[str, int]], tmp_path: Path
) -> None:
    spoil(journal)
    wanted = an_exit()
    journal.commit([wanted])
    assert journal.claim(wanted.tag, NOW) is not None
    spoil(journal, healed=True)

    journal.commit([an_accepted(an_intent("ma:2:entry"))])

    other = SqliteJournal(tmp_path / "journal.db", threading.Lock, read_only=True)
    assert [record.seq for record in other.read(0)] == [1, 2, 3, 4]
    assert the(other, wanted.tag).state is OrderState.SENDING
    other.close()
    assert (journal.kept, told) == (0, [("journal.in_memory", 1), ("journal.on_disk_again", 2)])
    assert journal.claim(wanted.tag, NOW) is None


def test_a_change_of_an_exit_goes_out_and_one_of_an_entry_does_not(
    journal: Journal, spoil: Callable[..., None]
) -> None:
    resting = []
    for name, made in (("exit", an_exit()), ("entry", an_accepted(an_intent("ma:1:entry")))):
        journal.commit([made])
        journal.claim(made.tag, NOW)
        journal.commit([OrderAcknowledged(made.tag, f"{ID}{name}", "ma", NOW)])
        resting.append(made.tag)
    spoil(journal)

    def ask(tag: str, reduce_only: bool) -> ModifyRequested:
        return ModifyRequested(tag, 1, "ma", "m", Change(quantity=5), reduce_only, 0, 0, NOW + MINUTE, "", NOW)

    journal.commit([ask(resting[0], reduce_only=True)])

    assert journal.claim_change(resting[0], 1, NOW) is not None
    assert journal.claim_change(resting[0], 1, NOW) is None
    with pytest.raises(JournalUnavailable):
        journal.commit([ask(resting[1], reduce_only=False)])


def test_a_gtt_is_placed(journal: Journal, spoil: Callable[..., None]) -> None:
    spoil(journal)
    leg = GttLeg(14_000_000, Side.SELL, 10, 13_900_000)
    asked = GttIntent("ma:g", "ma", 408065, "NSE:INFY", Product.CNC, (leg,), 15_000_000, NOW + MINUTE, NOW, NOW)
    event = accept(ApprovedGtt(asked, 0, NOW), NOW)

    journal.commit([event])
    claim = journal.claim_gtt(event.tag, NOW)
    record = journal.gtt(event.tag)
    assert record is not None
    journal.commit(after_gtt_post(record, Accepted("17"), NOW))

    placed = journal.gtt(event.tag)
    assert claim is not None and placed is not None
    assert (placed.state, placed.trigger_id) == (GttState.PLACED, "17")


def test_a_decision_that_is_too_old_is_not_claimed_in_memory_either(
    journal: Journal, spoil: Callable[..., None]
) -> None:
    spoil(journal)
    wanted = an_exit()
    journal.commit([wanted])

    assert journal.claim(wanted.tag, wanted.intent.valid_until) is None


def test_a_restart_without_the_disk_forgets_what_was_in_memory_alone(
    tmp_path: Path, spoil: Callable[..., None], told: list[tuple[str, int]]
) -> None:
    """Which is why it is said: the broker's books then show an order that the journal does not know."""
    journal = Journal(tmp_path / "j.db", threading.Lock, told=lambda event, kept: told.append((event, kept)))
    spoil(journal)
    journal.commit([an_exit()])
    journal.close()

    again = SqliteJournal(tmp_path / "j.db", threading.Lock)
    assert list(again.records()) == []
    again.close()
    assert told[-1] == ("journal.lost", 1)
