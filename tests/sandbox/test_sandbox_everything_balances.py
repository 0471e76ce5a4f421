"""Random orders of every variety in every segment, over nights and expiries: books and rows stay consistent."""

from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.gtt import GttOrder, GttRequest
from sandbox.refusal import Refusal
from tests.sandbox.desk import RUPEE, Desk

LAST_DAY = date(2026, 11, 25)
DESK_OPTIONS: dict[str, Any] = {"opening_cash": 10**8, "relaxed": frozenset({"amo-window", "far-month"})}
UNIVERSE = Desk(**DESK_OPTIONS).exchange.universe


def nearest(name: str, option: str) -> str:
    """An option of the nearest expiry, in the middle of its chain."""
    chain = sorted(
        (one for one in UNIVERSE.all if one.name == name and one.option == option), key=lambda one: one.strike
    )
    first = min(one.expiry for one in chain if one.expiry)
    chain = [one for one in chain if one.expiry == first]
    return chain[len(chain) // 2].key


KEYS = (
    "NSE:INFY",
    "NSE:CASTROLIND",
    "BSE:SBIN",
    "NFO:NIFTY26NOVFUT",
    nearest("NIFTY", "CE"),
    nearest("NIFTY", "PE"),
    nearest("INFY", "CE"),
    "CDS:USDINR26DECFUT",
    "MCX:CRUDEOIL26DECFUT",
)
steps = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 6),
        st.sampled_from(("LIMIT", "MARKET", "SL")),
        st.integers(-8, 8),
        st.sampled_from(("intraday", "carried")),
        st.sampled_from(("regular", "regular", "amo", "co", "iceberg", "cancel", "modify", "gtt", "convert")),
        st.sampled_from((0, 5, 900, 20_000)),
    ),
    min_size=1,
    max_size=25,
)


def assert_consistent(desk: Desk) -> None:
    totals = desk.exchange.ledger.totals(desk.engine.last_price)
    left = totals.cash + totals.positions_value
    assert left == totals.opening_cash + totals.realised + totals.unrealised - totals.charges.total
    for order in desk.engine.orders.values():
        assert order.quantity == order.filled + order.pending + order.cancelled
        assert min(order.filled, order.pending, order.cancelled) >= 0
        assert order.filled == sum(trade.quantity for trade in order.trades)
    assert desk.exchange.portfolio.reserved == sum(order.reserved for order in desk.engine.orders.values())
    held: dict[tuple[str, str, str], int] = {}
    for key, row in desk.exchange.portfolio.positions.items():
        held[key] = row.quantity
    for (exchange, symbol), holding in desk.exchange.portfolio.holdings.items():
        key = (exchange, symbol, "CNC")
        held[key] = held.get(key, 0) + holding.quantity + holding.t1_quantity
    booked = {key: account.quantity for key, account in desk.exchange.ledger.accounts.items() if account.quantity}
    assert booked == {key: quantity for key, quantity in held.items() if quantity}


def do(desk: Desk, step: tuple[Any, ...], placed: list[str]) -> None:
    key, side, size, kind, ticks, term, action, _ = step
    one = UNIVERSE.by_key[key]
    price = max(desk.last(key) + ticks * one.tick, one.tick)
    product = "MIS" if term == "intraday" else "NRML" if one.is_derivative else "CNC"
    quantity = size * one.lot * (1 if one.is_derivative else 10)
    sign = 1 if side == "BUY" else -1
    if action == "cancel":
        desk.engine.cancel(placed[-1])
    elif action == "modify":
        desk.modify(placed[-1], price=price / RUPEE)
    elif action == "gtt":
        order = GttOrder(sign, quantity, "NRML" if one.is_derivative else "CNC", price)
        desk.engine.gtts.place(GttRequest(False, one, (price,), desk.last(key), (order,)))
    elif action == "convert":
        new = "NRML" if one.is_derivative else "CNC"
        desk.exchange.portfolio.convert(one, sign, quantity, "MIS", new)
    else:
        form: dict[str, Any] = {
            "exchange": one.exchange,
            "tradingsymbol": one.tradingsymbol,
            "transaction_type": side,
            "quantity": quantity,
            "product": "MIS" if action == "co" else product,
            "order_type": kind,
            "price": price / RUPEE if kind != "MARKET" else None,
            "trigger_price": (desk.last(key) - (sign if action == "co" else -sign) * one.tick * 3) / RUPEE,
        }
        if action == "iceberg":
            form |= {"iceberg_legs": 2, "iceberg_quantity": -(-size // 2) * quantity // size}
        placed.append(desk.do(action, **form))


@settings(max_examples=30, deadline=None)
@given(steps)
def test_books_rows_and_holdings_agree_whatever_is_done(rows: list[tuple[Any, ...]]) -> None:
    desk = Desk(**DESK_OPTIONS)
    placed: list[str] = []
    for step in rows:
        try:
            do(desk, step, placed)
        except (Refusal, ValueError, IndexError):
            pass  # refused, nothing to convert, or nothing placed yet
        desk.settle()
        desk.forward(step[-1])
        assert_consistent(desk)
    if desk.engine.day < LAST_DAY:
        desk.go_to(23 * 3600 + 59 * 60, LAST_DAY)
    assert_consistent(desk)

    live = [order for order in desk.engine.orders.values() if not order.done]
    assert {order.status for order in live} <= {"AMO REQ RECEIVED"}
    assert desk.exchange.portfolio.reserved == 0
    intraday = [row for key, row in desk.exchange.portfolio.positions.items() if key[2] in {"MIS", "CO"}]
    assert all(row.quantity == 0 for row in intraday)
