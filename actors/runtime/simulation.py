"""The runtime of the simulation: one thread, virtual time, strands that are greenlets, and a seed that schedules them.

The same actors, supervisors and Pykka loop run here as on threads. A strand runs until it waits or comes to a switch
point (every lock, and every `point` of a port); there the seed decides whether another comes first, and after how
long. Several runtimes may live one after the other in one kernel: each is a process of ours, and `kill` ends it as
`kill -9` would.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from random import Random
from typing import cast

import pykka
from greenlet import greenlet  # type: ignore[import-untyped]  # greenlet has no types
from msgspec import Struct

from actors.runtime.reply import Reply
from actors.runtime.seam import Condition, Event, Lock, Task, Timer
from actors.runtime.simulation_kernel import FIRST, Kernel, Scheduled
from actors.runtime.simulation_sync import SimCondition, SimEvent, SimLock, Waiter
from domain.ports import Clock

_NS = 1_000_000_000


class Killed(BaseException):
    """The process has died under this strand: it unwinds, and nothing that it still tries has any effect."""


class Pace(Struct, frozen=True):
    """How the seed bends the schedule.

    switch    probability that a switch point lets others come first
    stretch   probability that such a strand is held up for up to `longest_seconds` besides
    """

    switch: float = 0.05
    stretch: float = 0.02
    longest_seconds: float = 0.1


class Strand:
    """One greenlet of a runtime. Implements `Task`."""

    __slots__ = ("_name", "_runtime", "ended", "glet", "waiters")

    def __init__(self, name: str, runtime: SimulationRuntime, target: Callable[[], None]) -> None:
        self._name = name
        self._runtime = runtime
        self.ended = False
        self.waiters: list[Waiter] = []
        self.glet = greenlet(partial(runtime.live, self, target))

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    def is_alive(self) -> bool:
        """Whether it still runs."""
        return not self.ended

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        self._runtime.point()
        if not self.ended:
            waiter = Waiter(self._runtime.strand())
            self.waiters.append(waiter)
            self._runtime.block(waiter, timeout)


class SimulationRuntime:
    """See `Runtime`. `SimulationRuntime(seed)` makes a kernel of its own; run it with `kernel.run()`.

    seed    of the schedule, where no kernel is given, and of `random`
    kernel  the world's; shared by what lives in it
    pace    how often and how long strands are held up at switch points
    errors  what strands died of that nobody caught: a mistake, always
    on_resume  called on each strand as it goes on, and as it begins; None: nothing
    """

    def __init__(self, seed: int = 0, *, kernel: Kernel | None = None, pace: Pace | None = None) -> None:
        self.kernel = Kernel(seed) if kernel is None else kernel
        self.pace = pace or Pace()
        self._switch = self.pace.switch
        self._draw = self.kernel.random.random
        self.dead = False
        self.errors: list[tuple[str, BaseException]] = []
        self.points = 0
        self.die_at_point: int | None = None
        self.on_resume: Callable[[], None] | None = None
        self._on_death: Callable[[], None] = lambda: None
        self._random = Random(seed)
        self._current: Strand | None = None
        self._strands: dict[Strand, None] = {}
        self._due: deque[Scheduled] = deque()
        self._timers_waiter: Waiter | None = None
        self._timers_strand: Strand | None = None

    # -- the protocol ------------------------------------------------------------------------------------------------

    @property
    def monotonic(self) -> Clock:
        """See `Runtime`: virtual time."""
        return self.kernel

    @property
    def random(self) -> Random:
        """See `Runtime`."""
        return self._random

    def lock(self) -> Lock:
        """See `Runtime`."""
        return SimLock(self)

    def condition(self, lock: Lock | None = None) -> Condition:
        """See `Runtime`."""
        return SimCondition(self, SimLock(self) if lock is None else cast("SimLock", lock))

    def event(self) -> Event:
        """See `Runtime`."""
        return SimEvent(self)

    def future(self) -> pykka.Future[object]:
        """See `Runtime`."""
        return Reply(self.condition())

    def spawn(self, name: str, target: Callable[[], None]) -> Task:
        """See `Runtime`: a greenlet that starts when the schedule comes to it."""
        self._must_live()
        return self._begin(name, target)

    def sleep(self, seconds: float) -> None:
        """See `Runtime`: virtual seconds."""
        self._must_live()
        self.block(Waiter(self.strand()), max(0.0, seconds))

    def timer(self, seconds: float, fn: Callable[[], None]) -> Timer:
        """See `Runtime`: all timers of a runtime fire on one strand of it."""
        self._must_live()
        timer = Scheduled(fn)
        self.kernel.at(self.kernel.now + int(max(0.0, seconds) * _NS), partial(self._timer_due, timer))
        return timer

    def close(self) -> None:
        """See `Runtime`: ends every strand that is left."""
        self.kill()

    # -- for models and the harness ----------------------------------------------------------------------------------

    def point(self) -> None:
        """A switch point: the seed may let others come first, or end the process right here."""
        if self.dead:
            raise Killed
        if self._current is None:
            return
        self.points += 1
        if self.points == self.die_at_point:
            self.die()
        if self._switch and self._draw() < self._switch:
            self._give_way()

    def _give_way(self) -> None:
        draw, pace = self._draw, self.pace
        seconds = draw() * pace.longest_seconds if draw() < pace.stretch else 0.0
        self.block(Waiter(self.strand()), seconds)

    def die(self) -> None:
        """End the whole process from inside one of its strands, at once. Never returns."""
        self.kernel.at(self.kernel.now, self._die_on_the_hub, FIRST)
        self.block(Waiter(self.strand()), None)

    def on_death(self, call: Callable[[], None]) -> None:
        """Call this on the hub once the process is dead (by `die` or a point, not by `kill`)."""
        self._on_death = call

    def kill(self) -> None:
        """`kill -9`, from the hub: every strand unwinds where it stands, and no lock, port or tell of it works."""
        if self.dead:
            return
        self.dead = True
        for strand in tuple(self._strands):
            self._current = strand
            if strand.glet:  # a strand that has not begun simply never does
                strand.glet.throw(Killed)
            strand.ended = True
        self._current = None
        self._strands.clear()
        self._due.clear()

    def strand(self) -> Strand:
        """The strand that runs. Raises RuntimeError on the hub, which may not wait."""
        if self._current is None:
            raise RuntimeError("only a strand may wait: this is the hub")
        return self._current

    @property
    def running(self) -> str:
        """The name of the strand that runs, or `hub`."""
        return "hub" if self._current is None else self._current.name

    # -- waiting -----------------------------------------------------------------------------------------------------

    def block(self, waiter: Waiter, timeout: float | None) -> bool:
        """Wait until the waiter is woken (True) or the timeout has passed (False)."""
        if self.dead:
            raise Killed
        limit = None
        if timeout is not None:
            limit = self.kernel.at(self.kernel.now + int(timeout * _NS), partial(self._timed_out, waiter))
        strand = waiter.strand
        self._current = None
        self.kernel.hub.switch()
        self._current = strand
        if self.dead:
            raise Killed
        if self.on_resume is not None:
            self.on_resume()
        if limit is not None and waiter.notified:
            limit.cancel()
        return waiter.notified

    def wake(self, waiter: Waiter) -> None:
        """Let a waiting strand go on, unless it has already."""
        if waiter.done or self.dead:
            return
        waiter.done = waiter.notified = True
        self.kernel.at(self.kernel.now, partial(self._resume, waiter.strand))

    def _timed_out(self, waiter: Waiter) -> None:
        if not waiter.done and not self.dead:
            waiter.done = True
            self._resume(waiter.strand)

    def _resume(self, strand: Strand) -> None:
        if self.dead or strand.ended:
            return
        self._current = strand
        strand.glet.parent = self.kernel.hub
        strand.glet.switch()
        self._current = None

    # -- strands -----------------------------------------------------------------------------------------------------

    def _begin(self, name: str, target: Callable[[], None]) -> Strand:
        strand = Strand(name, self, target)
        self._strands[strand] = None
        self.kernel.at(self.kernel.now, partial(self._resume, strand))
        return strand

    def live(self, strand: Strand, target: Callable[[], None]) -> None:
        """The body of a strand's greenlet."""
        try:
            if self.on_resume is not None:
                self.on_resume()
            target()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - as a thread that dies: shown, and nobody else is hurt
            if not self.dead:
                self.errors.append((strand.name, error))
        strand.ended = True
        if not self.dead:
            del self._strands[strand]
            for waiter in strand.waiters:
                self.wake(waiter)
        self._current = None

    def _must_live(self) -> None:
        if self.dead:
            raise Killed

    def _die_on_the_hub(self) -> None:
        if not self.dead:
            self.kill()
            self._on_death()

    # -- timers ------------------------------------------------------------------------------------------------------

    def _timer_due(self, timer: Scheduled) -> None:
        if self.dead or timer.call is None:
            return
        self._due.append(timer)
        if self._timers_strand is None:
            self._timers_strand = self._begin("timers", self._run_timers)
        elif self._timers_waiter is not None:
            self.wake(self._timers_waiter)

    def _run_timers(self) -> None:
        while True:
            while self._due:
                call = self._due.popleft().call
                if call is not None:
                    try:
                        call()
                    except Exception as error:  # noqa: BLE001 - one bad timer must not end all others
                        self.errors.append(("timers", error))
            self._timers_waiter = Waiter(self.strand())
            self.block(self._timers_waiter, None)
            self._timers_waiter = None
