"""The period report as a value, and the one function that builds it from the journal's days."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from domain.errors import PatangError
from domain.report import metrics
from domain.report.eod import EXTERNAL
from domain.report.period_days import DayResult, LineDay
from domain.report.period_figures import (
    Benchmark,
    Bucket,
    Figures,
    TradeFigures,
    against,
    distribution,
    figures,
    trade_figures,
)
from domain.report.period_trips import Trip
from domain.report.tax import TaxSheet, tax_sheet
from domain.values import E4

EXTREMES: Final = 5
"""How many best and worst days, and deepest falls, are listed."""

ROLLING: Final = ((252, 126), (126, 63), (30, 20))
"""(from so many days on, the window of the rolling Sharpe ratio); a shorter period has none."""


class NothingToReport(PatangError):
    """No trading day of the journal lies in the period, or the strategy did nothing in it."""


class PeriodDay(Struct, frozen=True):
    """One day of the report. share: net over capital, None without capital; growth: of one rupee since the start."""

    day: dt.date
    capital: E4
    gross: E4
    charges: E4
    net: E4
    turnover: E4
    trades: int
    share: float | None
    growth: float
    drawdown: float


class Month(Struct, frozen=True):
    """A month's net result and compounded return."""

    year: int
    month: int
    net: E4
    share: float


class StrategyPeriod(Struct, frozen=True):
    """One strategy's period. Its returns are shares of the account's capital: strategies share one account."""

    strategy: str
    gross: E4
    charges: E4
    net: E4
    turnover: E4
    trades: int
    growth: tuple[float, ...]
    figures: Figures
    trips: TradeFigures


class PeriodReport(Struct, frozen=True):
    """A period of trading days. Money in 1/10,000 rupee.

    strategy       the one reported on; empty: the whole account
    start, end     as asked for; the days are those on which it traded
    turnover_rate  turnover per year over the mean capital
    exposure_max   largest sum of absolute position values, and its share of that day's capital; of the account
    rolling        the rolling Sharpe ratio by day, over `rolling_window` days; empty for a short period
    tax            None for one strategy: lots are matched for the account as a whole
    notes          what a reader must know to judge the figures, as sentences
    """

    env: str
    strategy: str
    start: dt.date
    end: dt.date
    days: tuple[PeriodDay, ...]
    capital_first: E4
    gross: E4
    charges: E4
    net: E4
    components: tuple[tuple[str, E4], ...]
    turnover: E4
    turnover_rate: float | None
    exposure_max: E4
    exposure_share: float | None
    trades: int
    figures: Figures
    trip_figures: TradeFigures
    trips: tuple[Trip, ...]
    distribution: tuple[Bucket, ...]
    months: tuple[Month, ...]
    years: tuple[tuple[int, float], ...]
    rolling_window: int
    rolling: tuple[float | None, ...]
    falls: tuple[metrics.Fall, ...]
    best_days: tuple[PeriodDay, ...]
    worst_days: tuple[PeriodDay, ...]
    strategies: tuple[StrategyPeriod, ...]
    benchmark: Benchmark | None
    tax: TaxSheet | None
    notes: tuple[str, ...]


class BenchmarkCloses(Struct, frozen=True):
    """An instrument's daily closes, oldest first; only their quotients matter."""

    name: str
    closes: tuple[tuple[dt.date, float], ...]


def build_period(
    results: Sequence[DayResult],
    start: dt.date,
    end: dt.date,
    env: str,
    strategy: str = "",
    benchmark: BenchmarkCloses | None = None,
) -> PeriodReport:
    """The report of the days from `start` to `end`, both counted, of the account or of one strategy.

    `results` is the whole journal's. Raises NothingToReport, and ValueError where the benchmark lacks a day.
    """
    within = [result for result in results if start <= result.day <= end]
    wanted = within if not strategy else [result for result in within if _of(result, strategy)]
    if not wanted:
        raise NothingToReport(_nothing(results, start, end, strategy))
    # A strategy's idle days are days of its series all the same: from the first to the last that it did anything.
    span = [result for result in within if wanted[0].day <= result.day <= wanted[-1].day]
    days = _days(span, strategy)
    dates, returns = [day.day for day in days], [day.share or 0.0 for day in days]
    trips = tuple(trip for result in span for trip in result.trips if not strategy or _named(trip.strategy) == strategy)
    window = next((size for least, size in ROLLING if len(days) >= least), 0)
    mean_capital = sum(day.capital for day in days) / len(days)
    turnover = sum(day.turnover for day in days)
    peak = max(span, key=lambda result: result.exposure_max)
    by_result = sorted(days, key=lambda day: day.net)
    return PeriodReport(
        env=env,
        strategy=strategy,
        start=start,
        end=end,
        days=days,
        capital_first=days[0].capital,
        gross=sum(day.gross for day in days),
        charges=sum(day.charges for day in days),
        net=sum(day.net for day in days),
        components=() if strategy else _components(span),
        turnover=turnover,
        turnover_rate=turnover / mean_capital * metrics.YEAR / len(days) if mean_capital > 0 else None,
        exposure_max=peak.exposure_max,
        exposure_share=peak.exposure_max / peak.capital if peak.capital > 0 else None,
        trades=sum(day.trades for day in days),
        figures=figures(dates, returns),
        trip_figures=trade_figures(trips),
        trips=trips,
        distribution=distribution(trips),
        months=_months(days, returns),
        years=tuple(metrics.yearly(dates, returns).items()),
        rolling_window=window,
        rolling=metrics.rolling_sharpe(returns, window) if window else (),
        falls=tuple(sorted(metrics.falls(dates, returns), key=lambda fall: fall.depth)[:EXTREMES]),
        best_days=tuple(day for day in by_result[::-1][:EXTREMES] if day.net > 0),
        worst_days=tuple(day for day in by_result[:EXTREMES] if day.net < 0),
        strategies=() if strategy else _strategies(span),
        benchmark=None if benchmark is None else _benchmark(benchmark, dates, returns),
        tax=None if strategy else tax_sheet(results, start, end),
        notes=_notes(span, days, trips),
    )


def _days(results: Sequence[DayResult], strategy: str) -> tuple[PeriodDay, ...]:
    figured = [(result, _of(result, strategy) if strategy else result.lines) for result in results]
    nets = [sum(line.gross - line.charges for line in lines) for _, lines in figured]
    shares = [
        net / result.capital if result.capital > 0 else None for (result, _), net in zip(figured, nets, strict=True)
    ]
    returns = [share or 0.0 for share in shares]
    depths = metrics.drawdowns(returns)
    growth, days = 1.0, []
    for (result, lines), net, share, depth in zip(figured, nets, shares, depths, strict=True):
        growth *= 1 + (share or 0.0)
        days.append(
            PeriodDay(
                day=result.day,
                capital=result.capital,
                gross=sum(line.gross for line in lines),
                charges=sum(line.charges for line in lines),
                net=net,
                turnover=sum(line.turnover for line in lines),
                trades=sum(line.trades for line in lines),
                share=share,
                growth=growth,
                drawdown=depth,
            )
        )
    return tuple(days)


def _of(result: DayResult, strategy: str) -> tuple[LineDay, ...]:
    return tuple(line for line in result.lines if _named(line.strategy) == strategy)


def _named(strategy: str) -> str:
    return strategy or EXTERNAL


def _strategies(results: Sequence[DayResult]) -> tuple[StrategyPeriod, ...]:
    names = dict.fromkeys(_named(line.strategy) for result in results for line in result.lines)
    return tuple(_strategy(name, results) for name in sorted(names))


def _strategy(name: str, results: Sequence[DayResult]) -> StrategyPeriod:
    days = _days(results, name)
    trips = [trip for result in results for trip in result.trips if _named(trip.strategy) == name]
    return StrategyPeriod(
        strategy=name,
        gross=sum(day.gross for day in days),
        charges=sum(day.charges for day in days),
        net=sum(day.net for day in days),
        turnover=sum(day.turnover for day in days),
        trades=sum(day.trades for day in days),
        growth=tuple(day.growth for day in days),
        figures=figures([day.day for day in days], [day.share or 0.0 for day in days]),
        trips=trade_figures(trips),
    )


def _components(results: Sequence[DayResult]) -> tuple[tuple[str, E4], ...]:
    sums: dict[str, E4] = defaultdict(int)
    for result in results:
        for name, amount in result.components:
            sums[name] += amount
    return tuple(sums.items())


def _months(days: Sequence[PeriodDay], returns: Sequence[float]) -> tuple[Month, ...]:
    nets: dict[tuple[int, int], E4] = defaultdict(int)
    for day in days:
        nets[day.day.year, day.day.month] += day.net
    shares = metrics.monthly([day.day for day in days], returns)
    return tuple(Month(year, month, nets[year, month], share) for (year, month), share in shares.items())


def _benchmark(closes: BenchmarkCloses, days: Sequence[dt.date], returns: Sequence[float]) -> Benchmark:
    """The benchmark's return on each of the days, from its own close before."""
    changes = {
        day: close / before - 1 for (_, before), (day, close) in zip(closes.closes, closes.closes[1:], strict=False)
    }
    missing = [day for day in days if day not in changes]
    if missing:
        known = {day for day, _ in closes.closes}
        what = "has no close before" if missing[0] in known else "has no close of"
        raise ValueError(f"{closes.name} {what} {missing[0]}")
    return against(closes.name, days, returns, [changes[day] for day in days])


def _notes(results: Sequence[DayResult], days: Sequence[PeriodDay], trips: Sequence[Trip]) -> tuple[str, ...]:
    notes = []
    unknown = [result.day for result in results if not result.closes_known]
    if unknown:
        notes.append(
            f"On {len(unknown)} days, the last {unknown[-1]}, positions open at the close are valued at the last "
            "trade: no closing prices are stored."
        )
    without = [day.day for day in days if day.share is None]
    if without:
        notes.append(f"On {len(without)} days, the last {without[-1]}, no capital is known: they count as 0 %.")
    unsampled = sum(trip.adverse is None for trip in trips)
    if unsampled:
        notes.append(
            f"Excursions are known of {len(trips) - unsampled} of {len(trips)} round trips: those of days with "
            "samples of their prices, or alone in the account with samples of its equity."
        )
    return tuple(notes)


def _nothing(results: Sequence[DayResult], start: dt.date, end: dt.date, strategy: str) -> str:
    known = f"the journal has {results[0].day} to {results[-1].day}" if results else "the journal has no day"
    if not strategy or not any(start <= result.day <= end for result in results):
        return f"no trading day from {start} to {end} is stored: {known}"
    names = sorted({_named(line.strategy) for result in results for line in result.lines})
    return f"strategy {strategy!r} did nothing from {start} to {end}; known: {', '.join(names) or 'none'}"
