"""The one strand on which supervisors decide. No user code runs here but the listener and the log."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

import msgspec

from actors.runtime.bonds import Bonds, Mortal
from actors.runtime.cell import Cell, Failure
from actors.runtime.errors import UnknownActor
from actors.runtime.events import (
    ChildCrashed,
    ChildGaveUp,
    ChildHung,
    ChildReady,
    ChildRestarted,
    ChildStarted,
    ChildStopped,
    DeadLetter,
    LifecycleEvent,
    MailboxHigh,
    SupervisorGaveUp,
)
from actors.runtime.gate import Gate
from actors.runtime.mailbox import MailboxSpec
from actors.runtime.seam import EventLog, Runtime, Task, Timer

if TYPE_CHECKING:
    from actors.runtime.context import Context

_NS = 1_000_000_000

# One log line per event: its level and its fixed name.
LOGGED: dict[type, tuple[str, str]] = {
    ChildStarted: ("debug", "child.started"),
    ChildReady: ("debug", "child.ready"),
    ChildCrashed: ("error", "child.crashed"),
    ChildHung: ("error", "child.hung"),
    ChildRestarted: ("warning", "child.restarted"),
    ChildStopped: ("debug", "child.stopped"),
    ChildGaveUp: ("error", "child.gave_up"),
    SupervisorGaveUp: ("error", "supervisor.gave_up"),
    DeadLetter: ("warning", "mailbox.dead_letters"),
    MailboxHigh: ("warning", "mailbox.high"),
}


class Life:
    """One incarnation as its supervisor sees it."""

    __slots__ = ("context", "task")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.task: Task | None = None


class Reconciler(Protocol):
    """A supervisor: brings what is closer to what should be, one step, without waiting."""

    def reconcile(self) -> None:
        """Start or stop what is next."""
        ...


class Engine:
    """Runs posted steps one after the other, then lets the supervisors they touched catch up.

    on_panic      called when a step itself raised: a mistake in the runtime, after which nothing is trusted
    on_abandoned  called with the number of abandoned threads that are alive, when there is one more
    """

    def __init__(
        self,
        runtime: Runtime,
        log: EventLog,
        listener: Callable[[LifecycleEvent], None],
        gate: Gate,
        on_panic: Callable[[Failure], None],
        on_abandoned: Callable[[int], None],
    ) -> None:
        self.runtime = runtime
        self.log = log
        self.gate = gate
        self.cells: dict[str, Cell] = {}
        self.mortals: dict[str, Mortal] = {}
        self.bonds = Bonds(self.post, self.mortals.get)
        # Kept in order: a simulation replays only what does not hang on addresses.
        self.abandoned: dict[Life, None] = {}
        self.lives: dict[Life, None] = {}
        self.stop_deadline_ns: int | None = None
        self._listener = listener
        self._on_panic = on_panic
        self._on_abandoned = on_abandoned
        self._condition = runtime.condition(runtime.lock())
        self._steps: deque[Callable[[], None]] = deque()
        self._touched: list[Reconciler] = []
        self._ended = False

    # -- the loop --------------------------------------------------------------------------------------------------

    def post(self, step: Callable[[], None]) -> None:
        """Have the step run on the engine's strand; from anywhere; ignored once the engine has ended."""
        with self._condition:
            if not self._ended:
                self._steps.append(step)
                self._condition.notify()

    def later(self, seconds: float, step: Callable[[], None]) -> Timer:
        """Post the step after so many monotonic seconds."""
        return self.runtime.timer(seconds, partial(self.post, step))

    def touch(self, supervisor: Reconciler) -> None:
        """Let it reconcile when the current step is over. Deferred, so that no step re-enters another."""
        if supervisor not in self._touched:
            self._touched.append(supervisor)

    def end(self) -> None:
        """Take no more steps; what is queued still runs."""
        with self._condition:
            self._ended = True
            self._condition.notify()

    def run(self) -> None:
        """The engine's strand."""
        try:
            while (step := self._next()) is not None:
                step()
                while self._touched:
                    self._touched.pop().reconcile()
        except BaseException as error:  # noqa: BLE001 - without its supervisor nothing may go on trading
            self.end()
            self._on_panic(Failure.of(error))

    def _next(self) -> Callable[[], None] | None:
        with self._condition:
            while not self._steps:
                if self._ended:
                    return None
                self._condition.wait()
            return self._steps.popleft()

    # -- what supervisors need ---------------------------------------------------------------------------------------

    def now_ns(self) -> int:
        """Monotonic time."""
        return self.runtime.monotonic.now_ns()

    def find(self, name: str) -> Cell:
        """The cell of that name. Raises UnknownActor."""
        try:
            return self.cells[name]
        except KeyError:
            raise UnknownActor(f"no actor {name!r}; there are {', '.join(sorted(self.cells))}") from None

    def make_cell(self, name: str, spec: MailboxSpec) -> Cell:
        """The cell of a new name."""
        cell = Cell(name, spec, self.runtime, self._alert)
        self.cells[name] = cell
        return cell

    def forget(self, name: str) -> None:
        """There is no such child any more."""
        self.cells.pop(name, None)
        self.mortals.pop(name, None)

    def stop_seconds(self, wanted: float) -> float:
        """How long a child may take to stop, within what is left for all of them."""
        if self.stop_deadline_ns is None:
            return wanted
        left = (self.stop_deadline_ns - self.now_ns()) / _NS
        return max(0.01, min(wanted, left))

    def track(self, life: Life) -> None:
        """Know of a new incarnation, and forget those whose strands have ended."""
        self.lives = {known: None for known in self.lives if known.task is not None and known.task.is_alive()}
        self.lives[life] = None

    def abandon(self, life: Life) -> int:
        """Count a thread that was given up; how many of them are alive."""
        self.abandoned[life] = None
        return len(self.abandoned)

    def check_abandoned(self) -> None:
        """Have the system compare the abandoned threads with its cap."""
        self._on_abandoned(len(self.abandoned))

    def report_panic(self, failure: Failure) -> None:
        """Log that supervision itself failed."""
        self._guard(
            partial(self.log, "critical", "supervision.failed", reason=failure.reason, traceback=failure.traceback)
        )

    def emit(self, event: LifecycleEvent) -> None:
        """Log the event and tell the listener. Neither can hurt the engine."""
        level, name = LOGGED[type(event)]
        self._guard(partial(self.log, level, name, **msgspec.structs.asdict(event)))
        self._guard(partial(self._listener, event))

    def _guard(self, call: Callable[[], None]) -> None:
        try:
            call()
        except BaseException as error:  # noqa: BLE001 - a listener's mistake must not end supervision
            failure = Failure.of(error)
            try:
                self.log("error", "supervisor.listener_failed", reason=failure.reason, traceback=failure.traceback)
            except BaseException:  # noqa: BLE001, S110 - the log itself is broken: there is nobody left to tell
                pass

    def _alert(self, cell: Cell) -> None:
        self.post(partial(self._tell_alert, cell))

    def _tell_alert(self, cell: Cell) -> None:
        dead, high = cell.news()
        if dead:
            self.emit(DeadLetter(name=cell.name, at_ns=self.now_ns(), count=dead, total=cell.dead, kind=cell.dead_kind))
        if high:
            counts = cell.counts(None)
            self.emit(MailboxHigh(name=cell.name, at_ns=self.now_ns(), depth=counts.depth, dropped=counts.dropped))
