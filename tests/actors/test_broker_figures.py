"""The broker's own figures at the risk gate: asked beside the decisions, and the stricter one counts."""

from __future__ import annotations

import datetime as dt

import pytest
from msgspec.structs import replace

from actors.gateway import ReadWorker
from domain.errors import BrokerRefusal, BrokerUnavailable, LoginNeeded, NotPermitted
from domain.messages.broker import DayLimits, ExecutedOrder
from domain.messages.control import Alert, SessionLost, SessionOpened
from domain.messages.figures import CostsRead, LimitsRead, MarginsRead, ReadCosts, ReadLimits, ReadMargins
from domain.messages.orders import DenyReason
from domain.risk.questions import order_of
from domain.values import RUPEE, OrderKind, Product, Side
from tests.actors.stage import Stage
from tests.actors.test_risk_gate_actor import INSTRUMENTS, Desk
from tests.domain.builders import INFY, NIFTY_FUTURE, SBIN, a_trade, an_intent, day_opened, some_limits
from tests.fakes.broker import FakeBroker

ANSWERS = LimitsRead | MarginsRead | CostsRead
WIDE = some_limits(stale_price_seconds=300, price_band_percent=100, repeat_seconds=0.001)


class Office(Desk):
    """A gate that asks, and the worker that answers with what a broker reckons."""

    def __init__(self, stage: Stage, **changes: object) -> None:
        self.instruments = dict(INSTRUMENTS)
        super().__init__(stage, limits=WIDE, asks_broker=True, instruments=self.instruments)
        assert self._look
        self.broker = FakeBroker()
        for each, price in ((INFY, 1000), (SBIN, 800), (NIFTY_FUTURE, 26_000)):
            self.broker.reckons(each.key, price * RUPEE)
        self.worker = ReadWorker(stage.context("gateway.read"), stage.routes, self.broker, stage.clock)

    def ask(self, rounds: int = 5) -> None:
        """Look, and hand on what was asked and answered, until nothing is asked any more."""
        for _ in range(rounds):
            before = len(self.context.told)
            self.look()
            for told in self.context.told[before:]:
                if isinstance(told.message, ReadLimits | ReadMargins):
                    self.worker.context.told.clear()  # type: ignore[attr-defined]  # a Told
                    self.worker.receive(told.message)
                    for answer in self.worker.context.told:  # type: ignore[attr-defined]
                        if answer.to == "risk":
                            self.actor.receive(answer.message)


@pytest.fixture
def desk(stage: Stage) -> Office:
    stage.journal.commit([day_opened()])
    office = Office(stage)
    office.active()
    office.broker.day_limits[INFY.key] = DayLimits(INFY.key, 900 * RUPEE, 1100 * RUPEE)
    return office


def reads(desk: Office) -> list[str]:
    return [call.split()[0] for call in desk.broker.calls]


def test_beyond_the_days_limits_is_denied_and_not_told_on(desk: Office) -> None:
    desk.ask()
    assert reads(desk) == ["limits", "margins"]
    limit = {"kind": OrderKind.LIMIT, "reference_price": 1000 * RUPEE}

    desk.entry("s1:within", price=1100 * RUPEE, **limit)
    desk.entry("s1:beyond", price=1101 * RUPEE, **limit)
    desk.entry("s1:below", price=899 * RUPEE, **limit)

    assert [each.intent_id for each in desk.approvals()] == ["s1:within"]
    assert desk.denials() == [DenyReason.CIRCUIT, DenyReason.CIRCUIT]


def test_until_they_are_known_the_exchange_judges(desk: Office) -> None:
    desk.entry(price=1101 * RUPEE, kind=OrderKind.LIMIT)

    assert len(desk.approvals()) == 1


def test_a_widened_band_is_read_again_after_a_denial_and_near_a_limit(desk: Office) -> None:
    desk.ask()
    desk.broker.day_limits[INFY.key] = DayLimits(INFY.key, 850 * RUPEE, 1200 * RUPEE)
    beyond = {"kind": OrderKind.LIMIT, "price": 1150 * RUPEE}
    desk.entry("s1:1", **beyond)
    desk.ask()
    desk.stage.passes(2)
    desk.entry("s1:2", **beyond)
    desk.ask()
    desk.entry("s1:3", **beyond)
    assert desk.denials() == [DenyReason.CIRCUIT, DenyReason.CIRCUIT], "the first was too soon after the reading"
    assert [each.intent_id for each in desk.approvals()] == ["s1:3"]

    before = reads(desk).count("limits")
    desk.stage.passes(31)
    desk.ask()
    assert reads(desk).count("limits") == before
    desk.price(INFY.token, 1190)
    desk.stage.passes(31)
    desk.ask()
    assert reads(desk).count("limits") == before + 1


def test_the_larger_margin_is_held_and_the_difference_is_an_event(desk: Office) -> None:
    desk.broker.margin_percent = 50
    desk.ask()
    told = [keys for _, name, keys in desk.context.logged if name == "risk.margin_differs"]
    assert {(keys["instrument"], keys["side"]) for keys in told} >= {(INFY.key, "BUY"), (INFY.key, "SELL")}
    mine = next(keys for keys in told if keys["instrument"] == INFY.key)
    assert (mine["ours"], mine["brokers"]) == ("200.00", "500.00"), "one unit, intraday: a fifth, and the broker's half"

    desk.entry("s1:1")

    (held,) = desk.actor._book.open_orders()
    assert held.margin_held == 10 * 500 * RUPEE


def test_an_order_approved_before_the_figure_came_holds_it_then(desk: Office) -> None:
    desk.broker.margin_percent = 60
    desk.entry("s1:1")
    (held,) = desk.actor._book.open_orders()
    assert held.margin_held == 10 * 200 * RUPEE
    desk.ask()

    (held,) = desk.actor._book.open_orders()
    assert held.margin_held == 10 * 600 * RUPEE
    assert reads(desk).count("margins") == 1, "the order itself was asked about, not one lot"


def test_a_lower_figure_changes_nothing_and_is_said_once(desk: Office) -> None:
    desk.broker.margin_percent = 1
    desk.ask()
    desk.entry("s1:1")
    desk.stage.passes(31)
    desk.entry("s1:2", quantity=9)
    desk.ask()

    assert [order.margin_held for order in desk.actor._book.open_orders()] == [1_800 * RUPEE]
    said = [keys for _, name, keys in desk.context.logged if name == "risk.margin_differs"]
    assert len([k for k in said if (k["instrument"], k["product"], k["side"]) == (INFY.key, "MIS", "BUY")]) == 1


def test_a_difference_within_the_bound_is_none(desk: Office) -> None:
    desk.broker.margin_percent = 22
    desk.ask()

    assert not [name for _, name, _ in desk.context.logged if name == "risk.margin_differs"]


def test_funds_are_measured_by_the_brokers_figure(stage: Stage) -> None:
    stage.journal.commit([day_opened(cash=5_000 * RUPEE)])
    desk = Office(stage)
    desk.active()
    desk.broker.margin_percent = 60
    desk.ask()

    desk.entry("s1:1")

    assert desk.denials() == [DenyReason.BROKER_MARGIN]


def test_what_is_held_takes_the_brokers_figure_too(stage: Stage) -> None:
    stage.journal.commit([day_opened(cash=15_000 * RUPEE), a_trade()])
    desk = Office(stage)
    desk.active()
    desk.broker.margin_percent = 60
    desk.ask()

    # 10 are held at 1,000: 6,000 by the broker's figure, not 2,000; another 10 need 6,000 of the 9,000 that are left.
    desk.entry("s1:1")
    desk.entry("s1:2", quantity=6)

    assert [each.intent_id for each in desk.approvals()] == ["s1:1"]
    assert desk.denials() == [DenyReason.BROKER_MARGIN]
    facts = desk.actor._world.stated
    assert desk.actor._book.margin_used(WIDE, facts) == 12_000 * RUPEE
    assert desk.actor._book.margin_used(WIDE) == 8_000 * RUPEE


def test_nothing_is_asked_without_a_session(desk: Office) -> None:
    desk.actor.receive(SessionLost("the token is dead", 0))
    desk.ask()
    assert reads(desk) == []

    desk.actor.receive(SessionOpened("AB1234", 0, 0))
    desk.ask()
    assert reads(desk) == ["limits", "margins"]


def test_a_new_day_asks_anew(desk: Office) -> None:
    desk.ask()
    desk.journal(day_opened(day=dt.date(2026, 11, 23)))
    desk.ask()

    assert reads(desk) == ["limits", "margins"] * 2


def test_an_instrument_that_is_added_while_it_runs_is_asked_about_too(desk: Office) -> None:
    desk.ask()
    new = replace(INFY, token=5, symbol="WIPRO")
    desk.broker.reckons(new.key, 500 * RUPEE)
    desk.instruments[new.token] = new
    desk.stage.passes(6)
    desk.ask()

    limits = desk.reported("day_limits")
    assert isinstance(limits, dict)
    assert new.key in limits
    assert reads(desk) == ["limits", "margins"] * 2


def test_a_broker_that_does_not_answer_changes_no_decision(desk: Office) -> None:
    desk.broker.failing = BrokerUnavailable("no reply")
    desk.ask()
    desk.entry("s1:1")

    assert len(desk.approvals()) == 1
    assert [keys["why"] for _, name, keys in desk.context.logged if name == "risk.figures_unread"] == ["no reply"] * 2


@pytest.mark.parametrize(
    ("error", "refused", "lost"),
    [
        (BrokerUnavailable("down"), False, 0),
        (BrokerRefusal("no such symbol"), True, 0),
        (NotPermitted("the plan has no quotes"), False, 0),
        (LoginNeeded("the token is dead"), False, 1),
    ],
)
def test_the_worker_tells_why_it_has_no_figure_and_calls_no_person(
    stage: Stage, error: BrokerUnavailable, refused: bool, lost: int
) -> None:
    broker, context = FakeBroker(), stage.context("gateway.read")
    worker = ReadWorker(context, stage.routes, broker, stage.clock)
    executed = ExecutedOrder("o1", "NSE", "INFY", Side.BUY, Product.MIS, OrderKind.MARKET, 10, 10_000 * RUPEE)
    intent = order_of(an_intent())

    for question in (
        ReadLimits(1, (INFY.key,)),
        ReadMargins(2, (replace(intent, price=RUPEE),)),
        ReadCosts(3, (executed,)),
    ):
        context.afresh()
        broker.failing = error
        worker.receive(question)
        (told,) = (each.message for each in context.told if isinstance(each.message, ANSWERS))
        assert (told.error, told.refused) == (str(error), refused)
        assert (len(context.of(SessionLost)), context.of(Alert)) == (lost, [])
        context.afresh()
        broker.failing = None
        worker.receive(question)
        (told,) = (each.message for each in context.told if isinstance(each.message, ANSWERS))
        assert (told.request, told.error) == (question.request, "")
