"""Bars of a coarser interval from a strategy's own bars, one closed bar at a time.

A coarse bar is over as soon as a bar has been seen that ends with it or lies beyond it; so what it says depends on the
own bars alone, and research gets the same (domain/indicators/batch.py).
"""

from __future__ import annotations

from domain.bars import Bar
from domain.market.buckets import DAY_SECONDS, Hours, bar_start
from domain.values import SECOND, Nanos


class Resampler:
    """One instrument's bars of one coarser interval."""

    def __init__(self, interval_seconds: int) -> None:
        self.interval_seconds = interval_seconds
        self._told: Nanos = -1  # start of the newest coarse bar that was given out
        self._bucket: Nanos = -1
        self._over: Nanos = 0
        self._parts: list[Bar] = []
        self._whole = True

    def history(self, bar: Bar) -> Bar | None:
        """A finished coarse bar from history: itself, or None where that one is known already."""
        if bar.start <= self._told:
            return None
        self._told = bar.start
        return bar

    def push(self, bar: Bar, hours: Hours) -> list[Bar]:
        """One own bar, in order: the coarse bars that are over now, oldest first."""
        second = bar.start // SECOND
        if not hours.opens <= second < hours.closes:
            return []
        if self._bucket <= bar.start and bar.end < self._over:
            # Neither its bucket's first bar nor its last one: most are not.
            if self._whole:
                self._parts.append(bar)
            return []
        done: list[Bar] = []
        bucket = bar_start(hours, self.interval_seconds, second) * SECOND
        if bucket != self._bucket:
            done += self._finish()
            # The very first bucket counts only where the bars begin with it: half of a bar is no bar.
            self._whole = self._bucket >= 0 or bar.start <= max(bucket, hours.opens * SECOND)
            self._bucket, self._over = bucket, self._end(bucket, hours)
        if self._whole:
            self._parts.append(bar)
            if bar.end >= self._over:
                done += self._finish()
        return done

    def _end(self, bucket: Nanos, hours: Hours) -> Nanos:
        if self.interval_seconds >= DAY_SECONDS:
            return hours.closes * SECOND
        return min(bucket + self.interval_seconds * SECOND, hours.closes * SECOND)

    def _finish(self) -> list[Bar]:
        parts, self._parts = self._parts, []
        if not parts or self._bucket <= self._told:
            return []
        self._told = self._bucket
        made = Bar(
            token=parts[0].token,
            interval_seconds=self.interval_seconds,
            start=self._bucket,
            open=parts[0].open,
            high=max(part.high for part in parts),
            low=min(part.low for part in parts),
            close=parts[-1].close,
            volume=sum(part.volume for part in parts),
            complete=all(part.complete for part in parts),
            backfilled=True,
        )
        return [made]
