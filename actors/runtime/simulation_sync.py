"""Locks, conditions and flags of the simulation. Each acquire is a switch point: another strand may come first.

They behave as the threading module's do: a lock may be snatched by a strand that comes along before the one that was
woken for it, and waiters are woken in an order that the seed decides for locks, first come first served for conditions.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.runtime.simulation import SimulationRuntime, Strand


class Waiter:
    """One strand that waits, and how that ended. `done` is set by whoever wakes it first."""

    __slots__ = ("done", "notified", "strand")

    def __init__(self, strand: Strand) -> None:
        self.strand = strand
        self.done = False
        self.notified = False


class SimLock:
    """A plain lock."""

    __slots__ = ("_held", "_runtime", "_waiters")

    def __init__(self, runtime: SimulationRuntime) -> None:
        self._runtime = runtime
        self._held = False
        self._waiters: list[Waiter] = []

    def __enter__(self) -> bool:
        """Take it, waiting as long as it takes."""
        runtime = self._runtime
        runtime.point()
        if self._held:
            self._wait_for(None)
        self._held = True
        return True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Give it back."""
        self.release()

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take it; whether that worked."""
        self._runtime.point()
        if self._held and (not blocking or not self._wait_for(None if timeout < 0 else timeout)):
            return False
        self._held = True
        return True

    def release(self) -> None:
        """Give it back, and wake one that waits."""
        self._held = False
        waiters = self._waiters
        if waiters and not self._runtime.dead:
            index = self._runtime.kernel.random.randrange(len(waiters)) if len(waiters) > 1 else 0
            self._runtime.wake(waiters.pop(index))

    def retake(self) -> None:
        """Take it after a wait on a condition: no switch point of its own."""
        if self._held:
            self._wait_for(None)
        self._held = True

    def _wait_for(self, timeout: float | None) -> bool:
        runtime = self._runtime
        ends = None if timeout is None else runtime.kernel.now + int(timeout * 1_000_000_000)
        while self._held:
            left = None if ends is None else (ends - runtime.kernel.now) / 1_000_000_000
            if left is not None and left <= 0:
                return False
            waiter = Waiter(runtime.strand())
            self._waiters.append(waiter)
            if not runtime.block(waiter, left) and waiter in self._waiters:
                self._waiters.remove(waiter)
        return True


class SimCondition:
    """A condition on a lock."""

    __slots__ = ("_lock", "_runtime", "_waiters")

    def __init__(self, runtime: SimulationRuntime, lock: SimLock) -> None:
        self._runtime = runtime
        self._lock = lock
        self._waiters: deque[Waiter] = deque()

    def __enter__(self) -> bool:
        """Take the lock."""
        return self._lock.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Give the lock back."""
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a notification; False on timeout."""
        runtime = self._runtime
        waiter = Waiter(runtime.strand())
        self._waiters.append(waiter)
        self._lock.release()
        if not runtime.block(waiter, timeout):
            self._waiters.remove(waiter)
        self._lock.retake()
        return waiter.notified

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate holds; its last value."""
        ends = None if timeout is None else self._runtime.kernel.now + int(timeout * 1_000_000_000)
        while not (holds := predicate()):
            left = None if ends is None else (ends - self._runtime.kernel.now) / 1_000_000_000
            if left is not None and left <= 0:
                break
            self.wait(left)
        return holds

    def notify(self, n: int = 1) -> None:
        """Wake up to n waiters, those that came first."""
        while n > 0 and self._waiters:
            self._runtime.wake(self._waiters.popleft())
            n -= 1

    def notify_all(self) -> None:
        """Wake all waiters."""
        self.notify(len(self._waiters))


class SimEvent:
    """A flag that can be waited for."""

    __slots__ = ("_runtime", "_set", "_waiters")

    def __init__(self, runtime: SimulationRuntime) -> None:
        self._runtime = runtime
        self._set = False
        self._waiters: list[Waiter] = []

    def is_set(self) -> bool:
        """Whether it is up."""
        return self._set

    def set(self) -> None:
        """Raise it and wake all waiters."""
        self._set = True
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            self._runtime.wake(waiter)

    def clear(self) -> None:
        """Lower it."""
        self._set = False

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is up; whether it is."""
        self._runtime.point()
        if not self._set:
            waiter = Waiter(self._runtime.strand())
            self._waiters.append(waiter)
            if not self._runtime.block(waiter, timeout):
                self._waiters.remove(waiter)
        return self._set
