"""One trading day from start to stop, read top to bottom: prepare, start the tree, trade, report, stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext
from types import FrameType
from typing import Final, Self

from msgspec import Struct
from msgspec.structs import replace

from actors.caretaker import UNDER_WAY
from actors.routes import (
    ALERTS,
    CARETAKER,
    CONFIGURATION,
    ORDERS,
    PORTFOLIO,
    REPORTER,
    RISK,
    TIMETABLE,
    Routes,
    strategy_name,
)
from actors.runtime import (
    ChildCrashed,
    ChildGaveUp,
    ChildHung,
    ChildRestarted,
    Lane,
    LifecycleEvent,
    RuntimeFault,
    StartFailed,
    SupervisorGaveUp,
    System,
    ThreadRuntime,
    TreeNode,
)
from adapters.config_watch import ConfigWatch
from adapters.report.writer import EodWriter
from adapters.schedule import MarketScheduler
from app.board import Board
from app.interpreter import keep_what_is_there, share_finely
from app.latch import keep_halt, latch_halt
from app.logs import EventLog
from app.recording import begin_recording
from app.reloading import Office, Source, first_version
from app.service import ServiceManager
from app.status import StatusWriter
from app.strategies import Cast
from app.threads import ThreadDumps
from app.wiring import STRATEGIES, STRATEGY_SUPERVISOR, Specs, build_tree
from app.world import World
from domain.errors import BrokerError
from domain.messages.configuration import ReloadAsked
from domain.messages.control import (
    PortfolioSnapshot,
    Report,
    ReportWritten,
    SetTradingState,
    SquareOff,
    StrategyFrozen,
    TradingState,
    WriteReport,
)
from domain.messages.journal import OrderRecord, OrderState
from domain.messages.orders import CancelOpenOrders
from domain.report.eod import EodReport
from domain.timetable import EVENING, Job
from domain.values import Nanos, ist, rupees

POLL_SECONDS: Final = 0.2
WARM_UP_SECONDS: Final = 20.0
FUNDS_SECONDS: Final = 5.0
PREFLIGHT_SECONDS: Final = 10.0
REST_SECONDS: Final = 1.6
LAST_WORD_SECONDS: Final = 0.2
EVENING_SECONDS: Final = 60.0
REPORT_SECONDS: Final = 1.2
STOP_SECONDS: Final = 1.2
"""Together below five seconds, what Ctrl-C promises, with half a second for the sandbox's own end."""


HANGUP: Final[signal.Signals | None] = getattr(signal, "SIGHUP", None)
"""Windows has none."""

STOPPED_EARLY: Final = "stopped before trading began"
"""Asked to stop during the start: there is nothing to report."""


class Ended(Struct, frozen=True):
    """How the day went.

    why      `end of day`, `until`, `signal`, `gave up`, or STOPPED_EARLY
    written  the report's files; None where none could be written
    """

    why: str
    written: ReportWritten | None


class NotingWriter:
    """Writes reports, and remembers the last one written."""

    def __init__(self, writer: EodWriter) -> None:
        self._writer = writer
        self._condition = threading.Condition()
        self._count = 0
        self.last: ReportWritten | None = None
        self.report: EodReport | None = None

    def write(self, report: EodReport) -> ReportWritten:
        """See ReportWriter.write."""
        written = self._writer.write(report)
        with self._condition:
            self.last, self.report = written, report
            self._count += 1
            self._condition.notify_all()
        return written

    @property
    def count(self) -> int:
        """How many were written."""
        return self._count

    def wait_beyond(self, count: int, seconds: float) -> bool:
        """Wait until more than `count` have been written."""
        with self._condition:
            return self._condition.wait_for(lambda: self._count > count, seconds)


class StopRequest:
    """Ctrl-C and SIGTERM ask for an orderly stop, SIGHUP for reading the configuration again. After the second that
    asks for the stop, which changes nothing, signals end the process.

    interrupting  until `listen` is called, a signal raises KeyboardInterrupt as well: nobody looks here yet
    number        the first signal that came; 0: none
    """

    def __init__(self, *, interrupting: bool = False) -> None:
        self.number = 0
        self._interrupting = interrupting
        self._hangup = False
        self._asked = threading.Event()
        self._former: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Listen from here on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            self._former[number] = signal.signal(number, self._on_signal)
        if HANGUP is not None:
            self._former[HANGUP] = signal.signal(HANGUP, self._on_hangup)
        return self

    def __exit__(self, *_: object) -> None:
        """Put back what was there."""
        for number, handler in self._former.items():
            signal.signal(number, handler)  # type: ignore[arg-type]  # what signal.signal returned

    def listen(self) -> None:
        """From here on somebody looks: signals only ask."""
        self._interrupting = False

    def ask(self) -> None:
        """Ask for the stop without a signal."""
        self._asked.set()

    def wait(self, seconds: float) -> bool:
        """Whether a stop has been asked for, after at most so long."""
        return self._asked.wait(seconds)

    def hung_up(self) -> bool:
        """Whether SIGHUP has come since this was last asked."""
        came, self._hangup = self._hangup, False
        return came

    def _on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        self._hangup = True

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._asked.is_set():
            signal.signal(number, signal.SIG_DFL)
        self.number = self.number or number
        self._asked.set()
        if self._interrupting:
            raise KeyboardInterrupt


class TradingDay:
    """Runs the tree over a world until the day ends, or somebody asks it to stop.

    progress  called about every second of wall time while trading
    until     market time to stop at; None: after the end-of-day report
    source    how the configuration is read again while it trades; None: it never is
    """

    def __init__(
        self, world: World, cast: Cast, log: EventLog, *, until: Nanos | None = None, source: Source | None = None
    ) -> None:
        self._world = world
        cast = replace(cast, audited=True)
        self._cast = cast
        self._log = log
        self._until = until
        self._office, self._board = self._configured(source, cast)
        self._routes: Routes = self._board.routes()
        self._runtime = ThreadRuntime(world.monotonic, seed=world.settings.sandbox.seed)
        self._writer = NotingWriter(EodWriter(world.folders.reports))
        self._scheduler = MarketScheduler(world.clock)
        self._gave_up = threading.Event()
        self._why_gave_up = ""
        self._trading = False
        self._recording = begin_recording(world, cast)
        ports = world if self._recording is None else self._recording.ports
        root = build_tree(ports, cast, self._scheduler, self._writer, world.operations(cast), self._office)
        if self._recording is not None:
            root = self._recording.observed(root)
        self._root = root.id
        self._system = System(
            self._runtime,
            root,
            log,
            self._on_lifecycle,
            on_give_up=self._give_up,
        )
        if self._office is not None:
            self._office.open(self._system, Specs(ports, self._board.routes(), self._board), root.id, STRATEGIES)
        self._watch = None if self._office is None else ConfigWatch(self._office.files, self._saved, log)
        self._status = StatusWriter(world, self._system, log)
        self._manager = ServiceManager(os.environ, world.monotonic)

    def _configured(self, source: Source | None, cast: Cast) -> tuple[Office | None, Board]:
        if source is None:
            return None, Board(self._world.settings, cast)
        version = first_version(self._world.journal, source.loaded, self._world.clock, self._log)
        board = Board(self._world.settings, cast, version, reloadable=True)
        return Office(board, source, self._world.journal, self._log), board

    @property
    def report(self) -> EodReport | None:
        """The last report written."""
        return self._writer.report

    def progress(self) -> dict[str, object]:
        """How the day stands, for one line: orders, open ones, round trips and result."""
        records = self._world.journal.records()
        try:
            snapshot = self._system.address(PORTFOLIO).ask(Report(), timeout=0.5)
        except RuntimeFault:
            snapshot = None
        facts: dict[str, object] = {"orders": len(records), "open": len(self._world.journal.open_records())}
        if isinstance(snapshot, PortfolioSnapshot):
            facts["round_trips"] = snapshot.round_trips
            facts["net"] = rupees(snapshot.realised + snapshot.unrealised - snapshot.charges)
        return facts

    def tree(self) -> TreeNode:
        """The live tree."""
        return self._system.tree()

    def run(self, progress: Callable[[Nanos], None], stop: StopRequest | None = None) -> Ended:
        """Trade. Raises StartFailed where the tree does not come up (everything is stopped again then).

        stop  asked by somebody else; without it, signals ask (on the main thread only, where Python hears them)
        """
        why, written = "failed; see the log", None
        dumps = ThreadDumps(self._world.folders.logs, self._log)
        with StopRequest() if stop is None else nullcontext(stop) as asked, dumps:
            asked.listen()
            try:
                started = self._start(asked)
                why = self._trade(asked, progress) if started else STOPPED_EARLY
                written = self._finish(why) if started else None
            except StartFailed as error:
                why = f"did not start: {error}"
                if not self._gave_up.is_set():
                    raise
            finally:
                if self._gave_up.is_set():
                    latch_halt(self._world.journal, self._world.run, self._why_gave_up, self._log)
                if self._watch is not None:
                    self._watch.close()
                self._scheduler.stop()
                self._system.stop(STOP_SECONDS)
                self._runtime.close()
                if self._recording is not None:
                    self._recording.close()
                if self._gave_up.is_set():
                    why = "gave up"
                    # Once more: a risk gate that was still stopping may have kept a state of its own after ours.
                    keep_halt(self._world.journal, self._world.run, self._why_gave_up, self._log)
                self._status.ended(why)
        return Ended(why, written)

    def _give_up(self, why: str) -> None:
        """The root begins to give up, or supervision itself has failed; the main thread sees to the rest."""
        self._why_gave_up = self._why_gave_up or why
        self._gave_up.set()

    def _start(self, stop: StopRequest) -> bool:
        failed: list[StartFailed] = []

        def start() -> None:
            try:
                self._system.start()
            except StartFailed as error:
                failed.append(error)

        # On a thread of its own, so that Ctrl-C during a slow start is heard.
        thread = threading.Thread(target=start, name="start")
        thread.start()
        while thread.is_alive():
            if stop.wait(0.02):
                self._system.stop(STOP_SECONDS)
                thread.join(STOP_SECONDS)
                return False
            self._status.look(trading=False)
        if failed:
            raise failed[0]
        if self._world.sandbox is not None:
            self._await_warm_up(stop)
        self._await_funds(stop)
        # The checklist that a late start makes at once: what it finds is said before the first trade.
        self._hear_from(CARETAKER, PREFLIGHT_SECONDS)
        keep_what_is_there()
        share_finely()
        active = SetTradingState(state=TradingState.ACTIVE, why="everything is up", who="startup")
        self._tell(RISK, active, Lane.CONTROL)
        self._release_clock()
        self._trading = True
        if self._watch is not None:
            self._watch.start()
        self._manager.ready()
        self._log("info", "day.trading", at=ist(self._world.clock.now_ns()).isoformat(timespec="seconds"))
        return True

    def _await_funds(self, stop: StopRequest) -> None:
        """The risk gate knows what there is to trade with: before that it would deny every entry."""
        deadline = time.monotonic() + FUNDS_SECONDS
        while time.monotonic() < deadline and not stop.wait(0.01):
            try:
                known = self._system.address(RISK).ask(Report(), timeout=0.5)
            except RuntimeFault:
                continue
            if isinstance(known, dict) and known.get("funded"):
                return

    def _await_warm_up(self, stop: StopRequest) -> None:
        """Our own sandbox's market waits until every strategy has its history: the first minutes are not wasted."""
        deadline = time.monotonic() + WARM_UP_SECONDS
        waiting = [strategy_name(each.id) for each in self._cast.strategies]
        while waiting and time.monotonic() < deadline and not stop.wait(0.05):
            waiting = [name for name in waiting if self._is_warming(name)]
            self._status.look(trading=False)

    def _is_warming(self, name: str) -> bool:
        try:
            state = self._system.address(name).ask(Report(), timeout=0.5)
        except RuntimeFault:
            return False
        return isinstance(state, dict) and bool(state.get("warming"))

    def _release_clock(self) -> None:
        """The sandbox that we started stood still meanwhile: from here on its market runs."""
        control = self._world.control
        if control is not None and self._world.sandbox is not None:
            control.release()
        self._refresh_clock()

    def _refresh_clock(self) -> None:
        if self._world.refresh_clock():
            self._scheduler.rearm()

    def _trade(self, stop: StopRequest, progress: Callable[[Nanos], None]) -> str:
        shown = refreshed = time.monotonic()
        written = self._writer.count
        while not stop.wait(POLL_SECONDS):
            if self._gave_up.is_set():
                return "gave up"
            if self._until is not None and self._world.clock.now_ns() >= self._until:
                return "until"
            if self._writer.count > written and self._until is None and self._evening_is_over():
                return "end of day"
            if stop.hung_up():
                self._reload("SIGHUP", "asked for by a signal")
            self._status.look(trading=True)
            # The look has read the live tree: supervision is not stuck.
            self._manager.alive()
            now = time.monotonic()
            if now - shown >= 1.0:
                shown = now
                progress(self._world.clock.now_ns())
            if now - refreshed >= 5.0:
                refreshed = now
                try:
                    self._refresh_clock()
                except BrokerError as error:
                    self._log("warning", "clock.not_refreshed", why=str(error))
        return "signal"

    def _evening_is_over(self) -> bool:
        """Whether the chores after the report are done too; those that nobody answers for are not waited for."""
        try:
            ahead = self._system.address(TIMETABLE).ask(Report(), timeout=0.5)
            if isinstance(ahead, tuple) and any(isinstance(job, Job) and job.kind in EVENING for job in ahead):
                return False
            done = self._system.address(CARETAKER).ask(Report(), timeout=EVENING_SECONDS, lane=Lane.DATA)
            if isinstance(done, dict) and UNDER_WAY in done.values():
                return False
            # What the chores have told it is in the report by then.
            self._hear_from(REPORTER, REPORT_SECONDS)
        except RuntimeFault:
            pass
        return True

    def _reload(self, who: str, why: str) -> None:
        if self._office is None:
            self._log("warning", "configuration.refused", why="it is never read again here", who=who)
        else:
            self._tell(CONFIGURATION, ReloadAsked(who=who, why=why))

    def _saved(self, name: str) -> None:
        """On the watch's own thread."""
        if self._trading:
            self._reload(name, "the file was saved")

    def _finish(self, why: str) -> ReportWritten | None:
        """No new entries, cancel what rests, write the report of the day so far."""
        self._trading = False
        self._manager.stopping(why)
        if why == "gave up":
            return None
        if why != "end of day":
            reduce = SetTradingState(state=TradingState.REDUCING, why=f"stopping: {why}", who="shutdown")
            self._tell(RISK, reduce, Lane.CONTROL)
            self._come_to_rest()
            before = self._writer.count
            self._tell(REPORTER, WriteReport(why=why))
            if not self._writer.wait_beyond(before, REPORT_SECONDS):
                self._log("error", "report.not_written", why="the reporter did not answer in time")
        return self._writer.last

    def _come_to_rest(self) -> None:
        """No more decisions; then wait, not for long, until nothing is on its way: so the report has all of it."""
        deadline = time.monotonic() + REST_SECONDS
        teller = _Teller(self._system)
        self._routes.publish(teller, SquareOff(tokens=tuple(self._board.listing), why="stopping"))
        # Who answers has handled what it was told before: the strategies first, then those that pass their orders on.
        for name in (*(strategy_name(each.id) for each in self._board.cast.strategies), RISK, ORDERS):
            self._hear_from(name, min(0.2, deadline - time.monotonic()))
        cancel = self._board.settings.orders.cancel_open_on_stop
        while self._moving(cancel) and time.monotonic() < deadline:
            if cancel and any(each.state is OrderState.ACKNOWLEDGED for each in self._open()):
                self._routes.publish(teller, CancelOpenOrders(include_exits=True, why="stopping"))
            self._gave_up.wait(0.05)
        # From here on nobody listens to what comes of a request: nothing is sent any more, exits included.
        self._system.gate.halt("stopping", allow_exits=False, timeout_seconds=LAST_WORD_SECONDS)
        deadline = time.monotonic() + LAST_WORD_SECONDS
        while self._moving(resting=False) and time.monotonic() < deadline:
            self._gave_up.wait(0.02)

    def _moving(self, resting: bool) -> bool:
        """Whether an order is on its way, or (where that counts too) rests at the broker."""
        return any(resting or each.state is not OrderState.ACKNOWLEDGED for each in self._open())

    def _open(self) -> list[OrderRecord]:
        """Open orders, without what rests to protect a position: that is to outlive us."""
        return [
            each
            for each in self._world.journal.open_records()
            if not (each.intent.protective and each.state is OrderState.ACKNOWLEDGED)
        ]

    def _hear_from(self, name: str, seconds: float) -> None:
        try:
            # In the lane that all others overtake, so that nothing told before is left.
            self._system.address(name).ask(Report(), timeout=max(seconds, 0.01), lane=Lane.DATA)
        except RuntimeFault:
            self._log("debug", "day.no_answer", name=name)

    def _tell(self, name: str, message: object, lane: Lane = Lane.EVENT) -> None:
        self._system.address(name).tell(message, lane)

    def _on_lifecycle(self, event: LifecycleEvent) -> None:
        """On the supervisors' strand: tell, never wait."""
        # The runtime logs every one of these itself.
        if isinstance(event, SupervisorGaveUp) and event.name == self._root:
            self._give_up(event.reason)
        if isinstance(event, ChildGaveUp) and event.name.startswith(STRATEGY_SUPERVISOR):
            self._freeze(event.name.removeprefix(STRATEGY_SUPERVISOR), event.reason)
        if isinstance(event, ChildCrashed | ChildRestarted | ChildHung | ChildGaveUp):
            for name in (REPORTER, ALERTS):
                if name != event.name:
                    self._tell(name, event)

    def _freeze(self, strategy: str, reason: str) -> None:
        frozen = StrategyFrozen(strategy=strategy, why=reason, time=self._world.clock.now_ns())
        self._routes.publish(_Teller(self._system), frozen)


class _Teller:
    """Publishes from outside the tree."""

    def __init__(self, system: System) -> None:
        self._system = system

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT, key: object = None) -> None:
        del key
        self._system.address(name).tell(message, lane)
