"""From intent to ledger: the real gate, supervisor, workers and portfolio on one strand, over a broker in memory."""

from __future__ import annotations

import pytest

from actors.gateway import OrderWorker, ReadWorker
from actors.orders import OrderSupervisor
from actors.portfolio import Portfolio
from actors.routes import ALERTS
from actors.runtime import Actor, TradingLevel
from domain.messages.broker import Unresolved
from domain.messages.control import (
    Alert,
    FreezeStrategy,
    JobDue,
    JobKind,
    PortfolioSnapshot,
    Report,
    SetTradingState,
    TradingState,
)
from domain.messages.journal import OrderState, TradeBooked
from domain.messages.orders import OrderUpdateReceived
from domain.orders.tags import tag_for
from domain.values import RUPEE, SECOND, SessionClass, Side
from tests.actors.stage import Stage, Told, own
from tests.actors.test_order_supervisor import SETTINGS
from tests.actors.test_risk_gate_actor import ACTIVE
from tests.actors.test_risk_gate_actor import Desk as RiskDesk
from tests.domain.builders import INFY, INSTRUMENTS, an_intent
from tests.fakes.broker import FakeBroker
from tests.support.prices import a_price


class Floor:
    """Every actor between a strategy and the broker. `run` delivers what they tell each other until all are quiet.

    deaf    kinds of message that are lost on their way
    alerts  what a person was told
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.deaf: set[type] = set()
        self.alerts: list[Alert] = []
        self.broker = FakeBroker(now=stage.clock.now)
        self.contexts: dict[str, Told] = {}
        self.actors: dict[str, Actor] = {}
        workers = ("gateway.entry.0", "gateway.entry.1", "gateway.entry.2", "gateway.exit.0")
        for name in workers:
            self._enter(OrderWorker(self._context(name), stage.routes, self.broker, stage.journal, stage.clock, 3.0))
        self._enter(ReadWorker(self._context("gateway.read"), stage.routes, self.broker, stage.clock))
        self._enter(Portfolio(self._context("portfolio"), stage.routes, stage.journal, stage.clock, INSTRUMENTS, 0.25))
        self.risk = RiskDesk(stage)
        self.contexts["risk"], self.actors["risk"] = self.risk.context, self.risk.actor
        self.flatten = own(self.risk.context, "_Look")
        self._enter(OrderSupervisor(self._context("orders"), stage.routes, stage.journal, stage.clock, SETTINGS))
        self.look = own(self.contexts["orders"], "_Tick")
        # One gate for all, as in a system.
        gate = self.risk.context.gate
        for name, context in self.contexts.items():
            gate.admit(name, 1)
            context.gate = gate
        self.run()
        self.tell("risk", ACTIVE)
        self.price(1000)

    def _context(self, name: str) -> Told:
        self.contexts[name] = self.stage.context(name)
        return self.contexts[name]

    def _enter(self, actor: Actor) -> None:
        actor.started()
        self.actors[actor.context.name] = actor

    def tell(self, name: str, message: object) -> None:
        self.actors[name].receive(message)
        self.run()

    def run(self) -> None:
        for _ in range(1_000):
            letters = [told for context in self.contexts.values() for told in context.told if told.to in self.actors]
            for context in self.contexts.values():
                self.alerts += [t.message for t in context.told if t.to == ALERTS and isinstance(t.message, Alert)]
                context.told.clear()
            if not letters:
                return
            for letter in letters:
                if type(letter.message) in self.deaf:
                    continue
                self.actors[letter.to].receive(letter.message)
        raise AssertionError("they never stop talking")

    def price(self, rupees: int) -> None:
        now = self.stage.clock.now
        for name in ("risk", "portfolio"):
            self.tell(name, a_price(INFY.token, rupees, now))
        self.tell("risk", self.books())

    def books(self) -> PortfolioSnapshot:
        books = self.actors["portfolio"].receive(Report())
        assert isinstance(books, PortfolioSnapshot)
        return books

    def decide(self, intent_id: str, **changes: object) -> OrderState:
        self.tell("risk", an_intent(intent_id, valid_until=self.stage.clock.now + 30 * SECOND, **changes))
        record = self.stage.journal.record(tag_for(intent_id))
        assert record is not None
        return record.state

    def fill(self, order_id: str, quantity: int, rupees: int, *, said: bool = True) -> None:
        row = self.broker.fill(order_id, quantity, rupees * RUPEE)
        if said:
            self.tell("orders", OrderUpdateReceived(row))

    def poll(self, seconds: float) -> None:
        self.stage.passes(seconds)
        self.tell("orders", self.look)

    def orders(self) -> list[str]:
        return [row.order_id for row in self.broker.orders()]

    def held(self) -> int:
        return sum(view.quantity for view in self.books().positions)


@pytest.fixture
def floor(stage: Stage) -> Floor:
    return Floor(stage)


def test_a_round_trip_from_decision_to_profit(floor: Floor) -> None:
    assert floor.contexts["orders"].was_ready
    assert floor.decide("s1:in") is OrderState.ACKNOWLEDGED
    (bought,) = floor.orders()
    floor.fill(bought, 4, 1000)
    floor.fill(bought, 6, 1001)
    assert floor.decide("s1:out", side=Side.SELL, reduce_only=True) is OrderState.ACKNOWLEDGED
    floor.fill(floor.orders()[1], 10, 1005)

    books = floor.books()
    assert (books.round_trips, books.realised) == (1, 44 * RUPEE)
    assert books.cash == 1_000_000 * RUPEE + books.realised - books.charges
    assert [r.state for r in floor.stage.journal.records()] == [OrderState.COMPLETE, OrderState.COMPLETE]
    assert floor.actors["risk"].receive(Report()) == {
        "state": floor.risk.reported("state"),
        "epoch": 1,
        "seq": floor.stage.journal.last_seq(),
        "config_version": 1,
        "frozen": {},
        "frozen_instruments": {},
        "funded": True,
        "day_limits": {},
    }
    assert floor.risk.actor._book.open_orders() == ()


def test_fills_that_nobody_told_of_are_found_by_the_poll(floor: Floor) -> None:
    floor.decide("s1:in")
    floor.fill(floor.orders()[0], 10, 1000, said=False)

    floor.poll(31)

    assert floor.held() == 10


def test_an_order_whose_reply_was_lost_is_found_by_its_tag_and_never_sent_twice(floor: Floor) -> None:
    floor.broker.scripted = [Unresolved("timed out")]
    assert floor.decide("s1:in") is OrderState.QUARANTINED
    record = floor.stage.journal.record(tag_for("s1:in"))
    assert record is not None
    floor.broker.rest(record.order)  # it had reached the broker all the same

    floor.poll(2.1)
    floor.fill(floor.orders()[0], 10, 1000)

    assert floor.held() == 10
    assert sum(call.startswith("place") for call in floor.broker.calls) == 1


def test_a_halt_cancels_what_rests_and_lets_exits_out(floor: Floor) -> None:
    floor.decide("s1:in")
    floor.fill(floor.orders()[0], 10, 1000)
    floor.decide("s1:more", quantity=9)

    floor.tell("risk", SetTradingState(TradingState.HALTED, "stop", "operator"))
    floor.poll(31)

    more = floor.stage.journal.record(tag_for("s1:more"))
    assert more is not None and more.state is OrderState.CANCELLED
    assert floor.risk.context.gate.level is TradingLevel.HALTED
    assert floor.decide("s1:out", side=Side.SELL, reduce_only=True) is OrderState.ACKNOWLEDGED


def test_square_off_ends_flat_though_the_strategy_is_frozen_and_the_first_exit_fails(floor: Floor) -> None:
    floor.decide("s1:in")
    floor.fill(floor.orders()[0], 10, 1000)
    floor.tell("risk", FreezeStrategy("s1", "it failed"))
    floor.broker.scripted = [Unresolved("timed out")]

    floor.tell("risk", JobDue(JobKind.SQUARE_OFF, SessionClass.EQUITY.value, 0, 0))
    assert len(floor.orders()) == 1  # unresolved: it may yet fill, so nothing more is sent meanwhile
    floor.poll(2.1)
    floor.tell("risk", floor.flatten)
    assert len(floor.orders()) == 1
    exits = [r for r in floor.stage.journal.records() if r.intent.reduce_only]
    assert [r.state for r in exits] == [OrderState.QUARANTINED]
    floor.broker.rest(exits[0].order)
    floor.poll(2.1)
    floor.fill(floor.orders()[1], 10, 999)
    floor.tell("risk", floor.flatten)

    assert floor.held() == 0
    assert len(floor.orders()) == 2
    trades = [r.event for r in floor.stage.journal.read(0) if isinstance(r.event, TradeBooked)]
    assert [(t.side, t.strategy, t.reduce_only) for t in trades] == [
        (Side.BUY, "s1", False),
        (Side.SELL, "s1", True),
    ]
