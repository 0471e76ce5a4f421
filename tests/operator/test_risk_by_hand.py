"""The risk gate under a person's commands: halt, resume, flatten; the state, the exits, and the answers."""

from __future__ import annotations

import pytest

from actors.runtime import EffectKind
from domain.messages.control import Alert, SessionLost, SetTradingState, TradingState, TradingStateChanged
from domain.messages.journal import OrderAcknowledged, OrderRejected
from domain.messages.operator import Flatten, Halt, OperatorAnswered, OperatorCommand, OperatorRequest, Resume
from domain.messages.orders import CancelOpenOrders, DenyReason
from domain.orders.tags import tag_for
from domain.risk.wishes import LOOKS
from domain.values import Product, Side
from tests.actors.stage import Stage
from tests.actors.test_risk_gate_actor import Desk
from tests.domain.builders import INFY, SBIN, accepted, an_intent, buy, day_opened, sell


@pytest.fixture
def desk(stage: Stage) -> Desk:
    stage.journal.commit([day_opened()])
    desk = Desk(stage)
    assert desk._look
    return desk.active()


def say(desk: Desk, command: OperatorCommand) -> OperatorAnswered:
    """Tell the gate; its one answer."""
    before = len(desk.context.of(OperatorAnswered))
    desk.actor.receive(OperatorRequest(7, 0, "asha", command))
    [answer] = desk.context.of(OperatorAnswered)[before:]
    assert answer.request == 7
    return answer


def exits(desk: Desk) -> set[tuple[str, str, Side, int, Product]]:
    return {(i.strategy, i.instrument, i.side, i.quantity, i.product) for i in desk.approvals() if i.reduce_only}


def test_halt_latches_tells_and_outlives_the_process(desk: Desk) -> None:
    answer = say(desk, Halt("lunch"))

    assert (answer.done, answer.text, answer.tags) == (True, "halted", ())
    assert not desk.entry_leaves()
    [changed] = desk.context.of(TradingStateChanged)
    assert (changed.state, changed.why, changed.who) == (TradingState.HALTED, "lunch (asha)", "operator")
    assert desk.again("run 2").state() is TradingState.HALTED


def test_halt_names_what_is_on_the_wire(desk: Desk) -> None:
    gate = desk.context.gate
    ticket = gate.register("risk", 1, "PONTHEWIRE", EffectKind.ENTRY)
    with gate.start(ticket) as edge:
        edge()
        answer = say(desk, Halt("now"))

    assert (answer.tags, answer.text) == (("PONTHEWIRE",), "halted; on the wire already: PONTHEWIRE")


def test_halt_and_flatten_closes_everything_and_stays_halted(desk: Desk) -> None:
    desk.journal(buy(10, 1000), sell(6, 800, trade_id="b", strategy="s2", token=SBIN.token, instrument=SBIN.key))

    answer = say(desk, Halt("enough", flatten=True))

    assert answer.done and answer.text == "halted; closing with 2 orders"
    assert exits(desk) == {
        ("s1", INFY.key, Side.SELL, 10, Product.MIS),
        ("s2", SBIN.key, Side.BUY, 6, Product.MIS),
    }
    assert desk.state() is TradingState.HALTED
    desk.entry()
    assert desk.denials() == [DenyReason.HALTED]


def test_resume_clears_a_persons_halt_and_a_limits(desk: Desk) -> None:
    say(desk, Halt("lunch"))
    assert say(desk, Resume("back")).done
    assert desk.entry_leaves()
    desk.actor.receive(SetTradingState(TradingState.HALTED, "a loss", "limit"))

    assert say(desk, Resume("looked into it")).done
    assert desk.state() is TradingState.ACTIVE


def test_resume_does_not_overrule_what_has_a_cause_of_its_own(stage: Stage, desk: Desk) -> None:
    desk.actor.receive(SessionLost("token", 0))
    lost = say(desk, Resume("go on"))
    desk.actor.receive(SetTradingState(TradingState.REDUCING, "stopping: signal", "shutdown"))
    stopping = say(desk, Resume("go on"))
    starting = say(desk.again("run 2"), Resume("go on"))

    assert [each.done for each in (lost, stopping, starting)] == [False, False, False]
    assert "log in" in lost.text
    assert stopping.text == "the trader is stopping"
    assert "not started yet" in starting.text
    assert desk.state() is TradingState.REDUCING


def test_flatten_closes_one_strategy_in_every_product_and_the_state_stays(desk: Desk) -> None:
    desk.journal(
        buy(10, 1000),
        buy(3, 1000, trade_id="c", product=Product.CNC),
        sell(6, 800, trade_id="b", strategy="s2", token=SBIN.token, instrument=SBIN.key),
    )

    answer = say(desk, Flatten("done for today", "s1"))

    assert answer.done
    assert exits(desk) == {
        ("s1", INFY.key, Side.SELL, 10, Product.MIS),
        ("s1", INFY.key, Side.SELL, 3, Product.CNC),
    }
    assert set(answer.tags) == {tag_for(intent.intent_id) for intent in desk.approvals()}
    assert desk.state() is TradingState.ACTIVE


def test_flatten_with_nothing_held(desk: Desk) -> None:
    answer = say(desk, Flatten("sure?", "s1"))

    assert (answer.done, answer.text) == (True, "nothing is held")
    assert desk.approvals() == []


def test_what_was_refused_is_asked_for_again_and_once_flat_never(stage: Stage, desk: Desk) -> None:
    desk.journal(buy(10, 1000))
    say(desk, Flatten("out", "s1"))
    [first] = desk.approvals()
    desk.journal(accepted(first, "T1"))
    desk.look()
    assert len(desk.approvals()) == 1, "while the exit is under way nothing more is sent"
    stage.journal.claim("T1", stage.clock.now)
    desk.journal(OrderRejected("T1", "", "s1", "no such luck", 0))
    desk.look()
    [_, second] = desk.approvals()
    assert second.intent_id != first.intent_id
    desk.journal(accepted(second, "T2"))
    stage.journal.claim("T2", stage.clock.now)
    desk.journal(OrderAcknowledged("T2", "2", "s1", 0), sell(10, 1000, trade_id="out", tag="T2"))
    desk.look()

    assert "risk.flat" in desk.context.words()
    desk.journal(buy(5, 1000, trade_id="later"))
    desk.look()
    assert len(desk.approvals()) == 2, "what the strategy buys afterwards is its own"


def test_entries_that_rest_are_withdrawn_meanwhile(desk: Desk) -> None:
    desk.journal(buy(10, 1000), accepted(an_intent("s1:5", quantity=5), "T5"))
    say(desk, Flatten("out", "s1"))
    desk.look()

    assert [(each.strategy, each.include_exits) for each in desk.context.of(CancelOpenOrders)] == [("s1", False)]


def test_a_restarted_gate_goes_on_closing_and_a_new_process_does_not(desk: Desk) -> None:
    desk.journal(buy(10, 1000))
    say(desk, Flatten("out", "s1"))

    restarted = desk.again()
    assert restarted._look
    restarted.active().look()
    other = desk.again("run 2")
    assert other._look
    other.active().look()

    assert len(restarted.approvals()) == 1
    assert other.approvals() == []


def test_what_cannot_be_closed_is_said_at_once_and_given_up_aloud(stage: Stage, desk: Desk) -> None:
    desk.journal(buy(10, 1000))
    stage.clock.now += 6 * 3600 * 10**9  # the market is closed
    answer = say(desk, Flatten("out", "s1"))
    for _ in range(LOOKS + 1):
        desk.look()

    assert not answer.done and answer.text.startswith(
        "1 exits were denied and are tried again for a while; the first: "
    )
    alerts = [alert for alert in desk.context.of(Alert) if alert.name == "risk.not_flat"]
    assert [alert.text for alert in alerts] == ["s1 could not be closed: out (asha)"]
    desk.context.afresh()
    desk.look()
    assert desk.denials() == []
