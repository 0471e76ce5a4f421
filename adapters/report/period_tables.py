"""The period report for the terminal."""

from __future__ import annotations

from adapters.report.period_text import money, percent, plain_percent, ratio, result
from adapters.report.tables import Table
from adapters.report.text import words
from domain.report.period import PeriodReport


def tables(report: PeriodReport) -> tuple[Table, ...]:
    """Summary, months, strategies and tax heads."""
    figures, trips = report.figures, report.trip_figures
    of = f" of {words(report.strategy)}" if report.strategy else ""
    shown = [
        Table(
            f"Period{of} {report.days[0].day} to {report.days[-1].day}, {len(report.days)} trading days",
            ("", "#"),
            (
                ("Net", result(report.net)),
                ("Gross", result(report.gross)),
                ("Charges", money(report.charges)),
                ("Return, compounded", percent(figures.total_return)),
                ("Growth a year", percent(figures.cagr)),
                ("Volatility", plain_percent(figures.volatility)),
                (
                    "Sharpe / Sortino / Calmar",
                    " / ".join(map(ratio, (figures.sharpe, figures.sortino, figures.calmar))),
                ),
                ("Deepest fall", percent(figures.max_drawdown)),
                ("Round trips", f"{trips.count}, {plain_percent(trips.win_rate)} won"),
                ("Profit factor", ratio(trips.profit_factor)),
                ("Expectancy", result(trips.expectancy)),
                ("Turnover", money(report.turnover)),
            ),
        ),
        Table(
            "Months",
            ("Month", "#Net", "#Return"),
            tuple((f"{each.year}-{each.month:02d}", result(each.net), percent(each.share)) for each in report.months),
        ),
    ]
    if report.strategies:
        rows = tuple(
            (
                words(each.strategy),
                result(each.net),
                percent(each.figures.total_return),
                ratio(each.figures.sharpe),
                str(each.trips.count),
                plain_percent(each.trips.win_rate),
                money(each.charges),
            )
            for each in report.strategies
        )
        shown.append(
            Table("Strategies", ("Strategy", "#Net", "#Return", "#Sharpe*", "#Trips", "#Won*", "#Charges*"), rows)
        )
    if report.tax is not None:
        heads = tuple(
            (each.head.value, str(each.lots), money(each.turnover), result(each.gross), result(each.result))
            for each in report.tax.heads
            if each.lots
        )
        shown.append(
            Table("Tax sheet", ("Head", "#Lots", "#Turnover", "#Gross*", "#Result"), heads, "no lot was closed")
        )
    return tuple(shown)
