"""Which head a closed lot belongs under, what turnover is, and that nothing is lost or guessed."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.report.period_days import DayResult, day_results
from domain.report.tax import Head, TaxSheet, is_long_term, tax_sheet
from domain.values import RUPEE, Instrument, InstrumentKind, Product
from tests.report_period.journals import Trades, day_of, journal, opened, results

MON, TUE, WED = "2026-11-16", "2026-11-17", "2026-11-18"
FUTURE, CALL = "NFO:NIFTY26NOVFUT", "NFO:NIFTY26N2425000CE"
CNC, MIS, NRML = Product.CNC, Product.MIS, Product.NRML

Row = tuple[str, int, float, str, Product]
"""Day, signed quantity, price, instrument, product."""


def days_of(rows: list[Row]) -> tuple[DayResult, ...]:
    trade = Trades()
    events: list[Any] = []
    last = ""
    for minute, (day, quantity, price, instrument, product) in enumerate(rows):
        if day != last:
            events.append(opened(day, 1_000_000))
            last = day
        events.append(trade(day, f"10:{minute:02d}", quantity, price, instrument, product))
    return results(events)


def sheet_of(rows: list[Row], start: str = "2024-10-01", end: str = "2026-12-31") -> TaxSheet:
    return tax_sheet(days_of(rows), day_of(start), day_of(end))


def shape(sheet: TaxSheet) -> list[tuple[str, int, int, int]]:
    """(head, quantity, gross rupees, days held) of each lot."""
    return [(lot.head.name, lot.quantity, lot.gross // RUPEE, lot.days) for lot in sheet.lots]


CASES: dict[str, tuple[list[Row], list[tuple[str, int, int, int]]]] = {
    "bought and sold within the day": (
        [(MON, 10, 100, "NSE:INFY", MIS), (MON, -10, 103, "NSE:INFY", MIS)],
        [("INTRADAY", 10, 30, 0)],
    ),
    "sold short and bought back": (
        [(MON, -10, 100, "NSE:INFY", MIS), (MON, 10, 103, "NSE:INFY", MIS)],
        [("INTRADAY", 10, -30, 0)],
    ),
    "delivery bought and sold on one day is intraday": (
        [(MON, 10, 100, "NSE:INFY", CNC), (MON, -10, 103, "NSE:INFY", CNC)],
        [("INTRADAY", 10, 30, 0)],
    ),
    "the rest of such a day is delivered": (
        [(MON, 10, 100, "NSE:INFY", CNC), (MON, -4, 103, "NSE:INFY", CNC), (TUE, -6, 110, "NSE:INFY", CNC)],
        [("INTRADAY", 4, 12, 0), ("SHORT_TERM", 6, 60, 1)],
    ),
    "first in, first out over lots": (
        [(MON, 10, 100, "NSE:INFY", CNC), (TUE, 10, 120, "NSE:INFY", CNC), (WED, -15, 130, "NSE:INFY", CNC)],
        [("SHORT_TERM", 10, 300, 2), ("SHORT_TERM", 5, 50, 1)],
    ),
    "an intraday position left overnight was delivered": (
        [(MON, 10, 100, "NSE:INFY", MIS), (TUE, -10, 105, "NSE:INFY", CNC)],
        [("SHORT_TERM", 10, 50, 1)],
    ),
    "of two products on one day nothing was delivered either": (
        [(MON, 10, 100, "NSE:INFY", CNC), (MON, -10, 105, "NSE:INFY", MIS)],
        [("INTRADAY", 10, 50, 0)],
    ),
    "a product is matched by itself first": (
        [(MON, 10, 100, "NSE:INFY", CNC), (MON, 10, 101, "NSE:INFY", MIS), (MON, -10, 105, "NSE:INFY", MIS)],
        [("INTRADAY", 10, 40, 0)],
    ),
    "margin-funded shares are delivered": (
        [(MON, 10, 100, "NSE:INFY", Product.MTF), (TUE, -10, 105, "NSE:INFY", Product.MTF)],
        [("SHORT_TERM", 10, 50, 1)],
    ),
    "a year and a day is long": (
        [("2025-03-03", 10, 100, "NSE:INFY", CNC), ("2026-03-04", -10, 150, "NSE:INFY", CNC)],
        [("LONG_TERM", 10, 500, 366)],
    ),
    "a year to the day is short": (
        [("2025-03-03", 10, 100, "NSE:INFY", CNC), ("2026-03-03", -10, 150, "NSE:INFY", CNC)],
        [("SHORT_TERM", 10, 500, 365)],
    ),
    "a future carried over days": (
        [(MON, 65, 26_000, FUTURE, NRML), (WED, -65, 26_010, FUTURE, NRML)],
        [("FUTURES", 65, 650, 2)],
    ),
    "a future within the day is no speculation": (
        [(MON, 65, 26_000, FUTURE, MIS), (MON, -65, 26_010, FUTURE, MIS)],
        [("FUTURES", 65, 650, 0)],
    ),
    "an option written and bought back": (
        [(MON, -65, 200, CALL, NRML), (TUE, 65, 150, CALL, NRML)],
        [("OPTIONS", 65, 3250, 1)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_lot_under_its_head(case: str) -> None:
    rows, expected = CASES[case]

    assert shape(sheet_of(rows)) == expected


def head(sheet: TaxSheet, wanted: Head) -> Any:
    (total,) = [each for each in sheet.heads if each.head is wanted]
    return total


def test_turnover_of_business_is_the_sum_of_absolute_results_and_of_gains_the_proceeds() -> None:
    sheet = sheet_of(
        [
            (MON, 10, 100, "NSE:INFY", MIS), (MON, -10, 103, "NSE:INFY", MIS),
            (MON, 10, 100, "NSE:SBIN", MIS), (MON, -10, 95, "NSE:SBIN", MIS),
            (MON, -65, 200, CALL, NRML), (MON, 65, 210, CALL, NRML),
            (MON, 10, 100, "NSE:TCS", CNC), (TUE, -10, 90, "NSE:TCS", CNC),
        ]
    )  # fmt: skip

    assert head(sheet, Head.INTRADAY).turnover == 80 * RUPEE
    assert head(sheet, Head.OPTIONS).turnover == 650 * RUPEE
    assert head(sheet, Head.OPTIONS).premium_sold == 13_000 * RUPEE, "stated apart"
    assert head(sheet, Head.INTRADAY).premium_sold == 0
    assert head(sheet, Head.SHORT_TERM).turnover == 900 * RUPEE
    assert head(sheet, Head.LONG_TERM).lots == 0


def test_transaction_tax_is_an_expense_of_business_and_not_of_gains() -> None:
    sheet = sheet_of(
        [
            (MON, 1000, 100, "NSE:INFY", MIS), (MON, -1000, 103, "NSE:INFY", MIS),
            (MON, 1000, 100, "NSE:TCS", CNC), (TUE, -1000, 110, "NSE:TCS", CNC),
        ]
    )  # fmt: skip
    business, gain = head(sheet, Head.INTRADAY), head(sheet, Head.SHORT_TERM)

    assert (business.tax, gain.tax) == (26 * RUPEE, 210 * RUPEE), "0.025 % of the sale; 0.1 % of both"
    assert business.result == business.gross - business.charges - business.tax
    assert gain.result == gain.gross - gain.charges
    assert gain.charges > 15 * RUPEE, "stamp duty, and the depository's"


def test_a_sale_whose_purchase_is_not_known_is_listed_and_its_gain_is_not_guessed() -> None:
    sheet = sheet_of([(MON, 4, 100, "NSE:INFY", CNC), (TUE, -10, 110, "NSE:INFY", CNC)])

    assert shape(sheet) == [("SHORT_TERM", 4, 40, 1)]
    assert [(each.instrument, each.quantity, each.proceeds // RUPEE) for each in sheet.unmatched] == [
        ("NSE:INFY", 6, 660)
    ]


def test_the_period_counts_what_closed_in_it_with_lots_from_before() -> None:
    rows: list[Row] = [
        ("2026-03-02", 10, 100, "NSE:INFY", CNC),
        ("2026-03-30", -4, 110, "NSE:INFY", CNC),
        ("2026-04-01", -4, 120, "NSE:INFY", CNC),
        ("2026-05-04", -1, 130, "NSE:INFY", CNC),
    ]

    sheet = sheet_of(rows, "2026-04-01", "2026-04-30")

    assert shape(sheet) == [("SHORT_TERM", 4, 80, 30)]
    assert [(lot.quantity, lot.days) for lot in sheet.open_lots] == [(2, 59)], "as it stood at the period's end"


@pytest.mark.parametrize(
    ("bought", "sold", "long"),
    [
        ("2025-01-10", "2026-01-10", False),
        ("2025-01-10", "2026-01-11", True),
        ("2024-02-29", "2025-02-28", False),
        ("2024-02-29", "2025-03-01", True),
        ("2025-06-01", "2025-12-01", False),
    ],
)
def test_long_term_begins_the_day_after_a_year(bought: str, sold: str, long: bool) -> None:
    assert is_long_term(day_of(bought), day_of(sold)) is long


def test_commodities_and_currencies_have_their_heads_and_multipliers() -> None:
    gold = Instrument(
        token=7, exchange="MCX", symbol="GOLDM26DECFUT", kind=InstrumentKind.FUTURE, tick_size=RUPEE, multiplier=10
    )
    dollar = Instrument(
        token=8, exchange="CDS", symbol="USDINR26NOV89CE", kind=InstrumentKind.CALL, tick_size=25, multiplier=1000
    )
    trade = Trades()
    events = [
        opened(MON, 1_000_000),
        *(trade(MON, f"1{n}:00", sign, 124_000 + n, gold.key, NRML) for n, sign in enumerate([1, -1])),
        *(trade(MON, f"1{n}:30", sign, 0.5 - n / 4, dollar.key, NRML) for n, sign in enumerate([-2, 2])),
    ]
    days = day_results(journal(events), lambda _: None, {one.key: one for one in (gold, dollar)})
    sheet = tax_sheet(days, dt.date(2026, 1, 1), dt.date(2026, 12, 31))

    assert [(lot.head, lot.gross // RUPEE) for lot in sheet.lots] == [(Head.COMMODITY, 10), (Head.CURRENCY, 500)]
    assert head(sheet, Head.CURRENCY).premium_sold == 1000 * RUPEE


@settings(max_examples=60)
@given(st.integers(0, 10**9))
def test_nothing_is_lost(seed: int) -> None:
    """Once everything is closed, the heads' sums are the account's: result, charges and tax."""
    rng = random.Random(seed)
    rows: list[Row] = []
    net: dict[tuple[str, Product], int] = {}
    for day in (MON, TUE):
        for _ in range(rng.randint(1, 12)):
            instrument, product = rng.choice([("NSE:INFY", MIS), ("NSE:INFY", CNC), (FUTURE, NRML), (CALL, NRML)])
            quantity = rng.choice([-1, 1]) * rng.randint(1, 50)
            if product is not NRML and net.get((instrument, product), 0) + quantity < 0:
                quantity = abs(quantity)  # no sale without shares: its gain would be unknown
            rows.append((day, quantity, rng.randint(90, 110), instrument, product))
            net[instrument, product] = net.get((instrument, product), 0) + quantity
    rows += [(WED, -left, 100, instrument, product) for (instrument, product), left in net.items() if left]

    sheet = sheet_of(rows)

    spent = sum(quantity * price for _, quantity, price, _, _ in rows)
    assert sum(total.gross for total in sheet.heads) == -spent * RUPEE
    assert sheet.open_lots == () and sheet.unmatched == ()
    days = days_of(rows)
    assert sum(total.charges + total.tax for total in sheet.heads) == sum(day.charges for day in days)
    assert sum(total.tax for total in sheet.heads) == sum(dict(day.components)["stt"] for day in days)
