"""A strategy in other words: other parameters within their bounds, other costs, other delays; a run of each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from msgspec import Struct
from msgspec.structs import replace

from domain.strategy.load import convert
from research.backtest import Backtest, backtest
from research.robust import deflated_sharpe, overfit_probability, sharpe
from research.strategy_check import Bound, Finding, Strategy, bounds_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.ports import Calendar
    from research.data.candles import Candles
    from research.settings import RunSettings

DRAWS_MAX: Final = 200
"""Draws in a row that a strategy may refuse (its own rule about its parameters) before we give up."""
DRAWN_FOR_EACH: Final = 10
"""Parameter sets drawn at most for each that is to have traded."""


LATE_MS: Final = 3_000
"""One step of delay; three of them still are younger than the oldest price that the risk checks allow."""


def varied(strategy: Strategy, values: dict[str, int | float]) -> Strategy | None:
    """The strategy with these parameters; None where its own rules or bounds refuse them."""
    parameters = msgspec.structs.asdict(strategy) | values
    try:
        return convert(type(strategy), parameters)
    except ValueError:
        return None


def random_values(bounds: Iterable[Bound], draw: np.random.Generator) -> dict[str, int | float]:
    """One point in the bounds. Parameters without bounds keep their values."""
    values: dict[str, int | float] = {}
    for each in bounds:
        if each.low is None or each.high is None:
            continue
        if each.whole:
            values[each.name] = int(draw.integers(int(each.low), int(each.high) + 1))
        else:
            values[each.name] = float(draw.uniform(each.low, each.high)) or each.high
    return values


def random_variants(strategy: Strategy, count: int, seed: int) -> list[Strategy]:
    """So many others, drawn evenly over the declared bounds; fewer where the strategy refuses almost all."""
    draw = np.random.default_rng(seed)
    bounds = bounds_of(strategy)
    found: list[Strategy] = []
    refused = 0
    while len(found) < count and refused < DRAWS_MAX:
        made = varied(strategy, random_values(bounds, draw))
        if made is None:
            refused += 1
            continue
        refused = 0
        found.append(made)
    return found


def neighbours(strategy: Strategy, share: float = 0.1) -> dict[str, Strategy]:
    """Each parameter a step of its range down and up, by name; what is refused is left out."""
    found: dict[str, Strategy] = {}
    for each in bounds_of(strategy):
        if each.low is None or each.high is None or not math.isfinite(each.default):
            continue
        step = share * (each.high - each.low)
        for sign in (-1, 1):
            moved = min(max(each.default + sign * (max(1, round(step)) if each.whole else step), each.low), each.high)
            value = int(moved) if each.whole else moved
            made = None if value == each.default else varied(strategy, {each.name: value})
            if made is not None:
                found[f"{each.name}={value:g}"] = made
    return found


def daily(done: Backtest, days: Sequence[int]) -> NDArray[np.float64]:
    """A return for each of these day numbers; 0 where the run had none."""
    known = {row.day: value for row, value in zip(done.run.days, done.returns, strict=True)}
    return np.array([known.get(day, 0.0) for day in days])


class Overfit(Struct, frozen=True):
    """How the chosen parameters stand among random ones.

    rank       share of the trials that are worse
    deflated   probability that the chosen Sharpe ratio is more than the best luck of so many trials
    pbo        probability that the best of one half of the days is in the worse half of the other
    """

    trials: int
    sharpe: float
    rank: float
    deflated: float
    pbo: float
    finding: Finding


def overfit(
    strategy: Strategy,
    series: Sequence[Candles],
    settings: RunSettings,
    calendar: Calendar,
    *,
    trials: int = 40,
    seed: int = 1,
) -> Overfit:
    """Found against what stands out among random parameters in these data without its lead being more than luck.

    Ten times as many are drawn at most until so many have traded: a lead over those that did nothing is no lead.
    """
    chosen = backtest(strategy, series, settings, calendar)
    others: list[Backtest] = []
    for each in random_variants(strategy, DRAWN_FOR_EACH * trials, seed):
        done = backtest(each, series, settings, calendar)
        if done.run.fills:
            others.append(done)
        if len(others) == trials:
            break
    days = sorted({row.day for each in (chosen, *others) for row in each.run.days})
    own = daily(chosen, days)
    table = np.array([own, *(daily(each, days) for each in others)])
    ratio = sharpe(own)
    ratios = np.array([sharpe(row) for row in table[1:]])
    rank = float((ratios < ratio).mean()) if len(ratios) else 0.0
    deflated = deflated_sharpe(own, table)
    pbo = overfit_probability(table)
    leads = ratio > 0 and rank >= 0.9
    yearly = ratio * math.sqrt(252)
    said = f"Sharpe {yearly:.2f} a year, better than {rank:.0%} of {len(others)} random parameter sets that traded"
    if leads and (deflated < 0.95 or pbo > 0.5):
        text = f"{said}, which is luck with a probability of {1 - deflated:.0%} (deflated); overfit {pbo:.0%} (PBO)"
        finding = Finding("overfit", ok=False, text=text)
    elif ratio <= 0:
        finding = Finding("overfit", ok=True, text=f"{said}: it earns nothing here that could be luck")
    else:
        finding = Finding("overfit", ok=True, text=f"{said}; deflated {deflated:.2f}, PBO {pbo:.2f}")
    return Overfit(len(others), ratio, rank, deflated, pbo, finding)


class Stressed(Struct, frozen=True):
    """One run under other circumstances. equity is the final one, 1/10,000 rupee."""

    name: str
    equity: int
    sharpe: float


def stress(strategy: Strategy, series: Sequence[Candles], settings: RunSettings, calendar: Calendar) -> list[Stressed]:
    """Costs of execution and delay once, twice and three times; each parameter a step aside."""
    plain = backtest(strategy, series, settings, calendar)
    turnover = sum(abs(fill.signed) * fill.price for fill in plain.run.fills)
    # Charges cannot be doubled by themselves: as much again is paid in the price of every market order.
    cost_bps = plain.run.charges / turnover * 10_000 if turnover else 0.0
    base_bps = cost_bps + settings.fill.slippage_bps + settings.fill.spread_bps / 2
    interval_ms = series[0].interval_seconds * 1_000
    cases: list[tuple[str, Strategy, RunSettings]] = [("as it is", strategy, settings)]
    for times in (2, 3):
        fill = replace(settings.fill, slippage_bps=min(settings.fill.slippage_bps + (times - 1) * base_bps, 1_000))
        cases.append((f"costs ×{times}", strategy, replace(settings, fill=fill)))
    for times in (1, 2, 3):
        fill = replace(settings.fill, latency_ms=(min(times * LATE_MS, interval_ms // 2),))
        cases.append((f"{times * LATE_MS // 1_000} s late", strategy, replace(settings, fill=fill)))
    cases += [(name, each, settings) for name, each in neighbours(strategy).items()]
    found = []
    for name, each, rules in cases:
        done = plain if name == "as it is" else backtest(each, series, rules, calendar)
        found.append(Stressed(name, done.run.final_equity, sharpe(np.array(done.returns)) * math.sqrt(252)))
    return found
