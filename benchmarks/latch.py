"""The kill latch behind 100,000 queued messages: from the tell to the gate being halted, and the drain apart."""

from __future__ import annotations

import statistics
import threading
import time
from typing import Final

from actors.runtime import (
    Actor,
    ChildSpec,
    Context,
    Gate,
    Lane,
    MailboxSpec,
    Overflow,
    SupervisorSpec,
    System,
    ThreadRuntime,
    TradingLevel,
)
from adapters.clock import MonotonicClock

QUEUED: Final = 100_000
DEADLINE_SECONDS: Final = 60.0


class _Risk(Actor):
    """Counts data; halts when told; holds still while a round is prepared."""

    def __init__(self, context: Context, round_: _Round) -> None:
        super().__init__(context)
        self._round = round_

    def receive(self, message: object) -> None:
        """Data, hold, halt, or the last message."""
        now = self._round
        match message:
            case "halt":
                self.context.gate.halt("a measurement")
                now.latched_at = time.perf_counter()
                now.latched.set()
            case "hold":
                now.held.set()
                now.go.wait(DEADLINE_SECONDS)
            case "last":
                now.drained_at = time.perf_counter()
                now.drained.set()


class _Round:
    def __init__(self) -> None:
        self.held, self.go, self.latched, self.drained = (threading.Event() for _ in range(4))
        self.latched_at = self.drained_at = 0.0


def run(quick: bool = False) -> dict[str, object]:
    """Milliseconds. The halt is told while the actor works through the queue, from another thread."""
    rounds, queued = (5, 10_000) if quick else (100, QUEUED)
    latches, drains = [], []
    for _ in range(rounds):
        latch, drain = _measure(queued)
        latches.append(latch * 1000)
        drains.append(drain * 1000)
    latches.sort()
    return {
        "queued": queued,
        "rounds": rounds,
        "latch_ms_p50": round(statistics.median(latches), 3),
        "latch_ms_p99": round(latches[min(len(latches) - 1, int(len(latches) * 0.99))], 3),
        "latch_ms_max": round(latches[-1], 3),
        "drain_ms_p50": round(statistics.median(drains), 1),
        "first_in_first_out_would_take_ms": round(statistics.median(drains), 1),
    }


def _measure(queued: int) -> tuple[float, float]:
    now = _Round()
    runtime = ThreadRuntime(MonotonicClock())
    roomy = MailboxSpec(capacity=queued + 10, overflow=Overflow.GROW)
    root = SupervisorSpec("root", (ChildSpec("risk", lambda context: _Risk(context, now), mailbox=roomy),))
    gate = Gate(runtime, TradingLevel.OPEN, "a measurement")
    system = System(runtime, root, _no_log, lambda _event: None, gate=gate)
    system.start()
    try:
        address = system.address("risk")
        address.tell("hold")
        _wait(now.held)
        for number in range(queued):
            address.tell(number, Lane.DATA)
        address.tell("last", Lane.DATA)
        now.go.set()
        begun = time.perf_counter()
        address.tell("halt", Lane.CONTROL)
        _wait(now.latched)
        _wait(now.drained)
    finally:
        system.stop()
        runtime.close()
    return now.latched_at - begun, now.drained_at - begun


def _wait(flag: threading.Event) -> None:
    if not flag.wait(DEADLINE_SECONDS):
        raise TimeoutError("the actor did not answer in time")


def _no_log(_level: str, _event: str, /, **_keys: object) -> None:
    """Nothing is logged while measuring."""
