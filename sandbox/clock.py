"""The market's clock: real, faster than real, or stepped by hand.

Market time = anchor + rate x (monotonic - anchor's monotonic). A held clock stands still until released; a stepped
clock only moves when told.
"""

import time
from collections.abc import Callable
from typing import Literal

RATE_MAX = 100_000.0


class MarketClock:
    """Market time in integer nanoseconds UTC; it never runs backwards."""

    def __init__(
        self,
        start_ns: int,
        rate: float = 1.0,
        *,
        held: bool = False,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._monotonic_ns = monotonic_ns
        self._anchor_ns = start_ns
        self._anchor_monotonic_ns = monotonic_ns()
        self._rate = _checked(rate)
        self._held = held

    @property
    def rate(self) -> float:
        """Market seconds per wall second while running; 0 for a stepped clock."""
        return self._rate

    @property
    def held(self) -> bool:
        """Whether the clock waits to be released."""
        return self._held

    @property
    def mode(self) -> Literal["real", "rate", "stepped"]:
        """How the clock moves once released."""
        if self._rate == 0:
            return "stepped"
        return "real" if self._rate == 1 else "rate"

    def now_ns(self) -> int:
        """Market time now."""
        if self._held or self._rate == 0:
            return self._anchor_ns
        elapsed = self._monotonic_ns() - self._anchor_monotonic_ns
        return self._anchor_ns + int(elapsed * self._rate)

    def set_rate(self, rate: float) -> None:
        """Go on from now at another rate; 0 makes the clock stepped."""
        checked = _checked(rate)
        self._anchor()
        self._rate = checked

    def hold(self) -> None:
        """Stand still."""
        self._anchor()
        self._held = True

    def release(self) -> None:
        """Run on from where the clock stood."""
        self._anchor()
        self._held = False

    def advance(self, nanoseconds: int) -> None:
        """Move a standing (stepped or held) clock forward."""
        if self._rate != 0 and not self._held:
            raise ValueError("advance_seconds needs a stepped or held clock")
        if nanoseconds < 0:
            raise ValueError("the clock never runs backwards")
        self._anchor_ns += nanoseconds

    def _anchor(self) -> None:
        self._anchor_ns = self.now_ns()
        self._anchor_monotonic_ns = self._monotonic_ns()


def _checked(rate: float) -> float:
    if not 0 <= rate <= RATE_MAX:
        raise ValueError(f"rate must be 0 (stepped) to {RATE_MAX:.0f}, found {rate}")
    return float(rate)
