"""Kite's rate limits, on the broker's wall clock: sliding windows, per account."""

from collections import deque
from collections.abc import Callable
from typing import Literal

from sandbox.refusal import Refusal

Bucket = Literal["orders", "quote", "historical", "other", "free"]

PER_SECOND_MAX: dict[Bucket, int] = {"orders": 10, "quote": 1, "historical": 3, "other": 10}
ORDERS_PER_MINUTE_MAX = 400


class Limits:
    """Windows of one second per bucket and of one minute for placements; refusals do not extend a window."""

    def __init__(self, monotonic: Callable[[], float], *, rates: bool = True, caps: bool = True) -> None:
        self._monotonic = monotonic
        self._rates = rates
        self._caps = caps
        self._second: dict[Bucket, deque[float]] = {bucket: deque() for bucket in PER_SECOND_MAX}
        self._minute: deque[float] = deque()

    def check(self, bucket: Bucket) -> None:
        """Count a request, or refuse it with 429."""
        if bucket == "free" or not self._rates:
            return
        if not _fits(self._second[bucket], self._monotonic(), 1.0, PER_SECOND_MAX[bucket]):
            raise Refusal("Too many requests", "NetworkException", 429)

    def check_minute(self) -> None:
        """Count a placement towards the minute's cap, or refuse it."""
        if self._caps and self._rates and not _fits(self._minute, self._monotonic(), 60.0, ORDERS_PER_MINUTE_MAX):
            raise Refusal("Maximum allowed order requests exceeded")


def _fits(window: deque[float], now: float, seconds: float, count_max: int) -> bool:
    while window and window[0] <= now - seconds:
        window.popleft()
    if len(window) >= count_max:
        return False
    window.append(now)
    return True
