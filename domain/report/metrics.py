"""What a series of daily returns says: the figures that traders compare, as pure functions of floats.

A return is a fraction (0.01 is one percent). Every function takes the returns of consecutive trading days, oldest
first, and gives None where the figure is not defined (too few days, a division by nothing) instead of a NaN or an
infinity that somebody adds up. Definitions are those of quantstats 0.0.86 but for what docs/reports.md lists.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from itertools import accumulate, groupby
from statistics import NormalDist
from typing import Final

from msgspec import Struct

YEAR: Final = 252
"""Trading days in a year, for everything annualised."""

CONFIDENCE: Final = 0.95
"""Of value at risk, and where the tails of `tail_ratio` begin."""

Returns = Sequence[float]


# -- growth ----------------------------------------------------------------------------------------------------------


def total_return(returns: Returns) -> float:
    """What one rupee gained over all days, compounded."""
    return math.prod(1 + each for each in returns) - 1


def cagr(returns: Returns, periods: int = YEAR) -> float | None:
    """Growth per year of trading days; None for no days, or where more than everything was lost."""
    wealth = total_return(returns) + 1
    if not returns or wealth < 0:
        return None
    try:
        return math.pow(wealth, periods / len(returns)) - 1
    except OverflowError:
        return None  # a few good days, carried on for a year, are no figure


def mean(values: Sequence[float]) -> float | None:
    """The arithmetic mean."""
    return math.fsum(values) / len(values) if values else None


def geometric_mean(returns: Returns) -> float | None:
    """The daily return that, every day, would have come to the same."""
    wealth = total_return(returns) + 1
    return math.pow(wealth, 1 / len(returns)) - 1 if returns and wealth >= 0 else None


# -- spread ----------------------------------------------------------------------------------------------------------


def deviation(returns: Returns) -> float | None:
    """Standard deviation of a sample (divided by n - 1) per day."""
    if len(returns) < 2:
        return None
    centre = math.fsum(returns) / len(returns)
    return math.sqrt(math.fsum((each - centre) ** 2 for each in returns) / (len(returns) - 1))


def volatility(returns: Returns, periods: int = YEAR) -> float | None:
    """Standard deviation per year."""
    return _times(deviation(returns), math.sqrt(periods))


def skew(returns: Returns) -> float | None:
    """Adjusted Fisher-Pearson skewness of a sample."""
    count = len(returns)
    spread = _moment(returns, 2)
    if count < 3 or spread == 0:
        return None
    return math.sqrt(count * (count - 1)) / (count - 2) * _moment(returns, 3) / (spread * math.sqrt(spread))


def kurtosis(returns: Returns) -> float | None:
    """Excess kurtosis of a sample, unbiased: 0 for a normal distribution."""
    count = len(returns)
    spread = _moment(returns, 2)
    if count < 4 or spread == 0:
        return None
    raw = (count + 1) * _moment(returns, 4) / spread**2 - 3 * (count - 1)
    return (count - 1) / ((count - 2) * (count - 3)) * raw


def value_at_risk(returns: Returns, confidence: float = CONFIDENCE) -> float | None:
    """The return that a day falls below with probability 1 - confidence, were returns normally distributed."""
    spread, centre = deviation(returns), mean(returns)
    if spread is None or centre is None:
        return None
    return centre + spread * NormalDist().inv_cdf(1 - confidence)


def conditional_value_at_risk(returns: Returns, confidence: float = CONFIDENCE) -> float | None:
    """The mean return of the days below the value at risk, were returns normally distributed."""
    spread, centre = deviation(returns), mean(returns)
    if spread is None or centre is None:
        return None
    normal, tail = NormalDist(), 1 - confidence
    return centre - spread * normal.pdf(normal.inv_cdf(tail)) / tail


def historical_cvar(returns: Returns, confidence: float = CONFIDENCE) -> float | None:
    """The mean of the days at or below the (1 - confidence) quantile: what the worst days were, no distribution."""
    edge = quantile(returns, 1 - confidence)
    return None if edge is None else mean([each for each in returns if each <= edge])


def quantile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of the values lie, straight between neighbours."""
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def tail_ratio(returns: Returns, cutoff: float = CONFIDENCE) -> float | None:
    """How far the best days reach against the worst: the upper quantile over the lower."""
    upper, lower = quantile(returns, cutoff), quantile(returns, 1 - cutoff)
    return None if upper is None or not lower else abs(upper / lower)


# -- reward for risk -------------------------------------------------------------------------------------------------


def sharpe(returns: Returns, periods: int = YEAR) -> float | None:
    """Mean over standard deviation, per year; the riskless rate counts as 0."""
    return _times(_over(mean(returns), deviation(returns)), math.sqrt(periods))


def sortino(returns: Returns, periods: int = YEAR) -> float | None:
    """Mean over downside deviation (losing days' squares over all days), per year."""
    if not returns:
        return None
    downside = math.sqrt(math.fsum(each**2 for each in returns if each < 0) / len(returns))
    return _times(_over(mean(returns), downside), math.sqrt(periods))


def calmar(returns: Returns, periods: int = YEAR) -> float | None:
    """Growth per year over the deepest fall."""
    return _over(cagr(returns, periods), abs(max_drawdown(returns)))


def omega(returns: Returns) -> float | None:
    """The sum of gains over the sum of losses; the same as the profit factor of days at a required return of 0."""
    return profit_factor(returns) if len(returns) >= 2 else None


def gain_to_pain(returns: Returns) -> float | None:
    """The sum of all returns over the sum of losses."""
    return _over(math.fsum(returns), -math.fsum(each for each in returns if each < 0))


def recovery_factor(returns: Returns) -> float | None:
    """The sum of all returns over the deepest fall."""
    return _over(abs(math.fsum(returns)), abs(max_drawdown(returns)))


def ulcer_index(returns: Returns) -> float | None:
    """Root of the mean square of the falls: how deep and how long the account was under water."""
    if len(returns) < 2:
        return None
    return math.sqrt(math.fsum(each**2 for each in drawdowns(returns)) / (len(returns) - 1))


def rolling_sharpe(returns: Returns, window: int, periods: int = YEAR) -> tuple[float | None, ...]:
    """The Sharpe ratio of each day and the window - 1 before it; None until there are as many."""
    return tuple(
        None if end < window else sharpe(returns[end - window : end], periods) for end in range(1, len(returns) + 1)
    )


# -- falls -----------------------------------------------------------------------------------------------------------


class Fall(Struct, frozen=True):
    """A time under water: from the first day below an earlier peak to the last one.

    valley    the day of the deepest close
    depth     the fall from the peak at the valley, negative
    days      calendar days from first to last, both counted
    recovered the next day reached the peak again
    """

    start: dt.date
    valley: dt.date
    end: dt.date
    depth: float
    days: int
    recovered: bool


def drawdowns(returns: Returns) -> tuple[float, ...]:
    """How far below its peak the account closed each day: 0 at a peak, else negative. It began at a peak of 1."""
    wealth = list(accumulate((1 + each for each in returns), lambda before, grown: before * grown))
    peaks = accumulate(wealth, max, initial=1.0)
    next(peaks)
    # A peak at or below 0 has nothing left to fall from.
    return tuple(level / peak - 1 if peak > 0 else -1.0 for level, peak in zip(wealth, peaks, strict=True))


def max_drawdown(returns: Returns) -> float:
    """The deepest fall from an earlier peak, negative; 0 for none."""
    return min(drawdowns(returns), default=0.0)


def falls(days: Sequence[dt.date], returns: Returns) -> tuple[Fall, ...]:
    """Every time under water, oldest first."""
    found = []
    depths = zip(days, drawdowns(returns), strict=True)
    for under, run in groupby(depths, key=lambda each: each[1] < 0):
        if under:
            water = list(run)
            start, end = water[0][0], water[-1][0]
            valley, depth = min(water, key=lambda each: each[1])
            found.append(Fall(start, valley, end, depth, (end - start).days + 1, recovered=end != days[-1]))
    return tuple(found)


# -- wins and losses -------------------------------------------------------------------------------------------------
# These take daily returns, or the results of trades in any unit.


def win_rate(results: Sequence[float]) -> float | None:
    """Winners among those that neither won nor lost nothing."""
    decided = [each for each in results if each]
    return sum(each > 0 for each in decided) / len(decided) if decided else None


def average_win(results: Sequence[float]) -> float | None:
    """Mean of the winners."""
    return mean([each for each in results if each > 0])


def average_loss(results: Sequence[float]) -> float | None:
    """Mean of the losers, negative."""
    return mean([each for each in results if each < 0])


def payoff_ratio(results: Sequence[float]) -> float | None:
    """The average winner over the average loser."""
    loss = average_loss(results)
    return None if loss is None else _over(average_win(results), -loss)


def profit_factor(results: Sequence[float]) -> float | None:
    """The sum of winners over the sum of losers; None where nothing was lost."""
    return _over(math.fsum(each for each in results if each > 0), -math.fsum(each for each in results if each < 0))


def kelly(results: Sequence[float]) -> float | None:
    """The share of capital that would have grown fastest, had payoff and win rate been known."""
    payoff, wins = payoff_ratio(results), win_rate(results)
    return None if not payoff or wins is None else (payoff * wins - (1 - wins)) / payoff


def longest_run(results: Sequence[float], *, winning: bool) -> int:
    """The most winners (or losers) in a row."""
    sign = 1 if winning else -1
    runs = (len(list(run)) for wanted, run in groupby(results, key=lambda each: sign * each > 0) if wanted)
    return max(runs, default=0)


def days_exposed(returns: Returns) -> float | None:
    """The share of days that made or lost anything."""
    return sum(each != 0 for each in returns) / len(returns) if returns else None


# -- calendar --------------------------------------------------------------------------------------------------------


def monthly(days: Sequence[dt.date], returns: Returns) -> dict[tuple[int, int], float]:
    """(year, month): the month's return, compounded; months without a day are absent."""
    months: dict[tuple[int, int], list[float]] = {}
    for day, each in zip(days, returns, strict=True):
        months.setdefault((day.year, day.month), []).append(each)
    return {month: total_return(part) for month, part in months.items()}


def yearly(days: Sequence[dt.date], returns: Returns) -> dict[int, float]:
    """The return of each year, compounded."""
    years: dict[int, list[float]] = {}
    for day, each in zip(days, returns, strict=True):
        years.setdefault(day.year, []).append(each)
    return {year: total_return(part) for year, part in years.items()}


# -- against a benchmark ---------------------------------------------------------------------------------------------
# Both series are of the same days.


def beta(returns: Returns, benchmark: Returns) -> float | None:
    """How much of the benchmark's moves one went along with."""
    return _over(_covariance(returns, benchmark), _covariance(benchmark, benchmark))


def alpha(returns: Returns, benchmark: Returns, periods: int = YEAR) -> float | None:
    """What was made per year beyond beta times the benchmark."""
    slope, own, other = beta(returns, benchmark), mean(returns), mean(benchmark)
    return None if slope is None or own is None or other is None else (own - slope * other) * periods


def correlation(returns: Returns, benchmark: Returns) -> float | None:
    """Pearson's correlation."""
    one, other = _covariance(returns, returns), _covariance(benchmark, benchmark)
    return None if not one or not other else _over(_covariance(returns, benchmark), math.sqrt(one * other))


def r_squared(returns: Returns, benchmark: Returns) -> float | None:
    """The share of the spread that the benchmark explains."""
    found = correlation(returns, benchmark)
    return None if found is None else found**2


def information_ratio(returns: Returns, benchmark: Returns) -> float | None:
    """Mean over standard deviation of what was made beyond the benchmark, per day."""
    beyond = [own - other for own, other in zip(returns, benchmark, strict=True)]
    return _over(mean(beyond), deviation(beyond))


# -- pieces ----------------------------------------------------------------------------------------------------------


def _over(value: float | None, divisor: float | None) -> float | None:
    return None if value is None or not divisor else value / divisor


def _times(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _moment(values: Sequence[float], order: int) -> float:
    """Central moment; 0 for no values."""
    if not values:
        return 0.0
    centre = math.fsum(values) / len(values)
    return math.fsum((each - centre) ** order for each in values) / len(values)


def _covariance(one: Sequence[float], other: Sequence[float]) -> float | None:
    if len(one) < 2:
        return None
    first, second = math.fsum(one) / len(one), math.fsum(other) / len(other)
    pairs = zip(one, other, strict=True)
    return math.fsum((left - first) * (right - second) for left, right in pairs) / (len(one) - 1)
