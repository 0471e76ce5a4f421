"""One process of ours in the simulated world: the real tree on simulated ports, from its start until it is killed."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final

from actors.routes import (
    ALERTS,
    FEED,
    GATEWAY_READ,
    MARKET,
    ORDERS,
    PORTFOLIO,
    REPORTER,
    RISK,
    Routes,
    gateway_entry,
    strategy_name,
)
from actors.runtime import (
    Actor,
    ChildCrashed,
    ChildGaveUp,
    ChildHung,
    ChildRestarted,
    Crash,
    Gate,
    Lane,
    LifecycleEvent,
    StartFailed,
    System,
)
from actors.runtime.simulation import Pace, SimulationRuntime
from adapters.simulated.broker import SimBroker, SimHistory, SimSession
from adapters.simulated.disk import SimJournal
from adapters.simulated.feed import SimFeed
from adapters.simulated.schedule import SimScheduler
from app.chaos.hazards import INJECTED, Hazards, endangered
from app.wiring import STRATEGY_SUPERVISOR, build_tree
from domain.calendar import SessionCalendar
from domain.messages.control import ReportWritten, SetTradingState, StrategyFrozen, TradingState
from domain.strategy.running import in_thread

if TYPE_CHECKING:
    from app.chaos.checker import Checker
    from app.chaos.world import World
    from config.schema import Settings
    from domain.messages.configuration import StrategyTerms
    from domain.ports import Broker, FeedPort, History, PostbackPort
    from domain.report.eod import EodReport
    from domain.strategy.runner import Today
    from domain.strategy.running import Runner

DOMINOES: Final = (RISK, RISK, ORDERS, ORDERS, PORTFOLIO, MARKET, FEED, GATEWAY_READ, gateway_entry(0))
"""Who may be brought down by another's crash; those named twice more often."""

CALENDAR: Final = SessionCalendar()


class WatchedGate(Gate):
    """The real gate; the checker hears when the latch holds."""

    checker: Checker

    def halt(self, reason: str, *, allow_exits: bool = True, timeout_seconds: float = 1.0) -> list[str]:
        """See Gate.halt."""
        tags = super().halt(reason, allow_exits=allow_exits, timeout_seconds=timeout_seconds)
        self.checker.halt_returned(reason, tags)
        return tags


class NoWriter:
    """Reports are made and thrown away."""

    def write(self, report: EodReport) -> ReportWritten:
        """See ReportWriter.write."""
        return ReportWritten(html_path="", json_path="")


class SimPorts:
    """Implements `app.ports.Ports` for one process."""

    def __init__(self, world: World, runtime: SimulationRuntime, hazards: Hazards, run: str) -> None:
        self.env: Final = "sandbox"
        self.run: Final = run
        self.settings: Settings = world.settings
        self.log = world.trace.say
        self.clock = world.clock
        self.monotonic = runtime.monotonic
        self.calendar = CALENDAR
        self.journal = SimJournal(world.disk.path, runtime.lock, runtime, world.storm, world.checker, hazards)
        self.session = SimSession(runtime, world.exchange, world.storm)
        self.books = None
        self._world = world
        self._runtime = runtime
        self._hazards = hazards

    def broker(self) -> Broker:
        """See Ports."""
        world = self._world
        return SimBroker(world.kernel, self._runtime, world.exchange, world.storm, world.checker, self._hazards)

    def history(self) -> History:
        """See Ports."""
        return SimHistory(self._runtime, self._world.exchange, self._world.storm)

    def feed(self) -> FeedPort:
        """See Ports."""
        world = self._world
        return SimFeed(world.kernel, self._runtime, world.exchange, world.clock, world.storm)

    def runner(self, strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
        """See Ports: in the simulation's own thread, whatever is configured."""
        return in_thread(strategy_id, terms, today)

    def postbacks(self) -> PostbackPort | None:
        """See Ports: none."""
        return None


class Process:
    """See the module.

    actors     the newest actor made under each name
    up         the start is over, and trading was asked to be ACTIVE
    gave_up    strategies left down for good
    tree       as it is in earnest
    prices_at  virtual time at which the risk gate last saw a price, by token
    """

    def __init__(self, world: World, number: int, on_end: Callable[[Process, str], None]) -> None:
        plan = world.plan
        self.number = number
        self.actors: dict[str, Actor] = {}
        self.up = False
        self.gave_up: set[str] = set()
        self._world = world
        self._on_end = on_end
        pace = Pace(plan.switch, plan.stretch, plan.longest_seconds)
        self.runtime = SimulationRuntime(plan.seed * 31 + number, kernel=world.kernel, pace=pace)
        self.hazards = Hazards(self.runtime, world.storm, world.trace.note, self._domino)
        self.ports = SimPorts(world, self.runtime, self.hazards, f"run-{number}")
        self.routes = Routes(world.cast.topology)
        gate = WatchedGate(self.runtime)
        gate.checker = world.checker
        self.scheduler = SimScheduler(world.kernel, self.runtime, world.clock)
        self.tree = build_tree(self.ports, world.cast, self.scheduler, NoWriter())
        self.system = System(
            self.runtime,
            endangered(self.tree, self.hazards, world.handled, world.told, self._made),
            world.trace.say,
            self._on_lifecycle,
            gate=gate,
            on_give_up=lambda why: self._end_soon(f"gave up: {why}"),
        )
        self.runtime.on_death(lambda: on_end(self, "killed"))
        self.runtime.spawn("main", self._main)

    def do(self, name: str, what: Callable[[], None]) -> None:
        """Run on a strand of this process, if it lives."""
        if not self.runtime.dead:
            self.runtime.spawn(name, what)

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        """From outside the tree, on a strand of this process. Makes this a `routes.Sender`."""
        self.system.address(name).tell(message, lane, key)

    def _main(self) -> None:
        try:
            self.system.start()
        except StartFailed as error:
            self._end_soon(f"did not start: {error}")
            return
        active = SetTradingState(state=TradingState.ACTIVE, why="everything is up", who="startup")
        self.tell(RISK, active, Lane.CONTROL)
        self.up = True
        self._world.process_is_up(self)

    def _end_soon(self, why: str) -> None:
        """A process that gives up ends by itself; its service manager starts another."""
        self._world.kernel.after(0.0, lambda: None if self.runtime.dead else self._on_end(self, why))

    def _domino(self) -> None:
        """One or two others die at their next message."""
        random = self._world.storm.random
        for name in random.sample((*DOMINOES, *self.routes.topology.strategies), random.randint(1, 2)):
            address = strategy_name(name) if name in self.routes.topology.strategies else name
            self.tell(address, Crash(INJECTED), Lane.CONTROL)

    def _made(self, name: str, actor: Actor) -> None:
        self.actors[name] = actor

    def _on_lifecycle(self, event: LifecycleEvent) -> None:
        """As app.day does it, and the checker hears of it."""
        world = self._world
        world.lifecycle(event)
        world.trace.note(f"{type(event).__name__} {event.name}")
        if isinstance(event, ChildCrashed):
            world.checker.crashed(event.name, event.incarnation, event.reason)
        if isinstance(event, ChildGaveUp) and event.name.startswith(STRATEGY_SUPERVISOR):
            strategy = event.name.removeprefix(STRATEGY_SUPERVISOR)
            self.gave_up.add(strategy)
            frozen = StrategyFrozen(strategy=strategy, why=event.reason, time=world.clock.now_ns())
            self.routes.publish(self, frozen)
        if isinstance(event, ChildCrashed | ChildRestarted | ChildHung | ChildGaveUp):
            for name in (REPORTER, ALERTS):
                if name != event.name:
                    self.tell(name, event)
