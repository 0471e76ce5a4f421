"""Market clocks for tests: one that runs fast on real time, one that is set by hand."""

import datetime as dt
import math
import threading
import time

from domain.values import IST, SECOND, nanos


def at(clock: str, day: str = "2026-11-20") -> int:
    """Market time on the day."""
    return nanos(dt.datetime.combine(dt.date.fromisoformat(day), dt.time.fromisoformat(clock), IST))


class FastClock:
    """Market time = anchor + rate x (monotonic - anchor); the rate may change, 0 holds it."""

    def __init__(self, start: int, rate: float) -> None:
        self._lock = threading.Lock()
        self._market, self._wall, self._rate = start, time.monotonic_ns(), rate

    @property
    def rate(self) -> float:
        return self._rate

    def set_rate(self, rate: float) -> None:
        """Go on from here at another rate."""
        with self._lock:
            self._market, self._wall, self._rate = self._now(), time.monotonic_ns(), rate

    def now_ns(self) -> int:
        with self._lock:
            return self._now()

    def wall_seconds_until(self, instant: int) -> float:
        with self._lock:
            remaining = instant - self._now()
            if remaining <= 0:
                return 0.0
            return remaining / SECOND / self._rate if self._rate else math.inf

    def _now(self) -> int:
        return self._market + int((time.monotonic_ns() - self._wall) * self._rate)


class SetClock:
    """Stands where it is put."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ns(self) -> int:
        return self.now
