"""A sweep of 400 parameter pairs over 100,000 bars: one core and two, against a hand-written loop and vectorbt.

The floor has the averages of every period before it begins, and calls its loop once a pair. Memory is the growth of
the process over the sweep. vectorbt is given a tenth of the pairs, since it makes them all at once.
"""

from __future__ import annotations

import resource
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numpy as np

from benchmarks._bars import CASH, bars, flat, floor_on
from benchmarks._crossing import Crossing
from benchmarks._figures import judged, plain
from benchmarks._side_by_side import Goal, Measured, figure, in_turns
from benchmarks._side_programs import missing, programs
from domain.calendar import SessionCalendar
from research.data.candles import Candles
from research.ground import Ground
from research.sweep import sweep

CALENDAR: Final = SessionCalendar(fallback_weekdays=True)


def run(quick: bool) -> dict[str, object]:
    """Pairs a second, the ratios, and whether every pair agrees with the floor."""
    count, wanted = (5_000, 12) if quick else (100_000, 400)
    candles = bars(count)
    pairs = [(fast, slow) for fast in range(5, 45, 2) for slow in range(50, 250, 10)][:wanted]
    rules = [Crossing(fast=fast, slow=slow) for fast, slow in pairs]
    sweep(rules[:1], candles, flat(), CALENDAR)  # compiled, or found on disk
    before = _megabytes()
    swept = sweep(rules, candles, flat(), CALENDAR, threads=2)
    grown = _megabytes() - before
    table = _averages(candles, rules)
    floor = [_floor(candles, table, rule) for rule in rules]
    agree = [(one.fills, one.final_equity) for one in swept] == [
        (fills, CASH + profit + _unrealised(candles, table[rule], rule.slow))
        for rule, (fills, profit) in zip(rules, floor, strict=True)
    ]
    measured = in_turns(
        {
            "floor, 1 core": lambda: [_floor(candles, table, rule) for rule in rules],
            "floor, 2 cores": lambda: _floor_on_two(candles, table, rules),
            "sweep, 1 core": lambda: sweep(rules, candles, flat(), CALENDAR),
            "sweep, 2 cores": lambda: sweep(rules, candles, flat(), CALENDAR, threads=2),
        },
        quick=quick,
        rounds=5,
    )
    figures: dict[str, object] = {"bars": count, "pairs": len(pairs), "every pair agrees with the floor": agree}
    figures.update({name: plain(round(len(pairs) / each.seconds), "pairs/s") for name, each in measured.items()})
    figures["memory grown while sweeping"] = judged(grown, "MB", Goal(at_most=300))
    for cores in ("1 core", "2 cores"):
        figures[f"sweep x floor, {cores}"] = figure(
            measured[f"sweep, {cores}"],
            measured[f"floor, {cores}"],
            Goal(at_least=0.5),
            unit=len(pairs),
            floor=True,
        )
    figures["2 cores x 1 core"] = figure(
        measured["sweep, 2 cores"], measured["sweep, 1 core"], Goal(at_least=1.7), unit=len(pairs)
    )
    few = pairs[:: max(len(pairs) // 40, 1)]
    with programs({"close": candles.close, "pairs": np.array(few)}) as found:
        figures.update(missing(found))
        if found is not None and "vectorbt" in found.packages:
            found.ask("vectorbt", "sweep")
            answer = found.ask("vectorbt", "sweep")
            if answer.failed:
                figures["vectorbt"] = answer.failed
            else:
                each = Measured(*(answer.seconds / len(few),) * 3)
                ours = Measured(*(measured["sweep, 2 cores"].seconds / len(pairs),) * 3)
                figures["vectorbt alone"] = plain(1 / each.seconds, "pairs/s")
                figures["sweep x vectorbt"] = figure(ours, each, Goal(at_least=1.0))
    return figures


def _floor(candles: Candles, table: dict[Crossing, Any], rule: Crossing) -> tuple[int, int]:
    fast, slow = table[rule]
    return floor_on(candles, fast, slow, rule.slow)


def _averages(candles: Candles, rules: list[Crossing]) -> dict[Crossing, Any]:
    ground = Ground(candles, flat(), CALENDAR)
    return {rule: tuple(map(ground.column, rule.indicators().values())) for rule in rules}


def _unrealised(candles: Candles, averages: Any, warm: int) -> int:  # noqa: ANN401 - two arrays
    """What the floor holds at the end, at the last close: its profit counts cash alone."""
    fast, slow = averages
    side = np.sign(fast[warm + 1 : -1] - slow[warm + 1 : -1])
    decided = side[np.flatnonzero(side)]
    return int(decided[-1]) * 10 * int(candles.close[-1]) if len(decided) else 0


def _floor_on_two(candles: Candles, table: dict[Crossing, Any], rules: list[Crossing]) -> None:
    def work(part: list[Crossing]) -> None:
        for rule in part:
            _floor(candles, table, rule)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(work, (rules[::2], rules[1::2])))


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1_024
