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
from benchmarks._figures import Goal, judged, percentile, plain

QUEUED: Final = 100_000
LATCHES_PER_ROUND: Final = 10
DEADLINE_SECONDS: Final = 60.0
ROUNDS_MORE: Final = 50


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
    """Milliseconds. Halts are told, one after the other, while the actor works through the queue."""
    rounds, queued = (3, 10_000) if quick else (50, QUEUED)
    latches: list[float] = []
    drains = [_measure(queued, latches) for _ in range(rounds)]
    # A busy machine may run the actor through its whole queue before the first halt is told.
    while not latches and len(drains) < rounds + ROUNDS_MORE:
        drains.append(_measure(queued, latches))
    if not latches:
        raise TimeoutError("the queue was always empty before the halt was told")
    return {
        "queued": queued,
        "latches": len(latches),
        "told to halted, p50": plain(percentile(latches, 50), "ms"),
        "told to halted, p99": judged(percentile(latches, 99), "ms", Goal(at_most=5)),
        "told to halted, worst": plain(max(latches), "ms"),
        "draining the queue, p50": plain(statistics.median(drains), "ms"),
    }


def _measure(queued: int, latches: list[float]) -> float:
    now = _Round()
    runtime = ThreadRuntime(MonotonicClock())
    roomy = MailboxSpec(capacity=queued + 100, overflow=Overflow.GROW)
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
        for _ in range(LATCHES_PER_ROUND):
            gate.clear("the next measurement")
            now.latched.clear()
            told = time.perf_counter()
            address.tell("halt", Lane.CONTROL)
            _wait(now.latched)
            if now.drained.is_set():
                break  # this one had nothing to overtake
            latches.append((now.latched_at - told) * 1000)
        _wait(now.drained)
    finally:
        system.stop()
        runtime.close()
    return (now.drained_at - begun) * 1000


def _wait(flag: threading.Event) -> None:
    if not flag.wait(DEADLINE_SECONDS):
        raise TimeoutError("the actor did not answer in time")


def _no_log(_level: str, _event: str, /, **_keys: object) -> None:
    """Nothing is logged while measuring."""
