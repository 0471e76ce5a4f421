"""The tables as data: complete, dated, sourced, and read by the day."""

import datetime as dt
import itertools
from typing import Any

import pytest

from domain.costs import ChargeKind, exercise_rate_on, fees_on, rates_on, units_per_quantity
from domain.costs.kinds import UnknownInstrument
from domain.costs.note import COMPONENTS
from domain.costs.rates import COLUMNS
from domain.costs.tables import fees
from domain.costs.tables.shape import FIRST_KNOWN, Row, per_crore, percent
from domain.errors import RatesUnknown
from domain.values import PAISA, RUPEE

K = ChargeKind


def every_table() -> list[tuple[str, tuple[Row[Any], ...]]]:
    tables: dict[str, tuple[Row[Any], ...]] = {}
    for kind, column in COLUMNS.items():
        for name in ("brokerage", "tax_buy", "tax_sell", "stamp_buy"):
            tables[f"{kind.name} {name}"] = getattr(column, name)
        tables |= {f"{kind.name} {exchange}": rows for exchange, rows in column.exchange.items()}
        if column.exercise_tax:
            tables[f"{kind.name} exercise"] = column.exercise_tax
    for name in ("SEBI_FEE", "GST_PERCENT", "BROKERAGE_CAP", "DP_CHARGE", "SQUARE_OFF_FEE"):
        tables[name] = getattr(fees, name)
    return list(tables.items())


@pytest.mark.parametrize(("name", "rows"), every_table(), ids=lambda value: value if isinstance(value, str) else "")
def test_every_table_begins_on_the_first_known_day_and_names_a_source_for_each_rate(
    name: str, rows: tuple[Row[Any], ...]
) -> None:
    assert rows[0].since == FIRST_KNOWN
    assert all(earlier.since < later.since for earlier, later in itertools.pairwise(rows))
    assert all(earlier.value != later.value for earlier, later in itertools.pairwise(rows)), (
        "a row that changes nothing"
    )
    assert all("kite-facts" in row.source or "circular" in row.source for row in rows)


def test_every_kind_of_trade_has_a_column() -> None:
    assert set(COLUMNS) == set(ChargeKind)
    assert all(column.kind is kind for kind, column in COLUMNS.items())


def test_every_component_of_the_note_has_a_rule_of_rounding() -> None:
    assert set(fees.ROUNDING) == set(COMPONENTS) - {"dp", "square_off"}
    assert {name for name, rule in fees.ROUNDING.items() if rule.unit == RUPEE} == {"stt", "stamp"}
    assert all(rule.unit == PAISA for name, rule in fees.ROUNDING.items() if name not in {"stt", "stamp"})


# One row per change of a rate: the last day of the former rate and the first of the next, kite-facts 7.1.
CHANGES = [
    ("NSE", K.EQUITY_INTRADAY, "2026-02-28", "2026-03-01", "exchange", "297", "306.99"),
    ("NSE", K.EQUITY_DELIVERY, "2026-02-28", "2026-03-01", "ipft", "10", "0.01"),
    ("NFO", K.EQUITY_FUTURE, "2026-02-28", "2026-03-01", "exchange", "173", "182.99"),
    ("NFO", K.EQUITY_FUTURE, "2026-02-28", "2026-03-01", "ipft", "10", "0.01"),
    ("NFO", K.EQUITY_OPTION, "2026-02-28", "2026-03-01", "exchange", "3503", "3552"),
    ("NFO", K.EQUITY_OPTION, "2026-02-28", "2026-03-01", "ipft", "50", "1"),
    ("NFO", K.EQUITY_FUTURE, "2026-03-31", "2026-04-01", "tax_sell", "2000", "5000"),
    ("BFO", K.EQUITY_FUTURE, "2026-03-31", "2026-04-01", "tax_sell", "2000", "5000"),
    ("NFO", K.EQUITY_OPTION, "2026-03-31", "2026-04-01", "tax_sell", "10000", "15000"),
]


@pytest.mark.parametrize(("exchange", "kind", "last", "first", "rate", "before", "after"), CHANGES)
def test_each_change_takes_effect_on_its_day(
    exchange: str, kind: ChargeKind, last: str, first: str, rate: str, before: str, after: str
) -> None:
    old, new = (rates_on(dt.date.fromisoformat(day), exchange, kind) for day in (last, first))

    assert (getattr(old, rate), getattr(new, rate)) == (per_crore(before), per_crore(after))


def test_the_tax_on_exercise_rose_with_the_act_of_2026() -> None:
    assert exercise_rate_on(dt.date(2026, 3, 31), K.EQUITY_OPTION) == percent("0.125")
    assert exercise_rate_on(dt.date(2026, 4, 1), K.EQUITY_OPTION) == percent("0.15")
    with pytest.raises(RatesUnknown, match="exercise of a commodity option"):
        exercise_rate_on(dt.date(2026, 4, 1), K.COMMODITY_OPTION)


def test_the_day_before_the_tables_is_refused_everywhere_naming_the_first_known_day() -> None:
    before = dt.date(2024, 9, 30)

    for refused in (
        lambda: rates_on(before, "NSE", K.EQUITY_DELIVERY),
        lambda: exercise_rate_on(before, K.EQUITY_OPTION),
        lambda: fees_on(before),
    ):
        with pytest.raises(RatesUnknown, match="charges on 2024-09-30 are not known: the tables begin on 2024-10-01"):
            refused()


def test_a_rate_too_fine_to_be_exact_is_refused() -> None:
    assert percent("0.00307") == per_crore("307")
    with pytest.raises(ValueError, match=r"0\.00000001 is finer"):
        percent("0.00000001")


@pytest.mark.parametrize(
    ("exchange", "symbol", "units"),
    [
        ("NSE", "INFY", 1),
        ("NFO", "NIFTY26NOVFUT", 1),
        ("CDS", "USDINR26NOVFUT", 1000),
        ("MCX", "GOLDM26DECFUT", 10),
        ("MCX", "GOLDPETAL23JULFUT", 1),
        ("MCX", "CRUDEOIL26DEC5300CE", 100),
        ("MCX", "PEPPER26DECFUT", None),
        ("MCX", "FUT", None),
    ],
)
def test_what_a_lot_is_worth_is_told_by_the_symbol_or_not_at_all(exchange: str, symbol: str, units: int | None) -> None:
    if units is None:
        with pytest.raises(UnknownInstrument, match=symbol):
            units_per_quantity(exchange, symbol)
    else:
        assert units_per_quantity(exchange, symbol) == units
