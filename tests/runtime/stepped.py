"""A system whose every strand is stepped by hand: supervisors decide on the test's own thread, over virtual time.

The supervisors, engine, cells and gate are the real ones. Only the lives of children are acted out: a test says when
one is up, crashes, ends or hangs.
"""

from __future__ import annotations

import heapq
import itertools
import threading
from collections.abc import Callable
from random import Random

import pykka

from actors.runtime import Gate, LifecycleEvent, SupervisorSpec, System, TradingLevel
from actors.runtime.cell import Failure
from actors.runtime.engine import Life
from actors.runtime.reply import Reply
from actors.runtime.seam import Condition, Event, Lock, Task, Timer
from actors.runtime.worker import Worker
from tests.runtime.harness import silent

NS = 1_000_000_000


class _Timer:
    def __init__(self, fn: Callable[[], None]) -> None:
        self.fn: Callable[[], None] | None = fn

    def cancel(self) -> None:
        self.fn = None


class _Task:
    def __init__(self, name: str) -> None:
        self.name = name
        self.alive = True

    def is_alive(self) -> bool:
        return self.alive

    def join(self, timeout: float | None = None) -> None:
        """Nothing runs here."""


class SteppedRuntime:
    """Virtual time, timers fired by `advance`, and strands that never run by themselves."""

    def __init__(self) -> None:
        self.now = 0
        self._heap: list[tuple[int, int, _Timer]] = []
        self._order = itertools.count()
        self.random = Random(0)

    @property
    def monotonic(self) -> SteppedRuntime:
        return self

    def now_ns(self) -> int:
        return self.now

    def lock(self) -> Lock:
        return threading.Lock()

    def condition(self, lock: Lock | None = None) -> Condition:
        return threading.Condition(lock)  # type: ignore[arg-type] # the lock made above

    def event(self) -> Event:
        return threading.Event()

    def future(self) -> pykka.Future[object]:
        return Reply(threading.Condition())

    def spawn(self, name: str, target: Callable[[], None]) -> Task:
        return _Task(name)

    def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody sleeps here")

    def timer(self, seconds: float, fn: Callable[[], None]) -> Timer:
        timer = _Timer(fn)
        heapq.heappush(self._heap, (self.now + int(seconds * NS), next(self._order), timer))
        return timer

    def close(self) -> None:
        self._heap.clear()

    def fire_until(self, end: int) -> bool:
        """Move to the next timer due by then and fire it; False, and time stands at the end, when there is none."""
        while self._heap and self._heap[0][0] <= end:
            due, _, timer = heapq.heappop(self._heap)
            if timer.fn is not None:
                self.now = max(self.now, due)
                timer.fn()
                return True
        self.now = end
        return False


class SteppedSystem:
    """The real system, pumped.

    fails_to_start  asked for each new life: whether it fails to start
    """

    def __init__(self, root: SupervisorSpec, fails_to_start: Callable[[str], bool]) -> None:
        self.runtime = SteppedRuntime()
        self.events: list[LifecycleEvent] = []
        self.gave_up: list[str] = []
        gate = Gate(self.runtime, TradingLevel.OPEN, "a test")
        self.system = System(self.runtime, root, silent, self.events.append, gate=gate, on_give_up=self.gave_up.append)
        self._fails = fails_to_start
        self._acted: set[Life] = set()
        self.abandoned: list[tuple[Worker, Life]] = []
        self.system._task = self.runtime.spawn("supervisor", lambda: None)
        self.engine = self.system._engine
        self.engine.post(self.system._root.begin_start)
        self.pump()

    def worker(self, name: str) -> Worker:
        node = self.system._node(name)
        assert isinstance(node, Worker)
        return node

    def life(self, name: str) -> Life:
        life = self.worker(name)._life
        assert life is not None, f"{name} has no life"
        return life

    def crash(self, name: str) -> None:
        """It raises in its handler."""
        self._end(name, ValueError("crash"))
        self.pump()

    def end(self, name: str) -> None:
        """It stops by itself, in order."""
        self._end(name, None)
        self.pump()

    def hang(self, name: str) -> None:
        """It begins a message and does not come back from it."""
        life = self.life(name)
        life.context.lease.in_flight = ("a message", self.runtime.now, 1)
        self.abandoned.append((self.worker(name), life))

    def returns(self) -> None:
        """The threads of abandoned lives end at last."""
        while self.abandoned:
            worker, life = self.abandoned.pop()
            life.context.end(None)
            self.engine.post(lambda worker=worker, life=life: worker._ended(life))  # type: ignore[misc] # bound now
        self.pump()

    def advance(self, seconds: float) -> None:
        """Let time pass, every timer at its moment."""
        end = self.runtime.now + int(seconds * NS)
        while self.runtime.fire_until(end):
            self.pump()
        self.pump()

    def pump(self) -> None:
        """Let the supervisors decide, and the lives do what they were told, until nothing is left to do."""
        while self._decide() or self._live():
            pass

    def _decide(self) -> bool:
        steps = self.engine._steps
        if not steps:
            return False
        while steps:
            steps.popleft()()
            while self.engine._touched:
                self.engine._touched.pop().reconcile()
        return True

    def _live(self) -> bool:
        """One new life comes up or fails to, or one that was asked to stop stops."""
        for name in sorted(self.engine.mortals):
            worker = self.worker(name)
            life = worker._life
            if life is None:
                continue
            if life not in self._acted:
                self._acted.add(life)
                if self._fails(name):
                    self._end(name, OSError("no disk"))
                else:
                    life.context.started()
                return True
            if worker.state.value == "stopping" and life.context.lease.in_flight is None:
                self._end(name, None)
                return True
        return False

    def _end(self, name: str, error: Exception | None) -> None:
        worker, life = self.worker(name), self.life(name)
        assert isinstance(life.task, _Task)
        life.task.alive = False
        if error is not None:
            life.context.failure = Failure.of(error)
        life.context.end(error)
        self.engine.post(lambda: worker._ended(life))
