"""50 instruments over 100,000 bars as one portfolio with shared cash, against a hand-written loop and vectorbt."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec.structs import replace
from numba import njit

from benchmarks._bars import CASH, COMMISSION, FAST, SLOW, UNITS, bars, flat
from benchmarks._crossing import Crossing
from benchmarks._figures import plain
from benchmarks._side_by_side import Goal, Measured, figure, in_turns
from benchmarks._side_programs import ROUNDS, missing, programs
from domain.calendar import SessionCalendar
from research.event_engine import EventEngine
from research.portfolio import prepare_many

if TYPE_CHECKING:
    from numpy.typing import NDArray

CALENDAR: Final = SessionCalendar(fallback_weekdays=True)


def run(quick: bool) -> dict[str, object]:
    """Bars a second over all instruments, and whether fills and equity are the floor's and the event engine's."""
    count, instruments = (2_000, 4) if quick else (100_000, 50)
    series = [bars(count, seed=7 + at, symbol=f"W{at}") for at in range(instruments)]
    rule, total = Crossing(fast=FAST, slow=SLOW), count * instruments
    prepared = prepare_many(rule, series, flat(), CALENDAR, 0)
    opens, closes = (np.column_stack([getattr(each, name) for each in series]) for name in ("open", "close"))
    averages = [np.column_stack([each.columns[at] for each in prepared.each]) for at in range(2)]

    def floor() -> tuple[int, int]:
        found = _floor(opens, closes, averages[0], averages[1], SLOW, UNITS, COMMISSION)
        return int(found[0]), int(found[1])

    alone = prepared.alone()
    measured = in_turns({"floor": floor, "kernel": prepared.alone}, quick=quick, rounds=5)
    fills = sum(len(each.fills) for each in alone)
    equity = CASH + sum(int(each.days[-1, 2]) - CASH for each in alone)
    short = [each.cut(0, min(count, 2_000)) for each in series[:4]]
    figures: dict[str, object] = {
        "instruments": instruments,
        "bars of each": count,
        "fills": fills,
        "final equity": plain(equity / 10_000, "rupees"),
        "same fills and equity as the floor": (fills, equity - CASH) == floor(),
        "both engines agree (4 instruments, 2,000 bars)": prepare_many(rule, short, flat(), CALENDAR, 0).run()
        == EventEngine(rule, short, flat(), CALENDAR).run(),
    }
    figures.update({name: plain(total / each.seconds / 1e6, "M bars/s") for name, each in measured.items()})
    kernel, by_hand = measured["kernel"], measured["floor"]
    figures["kernel / floor"] = figure(kernel, by_hand, Goal(at_most=1.5), unit=total, faster=False, floor=True)
    with programs({"opens": opens, "closes": closes}) as found:
        figures.update(missing(found))
        if found is not None and "vectorbt" in found.packages:
            found.ask("vectorbt", "portfolio")
            answers = [found.ask("vectorbt", "portfolio") for _ in range(ROUNDS)]
            last = answers[-1]
            if last.failed:
                return {**figures, "vectorbt": last.failed}
            seconds = statistics.median(each.seconds for each in answers) / total
            turns = fills - len(last.fills)
            figures["vectorbt"] = plain(1 / seconds / 1e6, "M bars/s")
            figures["vectorbt, orders (a turn is one)"] = len(last.fills)
            figures["vectorbt, equity less ours, its commissions counted twice a turn"] = round(
                last.equity - turns * COMMISSION / 10_000 - equity / 10_000, 2
            )
            ours = replace(kernel, seconds=kernel.seconds / total)
            figures["kernel x vectorbt"] = figure(ours, Measured(seconds, seconds, seconds), Goal(at_least=30.0))
    return figures


@njit(cache=True, nogil=True)
def _floor(
    opens: NDArray[np.int64],
    closes: NDArray[np.int64],
    fast: NDArray[np.float64],
    slow: NDArray[np.float64],
    warm: int,
    units: int,
    commission: int,
) -> tuple[int, int]:
    """One pass over time, all instruments at each bar, one purse."""
    bars_, instruments = opens.shape
    held = np.zeros(instruments, dtype=np.int64)
    wanted = np.zeros(instruments, dtype=np.int64)
    cash = 0
    fills = 0
    for i in range(bars_):
        for j in range(instruments):
            if wanted[j] != held[j]:
                cash -= (wanted[j] - held[j]) * opens[i, j]
                cash -= commission * (2 if held[j] != 0 else 1)
                fills += 2 if held[j] != 0 else 1
                held[j] = wanted[j]
            if i > warm:
                if fast[i, j] > slow[i, j]:
                    wanted[j] = units
                elif fast[i, j] < slow[i, j]:
                    wanted[j] = -units
    return fills, cash + int((held * closes[-1]).sum())
