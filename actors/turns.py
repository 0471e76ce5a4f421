"""Strategies that have much to reckon do it one after the other.

Thousands of bars end in the same second. What their strategies reckon is Python on one interpreter, and TA-Lib gives
that up at every call: twenty threads that compute at once take it from each other tens of thousands of times, for three
times the work, and everybody else (market data, the risk gate, an order on its way) waits among them. One at a time
there is nobody to take it. It is a courtesy and no lock of anything: who waits too long goes ahead without.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from actors.runtime.seam import Lock, Runtime

PATIENCE_SECONDS: Final = 0.25
"""So long a turn may be: after that nobody waits for it any more. Most take a tenth of it, on a busy machine too."""

LOOKS_MAX: Final = 12
"""After so many times the patience nobody waits any longer, however well the turns go by."""


class Turns:
    """Shared by all strategies of a process."""

    def __init__(self) -> None:
        self._lock: Lock | None = None
        self._begun = 0

    @contextmanager
    def taken(self, runtime: Runtime) -> Iterator[None]:
        """Within it the others wait. It may be that one does not."""
        lock = self._take(runtime)
        try:
            yield
        finally:
            if lock is not None:
                lock.release()

    def _take(self, runtime: Runtime) -> Lock | None:
        for _ in range(LOOKS_MAX):
            # Two that come first at once may have a lock each: then they go side by side, this once.
            lock = self._lock = self._lock or runtime.lock()
            begun = self._begun
            if lock.acquire(timeout=PATIENCE_SECONDS):
                if self._lock is lock:
                    self._begun += 1
                    return lock
                lock.release()  # it was given up meanwhile: the others wait at another one
            elif self._lock is lock and self._begun == begun:
                self._lock = None
        return None
