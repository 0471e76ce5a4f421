"""The actor tree, built from ports: who exists, in which order they start, and what becomes of each when it fails.

root (one_for_one)
├── audit            the audit trail: first up, so that it hears of everything, and last down
├── session          the broker's login
├── gateway          workers that speak HTTP: entries, exits and cancels, reads, history
├── portfolio        the account's books
├── risk             the gate
├── orders           the order supervisor: ready when it follows the broker's book, and the day is open
├── postbacks        order updates that the broker posts, where they are wanted
├── reconciler       ready when orders, trades, positions, holdings and funds have been compared with the broker's
├── market (rest_for_one), once for each socket that the instruments need
│   ├── market       market data
│   └── feed.0       the ticker: ready when connected
├── strategies       one temporary supervisor each: a strategy that keeps failing is frozen alone
├── reporter, alerts (and one actor for each channel of theirs), publisher
├── caretaker        the checklist before trading, the chores of the evening
├── timetable
├── configuration    changes it while it trades
└── operator         a person's commands: last up, and ready when what waited for it has been told

What may change while it trades (settings, instruments, strategies) factories read from the board, when they are called.
"""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import Final, NamedTuple

from actors.alert_channel import AlertChannel, Heartbeat
from actors.alerts import CHANNEL_PREFIX, Alerts
from actors.audit import Audit
from actors.caretaker import Caretaker
from actors.configuration import Configuration
from actors.execution import Execution, ExecutionSettings
from actors.exits import Exits, ExitsSettings
from actors.feed import Feed, FeedSettings
from actors.gateway import OrderWorker, ReadWorker
from actors.history import HistoryWorker
from actors.market_data import MarketData, MarketDataSettings
from actors.operator import Operator, OperatorSettings
from actors.orders import OrderSettings, OrderSupervisor
from actors.portfolio import Portfolio
from actors.postbacks import Postbacks
from actors.publisher import Publisher
from actors.reconciler import Reconciler
from actors.reporter import Reporter, ReporterSettings, ReportWriter
from actors.risk import RiskGate, RiskSettings
from actors.routes import (
    ALERTS,
    AUDIT,
    CARETAKER,
    CONFIGURATION,
    EXECUTION,
    EXITS,
    GATEWAY_READ,
    HISTORY,
    OPERATOR,
    ORDERS,
    PORTFOLIO,
    POSTBACKS,
    PUBLISHER,
    RECONCILER,
    REPORTER,
    RISK,
    SESSION,
    TIMETABLE,
    Routes,
    gateway_entry,
    gateway_exit,
    strategy_name,
)
from actors.runtime import (
    Backoff,
    ChildSpec,
    Context,
    InFlight,
    MailboxSpec,
    Overflow,
    Ready,
    Restart,
    Strategy,
    SupervisorSpec,
)
from actors.session import Session
from actors.shards import feed_name, market_name
from actors.strategy import StrategyActor, StrategyActorSettings
from actors.timetable import Timetable
from app.board import Board, market_protection
from app.ports import Operations, Ports
from app.reloading import Office
from app.strategies import Cast
from app.traded_classes import TRADED_CLASSES
from config.schema import Settings
from config.sections.trading import TimesByClass
from domain.ports import Scheduler
from domain.reconcile.expiry import Contracts, ends_by
from domain.timetable import TimetableSettings, plan
from domain.values import SECOND, SessionClass

QUICK: Final = Backoff(min_seconds=0.05, max_seconds=5.0, jitter=0.2, reset_after_seconds=30.0)
"""Actors restart at once: what they need is in the journal, and what they wait for they wait for as a state."""

FEED_STEADY_SECONDS: Final = 10.0
"""A socket that lived for so long was a good one: its loss is a first one again."""

RECONCILE_SECONDS: Final = 120.0
"""How long the first comparison of the books may take before the start is given up."""

HEARTBEAT: Final = "heartbeat"

STRATEGIES: Final = "strategies"
"""The supervisor of those."""

STRATEGY_SUPERVISOR: Final = "supervise."
"""Prefix of the supervisor of one strategy."""


def build_tree(
    ports: Ports,
    cast: Cast,
    scheduler: Scheduler,
    writer: ReportWriter,
    operations: Operations | None = None,
    office: Office | None = None,
) -> SupervisorSpec:
    """The whole tree. Factories make fresh actors with fresh HTTP sessions for every incarnation.

    operations  None: nobody's commands are heard, and no trail is kept (`cast.audited` must be so as well)
    office      who changes the configuration while it trades; None: nobody does
    """
    assert cast.audited is (operations is not None), "an audited cast needs a trail, and a trail is told by the cast"
    board = Board(ports.settings, cast) if office is None else office.board
    routes = board.routes()
    return SupervisorSpec(
        id="root",
        strategy=Strategy.ONE_FOR_ONE,
        intensity=30,
        period_seconds=60.0,
        children=(
            *_audit(ports, routes, operations),
            _session(ports, routes),
            *_gateway(ports, routes, board),
            _portfolio(ports, routes, board),
            _risk(ports, routes, board),
            _orders(ports, routes, board),
            _reconciler(ports, routes, board),
            *_postbacks(ports, routes),
            *(exits_spec(ports, routes, board) for _ in cast.topology.guarded[:1]),
            *(execution_spec(ports, routes, board) for _ in cast.topology.executed[:1]),
            _reporter(ports, routes, cast, writer),
            _alerts(ports, operations),
            *_channels(ports, operations),
            *_publisher(operations, cast),
            *_market(ports, board),
            SupervisorSpec(
                id=STRATEGIES,
                strategy=Strategy.ONE_FOR_ONE,
                children=tuple(strategy_spec(ports, routes, board, each.id) for each in cast.strategies),
            ),
            *_caretaker(ports, routes, operations),
            _timetable(ports, routes, cast, scheduler, operations),
            *_configuration(ports, routes, office),
            *_operator(ports, routes, operations),
        ),
    )


def timetable_settings(settings: Settings, cast: Cast | None, *, chores: bool) -> TimetableSettings:
    """The day's jobs as configured. chores: whether somebody is there for what is done around trading."""
    schedule, drills = settings.schedule, settings.drills
    return TimetableSettings(
        cut_off=_times(settings.risk.mis_cutoff) if chores else {},
        login_reminder=schedule.login_reminder if chores else None,
        instruments_refresh=schedule.instruments_refresh if chores else None,
        preflight=schedule.preflight if chores else None,
        evening_minutes=schedule.evening_minutes if chores else None,
        parity=settings.reports.parity and chores,
        tells_sessions=chores,
        square_off_warning=_times(schedule.square_off_warning),
        square_off=_times(schedule.square_off),
        end_of_day=schedule.eod_report,
        session_expiry=schedule.session_expiry,
        drop_feed_at=drills.drop_feed_at,
        crash_strategy_at=drills.crash_strategy_at,
        crash_strategy=cast.strategies[0].id if cast is not None and cast.strategies else "",
    )


def _times(times: TimesByClass) -> dict[SessionClass, dt.time]:
    return {each: times.of(each) for each in TRADED_CLASSES}


def _audit(ports: Ports, routes: Routes, operations: Operations | None) -> tuple[ChildSpec, ...]:
    if operations is None:
        return ()
    spec = ChildSpec(
        id=AUDIT,
        factory=lambda context: Audit(context, routes, operations.trail(), ports.journal, ports.clock, ports.run),
        # No heartbeat: a disk may take its time, and two incarnations must never write at once.
        in_flight=InFlight.REDELIVER_ONCE,
        mailbox=MailboxSpec(overflow=Overflow.GROW),
        shutdown_seconds=3.0,
        start_timeout_seconds=60.0,
        backoff=QUICK,
    )
    return (spec,)


def _operator(ports: Ports, routes: Routes, operations: Operations | None) -> tuple[ChildSpec, ...]:
    if operations is None:
        return ()
    spec = ChildSpec(
        id=OPERATOR,
        factory=lambda context: Operator(
            context, routes, operations.desk, operations.wall, OperatorSettings(run=ports.run)
        ),
        ready=Ready.EXPLICIT,
        in_flight=InFlight.REDELIVER_ONCE,
        heartbeat_seconds=30.0,
        backoff=QUICK,
    )
    return (spec,)


def _configuration(ports: Ports, routes: Routes, office: Office | None) -> tuple[ChildSpec, ...]:
    if office is None:
        return ()
    spec = ChildSpec(
        id=CONFIGURATION,
        # No heartbeat: files and new strategies take their time, and nobody waits for it.
        factory=lambda context: Configuration(context, routes, ports.journal, ports.clock, office),
        in_flight=InFlight.REDELIVER_ONCE,
        backoff=QUICK,
    )
    return (spec,)


def _session(ports: Ports, routes: Routes) -> ChildSpec:
    backoff = Backoff(min_seconds=0.5, max_seconds=30.0)
    return ChildSpec(
        id=SESSION,
        factory=lambda context: Session(context, routes, ports.session, ports.clock, backoff),
        ready=Ready.EXPLICIT,
        start_timeout_seconds=60.0,
        backoff=QUICK,
    )


def _gateway(ports: Ports, routes: Routes, board: Board) -> tuple[ChildSpec, ...]:
    workers = ports.settings.orders.workers

    def order_worker(name: str) -> ChildSpec:
        return ChildSpec(
            id=name,
            factory=lambda context: OrderWorker(
                context, routes, ports.broker(), ports.journal, ports.clock, pacing_deadline_seconds=3.0
            ),
            # An order in flight is never handed out twice: the order supervisor goes and looks instead.
            in_flight=InFlight.DEAD_LETTER,
            heartbeat_seconds=20.0,
            shutdown_seconds=2.0,
            backoff=QUICK,
        )

    reads = ChildSpec(
        id=GATEWAY_READ,
        factory=lambda context: ReadWorker(context, routes, ports.broker(), ports.clock),
        in_flight=InFlight.REDELIVER_ONCE,
        heartbeat_seconds=45.0,
        backoff=QUICK,
    )
    history = ChildSpec(
        id=HISTORY,
        factory=lambda context: HistoryWorker(context, routes, ports.history(), board.listing, ports.clock),
        in_flight=InFlight.REDELIVER_ONCE,
        heartbeat_seconds=60.0,
        backoff=QUICK,
    )
    entries = tuple(order_worker(gateway_entry(index)) for index in range(workers.entries))
    exits = tuple(order_worker(gateway_exit(index)) for index in range(board.topology.exit_workers))
    return (*entries, *exits, reads, history)


def _portfolio(ports: Ports, routes: Routes, board: Board) -> ChildSpec:
    by_key = board.listing.by_key
    return ChildSpec(
        id=PORTFOLIO,
        factory=lambda context: Portfolio(context, routes, ports.journal, ports.clock, by_key, publish_seconds=0.25),
        heartbeat_seconds=10.0,
        backoff=QUICK,
    )


def _risk(ports: Ports, routes: Routes, board: Board) -> ChildSpec:
    def settings() -> RiskSettings:
        now = board.terms.risk
        return RiskSettings(
            run=ports.run,
            limits=now.limits,
            mis_cutoff=_times(ports.settings.risk.mis_cutoff),
            intent_valid_seconds=now.intent_valid_seconds,
            market_protection=now.market_protection,
            asks_broker=ports.settings.risk.ask_broker,
            margin_differs_percent=ports.settings.risk.margin_differs_percent,
            warn_at_percent=ports.settings.risk.warn_at_percent,
        )

    return ChildSpec(
        id=RISK,
        factory=lambda context: RiskGate(
            context,
            routes,
            ports.journal,
            ports.clock,
            ports.calendar,
            board.listing,
            settings(),
            board.known,
        ),
        # An intent may be decided twice: its id makes the second approval a duplicate in the journal.
        in_flight=InFlight.REDELIVER_ONCE,
        # Intents travel in the lane of data, which would make way where there is no room: here nothing does.
        mailbox=MailboxSpec(overflow=Overflow.GROW),
        heartbeat_seconds=10.0,
        backoff=QUICK,
    )


def _orders(ports: Ports, routes: Routes, board: Board) -> ChildSpec:
    orders = ports.settings.orders
    settings = OrderSettings(
        poll_seconds=orders.reconcile_seconds,
        unresolved_poll_seconds=orders.poll_seconds,
        trades_retry_seconds=0.25,
        send_deadline_seconds=15.0,
        market_order_patience_seconds=orders.market_order_patience_seconds,
        entry_workers=orders.workers.entries,
        market_protection=market_protection(ports.settings),
        market_as_limit=round(orders.market_as_limit_percent * 100),
        quarantine_seconds=orders.quarantine_seconds,
        instruments=board.listing.by_key,
    )
    refused: set[tuple[str, int]] = set()  # it outlives each of them: what one has refused, no later one takes
    return ChildSpec(
        id=ORDERS,
        factory=lambda context: OrderSupervisor(
            context, routes, ports.journal, ports.clock, settings, board.known, refused
        ),
        ready=Ready.EXPLICIT,
        start_timeout_seconds=RECONCILE_SECONDS,
        in_flight=InFlight.REDELIVER_ONCE,
        heartbeat_seconds=15.0,
        mailbox=MailboxSpec(overflow=Overflow.GROW),
        backoff=QUICK,
    )


def _reconciler(ports: Ports, routes: Routes, board: Board) -> ChildSpec:
    by_key = board.listing.by_key
    return ChildSpec(
        id=RECONCILER,
        factory=lambda context: Reconciler(
            context,
            routes,
            ports.journal,
            ports.clock,
            by_key,
            board.terms.reconcile,
            ports.settings.kite.user_id or "",
            Contracts(ends_by(ports.calendar), board.cast.listed),
        ),
        ready=Ready.EXPLICIT,
        start_timeout_seconds=RECONCILE_SECONDS,
        in_flight=InFlight.REDELIVER_ONCE,
        heartbeat_seconds=15.0,
        mailbox=MailboxSpec(overflow=Overflow.GROW),
        backoff=QUICK,
    )


def exits_spec(ports: Ports, routes: Routes, board: Board) -> ChildSpec:
    """Managed exits: there where a strategy has any."""

    def settings() -> ExitsSettings:
        return ExitsSettings(rules=board.exits, intent_valid_seconds=board.terms.intent_valid_seconds)

    return ChildSpec(
        id=EXITS,
        factory=lambda context: Exits(
            context, routes, ports.journal, ports.clock, board.listing, settings(), board.known
        ),
        # A strategy's own exit that waits in it lapses; the strategy decides again.
        in_flight=InFlight.REDELIVER_ONCE,
        mailbox=MailboxSpec(overflow=Overflow.GROW),
        heartbeat_seconds=10.0,
        backoff=QUICK,
    )


def _postbacks(ports: Ports, routes: Routes) -> tuple[ChildSpec, ...]:
    port = ports.postbacks()
    if port is None:
        return ()
    spec = ChildSpec(
        id=POSTBACKS,
        factory=lambda context: Postbacks(context, routes, port, ports.clock),
        heartbeat_seconds=15.0,
        backoff=QUICK,
    )
    return (spec,)


def execution_spec(ports: Ports, routes: Routes, board: Board) -> ChildSpec:
    """Execution: there where a strategy's decisions are carried out in parts."""

    def settings() -> ExecutionSettings:
        now = board.terms
        return ExecutionSettings(rules=now.execution, intent_valid_seconds=now.intent_valid_seconds)

    return ChildSpec(
        id=EXECUTION,
        factory=lambda context: Execution(
            context, routes, ports.journal, ports.clock, board.listing, settings(), board.known
        ),
        in_flight=InFlight.REDELIVER_ONCE,
        # Decisions travel in the lane of data, which would make way where there is no room: here nothing does.
        mailbox=MailboxSpec(overflow=Overflow.GROW),
        heartbeat_seconds=10.0,
        backoff=QUICK,
    )


def _market(ports: Ports, board: Board) -> tuple[SupervisorSpec, ...]:
    feed = ports.settings.feed
    data_settings = MarketDataSettings(
        mode=feed.mode,
        grace_seconds=ports.settings.market.bar_grace_seconds,
        quiet_seconds=feed.quiet_after_seconds,
    )
    feed_settings = FeedSettings(
        mode=feed.mode,
        stale_after_seconds=feed.stale_after_seconds,
        connect_timeout_seconds=feed.connect_timeout_seconds,
        backoff=Backoff(
            min_seconds=feed.backoff_min_seconds,
            max_seconds=feed.backoff_max_seconds,
            jitter=feed.backoff_jitter,
            reset_after_seconds=FEED_STEADY_SECONDS,
        ),
    )
    # Ticks are never dropped for want of room: a bar would be wrong. The alert tells of a reader that lags.
    roomy = MailboxSpec(capacity=100_000, overflow=Overflow.GROW)

    def pair(shard: int) -> tuple[ChildSpec, ChildSpec]:
        own, port = board.routes(shard), ports.feed()

        def market_data(context: Context) -> MarketData:
            bars = board.bars(shard)
            barred = {token for token, _ in bars}
            return MarketData(
                context,
                own,
                board.listing,
                ports.calendar,
                ports.clock,
                bars,
                quoted=tuple(token for token in board.tokens(shard) if token not in barred),
                settings=data_settings,
            )

        return (
            ChildSpec(
                id=market_name(shard),
                factory=market_data,
                ready=Ready.EXPLICIT,
                # Thousands of series are laid out before it is ready.
                start_timeout_seconds=60.0,
                heartbeat_seconds=10.0,
                mailbox=roomy,
                backoff=QUICK,
            ),
            ChildSpec(
                id=feed_name(shard),
                factory=lambda context: Feed(context, own, port, ports.clock, feed_settings, board.tokens(shard)),
                ready=Ready.EXPLICIT,
                start_timeout_seconds=60.0,
                heartbeat_seconds=10.0,
                mailbox=roomy,
                backoff=QUICK,
            ),
        )

    def supervisor(shard: int) -> SupervisorSpec:
        return SupervisorSpec(
            id="market.supervisor" if shard == 0 else f"market.supervisor.{shard}",
            strategy=Strategy.REST_FOR_ONE,
            intensity=10,
            period_seconds=30.0,
            children=pair(shard),
        )

    return tuple(supervisor(shard) for shard in range(board.sockets))


def strategy_spec(ports: Ports, routes: Routes, board: Board, strategy: str) -> SupervisorSpec:
    """One strategy and its supervisor."""

    def actor(context: Context) -> StrategyActor:
        now = board.strategy(strategy)
        settings = StrategyActorSettings(
            runner=now.runner, wait_for_active=strategy in board.first, enabled=now.enabled, isolated=now.isolated
        )
        return StrategyActor(
            context,
            routes,
            strategy,
            now.strategy,
            now.instruments,
            ports.journal,
            ports.calendar,
            ports.clock,
            settings,
            ports.runner,
            board.turns,
        )

    return SupervisorSpec(
        id=f"{STRATEGY_SUPERVISOR}{strategy}",
        strategy=Strategy.ONE_FOR_ONE,
        intensity=5,
        # After each restart it decides nothing while its former intents may be sent: one that fails whenever it
        # decides fails no oftener than that.
        period_seconds=30.0 + 10 * board.strategy(strategy).runner.intent_valid_seconds,
        # A strategy that fails at every message is left down, alone.
        restart=Restart.TEMPORARY,
        children=(
            ChildSpec(
                id=strategy_name(strategy),
                factory=actor,
                # Another interpreter may have to begin, on a machine that is busy with ours.
                start_timeout_seconds=30.0,
                heartbeat_seconds=10.0,
                backoff=QUICK,
            ),
        ),
    )


def _reporter(ports: Ports, routes: Routes, cast: Cast, writer: ReportWriter) -> ChildSpec:
    settings = ReporterSettings(
        env=ports.env,
        strategies=tuple(s.id for s in cast.strategies),
        run=ports.run,
        equity_step=int(ports.settings.reports.equity_interval_seconds * SECOND),
        asks_note=ports.settings.risk.ask_broker,
        units={each.key: each.multiplier for each in cast.instruments.values()},
    )
    return ChildSpec(
        id=REPORTER,
        factory=lambda context: Reporter(context, routes, ports.journal, ports.clock, writer, settings, ports.books),
        in_flight=InFlight.REDELIVER_ONCE,
        heartbeat_seconds=30.0,
        backoff=QUICK,
    )


def _alerts(ports: Ports, operations: Operations | None) -> ChildSpec:
    notifier = None if operations is None else operations.alerts
    channels = () if operations is None else tuple(each.name for each in operations.channels)
    wall = None if operations is None else operations.wall
    repeat_after = int(ports.settings.alerts.repeat_after_seconds * SECOND)
    return ChildSpec(
        id=ALERTS,
        factory=lambda context: Alerts(context, ports.log, notifier, repeat_after, channels, wall),
        backoff=QUICK,
    )


def _channels(ports: Ports, operations: Operations | None) -> tuple[ChildSpec, ...]:
    if operations is None:
        return ()
    # No heartbeats for these: a service may take its time, and nobody waits for it.
    found = [
        ChildSpec(
            id=f"{CHANNEL_PREFIX}{each.name}",
            factory=partial(AlertChannel, name=each.name, opened=each.opened, rules=each.rules, wall=operations.wall),
            mailbox=MailboxSpec(capacity=1_000),
            shutdown_seconds=1.0,
            backoff=Backoff(min_seconds=1.0, max_seconds=60.0),
        )
        for each in operations.channels
    ]
    beat = operations.beat
    if beat is not None:
        seconds = ports.settings.alerts.heartbeat_seconds
        found.append(
            ChildSpec(
                id=HEARTBEAT,
                factory=lambda context: Heartbeat(context, beat, seconds),
                shutdown_seconds=1.0,
                backoff=Backoff(min_seconds=1.0, max_seconds=60.0),
            )
        )
    return tuple(found)


def _publisher(operations: Operations | None, cast: Cast) -> tuple[ChildSpec, ...]:
    if operations is None:
        return ()
    names = {token: instrument.key for token, instrument in cast.instruments.items()}
    spec = ChildSpec(
        id=PUBLISHER,
        factory=lambda context: Publisher(context, operations.live, names),
        # No heartbeat: a disk may take its time, and nobody waits for a picture.
        mailbox=MailboxSpec(capacity=20_000),
        shutdown_seconds=1.0,
        backoff=QUICK,
    )
    return (spec,)


def _caretaker(ports: Ports, routes: Routes, operations: Operations | None) -> tuple[ChildSpec, ...]:
    chores = None if operations is None else operations.chores
    if chores is None:
        return ()
    spec = ChildSpec(
        id=CARETAKER,
        factory=lambda context: Caretaker(context, routes, chores, ports.clock),
        # No heartbeat: a broker and a disk may take their time. A chore that was cut short is not begun again.
        backoff=QUICK,
        shutdown_seconds=3.0,
    )
    return (spec,)


def _timetable(
    ports: Ports, routes: Routes, cast: Cast, scheduler: Scheduler, operations: Operations | None
) -> ChildSpec:
    settings = timetable_settings(ports.settings, cast, chores=operations is not None and operations.chores is not None)
    return ChildSpec(
        id=TIMETABLE,
        factory=lambda context: Timetable(
            context,
            routes,
            scheduler,
            ports.clock,
            lambda day: plan(ports.calendar, day, cast.sessions, settings),
            settings.session_expiry,
        ),
        backoff=QUICK,
    )


class Specs(NamedTuple):
    """How children are specified that come while it trades (see app.reloading.Specs)."""

    ports: Ports
    routes: Routes
    board: Board

    def strategy(self, name: str) -> SupervisorSpec:
        """One strategy and its supervisor."""
        return strategy_spec(self.ports, self.routes, self.board, name)

    def exits(self) -> ChildSpec:
        """Managed exits."""
        return exits_spec(self.ports, self.routes, self.board)

    def execution(self) -> ChildSpec:
        """Execution in parts."""
        return execution_spec(self.ports, self.routes, self.board)
