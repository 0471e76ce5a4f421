"""Backtests: both engines against hand-written loops, and against other programs where they are installed.

SMA 20/100 crossover, always in the market, next-open fills, a flat commission, one-minute bars drawn from a seed. Ways
are measured in turns, and medians compared. The floor is a loop written by hand for this one strategy; trades and final
equity of every engine are shown to agree (docs/backtesting.md says to the trade what differs, and why).
"""

from __future__ import annotations

import statistics
import time
from typing import Final

from benchmarks._bars import CASH, COMMISSION, FAST, SLOW, bare_loop, bars, exact_floor, flat, floor_on, in_india
from benchmarks._crossing import Crossing
from benchmarks._figures import Figure, plain
from benchmarks._side_by_side import Goal, Measured, figure, in_turns
from benchmarks._side_programs import ROUNDS, Answer, Programs, missing, programs
from domain.calendar import SessionCalendar
from domain.values import RUPEE
from research.compiled import Desk, prepare
from research.data.candles import NAMES, Candles
from research.event_engine import EventEngine
from research.records import Run

CALENDAR: Final = SessionCalendar(fallback_weekdays=True)
TIMES_EVENT: Final = {"backtesting": 4.0, "backtrader": 60.0, "nautilus_trader": 15.0}
"""How many times faster the event engine is to be."""


def run(quick: bool) -> dict[str, object]:
    """Figures by name: plain ones, and ours beside each peer with goal and verdict."""
    count, event_count = (20_000, 5_000) if quick else (1_000_000, 100_000)
    candles, rule = bars(count), Crossing(fast=FAST, slow=SLOW)
    few = candles.cut(0, event_count)
    began = time.perf_counter()
    prepared = prepare(rule, [candles], flat(), CALENDAR, 0)
    figures: dict[str, object] = {
        "bars": count,
        "until compiled and laid out": plain(time.perf_counter() - began, "s"),
    }
    india = prepare(rule, [candles], in_india(), CALENDAR, 0)
    desk = Desk(count, len(prepared.market.number))
    averages = prepared.columns
    fast = in_turns(
        {
            "floor": lambda: exact_floor(candles),
            "floor on averages": lambda: floor_on(candles, averages[0], averages[1], SLOW),
            "kernel": lambda: prepared.on(desk),
            "kernel, layout and indicators": lambda: prepare(rule, [candles], flat(), CALENDAR, 0).on(desk),
            "kernel in India": lambda: india.on(desk),
        },
        quick=quick,
        rounds=9,
    )
    slow = in_turns(
        {
            "bare event loop": lambda: bare_loop(few),
            "event engine": lambda: EventEngine(rule, [few], flat(), CALENDAR).run(),
            "event engine, stepwise": lambda: EventEngine(rule, [few], flat(), CALENDAR, stepwise=True).run(),
        },
        quick=quick,
        rounds=3,
    )
    figures.update({name: _rate(count, each) for name, each in fast.items()})
    figures.update({name: _rate(event_count, each) for name, each in slow.items()})
    figures["kernel / floor"] = figure(
        fast["kernel"], fast["floor"], Goal(at_most=1.5), unit=count, faster=False, floor=True
    )
    figures["kernel with all / floor"] = figure(
        fast["kernel, layout and indicators"], fast["floor"], Goal(at_most=1.5), unit=count, faster=False
    )
    figures["event engine x bare loop"] = figure(
        slow["event engine"], slow["bare event loop"], Goal(at_least=0.4), unit=event_count, floor=True
    )
    _, _, fills, days = prepared.on(desk)
    figures["same fills and profit as the floor on the same averages"] = (
        len(fills),
        int(days[-1, 1]) - CASH,
    ) == floor_on(candles, averages[0], averages[1], SLOW)
    # Float averages differ from exact sums at ties alone.
    figures["fills"], figures["fills of the floor with exact sums"] = len(fills), exact_floor(candles)[0]
    whole = prepared.run()
    event = EventEngine(rule, [few], flat(), CALENDAR).run()
    figures["both engines agree"] = prepare(rule, [few], flat(), CALENDAR, 0).run() == event
    with programs({name: getattr(candles, name) for name in NAMES}) as found:
        figures.update(missing(found))
        if found is not None:
            for package in found.packages:
                figures.update(_beside(found, package, candles, whole, fast, slow["event engine"], event_count))
    return figures


def _beside(
    found: Programs,
    package: str,
    candles: Candles,
    whole: Run,
    fast: dict[str, Measured],
    event: Measured,
    event_count: int,
) -> dict[str, object]:
    """Ours beside one program: speed with its goal, and whether the turns and the final equity are the same."""
    found.ask(package, "crossing")  # what it compiles or fills at first is not its speed
    answers = [found.ask(package, "crossing") for _ in range(ROUNDS)]
    last = answers[-1]
    if last.failed:
        return {package: last.failed}
    seconds = statistics.median(each.seconds for each in answers) / last.bars
    theirs = Measured(seconds, seconds, seconds)
    figures: dict[str, object] = {
        package: plain(1 / seconds / 1e6, "M bars/s"),
        f"{package}, turns": _same_turns(last, candles, whole),
        f"{package}, final equity": _same_equity(package, last, candles, whole),
    }
    if package in TIMES_EVENT:
        goal = Goal(at_least=TIMES_EVENT[package])
        figures[f"event engine x {package}"] = figure(_each(event, event_count), theirs, goal)
    else:
        for name, times in (("kernel", 15.0), ("kernel in India", 4.0)):
            figures[f"{name} x {package}"] = figure(_each(fast[name], len(candles)), theirs, Goal(at_least=times))
    return figures


def _same_turns(answer: Answer, candles: Candles, whole: Run) -> str:
    """How many of our turns, by bar and price, the program made too, as far as it went."""
    starts = {start: at for at, start in enumerate(candles.start.tolist())}
    ours = {(starts[fill.time], round(fill.price / RUPEE, 4)) for fill in whole.fills}
    theirs = {(bar, round(price, 4)) for bar, price in answer.fills}
    expected = {each for each in ours if each[0] < answer.bars}
    return f"{len(expected & theirs)} of {len(expected)}, {len(theirs - expected)} others"


def _same_equity(package: str, answer: Answer, candles: Candles, whole: Run) -> str:
    """Theirs less ours at the close of its last bar; commissions that it charges once a turn are counted out."""
    starts = candles.start[: answer.bars]
    fills = [fill for fill in whole.fills if fill.time <= int(starts[-1])]
    cash = CASH - sum(fill.signed * fill.price + COMMISSION for fill in fills)
    equity = cash + sum(fill.signed for fill in fills) * int(candles.close[answer.bars - 1])
    turns = len(fills) - len({fill.time for fill in fills})
    once = package == "vectorbt"
    difference = answer.equity - (equity + (turns * COMMISSION if once else 0)) / RUPEE
    said = f"{difference:+.2f} rupees of {equity / RUPEE:,.2f}"
    return f"{said}, one commission a turn counted out {turns} times" if once else said


def _each(measured: Measured, count: int) -> Measured:
    """For one bar."""
    return Measured(measured.seconds / count, measured.low / count, measured.high / count)


def _rate(count: int, measured: Measured) -> Figure:
    return plain(count / measured.seconds / 1e6, "M bars/s")
