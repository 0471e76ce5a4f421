"""Counts what this process asks of the broker and of its disk. Cheap enough for every request and every commit."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import Counter
from typing import Final

from msgspec import Struct

COMMIT_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the buckets of a commit's time, wall seconds; beyond the last there is one more."""


class Work(Struct, frozen=True):
    """What has been counted since the start.

    replies         whole replies of the broker: "POST /orders 200" -> how many
    commits         by the buckets of COMMIT_SECONDS, each for itself
    commit_seconds  what all of them took
    """

    replies: dict[str, int]
    commits: tuple[int, ...]
    commit_seconds: float


class Meter:
    """Any thread may count; `taken` is what has come together."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._replies: Counter[str] = Counter()
        self._commits = [0] * (len(COMMIT_SECONDS) + 1)
        self._seconds = 0.0

    def replied(self, method: str, route: str, status: int) -> None:
        """One whole reply. Of the route the first part counts: ids would make a series for each order."""
        first = route.lstrip("/").partition("?")[0].partition("/")[0]
        with self._lock:
            self._replies[f"{method} /{first} {status}"] += 1

    def committed(self, seconds: float) -> None:
        """One transaction was made durable, or refused by the disk."""
        with self._lock:
            self._commits[bisect_left(COMMIT_SECONDS, seconds)] += 1
            self._seconds += seconds

    def taken(self) -> Work:
        """Everything so far."""
        with self._lock:
            return Work(dict(self._replies), tuple(self._commits), self._seconds)
