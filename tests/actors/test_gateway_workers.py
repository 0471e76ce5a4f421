"""The workers that speak to the broker: what they do, in which order, and all the ways not to post."""

from __future__ import annotations

import pytest

from actors.gateway import OrderWorker, ReadWorker
from actors.runtime import TradingLevel
from domain.errors import BrokerUnavailable, LoginNeeded, NotPermitted
from domain.messages.broker import Accepted, NotSent, Rejected, Unresolved
from domain.messages.control import Alert, SessionLost
from domain.messages.journal import OrderState
from domain.messages.orders import (
    AccountRead,
    CancelOrder,
    CancelPosted,
    OrderBookRead,
    OrderPosted,
    ReadAccount,
    ReadOrderBook,
    ReadTrades,
    SubmitOrder,
    TradesRead,
)
from domain.orders.tags import tag_for
from domain.values import MINUTE, Side, e4
from tests.actors.stage import Stage
from tests.fakes.broker import FakeBroker
from tests.support.orders import an_accepted, an_intent

TAG = tag_for("ma:1")


class Desk:
    """A worker over the fake broker; `steps` interleaves the gate's, the pacer's, the journal's and the broker's."""

    def __init__(self, stage: Stage, incarnation: int = 1) -> None:
        self.stage = stage
        self.broker = FakeBroker(now=stage.clock.now)
        self.context = stage.context("gateway.entry.0", incarnation)
        self.gate = self.context.gate
        self.actor = OrderWorker(self.context, stage.routes, self.broker, stage.journal, stage.clock, 3.0)
        self.steps = self.broker.calls
        register, start, finish, claim = self.gate.register, self.gate.start, self.gate.finish, stage.journal.claim

        # The real ones, each noted.
        def noted(word: str, call: object) -> object:
            def run(*args: object, **keys: object) -> object:
                self.steps.append(word)
                return call(*args, **keys)  # type: ignore[operator]  # one of the four above

            return run

        self.gate.register = noted("register", register)  # type: ignore[method-assign, assignment]  # noted
        self.gate.start = noted("start", start)  # type: ignore[method-assign, assignment]  # noted
        self.gate.finish = noted("finish", finish)  # type: ignore[method-assign, assignment]  # noted
        stage.journal.claim = noted("claim", claim)  # type: ignore[method-assign, assignment]  # noted

    def approved(self, *, reduce_only: bool = False, proof: bool | None = None, valid: int = MINUTE) -> SubmitOrder:
        until = self.stage.clock.now + valid
        side = Side.SELL if reduce_only else Side.BUY
        accepted = an_accepted(an_intent("ma:1", side=side, reduce_only=reduce_only, valid_until=until), risk_epoch=0)
        self.stage.journal.commit([accepted])
        return SubmitOrder(accepted.order, "ma", reduce_only if proof is None else proof, until)

    def submit(self, command: SubmitOrder) -> OrderPosted:
        self.actor.receive(command)
        (posted,) = self.context.of(OrderPosted)
        assert {t.to for t in self.context.told} == {"orders"}
        return posted

    def halt(self) -> None:
        self.gate.halt("kill switch")

    def posts(self) -> int:
        return sum(step.startswith("place") for step in self.steps)

    def state(self) -> OrderState:
        record = self.stage.journal.record(TAG)
        assert record is not None
        return record.state


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage)


def test_register_then_pace_then_claim_then_start_then_post_once(stage: Stage, desk: Desk) -> None:
    command = desk.approved()
    durable: list[int] = []
    desk.broker.before_place = lambda: durable.append(stage.durable())

    posted = desk.submit(command)

    assert desk.steps == ["register", "pace", "claim", "start", f"place {TAG}", "finish"]
    assert durable == [2]  # S is in the file before a byte leaves
    assert isinstance(posted.outcome, Accepted)
    assert (posted.tag, posted.claim_seq) == (TAG, 2)
    assert posted.finished_time == stage.clock.now


@pytest.mark.parametrize(("person", "alerts"), [(True, 1), (False, 0)])
def test_a_refusal_that_meets_every_order_calls_a_person(desk: Desk, person: bool, alerts: int) -> None:
    desk.broker.scripted = [Rejected(403, "IP not allowed: add this machine's address", person)]

    desk.actor.receive(desk.approved())

    said = [(a.level, a.name, a.text) for a in desk.context.of(Alert)]
    assert (
        said
        == [("critical", "broker.refuses", "an order was refused: IP not allowed: add this machine's address")][:alerts]
    )
    assert len(desk.context.of(OrderPosted)) == 1


@pytest.mark.parametrize("outcome", [Rejected(400, "no funds"), Unresolved("timed out")])
def test_what_the_broker_said_is_told_as_it_is(desk: Desk, outcome: Rejected | Unresolved) -> None:
    desk.broker.scripted = [outcome]

    assert desk.submit(desk.approved()).outcome == outcome
    assert desk.posts() == 1


def test_the_gate_refuses_before_anything_is_claimed(desk: Desk) -> None:
    command = desk.approved()
    desk.gate.halt("kill switch")

    posted = desk.submit(command)

    assert isinstance(posted.outcome, NotSent)
    assert "kill switch" in posted.outcome.text
    assert desk.steps == ["register"]
    assert (desk.state(), posted.claim_seq) == (OrderState.INTENT, 0)


@pytest.mark.parametrize("at", ["pace", "claim"])
def test_a_halt_while_the_order_is_on_its_way_stops_it_before_the_post(stage: Stage, desk: Desk, at: str) -> None:
    command = desk.approved()
    if at == "pace":
        desk.broker.before_pace = desk.halt
    else:
        claim = stage.journal.claim

        def slow_disk(tag: str, now: int) -> object:
            claimed = claim(tag, now)
            desk.gate.halt("kill switch")
            return claimed

        stage.journal.claim = slow_disk  # type: ignore[method-assign, assignment]  # the disk takes its time

    posted = desk.submit(command)

    assert desk.posts() == 0
    assert isinstance(posted.outcome, NotSent)
    assert "kill switch" in posted.outcome.text
    assert desk.state() is OrderState.SENDING  # the claim stands; the outcome says that nothing left
    assert posted.claim_seq == 2
    assert desk.steps[-1] == "finish"


def test_no_turn_in_time_means_not_sent_and_not_claimed(desk: Desk) -> None:
    desk.broker.slots = False

    posted = desk.submit(desk.approved())

    assert posted.outcome == NotSent(text="no slot below the broker's order rate came in time")
    assert desk.steps == ["register", "pace", "finish"]
    assert desk.state() is OrderState.INTENT


def test_a_decision_that_is_too_old_is_not_sent(stage: Stage, desk: Desk) -> None:
    command = desk.approved(valid=MINUTE)
    stage.passes(60)

    posted = desk.submit(command)

    assert isinstance(posted.outcome, NotSent)
    assert desk.posts() == 0
    assert desk.state() is OrderState.INTENT


def test_one_tag_is_posted_once_however_often_it_is_submitted(desk: Desk) -> None:
    command = desk.approved()

    desk.submit(command)
    desk.context.afresh()
    second = desk.submit(command)

    assert isinstance(second.outcome, NotSent)
    assert desk.posts() == 1


def test_a_fenced_worker_posts_nothing_but_its_word_still_arrives(desk: Desk) -> None:
    command = desk.approved()
    desk.gate.fence("gateway.entry.0", 1)

    posted = desk.submit(command)

    assert desk.posts() == 0
    assert isinstance(posted.outcome, NotSent)
    assert "not the live incarnation" in posted.outcome.text


def test_a_worker_fenced_in_mid_request_still_tells_what_came_of_it(desk: Desk) -> None:
    command = desk.approved()
    desk.broker.before_place = lambda: desk.gate.fence("gateway.entry.0", 1)

    assert isinstance(desk.submit(command).outcome, Accepted)
    assert desk.posts() == 1


def test_without_a_journal_nothing_is_sent(stage: Stage, desk: Desk) -> None:
    command = desk.approved()
    stage.journal.full = True

    posted = desk.submit(command)

    assert isinstance(posted.outcome, NotSent)
    assert "disk full" in posted.outcome.text
    assert desk.posts() == 0


@pytest.mark.parametrize("level", [TradingLevel.REDUCING, TradingLevel.HALTED])
def test_a_proved_exit_passes_when_entries_do_not_and_is_urgent(desk: Desk, level: TradingLevel) -> None:
    command = desk.approved(reduce_only=True)
    desk.gate.halt("kill switch") if level is TradingLevel.HALTED else desk.gate.reduce("closing")

    assert isinstance(desk.submit(command).outcome, Accepted)
    assert "pace urgent" in desk.steps


def test_an_exit_without_proof_is_an_entry(desk: Desk) -> None:
    command = desk.approved(reduce_only=True, proof=False)
    desk.gate.reduce("closing")

    assert isinstance(desk.submit(command).outcome, NotSent)
    assert desk.posts() == 0


def test_after_a_halt_the_tags_on_the_wire_are_named(desk: Desk) -> None:
    command = desk.approved()
    on_the_wire: list[str] = []

    class Slow(FakeBroker):
        def place(self, order: object, on_sent: object = None) -> Accepted:
            on_sent()  # type: ignore[operator]  # the gate's edge
            on_the_wire.extend(desk.gate.halt("kill switch"))
            return Accepted("1")

    desk.actor._broker = Slow()

    assert desk.submit(command).outcome == Accepted("1")
    assert on_the_wire == [TAG]


# -- cancels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("halted", [False, True])
def test_cancels_pass_in_every_state_and_are_urgent(desk: Desk, halted: bool) -> None:
    row = desk.broker.rest(desk.approved().order)
    if halted:
        desk.gate.halt("kill switch")

    desk.actor.receive(CancelOrder(TAG, row.order_id))

    assert desk.steps == ["register", "pace urgent", "start", f"cancel {row.order_id}", "finish"]
    assert desk.context.of(CancelPosted) == [CancelPosted(TAG, row.order_id, Accepted(row.order_id))]


@pytest.mark.parametrize("why", ["pacing", "fenced before", "fenced after"])
def test_a_cancel_that_was_not_sent_is_told_as_such(desk: Desk, why: str) -> None:
    row = desk.broker.rest(desk.approved().order)
    if why == "pacing":
        desk.broker.slots = False
    elif why == "fenced before":
        desk.gate.fence("gateway.entry.0", 1)
    else:
        desk.broker.before_pace = lambda: desk.gate.fence("gateway.entry.0", 1)

    desk.actor.receive(CancelOrder(TAG, row.order_id))

    (posted,) = desk.context.of(CancelPosted)
    assert isinstance(posted.outcome, NotSent)
    assert f"cancel {row.order_id}" not in desk.steps


def test_a_stopped_worker_gives_its_connection_back(desk: Desk) -> None:
    desk.actor.stopping()

    assert desk.broker.closed


# -- reads -------------------------------------------------------------------------------------------------------------


class Reading:
    def __init__(self, stage: Stage) -> None:
        self.broker = FakeBroker(now=stage.clock.now)
        self.context = stage.context("gateway.read")
        self.actor = ReadWorker(self.context, stage.routes, self.broker, stage.clock)
        self.row = self.broker.rest(an_accepted().order)
        self.broker.fill(self.row.order_id, 4, e4("1500"))


@pytest.fixture
def reading(stage: Stage) -> Reading:
    return Reading(stage)


def test_orders_are_read_before_trades(reading: Reading) -> None:
    reading.actor.receive(ReadOrderBook(request=7))

    (read,) = reading.context.of(OrderBookRead)
    assert reading.broker.calls == ["orders", "trades"]
    assert (read.request, [o.filled for o in read.orders], [t.quantity for t in read.trades]) == (7, [4], [4])
    assert (read.error, read.login_needed) == ("", False)


def test_one_orders_trades_are_asked_for_by_its_id_and_many_all_at_once(reading: Reading) -> None:
    reading.actor.receive(ReadTrades((reading.row.order_id,)))
    reading.actor.receive(ReadTrades((reading.row.order_id, "2")))

    assert reading.broker.calls == [f"trades {reading.row.order_id}", "trades"]
    assert [[t.trade_id for t in read.trades] for read in reading.context.of(TradesRead)] == [["T1"], ["T1"]]


def test_the_account_is_read_whole(reading: Reading) -> None:
    reading.actor.receive(ReadAccount(request=8))

    (read,) = reading.context.of(AccountRead)
    assert (read.request, [(p.symbol, p.quantity) for p in read.positions or ()]) == (8, [("INFY", 4)])
    assert read.funds is not None and read.funds.cash == e4("1000000")


@pytest.mark.parametrize("command", [ReadOrderBook(1), ReadTrades(("1",)), ReadAccount(1)])
def test_a_read_that_fails_is_told_in_words(reading: Reading, command: object) -> None:
    reading.broker.failing = BrokerUnavailable("GET /orders: no reply within 7 s")

    reading.actor.receive(command)

    told = reading.context.told[0]
    assert told.to == "orders"
    assert {each.message for each in reading.context.told} == {told.message}
    assert isinstance(told.message, OrderBookRead | TradesRead | AccountRead)
    assert told.message.error == "GET /orders: no reply within 7 s"
    assert reading.context.of(SessionLost) == []


@pytest.mark.parametrize("command", [ReadOrderBook(1), ReadTrades(("1",)), ReadAccount(1)])
def test_a_lost_session_is_told_to_who_can_mend_it(reading: Reading, command: object) -> None:
    reading.broker.failing = LoginNeeded("the broker no longer accepts the token")

    reading.actor.receive(command)

    assert {t.to for t in reading.context.told if isinstance(t.message, SessionLost)} == {"session", "risk"}
    answer = reading.context.told_to("orders")[0]
    assert isinstance(answer, OrderBookRead | TradesRead | AccountRead)
    assert "token" in answer.error


@pytest.mark.parametrize("command", [ReadOrderBook(1), ReadTrades(("1",)), ReadAccount(1)])
def test_a_read_that_the_plan_does_not_include_calls_a_person(reading: Reading, command: object) -> None:
    reading.broker.failing = NotPermitted("Insufficient permission for that call: change the plan")

    reading.actor.receive(command)

    assert [(a.level, a.name, a.text) for a in reading.context.of(Alert)] == [
        ("critical", "broker.refuses", str(reading.broker.failing))
    ]


def test_a_stopped_reader_gives_its_connection_back(reading: Reading) -> None:
    reading.actor.stopping()

    assert reading.broker.closed
