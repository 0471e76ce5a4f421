"""The period report as a JSON document.

Money is a JSON number of rupees, written digit by digit from integers, as in the end-of-day report; statistics are
JSON floats, unrounded, and null where they are not defined. Days are YYYY-MM-DD, times ISO 8601 with the IST offset.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import Struct

from domain.report.period import PeriodDay, PeriodReport, StrategyPeriod
from domain.report.period_figures import Benchmark, Figures, TradeFigures
from domain.report.period_trips import Trip
from domain.report.tax import ClosedLot, HeadTotal, TaxSheet
from domain.values import E4, SECOND, Nanos, ist, rupees

Value = object
"""Whatever msgspec can encode."""


def as_json(report: PeriodReport) -> bytes:
    """The whole report, indented, with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(document(report)), indent=2) + b"\n"


def document(report: PeriodReport) -> dict[str, Value]:
    """The report as plain values in the order in which a reader wants them."""
    return {
        "env": report.env,
        "from": report.start.isoformat(),
        "to": report.end.isoformat(),
        "strategy": report.strategy or None,
        "trading_days": len(report.days),
        "capital_first": _money(report.capital_first),
        "gross": _money(report.gross),
        "charges": _money(report.charges),
        "charge_components": {name: _money(amount) for name, amount in report.components},
        "net": _money(report.net),
        "turnover": _money(report.turnover),
        "turnover_rate": report.turnover_rate,
        "exposure_max": _money(report.exposure_max),
        "exposure_share": report.exposure_share,
        "trades": report.trades,
        "figures": _figures(report.figures),
        "round_trips": _trip_figures(report.trip_figures),
        "benchmark": None if report.benchmark is None else _benchmark(report.benchmark),
        "months": [
            {"month": f"{each.year}-{each.month:02d}", "net": _money(each.net), "return": each.share}
            for each in report.months
        ],
        "years": {str(year): share for year, share in report.years},
        "strategies": [_strategy(each) for each in report.strategies],
        "best_days": [_day(each) for each in report.best_days],
        "worst_days": [_day(each) for each in report.worst_days],
        "falls": [
            {
                "start": fall.start.isoformat(),
                "valley": fall.valley.isoformat(),
                "end": fall.end.isoformat(),
                "depth": fall.depth,
                "days": fall.days,
                "recovered": fall.recovered,
            }
            for fall in report.falls
        ],
        "distribution": [
            {"low": _money(each.low), "high": _money(each.high), "count": each.count} for each in report.distribution
        ],
        "rolling_window": report.rolling_window,
        "rolling_sharpe": list(report.rolling),
        "days": [_day(each) for each in report.days],
        "trip_list": [_trip(each) for each in report.trips],
        "tax": None if report.tax is None else _tax(report.tax),
        "notes": list(report.notes),
    }


def _day(day: PeriodDay) -> dict[str, Value]:
    return {
        "day": day.day.isoformat(),
        "capital": _money(day.capital),
        "gross": _money(day.gross),
        "charges": _money(day.charges),
        "net": _money(day.net),
        "turnover": _money(day.turnover),
        "trades": day.trades,
        "return": day.share,
        "growth": day.growth,
        "drawdown": day.drawdown,
    }


def _figures(figures: Figures) -> dict[str, Value]:
    return _fields(figures)


def _trip_figures(figures: TradeFigures) -> dict[str, Value]:
    money = {"gross", "charges", "net", "expectancy", "average_win", "average_loss", "largest_win", "largest_loss"}
    money |= {"average_adverse", "average_favourable"}
    fields = {
        name: _money(value) if name in money and isinstance(value, int) else value
        for name, value in _fields(figures).items()
        if name != "average_held"
    }
    return fields | {"average_held_seconds": _seconds(figures.average_held)}


def _benchmark(benchmark: Benchmark) -> dict[str, Value]:
    fields = _fields(benchmark)
    return fields | {"figures": _figures(benchmark.figures), "returns": list(benchmark.returns)}


def _strategy(strategy: StrategyPeriod) -> dict[str, Value]:
    return {
        "strategy": strategy.strategy,
        "gross": _money(strategy.gross),
        "charges": _money(strategy.charges),
        "net": _money(strategy.net),
        "turnover": _money(strategy.turnover),
        "trades": strategy.trades,
        "figures": _figures(strategy.figures),
        "round_trips": _trip_figures(strategy.trips),
        "growth": list(strategy.growth),
    }


def _trip(trip: Trip) -> dict[str, Value]:
    return {
        "strategy": trip.strategy,
        "instrument": trip.instrument,
        "product": trip.product.value,
        "side": trip.side.value,
        "quantity": trip.quantity,
        "entry_value": _money(trip.entry),
        "exit_value": _money(trip.exit),
        "opened": _time(trip.opened),
        "closed": _time(trip.closed),
        "held_seconds": _seconds(trip.held),
        "gross": _money(trip.gross),
        "charges": _money(trip.charges),
        "net": _money(trip.net),
        "adverse": None if trip.adverse is None else _money(trip.adverse),
        "favourable": None if trip.favourable is None else _money(trip.favourable),
    }


def _tax(sheet: TaxSheet) -> dict[str, Value]:
    return {
        "heads": [_head(each) for each in sheet.heads],
        "lots": [_lot(each) for each in sheet.lots],
        "open_lots": [
            {
                "instrument": lot.instrument,
                "opened": lot.opened.isoformat(),
                "quantity": lot.quantity,
                "value": _money(lot.value),
                "days": lot.days,
            }
            for lot in sheet.open_lots
        ],
        "unmatched": [
            {
                "instrument": each.instrument,
                "sold": each.sold.isoformat(),
                "quantity": each.quantity,
                "proceeds": _money(each.proceeds),
            }
            for each in sheet.unmatched
        ],
    }


def _head(total: HeadTotal) -> dict[str, Value]:
    return {
        "head": total.head.name.lower(),
        "name": total.head.value,
        "lots": total.lots,
        "turnover": _money(total.turnover),
        "premium_sold": _money(total.premium_sold),
        "cost": _money(total.cost),
        "proceeds": _money(total.proceeds),
        "gross": _money(total.gross),
        "charges": _money(total.charges),
        "transaction_tax": _money(total.tax),
        "result": _money(total.result),
        "profits": _money(total.profits),
        "losses": _money(total.losses),
    }


def _lot(lot: ClosedLot) -> dict[str, Value]:
    return {
        "head": lot.head.name.lower(),
        "instrument": lot.instrument,
        "opened": lot.opened.isoformat(),
        "closed": lot.closed.isoformat(),
        "days": lot.days,
        "quantity": lot.quantity,
        "cost": _money(lot.cost),
        "proceeds": _money(lot.proceeds),
        "gross": _money(lot.gross),
        "charges": _money(lot.charges),
        "transaction_tax": _money(lot.tax),
        "result": _money(lot.result),
    }


def _fields(struct: Struct) -> dict[str, Value]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__}


def table(rows: Iterable[dict[str, Value]]) -> list[list[str]]:
    """Rows of the document as text, the keys first: what a spreadsheet reads. No rows give an empty table."""
    listed = list(rows)
    if not listed:
        return []
    return [list(listed[0]), *([_cell(value) for value in row.values()] for row in listed)]


def day_table(report: PeriodReport) -> list[list[str]]:
    """A row per day."""
    return table(_day(each) for each in report.days)


def trip_table(report: PeriodReport) -> list[list[str]]:
    """A row per round trip."""
    return table(_trip(each) for each in report.trips)


def lot_table(report: PeriodReport) -> list[list[str]]:
    """A row per closed lot of the tax sheet."""
    return [] if report.tax is None else table(_lot(each) for each in report.tax.lots)


def _cell(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, msgspec.Raw):
        return bytes(value).decode()
    text = str(value)
    # A spreadsheet takes text that begins like this for a formula.
    return f"'{text}" if isinstance(value, str) and text.startswith(("=", "+", "-", "@")) else text


def _money(amount: E4) -> msgspec.Raw:
    return msgspec.Raw(rupees(amount).encode())


def _seconds(span: Nanos | None) -> int | None:
    return None if span is None else span // SECOND


def _time(instant: Nanos) -> str:
    return ist(instant).isoformat(timespec="seconds")
