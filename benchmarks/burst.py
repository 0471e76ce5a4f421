"""9,000 ticks at once: until each of 20 strategies has seen its newest prices, and what an order waits behind them.

Three frames of 3,000 packets come in behind each other, on three feeds. 20 strategies have 450 instruments each, and
are told every price. A strategy of its own orders a unit at a bar's end: its order's way is measured with the three
frames right behind the one that ends its bar, and without them, in turns.
"""

from __future__ import annotations

import time
from typing import Final

from benchmarks._figures import Goal, judged, percentile, plain
from benchmarks._frames import Frame
from benchmarks._paths import OurPath, minute
from benchmarks._rig import PRICE, Part, Rig, cast_of, rig, share
from benchmarks._strategies import SIGHTINGS, Sightings, Wanting, Watching

STRATEGIES: Final = 20
SOCKETS: Final = 3
TICKS: Final = 9_000
ROUNDS: Final = 40


def run(quick: bool = False) -> dict[str, object]:
    """Milliseconds."""
    strategies, ticks, rounds = (3, 90, 3) if quick else (STRATEGIES, TICKS, ROUNDS)
    traded, *others = (share(number) for number in range(ticks))
    watched = [tuple(others[number::strategies]) for number in range(strategies)]
    SIGHTINGS.update({number: Sightings() for number in range(strategies)})
    parts = [
        Part(Wanting(), (traded,)),
        *(Part(Watching(number=number), shares) for number, shares in enumerate(watched)),
    ]
    bursts: list[float] = []
    alone: list[float] = []
    amid: list[float] = []
    # Three sockets, whose limit the broker sets at 3,000 instruments each.
    with rig(cast_of(parts), f"feed.instruments_max={-(-ticks // SOCKETS)}") as up:
        burst = _Burst(up, traded.token)
        path = OurPath(up, [traded.token])
        for _ in range(rounds):
            alone.append(path() / 1000)
            amid.append(path(burst.hand_in) / 1000)
            bursts.append(burst.seen(path.number))
    SIGHTINGS.clear()
    delay = percentile(amid, 50) - percentile(alone, 50)
    return {
        "ticks": ticks,
        "strategies": strategies,
        "every strategy has seen its newest price, p50": judged(percentile(bursts, 50), "ms", Goal(at_most=50)),
        "every strategy has seen its newest price, p99": judged(percentile(bursts, 99), "ms", Goal(at_most=50)),
        "an order's way without a burst, p50": plain(percentile(alone, 50), "ms"),
        "an order's way amid a burst, p50": plain(percentile(amid, 50), "ms"),
        "an order's delay by a burst, p50": judged(delay, "ms", Goal(at_most=20)),
        "an order's delay by a burst, worst": judged(max(amid) - percentile(alone, 50), "ms", Goal(at_most=20)),
    }


class _Burst:
    """One frame for each socket, of everything but the traded share."""

    def __init__(self, up: Rig, traded: int) -> None:
        self._up = up
        tokens = [up.tokens(shard) for shard in range(len(up.feeds))]
        self._frames = [Frame([each for each in own if each != traded], PRICE) for own in tokens]
        self._wanted = sum(len(own) for own in tokens) - 1
        self._began = 0.0
        self._second = 0

    def hand_in(self) -> None:
        """All of them, behind each other."""
        self._second = self._up.clock.now_ns() // 1_000_000_000
        payloads = [
            frame.at(self._second, PRICE + self._second % 50, self._second % 1_000_000) for frame in self._frames
        ]
        self._began = time.perf_counter()
        for feed, payload in zip(self._up.feeds, payloads, strict=True):
            feed.frame(payload)

    def seen(self, number: int) -> float:
        """Ms until the last strategy saw the newest price of its last instrument."""
        assert self._second >= minute(number), "the burst is of this minute"

        def all_seen() -> bool:
            seen = sum(
                event >= self._second * 1_000_000_000
                for notes in tuple(SIGHTINGS.values())
                for event, _ in tuple(notes.seen.values())
            )
            return seen == self._wanted

        self._up.until(all_seen, "every strategy has seen its newest prices")
        last = max(at for notes in SIGHTINGS.values() for _, at in notes.seen.values())
        return (last - self._began) * 1000
