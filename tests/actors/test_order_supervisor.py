"""The order supervisor on a real journal: what it commits, what it tells, and in which order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from actors.orders import OrderSettings, OrderSupervisor
from actors.runtime import Lane
from domain.execution.values import ExecutionRule
from domain.messages.broker import (
    Accepted,
    BrokerOrder,
    BrokerStatus,
    BrokerTrade,
    Funds,
    NotSent,
    PostOutcome,
    Rejected,
    Unresolved,
)
from domain.messages.control import Alert, TradingState, TradingStateChanged
from domain.messages.journal import (
    DayOpened,
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalAdvanced,
    JournalEvent,
    JournalRecord,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRecord,
    OrderRejected,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.market import FeedConnected
from domain.messages.orders import (
    AccountRead,
    ApprovedIntent,
    CancelOpenOrders,
    CancelOrder,
    IntentVoided,
    OrderBookRead,
    OrderIntent,
    OrderPosted,
    OrderUpdateReceived,
    ReadAccount,
    ReadOrderBook,
    ReadTrades,
    SubmitOrder,
    TradesRead,
)
from domain.messages.plans import ExecutionEnded, ExecutionStarted, KeepPlan
from domain.orders.tags import tag_for
from domain.values import MINUTE, SECOND, OrderKind, Side, e4
from tests.actors.stage import Stage, Told, own
from tests.support.orders import a_row, a_trade, an_accepted, an_intent

FUNDS = Funds(cash=e4("500000"), live_balance=e4("500000"), opening_balance=e4("500000"), collateral=0)
SETTINGS = OrderSettings(
    poll_seconds=30.0,
    unresolved_poll_seconds=2.0,
    trades_retry_seconds=0.25,
    send_deadline_seconds=15.0,
    market_order_patience_seconds=60.0,
    entry_workers=3,
    market_protection=-1,
)
ORDER_ID = "2611200000000000001"


class Desk:
    """A supervisor built by hand, and a hand that feeds it."""

    def __init__(self, stage: Stage, incarnation: int = 1, refused: set[tuple[str, int]] | None = None) -> None:
        self.stage, self.journal = stage, stage.journal
        self.refused = set() if refused is None else refused
        self.context: Told = stage.context("orders", incarnation)
        self.actor = OrderSupervisor(
            self.context, stage.routes, self.journal, stage.clock, SETTINGS, refused=self.refused
        )
        self.actor.started()

    def approve(self, intent: OrderIntent, risk_epoch: int = 0) -> None:
        self.actor.receive(
            ApprovedIntent(intent=intent, risk_epoch=risk_epoch, margin_held=7, approved_time=self.stage.clock.now)
        )

    def intent(self, intent_id: str = "ma:1", **changes: object) -> OrderIntent:
        return replace(an_intent(intent_id, valid_until=self.stage.clock.now + MINUTE), **changes)

    def unsent(self, intent_id: str = "ma:1", **changes: object) -> OrderRecord:
        """Journaled, and claimed by nobody: it waits for a worker that has others to send."""
        self.journal.commit([an_accepted(self.intent(intent_id, **changes))])
        return self.record(intent_id)

    def sending(self, intent_id: str = "ma:1", **changes: object) -> OrderRecord:
        """An approved order, claimed by its worker."""
        self.approve(self.intent(intent_id, **changes))
        assert self.journal.claim(tag_for(intent_id), self.stage.clock.now) is not None
        return self.record(intent_id)

    def resting(self, intent_id: str = "ma:1", order_id: str = ORDER_ID, **changes: object) -> OrderRecord:
        """An order that the broker acknowledged."""
        self.sending(intent_id, **changes)
        self.posted(intent_id, Accepted(order_id))
        return self.record(intent_id)

    def posted(self, intent_id: str, outcome: PostOutcome) -> None:
        self.actor.receive(OrderPosted(tag_for(intent_id), outcome, 1, 0, 0, self.stage.clock.now))

    def updated(self, row: BrokerOrder) -> None:
        self.actor.receive(OrderUpdateReceived(row))

    def trades(self, *trades: BrokerTrade, order_id: str = ORDER_ID, error: str = "") -> None:
        self.actor.receive(TradesRead((order_id,), trades, error))

    def book(self, *rows: BrokerOrder, trades: tuple[BrokerTrade, ...] = (), error: str = "") -> None:
        self.actor.receive(OrderBookRead(1, rows, trades, self.stage.clock.now, error))

    def account(self, *, error: str = "") -> None:
        (asked,) = self.context.of(ReadAccount)[-1:]
        self.actor.receive(AccountRead(asked.request, None, None, None if error else FUNDS, error))

    def reconciled(self) -> Desk:
        self.book()
        self.account()
        self.context.afresh()
        return self

    def tick(self, seconds: float = 0.0) -> None:
        self.stage.passes(seconds)
        self.actor.receive(self.timer)

    @property
    def timer(self) -> object:
        if not hasattr(self, "_timer"):
            self._timer = own(self.context, "_Tick")
        return self._timer

    def record(self, intent_id: str = "ma:1") -> OrderRecord:
        record = self.journal.record(tag_for(intent_id))
        assert record is not None
        return record

    def ready(self) -> bool:
        return self.context.was_ready

    def submitted(self) -> list[tuple[str, SubmitOrder]]:
        return [(t.to, t.message) for t in self.context.told if isinstance(t.message, SubmitOrder)]

    def stored(self) -> list[JournalEvent]:
        return [record.event for record in self.journal.read(0)]


@pytest.fixture
def desk(stage: Stage) -> Desk:
    desk = Desk(stage)
    assert desk.timer
    return desk


def kinds(events: list[JournalEvent]) -> list[str]:
    return [type(event).__name__ for event in events]


# -- from an approval to a worker --------------------------------------------------------------------------------------


def test_the_intent_is_in_the_file_before_anybody_is_told(stage: Stage, desk: Desk) -> None:
    durable: list[int] = []
    desk.context.observe = lambda to, message: durable.append(stage.durable())

    desk.approve(desk.intent())

    assert durable and set(durable) == {2}, "the claim with it: its worker has nothing else to do"
    told = [type(t.message).__name__ for t in desk.context.told]
    assert told[-1] == "SubmitOrder"
    assert told.count("JournalRecord") == 5  # risk, portfolio, strategy, reporter, reconciler
    (_, submit) = desk.submitted()[0]
    assert submit.order.tag == tag_for("ma:1")
    assert (submit.order.symbol, submit.order.quantity, submit.reduce_only_proof) == ("INFY", 10, False)
    assert isinstance(desk.stored()[0], IntentAccepted)


def test_nothing_is_submitted_that_cannot_be_made_durable(stage: Stage, desk: Desk) -> None:
    stage.journal.full = True

    desk.approve(desk.intent())

    assert desk.submitted() == []
    assert desk.stored() == []
    (voided,) = desk.context.of(IntentVoided)
    assert (voided.intent_id, voided.strategy) == ("ma:1", "ma")
    assert {t.to for t in desk.context.told if t.message is voided} == {"risk", "strategy.ma"}
    (alert,) = desk.context.of(Alert)
    assert (alert.level, alert.name) == ("critical", "journal.unavailable")
    assert "disk full" in alert.text


def test_what_was_refused_is_not_taken_by_the_next_life_that_is_given_it_again(stage: Stage, desk: Desk) -> None:
    """Seed 61766: it hung after it had said so, the hold was let go, another exit approved, and both were sent."""
    stage.journal.full = True
    desk.approve(desk.intent())
    stage.journal.full = False

    after = Desk(stage, incarnation=2, refused=desk.refused)
    after.approve(desk.intent())

    assert (after.stored(), after.submitted()) == ([], [])
    (voided,) = after.context.of(IntentVoided)
    assert voided.intent_id == "ma:1", "it is said again: not everybody may have heard"
    stage.passes(1)
    after.approve(desk.intent())
    assert len(after.submitted()) == 1, "the gate has approved it anew"


def test_an_approval_of_a_former_risk_gate_expires_in_the_journal_and_is_not_sent(stage: Stage, desk: Desk) -> None:
    stage.journal.raise_risk_epoch()

    desk.approve(desk.intent(), risk_epoch=0)

    assert desk.submitted() == []
    (expired,) = desk.stored()
    assert isinstance(expired, IntentExpired)
    assert (expired.tag, expired.intent_id, expired.strategy) == ("", "ma:1", "ma")
    assert desk.context.events() == [expired]


def test_a_repeated_intent_is_ignored(desk: Desk) -> None:
    desk.approve(desk.intent())
    desk.approve(desk.intent())

    assert len(desk.submitted()) == 1
    assert kinds(desk.stored()) == ["IntentAccepted", "SendingClaimed"]
    assert "order.duplicate_intent" in desk.context.words()
    assert desk.context.of(IntentVoided) == []


def test_an_approval_heard_again_after_the_risk_gate_restarted_leaves_its_order_standing(desk: Desk) -> None:
    """The former supervisor journaled it and hung before it was told; its message comes again to the next one."""
    desk.approve(desk.intent())
    desk.journal.raise_risk_epoch()

    desk.approve(desk.intent())

    assert len(desk.stored()) == 2, "nothing is void: the order may be on its way"
    assert desk.record("ma:1").state is OrderState.SENDING


# -- the claim in the intent's commit ----------------------------------------------------------------------------------


def test_an_entry_is_claimed_with_its_intent_where_its_worker_has_nothing_to_do(desk: Desk) -> None:
    for number in range(4):
        desk.approve(desk.intent(f"ma:{number}"))

    claimed = [event.tag for event in desk.stored() if isinstance(event, SendingClaimed)]
    assert claimed == [tag_for(f"ma:{number}") for number in range(3)], "the fourth waits behind the first"
    desk.posted("ma:1", Accepted(ORDER_ID))
    desk.approve(desk.intent("ma:4"))
    assert desk.record("ma:4").state is OrderState.SENDING, "the second worker has answered"


def test_an_exit_is_claimed_by_its_worker_alone(desk: Desk) -> None:
    """One whose worker fails first is to be handed out again."""
    desk.approve(desk.intent("ma:exit", side=Side.SELL, reduce_only=True))

    assert kinds(desk.stored()) == ["IntentAccepted"]


def test_a_decision_that_is_too_old_is_not_claimed(desk: Desk) -> None:
    desk.approve(desk.intent(valid_until=desk.stage.clock.now))

    assert kinds(desk.stored()) == ["IntentAccepted"]


def test_a_standing_claim_that_no_worker_takes_up_expires_with_the_decision(desk: Desk) -> None:
    desk.approve(desk.intent(valid_until=desk.stage.clock.now + 10 * SECOND))
    desk.tick(9.9)
    assert desk.record().state is OrderState.SENDING

    desk.tick(0.2)

    assert desk.record().state is OrderState.EXPIRED
    assert desk.journal.claim(tag_for("ma:1"), desk.stage.clock.now - SECOND) is None, "taken back for good"


def test_a_standing_claim_that_no_worker_takes_up_is_never_unresolved(desk: Desk) -> None:
    desk.reconciled().approve(desk.intent())

    desk.tick(15.1)

    assert desk.record().state is OrderState.EXPIRED, "whoever would have sent it cannot any more"


@pytest.mark.parametrize(("taken", "after"), [(False, OrderState.EXPIRED), (True, OrderState.SENDING)])
def test_a_worker_that_was_stopped_before_it_took_the_claim_up_sent_nothing(
    desk: Desk, taken: bool, after: OrderState
) -> None:
    desk.approve(desk.intent())
    if taken:
        desk.journal.claim(tag_for("ma:1"), desk.stage.clock.now)

    desk.actor.receive(OrderPosted(tag_for("ma:1"), NotSent("halted"), 0, 0, 0, desk.stage.clock.now))

    assert desk.record().state is after, "where one has taken it up, that one says what came of it"


def test_what_could_not_be_kept_of_that_is_kept_when_the_disk_takes_it(stage: Stage, desk: Desk) -> None:
    desk.approve(desk.intent())
    stage.journal.full = True
    posted = OrderPosted(tag_for("ma:1"), NotSent("halted"), 0, 0, 0, desk.stage.clock.now)
    desk.actor.receive(posted)
    stage.journal.full = False

    desk.actor.receive(posted)

    assert desk.record().state is OrderState.EXPIRED


def test_a_later_life_takes_back_what_a_former_one_claimed_and_never_handed_out(stage: Stage, desk: Desk) -> None:
    """It hung between its commit and the worker, say; if it wakes up later, its worker finds the claim taken back."""
    desk.approve(desk.intent())
    again = Desk(stage, incarnation=2)

    again.tick(60)

    assert again.record().state is OrderState.EXPIRED
    assert stage.journal.claim(tag_for("ma:1"), stage.clock.now - 30 * SECOND) is None


def test_what_a_worker_took_up_from_a_former_life_is_looked_for_though_this_one_never_heard_of_it(
    stage: Stage, desk: Desk
) -> None:
    """The former life's commit ended after this one had looked what is open."""
    again = Desk(stage, incarnation=2)
    desk.sending()

    again.tick()
    again.tick(15.1)

    assert again.record().state is OrderState.QUARANTINED


def test_a_new_process_looks_for_what_was_claimed_with_its_intent(stage: Stage, desk: Desk) -> None:
    desk.approve(desk.intent())
    stage.restart_process()

    assert Desk(stage).record().state is OrderState.QUARANTINED
    assert not stage.journal.withdraw(tag_for("ma:1"))


def test_entries_go_round_the_workers_and_exits_to_their_own(desk: Desk) -> None:
    for number in range(4):
        desk.approve(desk.intent(f"ma:{number}"))
    desk.approve(desk.intent("ma:exit", side=Side.SELL, reduce_only=True))
    desk.approve(desk.intent("ma:4"))

    assert [worker for worker, _ in desk.submitted()] == [
        "gateway.entry.0", "gateway.entry.1", "gateway.entry.2", "gateway.entry.0", "gateway.exit.0", "gateway.entry.1",
    ]  # fmt: skip
    assert [submit.reduce_only_proof for _, submit in desk.submitted()] == [False] * 4 + [True, False]


def test_an_exit_that_no_worker_claims_is_handed_out_again_and_an_entry_is_not(desk: Desk) -> None:
    """Its worker failed with it in hand: a position must not wait for its protection until the decision is too old."""
    desk.approve(desk.intent("ma:1"))
    desk.approve(desk.intent("ma:exit", side=Side.SELL, reduce_only=True))

    desk.tick(5.1)
    desk.tick(0.3)

    again = [command.order.tag for _, command in desk.submitted()][2:]
    assert again == [tag_for("ma:exit")]


def test_a_claimed_exit_is_not_handed_out_again(desk: Desk) -> None:
    desk.sending("ma:exit", side=Side.SELL, reduce_only=True)

    desk.tick(5.1)

    assert len(desk.submitted()) == 1


@pytest.mark.parametrize("lost", [True, False])
def test_an_exit_that_was_handed_out_twice_is_what_its_first_worker_made_of_it(desk: Desk, lost: bool) -> None:
    """The second one finds it claimed and says so: that is no proof that it never left."""
    desk.sending("ma:exit", side=Side.SELL, reduce_only=True)
    if not lost:
        desk.posted("ma:exit", Unresolved("timed out"))
    claimed_before = NotSent("its order was claimed before")

    desk.actor.receive(OrderPosted(tag_for("ma:exit"), claimed_before, 0, 0, 0, desk.stage.clock.now))

    assert desk.record("ma:exit").state is (OrderState.SENDING if lost else OrderState.QUARANTINED)
    desk.tick(16.0)
    assert desk.record("ma:exit").state is OrderState.QUARANTINED, "of a lost one, after its deadline"


# -- facts -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcome", "state", "event"),
    [
        (Accepted(ORDER_ID), OrderState.ACKNOWLEDGED, OrderAcknowledged),
        (Rejected(400, "insufficient funds"), OrderState.REJECTED, OrderRejected),
        (Unresolved("timed out"), OrderState.QUARANTINED, OrderQuarantined),
        (NotSent("halted"), OrderState.EXPIRED, IntentExpired),
    ],
)
def test_each_outcome_is_committed_and_then_told(
    stage: Stage, desk: Desk, outcome: PostOutcome, state: OrderState, event: type
) -> None:
    desk.sending()
    desk.context.afresh()
    durable: list[int] = []
    desk.context.observe = lambda to, message: durable.append(stage.durable())

    desk.posted("ma:1", outcome)

    assert desk.record().state is state
    assert [type(e) for e in desk.context.events()] == [event]
    assert set(durable) == {3}  # I, S, and this


def test_an_outcome_of_a_tag_that_is_not_ours_is_said_and_changes_nothing(desk: Desk) -> None:
    desk.posted("nobody", Accepted(ORDER_ID))

    assert desk.stored() == []
    assert "order.outcome_of_unknown_tag" in desk.context.words()


def test_an_unresolved_order_is_alerted_and_the_book_is_polled_often_until_it_is_found(desk: Desk) -> None:
    desk.reconciled()
    record = desk.sending()
    desk.posted("ma:1", Unresolved("no reply"))

    (alert,) = desk.context.of(Alert)
    assert (alert.level, alert.name) == ("critical", "order.unresolved")
    assert record.tag in alert.text and "no reply" in alert.text
    desk.tick(1.9)
    assert desk.context.of(ReadOrderBook) == []
    desk.tick(0.2)
    assert len(desk.context.of(ReadOrderBook)) == 1
    desk.book()  # not there yet: which proves nothing
    assert desk.record().state is OrderState.QUARANTINED
    desk.tick(2.1)
    assert len(desk.context.of(ReadOrderBook)) == 2
    desk.book(a_row(record, BrokerStatus.OPEN))
    assert desk.record().state is OrderState.ACKNOWLEDGED
    assert desk.record().order_id == ORDER_ID
    desk.tick(2.1)
    assert len(desk.context.of(ReadOrderBook)) == 2  # resolved: back to the slow pace


def test_an_update_may_come_before_the_acknowledgement(desk: Desk) -> None:
    record = desk.sending()

    desk.updated(a_row(record, BrokerStatus.OPEN))
    desk.posted("ma:1", Accepted(ORDER_ID))

    acknowledged = [e for e in desk.stored() if isinstance(e, OrderAcknowledged)]
    assert [(e.order_id, e.found_by) for e in acknowledged] == [(ORDER_ID, "update")]


def test_a_tag_alone_does_not_make_an_order_ours(desk: Desk) -> None:
    record = desk.sending()

    desk.updated(replace(a_row(record, BrokerStatus.OPEN), side=Side.SELL))

    assert desk.record().state is OrderState.SENDING
    assert [type(each).__name__ for each in desk.stored()][-1] == "SendingClaimed"


@pytest.mark.parametrize("reorder", [lambda rows: rows, lambda rows: [*reversed(rows)], lambda rows: [*rows, *rows]])
def test_doubled_and_reordered_updates_book_every_trade_once(
    desk: Desk, reorder: Callable[[list[BrokerOrder]], list[BrokerOrder]]
) -> None:
    record = desk.resting()
    rows = [
        a_row(record, BrokerStatus.OPEN),
        a_row(record, BrokerStatus.OPEN, 4),
        a_row(record, BrokerStatus.COMPLETE, 10),
    ]

    for row in reorder(rows):
        desk.updated(row)
    both = a_trade(record, "T1", 4), a_trade(record, "T2", 6)
    desk.trades(*both)
    desk.trades(*both)
    desk.updated(rows[1])

    booked = [e for e in desk.stored() if isinstance(e, TradeBooked)]
    assert [(e.trade_id, e.quantity) for e in booked] == [("T1", 4), ("T2", 6)]
    assert [e.filled for e in desk.stored() if isinstance(e, OrderClosed)] == [10]
    assert desk.record().state is OrderState.COMPLETE


def test_a_fill_is_seen_then_its_trades_are_read_booked_and_the_order_closed(stage: Stage, desk: Desk) -> None:
    record = desk.resting()
    desk.context.afresh()
    behind: list[str] = []

    def look(to: str, message: object) -> None:
        if isinstance(message, JournalRecord) and stage.durable() < message.seq:
            behind.append(f"{to} was told {message.seq} before it was durable")

    desk.context.observe = look
    desk.updated(a_row(record, BrokerStatus.COMPLETE, 10))
    assert [type(e) for e in desk.context.events()] == [FillSeen]
    assert [m.order_ids for m in desk.context.of(ReadTrades)] == [(ORDER_ID,)]

    desk.trades(a_trade(record, "T1", 10))

    assert [type(e) for e in desk.context.events()] == [FillSeen, TradeBooked, OrderClosed]
    closed = desk.context.events()[-1]
    assert isinstance(closed, OrderClosed)
    assert (closed.state, closed.filled) == (OrderState.COMPLETE, 10)
    assert behind == []


def test_trades_that_do_not_cover_what_was_seen_are_read_again(desk: Desk) -> None:
    record = desk.reconciled().resting()
    desk.updated(a_row(record, BrokerStatus.COMPLETE, 10))
    desk.updated(a_row(record, BrokerStatus.COMPLETE, 10))  # asked for already
    assert len(desk.context.of(ReadTrades)) == 1

    desk.trades(a_trade(record, "T1", 4))
    desk.tick(0.2)
    assert len(desk.context.of(ReadTrades)) == 1
    desk.tick(0.1)
    assert len(desk.context.of(ReadTrades)) == 2
    desk.trades(error="the broker cannot be reached")
    desk.tick(0.3)
    assert len(desk.context.of(ReadTrades)) == 3
    desk.trades(a_trade(record, "T1", 4), a_trade(record, "T2", 6))
    desk.tick(5)
    assert len(desk.context.of(ReadTrades)) == 3
    assert desk.record().state is OrderState.COMPLETE


@pytest.mark.parametrize("lost", ["trades", "book"])
def test_an_answer_that_never_comes_is_asked_for_again(desk: Desk, lost: str) -> None:
    """The read worker may die of a request: what it was to fetch must not be waited for without end."""
    record = desk.reconciled().resting()
    if lost == "trades":
        desk.updated(a_row(record, BrokerStatus.COMPLETE, 10))
        kind: type[ReadTrades | ReadOrderBook] = ReadTrades
    else:
        desk.tick(31)
        kind = ReadOrderBook
    asked = len(desk.context.of(kind))

    for _ in range(20):
        desk.tick(10)

    assert asked == 1
    assert len(desk.context.of(kind)) > asked


def test_a_partly_filled_order_that_is_cancelled_closes_with_what_it_has(desk: Desk) -> None:
    record = desk.resting()

    desk.updated(a_row(record, BrokerStatus.CANCELLED, 4))
    assert desk.record().state is OrderState.ACKNOWLEDGED  # its trade is not booked yet
    desk.trades(a_trade(record, "T1", 4))

    closed = desk.stored()[-1]
    assert isinstance(closed, OrderClosed)
    assert (closed.state, closed.filled) == (OrderState.CANCELLED, 4)


def test_a_disk_that_fills_up_loses_no_fact(stage: Stage, desk: Desk) -> None:
    record = desk.reconciled().resting()
    desk.context.afresh()
    stage.journal.full = True
    desk.updated(a_row(record, BrokerStatus.COMPLETE, 10))
    assert desk.context.events() == []
    assert [a.name for a in desk.context.of(Alert)] == ["journal.unavailable"]

    stage.journal.full = False
    desk.tick(1.1)
    assert len(desk.context.of(ReadOrderBook)) == 1
    desk.book(a_row(record, BrokerStatus.COMPLETE, 10), trades=(a_trade(record, "T1", 10),))

    assert desk.record().state is OrderState.COMPLETE


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(Rejected(400, "refused"), OrderState.REJECTED), (NotSent("halted"), OrderState.EXPIRED)],
)
def test_a_refusal_is_kept_until_the_disk_has_room(
    stage: Stage, desk: Desk, outcome: PostOutcome, state: OrderState
) -> None:
    desk.reconciled().sending()
    stage.journal.full = True
    desk.posted("ma:1", outcome)
    assert desk.record().state is OrderState.SENDING

    desk.actor.receive(own(desk.context, "OrderPosted"))
    stage.journal.full = False
    desk.actor.receive(own(desk.context, "OrderPosted"))

    assert desk.record().state is state


def test_a_row_for_an_order_that_was_never_sent_is_a_critical_alert_and_no_crash(desk: Desk) -> None:
    """It cannot be, unless a journal was put back from a copy: then a person must look."""
    record = desk.unsent()

    desk.updated(a_row(record, BrokerStatus.OPEN, 4))

    assert desk.record().state is OrderState.INTENT
    (alert,) = desk.context.of(Alert)
    assert (alert.level, alert.name) == ("critical", "order.illegal_transition")
    assert record.tag in alert.text and ORDER_ID in alert.text


# -- reconciliation ----------------------------------------------------------------------------------------------------


def test_it_is_ready_once_it_follows_the_book_and_the_day_is_open(desk: Desk) -> None:
    assert len(desk.context.of(ReadOrderBook)) == 1
    desk.book(error="not reachable")
    assert desk.context.of(ReadAccount) == []
    desk.tick(1.1)
    assert len(desk.context.of(ReadOrderBook)) == 2
    desk.book()
    assert len(desk.context.of(ReadAccount)) == 1
    assert not desk.ready()
    desk.account(error="not reachable")
    assert not desk.ready()

    desk.actor.receive(own(desk.context, "_AccountAgain"))
    assert len(desk.context.of(ReadAccount)) == 2
    desk.account()

    assert desk.ready()
    (opened,) = desk.stored()
    assert isinstance(opened, DayOpened)
    assert (opened.day, opened.opening_cash) == ("2026-11-20", e4("500000"))


def test_the_day_is_opened_once_whatever_restarts(stage: Stage, desk: Desk) -> None:
    desk.reconciled()

    Desk(stage, incarnation=2).reconciled()
    stage.restart_process()
    Desk(stage).reconciled()

    assert kinds(list(Desk(stage).stored())) == ["DayOpened"]


def test_what_was_filled_before_the_day_was_open_is_booked_in_it(stage: Stage, desk: Desk) -> None:
    """An after-market order trades at the open, before anybody looks: its money is not of the day before."""
    desk.reconciled()
    record = desk.resting()
    stage.restart_process()
    stage.clock.now += 24 * 60 * MINUTE
    again = Desk(stage)
    row, trade = a_row(record, BrokerStatus.COMPLETE, filled=10), a_trade(record, "T1", 10)
    again.book(row, trades=(trade,))
    again.trades(trade)
    assert "TradeBooked" not in kinds(again.stored())

    again.account()
    again.trades(trade)

    assert kinds(again.stored())[-3:] == ["DayOpened", "TradeBooked", "OrderClosed"]


def test_a_feed_that_reconnects_makes_it_read_the_book(desk: Desk) -> None:
    desk.reconciled()

    desk.actor.receive(FeedConnected(epoch=2, received_time=0))
    desk.actor.receive(FeedConnected(epoch=3, received_time=0))  # one reading is under way already

    assert len(desk.context.of(ReadOrderBook)) == 1


# -- restarts ----------------------------------------------------------------------------------------------------------


def test_a_restarted_actor_leaves_orders_in_flight_to_their_workers(stage: Stage, desk: Desk) -> None:
    desk.sending("ma:1")
    desk.unsent("ma:2")

    again = Desk(stage, incarnation=2)

    assert [r.state for r in stage.journal.open_records()] == [OrderState.SENDING, OrderState.INTENT]
    advanced = [t for t in again.context.told if isinstance(t.message, JournalAdvanced)]
    assert {t.to for t in advanced} >= {"risk", "portfolio", "strategy.ma"}
    assert {t.message for t in advanced} == {JournalAdvanced(seq=3)}
    again.posted("ma:1", Accepted(ORDER_ID))
    assert again.record("ma:1").state is OrderState.ACKNOWLEDGED


def test_a_restarted_actor_still_notices_a_worker_that_never_answers(stage: Stage, desk: Desk) -> None:
    desk.sending()
    again = Desk(stage, incarnation=2)

    again.tick(14)
    assert again.record().state is OrderState.SENDING
    again.tick(2)
    assert again.record().state is OrderState.QUARANTINED


def test_a_new_process_expires_what_was_unsent_and_looks_for_what_may_have_been_sent(stage: Stage, desk: Desk) -> None:
    desk.sending("ma:1")
    desk.unsent("ma:2")
    desk.resting("ma:3")
    stage.restart_process()

    again = Desk(stage)

    states = {r.intent.intent_id: r.state for r in stage.journal.records()}
    assert states == {
        "ma:1": OrderState.QUARANTINED,
        "ma:2": OrderState.EXPIRED,
        "ma:3": OrderState.ACKNOWLEDGED,
    }
    assert again.submitted() == []
    assert len(again.context.of(ReadOrderBook)) == 1
    again.book(a_row(again.record("ma:1"), BrokerStatus.OPEN, order_id="77"))
    assert again.record("ma:1").state is OrderState.ACKNOWLEDGED
    assert again.record("ma:1").order_id == "77"
    assert again.submitted() == []


# -- timers ------------------------------------------------------------------------------------------------------------


def test_an_intent_that_no_worker_claimed_in_time_expires(desk: Desk) -> None:
    desk.unsent()
    desk.tick(59)
    assert desk.record().state is OrderState.INTENT

    desk.tick(1)

    assert desk.record().state is OrderState.EXPIRED
    assert desk.journal.claim(tag_for("ma:1"), desk.stage.clock.now) is None


def test_a_claimed_order_without_an_outcome_is_unresolved_after_its_deadline(desk: Desk) -> None:
    desk.reconciled().sending()
    desk.tick(14.9)
    assert desk.record().state is OrderState.SENDING

    desk.tick(0.2)

    assert desk.record().state is OrderState.QUARANTINED
    desk.tick()
    assert len(desk.context.of(ReadOrderBook)) == 1
    desk.posted("ma:1", Accepted(ORDER_ID))  # a fact is never too late
    assert desk.record().state is OrderState.ACKNOWLEDGED


def test_a_market_order_left_unfilled_is_cancelled_once_per_two_seconds(desk: Desk) -> None:
    desk.reconciled().resting()
    desk.resting("ma:limit", order_id="88", kind=OrderKind.LIMIT, price=e4("1500"))
    desk.tick(60)
    assert desk.context.of(CancelOrder) == []

    desk.tick(1)
    desk.tick(0.25)
    desk.tick(0.25)
    assert [c.order_id for c in desk.context.of(CancelOrder)] == [ORDER_ID]
    desk.tick(1.6)
    assert [c.order_id for c in desk.context.of(CancelOrder)] == [ORDER_ID, ORDER_ID]
    assert {(t.to, t.lane) for t in desk.context.told if isinstance(t.message, CancelOrder)} == {
        ("gateway.exit.0", Lane.CONTROL)
    }


# -- cancels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "cancelled"),
    [
        (CancelOpenOrders(why="stop"), ["1", "2"]),
        (CancelOpenOrders(strategy="ma", why="frozen"), ["1"]),
        (CancelOpenOrders(include_exits=True, why="stop"), ["1", "2", "3"]),
        (TradingStateChanged(TradingState.HALTED, "kill", "operator", 0), ["1", "2"]),
        (TradingStateChanged(TradingState.REDUCING, "stopping", "shutdown", 0), []),
    ],
)
def test_what_rests_is_cancelled_and_exits_only_where_asked(desk: Desk, command: object, cancelled: list[str]) -> None:
    desk.resting("a", "1")
    desk.resting("b", "2", strategy="s1")
    desk.resting("c", "3", reduce_only=True, side=Side.SELL)
    desk.sending("d")  # not known at the broker yet: nothing to name

    desk.actor.receive(command)

    assert [c.order_id for c in desk.context.of(CancelOrder)] == cancelled


# -- decisions that are carried out in parts ---------------------------------------------------------------------------


def began(desk: Desk) -> ExecutionStarted:
    return ExecutionStarted(desk.intent("ma:1"), ExecutionRule(), desk.stage.clock.now)


def ended(desk: Desk) -> ExecutionEnded:
    return ExecutionEnded("ma:1", "ma", 1, 0, "its time is over", desk.stage.clock.now)


def test_a_decision_begins_and_ends_once_however_often_that_is_asked_for(stage: Stage, desk: Desk) -> None:
    """Seed 494: asked for again and again while this actor hung, each was journaled, and what had begun was forgotten."""
    for _ in range(3):
        desk.actor.receive(KeepPlan(began(desk)))
    again = Desk(stage, incarnation=2)
    again.actor.receive(KeepPlan(began(desk)))
    for each in (desk, again, desk):
        each.actor.receive(KeepPlan(ended(desk)))
    desk.actor.receive(KeepPlan(began(desk)))

    plans = [r.event for r in stage.journal.read(0) if isinstance(r.event, ExecutionStarted | ExecutionEnded)]
    assert [type(event) for event in plans] == [ExecutionStarted, ExecutionEnded]


def test_no_order_of_a_decision_follows_after_its_end(desk: Desk) -> None:
    """Asked for by a former life of whoever carried it out, it is overtaken by the end on its way through the gate."""
    desk.actor.receive(KeepPlan(began(desk)))
    desk.sending("ma:1#1", parent="ma:1")
    desk.posted("ma:1#1", Rejected(400, "no"))
    desk.actor.receive(KeepPlan(ended(desk)))
    desk.approve(desk.intent("ma:1#2", parent="ma:1"))
    desk.approve(desk.intent("ma:2#1", parent="ma:2"))

    assert desk.journal.record(tag_for("ma:1#1")) is not None
    assert desk.journal.record(tag_for("ma:1#2")) is None
    assert desk.journal.record(tag_for("ma:2#1")) is not None
    assert [each.intent_id for each in desk.context.of(IntentVoided)] == ["ma:1#2"]
    assert desk.context.of(Alert) == []


def test_an_end_that_an_order_has_overtaken_is_not_taken(stage: Stage, desk: Desk) -> None:
    """A former life asked for the order; the next found nothing, and said that nothing was filled."""
    desk.actor.receive(KeepPlan(began(desk)))
    desk.resting("ma:1#1", parent="ma:1")
    desk.actor.receive(KeepPlan(ended(desk)))
    assert "ExecutionEnded" not in kinds(desk.stored()), "an order of it is open"

    row = a_row(desk.record("ma:1#1"), BrokerStatus.COMPLETE, order_id=ORDER_ID, filled=10)
    desk.updated(row)
    desk.trades(a_trade(desk.record("ma:1#1"), "1", 10, order_id=ORDER_ID))
    assert desk.record("ma:1#1").state is OrderState.COMPLETE
    desk.actor.receive(KeepPlan(ended(desk)))
    assert "ExecutionEnded" not in kinds(desk.stored()), "it has filled ten, not none"

    desk.actor.receive(KeepPlan(replace(ended(desk), filled=10)))
    assert kinds(desk.stored())[-1] == "ExecutionEnded"
