"""Below the broker's rate limits, with exits first: one `Pacer` per account, shared by all workers.

Kite's limiter may count in fixed seconds or in a bucket (kite-facts 4: unknown), so no stretch of a period, wherever it
begins, may hold more than the limit: a sliding log of the last starts. Not pyrate-limiter: its buckets serve whoever
asks first, and an exit must overtake entries that already wait; it also keeps no room free for exits.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from enum import Enum, IntEnum
from typing import Final

from msgspec import Struct

from domain.ports import Clock
from domain.values import SECOND, Nanos


class Endpoint(Enum):
    """Classes of endpoints with a limit of their own."""

    ORDER = "order"
    """Place, modify and cancel together: whether the last two count is read differently, so they do."""
    HISTORICAL = "historical"
    QUOTE = "quote"
    OTHER = "other"


class Priority(IntEnum):
    """Who goes first among those that wait; inside one priority, who came first."""

    EXIT = 0
    """Exits and cancels."""
    ENTRY = 1
    """Entries, and every read."""


class PacingLimits(Struct, frozen=True):
    """Requests that we allow ourselves; each a little below the broker's own limit. 0 = no limit.

    exits_reserved_share  part of the order limits that entries may not use
    """

    orders_per_second: float = 9.0
    orders_per_minute: int = 390
    historical_per_second: float = 2.5
    quote_per_second: float = 0.9
    other_per_second: float = 9.0
    exits_reserved_share: float = 0.2


class _Window:
    """At most `count` starts in any stretch of `period`."""

    def __init__(self, count: int, period: Nanos) -> None:
        self._starts: deque[Nanos] = deque(maxlen=count)
        self._period = period

    def free_at(self) -> Nanos:
        """The first instant at which one more may start."""
        if len(self._starts) < (self._starts.maxlen or 0):
            return 0
        return self._starts[0] + self._period

    def start(self, now: Nanos) -> None:
        self._starts.append(now)


def _windows(per_second: float, per_minute: int = 0) -> list[_Window]:
    """The windows of a rate: 9 per second is 9 in one second, 2.5 per second is 1 in 0.4 s."""
    found = []
    if per_second >= 5:
        whole = int(per_second)
        found.append(_Window(whole, round(whole / per_second * SECOND)))
    elif per_second > 0:
        found.append(_Window(1, round(SECOND / per_second)))
    if per_minute > 0:
        found.append(_Window(per_minute, 60 * SECOND))
    return found


class _Queue:
    """Those who wait for one class of endpoints."""

    def __init__(self, everyone: list[_Window], entries: list[_Window]) -> None:
        self.everyone = everyone
        self.entries = entries
        self.waiting: list[tuple[int, int]] = []

    def windows(self, priority: Priority) -> list[_Window]:
        return self.everyone + self.entries if priority is Priority.ENTRY else self.everyone


class Pacer:
    """Hands out starts. Thread-safe; waits on the monotonic clock given."""

    def __init__(self, limits: PacingLimits, monotonic: Clock) -> None:
        share = 1.0 - limits.exits_reserved_share
        self._monotonic = monotonic
        self._changed: Final = threading.Condition()
        self._arrivals = 0
        self._queues = {
            Endpoint.ORDER: _Queue(
                _windows(limits.orders_per_second, limits.orders_per_minute),
                _windows(limits.orders_per_second * share, int(limits.orders_per_minute * share)),
            ),
            Endpoint.HISTORICAL: _Queue(_windows(limits.historical_per_second), []),
            Endpoint.QUOTE: _Queue(_windows(limits.quote_per_second), []),
            Endpoint.OTHER: _Queue(_windows(limits.other_per_second), []),
        }

    def acquire(self, endpoint: Endpoint, priority: Priority, deadline_ns: Nanos) -> bool:
        """Wait for a start until the monotonic clock reads `deadline_ns`. True: send now. False: do not send.

        False at once where the deadline cannot be met. Counted as used when True, sent or not.
        """
        queue = self._queues[endpoint]
        with self._changed:
            self._arrivals += 1
            ticket = (int(priority), self._arrivals)
            heapq.heappush(queue.waiting, ticket)
            try:
                return self._wait(queue, ticket, queue.windows(priority), deadline_ns)
            finally:
                queue.waiting.remove(ticket)
                heapq.heapify(queue.waiting)
                self._changed.notify_all()

    def _wait(self, queue: _Queue, ticket: tuple[int, int], windows: list[_Window], deadline: Nanos) -> bool:
        while True:
            now = self._monotonic.now_ns()
            free = max((window.free_at() for window in windows), default=0)
            if now > deadline or free > deadline:
                return False
            first = queue.waiting[0] == ticket
            if first and free <= now:
                for window in windows:
                    window.start(now)
                return True
            until = free if first else deadline
            self._changed.wait(max(until - now, 0) / SECOND)
