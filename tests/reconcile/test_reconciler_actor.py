"""The reconciler's rounds: in order, when they are due, once committed; and what each policy does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
from msgspec.structs import replace

from actors.reconciler import GTT_PATIENCE_SECONDS, Reconciler, ReconcilerSettings
from domain.messages.broker import BrokerOrder, BrokerPosition, BrokerStatus, BrokerTrade, Funds
from domain.messages.control import Alert, Report, SetTradingState, TradingState
from domain.messages.gtt import ApprovedGtt, GttClaimed, GttIntent, GttLeg, GttPlaced
from domain.messages.journal import (
    DayOpened,
    DifferenceCleared,
    DifferenceFound,
    FillSeen,
    JournalEvent,
    OrderAcknowledged,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.orders import AccountRead, CancelOpenOrders, OrderBookRead, ReadAccount, ReadOrderBook
from domain.messages.reconcile import DifferencesTaken, JournalDifferences, UpdateHeard
from domain.orders.gtt import accept
from domain.reconcile.account import Tolerances
from domain.reconcile.books import Line
from domain.reconcile.expiry import UNKNOWN_CONTRACTS, Contracts
from domain.reconcile.names import Difference, Policy
from domain.reconcile.policies import DEFAULT_POLICIES
from domain.values import MINUTE, Instrument, Product, Side, e4
from tests.actors.stage import Stage, own
from tests.support.orders import NOW, a_row, a_trade, an_accepted, an_intent, folded

FUNDS = Funds(e4("500000"), e4("500000"), e4("500000"), 0)
LONG = BrokerPosition("NSE", "INFY", Product.MIS, 10, 0, 10, 10 * e4("1500"), 0, 0, 0)
SETTINGS = ReconcilerSettings(
    positions_seconds=60,
    funds_seconds=120,
    confirm_seconds=2,
    update_grace_seconds=2,
    tolerances=Tolerances(price=100, funds=e4("10")),
    policies=DEFAULT_POLICIES,
)


class Desk:
    """The actor, an order supervisor that commits what it is told, and a broker that shows what it is set to."""

    traders: ClassVar[Mapping[str, tuple[Line, ...]]] = {}
    instruments: ClassVar[Mapping[str, Instrument]] = {}
    contracts: ClassVar[Contracts] = UNKNOWN_CONTRACTS

    def __init__(self, stage: Stage, incarnation: int = 1, policies: dict[Difference, Policy] | None = None) -> None:
        self.stage = stage
        self.context = stage.context("reconciler", incarnation)
        settings = replace(SETTINGS, policies={**DEFAULT_POLICIES, **(policies or {})}, traders=self.traders)
        routes, journal, clock = stage.routes, stage.journal, stage.clock
        self.actor = Reconciler(
            self.context, routes, journal, clock, self.instruments, settings, "AB1234", self.contracts
        )
        self.orders: tuple[BrokerOrder, ...] = ()
        self.trades: tuple[BrokerTrade, ...] = ()
        self.positions: tuple[BrokerPosition, ...] = ()
        self.funds = FUNDS
        self.actor.started()

    def journal(self, *events: JournalEvent) -> None:
        for record in self.stage.journal.commit(events):
            self.actor.receive(record)

    def asked(self) -> list[ReadOrderBook | ReadAccount]:
        """What it asked for since it was asked last."""
        found = [m for m in (told.message for told in self.context.told) if isinstance(m, ReadOrderBook | ReadAccount)]
        self.context.told[:] = [t for t in self.context.told if t.message not in found]
        return found

    def take_commits(self) -> list[JournalDifferences]:
        """As the order supervisor does it."""
        found = self.context.of(JournalDifferences)
        self.context.told[:] = [t for t in self.context.told if t.message not in found]
        for each in found:
            self.journal(*each.events)
            self.actor.receive(DifferencesTaken(each.number))
        return found

    def answer(self, error: str = "") -> list[str]:
        """Answer its questions until it asks no more; their names."""
        names: list[str] = []
        while True:
            questions = self.asked()
            if not questions:
                return names
            for asked in questions:
                names.append(type(asked).__name__)
                if isinstance(asked, ReadOrderBook):
                    rows, trades = ((), ()) if error else (self.orders, self.trades)
                    begun = self.stage.clock.now
                    self.actor.receive(OrderBookRead(asked.request, rows, trades, begun, error))
                else:
                    positions = self.positions if asked.positions and not error else None
                    holdings = () if asked.positions and not error else None
                    funds = self.funds if asked.funds and not error else None
                    self.actor.receive(AccountRead(asked.request, positions, holdings, funds, error))
            self.take_commits()

    def passes(self, seconds: float) -> list[str]:
        """Time goes by; what was read then."""
        self.stage.passes(seconds)
        self.actor.receive(own(self.context, "_Tick"))
        self.take_commits()
        return self.answer()

    def found(self) -> list[DifferenceFound]:
        return [r.event for r in self.stage.journal.read(0) if isinstance(r.event, DifferenceFound)]

    def cleared(self) -> list[DifferenceCleared]:
        return [r.event for r in self.stage.journal.read(0) if isinstance(r.event, DifferenceCleared)]

    def ready(self) -> bool:
        return self.context.was_ready

    def report(self) -> dict[str, object]:
        told = self.actor.receive(Report())
        assert isinstance(told, dict)
        return told


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, NOW)
    made.journal.commit([DayOpened("2026-09-21", FUNDS.cash, NOW)])
    yield made
    made.close()


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage)


def test_the_start_reads_orders_and_trades_then_the_account_and_is_ready_when_all_is_compared(desk: Desk) -> None:
    assert not desk.ready()
    assert desk.answer() == ["ReadOrderBook", "ReadAccount"]
    assert desk.ready()
    assert desk.found() == []


def test_positions_are_compared_every_minute_and_funds_as_often_as_said(desk: Desk) -> None:
    desk.answer()

    assert desk.passes(59.5) == []
    assert desk.passes(0.6) == ["ReadOrderBook", "ReadAccount"]
    assert desk.passes(59.0) == []
    desk.stage.passes(1.1)
    desk.actor.receive(own(desk.context, "_Tick"))
    (book,) = desk.asked()
    assert isinstance(book, ReadOrderBook) and book.with_trades
    desk.actor.receive(OrderBookRead(book.request, (), (), NOW))
    (account,) = desk.asked()
    assert isinstance(account, ReadAccount) and (account.positions, account.funds) == (True, True)


def test_a_read_that_fails_is_tried_again_and_one_that_is_lost_given_up_on(desk: Desk) -> None:
    assert desk.answer(error="no reply within 7 s") == ["ReadOrderBook"]
    assert not desk.ready()
    assert desk.passes(1.1) == ["ReadOrderBook", "ReadAccount"]
    assert desk.ready()
    desk.stage.passes(61)
    desk.actor.receive(own(desk.context, "_Tick"))
    assert [type(each).__name__ for each in desk.asked()] == ["ReadOrderBook"]  # its worker dies with it
    assert desk.passes(99) == []
    assert desk.passes(2) == ["ReadOrderBook", "ReadAccount"]


def test_a_drift_is_looked_at_again_then_named_once_and_cleared(stage: Stage, desk: Desk) -> None:
    desk.positions = (LONG,)
    desk.answer()
    assert desk.found() == []
    assert not desk.ready(), "nobody trades while something is doubtful"
    assert desk.passes(2.1) == ["ReadOrderBook", "ReadAccount"]
    assert [each.name for each in desk.found()] == ["external position"]
    desk.passes(61)
    assert len(desk.found()) == 1
    assert [each.name for each in desk.cleared()] == ["external position"], "adopted, so both sides agree"

    stage.restart_process()
    again = Desk(stage)
    again.positions = (LONG,)
    again.answer()
    again.passes(2.1)
    assert len(again.found()) == 1, "a restart neither forgets nor names it again"


def test_what_a_gtt_may_have_fired_is_no_drift_until_it_is_known_whose_it_is(stage: Stage, desk: Desk) -> None:
    """Seed 9846: the broker's list of GTTs was read late, and the position without the GTT's fill was told."""
    leg = GttLeg(e4("1400"), Side.BUY, 10, e4("1395"))
    intent = GttIntent("g", "ma", 1, "NSE:INFY", Product.MIS, (leg,), e4("1500"), NOW + MINUTE, NOW, NOW)
    requested = accept(ApprovedGtt(intent, 0, NOW), NOW)
    desk.journal(requested, GttClaimed(requested.tag, NOW), GttPlaced(requested.tag, "900001", "ma", NOW))
    desk.orders = (replace(a_row(folded(an_accepted()), BrokerStatus.COMPLETE, 10, order_id="9"), tags=()),)
    desk.positions = (LONG,)
    desk.answer()
    for _ in range(3):
        desk.passes(2.1)
    assert desk.found() == []

    desk.passes(GTT_PATIENCE_SECONDS)
    for _ in range(3):
        desk.passes(2.1)
    assert "external order" in [each.name for each in desk.found()], "nobody claimed it"


def test_a_difference_that_is_gone_at_the_second_look_was_none(desk: Desk) -> None:
    desk.positions = (LONG,)
    desk.answer()
    desk.positions = ()
    desk.passes(2.1)

    assert desk.found() == []
    assert desk.ready()


@pytest.mark.parametrize(
    ("policy", "level"),
    [
        (Policy.ADOPT, "warning"),
        (Policy.IGNORE, "info"),
        (Policy.FREEZE_INSTRUMENT, "critical"),
        (Policy.FREEZE_STRATEGY, "critical"),
        (Policy.HALT, "critical"),
    ],
)
def test_each_policy_is_alerted_and_acts(stage: Stage, policy: Policy, level: str) -> None:
    desk = Desk(stage, policies={Difference.EXTERNAL_ORDER: policy})
    row = replace(a_row(folded(an_accepted(an_intent())), BrokerStatus.OPEN, order_id="9"), tags=())
    held = a_trade(folded(an_accepted(an_intent())), "T1", 4, order_id="7")
    desk.journal(TradeBooked("T1", "7", "", "ma", 408065, "NSE:INFY", held.side, Product.MIS, 4, held.price, NOW, NOW))
    desk.orders = (row,)
    desk.answer()

    (found,) = desk.found()
    assert (found.policy, found.strategies) == (policy, ("ma",))
    alert = desk.context.of(Alert)[0]
    assert (alert.level, alert.name) == (level, "reconcile.difference")
    cancelled = [(each.strategy, each.instrument) for each in desk.context.of(CancelOpenOrders)]
    assert cancelled == {Policy.FREEZE_INSTRUMENT: [("", "NSE:INFY")], Policy.FREEZE_STRATEGY: [("ma", "")]}.get(
        policy, []
    )
    halts = [each for each in desk.context.of(SetTradingState) if each.state is TradingState.HALTED]
    assert [each.who for each in halts] == ["reconcile"] * (policy is Policy.HALT)


def test_a_halt_that_stands_halts_again_at_the_next_start(stage: Stage) -> None:
    stage.journal.commit([DifferenceFound("quantity drift", "X", "1", "2", NOW, Policy.HALT)])

    assert [each.state for each in Desk(stage).context.of(SetTradingState)] == [TradingState.HALTED]


def test_nothing_is_judged_while_what_was_told_is_not_journaled(desk: Desk) -> None:
    desk.orders = (replace(a_row(folded(an_accepted(an_intent())), BrokerStatus.OPEN, order_id="9"), tags=()),)
    (book,) = desk.asked()
    desk.actor.receive(OrderBookRead(book.request, desk.orders, (), NOW))
    desk.actor.receive(OrderBookRead(1, desk.orders, (), NOW))  # the order supervisor's own poll

    assert len(desk.context.of(JournalDifferences)) == 1
    desk.stage.passes(10.1)  # lost with the order supervisor
    desk.actor.receive(OrderBookRead(2, desk.orders, (), NOW))
    assert len(desk.context.of(JournalDifferences)) == 2


@pytest.mark.parametrize(("heard", "named"), [((), 1), ((4,), 1), ((10,), 0), ((4, 10), 0)])
def test_a_fill_is_missed_when_no_update_tells_of_it_in_time(desk: Desk, heard: tuple[int, ...], named: int) -> None:
    desk.answer()
    accepted = an_accepted(an_intent(quantity=10))
    tag = accepted.tag
    desk.journal(accepted, SendingClaimed(tag, NOW), OrderAcknowledged(tag, "7", "ma", NOW))
    desk.journal(FillSeen(tag, "7", "ma", 10, BrokerStatus.COMPLETE, NOW, found_by="order book"))
    for filled in heard:
        desk.actor.receive(UpdateHeard(tag, filled))
    desk.passes(1.9)
    assert desk.found() == []

    desk.passes(0.2)

    assert [each.name for each in desk.found()] == ["missed fill"] * named


def test_an_order_that_outlived_its_day_is_closed(stage: Stage) -> None:
    accepted = an_accepted(an_intent(quantity=10))
    tag = accepted.tag
    stage.journal.commit([accepted, SendingClaimed(tag, NOW), OrderAcknowledged(tag, "7", "ma", NOW)])
    stage.journal.commit([DayOpened("2026-09-22", FUNDS.cash, NOW)])
    desk = Desk(stage)
    desk.answer()

    assert stage.journal.open_records() == []
    assert desk.found() == []


def test_the_first_look_of_a_day_waits_until_the_day_is_open(tmp_path: Path) -> None:
    stage = Stage(tmp_path, NOW)
    desk = Desk(stage)
    desk.answer()
    assert not desk.ready()
    desk.journal(DayOpened("2026-09-21", FUNDS.cash, NOW))

    assert desk.passes(2.1) == ["ReadOrderBook", "ReadAccount"]
    assert desk.ready()
    stage.close()


def test_external_sells_of_what_a_strategy_holds_name_a_short_at_once(desk: Desk) -> None:
    desk.journal(TradeBooked("T1", "7", "", "ma", 408065, "NSE:INFY", Side.BUY, Product.MIS, 10, e4("1500"), NOW, NOW))
    row = replace(
        a_row(folded(an_accepted(an_intent())), BrokerStatus.COMPLETE, 10, order_id="9"), tags=(), side=Side.SELL
    )
    desk.orders = (row,)
    desk.trades = (BrokerTrade("T2", "9", "NSE", "INFY", Side.SELL, Product.MIS, 10, e4("1500"), NOW),)
    desk.positions = (replace(LONG, quantity=0, sell_quantity=10, sell_value=10 * e4("1500")),)
    desk.answer()
    desk.passes(2.1)

    assert [each.name for each in desk.found()] == ["external order", "external short"]
    assert desk.report()["ready"]
