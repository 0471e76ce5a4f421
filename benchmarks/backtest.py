"""Backtests: both engines against hand-written loops, and against other programs where they are installed.

SMA 20/100 crossover, always in the market, next-open fills, a flat commission, one-minute bars drawn from a seed. The
floor is a loop written by hand for this one strategy; every engine's trades and final equity are shown to agree.

Other programs are measured in an environment of their own, since their requirements are not ours:
`python3 -m venv peers && peers/bin/pip install vectorbt backtesting backtrader`, and PATANG_PEERS=peers/bin/python.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from numba import njit

from benchmarks._crossing import Crossing
from domain.calendar import SessionCalendar
from domain.risk.limits import RiskLimits
from domain.strategy.sizing import FixedQuantity
from domain.values import RUPEE, SECOND, Instrument, InstrumentKind
from research.compiled import prepare
from research.data.candles import Candles
from research.event_engine import EventEngine
from research.fills import FillModel
from research.settings import Charges, RunSettings, no_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

T = TypeVar("T")

FAST: Final = 20
SLOW: Final = 100
COMMISSION: Final = 20 * RUPEE
UNITS: Final = 10
CASH: Final = 100_000_000 * RUPEE
START: Final = 1_767_239_100 * SECOND
PEERS: Final = Path(__file__).resolve().parent / "_peers.py"


def run(quick: bool) -> dict[str, object]:
    """Figures by name: millions of bars a second, ratios, and whether all agree."""
    count = 20_000 if quick else 1_000_000
    event_count = 5_000 if quick else 100_000
    candles = bars(count)
    calendar = SessionCalendar(fallback_weekdays=True)
    rule = Crossing(fast=FAST, slow=SLOW)
    figures: dict[str, object] = {"bars": count}

    floor_seconds, floor = best(lambda: floor_run(candles))
    began = time.perf_counter()
    prepared = prepare(rule, [candles], flat(), calendar, 0)
    figures["seconds until compiled and laid out"] = round(time.perf_counter() - began, 3)
    loop_seconds, numbers = best(prepared.numbers)
    whole_seconds, _ = best(lambda: prepare(rule, [candles], flat(), calendar, 0).numbers())
    figures["floor, M bars/s"] = rate(count, floor_seconds)
    figures["compiled loop, M bars/s"] = rate(count, loop_seconds)
    figures["compiled with indicators and layout, M bars/s"] = rate(count, whole_seconds)
    figures["compiled loop / floor (time)"] = round(loop_seconds / floor_seconds, 2)
    figures["compiled whole / floor (time)"] = round(whole_seconds / floor_seconds, 2)
    _, _, fills, days = numbers
    averages = _floor_on(candles.open, prepared.columns[0], prepared.columns[1], SLOW, UNITS, COMMISSION)
    figures["same fills and profit as the floor on the same averages"] = bool(
        len(fills) == averages[0] and int(days[-1, 1]) - CASH == averages[1]
    )
    # Float averages differ from exact sums at ties alone.
    figures["fills of the floor with exact sums"] = floor[0]
    figures["fills"] = len(fills)

    india = prepare(rule, [candles], in_india(), calendar, 0)
    india_seconds, _ = best(india.numbers)
    figures["compiled loop with charges, limits, stops, M bars/s"] = rate(count, india_seconds)

    few = candles.cut(0, event_count)
    event_seconds, event = best(lambda: EventEngine(rule, [few], flat(), calendar).run(), times=1)
    bare_seconds, _ = best(lambda: bare_loop(few), times=1)
    figures["event engine, M bars/s"] = rate(event_count, event_seconds)
    figures["bare event loop, M bars/s"] = rate(event_count, bare_seconds)
    figures["event engine / bare loop (speed)"] = round(bare_seconds / event_seconds, 3)
    same = prepare(rule, [few], flat(), calendar, 0).run()
    figures["both engines agree"] = same == event

    figures.update(sweep(candles.cut(0, min(count, 100_000)), pairs=20 if quick else 400))
    figures.update(peers(candles, count))
    return figures


def bars(count: int, seed: int = 7) -> Candles:
    """A walk on the grid of ticks, a bar each minute, around the clock."""
    rng = np.random.default_rng(seed)
    close = 30_000 + np.cumsum(rng.integers(-12, 13, count))
    close = np.abs(close - 2_000) + 2_000
    opened = np.append(30_000, close[:-1]) + rng.integers(-2, 3, count)
    high = np.maximum(opened, close) + rng.integers(0, 8, count)
    low = np.minimum(opened, close) - rng.integers(0, 8, count)
    share = Instrument(token=1, exchange="NSE", symbol="WALK", kind=InstrumentKind.EQUITY, tick_size=500)
    start = START + np.arange(count, dtype=np.int64) * 60 * SECOND
    columns = tuple(np.ascontiguousarray(each.astype(np.int64) * 500) for each in (opened, high, low, close))
    opens, highs, lows, closes = columns
    return Candles(share, 60, start, opens, highs, lows, closes, rng.integers(100, 10_000, count))


def flat() -> RunSettings:
    """No sessions, no limits, so much an order: what the others know."""
    return RunSettings(
        cash=CASH, sizing=FixedQuantity(UNITS), charges=Charges(flat=COMMISSION), limits=no_limits(), sessions=False
    )


def in_india() -> RunSettings:
    """The day's note, the gate's limits."""
    return RunSettings(
        cash=CASH,
        sizing=FixedQuantity(UNITS),
        limits=RiskLimits(orders_per_day=5_000, strategy_orders_per_day=5_000, drawdown_max=10**13),
        fill=FillModel(spread_bps=2.0),
        sessions=False,
    )


def best(work: Callable[[], T], times: int = 5) -> tuple[float, T]:
    """The shortest of several runs, and the last result."""
    found = work()
    shortest = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        found = work()
        shortest = min(shortest, time.perf_counter() - began)
    return shortest, found


def rate(count: int, seconds: float) -> float:
    """Millions of bars a second."""
    return round(count / seconds / 1e6, 3)


def floor_run(candles: Candles) -> tuple[int, int]:
    """(fills, profit) of the loop written by hand: exact integer sums, no rows, no checks."""
    fills, cash = _floor(candles.open, candles.close, FAST, SLOW, UNITS, COMMISSION)
    return int(fills), int(cash)


@njit(cache=True)
def _floor(opens: Ints, closes: Ints, fast: int, slow: int, units: int, commission: int) -> tuple[int, int]:
    held = 0
    cash = 0
    fills = 0
    wanted = 0
    fast_sum = 0
    slow_sum = 0
    for i in range(len(closes)):
        if wanted != held:
            # Two orders turn a position, one opens it: each pays.
            cash -= (wanted - held) * opens[i]
            cash -= commission * (2 if held != 0 else 1)
            fills += 2 if held != 0 else 1
            held = wanted
        fast_sum += closes[i]
        slow_sum += closes[i]
        if i >= fast:
            fast_sum -= closes[i - fast]
        if i >= slow:
            slow_sum -= closes[i - slow]
        if i > slow:  # the rule is warm a bar after its slower average
            ahead = fast_sum * slow - slow_sum * fast
            if ahead > 0:
                wanted = units
            elif ahead < 0:
                wanted = -units
    return fills, cash


@njit(cache=True)
def _floor_on(opens: Ints, fast: Floats, slow: Floats, warm: int, units: int, commission: int) -> tuple[int, int]:
    held = 0
    cash = 0
    fills = 0
    wanted = 0
    for i in range(len(opens)):
        if wanted != held:
            cash -= (wanted - held) * opens[i]
            cash -= commission * (2 if held != 0 else 1)
            fills += 2 if held != 0 else 1
            held = wanted
        if i > warm:
            if fast[i] > slow[i]:
                wanted = units
            elif fast[i] < slow[i]:
                wanted = -units
    return fills, cash


def bare_loop(candles: Candles) -> int:
    """The least that a loop over events in Python can do: a running sum and a comparison for each bar."""
    closes = candles.close.tolist()
    held = fast_sum = slow_sum = turns = 0
    for i, close in enumerate(closes):
        fast_sum += close - (closes[i - FAST] if i >= FAST else 0)
        slow_sum += close - (closes[i - SLOW] if i >= SLOW else 0)
        if i < SLOW:
            continue
        wanted = 1 if fast_sum * SLOW > slow_sum * FAST else -1
        if wanted != held:
            turns += 1
            held = wanted
    return turns


def sweep(candles: Candles, pairs: int) -> dict[str, object]:
    """Many parameter pairs over the same bars, indicators shared."""
    calendar = SessionCalendar(fallback_weekdays=True)
    wanted = [(fast, slow) for fast in range(5, 45, 2) for slow in range(50, 250, 10)][:pairs]
    prepared = prepare(Crossing(), [candles], flat(), calendar, 0)
    began = time.perf_counter()
    for fast, slow in wanted:
        prepare(Crossing(fast=fast, slow=slow), [candles], flat(), calendar, 0).numbers()
    seconds = time.perf_counter() - began
    loop_seconds, _ = best(prepared.numbers)
    return {
        "sweep, pairs": len(wanted),
        "sweep, pairs/s, each prepared anew": round(len(wanted) / seconds, 1),
        "sweep, pairs/s, the loop alone": round(1 / loop_seconds, 1),
    }


def peers(candles: Candles, count: int) -> dict[str, object]:
    """The same by other programs, in their own environment; nothing where there is none."""
    python = os.environ.get("PATANG_PEERS")
    if not python:
        return {"other programs": "not measured: PATANG_PEERS names no python that has them"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bars.npz"
        names = ("open", "high", "low", "close", "volume")
        np.savez(path, start=candles.start, **{name: getattr(candles, name) for name in names})
        done = subprocess.run(
            [python, str(PEERS), str(path), str(count)], capture_output=True, text=True, check=False, timeout=3_600
        )
    if done.returncode:
        return {"other programs": f"failed: {done.stderr.strip().splitlines()[-1:]}"}
    found: dict[str, object] = json.loads(done.stdout)
    return found
