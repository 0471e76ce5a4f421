"""Which message goes to whom, and in which lane: the whole flow on one screen.

Events upward and sideways are told, never asked: an ask between actors could wait on the one that waits for it.
`key` conflates: a newer message of the same key replaces the older one in the mailbox. Only prices and snapshots do;
orders, fills and bars never.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Final, NamedTuple, Protocol

from msgspec import Struct

from actors.runtime import Lane, UnknownActor
from domain.audit.entries import AUDITED
from domain.bars import Bar
from domain.messages import broker as broker_messages
from domain.messages import (
    configuration,
    control,
    figures,
    gtt,
    journal,
    limits,
    market,
    operator,
    orders,
    plans,
    reconcile,
)
from domain.orders.transitions import strategy_of
from domain.strategy.messages import SeriesWanted, WarmUpRequested

SESSION: Final = "session"
PORTFOLIO: Final = "portfolio"
RISK: Final = "risk"
ORDERS: Final = "orders"
RECONCILER: Final = "reconciler"
POSTBACKS: Final = "postbacks"
GATEWAY_READ: Final = "gateway.read"
HISTORY: Final = "history"
MARKET: Final = "market"
FEED: Final = "feed.0"
REPORTER: Final = "reporter"
TIMETABLE: Final = "timetable"
ALERTS: Final = "alerts"
OPERATOR: Final = "operator"
AUDIT: Final = "audit"
EXITS: Final = "exits"
EXECUTION: Final = "execution"
CARETAKER: Final = "caretaker"
PUBLISHER: Final = "publisher"
CONFIGURATION: Final = "configuration"


STRATEGY_PREFIX: Final = "strategy."


def gateway_entry(index: int) -> str:
    """The name of the index-th worker for entries."""
    return f"gateway.entry.{index}"


def gateway_exit(index: int) -> str:
    """The name of the index-th worker for exits and cancels."""
    return f"gateway.exit.{index}"


def strategy_name(strategy: str) -> str:
    """The name of the actor that runs the strategy."""
    return f"{STRATEGY_PREFIX}{strategy}"


class Sender(Protocol):
    """What publishing needs of an actor's context."""

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT, key: Hashable | None = None) -> None:
        """Put the message into that actor's mailbox."""
        ...


class Topology(Struct, frozen=True):
    """Who exists: the parts of the table that the configuration decides.

    strategies         ids
    by_token           token -> ids of the strategies that trade it
    audited            whether there is an audit trail to be told of all that is AUDITED
    guarded            ids of the strategies whose exits are managed
    executed           ids of the strategies whose decisions are carried out in parts
    exit_workers       how many workers take exits and cancels
    reloadable         whether there is somebody who changes the configuration while it trades
    published          whether a picture is kept for the dashboard
    """

    strategies: tuple[str, ...]
    by_token: Mapping[int, tuple[str, ...]]
    audited: bool = False
    published: bool = False
    guarded: tuple[str, ...] = ()
    executed: tuple[str, ...] = ()
    reloadable: bool = False
    exit_workers: int = 1

    def exit_worker(self, instrument: str) -> str:
        """The one worker that has all exits and cancels of an `EXCHANGE:SYMBOL`: so they keep their order."""
        return gateway_exit(zlib.crc32(instrument.encode()) % self.exit_workers)

    @property
    def managers(self) -> tuple[str, ...]:
        """Who manages exits and execution here."""
        return self.watchers + ((EXECUTION,) if self.executed else ())

    @property
    def watchers(self) -> tuple[str, ...]:
        """Who is blind without prices: managed exits, where there are any."""
        return (EXITS,) if self.guarded else ()


# A receiver function sees one message type only; the table below pairs them, which the type system cannot follow.
Receivers = Callable[[Topology, Any], tuple[str, ...]]
Key = Callable[[Any], Hashable]


Parts = Callable[[Topology, Any], Iterator[tuple[str, object]]]


class Route(NamedTuple):
    """One row: the receivers of a message type, its lane, and its conflation key if it has one.

    split  where each receiver has a part of its own: (receiver, part), in the order of the receivers
    """

    to: Receivers
    lane: Lane = Lane.EVENT
    key: Key | None = None
    split: Parts | None = None


def _to(*names: str) -> Receivers:
    return lambda _topology, _message: names


def _all_strategies(topology: Topology, _message: object) -> tuple[str, ...]:
    return tuple(strategy_name(each) for each in topology.strategies)


def _traders(topology: Topology, token: int) -> tuple[str, ...]:
    traders = topology.by_token.get(token)
    return tuple(map(strategy_name, traders)) if traders else ()


def _hearers(parts: Parts) -> Receivers:
    return lambda topology, message: tuple(name for name, _ in parts(topology, message))


def _price_parts(topology: Topology, message: market.PricesChanged) -> Iterator[tuple[str, object]]:
    """The risk gate hears of a price before the strategy that may decide on it; strategies of their own instruments."""
    yield RISK, message
    yield PORTFOLIO, message
    own: dict[str, dict[int, market.PriceChanged]] = {}
    by_token = topology.by_token
    for token, price in message.prices.items():
        for strategy in by_token.get(token, ()):
            if strategy in own:
                own[strategy][token] = price
            else:
                own[strategy] = {token: price}
    for strategy, prices in own.items():
        yield strategy_name(strategy), message if len(prices) == len(message.prices) else market.PricesChanged(prices)
    for name in topology.managers:
        yield name, message


def _bar_parts(topology: Topology, message: market.BarsClosed) -> Iterator[tuple[str, object]]:
    """Strategies hear of the bars of their own instruments."""
    own: dict[str, list[Bar]] = {}
    by_token = topology.by_token
    for bar in message.bars:
        for strategy in by_token.get(bar.token, ()):
            if strategy in own:
                own[strategy].append(bar)
            else:
                own[strategy] = [bar]
    for strategy, bars in own.items():
        yield strategy_name(strategy), market.BarsClosed(tuple(bars), message.received_time)
    for name in _published(topology):
        yield name, message


def _published(topology: Topology) -> tuple[str, ...]:
    return (PUBLISHER,) if topology.published else ()


def _own_strategy(topology: Topology, strategy: str) -> tuple[str, ...]:
    return (strategy_name(strategy),) if strategy in topology.strategies else ()


def _of_record(topology: Topology, message: journal.JournalRecord) -> tuple[str, ...]:
    # The managers after the risk gate: what they ask for then meets a gate that knows what they know.
    return (
        RISK,
        PORTFOLIO,
        *_own_strategy(topology, strategy_of(message.event)),
        REPORTER,
        *topology.managers,
        RECONCILER,
    )


def _of_intent(topology: Topology, message: orders.OrderIntent) -> tuple[str, ...]:
    """A part of a plan goes to the risk gate; a decision first to whoever carries it out or must make way for it."""
    if not message.parent and message.reduce_only and message.strategy in topology.guarded:
        return (EXITS,)
    if not message.parent and message.strategy in topology.executed:
        return (EXECUTION,)
    return (RISK,)


def _of_job(topology: Topology, message: control.JobDue) -> tuple[str, ...]:
    match message.kind:
        case (
            control.JobKind.SQUARE_OFF_WARNING
            | control.JobKind.SESSION_OPEN
            | control.JobKind.CUT_OFF
            | control.JobKind.CLOSING_AUCTION
        ):
            return (ALERTS,)
        case (
            control.JobKind.PREFLIGHT
            | control.JobKind.LOGIN_REMINDER
            | control.JobKind.INSTRUMENTS_REFRESH
            | control.JobKind.LOG_ROTATION
            | control.JobKind.WEEKLY_REPORT
            | control.JobKind.PARITY
            | control.JobKind.BACKUP
            | control.JobKind.VACUUM
        ):
            return (CARETAKER,)
        case control.JobKind.SQUARE_OFF:
            return (RISK,)
        case control.JobKind.SESSION_EXPIRY:
            return (SESSION,)
        case control.JobKind.END_OF_DAY:
            return (REPORTER,)
        case control.JobKind.DRILL_DROP_FEED:
            return (FEED, ALERTS, REPORTER)
        case control.JobKind.DRILL_CRASH_STRATEGY:
            return (*_own_strategy(topology, message.subject), ALERTS, REPORTER)


def _of_request(topology: Topology, message: operator.OperatorRequest) -> tuple[str, ...]:
    """State and positions are the risk gate's, single orders the order supervisor's, switches the strategy's own."""
    if isinstance(message.command, operator.Reload):
        return (CONFIGURATION,) if topology.reloadable else (OPERATOR,)
    if isinstance(message.command, operator.Switch):
        return _own_strategy(topology, message.command.strategy) or (OPERATOR,)
    if isinstance(message.command, operator.Accept):
        return (RECONCILER,)
    return (ORDERS,) if isinstance(message.command, operator.Cancel | operator.Resolve) else (RISK,)


ROUTES: Final[Mapping[type, Route]] = {
    # feed
    market.FrameReceived: Route(_to(FEED), Lane.DATA),
    market.TextReceived: Route(_to(FEED), Lane.EVENT),
    market.LinkOpened: Route(_to(FEED), Lane.CONTROL),
    market.LinkClosed: Route(_to(FEED), Lane.CONTROL),
    market.FeedConnected: Route(lambda topology, _m: (MARKET, ORDERS, RISK, REPORTER, *topology.watchers)),
    market.FeedDisconnected: Route(lambda topology, _m: (MARKET, RISK, REPORTER, *topology.watchers)),
    market.Subscribe: Route(_to(FEED)),
    market.DropFeed: Route(_to(FEED)),
    # market data
    market.TickBatch: Route(_to(MARKET), Lane.DATA),
    market.LoadHistory: Route(_to(HISTORY)),
    market.HistoryLoaded: Route(_to(MARKET)),
    market.BarsClosed: Route(_hearers(_bar_parts), split=_bar_parts),
    market.BarsBackfilled: Route(lambda topology, m: (*_traders(topology, m.token), *_published(topology))),
    market.PricesChanged: Route(_hearers(_price_parts), Lane.DATA, lambda _m: "prices", _price_parts),
    WarmUpRequested: Route(_to(MARKET)),
    # decision to order
    # Not ahead of the prices and the funds that it rests on: those travel as data, so it does too.
    orders.OrderIntent: Route(_of_intent, Lane.DATA),
    orders.Denied: Route(lambda topology, m: (*_own_strategy(topology, m.strategy), REPORTER, *topology.managers)),
    orders.ModifyIntent: Route(_to(RISK), Lane.DATA),
    # A cancel makes nothing worse: nobody is asked.
    orders.CancelIntent: Route(_to(ORDERS)),
    gtt.GttIntent: Route(_to(RISK), Lane.DATA),
    gtt.ModifyGttIntent: Route(_to(RISK), Lane.DATA),
    orders.ApprovedIntent: Route(_to(ORDERS)),
    orders.ApprovedModify: Route(_to(ORDERS)),
    gtt.ApprovedGtt: Route(_to(ORDERS)),
    gtt.ApprovedGttModify: Route(_to(ORDERS)),
    orders.IntentVoided: Route(lambda topology, m: (RISK, *_own_strategy(topology, m.strategy), *topology.managers)),
    orders.CancelOpenOrders: Route(_to(ORDERS)),
    # The order supervisor names the worker: entries are spread over several.
    orders.SubmitOrder: Route(_to()),
    orders.ModifyOrder: Route(_to()),
    orders.CancelOrder: Route(lambda topology, m: (topology.exit_worker(m.instrument),), Lane.CONTROL),
    gtt.SubmitGtt: Route(lambda topology, m: (topology.exit_worker(f"{m.gtt.exchange}:{m.gtt.symbol}"),)),
    gtt.ChangeGtt: Route(lambda topology, m: (topology.exit_worker(f"{m.gtt.exchange}:{m.gtt.symbol}"),)),
    gtt.DeleteGtt: Route(lambda topology, m: (topology.exit_worker(m.instrument),), Lane.CONTROL),
    orders.ReadOrderBook: Route(_to(GATEWAY_READ)),
    orders.ReadTrades: Route(_to(GATEWAY_READ)),
    orders.ReadAccount: Route(_to(GATEWAY_READ)),
    gtt.ReadGtts: Route(_to(GATEWAY_READ)),
    # Whatever tells of orders goes before what is merely good to know.
    figures.ReadLimits: Route(_to(GATEWAY_READ), Lane.DATA),
    figures.ReadMargins: Route(_to(GATEWAY_READ), Lane.DATA),
    figures.ReadCosts: Route(_to(GATEWAY_READ), Lane.DATA),
    # facts from the broker
    orders.OrderPosted: Route(_to(ORDERS)),
    orders.ModifyPosted: Route(_to(ORDERS)),
    orders.CancelPosted: Route(_to(ORDERS)),
    gtt.GttPosted: Route(_to(ORDERS)),
    gtt.GttChangePosted: Route(_to(ORDERS)),
    gtt.GttDeletePosted: Route(_to(ORDERS)),
    gtt.GttsRead: Route(_to(ORDERS)),
    orders.OrderUpdateReceived: Route(_to(ORDERS)),
    # The order supervisor first: it takes in what the reconciler then compares.
    orders.OrderBookRead: Route(_to(ORDERS, RECONCILER)),
    orders.TradesRead: Route(_to(ORDERS)),
    orders.AccountRead: Route(_to(ORDERS, RISK, RECONCILER)),
    figures.LimitsRead: Route(_to(RISK)),
    figures.MarginsRead: Route(_to(RISK)),
    figures.CostsRead: Route(_to(REPORTER)),
    # what reconciliation found
    reconcile.JournalDifferences: Route(_to(ORDERS)),
    reconcile.DifferencesTaken: Route(_to(RECONCILER)),
    reconcile.UpdateHeard: Route(_to(RECONCILER)),
    # the journal's readers
    journal.JournalRecord: Route(_of_record),
    journal.JournalAdvanced: Route(
        lambda topology, m: (RISK, PORTFOLIO, *_all_strategies(topology, m), *topology.managers, RECONCILER)
    ),
    # managed exits and execution
    plans.KeepPlan: Route(_to(ORDERS)),
    plans.StandAside: Route(lambda topology, _m: (EXITS,) if topology.guarded else ()),
    plans.MoveExit: Route(lambda topology, _m: (EXITS,) if topology.guarded else ()),
    # state, jobs, reports
    control.SetTradingState: Route(_to(RISK), Lane.CONTROL),
    control.FreezeStrategy: Route(_to(RISK), Lane.CONTROL),
    control.ThawStrategy: Route(_to(RISK), Lane.CONTROL),
    control.FreezeInstrument: Route(_to(RISK), Lane.CONTROL),
    control.ThawInstrument: Route(_to(RISK), Lane.CONTROL),
    control.TradingStateChanged: Route(
        lambda topology, m: (ORDERS, REPORTER, ALERTS, *_all_strategies(topology, m), *topology.managers), Lane.CONTROL
    ),
    control.JobDue: Route(_of_job),
    control.SquareOff: Route(_all_strategies),
    control.PortfolioSnapshot: Route(
        lambda topology, _m: (RISK, REPORTER, *_published(topology)), Lane.DATA, lambda _m: "portfolio"
    ),
    limits.LimitsUsed: Route(lambda topology, _m: _published(topology), Lane.DATA, lambda _m: "limits"),
    control.WriteReport: Route(_to(REPORTER)),
    control.ReportWritten: Route(_to(ALERTS)),
    control.ParityFound: Route(_to(REPORTER)),
    control.Alert: Route(_to(ALERTS, REPORTER)),
    control.StrategyFrozen: Route(_to(RISK, ALERTS, REPORTER)),
    # The risk gate first: the session's answer to it, SessionOpened, must come after it there.
    control.SessionLost: Route(_to(RISK, SESSION), Lane.CONTROL),
    control.AskSession: Route(_to(SESSION), Lane.CONTROL),
    control.SessionOpened: Route(lambda topology, _m: (RISK, FEED, RECONCILER, *topology.watchers), Lane.CONTROL),
    # a change of the configuration: first those whom intents come to, then those whom they come from
    configuration.ReloadAsked: Route(_to(CONFIGURATION)),
    configuration.PrepareConfiguration: Route(lambda topology, _m: (RISK, ORDERS, *topology.managers), Lane.CONTROL),
    configuration.AdoptConfiguration: Route(
        lambda topology, m: (*_all_strategies(topology, m), *topology.watchers, RECONCILER, REPORTER), Lane.CONTROL
    ),
    configuration.SettleConfiguration: Route(_to(RISK), Lane.CONTROL),
    configuration.ConfigurationTaken: Route(
        lambda topology, _m: (CONFIGURATION,) if topology.reloadable else (), Lane.CONTROL
    ),
    SeriesWanted: Route(_to(MARKET), Lane.CONTROL),
    # a person's commands
    operator.OperatorRequest: Route(_of_request, Lane.CONTROL),
    operator.OperatorAnswered: Route(_to(OPERATOR)),
}

QUERIES: Final = frozenset({control.Report})
"""Asked from outside by name; they have no route of their own."""

MESSAGE_MODULES: Final = (
    broker_messages,
    configuration,
    control,
    figures,
    gtt,
    journal,
    limits,
    market,
    operator,
    orders,
    plans,
    reconcile,
)
"""Where every message type is defined; a test holds the table against them."""


class Routes:
    """The table, bound to who exists."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology

    def publish(self, sender: Sender, message: object) -> None:
        """Tell the message to all its receivers. Raises KeyError for a type without a route: a defect."""
        self.note(sender, message)
        route = ROUTES[type(message)]
        key = None if route.key is None else route.key(message)
        if route.split is not None:
            for name, part in route.split(self.topology, message):
                self.send(sender, name, part, route.lane, key)
            return
        for name in route.to(self.topology, message):
            self.send(sender, name, message, route.lane, key)

    def receivers(self, message: object) -> tuple[str, ...]:
        """Who would be told."""
        return ROUTES[type(message)].to(self.topology, message)

    def send(self, sender: Sender, name: str, message: object, lane: Lane, key: Hashable | None) -> None:
        """Tell one receiver. A strategy that was taken out meanwhile has no use for it; anybody else must be there."""
        try:
            sender.tell(name, message, lane=lane, key=key)
        except UnknownActor:
            if not name.startswith(STRATEGY_PREFIX):
                raise

    def note(self, sender: Sender, message: object) -> None:
        """Tell the audit trail, before anybody can act on the message: so causes stand before effects there."""
        if self.topology.audited and type(message) in AUDITED:
            sender.tell(AUDIT, message)
