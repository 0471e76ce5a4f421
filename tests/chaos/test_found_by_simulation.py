"""What the simulation found in the real code, each as a plain test that stays when seeds no longer meet it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from actors.gateway import OrderWorker
from actors.orders import OrderSettings, OrderSupervisor
from actors.risk import RiskGate, RiskSettings
from actors.routes import gateway_entry
from domain.calendar import SessionCalendar
from domain.errors import IllegalTransition
from domain.messages.broker import Accepted, Change, Funds, NotSent, PlaceOrder, PostOutcome
from domain.messages.control import Alert, Report, SetTradingState, TradingState
from domain.messages.gtt import ApprovedGtt, GttClaimed, GttExpired, GttIntent, GttLeg, GttState
from domain.messages.journal import (
    DayOpened,
    IntentExpired,
    ModifyDropped,
    ModifyRequested,
    ModifyState,
    OrderAcknowledged,
    OrderRecord,
    OrderState,
)
from domain.messages.orders import AccountRead, CancelIntent, OrderPosted, SubmitOrder
from domain.orders.gtt import accept
from domain.orders.tags import tag_for
from domain.risk import RiskLimits
from domain.values import MINUTE, RUPEE, SECOND, Product, Side
from tests.actors.stage import Stage, Told, own
from tests.support.orders import NOW, an_accepted, an_intent

SETTINGS = OrderSettings(
    poll_seconds=10.0,
    unresolved_poll_seconds=2.0,
    trades_retry_seconds=0.25,
    send_deadline_seconds=15.0,
    market_order_patience_seconds=30.0,
    entry_workers=2,
    market_protection=-1,
)
TAG = tag_for(an_intent().intent_id)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, NOW)
    yield made
    made.close()


def supervisor(stage: Stage, incarnation: int = 1) -> tuple[OrderSupervisor, Told]:
    context = stage.context("orders", incarnation)
    actor = OrderSupervisor(context, stage.routes, stage.journal, stage.clock, SETTINGS)
    actor.started()
    return actor, context


def test_a_claim_that_comes_between_the_look_and_the_expiry_stands(stage: Stage) -> None:
    stage.journal.commit((an_accepted(),))
    actor, context = supervisor(stage, incarnation=2)
    looked_at = stage.journal.open_records
    stage.clock.now = an_intent().valid_until - 1

    def claimed_meanwhile() -> object:
        found = looked_at()
        stage.journal.claim(TAG, stage.clock.now)
        stage.clock.now = an_intent().valid_until
        return found

    stage.journal.open_records = claimed_meanwhile  # type: ignore[method-assign, assignment]
    actor.receive(own(context, "_Tick"))
    stage.journal.open_records = looked_at  # type: ignore[method-assign]
    record = stage.journal.record(TAG)
    assert record is not None
    assert record.state is OrderState.SENDING, "an order on its way was written off as unsent"
    with pytest.raises(IllegalTransition):
        stage.journal.commit((IntentExpired(TAG, "i", "ma", "late", NOW, was=OrderState.INTENT),))


def test_a_claim_that_comes_between_the_look_and_the_cancel_is_not_dropped(stage: Stage) -> None:
    """A worker's claim while the supervisor waits for the disk: the change was put, and journaled as never sent."""
    actor, _ = supervisor(stage, incarnation=2)
    accepted = an_accepted()
    rests = OrderAcknowledged(TAG, "2611200000000000001", "ma", NOW)
    wanted = ModifyRequested(TAG, 1, "ma", "ma:m1", Change(quantity=60), False, 1, 7, NOW + MINUTE, "closer", NOW)
    stage.journal.commit((accepted,))
    stage.journal.claim(TAG, NOW)
    stage.journal.commit((rests, wanted))
    looked_at = stage.journal.record

    def claimed_meanwhile(tag: str) -> OrderRecord | None:
        found = looked_at(tag)
        stage.journal.claim_change(TAG, 1, NOW)
        return found

    stage.journal.record = claimed_meanwhile  # type: ignore[method-assign]
    actor.receive(CancelIntent("ma", TAG, "enough"))
    stage.journal.record = looked_at  # type: ignore[method-assign]
    record = stage.journal.record(TAG)
    assert record is not None and record.modifying is not None, "a change on its way was written off as unsent"
    assert (record.modifying.state, record.cancel_why) == (ModifyState.CLAIMED, "enough")
    with pytest.raises(IllegalTransition):
        stage.journal.commit((ModifyDropped(TAG, 1, "ma", "late", NOW, ModifyState.REQUESTED),))


def test_a_gtt_that_is_claimed_meanwhile_does_not_expire(stage: Stage) -> None:
    leg = GttLeg(1_400 * RUPEE, Side.SELL, 10, 1_390 * RUPEE)
    intent = GttIntent("ma:g", "ma", 1, "NSE:INFY", Product.CNC, (leg,), 1_500 * RUPEE, NOW + MINUTE, NOW, NOW, "stop")
    requested = accept(ApprovedGtt(intent, 0, NOW), NOW)
    stage.journal.commit((requested, GttClaimed(requested.tag, NOW)))
    with pytest.raises(IllegalTransition):
        stage.journal.commit((GttExpired(requested.tag, "ma", "late", NOW, GttState.REQUESTED),))
    found = stage.journal.gtt(requested.tag)
    assert found is not None and found.state is GttState.SENDING


def test_a_day_that_a_full_disk_kept_from_opening_is_opened_later(stage: Stage) -> None:
    actor, context = supervisor(stage)
    funds = Funds(cash=1_000, live_balance=1_000, opening_balance=1_000, collateral=0)
    read = AccountRead(request=1, positions=(), holdings=(), funds=funds)
    stage.journal.full = True
    actor.receive(read)
    assert not context.was_ready
    stage.journal.full = False
    context.afresh()
    actor.receive(read)
    assert any(isinstance(record.event, DayOpened) for record in stage.journal.read(0))
    assert context.was_ready


def test_a_quarantine_that_finds_the_disk_full_is_tried_again(stage: Stage) -> None:
    stage.journal.commit((an_accepted(),))
    stage.journal.claim(TAG, NOW)
    actor, context = supervisor(stage, incarnation=2)
    stage.passes(20.0)
    for full in (True, False):
        stage.journal.full = full
        actor.receive(own(context, "_Tick"))
    record = stage.journal.record(TAG)
    assert record is not None
    assert record.state is OrderState.QUARANTINED


def test_what_a_new_process_could_not_conclude_on_a_full_disk_it_concludes_later(stage: Stage) -> None:
    stage.journal.commit((an_accepted(),))
    stage.journal.claim(TAG, NOW)
    stage.restart_process()
    stage.journal.full = True
    actor, context = supervisor(stage, incarnation=1)
    stage.journal.full = False
    actor.receive(own(context, "_Tick"))
    record = stage.journal.record(TAG)
    assert record is not None
    assert record.state is OrderState.QUARANTINED


class Posting:
    """A broker that would take the order."""

    posted = 0

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        return True

    def place(self, order: PlaceOrder, on_sent: object = None) -> PostOutcome:
        self.posted += 1
        return Accepted("1")


def test_a_decision_that_grew_too_old_while_its_claim_waited_for_the_disk_is_not_sent(stage: Stage) -> None:
    accepted = an_accepted()
    stage.journal.commit((accepted,))
    claim, valid_until = stage.journal.claim, accepted.intent.valid_until

    def slow(tag: str, now: int) -> object:
        record = claim(tag, now)
        stage.clock.now = valid_until + SECOND
        return record

    stage.journal.claim = slow  # type: ignore[method-assign, assignment]
    context, broker = stage.context(gateway_entry(0)), Posting()
    worker = OrderWorker(context, stage.routes, broker, stage.journal, stage.clock, 3.0)  # type: ignore[arg-type]
    worker.receive(SubmitOrder(accepted.order, "ma", reduce_only_proof=False, valid_until=valid_until))
    assert broker.posted == 0
    told = context.told_to("orders")
    assert isinstance(told[-1], OrderPosted)
    assert isinstance(told[-1].outcome, NotSent)
    assert msgspec.json.encode(told[-1])


def test_a_state_that_found_the_disk_full_is_kept_as_soon_as_there_is_room(stage: Stage) -> None:
    def gate(incarnation: int) -> tuple[RiskGate, Told]:
        settings = RiskSettings(run="one", limits=RiskLimits(), mis_cutoff={}, intent_valid_seconds=30)
        context = stage.context("risk", incarnation)
        made = RiskGate(context, stage.routes, stage.journal, stage.clock, SessionCalendar(), {}, settings)
        made.started()
        return made, context

    def state(of: RiskGate) -> object:
        report = of.receive(Report())
        assert isinstance(report, dict)
        return report["state"].state

    first, context = gate(1)
    first.receive(SetTradingState(TradingState.REDUCING, "no session", "session"))
    stage.journal.full = True
    first.receive(SetTradingState(TradingState.ACTIVE, "the session is open again", "startup"))
    assert len(context.of(Alert)) == 1
    first.receive(own(context, "_Look"))
    assert len(context.of(Alert)) == 1, "one full disk is one alert"
    stage.journal.full = False
    first.receive(own(context, "_Look"))
    second, _ = gate(2)
    assert state(second) is TradingState.ACTIVE, "a restarted gate resumed a state that was over"
