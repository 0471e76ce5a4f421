"""The tear sheet's figures of a series of days, of trades, and against a benchmark: each metric under its name."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from domain.report import metrics
from domain.report.period_trips import Trip
from domain.values import E4, Nanos


class Figures(Struct, frozen=True):
    """What a series of daily returns says (`metrics` has the definitions). None: not defined for this series.

    Shares are fractions (0.01 is one percent); ratios are plain numbers, annualised over 252 days where usual.
    longest_fall_days  calendar days of the longest time under water
    """

    days: int
    total_return: float
    cagr: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    omega: float | None
    gain_to_pain: float | None
    recovery_factor: float | None
    ulcer_index: float | None
    max_drawdown: float
    longest_fall_days: int
    value_at_risk: float | None
    conditional_value_at_risk: float | None
    historical_cvar: float | None
    tail_ratio: float | None
    skew: float | None
    kurtosis: float | None
    best_day: float | None
    worst_day: float | None
    average_day: float | None
    win_rate_days: float | None
    profit_factor_days: float | None
    payoff_days: float | None
    kelly: float | None
    wins_in_a_row: int
    losses_in_a_row: int
    days_exposed: float | None


def figures(days: Sequence[dt.date], returns: Sequence[float]) -> Figures:
    """Every figure of the series."""
    return Figures(
        days=len(returns),
        total_return=metrics.total_return(returns),
        cagr=metrics.cagr(returns),
        volatility=metrics.volatility(returns),
        sharpe=metrics.sharpe(returns),
        sortino=metrics.sortino(returns),
        calmar=metrics.calmar(returns),
        omega=metrics.omega(returns),
        gain_to_pain=metrics.gain_to_pain(returns),
        recovery_factor=metrics.recovery_factor(returns),
        ulcer_index=metrics.ulcer_index(returns),
        max_drawdown=metrics.max_drawdown(returns),
        longest_fall_days=max((fall.days for fall in metrics.falls(days, returns)), default=0),
        value_at_risk=metrics.value_at_risk(returns),
        conditional_value_at_risk=metrics.conditional_value_at_risk(returns),
        historical_cvar=metrics.historical_cvar(returns),
        tail_ratio=metrics.tail_ratio(returns),
        skew=metrics.skew(returns),
        kurtosis=metrics.kurtosis(returns),
        best_day=max(returns, default=None),
        worst_day=min(returns, default=None),
        average_day=metrics.mean(returns),
        win_rate_days=metrics.win_rate(returns),
        profit_factor_days=metrics.profit_factor(returns),
        payoff_days=metrics.payoff_ratio(returns),
        kelly=metrics.kelly(returns),
        wins_in_a_row=metrics.longest_run(returns, winning=True),
        losses_in_a_row=metrics.longest_run(returns, winning=False),
        days_exposed=metrics.days_exposed(returns),
    )


class TradeFigures(Struct, frozen=True):
    """What the round trips say, after charges. Averages of money are rounded to 1/10,000 rupee.

    expectancy     what a trip made on average
    sampled        how many trips have their excursions sampled; the two averages are of those
    """

    count: int
    winners: int
    losers: int
    gross: E4
    charges: E4
    net: E4
    win_rate: float | None
    profit_factor: float | None
    payoff: float | None
    expectancy: E4 | None
    average_win: E4 | None
    average_loss: E4 | None
    largest_win: E4
    largest_loss: E4
    wins_in_a_row: int
    losses_in_a_row: int
    average_held: Nanos | None
    sampled: int
    average_adverse: E4 | None
    average_favourable: E4 | None


def trade_figures(trips: Sequence[Trip]) -> TradeFigures:
    """Every figure of the trips, which stand in the order they closed."""
    nets = [trip.net for trip in trips]
    won, lost = [net for net in nets if net > 0], [net for net in nets if net < 0]
    adverse = [trip.adverse for trip in trips if trip.adverse is not None]
    favourable = [trip.favourable for trip in trips if trip.favourable is not None]
    return TradeFigures(
        count=len(trips),
        winners=len(won),
        losers=len(lost),
        gross=sum(trip.gross for trip in trips),
        charges=sum(trip.charges for trip in trips),
        net=sum(nets),
        win_rate=metrics.win_rate(nets),
        profit_factor=metrics.profit_factor(nets),
        payoff=metrics.payoff_ratio(nets),
        expectancy=_average(nets),
        average_win=_average(won),
        average_loss=_average(lost),
        largest_win=max(won, default=0),
        largest_loss=min(lost, default=0),
        wins_in_a_row=metrics.longest_run(nets, winning=True),
        losses_in_a_row=metrics.longest_run(nets, winning=False),
        average_held=_average([trip.held for trip in trips]),
        sampled=len(adverse),
        average_adverse=_average(adverse),
        average_favourable=_average(favourable),
    )


class Benchmark(Struct, frozen=True):
    """An instrument's returns on the report's days, and how the account stands against it.

    alpha  what was made per year beyond beta times the benchmark
    """

    name: str
    returns: tuple[float, ...]
    figures: Figures
    alpha: float | None
    beta: float | None
    correlation: float | None
    r_squared: float | None
    information_ratio: float | None


def against(name: str, days: Sequence[dt.date], returns: Sequence[float], benchmark: Sequence[float]) -> Benchmark:
    """The comparison; both series are of `days`."""
    return Benchmark(
        name=name,
        returns=tuple(benchmark),
        figures=figures(days, benchmark),
        alpha=metrics.alpha(returns, benchmark),
        beta=metrics.beta(returns, benchmark),
        correlation=metrics.correlation(returns, benchmark),
        r_squared=metrics.r_squared(returns, benchmark),
        information_ratio=metrics.information_ratio(returns, benchmark),
    )


class Bucket(Struct, frozen=True):
    """Trips whose net result lies in [low, high)."""

    low: E4
    high: E4
    count: int


_BUCKETS_WANTED: Final = 14


def distribution(trips: Sequence[Trip]) -> tuple[Bucket, ...]:
    """How results are spread, in round steps of which one edge is 0; empty for no trips."""
    if not trips:
        return ()
    nets = [trip.net for trip in trips]
    span = max(*nets, 0) - min(*nets, 0) or 1
    step = next(
        size
        for size in (mantissa * 10**exponent for exponent in range(2, 18) for mantissa in (1, 2, 5))
        if span <= size * _BUCKETS_WANTED
    )
    first, last = min(nets) // step, max(nets) // step
    counts = dict.fromkeys(range(first, last + 1), 0)
    for net in nets:
        counts[net // step] += 1
    return tuple(Bucket(slot * step, (slot + 1) * step, count) for slot, count in counts.items())


def _average(amounts: Sequence[int]) -> int | None:
    """The mean, halves to even."""
    if not amounts:
        return None
    quotient, rest = divmod(sum(amounts), len(amounts))
    doubled = 2 * rest - len(amounts)
    return quotient + (doubled > 0 or (doubled == 0 and quotient % 2 == 1))
