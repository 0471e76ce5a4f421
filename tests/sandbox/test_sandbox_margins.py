"""Margins of contracts, the funds they leave, and how contracts end."""

from datetime import date, timedelta
from typing import Any

import pytest

from sandbox.charges import BUY, SELL, ExecutedOrder, exercise_tax, kind_of, note_charges, order_charges, tariff_of
from sandbox.instruments import Instrument
from sandbox.ledger import Ledger
from sandbox.margins import Margin, RiskLeg
from sandbox.refusal import Refusal
from tests.sandbox.desk import FRIDAY, RUPEE, Desk

EXPIRY = date(2026, 11, 23)
LOT = 65


def near(desk: Desk, kind: str, away: int = 0, expiry: date = EXPIRY) -> Instrument:
    """A NIFTY option `away` strikes from the money."""
    chain = sorted(
        (
            one
            for one in desk.exchange.universe.all
            if (one.name, one.option, one.expiry, one.exchange) == ("NIFTY", kind, expiry, "NFO")
        ),
        key=lambda one: one.strike,
    )
    spot = desk.exchange.market.spot(chain[0], desk.exchange.clock.now_ns(), FRIDAY)
    middle = min(range(len(chain)), key=lambda place: abs(chain[place].strike - spot))
    return chain[middle + away]


def future(desk: Desk, month: str = "NOV") -> Instrument:
    return desk.exchange.universe.by_key[f"NFO:NIFTY26{month}FUT"]


def scan(desk: Desk, *legs: tuple[Instrument, int]) -> Margin:
    return desk.exchange.margins.scan([RiskLeg(one, quantity, desk.last(one.key)) for one, quantity in legs])


def test_a_future_blocks_its_scan_range_and_exposure(desk: Desk) -> None:
    one = future(desk)
    value = LOT * desk.last(one.key)

    for quantity in (LOT, -LOT):
        margin = scan(desk, (one, quantity))
        assert margin.span == pytest.approx(value * 0.10, abs=1)
        assert margin.exposure == value * 2 // 100


def test_a_bought_option_lowers_what_a_sold_one_blocks(desk: Desk) -> None:
    short, hedge = near(desk, "CE"), near(desk, "CE", 4)
    naked = scan(desk, (short, -LOT))
    spread = scan(desk, (short, -LOT), (hedge, LOT))

    assert naked.span > 0.06 * LOT * desk.last("NSE:NIFTY 50")
    assert spread.span < naked.span * 0.5
    width = LOT * (hedge.strike - short.strike)
    assert spread.span <= width  # no more than it can lose
    assert scan(desk, (hedge, LOT)).exposure == 0


def test_a_hedged_future_and_a_calendar_spread(desk: Desk) -> None:
    outright = scan(desk, (future(desk), LOT))
    hedged = scan(desk, (future(desk), LOT), (near(desk, "PE"), LOT))
    calendar = scan(desk, (future(desk), LOT), (future(desk, "DEC"), -LOT))

    assert hedged.span < outright.span * 0.5
    assert 0.1 * outright.span < calendar.span < 0.4 * outright.span


def option(desk: Desk, one: Instrument, side: str, **form: object) -> Any:
    order = desk.do(
        exchange="NFO",
        tradingsymbol=one.tradingsymbol,
        transaction_type=side,
        product="NRML",
        order_type="LIMIT",
        price=desk.rupees(one.key, 20 if side == "BUY" else -20),
        quantity=LOT,
        **form,
    )
    return desk.row(order)


def available(desk: Desk) -> int:
    return desk.exchange.portfolio.available()


def test_a_bought_option_costs_its_premium_and_gives_it_back(desk: Desk) -> None:
    one = near(desk, "CE")
    before = available(desk)
    bought = option(desk, one, "BUY")
    assert bought["status"] == "COMPLETE"
    paid = round(bought["average_price"] * LOT * RUPEE)
    assert available(desk) == pytest.approx(before - paid, abs=LOT)
    sold = option(desk, one, "SELL")
    received = round(sold["average_price"] * LOT * RUPEE)

    assert available(desk) == pytest.approx(before - paid + received, abs=LOT)


def test_selling_an_option_needs_its_risk() -> None:
    poor = Desk(opening_cash=50_000)
    one = near(poor, "CE")
    row = option(poor, one, "SELL")
    assert (row["status"], row["status_message"][:19]) == ("REJECTED", "Insufficient funds.")
    rich = Desk(opening_cash=500_000)
    assert option(rich, near(rich, "CE"), "SELL")["status"] == "COMPLETE"
    assert available(rich) < 500_000 * RUPEE * 0.75


def test_a_hedge_cannot_be_sold_from_under_a_short() -> None:
    """With just enough money for the spread, the leg that protects it may not go first."""
    desk = Desk(opening_cash=120_000)
    short, hedge = near(desk, "CE"), near(desk, "CE", 2)
    assert option(desk, hedge, "BUY")["status"] == "COMPLETE"
    assert option(desk, short, "SELL")["status"] == "COMPLETE"
    assert option(desk, hedge, "SELL")["status"] == "REJECTED"

    assert option(desk, short, "BUY")["status"] == "COMPLETE"
    assert option(desk, hedge, "SELL")["status"] == "COMPLETE"


def test_commodities_count_in_lots_of_many_units() -> None:
    desk = Desk(opening_cash=10**7)
    form = {"exchange": "MCX", "tradingsymbol": "CRUDEOIL26DECFUT", "product": "NRML", "quantity": 2}
    row = desk.row(desk.do(**form))
    position = desk.exchange.portfolio.positions["MCX", "CRUDEOIL26DECFUT", "NRML"].row(
        desk.last("MCX:CRUDEOIL26DECFUT")
    )

    assert (position["multiplier"], position["quantity"]) == (100, 2)
    assert position["buy_price"] == row["average_price"]
    assert position["buy_value"] == pytest.approx(200 * row["average_price"])  # type: ignore[operator]  # JSON
    totals = desk.exchange.ledger.totals(desk.engine.last_price)
    assert totals.cash + totals.positions_value == totals.opening_cash + totals.unrealised - totals.charges.total
    assert totals.positions_value == 200 * desk.last("MCX:CRUDEOIL26DECFUT")


# Expiry


def test_contracts_end_in_cash_with_the_exercises_tax() -> None:
    desk = Desk(opening_cash=10**8)
    deep, dead, fut = near(desk, "CE", -12), near(desk, "CE", 18), future(desk)
    for one in (deep, dead):
        assert option(desk, one, "BUY")["status"] == "COMPLETE"
    desk.do(exchange="NFO", tradingsymbol=fut.tradingsymbol, product="NRML", quantity=LOT)
    desk.go_to(15 * 3600 + 39 * 60, EXPIRY)
    keys = [("NFO", one.tradingsymbol, "NRML") for one in (deep, dead, fut)]
    assert [desk.exchange.portfolio.net(key) for key in keys] == [LOT] * 3
    before = desk.exchange.ledger.charges()
    desk.go_to(15 * 3600 + 40 * 60, EXPIRY)

    ledger = desk.exchange.ledger
    assert [desk.exchange.portfolio.net(key) for key in keys] == [0] * 3
    worth = [desk.exchange.market.settlement(one) for one in (deep, dead, fut)]
    assert worth[0] > 0
    assert worth[1] == 0
    assert [ledger.accounts[key].sell_value for key in keys] == [LOT * price for price in worth]
    taxes = ledger.charges().stt - before.stt
    assert taxes == exercise_tax(EXPIRY, LOT * worth[0])
    totals = ledger.totals(desk.engine.last_price)
    assert totals.cash + totals.positions_value == totals.opening_cash + totals.realised - totals.charges.total
    desk.go_to(10 * 3600, date(2026, 11, 25))
    with pytest.raises(Refusal, match="expired or does not exist"):
        desk.place(exchange="NFO", tradingsymbol=dead.tradingsymbol, product="NRML", order_type="LIMIT", price="5")
    assert desk.exchange.portfolio.positions == {}


def test_funds_do_not_jump_over_night(desk: Desk) -> None:
    """What is carried costs the same in the morning, but for the charges of the day."""
    desk.exchange.portfolio.day_cash += 10**10
    desk.exchange.ledger._gross_cash += 10**10
    desk.do(exchange="NFO", tradingsymbol="NIFTY26DECFUT", product="NRML", quantity=LOT)
    option(desk, near(desk, "CE", 0, date(2026, 12, 29)), "BUY")
    desk.go_to(20 * 3600)
    evening = desk.exchange.portfolio.day_cash - desk.exchange.portfolio.used_margin().premium
    charges = desk.exchange.ledger.charges().total
    desk.go_to(7 * 3600, EXPIRY)

    morning = desk.exchange.portfolio.day_cash - desk.exchange.portfolio.used_margin().premium
    assert morning == evening - charges


# Charges of all segments: exchange, product, symbol, side, turnover, then brokerage, tax, exchange, sebi, gst, stamp

WORKED = [
    ("NFO", "NRML", "NIFTY26NOV26000CE", BUY, 9750, 20, 0, 3.464175, 0.00975, 4.2253065, 0.2925),
    ("NFO", "NRML", "NIFTY26NOV26000CE", SELL, 9750, 20, 14.625, 3.464175, 0.00975, 4.2253065, 0),
    ("BFO", "NRML", "SENSEX26NOV85000PE", SELL, 10_000, 20, 15, 3.25, 0.01, 4.1868, 0),
    ("BFO", "NRML", "SENSEX26NOVFUT", SELL, 1_000_000, 20, 500, 0, 1, 3.78, 0),
    ("CDS", "NRML", "USDINR26NOVFUT", BUY, 89_000, 20, 0, 0.3115, 0.089, 3.67209, 0.089),
    ("MCX", "NRML", "CRUDEOIL26DECFUT", SELL, 532_000, 20, 53.2, 11.172, 0.532, 5.70672, 0),
    ("MCX", "NRML", "CRUDEOIL26DEC5300CE", SELL, 10_000, 20, 5, 4.18, 0.01, 4.3542, 0),
    ("NSE", "MTF", "INFY", BUY, 15_000, 0, 15, 0.4605, 0.015, 0.08559, 2.25),
    ("NSE", "CO", "INFY", BUY, 20_000, 6, 0, 0.614, 0.02, 1.19412, 0.6),
]


@pytest.mark.parametrize("row", WORKED, ids=[f"{row[0]} {row[2]} {row[3]}" for row in WORKED])
def test_charges_of_every_segment(row: tuple[Any, ...]) -> None:
    exchange, product, symbol, side, turnover, *expected = row
    one = order_charges(exchange, product, side, turnover * RUPEE, symbol, FRIDAY)

    parts = [float(part) / RUPEE for part in (one.brokerage, one.tax, one.exchange, one.sebi, one.gst, one.stamp)]
    assert parts == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize(
    ("day", "future_tax", "option_tax", "exercise"),
    [
        (date(2024, 9, 30), 0.0125, 0.0625, 0.125),
        (date(2024, 10, 1), 0.02, 0.1, 0.125),
        (date(2026, 3, 31), 0.02, 0.1, 0.125),
        (date(2026, 4, 1), 0.05, 0.15, 0.15),
    ],
)
def test_taxes_follow_the_date(day: date, future_tax: float, option_tax: float, exercise: float) -> None:
    assert float(tariff_of("NFO", "futures", day).tax_sell) * 100 == pytest.approx(future_tax)
    assert float(tariff_of("NFO", "options", day).tax_sell) * 100 == pytest.approx(option_tax)
    assert exercise_tax(day, 100_000 * RUPEE) == round(1000 * exercise) * RUPEE


def test_the_march_2026_change_left_the_sums_alone_and_moved_the_base_of_gst() -> None:
    before, after = tariff_of("NSE", "intraday", date(2026, 2, 27)), tariff_of("NSE", "intraday", date(2026, 3, 2))

    assert before.exchange + before.ipft == after.exchange + after.ipft
    assert before.exchange < after.exchange


def test_the_books_use_the_rates_of_the_day() -> None:
    ledger = Ledger(10**10)
    day = date(2024, 9, 30)
    for step in (0, 1):
        ledger.book(
            (day + timedelta(days=step)).toordinal(), f"{step}", ("NFO", "NIFTY24OCTFUT", "NRML"), SELL, 1, 10**10
        )
        ledger.charges()
    expected = [
        note_charges([ExecutedOrder("NFO", "NIFTY24OCTFUT", "NRML", SELL, 10**10)], day=day + timedelta(days=step))
        for step in (0, 1)
    ]

    assert expected[0].stt != expected[1].stt
    assert ledger.charges() == expected[0].plus(expected[1])


def test_kinds() -> None:
    assert kind_of("NSE", "CNC", "ICICIPRICE") == "delivery"
    assert kind_of("MCX", "MIS", "GOLDM26DEC124000PE") == "commodity options"
