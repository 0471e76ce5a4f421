"""Random orders of every variety in every segment, over nights and expiries: books and rows stay consistent."""

import json
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.gtt import GttOrder, GttRequest
from sandbox.instruments import Instrument
from sandbox.orders import Order
from sandbox.refusal import Refusal
from sandbox.rules import parse_place
from sandbox.trading_days import is_trading_day
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
    "BFO:SENSEX26DECFUT",
    nearest("SENSEX", "PE"),
    nearest("NIFTY", "CE"),
    nearest("NIFTY", "PE"),
    nearest("INFY", "CE"),
    "CDS:USDINR26DECFUT",
    "MCX:CRUDEOIL26DECFUT",
    "MCX:GOLDPETAL26NOVFUT",
)
NIGHT = -1
CHANGES = {"cancel", "exit", "modify", "enlarge", "gtt", "convert"}
FINAL = {"COMPLETE", "CANCELLED", "REJECTED"}
steps = st.lists(
    st.tuples(
        st.sampled_from(KEYS),
        st.sampled_from(("BUY", "SELL")),
        st.integers(1, 6),
        st.sampled_from(("LIMIT", "MARKET", "SL", "SL-M")),
        st.integers(-8, 8),
        st.sampled_from(("intraday", "carried", "carried", "funded")),
        st.sampled_from(
            (
                "regular",
                "regular",
                "IOC",
                "TTL",
                "amo",
                "co",
                "iceberg",
                "autoslice",
                "auction",
                "cancel",
                "exit",
                "modify",
                "enlarge",
                "gtt",
                "convert",
            )
        ),
        st.sampled_from((0, 5, 900, 5_000, 20_000, NIGHT)),
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
    assert_parts(list(desk.engine.orders.values()))
    for order in desk.engine.orders.values():
        assert_life(json.loads(b"[" + b",".join(order.rows) + b"]"))
    booked = {key: account.quantity for key, account in desk.exchange.ledger.accounts.items() if account.quantity}
    assert booked == {key: quantity for key, quantity in held.items() if quantity}


def assert_parts(orders: list[Order]) -> None:
    """The stops of a cover order cover what was filled of it; the legs of an iceberg are parts of one whole."""
    for order in orders:
        if order.cover_trigger:
            stops = [each.quantity for each in orders if each.parent_order_id == order.order_id]
            assert sum(stops) == order.filled
        if order.iceberg is not None:
            part = order.iceberg
            assert 1 <= part.leg <= part.legs
            assert order.quantity + part.remaining + (part.leg - 1) * part.leg_quantity == part.total


def assert_life(rows: list[dict[str, Any]]) -> None:
    """A history as a client may trust it: one beginning, at most one end, fills that never shrink, time that only goes on."""
    statuses = [row["status"] for row in rows]
    assert statuses[0] in {"PUT ORDER REQ RECEIVED", "AMO REQ RECEIVED"} or rows[0]["parent_order_id"]
    assert not FINAL & set(statuses[:-1]), statuses
    filled = [row["filled_quantity"] for row in rows]
    assert filled == sorted(filled)
    assert all(row["quantity"] >= row["filled_quantity"] for row in rows)
    if statuses[-1] == "COMPLETE":
        assert rows[-1]["filled_quantity"] == rows[-1]["quantity"]
    if statuses[-1] in FINAL:
        assert rows[-1]["pending_quantity"] == 0
    times = [row["exchange_update_timestamp"] for row in rows if row["exchange_update_timestamp"]]
    assert times == sorted(times)


class NothingToDoError(Exception):
    """The step needs something that is not there: a contract that has expired, an order, a position, an auction."""


def do(desk: Desk, step: tuple[Any, ...], placed: list[str]) -> None:
    key, side, size, kind, ticks, term, action, _ = step
    one = desk.exchange.universe.by_key.get(key)
    if one is None:
        raise NothingToDoError
    price = max(desk.last(key) + ticks * one.tick, one.tick)
    lasting = "NRML" if one.is_derivative else "MTF" if term == "funded" else "CNC"
    quantity = size * one.lot * (1 if one.is_derivative else 10)
    if action == "co" and not one.is_derivative:
        quantity *= 300  # more than the book shows at once: its stop grows fill by fill
    sign = 1 if side == "BUY" else -1
    if action in CHANGES:
        change(desk, one, action, sign * quantity, price, placed)
        return
    form: dict[str, Any] = {
        "exchange": one.exchange,
        "tradingsymbol": one.tradingsymbol,
        "transaction_type": side,
        "quantity": quantity,
        "product": "MIS" if action == "co" or term == "intraday" else lasting,
        "order_type": kind,
        "price": price / RUPEE if kind != "MARKET" else None,
        "trigger_price": (desk.last(key) - (sign if action == "co" else -sign) * one.tick * 3) / RUPEE,
    }
    match action:
        case "iceberg":
            form |= {"iceberg_legs": 2, "iceberg_quantity": -(-size // 2) * quantity // size}
        case "IOC":
            form |= {"validity": "IOC"}
        case "TTL":
            form |= {"validity": "TTL", "validity_ttl": 1 + size}
        case "autoslice":
            form |= {"quantity": min(one.freeze, 10**5) // one.lot * one.lot + quantity, "market_protection": -1}
            texts = {name: str(value) for name, value in form.items() if value is not None}
            desk.engine.varieties.place_sliced(parse_place("regular", texts, desk.exchange.universe))
            return
        case "auction":
            form |= offer(desk)
    placed.append(desk.do(action if action in {"amo", "co", "iceberg", "auction"} else "regular", **form))


def change(desk: Desk, one: Instrument, action: str, signed: int, price: int, placed: list[str]) -> None:
    """What is done to orders and positions that are there."""
    lasting = "NRML" if one.is_derivative else "CNC"
    sign, quantity = (1 if signed > 0 else -1), abs(signed)
    legs = [each.order_id for each in desk.engine.orders.values() if each.parent_order_id and not each.done]
    if (action in {"cancel", "modify", "enlarge"} and not placed) or (action == "exit" and not legs):
        raise NothingToDoError
    match action:
        case "cancel":
            desk.engine.cancel(placed[-1])
        case "exit":
            desk.engine.cancel(legs[0])
        case "modify":
            desk.modify(placed[-1], price=price / RUPEE)
        case "enlarge":
            desk.modify(placed[-1], quantity=quantity)
        case "gtt":
            order = GttOrder(sign, quantity, lasting, price)
            desk.engine.gtts.place(GttRequest(False, one, (price,), desk.last(one.key), (order,)))
        case "convert":
            try:
                desk.exchange.portfolio.convert(one, sign, quantity, "MIS", lasting)
            except ValueError:
                raise NothingToDoError from None


def offer(desk: Desk) -> dict[str, Any]:
    """A share of a holding that the exchange buys in."""
    auctions = desk.engine.calls.auctions()
    if not auctions:
        raise NothingToDoError
    holding, number = auctions[0]
    one = holding.instrument
    form = {"exchange": one.exchange, "tradingsymbol": one.tradingsymbol, "transaction_type": "SELL", "quantity": 1}
    return form | {"order_type": "LIMIT", "price": desk.rupees(one.key), "product": "CNC", "auction_number": number}


def wait(desk: Desk, seconds: int) -> None:
    """So long, or until the next trading day's morning."""
    if seconds != NIGHT:
        desk.forward(seconds)
        return
    day = desk.engine.day + timedelta(days=1)
    while not is_trading_day(day):
        day += timedelta(days=1)
    desk.go_to(9 * 3600 + 30 * 60, day)


@settings(max_examples=30, deadline=None)
@given(steps)
def test_books_rows_and_holdings_agree_whatever_is_done(rows: list[tuple[Any, ...]]) -> None:
    play(rows)


@pytest.mark.long("balances")
@settings(max_examples=1_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps)
def test_they_agree_a_thousand_times(rows: list[tuple[Any, ...]]) -> None:
    play(rows)


def play(rows: list[tuple[Any, ...]]) -> None:
    desk = Desk(**DESK_OPTIONS)
    placed: list[str] = []
    for step in rows:
        try:
            do(desk, step, placed)
        except (Refusal, NothingToDoError):
            pass
        desk.settle()
        wait(desk, step[-1])
        assert_consistent(desk)
    # To the end of a day on which nothing is left open: the last minute is late enough for commodities.
    last = max(LAST_DAY, desk.engine.day + timedelta(days=1))
    while not is_trading_day(last):
        last += timedelta(days=1)
    desk.go_to(23 * 3600 + 59 * 60, last)
    assert_consistent(desk)

    live = [order for order in desk.engine.orders.values() if not order.done]
    assert {order.status for order in live} <= {"AMO REQ RECEIVED"}
    assert desk.exchange.portfolio.reserved == 0
    intraday = [row for key, row in desk.exchange.portfolio.positions.items() if key[2] in {"MIS", "CO"}]
    assert all(row.quantity == 0 for row in intraday)
