"""The table of routes against the messages there are, and against what their receivers handle."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import sys
import textwrap
import types
import typing
from collections.abc import Iterable, Mapping
from enum import Enum

import msgspec
import numpy as np
import pytest
from msgspec import Struct
from msgspec.structs import replace

from actors import routes
from actors.alerts import Alerts, as_alert
from actors.caretaker import Caretaker
from actors.configuration import Configuration
from actors.execution import Execution
from actors.exits import Exits
from actors.feed import Feed
from actors.gateway import OrderWorker, ReadWorker
from actors.history import HistoryWorker
from actors.market_data import MarketData
from actors.operator import Operator
from actors.orders import OrderSupervisor
from actors.portfolio import Portfolio
from actors.publisher import Publisher
from actors.reconciler import Reconciler
from actors.reporter import Reporter
from actors.risk import RiskGate
from actors.routes import MESSAGE_MODULES, QUERIES, ROUTES, Route, Routes, Topology
from actors.runtime import Actor, Lane
from actors.runtime.mailbox import Entry, Mailbox, MailboxSpec
from actors.session import Session
from actors.shards import ShardRoutes
from actors.strategy import StrategyActor
from actors.timetable import Timetable
from domain.bars import Bar
from domain.messages import broker, configuration, control, figures, gtt, journal, limits, market, operator, orders
from domain.messages.control import JobDue, JobKind, SetTradingState, TradingState
from domain.messages.journal import JournalRecord
from domain.messages.market import PriceChanged
from domain.report.memory import DayMemory
from domain.strategy import messages as strategy_messages
from domain.ticks import TICK_DTYPE
from domain.values import Product
from tests.actors.stage import Stage
from tests.support.prices import prices_of

STRATEGY = "s1"
TOPOLOGY = Topology(
    strategies=(STRATEGY,),
    by_token={1: (STRATEGY,)},
    published=True,
    guarded=(STRATEGY,),
    executed=(STRATEGY,),
    reloadable=True,
)

ACTORS: Mapping[str, type[Actor]] = {
    routes.SESSION: Session,
    routes.PUBLISHER: Publisher,
    routes.PORTFOLIO: Portfolio,
    routes.RECONCILER: Reconciler,
    routes.RISK: RiskGate,
    routes.ORDERS: OrderSupervisor,
    routes.EXITS: Exits,
    routes.EXECUTION: Execution,
    routes.gateway_entry(0): OrderWorker,
    routes.gateway_exit(0): OrderWorker,
    routes.GATEWAY_READ: ReadWorker,
    routes.HISTORY: HistoryWorker,
    routes.MARKET: MarketData,
    routes.FEED: Feed,
    routes.strategy_name(STRATEGY): StrategyActor,
    routes.REPORTER: Reporter,
    routes.TIMETABLE: Timetable,
    routes.ALERTS: Alerts,
    routes.OPERATOR: Operator,
    routes.CARETAKER: Caretaker,
    routes.CONFIGURATION: Configuration,
}

ELSEWHERE: Mapping[type[Actor], tuple[types.FunctionType, ...]] = {
    Reporter: (typing.cast("types.FunctionType", DayMemory.witness),),
    Alerts: (typing.cast("types.FunctionType", as_alert),),
}
"""Where an actor's `receive` hands what it does not name to a function with a table of its own."""

PARTS: Mapping[type, str] = {
    PriceChanged: "a price, inside PricesChanged",
    control.StrategyResult: "a row, inside PortfolioSnapshot",
    broker.PlaceOrder: "inside SubmitOrder and IntentAccepted",
    broker.Accepted: "an outcome, inside OrderPosted and CancelPosted",
    broker.Rejected: "an outcome, as Accepted",
    broker.Unresolved: "an outcome, as Accepted",
    broker.NotSent: "an outcome, as Accepted",
    broker.BrokerOrder: "a row, inside OrderUpdateReceived and OrderBookRead",
    broker.BrokerTrade: "a row, inside TradesRead and OrderBookRead",
    broker.BrokerPosition: "a row, inside AccountRead",
    broker.BrokerHolding: "a row, inside AccountRead",
    broker.Funds: "a figure, inside AccountRead",
    broker.DayLimits: "a row, inside LimitsRead",
    broker.ExecutedOrder: "inside ReadCosts",
    broker.OrderCosts: "a row, inside CostsRead",
    broker.Change: "inside ModifyIntent and ModifyOrder",
    gtt.Gtt: "inside SubmitGtt, GttRequested and BrokerGtt",
    gtt.GttLeg: "inside Gtt and GttIntent",
    gtt.GttResult: "inside BrokerGtt",
    gtt.BrokerGtt: "a row, inside GttsRead",
    gtt.GttRecord: "what the journal answers; never told",
    broker.SessionFacts: "returned by the session port; SessionOpened is what travels",
    control.PositionView: "a row, inside PortfolioSnapshot",
    limits.LimitUse: "a row, inside LimitsUsed",
    journal.OrderRecord: "what the journal answers; never told",
    journal.Modification: "inside OrderRecord",
    journal.Acceptance: "inside DifferenceCleared",
    **dict.fromkeys(typing.get_args(journal.JournalEvent), "an event, inside JournalRecord"),
    configuration.Terms: "inside PrepareConfiguration and AdoptConfiguration",
    configuration.OrderTerms: "inside Terms",
    configuration.ReconcileTerms: "inside Terms",
    configuration.StrategyTerms: "inside Terms",
    configuration.Known: "what an actor is made with; never told",
    operator.WaitingRequest: "what the desk answers; never told",
    **dict.fromkeys(typing.get_args(operator.OperatorCommand), "a command, inside OperatorRequest"),
}
"""Structs of the message modules that never travel by themselves, and where they are."""


def messages_of(modules: Iterable[types.ModuleType]) -> set[type]:
    """The Structs that a module defines itself."""
    return {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Struct) and value.__module__ == module.__name__
    }


def sample(kind: object) -> object:
    """A value of the type, with strategy `s1` and token 1 wherever a text or a number is wanted."""
    origin, args = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return sample(args[0])
    if origin is tuple:
        return ()
    if origin is Mapping:
        return {}
    if origin is dict:
        return {sample(args[0]): sample(args[1])}
    if origin is typing.Annotated:
        return sample(args[0])
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind(**{field.name: sample(field.type) for field in msgspec.structs.fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return next(iter(kind))
    if origin is np.ndarray:
        return np.zeros(0, TICK_DTYPE)
    plain: Mapping[object, object] = {int: 1, str: STRATEGY, bool: False, bytes: b"", float: 1.0, type(None): None}
    plain = {**plain, dt.time: dt.time(15)}
    return plain[kind]


def samples(kind: type) -> list[object]:
    """One message of the type, or one per variant where the table tells variants apart."""
    one = sample(kind)
    if isinstance(one, JobDue):
        return [replace(one, kind=each) for each in JobKind]
    if isinstance(one, JournalRecord):
        return [replace(one, event=sample(each)) for each in typing.get_args(journal.JournalEvent)]
    if isinstance(one, operator.OperatorRequest):
        return [replace(one, command=sample(each)) for each in typing.get_args(operator.OperatorCommand)]
    return [one]


def handles(actor: type[Actor], message: object) -> bool:
    """Whether a case of the actor's tables names this message (its guards, which ask for state, left out)."""
    return any(_matches(function, message) for function in (actor.receive, *ELSEWHERE.get(actor, ())))


def _matches(function: object, message: object) -> bool:
    assert isinstance(function, types.FunctionType)
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    table = next((node for node in ast.walk(tree) if isinstance(node, ast.Match)), None)
    if table is None:
        return False
    cases = [
        ast.match_case(pattern=case.pattern, guard=None, body=[ast.Return(ast.Constant(True))])
        for case in table.cases
        if not (isinstance(case.pattern, ast.MatchAs) and case.pattern.pattern is None)
    ]
    check = ast.parse("def check(message):\n    pass\n    return False")
    definition = check.body[0]
    assert isinstance(definition, ast.FunctionDef)
    definition.body[0] = ast.Match(subject=ast.Name("message", ast.Load()), cases=cases)
    scope = dict(vars(sys.modules[function.__module__]))
    exec(compile(ast.fix_missing_locations(check), "cases", "exec"), scope)  # noqa: S102 - the actor's own patterns
    return bool(scope["check"](message))


def faults(table: Mapping[type, Route], kinds: Iterable[type]) -> list[str]:
    """What is wrong with a table for these message types, in words."""
    found = [f"{kind.__name__} has no route" for kind in kinds if kind not in table]
    for kind, route in table.items():
        for message in samples(kind):
            receivers = route.to(TOPOLOGY, message)
            if not receivers:
                found.append(f"{kind.__name__} has no receiver")
            found += [
                f"{name} has no case for {message}"
                for name in receivers
                if name not in ACTORS or not handles(ACTORS[name], message)
            ]
    return found


def travelling() -> set[type]:
    return messages_of((*MESSAGE_MODULES, strategy_messages)) - PARTS.keys() - QUERIES


# SubmitOrder and ModifyOrder are told to a worker that the order supervisor names: entries are spread over several.
NAMED_BY_SENDER = {orders.SubmitOrder, orders.ModifyOrder}


def test_every_message_has_a_receiver_and_every_receiver_a_case_for_it() -> None:
    table = {kind: route for kind, route in ROUTES.items() if kind not in NAMED_BY_SENDER}

    assert faults(table, travelling() - NAMED_BY_SENDER) == []


def test_workers_for_entries_and_exits_take_orders_and_every_actor_that_is_asked_answers() -> None:
    assert ROUTES[orders.SubmitOrder].to(TOPOLOGY, sample(orders.SubmitOrder)) == ()
    assert handles(ACTORS[routes.gateway_entry(0)], sample(orders.SubmitOrder))
    assert handles(ACTORS[routes.gateway_exit(0)], sample(orders.SubmitOrder))
    for name in (routes.PORTFOLIO, routes.RISK, routes.ORDERS, routes.FEED, routes.SESSION, routes.MARKET):
        assert handles(ACTORS[name], control.Report()), name


def test_the_table_has_no_rows_for_what_does_not_exist() -> None:
    assert set(ROUTES) == travelling()
    assert not set(ROUTES) & set(PARTS)


ONE, TWO = PriceChanged(1, 1, 1, 1, 1, 1, 1), PriceChanged(2, 1, 1, 1, 1, 1, 1)


def test_each_strategy_is_told_the_prices_of_its_own_instruments_and_who_weighs_them_all(stage: Stage) -> None:
    context, both = stage.context("market"), prices_of(TWO, ONE)

    Routes(TOPOLOGY).publish(context, both)
    ShardRoutes(TOPOLOGY, {1: 0, 2: 1}, 1).publish(context, prices_of(ONE))

    own = prices_of(ONE)
    whole = [(told.to, told.message, told.key) for told in context.told]
    names = ("risk", "portfolio", "strategy.s1", "exits", "execution")
    assert whole[:5] == [(name, own if name == "strategy.s1" else both, "prices") for name in names]
    # A shard's prices wait for themselves: their order is that of one teller.
    assert whole[5:] == [(name, own, ("prices", 1)) for name in names]


class Unheard(Struct, frozen=True, tag=True):
    """A new message that somebody forgot to handle."""

    token: int


def test_a_forgotten_route_receiver_or_case_is_found() -> None:
    assert faults({}, [Unheard]) == ["Unheard has no route"]
    assert faults({Unheard: Route(lambda _t, _m: ())}, [Unheard]) == ["Unheard has no receiver"]
    assert faults({Unheard: Route(lambda _t, _m: (routes.RISK,))}, []) == ["risk has no case for Unheard(token=1)"]
    assert faults({Unheard: Route(lambda _t, _m: ("nobody",))}, []) == ["nobody has no case for Unheard(token=1)"]
    wrong_kind = JobDue(kind=JobKind.SQUARE_OFF, subject="s1", due=1, fired=1)
    assert not handles(Portfolio, wrong_kind)


@pytest.mark.parametrize(
    ("message", "receivers"),
    [
        (prices_of(ONE), ("risk", "portfolio", "strategy.s1", "exits", "execution")),
        (prices_of(TWO), ("risk", "portfolio", "exits", "execution")),
        (orders.Denied("i", "s1", orders.DenyReason.HALTED, "", 1), ("strategy.s1", "reporter", "exits", "execution")),
        (orders.Denied("i", "gone", orders.DenyReason.HALTED, "", 1), ("reporter", "exits", "execution")),
        (orders.IntentVoided("i", "gone", 0, ""), ("risk", "exits", "execution")),
        (journal.JournalAdvanced(1), ("risk", "portfolio", "strategy.s1", "exits", "execution", "reconciler")),
        (JobDue(JobKind.SQUARE_OFF, "equity", 1, 1), ("risk",)),
        (control.SessionOpened("AB1234", 0, 0), ("risk", "feed.0", "reconciler", "exits")),
        (JobDue(JobKind.DRILL_CRASH_STRATEGY, "s1", 1, 1), ("strategy.s1", "alerts", "reporter")),
    ],
)
def test_who_hears_depends_on_who_trades_what(message: object, receivers: tuple[str, ...]) -> None:
    assert ROUTES[type(message)].to(TOPOLOGY, message) == receivers


# -- lanes -------------------------------------------------------------------------------------------------------------


def test_only_prices_and_snapshots_conflate() -> None:
    assert {kind for kind, route in ROUTES.items() if route.key is not None} == {
        market.PricesChanged,
        control.PortfolioSnapshot,
        limits.LimitsUsed,
    }


def test_lanes() -> None:
    lanes = {lane: {kind for kind, route in ROUTES.items() if route.lane is lane} for lane in Lane}

    assert lanes[Lane.CONTROL] == {
        control.SetTradingState,
        control.FreezeStrategy,
        control.ThawStrategy,
        control.FreezeInstrument,
        control.ThawInstrument,
        control.TradingStateChanged,
        control.AskSession,
        control.SessionLost,
        control.SessionOpened,
        operator.OperatorRequest,
        configuration.PrepareConfiguration,
        configuration.AdoptConfiguration,
        configuration.SettleConfiguration,
        configuration.ConfigurationTaken,
        strategy_messages.SeriesWanted,
        orders.CancelOrder,
        gtt.DeleteGtt,
        market.LinkOpened,
        market.LinkClosed,
    }
    # An intent does not overtake the prices and the funds that it rests on.
    assert lanes[Lane.DATA] == {
        market.FrameReceived,
        market.TickBatch,
        market.PricesChanged,
        control.PortfolioSnapshot,
        orders.OrderIntent,
        orders.ModifyIntent,
        gtt.GttIntent,
        gtt.ModifyGttIntent,
        # Whatever tells of orders is read first.
        figures.ReadLimits,
        figures.ReadMargins,
        figures.ReadCosts,
        limits.LimitsUsed,
    }


def test_the_kill_switch_overtakes_what_is_queued_prices_conflate_and_bars_do_not(stage: Stage) -> None:
    table, context, waiting = Routes(TOPOLOGY), stage.context("market"), Mailbox(MailboxSpec())
    for price in (100, 101, 102):
        table.publish(context, prices_of(PriceChanged(1, price, 0, 0, 0, 0, 0)))
        table.publish(context, market.BarsClosed((Bar(1, 60, price, 1, 1, 1, 1, 1),), 0))
    table.publish(context, SetTradingState(TradingState.HALTED, "stop", "operator"))

    for told in context.told:
        if told.to in ("risk", "strategy.s1"):
            waiting.put(Entry(told.message, None, told.lane, (told.to, told.key) if told.key is not None else None, 0))

    taken = [entry.message for entry in waiting.clear()]
    assert isinstance(taken[0], SetTradingState)
    assert [m.bars[0].start for m in taken if isinstance(m, market.BarsClosed)] == [100, 101, 102]
    newest = [m.prices[1].last_price for m in taken if isinstance(m, market.PricesChanged)]
    assert newest == [102, 102]  # one per receiver


def test_of_bars_that_end_together_each_strategy_hears_of_its_own_and_the_dashboard_of_all(stage: Stage) -> None:
    one, two, three = (Bar(token, 60, 0, 1, 1, 1, 1, 1) for token in (1, 2, 3))
    topology = Topology(("s1", "s2"), {1: ("s1", "s2"), 2: ("s2",)}, published=True)
    closed = market.BarsClosed((one, two, three), 7)
    for table in (Routes(topology), ShardRoutes(topology, {1: 1, 2: 1, 3: 1}, 1)):
        context = stage.context("market.1")

        table.publish(context, closed)

        assert [(told.to, told.lane, told.key) for told in context.told] == [
            ("strategy.s1", Lane.EVENT, None),
            ("strategy.s2", Lane.EVENT, None),
            ("publisher", Lane.EVENT, None),
        ]
        assert [told.message for told in context.told] == [
            market.BarsClosed((one,), 7),
            market.BarsClosed((one, two), 7),
            closed,
        ]
    assert ROUTES[market.BarsClosed].to(topology, closed) == ("strategy.s1", "strategy.s2", "publisher")


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_all_exits_and_cancels_of_an_instrument_go_to_the_same_worker_and_those_of_many_to_all(workers: int) -> None:
    topology = Topology(strategies=(), by_token={}, exit_workers=workers)
    seen: set[str] = set()
    for number in range(64):
        key = f"NSE:S{number}"
        gtts = gtt.Gtt("NSE", f"S{number}", Product.CNC, 1, ())
        told = (
            orders.CancelOrder("T", "1", instrument=key),
            gtt.SubmitGtt("T", gtts, 1),
            gtt.ChangeGtt("T", "1", gtts),
            gtt.DeleteGtt("T", "1", key),
        )
        names = {name for each in told for name in ROUTES[type(each)].to(topology, each)}
        assert names == {topology.exit_worker(key)}
        seen |= names

    assert seen == {routes.gateway_exit(index) for index in range(workers)}
