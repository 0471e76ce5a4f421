"""One-way tell, against stock Pykka in the same run: messages a second from the first tell to the last one handled."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable
from typing import Final

import pykka

from actors.runtime import (
    Actor,
    Address,
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
from benchmarks._figures import Figure, Goal, quartiles

PRODUCERS: Final = (1, 2)
GOAL: Final = Goal(at_least=4)
DEADLINE_SECONDS: Final = 120.0


class _Stock(pykka.ThreadingActor):
    """Counts, on Pykka's own mailbox."""

    use_daemon_thread = True

    def __init__(self, wanted: int, done: threading.Event) -> None:
        super().__init__()
        self._left = wanted
        self._done = done

    def on_receive(self, message: object) -> None:
        """One more."""
        self._left -= 1
        if not self._left:
            self._done.set()


class _Ours(Actor):
    """Counts, supervised."""

    def __init__(self, context: Context, wanted: int, done: threading.Event) -> None:
        super().__init__(context)
        self._left = wanted
        self._done = done

    def receive(self, message: object) -> None:
        """One more."""
        self._left -= 1
        if not self._left:
            self._done.set()


def run(quick: bool = False) -> dict[str, object]:
    """Figures by number of telling threads: medians of alternating rounds, and the ratio of ours to stock's."""
    messages, rounds = (4_000, 1) if quick else (200_000, 9)
    figures: dict[str, object] = {"messages": messages, "rounds": rounds}
    for producers in PRODUCERS:
        stock, event, data, keyed = [], [], [], []
        for _ in range(rounds):
            stock.append(_rate_stock(messages, producers))
            event.append(_rate_ours(messages, producers, Lane.EVENT))
            data.append(_rate_ours(messages, producers, Lane.DATA))
            keyed.append(_rate_keyed(messages, producers))
        base = statistics.median(stock)
        for name, rates in {"event": event, "data": data, "keyed": keyed}.items():
            median, spread = quartiles(rates)
            ratio = median / base
            figures[f"{name}, {producers} telling"] = Figure(
                round(median), "messages/s", peer=round(base), ratio=round(ratio, 2), spread=spread,
                goal=GOAL.text(), met=GOAL.is_met(ratio), note="the peer is stock Pykka",
            )  # fmt: skip
    return figures


def _rate_stock(messages: int, producers: int) -> float:
    done = threading.Event()
    ref = _Stock.start(messages, done)
    try:
        return _timed(lambda part: _tell_stock(ref, part), messages, producers, done)
    finally:
        ref.stop()


def _tell_stock(ref: pykka.ActorRef[_Stock], count: int) -> None:
    for number in range(count):
        ref.tell(number)


def _rate_ours(messages: int, producers: int, lane: Lane) -> float:
    def tell(address: Address, count: int) -> None:
        for number in range(count):
            address.tell(number, lane)

    return _rate_of(tell, messages, producers, messages)


def _rate_keyed(messages: int, producers: int) -> float:
    """Prices of fifty instruments; the last message of each part has no key, so that the end is seen."""

    def tell(address: Address, count: int) -> None:
        for number in range(count - 1):
            address.tell(number, Lane.DATA, number % 50)
        address.tell("end", Lane.DATA)

    return _rate_of(tell, messages, producers, 0)


def _rate_of(tell: Callable[[Address, int], None], messages: int, producers: int, wanted: int) -> float:
    done = threading.Event()
    runtime = ThreadRuntime(MonotonicClock())

    def make(context: Context) -> Actor:
        return _Ours(context, wanted, done) if wanted else _Ends(context, producers, done)

    roomy = MailboxSpec(capacity=messages + 1, overflow=Overflow.GROW)
    root = SupervisorSpec("root", (ChildSpec("counter", make, mailbox=roomy),))
    system = System(runtime, root, _no_log, lambda _event: None, gate=Gate(runtime, TradingLevel.OPEN, "a measurement"))
    system.start()
    try:
        address = system.address("counter")
        return _timed(lambda part: tell(address, part), messages, producers, done)
    finally:
        system.stop()
        runtime.close()


class _Ends(Actor):
    """Counts the ends of the parts: what came between them may have been conflated."""

    def __init__(self, context: Context, wanted: int, done: threading.Event) -> None:
        super().__init__(context)
        self._left = wanted
        self._done = done

    def receive(self, message: object) -> None:
        """One more, if it is an end."""
        if message == "end":
            self._left -= 1
            if not self._left:
                self._done.set()


def _timed(tell: Callable[[int], None], messages: int, producers: int, done: threading.Event) -> float:
    part = messages // producers
    assert part * producers == messages, "every thread tells as many"
    threads = [threading.Thread(target=tell, args=(part,)) for _ in range(producers)]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not done.wait(DEADLINE_SECONDS):
        raise TimeoutError("the messages were not handled in time")
    return messages / (time.perf_counter() - begun)


def _no_log(_level: str, _event: str, /, **_keys: object) -> None:
    """Nothing is logged while measuring."""
