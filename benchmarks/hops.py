"""Four hops from actor to actor under a steady stream, against stock Pykka in the same run: what a message waits.

A message goes through four actors that pass it on at once, at 5,000 and 20,000 messages a second from one thread. The
teller keeps to a timetable: a message that it tells late counts from the time at which it was due.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pykka

from actors.runtime import Actor, ChildSpec, Context, Lane, MailboxSpec, Overflow
from benchmarks._figures import Figure, Goal, percentile, quartiles
from benchmarks._system import DEADLINE_SECONDS, system_of

RATES: Final = (5_000, 20_000)
HOPS: Final = 4
GOAL: Final = Goal(at_most=0.7)

Tell = Callable[[float], None]


class _End:
    """Gathers what each message waited, in µs."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.wanted = 0
        self.done = threading.Event()

    def __call__(self, due: float) -> None:
        """One message is through."""
        self.waits.append((time.perf_counter() - due) * 1e6)
        if len(self.waits) == self.wanted:
            self.done.set()


class _Stock(pykka.ThreadingActor):
    use_daemon_thread = True

    def __init__(self, then: Tell) -> None:
        super().__init__()
        self._then = then

    def on_receive(self, message: float) -> None:
        """Pass it on."""
        self._then(message)


class _Ours(Actor):
    def __init__(self, context: Context, to: str, end: _End) -> None:
        super().__init__(context)
        self._to = to
        self._end = end

    def receive(self, message: object) -> None:
        """Pass it on by name, as every actor does."""
        if self._to:
            self.context.tell(self._to, message)
        else:
            assert isinstance(message, float)
            self._end(message)


def run(quick: bool = False) -> dict[str, object]:
    """Microseconds through all four at each rate, rounds taking turns."""
    rounds, seconds = (1, 0.1) if quick else (7, 1.0)
    found: dict[str, object] = {}
    end = _End()
    with _stock(end) as stock, _ours(end) as ours:
        for rate in RATES:
            waits: dict[str, list[list[float]]] = {"ours": [], "stock": []}
            for _ in range(rounds):
                for name, tell in (("stock", stock), ("ours", ours)):
                    waits[name].append(_measure(tell, end, rate, seconds))
            for percent in (50, 99):
                mine, spread = quartiles([percentile(each, percent) for each in waits["ours"]])
                theirs = statistics.median(percentile(each, percent) for each in waits["stock"])
                ratio = mine / theirs
                found[f"p{percent} at {rate:,}/s"] = Figure(
                    round(mine, 1),
                    "µs",
                    peer=round(theirs, 1),
                    ratio=round(ratio, 2),
                    spread=spread,
                    goal=GOAL.text() if percent == 50 else "",
                    met=GOAL.is_met(ratio) if percent == 50 else None,
                    note="the peer is stock Pykka",
                )
    return found


def _measure(tell: Tell, end: _End, rate: int, seconds: float) -> list[float]:
    end.waits, end.wanted = [], int(rate * seconds)
    end.done.clear()
    began = time.perf_counter()
    for number in range(end.wanted):
        due = began + number / rate
        wait = due - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        tell(due)
    if not end.done.wait(DEADLINE_SECONDS):
        raise TimeoutError("the messages were not through in time")
    return end.waits


@contextmanager
def _stock(end: _End) -> Iterator[Tell]:
    refs = []
    then: Tell = end
    for _ in range(HOPS):
        ref = _Stock.start(then)
        refs.append(ref)
        then = ref.tell
    try:
        yield then
    finally:
        for ref in refs:
            ref.stop()


@contextmanager
def _ours(end: _End) -> Iterator[Tell]:
    names = [f"hop.{number}" for number in range(HOPS)]
    roomy = MailboxSpec(capacity=1_000_000, overflow=Overflow.GROW)

    def spec(name: str, to: str) -> ChildSpec:
        return ChildSpec(name, lambda context: _Ours(context, to, end), mailbox=roomy)

    with system_of(*(spec(name, to) for name, to in zip(names, (*names[1:], ""), strict=True))) as system:
        first = system.address(names[0])
        yield lambda due: first.tell(due, Lane.EVENT)
