"""The candle: what every strategy decides on."""

from __future__ import annotations

from msgspec import Struct

from domain.values import E4, SECOND, Nanos


class Bar(Struct, frozen=True, tag=True, gc=False):
    """One finished candle for one instrument.

    start        first instant covered; the bar covers [start, start + interval)
    open..close  1/10,000 rupee per unit
    volume       units traded within this bar (Kite's ticks carry the day's running total)
    complete     False where ticks may be missing (a gap, a restart, a start in mid-bar): no entry may be decided on it
    backfilled   came from history after the fact: feeds indicators, never entries
    """

    token: int
    interval_seconds: int
    start: Nanos
    open: E4
    high: E4
    low: E4
    close: E4
    volume: int
    complete: bool = True
    backfilled: bool = False

    @property
    def end(self) -> Nanos:
        """First instant after the bar."""
        return self.start + self.interval_seconds * SECOND
