"""The seam between actors and the machine: everything that waits, spawns, tells time or draws lots.

Actors and supervisors take these from a `Runtime` and from nowhere else, so that the same classes run on threads
or on one thread over virtual time.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from types import TracebackType
from typing import Protocol

import pykka

from domain.ports import Clock


class EventLog(Protocol):
    """Where events are logged: a level (`debug`, `info`, `warning`, `error`), a fixed event name, and keys."""

    def __call__(self, level: str, event: str, /, **keys: object) -> None:
        """Record one event."""
        ...


class Lock(Protocol):
    """A plain, non-reentrant lock."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Take the lock; whether that worked within the timeout (-1: no limit)."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


class Condition(Protocol):
    """A condition on a lock; every method but entering needs the lock held. Timeouts are in monotonic seconds."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait for a notification; False on timeout."""
        ...

    def wait_for(self, predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until the predicate holds; its last value."""
        ...

    def notify(self, n: int = 1) -> None:
        """Wake up to n waiters."""
        ...

    def notify_all(self) -> None:
        """Wake all waiters."""
        ...


class Event(Protocol):
    """A flag that can be waited for."""

    def is_set(self) -> bool:
        """Whether it is up."""
        ...

    def set(self) -> None:
        """Raise it and wake all waiters."""
        ...

    def clear(self) -> None:
        """Lower it."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is up; whether it is."""
        ...


class Timer(Protocol):
    """A pending timer. Cancelling one that has fired, or cancelling twice, does nothing."""

    def cancel(self) -> None:
        """Do not fire."""
        ...


class Task(Protocol):
    """A running strand of execution: a thread, or a greenlet."""

    @property
    def name(self) -> str:
        """Its name, for logs and thread dumps."""
        ...

    def is_alive(self) -> bool:
        """Whether it still runs."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        ...


class Runtime(Protocol):
    """Time, strands, locks, timers and randomness. All seconds are on the monotonic clock."""

    @property
    def monotonic(self) -> Clock:
        """The monotonic clock."""
        ...

    @property
    def random(self) -> Random:
        """The seeded source of randomness."""
        ...

    def lock(self) -> Lock:
        """A new lock."""
        ...

    def condition(self, lock: Lock | None = None) -> Condition:
        """A new condition, on the given lock or one of its own."""
        ...

    def event(self) -> Event:
        """A new flag, lowered."""
        ...

    def future(self) -> pykka.Future[object]:
        """A future whose first answer stands: setting it again is ignored, it never raises."""
        ...

    def spawn(self, name: str, target: Callable[[], None]) -> Task:
        """Run `target` on a strand of its own. It must not keep the process alive (a hung one is abandoned)."""
        ...

    def sleep(self, seconds: float) -> None:
        """Hold this strand up."""
        ...

    def timer(self, seconds: float, fn: Callable[[], None]) -> Timer:
        """Call `fn` once after `seconds`. `fn` must be short and must not wait: it holds up every other timer."""
        ...

    def close(self) -> None:
        """Cancel all timers and end what the runtime itself runs. Idempotent."""
        ...
