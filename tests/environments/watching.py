"""A strategy that gives no orders and notes every bar it is told, by instrument and interval."""

from __future__ import annotations

from collections.abc import Sequence

from domain.bars import Bar
from domain.strategy.event import EventStrategy, IntentDraft, View

SEEN: dict[tuple[int, int, int], list[Bar]] = {}
"""(token, interval in seconds, start) -> every version of the bar, in order."""


class Watcher(EventStrategy, frozen=True):
    """See the module."""

    def on_history(self, view: View, bar: Bar) -> None:
        """Backfilled, incomplete or late bars."""
        SEEN.setdefault((bar.token, bar.interval_seconds, bar.start), []).append(bar)

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        """Live complete bars."""
        SEEN.setdefault((bar.token, bar.interval_seconds, bar.start), []).append(bar)
        return ()
