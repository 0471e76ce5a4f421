"""Tick bytes in to order bytes out: the whole trader against the script a user would write, and the sum of the floors.

1, 100 and 3,000 instruments are subscribed in full mode, one of them is traded: a frame with a packet of each ends a
bar, its strategy decides, the risk gate checks, the intent and its claim are made durable, and the order is posted to
a server in another process, which tells when its bytes came. The script parses the same frame and posts with the
official client over a kept connection: no journal, no limits. All take turns, round by round.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from actors.runtime import Actor, ChildSpec, Context
from benchmarks._figures import Figure, Goal, percentile, plain, quartiles
from benchmarks._paths import Floors, NaivePath, OurPath, floors
from benchmarks._rig import BrokerProcess, Part, cast_of, rig, share
from benchmarks._strategies import Wanting
from benchmarks._system import system_of, wait

SIZES: Final = {1: (300, 1.5), 100: (300, 1.0), 3_000: (100, 0.1)}
"""Instruments subscribed: rounds, and the share of the script's time that is wanted."""

TIMES_FLOORS: Final = Goal(at_most=2)


def run(quick: bool = False) -> dict[str, object]:
    """Microseconds, p50 and p99, by how much is subscribed."""
    found: dict[str, object] = {}
    for size, (rounds, share_of) in ({1: (4, 1.5), 20: (4, 1.0)} if quick else SIZES).items():
        found.update(_measure(size, rounds, Goal(at_most=share_of)))
    return found


def _measure(size: int, rounds: int, goal: Goal) -> dict[str, object]:
    traded, *others = (share(number) for number in range(size))
    tokens = [traded.token, *(each.token for each in others)]
    samples: dict[str, list[float]] = {name: [] for name in ("ours", "naive", "commit", "post", "hops")}
    cast = cast_of([Part(Wanting(), (traded,))], quoted=others)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patang-floor-")))
        peer = BrokerProcess()
        stack.callback(peer.close)
        least = stack.enter_context(floors(folder))
        hops = stack.enter_context(_four_hops())
        ours = OurPath(stack.enter_context(rig(cast)), tokens)
        naive = NaivePath(peer, tokens, traded.token)
        for number in range(rounds):
            samples["naive"].append(naive(number + 3))
            samples["ours"].append(ours())
            _floors(samples, least, hops)
    return _said(size, samples, goal)


def _floors(samples: dict[str, list[float]], least: Floors, hops: _Hops) -> None:
    samples["commit"].append(least.commit())
    samples["post"].append(least.post())
    samples["hops"].append(hops())


def _said(size: int, samples: dict[str, list[float]], goal: Goal) -> dict[str, object]:
    of = f"{size:,} subscribed"
    found: dict[str, object] = {}
    middle, spread = quartiles(samples["ours"])
    for percent in (50, 99):
        mine, theirs = (percentile(samples[name], percent) for name in ("ours", "naive"))
        found[f"{of}, p{percent}"] = Figure(
            round(mine, 1),
            "µs",
            peer=round(theirs, 1),
            ratio=round(mine / theirs, 3),
            spread=spread if percent == 50 else None,
            goal=goal.text(),
            met=goal.is_met(mine / theirs),
            note="the peer is the script",
        )
    least = sum(percentile(samples[name], 50) for name in ("hops", "commit", "post"))
    ratio = middle / least
    found[f"{of}, p50 / sum of floors"] = Figure(
        round(middle, 1),
        "µs",
        floor=round(least, 1),
        ratio=round(ratio, 2),
        goal=TIMES_FLOORS.text(),
        met=TIMES_FLOORS.is_met(ratio),
        note="4 hops, one durable commit, one POST"
        + ("" if size < 1_000 else "; decoding the frame is in none of them"),
    )
    if size == 1:
        names = {"hops": "four hops", "commit": "one durable commit", "post": "one POST"}
        found.update({f"floor: {name}, p50": plain(percentile(samples[key], 50), "µs") for key, name in names.items()})
    return found


class _Hop(Actor):
    def __init__(self, context: Context, to: str, end: _Hops) -> None:
        super().__init__(context)
        self._to = to
        self._end = end

    def receive(self, message: object) -> None:
        """Pass it on."""
        if self._to:
            self.context.tell(self._to, message)
        else:
            self._end.came = time.monotonic_ns()
            self._end.done.set()


class _Hops:
    """One message through four idle actors, µs."""

    def __init__(self) -> None:
        self.came = 0
        self.done = threading.Event()
        self.first: object = None

    def __call__(self) -> float:
        """Tell, and wait until it is through."""
        self.done.clear()
        began = time.monotonic_ns()
        self.first.tell(began)  # type: ignore[attr-defined]  # an Address, set before the first call
        wait(self.done)
        return (self.came - began) / 1000


@contextmanager
def _four_hops() -> Iterator[_Hops]:
    hops = _Hops()
    names = [f"hop.{number}" for number in range(4)]

    def spec(name: str, to: str) -> ChildSpec:
        return ChildSpec(name, lambda context: _Hop(context, to, hops))

    with system_of(*(spec(name, to) for name, to in zip(names, (*names[1:], ""), strict=True))) as system:
        hops.first = system.address(names[0])
        yield hops
