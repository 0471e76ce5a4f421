"""The runtime of real threads and real time."""

from __future__ import annotations

import heapq
import itertools
import sys
import threading
import time
from collections.abc import Callable
from random import Random

import pykka

from actors.runtime.reply import Reply
from actors.runtime.seam import Condition, Event, Lock, Task, Timer
from domain.ports import Clock

_NS = 1_000_000_000


class _Pending:
    """One timer in the heap; a cancelled one stays there, emptied, until its turn or the next sweep."""

    __slots__ = ("_owner", "fn")

    def __init__(self, fn: Callable[[], None], owner: ThreadRuntime) -> None:
        self.fn: Callable[[], None] | None = fn
        self._owner = owner

    def cancel(self) -> None:
        if self.fn is not None:
            self.fn = None
            self._owner.note_cancelled()


class ThreadRuntime:
    """Threads for strands, one thread for all timers.

    monotonic  must move with the machine's monotonic clock: waits are real waits
    seed       of `random`, so that jitter can be repeated
    """

    def __init__(self, monotonic: Clock, seed: int = 0) -> None:
        self._monotonic = monotonic
        self._random = Random(seed)
        self._condition = threading.Condition()
        self._heap: list[tuple[int, int, _Pending]] = []
        self._order = itertools.count()
        self._dead = 0
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def monotonic(self) -> Clock:
        """See `Runtime`."""
        return self._monotonic

    @property
    def random(self) -> Random:
        """See `Runtime`."""
        return self._random

    def lock(self) -> Lock:
        """See `Runtime`."""
        return threading.Lock()

    def condition(self, lock: Lock | None = None) -> Condition:
        """See `Runtime`."""
        # typeshed wants its own Lock class; ours are those, seen through the protocol.
        return threading.Condition(lock)  # type: ignore[arg-type]

    def event(self) -> Event:
        """See `Runtime`."""
        return threading.Event()

    def future(self) -> pykka.Future[object]:
        """See `Runtime`."""
        return Reply(threading.Condition(threading.Lock()))

    def spawn(self, name: str, target: Callable[[], None]) -> Task:
        """See `Runtime`: a daemon thread."""
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        return thread

    def sleep(self, seconds: float) -> None:
        """See `Runtime`."""
        time.sleep(seconds)

    def timer(self, seconds: float, fn: Callable[[], None]) -> Timer:
        """See `Runtime`."""
        pending = _Pending(fn, self)
        due_ns = self._monotonic.now_ns() + max(0, int(seconds * _NS))
        with self._condition:
            if self._closed:
                pending.fn = None
                return pending
            heapq.heappush(self._heap, (due_ns, next(self._order), pending))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="timers", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is pending:
                self._condition.notify()
        return pending

    def close(self) -> None:
        """See `Runtime`."""
        with self._condition:
            self._closed = True
            self._heap.clear()
            self._condition.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def note_cancelled(self) -> None:
        """One of the pending timers was cancelled (told by the timer itself)."""
        # Long timers that are armed and cancelled all day must not pile up in the heap.
        with self._condition:
            self._dead += 1
            if self._dead > 64 and self._dead * 2 > len(self._heap):
                self._heap = [item for item in self._heap if item[2].fn is not None]
                heapq.heapify(self._heap)
                self._dead = 0

    def _run(self) -> None:
        while (fn := self._next()) is not None:
            try:
                fn()
            except Exception:  # noqa: BLE001 - one bad timer must not end all others; it is shown as a thread's would be
                threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), threading.current_thread())))

    def _next(self) -> Callable[[], None] | None:
        """Wait for the next timer that is due and not cancelled; None when closed."""
        with self._condition:
            while not self._closed:
                if not self._heap:
                    self._condition.wait()
                    continue
                wait_ns = self._heap[0][0] - self._monotonic.now_ns()
                if wait_ns > 0:
                    self._condition.wait(wait_ns / _NS)
                    continue
                fn = heapq.heappop(self._heap)[2].fn
                if fn is not None:
                    return fn
                self._dead = max(0, self._dead - 1)
            return None
