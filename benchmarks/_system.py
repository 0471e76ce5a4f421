"""A running system of a few actors, for what is measured about actors alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from actors.runtime import ChildSpec, Gate, LifecycleEvent, SupervisorSpec, System, ThreadRuntime, TradingLevel
from adapters.clock import MonotonicClock

DEADLINE_SECONDS: Final = 120.0


def no_log(_level: str, _event: str, /, **_keys: object) -> None:
    """Nothing is logged while measuring."""


@contextmanager
def system_of(
    *children: ChildSpec,
    listener: Callable[[LifecycleEvent], None] = lambda _event: None,
    intensity: int = 5,
) -> Iterator[System]:
    """These children, up; stopped at the end."""
    runtime = ThreadRuntime(MonotonicClock())
    gate = Gate(runtime, TradingLevel.OPEN, "a measurement")
    root = SupervisorSpec("root", children, intensity=intensity, period_seconds=1.0)
    system = System(runtime, root, no_log, listener, gate=gate)
    system.start()
    try:
        yield system
    finally:
        system.stop()
        runtime.close()


def wait(flag: threading.Event) -> None:
    """Raises TimeoutError where it does not come."""
    if not flag.wait(DEADLINE_SECONDS):
        raise TimeoutError("the actors did not answer in time")
