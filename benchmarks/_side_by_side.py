"""Two or more ways to do the same, measured in turns in one process: noise meets all of them, and ratios survive it."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Final

from msgspec import Struct

from benchmarks._figures import Figure, Goal, Spread

__all__ = ["Goal", "Measured", "figure", "in_turns"]

ROUNDS: Final = 15
AT_LEAST_SECONDS: Final = 0.02
"""One measurement takes at least so long: the clock's own grain is far below."""


class Measured(Struct, frozen=True):
    """Seconds for one call: the median of the rounds, and the middle half of them around it."""

    seconds: float
    low: float
    high: float


def in_turns(
    ways: Mapping[str, Callable[[], object]], *, quick: bool = False, rounds: int = ROUNDS
) -> dict[str, Measured]:
    """Each way's time for one call. `quick`: once each, to see that it runs."""
    calls = {name: 1 if quick else _calls(way) for name, way in ways.items()}
    samples: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 if quick else rounds):
        for name, way in ways.items():
            samples[name].append(_time(way, calls[name]))
    return {name: _measured(found) for name, found in samples.items()}


def figure(
    ours: Measured, peer: Measured, goal: Goal, *, unit: float = 1.0, faster: bool = True, floor: bool = False
) -> Figure:
    """Ours beside a peer. faster: the ratio says how many times faster ours is; else what share of its time ours takes.

    unit   how many things one call handles: the times are for one of them
    floor  the other is no peer but the least that a machine takes
    """
    ratio = peer.seconds / ours.seconds if faster else ours.seconds / peer.seconds
    beside = round(peer.seconds / unit * 1e6, 4)
    return Figure(
        ours=round(ours.seconds / unit * 1e6, 4),
        unit="µs",
        peer=None if floor else beside,
        floor=beside if floor else None,
        ratio=round(ratio, 3),
        spread=Spread(round(ours.low / unit * 1e6, 4), round(ours.high / unit * 1e6, 4)),
        goal=goal.text(),
        met=goal.is_met(ratio),
    )


def _calls(way: Callable[[], object]) -> int:
    calls = 1
    while _time(way, calls) * calls < AT_LEAST_SECONDS:
        calls *= 2
    return calls


def _time(way: Callable[[], object], calls: int) -> float:
    gc.collect()
    gc.disable()
    try:
        begun = time.perf_counter()
        for _ in range(calls):
            way()
        return (time.perf_counter() - begun) / calls
    finally:
        gc.enable()


def _measured(samples: list[float]) -> Measured:
    ordered = sorted(samples)
    quarter = len(ordered) // 4
    return Measured(statistics.median(ordered), ordered[quarter], ordered[-1 - quarter])
