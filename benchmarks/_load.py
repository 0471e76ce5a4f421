"""A steady market on the whole trader: so many instruments each second, and what that takes of the machine."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from benchmarks._figures import percentile
from benchmarks._frames import Frame
from benchmarks._rig import PRICE, Part, Rig, cast_of, share
from benchmarks._strategies import SIGHTINGS, Idle, Sightings, Wanting, Watching
from domain.values import SECOND

if TYPE_CHECKING:
    from collections.abc import Callable

    from app.strategies import Cast

PER_SOCKET: Final = 3_000


class Load(NamedTuple):
    """What a trader is to bear.

    instruments  in full mode, each ticking `per_second` times a second
    strategies   that share the instruments; one of them notes how old prices are when it sees them
    orders       strategies with a share of their own that order a unit at each bar's end
    """

    instruments: int = 3_000
    strategies: int = 20
    per_second: float = 1.0
    orders: int = 0


class Borne(NamedTuple):
    """How it was borne.

    cpu          share of one core, without what made the frames
    ages         ms from a price's coming in to a strategy's seeing it
    ticks        handed in; and that market data has counted, and dropped as stale, unknown, bad or late
    resident     MB, at the beginning and at the end, and a sample a second
    """

    cpu: float
    ages: list[float]
    ticks: int
    handled: int
    dropped: int
    resident: list[float]


def cast_for(load: Load) -> Cast:
    """Idle strategies that reckon averages on three intervals, and a watcher, dealt out in turn."""
    shares = [share(number) for number in range(load.instruments)]
    traded, rest = shares[: load.orders], shares[load.orders :]
    dealt = [tuple(rest[number :: load.strategies]) for number in range(load.strategies)]
    SIGHTINGS[0] = Sightings()
    watcher = Part(Watching(number=0), dealt[0])
    idle = [Part(Idle(), own) for own in dealt[1:] if own]
    return cast_of([watcher, *idle, *(Part(Wanting(), (each,)) for each in traded)])


def bear(up: Rig, load: Load, seconds: float, each_second: Callable[[int], None] = lambda _second: None) -> Borne:
    """Hand in frames for so long, evenly over each second, as sockets would."""
    sockets = len(up.feeds)
    frames = [Frame(up.tokens(shard), PRICE) for shard in range(sockets)]
    beats = max(1, round(load.per_second))
    ages = SIGHTINGS[0].ages
    del ages[:]
    resident = [memory()]
    frames_cpu, ticks = 0.0, 0
    before = _counts(up)
    cpu = time.process_time()
    began = time.perf_counter()
    beat = 0
    while (due := began + beat / beats) < began + seconds:
        for shard, frame in enumerate(frames):
            wait = due + shard / sockets / beats - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            own = time.thread_time()
            second = up.clock.now_ns() // SECOND
            payload = frame.at(second, PRICE + beat % 50, beat + 1)
            frames_cpu += time.thread_time() - own
            up.feeds[shard].frame(payload)
            ticks += len(up.tokens(shard))
        beat += 1
        if beat % beats == 0:
            each_second(beat // beats)
            resident.append(memory())
    left = began + seconds - time.perf_counter()
    if left > 0:
        time.sleep(left)
    wall = time.perf_counter() - began
    spent = time.process_time() - cpu - frames_cpu
    up.settle()
    after = _counts(up)
    handled, dropped = (after[at] - before[at] for at in range(2))
    return Borne(spent / wall, list(ages), ticks, handled, dropped, resident)


def memory() -> float:
    """MB resident now (Linux), elsewhere at the most so far."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def slope(samples: list[float]) -> float:
    """MB an hour of samples a second apart, by least squares."""
    count = len(samples)
    if count < 2:
        return 0.0
    middle, mean = (count - 1) / 2, sum(samples) / count
    up = sum((at - middle) * (each - mean) for at, each in enumerate(samples))
    return up / sum((at - middle) ** 2 for at in range(count)) * 3_600


def oldest(ages: list[float], percent: float) -> float:
    """The percentile of the ages; 0 where nothing was seen."""
    return percentile(ages, percent) if ages else 0.0


def _counts(up: Rig) -> tuple[int, int]:
    """Ticks that market data has taken, and those it dropped."""
    taken = dropped = 0
    for name in up.system.names():
        if name == "market" or name.startswith("market."):
            said = up.ask(name)
            if isinstance(said, dict) and "ticks" in said:
                counts = {key: value for key, value in said.items() if isinstance(value, int)}
                taken += counts["ticks"]
                dropped += sum(counts.get(key, 0) for key in ("stale", "unknown", "bad", "late"))
    return taken, dropped
