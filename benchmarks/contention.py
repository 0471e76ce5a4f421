"""Four hops from actor to actor beside a strategy that burns a core: by switch interval, and in a process apart.

A message every few milliseconds goes through four actors that pass it on at once, as a tick becomes an order, while a
strategy computes in pure Python without a pause. The interpreter takes it from a thread that computes only after
`sys.getswitchinterval()`, and each hop may have to wait for that. What the strategy gets done meanwhile is counted.
"""

from __future__ import annotations

import random
import statistics
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Final

from actors.runtime import Actor, Address, ChildSpec, Context
from adapters.isolation.runner import IsolatedRunner
from app.interpreter import SWITCH_SECONDS
from benchmarks._figures import Goal, judged, percentile, plain, quartiles
from benchmarks._system import DEADLINE_SECONDS, system_of, wait
from domain.market.buckets import NO_HOURS, Hours
from domain.messages.configuration import StrategyTerms
from domain.messages.market import PriceChanged
from domain.risk.sizing import FixedQuantity
from domain.strategy.event import EventStrategy, IntentDraft, Needs, View
from domain.strategy.runner import RunnerSettings
from domain.strategy.running import MakeRunner, in_thread
from domain.values import Instrument, InstrumentKind, Nanos, Product, Side

INTERVALS_MS: Final = (5.0, 1.0, 0.5, 0.2, 0.1)
PAUSE_SECONDS: Final = (0.003, 0.009)
HOPS: Final = 4
GOAL: Final = Goal(at_most=3.0)
APART: Final = "in a process of its own"
ALONE: Final = "nobody burns"
PRICES: Final = 2_000

_SHARE: Final = Instrument(1, "NSE", "INFY", InstrumentKind.EQUITY, 500)
_SETTINGS: Final = RunnerSettings(60, Product.MIS, FixedQuantity(1), 30)


class Burner(EventStrategy, frozen=True):
    """At a price of 1 it computes for so long, and says how far it came; at others it does nothing."""

    seconds: float = 1.0

    def needs(self) -> Needs:
        """Prices alone."""
        return Needs(bars=False, prices=True)

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        """See the class."""
        if price.last_price != 1:
            return ()
        end = time.perf_counter() + self.seconds
        done = 0
        while time.perf_counter() < end:
            for _ in range(200):
                done += 1
        return [IntentDraft(price.token, Side.BUY, 1, price.event_time, 1, reason=str(done))]


class _Hop(Actor):
    def __init__(self, context: Context, to: str, waits: list[float], told: threading.Event) -> None:
        super().__init__(context)
        self._to = to
        self._waits = waits
        self._told = told

    def receive(self, message: object) -> None:
        """Pass it on by name, as every actor does."""
        if self._to:
            self.context.tell(self._to, message)
            return
        assert isinstance(message, float)
        self._waits.append((time.perf_counter() - message) * 1e3)
        self._told.set()


class _StrategyActor(Actor):
    """Lets its runner burn when told to; what came of it is kept."""

    def __init__(self, context: Context, make: MakeRunner, seconds: float, done: list[int]) -> None:
        super().__init__(context)
        self._runner = make("burner", StrategyTerms(Burner(seconds), (_SHARE,), _SETTINGS), _no_session)
        self._done = done
        self._time = 0

    def started(self) -> None:
        """Have it begin, before anything is measured."""
        _ = self._runner.series

    def receive(self, message: object) -> None:
        """Burn."""
        self._time += 1
        [intent] = self._runner.price(_price(1, self._time), self._time)
        self._done.append(int(intent.reason))

    def stopping(self) -> None:
        """End the process."""
        self._runner.close()


def run(quick: bool = False) -> dict[str, object]:
    """Milliseconds through all four; rounds of all settings take turns."""
    rounds, seconds = (1, 0.1) if quick else (7, 1.0)
    settings = {f"at {each:g} ms": (each, in_thread) for each in INTERVALS_MS}
    settings[APART] = (SWITCH_SECONDS * 1e3, IsolatedRunner)
    waits: dict[str, list[list[float]]] = {name: [] for name in (*settings, ALONE)}
    burned: dict[str, list[float]] = {name: [] for name in settings}
    for _ in range(rounds):
        waits[ALONE].append(_hops_beside(None, seconds, [], SWITCH_SECONDS))
        for name, (milliseconds, make) in settings.items():
            done: list[int] = []
            waits[name].append(_hops_beside(make, seconds, done, milliseconds / 1e3))
            burned[name].append(done[0] / seconds)
    found: dict[str, object] = {}
    chosen = f"at {SWITCH_SECONDS * 1e3:g} ms"
    first = statistics.median(burned[f"at {INTERVALS_MS[0]:g} ms"])
    for name, each in waits.items():
        for percent in (50, 99):
            value, spread = quartiles([percentile(one, percent) for one in each])
            words = f"p{percent} of {HOPS} hops, {name}"
            if percent == 99 and name in (chosen, APART):
                note = "the one that trading is run with" if name == chosen else ""
                found[words] = judged(value, "ms", GOAL, spread=spread, note=note)
            else:
                found[words] = plain(value, "ms")
    for name, rates in burned.items():
        lost = 100 * (1 - statistics.median(rates) / first)
        found[f"the burner loses, {name}"] = plain(
            round(lost, 1), "%", note=f"of what it gets done at {INTERVALS_MS[0]:g} ms"
        )
    for name, make in (("in a thread", in_thread), (APART, IsolatedRunner)):
        for percent, value in _a_price(make, 50 if quick else PRICES).items():
            found[f"p{percent} of a price to a strategy, {name}"] = plain(value, "µs")
    return found


def _hops_beside(make: MakeRunner | None, seconds: float, done: list[int], interval: float) -> list[float]:
    """What each message waited, in milliseconds, beside a burner made so."""
    waits: list[float] = []
    told = threading.Event()
    names = [f"hop.{number}" for number in range(HOPS)]

    def spec(name: str, to: str) -> ChildSpec:
        return ChildSpec(name, lambda context: _Hop(context, to, waits, told))

    children = [spec(name, to) for name, to in zip(names, (*names[1:], ""), strict=True)]
    if make is not None:
        children.append(
            ChildSpec(
                "burner",
                lambda context: _StrategyActor(context, make, seconds, done),
                start_timeout_seconds=DEADLINE_SECONDS,
                shutdown_seconds=DEADLINE_SECONDS,
            )
        )
    with _switched(interval), system_of(*children) as system:
        if make is not None:
            system.address("burner").tell("burn")
        _stream(system.address(names[0]), seconds, told)
    return waits


def _stream(first: Address, seconds: float, told: threading.Event) -> None:
    """One message at a time, each after a pause: the burner has the interpreter again when it comes.

    It counts from the time at which it was due, as what comes from a socket does: its thread too needs the interpreter.
    """
    draw = random.Random(1)  # noqa: S311 - no cryptography here
    end = time.perf_counter() + seconds
    while True:
        pause = draw.uniform(*PAUSE_SECONDS)
        due = time.perf_counter() + pause
        if due >= end:
            return  # the burner is done: what comes now would meet nobody
        time.sleep(pause)
        told.clear()
        first.tell(due)
        wait(told)


def _a_price(make: MakeRunner, prices: int) -> dict[int, float]:
    """Microseconds of a price that is looked at and not acted on, by percentile."""
    with closing(make("burner", StrategyTerms(Burner(), (_SHARE,), _SETTINGS), _no_session)) as runner:
        runner.price(_price(2, 0), 0)
        took = []
        for number in range(prices):
            began = time.perf_counter()
            runner.price(_price(2, number), number)
            took.append((time.perf_counter() - began) * 1e6)
    return {percent: percentile(took, percent) for percent in (50, 99)}


def _price(rupees: int, time_ns: Nanos) -> PriceChanged:
    return PriceChanged(_SHARE.token, rupees, rupees, rupees, 1, time_ns, time_ns)


def _no_session(_token: int, _instant: Nanos) -> Hours:
    return NO_HOURS


@contextmanager
def _switched(seconds: float) -> Iterator[None]:
    """This interpreter's switch interval, for a while."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(seconds)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
