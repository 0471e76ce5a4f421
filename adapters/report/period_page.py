"""The period report as a page: one file, no script, no network, for a screen, a phone and paper."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Final

from adapters.report.page import CHARGE_NAMES, KITE, _table
from adapters.report.period_charts import Curve, curves, excursions, histogram, spark
from adapters.report.period_tax import tax_section
from adapters.report.period_text import (
    LONG,
    NOTHING,
    axis_percent,
    date,
    money,
    one_decimal,
    percent,
    plain_percent,
    ratio,
    result,
    span,
)
from adapters.report.text import MINUS, clock, words
from domain.report.period import PeriodDay, PeriodReport, StrategyPeriod
from domain.report.period_trips import Trip
from domain.values import E4, ist

ROWS_MAX: Final = 1_000
"""Days and trips on the page; the JSON has them all."""


def render(report: PeriodReport) -> str:
    """The whole page."""
    title = f"Patang · {report.start} to {report.end} · {result(report.net)}"
    sections = (
        _head,
        _hero,
        _months,
        _figures,
        _strategies,
        _benchmark,
        _shape,
        _extremes,
        _charges,
        _tax,
        _days,
        _trips,
        _foot,
    )
    body = "\n".join(filter(None, (section(report) for section in sections)))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{escape(title)}</title>
<style>
{_css()}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


@cache
def _css() -> str:
    folder = Path(__file__).parent
    return "".join((folder / name).read_text(encoding="utf-8") for name in ("eod.css", "period.css"))


# -- sections --------------------------------------------------------------------------------------------------------


def _head(report: PeriodReport) -> str:
    of = f"{escape(words(report.strategy))} · " if report.strategy else ""
    between = f"{date(report.days[0].day)} – {date(report.days[-1].day)} · {len(report.days)} trading days"
    return f"""<header>
{KITE}
<div><h1>Period report</h1><p>{of}{between}</p></div>
<p class="env {escape(report.env)}">{escape(report.env)}</p>
</header>"""


def _hero(report: PeriodReport) -> str:
    figures = report.figures
    dates = [day.day for day in report.days]
    growth = [day.growth - 1 for day in report.days]
    drawn = [Curve(words(report.strategy) or "Account", "own", growth)]
    if report.benchmark is not None:
        drawn.append(Curve(report.benchmark.name, "other", _compounded(report.benchmark.returns)))
    chart = curves(f"Growth, ending at {percent(growth[-1])}", dates, drawn, axis_percent)
    falls = Curve("Fall from the peak", "fall", [day.drawdown for day in report.days])
    under = curves("Fall from the peak", dates, [falls], axis_percent, fill=True, small=True)
    tiles = (
        ("Growth a year", percent(figures.cagr), _tone(figures.cagr)),
        ("Volatility", plain_percent(figures.volatility), ""),
        ("Sharpe", ratio(figures.sharpe), ""),
        ("Sortino", ratio(figures.sortino), ""),
        ("Deepest fall", percent(figures.max_drawdown), ""),
        ("Winning trips", plain_percent(report.trip_figures.win_rate), ""),
    )
    shown = "".join(f'<div><dt>{name}</dt><dd class="{tone}">{value}</dd></div>' for name, value, tone in tiles)
    before = (
        f"₹ {money(report.capital_first)} at the start, {money(report.gross)} before charges of {money(report.charges)}"
    )
    notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
    return f"""<section class="hero">
<div class="result">
<p class="label">Net profit and loss</p>
<p class="net {_tone(report.net)}"><small>₹</small>{result(report.net)}</p>
<p class="of">{percent(figures.total_return)} compounded</p>
<p class="of">{escape(before)}</p>
<ul class="notes">{notes}</ul>
</div>
<div class="curves">{chart}{under}</div>
<dl class="tiles">{shown}</dl>
</section>"""


def _months(report: PeriodReport) -> str:
    names = [dt.date(2000, month, 1).strftime("%b") for month in range(1, 13)]
    shares = {(each.year, each.month): each for each in report.months}
    most = max((abs(each.share) for each in report.months), default=0.0) or 1.0
    rows = []
    for year, total in report.years:
        cells = []
        for month in range(1, 13):
            found = shares.get((year, month))
            if found is None:
                cells.append('<td class="none"></td>')
            else:
                shade = f'class="{_tone(found.share)}" style="--s:{abs(found.share) / most:.2f}"'
                cells.append(f'<td {shade} title="{money(found.net)}">{one_decimal(found.share)}</td>')
        rows.append(f'<tr><th scope="row">{year}</th>{"".join(cells)}<td class="year">{one_decimal(total)}</td></tr>')
    heads = "".join(f'<th scope="col">{name}</th>' for name in [*names, "Year"])
    return f"""<section class="card"><h2>Months, in percent of the capital</h2>
<div class="scroll"><table class="months">
<thead><tr><th></th>{heads}</tr></thead><tbody>{"".join(rows)}</tbody></table></div></section>"""


def _figures(report: PeriodReport) -> str:
    figures, trips = report.figures, report.trip_figures
    returns = [
        ("Return over the period", percent(figures.total_return)),
        ("Growth a year (CAGR)", percent(figures.cagr)),
        ("Volatility a year", plain_percent(figures.volatility)),
        ("Sharpe ratio", ratio(figures.sharpe)),
        ("Sortino ratio", ratio(figures.sortino)),
        ("Calmar ratio", ratio(figures.calmar)),
        ("Omega ratio", ratio(figures.omega)),
        ("Deepest fall", percent(figures.max_drawdown)),
        ("Longest under water", f"{figures.longest_fall_days} days"),
        ("Ulcer index", plain_percent(figures.ulcer_index)),
        ("Value at risk, 95 %, a day", percent(figures.value_at_risk)),
        ("Expected shortfall, 95 %, a day", percent(figures.conditional_value_at_risk)),
        ("Worst 5 % of days, on average", percent(figures.historical_cvar)),
        ("Tail ratio", ratio(figures.tail_ratio)),
        ("Skew and excess kurtosis", f"{ratio(figures.skew)} / {ratio(figures.kurtosis)}"),
        ("Winning days", plain_percent(figures.win_rate_days)),
    ]
    trades = [
        ("Round trips", f"{trips.count}"),
        ("Winners and losers", f"{trips.winners} / {trips.losers}"),
        ("Win rate", plain_percent(trips.win_rate)),
        ("Profit factor", ratio(trips.profit_factor)),
        ("Expectancy of a trip", result(trips.expectancy)),
        ("Average winner", result(trips.average_win)),
        ("Average loser", result(trips.average_loss)),
        ("Payoff ratio", ratio(trips.payoff)),
        ("Best and worst trip", f"{result(trips.largest_win)} / {result(trips.largest_loss)}"),
        ("In a row, won and lost", f"{trips.wins_in_a_row} / {trips.losses_in_a_row}"),
        ("Average time held", span(trips.average_held)),
        ("Average worst excursion", _sampled(trips.average_adverse, trips.sampled)),
        ("Average best excursion", _sampled(trips.average_favourable, trips.sampled)),
        ("Turnover", money(report.turnover)),
        ("Turnover a year, over capital", f"{ratio(report.turnover_rate)} ×"),
        ("Most exposed at once", f"{money(report.exposure_max)} ({plain_percent(report.exposure_share)})"),
    ]
    exposed = ("Days with a result", plain_percent(figures.days_exposed))
    return f"""<div class="pair">
<section class="card"><h2>Returns and risk</h2>{_table(("", "#"), [*returns, exposed])}</section>
<section class="card"><h2>Round trips, after charges</h2>{_table(("", "#"), trades)}</section>
</div>"""


def _strategies(report: PeriodReport) -> str:
    if not report.strategies:
        return ""
    heads = (
        "Strategy",
        "#Net",
        "Growth",
        "#Return*",
        "#Sharpe*",
        "#Deepest fall*",
        "#Trips*",
        "#Won*",
        "#Factor*",
        "#Charges*",
    )
    rows = [_strategy(each) for each in report.strategies]
    return f'<section class="card"><h2>Strategies</h2>{_table(heads, rows, raw=True)}</section>'


def _strategy(each: StrategyPeriod) -> Sequence[str]:
    return (
        f"<b>{escape(words(each.strategy))}</b>",
        f'<span class="{_tone(each.net)}">{result(each.net)}</span>',
        spark(each.growth),
        percent(each.figures.total_return),
        ratio(each.figures.sharpe),
        percent(each.figures.max_drawdown),
        str(each.trips.count),
        plain_percent(each.trips.win_rate),
        ratio(each.trips.profit_factor),
        money(each.charges),
    )


def _benchmark(report: PeriodReport) -> str:
    benchmark = report.benchmark
    if benchmark is None:
        return ""
    own, other = report.figures, benchmark.figures
    rows = [
        ("Return", percent(own.total_return), percent(other.total_return)),
        ("Growth a year", percent(own.cagr), percent(other.cagr)),
        ("Volatility", plain_percent(own.volatility), plain_percent(other.volatility)),
        ("Sharpe ratio", ratio(own.sharpe), ratio(other.sharpe)),
        ("Deepest fall", percent(own.max_drawdown), percent(other.max_drawdown)),
    ]
    beside = [
        ("Alpha a year", percent(benchmark.alpha)),
        ("Beta", ratio(benchmark.beta)),
        ("Correlation", ratio(benchmark.correlation)),
        ("R squared", ratio(benchmark.r_squared)),
        ("Information ratio, a day", ratio(benchmark.information_ratio)),
    ]
    name = escape(benchmark.name)
    return f"""<div class="pair">
<section class="card"><h2>Beside {name}</h2>{_table(("", "#Account", f"#{benchmark.name}"), rows)}</section>
<section class="card"><h2>Against {name}</h2>{_table(("", "#"), beside)}</section>
</div>"""


def _shape(report: PeriodReport) -> str:
    dates = [day.day for day in report.days]
    window = report.rolling_window
    rolling = curves("Rolling Sharpe ratio", dates, [Curve("Sharpe", "own", report.rolling)], _axis_ratio, small=True)
    cards = [
        (f"Sharpe ratio of the last {window} days", rolling),
        ("Round trips by net result", histogram(report.distribution)),
        ("What trips went through, and what became of them", _excursions(report.trips)),
    ]
    shown = [f'<section class="card"><h2>{name}</h2>{drawn}</section>' for name, drawn in cards if drawn]
    if not shown:
        return ""
    pair = f'<div class="pair">{"".join(shown[-2:])}</div>' if len(shown) > 1 else "".join(shown)
    return "".join(shown[:-2]) + pair


def _excursions(trips: Sequence[Trip]) -> str:
    drawn = excursions(trips)
    return f'{drawn}<p class="axis"><span>← worst excursion</span><span>net result ↑</span></p>' if drawn else ""


def _extremes(report: PeriodReport) -> str:
    days = [*report.best_days, *reversed(report.worst_days)]
    if not days:
        return ""
    results = [(date(day.day), percent(day.share), result(day.net)) for day in days]
    falls = [
        (date(fall.start), date(fall.valley), f"{fall.days}{'' if fall.recovered else ' so far'}", percent(fall.depth))
        for fall in report.falls
    ]
    return f"""<div class="pair">
<section class="card"><h2>Best and worst days</h2>{_table(("Day", "#Return", "#Net"), results)}</section>
<section class="card"><h2>Deepest falls</h2>{_table(("From", "Lowest*", "#Days", "#Depth"), falls)}</section>
</div>"""


def _charges(report: PeriodReport) -> str:
    parts = [(name, amount) for name, amount in report.components if amount]
    if not parts:
        return ""
    most = max(amount for _, amount in parts)
    rows = [
        (
            escape(CHARGE_NAMES.get(name, words(name))),
            f'<div class="bar"><i style="width:{100 * amount / most:.1f}%"></i></div>',
            money(amount),
        )
        for name, amount in parts
    ]
    rows.append(("<b>Total</b>", "", f"<b>{money(report.charges)}</b>"))
    share = f"{10_000 * report.charges / report.turnover:.2f} per ₹ 10,000 of turnover" if report.turnover else ""
    return f"""<section class="card"><h2>Charges</h2>{_table(("", "", "#"), rows, raw=True)}
<p class="hint">{share}</p></section>"""


def _tax(report: PeriodReport) -> str:
    return "" if report.tax is None else tax_section(report.tax, ROWS_MAX)


def _days(report: PeriodReport) -> str:
    heads = ("Day", "#Net", "#Return", "#Capital*", "#Charges*", "#Turnover*", "#Trades*", "#Below peak*")
    rows = [_day(day) for day in report.days[-ROWS_MAX:]]
    return _folded("Days", heads, rows, len(report.days))


def _day(day: PeriodDay) -> Sequence[str]:
    return (
        date(day.day),
        result(day.net),
        percent(day.share),
        money(day.capital),
        money(day.charges),
        money(day.turnover),
        str(day.trades),
        percent(day.drawdown),
    )


def _trips(report: PeriodReport) -> str:
    heads = (
        "Closed",
        "Strategy*",
        "Instrument",
        "Side*",
        "#Quantity*",
        "#Held*",
        "#Gross*",
        "#Charges*",
        "#Net",
        "#Worst*",
        "#Best*",
    )
    rows = [_trip(trip) for trip in report.trips[-ROWS_MAX:]]
    return _folded("Round trips", heads, rows, len(report.trips))


def _trip(trip: Trip) -> Sequence[str]:
    return (
        f"{date(ist(trip.closed).date())} {clock(trip.closed)[:5]}",
        words(trip.strategy) or "(by hand)",
        trip.instrument,
        "long" if trip.side.sign > 0 else "short",
        str(trip.quantity),
        span(trip.held),
        result(trip.gross),
        money(trip.charges),
        result(trip.net),
        NOTHING if trip.adverse is None else money(trip.adverse),
        NOTHING if trip.favourable is None else money(trip.favourable),
    )


def _foot(report: PeriodReport) -> str:
    return (
        f"<footer>Patang · {escape(report.env)} · asked for {report.start} to {report.end} · amounts in rupees · "
        "every figure is defined in docs/reports.md · the figures for programs are in period.json</footer>"
    )


# -- pieces ----------------------------------------------------------------------------------------------------------


def _folded(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    if not rows:
        return ""
    rest = f'<p class="hint">{total - len(rows)} earlier ones are in period.json</p>' if total > len(rows) else ""
    long = ' class="long"' if total > LONG else ""
    return f"""<section class="card folded"><details{long}><summary><h2>{name}</h2> <span>{total}</span></summary>
{_table(heads, rows)}{rest}</details></section>"""


def _compounded(returns: Sequence[float]) -> list[float]:
    level, levels = 1.0, []
    for each in returns:
        level *= 1 + each
        levels.append(level - 1)
    return levels


def _sampled(amount: E4 | None, count: int) -> str:
    return NOTHING if amount is None else f"{result(amount)} (of {count})"


def _axis_ratio(value: float) -> str:
    return f"{value:g}".replace("-", MINUS)


def _tone(value: float | None) -> str:
    return "gain" if value and value > 0 else "loss" if value and value < 0 else ""
