"""Virtual time and the one strand that hands it out: what happens next, in an order that a seed decides.

Everything that can happen lies in one heap: (virtual time, rank, number). The rank is drawn from the seed, so that of
what is due at the same moment any may come first. Nothing here looks at the machine's clock, at hashes or addresses:
the same seed gives the same run, step for step.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from random import Random
from typing import Final

from greenlet import getcurrent  # type: ignore[import-untyped]  # greenlet has no types

_NS = 1_000_000_000

FIRST: Final = -1.0
"""The rank of what comes before all else at its moment."""


class Scheduled:
    """Something that will happen. `cancel` makes it not happen."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Do not happen. Idempotent."""
        self.call = None


class Kernel:
    """Virtual time for everything in one simulated world: our processes, the broker, the network between.

    random   decides what comes first; draw from it only where the schedule itself is meant
    now      virtual nanoseconds, only ever forward
    steps    how many things have happened
    """

    def __init__(self, seed: int = 0, start_ns: int = _NS) -> None:
        self.random = Random(seed)
        self.now = start_ns
        self.steps = 0
        self.hub = getcurrent()
        self._heap: list[tuple[int, float, int, Scheduled]] = []
        self._count = 0
        self._stopped = False

    def now_ns(self) -> int:
        """Virtual time: the kernel is the monotonic clock."""
        return self.now

    @property
    def scheduled(self) -> int:
        """How many things were ever scheduled."""
        return self._count

    def at(self, when_ns: int, call: Callable[[], None], rank: float | None = None) -> Scheduled:
        """Have it happen at that moment (at once if it has passed). It must not wait: it runs on the hub."""
        item = Scheduled(call)
        self._count += 1
        drawn = self.random.random() if rank is None else rank
        heapq.heappush(self._heap, (max(when_ns, self.now), drawn, self._count, item))
        return item

    def after(self, seconds: float, call: Callable[[], None]) -> Scheduled:
        """Have it happen after so many virtual seconds."""
        return self.at(self.now + int(seconds * _NS), call)

    def stop(self) -> None:
        """Have `run` return after what is happening now."""
        self._stopped = True

    def run(self, until_ns: int | None = None, steps_max: int | None = None) -> None:
        """Let things happen, one after the other, until nothing is left, the time has come, or `stop`.

        Raises Livelock past `steps_max`: something goes on for ever without time passing.
        """
        heap = self._heap
        self.hub = getcurrent()
        self._stopped = False
        while heap and not self._stopped:
            if until_ns is not None and heap[0][0] > until_ns:
                break
            when, _, _, item = heapq.heappop(heap)
            call = item.call
            if call is None:
                continue
            item.call = None
            self.now = when
            self.steps += 1
            if steps_max is not None and self.steps > steps_max:
                raise Livelock(f"more than {steps_max} steps at virtual {when / _NS:.3f} s")
            call()
        if until_ns is not None and not self._stopped:
            self.now = max(self.now, until_ns)

    def close(self) -> None:
        """Forget everything that would still happen."""
        self._heap.clear()


class Livelock(Exception):
    """The simulated world is busy without end."""
