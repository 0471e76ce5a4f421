"""A crash of an actor: from the exception until its replacement has handled the next message, without back-off."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from actors.runtime import Actor, Backoff, ChildSpec, Context, Lane
from benchmarks._figures import Goal, judged, percentile, plain
from benchmarks._system import system_of, wait

CRASHES: Final = 500
QUEUED: Final = 100


class _Fragile(Actor):
    """Falls over when told, and says when it next handled something."""

    def __init__(self, context: Context, seen: _Seen) -> None:
        super().__init__(context)
        self._seen = seen

    def receive(self, message: object) -> None:
        """Crash, or note that it handles again."""
        if message == "fall":
            self._seen.fell_at = time.perf_counter()
            raise ValueError("a measurement")
        if message == "next":
            self._seen.handled_at = time.perf_counter()
            self._seen.handled.set()


class _Seen:
    def __init__(self) -> None:
        self.fell_at = self.handled_at = 0.0
        self.handled = threading.Event()


def run(quick: bool = False) -> dict[str, object]:
    """Milliseconds, with and without messages that wait meanwhile."""
    crashes = 20 if quick else CRASHES
    found: dict[str, object] = {"crashes": crashes}
    for queued in (0, QUEUED):
        times = _measure(crashes, queued)
        behind = f", {queued} messages queued behind" if queued else ""
        found[f"handling again, p50{behind}"] = plain(percentile(times, 50), "ms")
        found[f"handling again, p99{behind}"] = judged(percentile(times, 99), "ms", Goal(at_most=5))
        found[f"handling again, worst{behind}"] = plain(max(times), "ms")
    return found


def _measure(crashes: int, queued: int) -> list[float]:
    seen = _Seen()
    spec = ChildSpec(
        "fragile", lambda context: _Fragile(context, seen), backoff=Backoff(min_seconds=0.0, max_seconds=0.0)
    )
    times = []
    with _quiet_threads(), system_of(spec, intensity=10 * crashes) as system:
        address = system.address("fragile")
        for _ in range(crashes):
            seen.handled.clear()
            address.tell("fall")
            address.tell("next")
            for number in range(queued):
                address.tell(number, Lane.DATA)
            wait(seen.handled)
            times.append((seen.handled_at - seen.fell_at) * 1000)
    return times


@contextmanager
def _quiet_threads() -> Iterator[None]:
    """Pykka writes the failures that are made here on purpose to the root logger's last resort."""
    import logging

    logger = logging.getLogger("pykka")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before
