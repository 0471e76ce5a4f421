"""One seed from its storm to its verdict: build the world, let faults loose, let them end, and see it come back.

First a storm: whatever the plan allows goes wrong, processes are killed and started again on the same disk. Then calm:
within a bound everything must be up, prices must flow and trading must go on. Then the square-off: flat but for lines
that wait for a person; and the verdict. (The second half is in `recovery`.)
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Collection
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from actors.routes import RISK
from actors.runtime import Lane, LifecycleEvent
from actors.runtime.simulation_kernel import Kernel, Livelock
from adapters.simulated.disk import Disk
from adapters.simulated.exchange import Exchange
from adapters.simulated.market import ExchangeClock, OurClock, Tape
from app.chaos.checker import Checker, Violation
from app.chaos.faults import Plan, Storm
from app.chaos.process import Process
from app.chaos.recovery import Recovery, square_off_job
from app.chaos.scenario import BEGINS, MAX_POSITION, cast_of, settings_of
from app.chaos.trace import Trace
from domain.errors import JournalCorrupt
from domain.messages.control import SetTradingState, TradingState
from domain.messages.journal import IntentAccepted, JournalRecord
from domain.messages.market import PricesChanged
from domain.messages.orders import CancelOpenOrders
from domain.values import SECOND

if TYPE_CHECKING:
    from app.strategies import Cast
    from domain.strategy.event import EventStrategy
    from domain.strategy.rule import RuleStrategy

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - a private folder is made in it; a disk would only be slower

STEPS_MAX: Final = 3_000_000
"""Far beyond what any run needs: reached only where something goes round without time passing."""


RESTART_SECONDS: Final = (0.2, 4.0)
"""Least and longest until the service manager has started the next process."""


class Result(Struct, frozen=True):
    """One seed's outcome.

    trace_hash  of everything that happened; seconds: virtual; orders, trades: at the exchange
    """

    seed: int
    violations: tuple[Violation, ...]
    trace_hash: str
    seconds: float
    steps: int
    orders: int
    trades: int
    processes: int
    faults: dict[str, int]
    lines: tuple[str, ...] = ()


class World:
    """See the module. `process` is the newest one."""

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        cast: Cast,
        *,
        storm: Storm | None = None,
        kernel: Kernel | None = None,
        verbose: bool = False,
        owes_orders: bool = True,
    ) -> None:
        self.plan = plan
        self.owes_orders = owes_orders  # its strategies order by the clock: silence means that something is stuck
        self.kernel = kernel or Kernel(plan.seed)
        self.trace = Trace(self.kernel.now_ns, verbose=verbose)
        self.storm = storm or Storm(plan)
        self.settings = settings_of(plan)
        self.cast = cast
        self.checker = Checker(self.trace.note, plan.rate, MAX_POSITION)
        true_clock = ExchangeClock(self.kernel, BEGINS, plan.rate)
        self.clock = OurClock(true_clock)
        tape = Tape(plan.seed, tuple(cast.instruments.values()), BEGINS // SECOND)
        self.exchange = Exchange(self.kernel, true_clock, tape, self.storm, self.checker)
        self.exchange.fires = bool(plan.managed)
        self.checker.exchange, self.checker.clock = self.exchange, self.clock
        self.disk = Disk(folder, Random(plan.seed))  # noqa: S311 - garbage for a torn tail
        self.processes = 0
        self.prices_at: dict[int, int] = {}
        self.squared_off = False
        self._random = self.storm.random
        self._is_calm = False
        self._halts_to_come = 0
        self.checker.on_record = self.recorded
        self.process = self._begin_process()

    def run(self) -> Result:
        """The whole story, and its result."""
        self.story()
        try:
            self.kernel.run(steps_max=STEPS_MAX)
        except Livelock as error:
            self.checker.broken("livelock", str(error))
        except JournalCorrupt as error:
            self.checker.broken("starts again", self._without_folder(str(error)))
        self._look_for_errors(self.process)
        steps = self.kernel.steps
        self.trace.note(f"end after {steps} steps, next draw {self.kernel.random.random()} {self._random.random()}")
        return Result(
            seed=self.plan.seed,
            violations=tuple(self.checker.violations),
            trace_hash=self.trace.hash(),
            seconds=self.kernel.now / SECOND,
            steps=steps,
            orders=len(self.exchange.orders),
            trades=len(self.exchange.trades),
            processes=self.processes,
            faults=self.storm.counts,
            lines=tuple(self.trace.lines()),
        )

    def story(self) -> None:
        """What will go wrong, and when it ends."""
        plan, random = self.plan, self._random
        for _ in range(plan.kills):
            self.kernel.after(random.uniform(1.0, plan.storm_seconds), lambda: self._arm_kill(self.process))
        for fault, act, times in (
            ("clock_jump", self._jump, 3),
            ("token_expiry", self._expire, 2),
            ("operator", self._operate, 5),
        ):
            if self.storm.has(fault):
                for _ in range(random.randint(1, times)):
                    self.kernel.after(random.uniform(1.0, plan.storm_seconds), act)
        self.kernel.after(random.uniform(2.0, 6.0), self._change_weather)
        self.kernel.after(plan.storm_seconds, self.calm)

    def played(self) -> Result:
        """Run, and give everything back."""
        try:
            return self.run()
        finally:
            self.close()

    def close(self) -> None:
        """Give everything back."""
        if not self.process.runtime.dead:
            self.process.runtime.kill()
            self.process.ports.journal.abandon()
        self.kernel.close()
        self.disk.clean()

    def handled(self, name: str, incarnation: int, message: object) -> None:
        """An actor is handed a message."""
        self.checker.handled(name, incarnation, message)
        if name == RISK and isinstance(message, PricesChanged):
            self.prices_at.update(dict.fromkeys(message.prices, self.kernel.now))

    def lifecycle(self, event: LifecycleEvent) -> None:
        """An actor began, failed or ended."""
        self.checker.lifecycle(event)

    def process_is_up(self, process: Process) -> None:
        """Its start is over, and trading was asked to be active."""
        self.trace.note(f"process {process.number} is up")

    def told(self, name: str, to: str, message: object) -> None:
        """An actor tells another something."""

    def recorded(self, record: JournalRecord) -> None:
        """Something is durable. An order begins its way: the moment at which a halt is hardest to keep."""
        if self._halts_to_come and isinstance(record.event, IntentAccepted):
            self._halts_to_come -= 1
            self.kernel.after(self._random.uniform(0.0, 1.0), self._halt)

    # -- processes ---------------------------------------------------------------------------------------------------

    def _begin_process(self) -> Process:
        self.checker.process_begins()
        self.processes += 1
        self.process = Process(self, self.processes, self._process_ends)
        return self.process

    def _process_ends(self, process: Process, why: str) -> None:
        """On the hub: it is gone, and its service manager starts another."""
        self.trace.note(f"process {process.number} ends: {self._without_folder(why)}")
        process.runtime.kill()
        self._look_for_errors(process)
        self.disk.crash(process.ports.journal)
        self.kernel.after(self._random.uniform(*RESTART_SECONDS), self._restart)

    def _restart(self) -> None:
        process = self._begin_process()
        if not self._is_calm and self.storm.has("kill") and self._random.random() < 0.2:
            self._arm_kill(process)  # and again, in the recovery

    def _without_folder(self, text: str) -> str:
        """The folder has another name each time; the trace of a seed has not."""
        return text.replace(str(self.disk.path.parent), "")

    def _look_for_errors(self, process: Process) -> None:
        for name, error in process.runtime.errors:
            self.checker.broken("strand", f"{name} died of {error!r}")
        process.runtime.errors.clear()

    # -- the storm ---------------------------------------------------------------------------------------------------

    def _arm_kill(self, process: Process) -> None:
        if process.runtime.dead or self._is_calm:
            return
        if self._random.random() < 0.7:
            process.hazards.kill_at_edge = self._random.randint(1, 40)
        else:
            process.runtime.die_at_point = process.runtime.points + self._random.randint(1, 600)

    def _change_weather(self) -> None:
        if self._is_calm:
            return
        self.storm.ease()
        if self._random.random() < 0.5:
            self.trace.note(f"spell of {self.storm.spell()}")
        self.kernel.after(self._random.uniform(2.0, 6.0), self._change_weather)

    def _jump(self) -> None:
        seconds = self._random.choice((-1.0, 2.0, 15.0))
        self.trace.note(f"the clock jumps by {seconds} s")
        self.clock.off += int(seconds * SECOND)
        self.checker.jumped_at = self.clock.now_ns()

    def _expire(self) -> None:
        self.trace.note("the session expires")
        self.exchange.logged_in = False

    def _operate(self) -> None:
        what = self._random.choice(("halt", "halt", "resume", "cancel", "flatten"))
        self.trace.note(f"operator: {what}")
        match what:
            case "halt":
                self._halts_to_come += 1
            case "resume":
                self.set_state(TradingState.ACTIVE)
            case "cancel":
                self._publish(CancelOpenOrders(include_exits=self._random.random() < 0.5, why="operator"))
            case _ if self._random.random() < 0.3:
                self.square_off()

    def _halt(self) -> None:
        self.set_state(TradingState.HALTED)
        if self._random.random() < 0.7:
            self.kernel.after(self._random.uniform(0.5, 8.0), lambda: self.set_state(TradingState.ACTIVE))

    def set_state(self, state: TradingState) -> None:
        """The operator's command."""
        process = self.process
        if process.runtime.dead or not process.up:
            return
        self.checker.operator_says(state)
        command = SetTradingState(state=state, why="operator", who="operator")
        process.do("operator", lambda: process.tell(RISK, command, Lane.CONTROL))

    def square_off(self) -> None:
        """The operator's flatten, which is also the day's end: no more decisions after it."""
        self.squared_off = True
        self._publish(square_off_job(self.clock.now_ns()))

    def _publish(self, message: object) -> None:
        process = self.process
        process.do("operator", lambda: process.routes.publish(process, message))

    def calm(self) -> None:
        """No more faults: from here on everything has to come back."""
        self.trace.note("calm")
        self._is_calm = True
        self._halts_to_come = 0
        self.storm.calm()
        self.checker.accepted_since_calm = 0
        self.process.hazards.kill_at_edge = self.process.runtime.die_at_point = None
        Recovery(self).begin()


def run_seed(
    seed: int,
    *,
    faults: Collection[str] | None = None,
    strategy: RuleStrategy | EventStrategy | None = None,
    verbose: bool = False,
) -> Result:
    """Run one seed. Leaves nothing behind."""
    plan = Plan.of(seed, faults)
    own = strategy is None
    return play(lambda folder: World(plan, folder, cast_of(plan, strategy), verbose=verbose, owes_orders=own))


def play(make: Callable[[Path], World]) -> Result:
    """Run a world on a disk of its own, made for it. Leaves nothing behind."""
    folder = Path(tempfile.mkdtemp(prefix="patang-chaos-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        return make(folder).played()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
