"""The portfolio as an actor: however it comes by the journal, its books are those of the whole fold."""

from __future__ import annotations

import random

import pytest

from actors.folding import JournalReader
from actors.portfolio import Portfolio
from domain.messages.adjustments import AdjustmentKind, PeakReset, PositionAdjusted
from domain.messages.control import Alert, PortfolioSnapshot, Report
from domain.messages.journal import JournalAdvanced, JournalEvent, JournalRecord
from domain.portfolio import Book
from domain.values import RUPEE, Product
from tests.actors.stage import Stage, Told, own
from tests.domain.builders import INFY, INSTRUMENTS, buy, day_opened, sell
from tests.support.prices import a_price


def trading() -> list[JournalEvent]:
    """A day's trades: twenty round trips' worth, and some units left."""
    events: list[JournalEvent] = [day_opened()]
    for n in range(20):
        events.append(buy(10 + n, 1000 + n, trade_id=f"b{n}"))
        events.append(sell(10, 1003 + n, trade_id=f"s{n}"))
    return events


class Desk:
    """A portfolio built by hand; `again` is its next incarnation after a crash."""

    def __init__(self, stage: Stage, incarnation: int = 1, keep_every: int = 500) -> None:
        self.stage, self.incarnation, self.keep_every = stage, incarnation, keep_every
        self.context: Told = stage.context("portfolio", incarnation)
        self.actor = Portfolio(
            self.context, stage.routes, stage.journal, stage.clock, INSTRUMENTS, publish_seconds=0.25, keep_every=keep_every
        )  # fmt: skip
        self.actor.started()
        self.timer = own(self.context, "_Publish")

    def again(self) -> Desk:
        return Desk(self.stage, self.incarnation + 1, self.keep_every)

    def tell(self, *records: JournalRecord) -> None:
        for record in records:
            self.actor.receive(record)

    def books(self) -> bytes:
        return self.actor._projection.book.encode(marks=False)


def whole_fold(stage: Stage) -> bytes:
    book = Book(INSTRUMENTS)
    book.apply_all(stage.journal.read(0))
    return book.encode(marks=False)


@pytest.mark.parametrize("keep_every", [1, 7, 500])
def test_a_rebuild_from_snapshot_and_journal_is_the_whole_fold(stage: Stage, keep_every: int) -> None:
    desk = Desk(stage, keep_every=keep_every)
    for event in trading():
        desk.tell(*stage.journal.commit([event]))
    kept = stage.journal.load_snapshot("portfolio")
    assert (kept is not None) is (keep_every < 500)

    again = desk.again()

    assert again.books() == desk.books() == whole_fold(stage)


@pytest.mark.parametrize("seed", range(5))
def test_a_mailbox_that_outlived_a_crash_counts_nothing_twice_and_misses_nothing(stage: Stage, seed: int) -> None:
    """Records told, told twice, lost, or told to another incarnation: the books are those of the journal."""
    chance = random.Random(seed)
    desk = Desk(stage, keep_every=5)
    waiting: list[JournalRecord] = []
    for event in trading():
        waiting += stage.journal.commit([event])
        if chance.random() < 0.3:
            waiting = [record for record in waiting if chance.random() < 0.8]  # lost with a crash of the teller
            desk.tell(*waiting)
            if chance.random() < 0.5:
                desk = desk.again()
                desk.tell(*waiting)
            waiting.clear()
    desk.actor.receive(JournalAdvanced(seq=stage.journal.last_seq()))

    assert desk.books() == whole_fold(stage)
    assert desk.actor._projection.book.seq == stage.journal.last_seq()


def test_a_gap_is_read_from_the_journal_before_the_record_is_applied(stage: Stage) -> None:
    desk = Desk(stage)
    records = stage.journal.commit(trading())

    desk.tell(records[10])
    assert desk.actor._projection.book.seq == 11
    desk.tell(records[3], records[10])
    assert desk.actor._projection.book.seq == 11
    desk.tell(records[-1])

    assert desk.books() == whole_fold(stage)


def test_a_snapshot_that_cannot_be_read_costs_only_time(stage: Stage) -> None:
    desk = Desk(stage)
    desk.tell(*stage.journal.commit(trading()))
    stage.journal.save_snapshot("portfolio", 41, b"nonsense")

    again = desk.again()

    assert again.books() == whole_fold(stage)
    assert "portfolio.snapshot_unread" in again.context.words()


def test_a_snapshot_that_cannot_be_kept_stops_nothing(stage: Stage) -> None:
    desk = Desk(stage, keep_every=5)
    records = stage.journal.commit(trading())
    stage.journal.full = True

    desk.tell(*records)
    desk.actor.stopping()

    assert desk.books() == whole_fold(stage)
    assert "portfolio.snapshot_not_kept" in desk.context.words()


def test_an_orderly_stop_keeps_everything(stage: Stage) -> None:
    desk = Desk(stage)
    desk.tell(*stage.journal.commit(trading()))

    desk.actor.stopping()

    kept = stage.journal.load_snapshot("portfolio")
    assert kept is not None and kept[0] == stage.journal.last_seq()


def test_it_tells_a_snapshot_when_something_changed_and_only_then(stage: Stage) -> None:
    desk = Desk(stage)
    desk.actor.receive(desk.timer)
    desk.actor.receive(desk.timer)
    assert len(desk.context.of(PortfolioSnapshot)) == 1

    desk.tell(*stage.journal.commit([day_opened(), buy(10, 1000)]))
    desk.actor.receive(desk.timer)
    desk.actor.receive(a_price(INFY.token, 1010))
    desk.actor.receive(desk.timer)
    desk.actor.receive(desk.timer)

    _, bought, marked = desk.context.of(PortfolioSnapshot)
    assert bought.unrealised == 0
    assert marked.unrealised == 100 * RUPEE
    assert marked.cash + marked.positions_value == marked.opening_cash + marked.unrealised - marked.charges
    assert {(t.to, t.key) for t in desk.context.told} == {("risk", "portfolio"), ("reporter", "portfolio")}


def test_whoever_asks_gets_the_books_of_the_whole_journal(stage: Stage) -> None:
    """Though its records are still on their way."""
    desk = Desk(stage)
    stage.journal.commit([day_opened(), buy(10, 1000)])

    reply = desk.actor.receive(Report())

    assert isinstance(reply, PortfolioSnapshot)
    assert (reply.seq, reply.positions[0].quantity) == (2, 10)


def test_a_reader_that_fails_in_the_middle_has_not_read_what_failed(stage: Stage) -> None:
    records = stage.journal.commit(trading())
    taken: list[int] = []

    def take(record: JournalRecord) -> None:
        if record.seq == 5 and len(taken) == 4:
            taken.append(0)
            raise ValueError("once")
        taken.append(record.seq)

    reader = JournalReader(stage.journal, take)
    with pytest.raises(ValueError, match="once"):
        reader.feed(records[-1])
    assert reader.last_seq == 4
    reader.catch_up()

    assert [seq for seq in taken if seq] == [record.seq for record in records]


def test_peaks_and_prices_outlive_a_crash_and_a_reset_by_hand_counts_once(stage: Stage) -> None:
    desk = Desk(stage)
    desk.tell(*stage.journal.commit([day_opened(), buy(10, 1000)]))

    def at(seen: Desk, rupees: int) -> PortfolioSnapshot:
        now = stage.clock.now
        seen.actor.receive(a_price(INFY.token, rupees, now))
        return published(seen)

    def published(seen: Desk) -> PortfolioSnapshot:
        seen.actor.receive(seen.timer)
        return seen.context.of(PortfolioSnapshot)[-1]

    peak = at(desk, 1050).peak
    stage.passes(61)
    at(desk, 1020)  # a minute later: kept

    crashed = desk.again()
    crashed.actor.receive(JournalAdvanced(seq=stage.journal.last_seq()))
    after = published(crashed)
    assert (after.peak, after.day_peak) == (peak, peak)
    assert after.positions[0].last_price == 1020 * RUPEE, "not what it had cost"

    stage.journal.commit([PeakReset("asha", "seen", stage.clock.now)])
    told = crashed.again()
    assert published(told).peak == after.total
    assert at(told.again(), 1015).peak == after.total


def test_a_price_from_before_a_split_is_not_taken_for_one_of_after(stage: Stage) -> None:
    desk = Desk(stage)
    desk.tell(*stage.journal.commit([day_opened(), buy(10, 1000)]))
    desk.actor.receive(a_price(INFY.token, 1050, 1))
    desk.actor.receive(desk.timer)
    desk.actor.stopping()
    mis = Product.MIS
    stage.journal.commit(
        [PositionAdjusted(AdjustmentKind.CORPORATE_ACTION, "s1", INFY.key, INFY.token, mis, 10, 100, mis, "a", "b", 1)]
    )

    again = desk.again()
    again.actor.receive(again.timer)

    snapshot = again.context.of(PortfolioSnapshot)[-1]
    assert snapshot.positions[0].last_price == 100 * RUPEE


def test_peaks_that_cannot_be_read_are_told_to_a_person(stage: Stage) -> None:
    stage.journal.save_snapshot("portfolio.marks", 0, b"[]")

    (alert,) = Desk(stage).context.of(Alert)

    assert (alert.level, alert.name) == ("critical", "portfolio.peaks_lost")
