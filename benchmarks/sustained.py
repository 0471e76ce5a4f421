"""3 × 3,000 instruments in full mode, each every second, 20 strategies, bars of 1, 5 and 15 minutes: what it takes.

The stretch begins half a minute before bars of all three lengths end at once, however long warming up took. 60 seconds;
with --long an hour, and the slope of memory. The processor's time is the whole process's less what making the frames
took; the socket itself is left out: frames are handed in where its thread would hand them in.
"""

from __future__ import annotations

from typing import Final

from benchmarks._figures import Figure, Goal, fact, judged, plain
from benchmarks._load import Load, bear, cast_for, oldest, slope
from benchmarks._rig import BEGINS, rig
from domain.values import SECOND

LOAD: Final = Load(instruments=9_000, strategies=20)
BEFORE_A_QUARTER: Final = BEGINS + (24 * 60 + 30) * SECOND
"""9:44:30, where the clock is put once everything is warm."""

SECONDS: Final = 60.0

FLAT_MB_AN_HOUR: Final = 20.0


def run(quick: bool = False, long: bool = False) -> dict[str, object]:
    """Share of one core, drops, age of prices, memory."""
    load = Load(instruments=90, strategies=3) if quick else LOAD
    seconds = 1.0 if quick else 3_600.0 if long else SECONDS
    limit = f"feed.instruments_max={load.instruments // 3}"
    with rig(cast_for(load), limit) as up:
        assert up.clock.now_ns() < BEFORE_A_QUARTER, "the warm-up has taken less than twenty minutes"
        up.clock.put(BEFORE_A_QUARTER)
        up.settle()
        crashes = len(up.crashes)
        borne = bear(up, load, seconds)
        fallen = up.crashes[crashes:]
    found: dict[str, object] = {
        "seconds": seconds,
        "share of one core": judged(borne.cpu * 100, "%", Goal(at_most=25)),
        "ticks handed in": borne.ticks,
        "every tick was handled": fact(borne.handled == borne.ticks, f"{borne.ticks - borne.handled} were not"),
        "none was dropped": fact(borne.dropped == 0, f"{borne.dropped} were"),
        "nothing failed": fact(not fallen, ", ".join(fallen[:3])),
        "age of a price when a strategy sees it, p50": plain(oldest(borne.ages, 50), "ms"),
        "age of a price when a strategy sees it, p99": judged(oldest(borne.ages, 99), "ms", Goal(at_most=100)),
        "resident at the end": plain(borne.resident[-1], "MB"),
    }
    if long:
        # The first minutes fill what is kept: bars, prices, buffers.
        found["slope of memory, the first ten minutes left out"] = judged(
            slope(borne.resident[600:]), "MB/hour", Goal(at_most=FLAT_MB_AN_HOUR)
        )
    else:
        found["slope of memory"] = Figure("an hour's matter", note="`bench sustained --long` measures it")
    return found
