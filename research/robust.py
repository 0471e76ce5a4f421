"""Is a good result luck? Figures that make a backtest smaller, with their sources.

deflated Sharpe   Bailey and López de Prado 2014: the probability that the true Sharpe ratio is above what the best of
                  so many worthless trials would show, given skew, kurtosis and length.
PBO               Bailey, Borwein, López de Prado, Zhu 2017: over all ways to cut the days into two halves, how often
                  the best trial of one half is in the worse half of the other.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from msgspec import Struct

if TYPE_CHECKING:
    from numpy.typing import NDArray

EULER: Final = 0.5772156649015329
BLOCKS: Final = 10
_NORMAL: Final = NormalDist()


def sharpe(returns: NDArray[np.float64]) -> float:
    """Mean over deviation, per day; 0 where nothing moved."""
    deviation = float(returns.std(ddof=1)) if len(returns) > 1 else 0.0
    return float(returns.mean()) / deviation if deviation > 0 else 0.0


def expected_best(trials: int, spread: float) -> float:
    """Sharpe ratio that the best of so many trials without any skill is expected to show.

    spread  standard deviation of the trials' Sharpe ratios
    """
    if trials < 2 or spread <= 0:
        return 0.0
    one = _NORMAL.inv_cdf(1 - 1 / trials)
    other = _NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return spread * ((1 - EULER) * one + EULER * other)


def probabilistic_sharpe(returns: NDArray[np.float64], benchmark: float) -> float:
    """Probability that the true Sharpe ratio (per day) is above the benchmark."""
    count = len(returns)
    observed = sharpe(returns)
    deviation = float(returns.std()) if count else 0.0
    if count < 3 or deviation <= 0:
        return 0.5
    scores = (returns - returns.mean()) / deviation
    skew, kurtosis = float((scores**3).mean()), float((scores**4).mean())
    width = max(1 - skew * observed + (kurtosis - 1) / 4 * observed**2, 1e-12)
    return _NORMAL.cdf((observed - benchmark) * math.sqrt(count - 1) / math.sqrt(width))


def deflated_sharpe(chosen: NDArray[np.float64], trials: NDArray[np.float64]) -> float:
    """The probabilistic Sharpe ratio of the chosen returns against the best of the trials' (rows) by luck."""
    ratios = np.array([sharpe(row) for row in trials])
    spread = float(ratios.std(ddof=1)) if len(ratios) > 1 else 0.0
    return probabilistic_sharpe(chosen, expected_best(len(trials), spread))


def overfit_probability(trials: NDArray[np.float64], blocks: int = BLOCKS) -> float:
    """PBO of a table of returns, a row per trial and a column per day. 0.5 where it cannot be said."""
    count, days = trials.shape
    blocks = min(blocks, days // 2 // 2 * 2)
    if count < 2 or blocks < 2:
        return 0.5
    parts = np.array_split(np.arange(days), blocks)
    sums = np.array([[row[part].sum() for part in parts] for row in trials])
    squares = np.array([[(row[part] ** 2).sum() for part in parts] for row in trials])
    sizes = np.array([len(part) for part in parts])
    worse = total = 0
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = np.zeros(blocks, dtype=np.bool_)
        inside[list(chosen)] = True
        best = int(np.argmax(_sharpes(sums, squares, sizes, inside)))
        outside = _sharpes(sums, squares, sizes, ~inside)
        rank = (outside < outside[best]).sum() + 0.5 * ((outside == outside[best]).sum() - 1)
        worse += rank < (count - 1) / 2
        total += 1
    return worse / total


def _sharpes(
    sums: NDArray[np.float64], squares: NDArray[np.float64], sizes: NDArray[np.int64], which: NDArray[np.bool_]
) -> NDArray[np.float64]:
    count = sizes[which].sum()
    mean = sums[:, which].sum(axis=1) / count
    variance = np.maximum(squares[:, which].sum(axis=1) / count - mean**2, 0)
    deviation = np.sqrt(variance)
    ratios: NDArray[np.float64] = np.divide(mean, deviation, out=np.zeros_like(mean), where=deviation > 0)
    return ratios


class Spread(NamedTuple):
    """A figure's distribution: its 5th, 50th and 95th percentile, and the share that is below zero."""

    low: float
    middle: float
    high: float
    below_zero: float


class MonteCarlo(Struct, frozen=True):
    """What the same trades (or days) in other samples would have given; shares of the opening cash."""

    total: Spread
    drawdown: Spread
    samples: int


def monte_carlo(gains: Sequence[float], samples: int = 2_000, seed: int = 1, block: int = 1) -> MonteCarlo:
    """Draw the gains (trades, or days in blocks) again, with replacement. Empty gains give zeros."""
    values = np.asarray(gains, dtype=np.float64)
    if not len(values):
        nothing = Spread(0.0, 0.0, 0.0, 0.0)
        return MonteCarlo(nothing, nothing, 0)
    draw = np.random.default_rng(seed)
    pieces = -(-len(values) // block)
    begins = draw.integers(0, max(len(values) - block + 1, 1), size=(samples, pieces))
    index = (begins[:, :, None] + np.arange(block)).reshape(samples, -1)[:, : len(values)] % len(values)
    paths = np.cumsum(values[index], axis=1)
    peaks = np.maximum(np.maximum.accumulate(paths, axis=1), 0)
    return MonteCarlo(_spread(paths[:, -1]), _spread((paths - peaks).min(axis=1)), samples)


def _spread(values: NDArray[np.float64]) -> Spread:
    low, middle, high = (float(each) for each in np.percentile(values, [5, 50, 95]))
    return Spread(low, middle, high, float((values < 0).mean()))
