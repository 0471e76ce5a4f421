"""The books: whatever is traded, cash + positions = opening cash + realised + unrealised - charges, to the last unit."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.ledger import Ledger
from sandbox.refusal import Refusal
from tests.sandbox.desk import Desk

RUPEE = 10_000
OPENING = 10**10
SYMBOLS = ("INFY", "SBIN")
trades = st.lists(
    st.tuples(
        st.sampled_from(SYMBOLS),
        st.sampled_from(("MIS", "CNC")),
        st.sampled_from((1, -1)),
        st.integers(1, 500),
        st.integers(1, 40_000).map(lambda paise5: paise5 * 500),
        st.integers(0, 3),
        st.integers(0, 5),
    ),
    max_size=40,
)


def last_price(exchange: str, symbol: str) -> int:
    return {"INFY": 15_000_000, "SBIN": 8_725_500}[symbol]


def assert_balanced(ledger: Ledger) -> None:
    totals = ledger.totals(last_price)
    left = totals.cash + totals.positions_value
    assert left == ledger.opening_cash + totals.realised + totals.unrealised - totals.charges.total


@settings(max_examples=150, deadline=None)
@given(trades, st.booleans())
def test_cash_and_positions_balance_exactly(rows: list[Any], convert: bool) -> None:
    ledger = Ledger(OPENING)
    day = 1
    for number, (symbol, product, side, quantity, price, skip, order) in enumerate(rows):
        day += skip == 3
        key = ("NSE", symbol, product)
        # a fresh id whenever the order's key could differ: an order has one key
        ledger.book(day, f"{day}-{symbol}-{product}-{side}-{order}", key, side, quantity, price)
        if convert and number % 5 == 4:
            open_quantity = ledger.accounts[key].quantity
            other = ("NSE", symbol, "CNC" if product == "MIS" else "MIS")
            if open_quantity:
                ledger.convert(key, other, open_quantity)
        assert_balanced(ledger)

    assert ledger.trades == len(rows)


def test_lots_are_matched_first_in_first_out() -> None:
    ledger = Ledger(OPENING)
    key = ("NSE", "INFY", "MIS")
    for side, quantity, rupees in ((1, 10, 100), (1, 10, 110), (-1, 15, 120)):
        ledger.book(1, f"{side}{rupees}", key, side, quantity, rupees * RUPEE)

    assert ledger.accounts[key].realised == (10 * 20 + 5 * 10) * RUPEE
    assert list(ledger.accounts[key].lots) == [(5, 110 * RUPEE)]


def test_a_sale_through_zero_opens_a_short_at_its_own_price() -> None:
    ledger = Ledger(OPENING)
    key = ("NSE", "INFY", "MIS")
    ledger.book(1, "a", key, 1, 10, 100 * RUPEE)
    ledger.book(1, "b", key, -1, 25, 90 * RUPEE)

    assert ledger.accounts[key].realised == -100 * RUPEE
    assert list(ledger.accounts[key].lots) == [(-15, 90 * RUPEE)]


def test_a_new_day_starts_a_new_contract_note() -> None:
    ledger = Ledger(OPENING)
    key = ("NSE", "INFY", "MIS")
    ledger.book(1, "a", key, 1, 1, 3000 * RUPEE)
    ledger.book(2, "b", key, -1, 1, 3000 * RUPEE)

    # 0.003 rounds away on each day's note; on one note 0.006 would be 0.01
    assert ledger.charges().sebi == 0


orders = st.lists(
    st.tuples(
        st.sampled_from(("NSE:INFY", "NSE:CASTROLIND", "BSE:SBIN", "NFO")),
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 40),
        st.sampled_from(("MARKET", "LIMIT", "LIMIT", "SL-M")),
        st.integers(-3, 3),
        st.sampled_from(("DAY", "IOC")),
        st.sampled_from(("place", "place", "place", "cancel", "modify")),
        st.sampled_from((0, 1, 20, 300)),
    ),
    min_size=1,
    max_size=25,
)


@settings(max_examples=25, deadline=None)
@given(orders)
def test_books_balance_under_random_orders_against_the_market(rows: list[Any]) -> None:
    desk = Desk(relaxed=frozenset({"rate-limits"}))
    universe = desk.exchange.universe
    future = next(one for one in universe.all if one.is_future and one.name == "INFY")
    placed: list[str] = []
    for key, side, quantity, kind, ticks, validity, action, wait in rows:
        one = future if key == "NFO" else universe.by_key[key]
        price = desk.last(one.key) + ticks * one.tick
        form = {
            "exchange": one.exchange,
            "tradingsymbol": one.tradingsymbol,
            "transaction_type": side,
            "quantity": quantity * one.lot if one.is_future else quantity * 50,
            "order_type": kind,
            "price": price / RUPEE if kind == "LIMIT" else None,
            "trigger_price": price / RUPEE if kind.startswith("SL") else None,
            "validity": "DAY" if kind.startswith("SL") else validity,
        }
        try:
            if action == "place" or not placed:
                placed.append(desk.do(**form))
            elif action == "cancel":
                desk.engine.cancel(placed[-1])
            else:
                desk.modify(placed[-1], price=price / RUPEE)
        except Refusal:
            pass
        desk.forward(wait)
        totals = desk.exchange.ledger.totals(desk.engine.last_price)
        assert (
            totals.cash + totals.positions_value
            == totals.opening_cash + totals.realised + totals.unrealised - totals.charges.total
        )
    desk.go_to(16 * 3600)

    for order in desk.engine.orders.values():
        assert order.quantity == order.filled + order.pending + order.cancelled
        assert order.done
        assert order.fill_value == sum(trade.quantity * trade.price for trade in order.trades)
        assert order.filled == sum(trade.quantity for trade in order.trades)
    assert all(row.quantity == 0 for row in desk.exchange.portfolio.positions.values())
    assert desk.exchange.portfolio.reserved == 0
