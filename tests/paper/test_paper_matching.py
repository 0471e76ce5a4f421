"""How paper orders meet real prices: a table of markets and what each order gets, and what the books say after."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.paper import account
from adapters.paper.matching import fills, protection_price
from adapters.paper.rows import PaperOrder, Quote
from domain.errors import JournalUnavailable
from domain.messages.broker import BrokerStatus, Rejected
from domain.values import InstrumentKind, OrderKind, Product, Side, Validity, e4
from tests.domain.builders import NEXT_DAY, NIFTY_FUTURE, SBIN, at
from tests.paper.market import ASKS, CASH, Desk


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.store.close()


def prices(*levels: tuple[str, int]) -> list[tuple[int, int]]:
    return [(e4(price), quantity) for price, quantity in levels]


# -- on arrival ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "quantity", "price", "got", "status"),
    [
        (Side.BUY, 50, "", [("1500.05", 50)], "COMPLETE"),
        (Side.BUY, 250, "", [("1500.05", 100), ("1500.10", 150)], "COMPLETE"),
        (Side.BUY, 700, "", [("1500.05", 100), ("1500.10", 200), ("1500.15", 300)], "OPEN"),
        (Side.BUY, 150, "1500.05", [("1500.05", 100)], "OPEN"),
        (Side.BUY, 150, "1500.00", [], "OPEN"),
        (Side.SELL, 50, "", [("1499.95", 50)], "COMPLETE"),
        (Side.SELL, 150, "1499.90", [("1499.95", 100), ("1499.90", 50)], "COMPLETE"),
        (Side.SELL, 150, "1500", [], "OPEN"),
    ],
)
def test_an_arriving_order_takes_what_is_displayed(
    desk: Desk, side: Side, quantity: int, price: str, got: list[tuple[str, int]], status: str
) -> None:
    desk.tick()
    order_id = desk.place(desk.order(side, quantity, price))

    assert desk.fills(order_id) == prices(*got)
    row = desk.row(order_id)
    assert (row.status_word, row.filled) == (status, sum(each for _, each in got))


def test_what_one_order_took_is_gone_until_the_next_packet(desk: Desk) -> None:
    desk.tick()
    first = desk.place(desk.order(Side.BUY, 80))
    second = desk.place(desk.order(Side.BUY, 80))
    assert desk.fills(first) == prices(("1500.05", 80))
    assert desk.fills(second) == prices(("1500.05", 20), ("1500.10", 60))

    desk.tick()
    assert desk.fills(desk.place(desk.order(Side.BUY, 80))) == prices(("1500.05", 80))


def test_an_order_on_an_old_packet_waits_for_a_fresh_one(desk: Desk) -> None:
    desk.tick()
    desk.now = at("10:30")
    order_id = desk.place(desk.order(Side.BUY, 50, "1500.10"))
    assert desk.fills(order_id) == []

    desk.tick(last="1500.20", asks=[("1500.10", 500)])
    assert desk.fills(order_id) == prices(("1500.10", 50))


# -- at rest -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "last", "volume", "asks", "got"),
    [
        ("nothing reaches it", "1499.50", 1000, ASKS, []),
        ("a print at the limit", "1499", 1500, ASKS, []),
        ("a print through the limit", "1498.95", 1030, ASKS, [("1499", 30)]),
        ("prints through, more than wanted", "1498.95", 5000, ASKS, [("1499", 70)]),
        ("a lower price without trades", "1498.95", 1000, ASKS, []),
        ("the other side at the limit", "1499.05", 1000, [("1499", 40)], [("1499", 40)]),
        ("the other side through the limit", "1498.90", 1000, [("1498.90", 500)], [("1499", 70)]),
    ],
)
def test_a_resting_buy_fills_at_its_own_limit(
    desk: Desk, name: str, last: str, volume: int, asks: list[tuple[str, int]], got: list[tuple[str, int]]
) -> None:
    desk.tick()
    order_id = desk.place(desk.order(Side.BUY, 70, "1499"))
    desk.tick(last=last, volume=volume, asks=asks)

    assert desk.fills(order_id) == prices(*got)


def test_two_resting_orders_share_what_was_traded(desk: Desk) -> None:
    desk.tick()
    first = desk.place(desk.order(Side.BUY, 70, "1499"))
    second = desk.place(desk.order(Side.BUY, 70, "1499"))
    desk.tick(last="1498.95", volume=1100)

    assert (desk.fills(first), desk.fills(second)) == (prices(("1499", 70)), prices(("1499", 30)))


def test_immediate_or_cancel_leaves_nothing(desk: Desk) -> None:
    desk.tick()
    row = desk.row(desk.place(desk.order(Side.BUY, 150, "1500.05", validity=Validity.IOC)))

    assert (row.status, row.filled, row.cancelled, row.pending) == (BrokerStatus.CANCELLED, 100, 50, 0)


@pytest.mark.parametrize(
    ("kind", "price", "got"),
    [
        (OrderKind.STOP_LIMIT, "1505.10", [("1505.05", 50)]),
        (OrderKind.STOP_MARKET, "", [("1505.05", 50)]),
    ],
)
def test_a_stop_sleeps_until_its_trigger(desk: Desk, kind: OrderKind, price: str, got: list[tuple[str, int]]) -> None:
    desk.tick()
    order_id = desk.place(desk.order(Side.BUY, 50, price, kind=kind, trigger="1505"))
    desk.tick(last="1504.95", volume=9000, asks=[("1504.95", 500)])
    assert desk.row(order_id).status is BrokerStatus.TRIGGER_PENDING

    desk.tick(last="1505", volume=9100, asks=[("1505.05", 500)])
    assert desk.fills(order_id) == prices(*got)


# -- what the broker would refuse ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantity": 0}, "more than 0"),
        ({"price": "1500.01"}, "Tick size for this script is 0.05"),
        ({"price": "1500", "instrument": NIFTY_FUTURE, "quantity": 66}, "lot size 65"),
        ({"price": "1500", "instrument": NIFTY_FUTURE, "quantity": 1820}, "freeze quantity 1800"),
        ({"instrument": SBIN}, "No price"),
        ({"protection": 0}, "without market protection"),
        ({"kind": OrderKind.STOP_MARKET, "trigger": "1490"}, "should be above the last price"),
        ({"kind": OrderKind.STOP_LIMIT, "trigger": "1510", "price": "1509"}, "should not be below the trigger"),
    ],
)
def test_what_the_broker_refuses_at_once(desk: Desk, change: dict[str, object], words: str) -> None:
    desk.tick()
    fields: dict[str, object] = {"quantity": 10, "price": ""} | change
    outcome = desk.exchange.place(desk.order(Side.BUY, fields.pop("quantity"), fields.pop("price"), **fields))  # type: ignore[arg-type]  # a row of the table

    assert isinstance(outcome, Rejected)
    assert (outcome.code, words in outcome.text) == (400, True), outcome.text
    assert desk.exchange.orders() == []


def test_an_unknown_instrument_is_refused(desk: Desk) -> None:
    desk.exchange.know([])
    assert isinstance(desk.exchange.place(desk.order(Side.BUY, 1, "1500")), Rejected)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"quantity": 4000, "price": "1499"}, "Insufficient funds. Required margin is 1199200.00"),
        (
            {"quantity": 700, "price": "1499", "product": Product.CNC},
            "Insufficient funds. Required margin is 1049300.00",
        ),
        ({"side": Side.SELL, "quantity": 1, "price": "1501", "product": Product.CNC}, "Insufficient stock holding"),
    ],
)
def test_what_the_broker_refuses_after_taking_it(desk: Desk, change: dict[str, object], words: str) -> None:
    desk.tick()
    fields: dict[str, object] = {"side": Side.BUY} | change
    order = desk.order(fields.pop("side"), fields.pop("quantity"), fields.pop("price"), **fields)  # type: ignore[arg-type]  # a row of the table
    row = desk.row(desk.place(order))

    assert (row.status, row.filled) == (BrokerStatus.REJECTED, 0)
    assert words in row.text


@pytest.mark.parametrize("clock", ["08:59", "15:15", "15:31"])
def test_outside_the_session_nothing_is_taken(desk: Desk, clock: str) -> None:
    desk.tick()
    desk.now = at("15:31") if clock == "15:15" else at(clock)
    row = desk.row(desk.place(desk.order(Side.BUY, 1, "1500")))

    assert (row.status, "not been opened" in row.text) == (BrokerStatus.REJECTED, True)


def test_what_only_closes_needs_no_margin(desk: Desk) -> None:
    desk.tick(asks=[("1500.05", 9000)], bids=[("1499.95", 9000)])
    desk.place(desk.order(Side.BUY, 3300))
    assert desk.exchange.funds().live_balance < e4(15_000)

    assert desk.row(desk.place(desk.order(Side.SELL, 3300, "1510"))).status is BrokerStatus.OPEN
    second = desk.row(desk.place(desk.order(Side.SELL, 3300, "1510")))
    assert second.status is BrokerStatus.REJECTED, "the first one closes it already"


# -- restarts and days -----------------------------------------------------------------------------------------------------


def test_a_restart_finds_the_books_and_what_rests_goes_on(desk: Desk) -> None:
    desk.tick()
    bought = desk.place(desk.order(Side.BUY, 50))
    rests = desk.place(desk.order(Side.SELL, 50, "1502"))
    before = (desk.exchange.orders(), desk.exchange.trades(), desk.exchange.positions(), desk.exchange.funds())
    name = desk.store.name()
    desk.restart()
    desk.tick()

    after = (desk.exchange.orders(), desk.exchange.trades(), desk.exchange.positions(), desk.exchange.funds())
    assert [row.order_id for row in after[0]] == [bought, rests]
    assert (after[1], after[3], desk.store.name()) == (before[1], before[3], name)
    assert [row.quantity for row in after[2]] == [50]
    desk.tick(bids=[("1502", 500)], last="1502")
    assert desk.fills(rests) == prices(("1502", 50))
    third = desk.place(desk.order(Side.BUY, 1, "1400"))
    assert len({bought, rests, third}) == 3


def test_every_change_is_told_and_is_on_disk_before(desk: Desk) -> None:
    desk.tick()
    order_id = desk.place(desk.order(Side.BUY, 50))

    assert [(row.order_id, row.status_word, row.filled) for row in desk.heard] == [
        (order_id, "OPEN", 0),
        (order_id, "COMPLETE", 50),
    ]
    (kept,) = desk.store.orders("2026-11-20")
    assert (kept.order_id, kept.filled) == (order_id, 50)


def test_a_full_disk_fills_nothing_and_says_so(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.tick()
    order_id = desk.place(desk.order(Side.BUY, 50, "1499"))

    def full(*_: object) -> None:
        raise JournalUnavailable("paper.db: disk full")

    with monkeypatch.context() as disk:
        disk.setattr(desk.store, "keep", full)
        desk.tick(asks=[("1499", 500)])
        assert desk.fills(order_id) == []
        assert desk.logged == ["paper.not_kept"]
        assert "Unresolved" in repr(desk.exchange.place(desk.order(Side.BUY, 1, "1499")))
    desk.tick(asks=[("1499", 500)])
    assert desk.fills(order_id) == prices(("1499", 50))


def test_the_next_morning_takes_charges_and_carries_what_is_open(desk: Desk) -> None:
    desk.tick()
    desk.place(desk.order(Side.BUY, 100, product=Product.CNC))
    desk.tick()
    desk.place(desk.order(Side.SELL, 40, product=Product.MIS))
    forgotten = desk.place(desk.order(Side.BUY, 1, "1400"))
    desk.now = at("09:20", day=NEXT_DAY)
    funds = desk.exchange.funds()

    assert desk.exchange.orders() == [] and desk.exchange.trades() == []
    assert isinstance(desk.exchange.cancel(forgotten), Rejected)
    (holding,) = desk.exchange.holdings()
    assert (holding.symbol, holding.quantity, holding.average_price) == ("INFY", 100, e4("1500.05"))
    (carried,) = desk.exchange.positions()
    assert (carried.quantity, carried.overnight_quantity, carried.sell_value) == (-40, -40, 40 * e4("1499.95"))
    charges = CASH - funds.cash - 100 * e4("1500.05")
    assert e4(100) < charges < e4(300), "STT, stamp and the rest of two orders"


def test_holdings_can_be_sold_once(desk: Desk) -> None:
    desk.tick()
    desk.place(desk.order(Side.BUY, 100, product=Product.CNC))
    desk.now = at("10:00", day=NEXT_DAY)
    desk.tick()
    desk.place(desk.order(Side.SELL, 60, product=Product.CNC))
    row = desk.row(desk.place(desk.order(Side.SELL, 60, product=Product.CNC)))

    assert (row.status, "40 available" in row.text) == (BrokerStatus.REJECTED, True)
    (holding,) = desk.exchange.holdings()
    assert (holding.quantity, holding.used_quantity) == (100, 60)


# -- what always holds -----------------------------------------------------------------------------------------------------

LEVELS = st.lists(
    st.tuples(st.integers(1, 40), st.integers(1, 300)), min_size=0, max_size=5, unique_by=lambda level: level[0]
)


@given(
    side=st.sampled_from(Side),
    limit=st.integers(1, 40),
    wanted=st.integers(1, 1000),
    levels=LEVELS,
    last=st.integers(1, 40),
    printed=st.integers(0, 500),
    arrived=st.booleans(),
)
def test_no_fill_is_worse_than_the_limit_or_more_than_is_there(
    side: Side, limit: int, wanted: int, levels: list[tuple[int, int]], last: int, printed: int, arrived: bool
) -> None:
    order = PaperOrder(
        "1", "t", "NSE", "INFY", 1, side, Product.MIS, OrderKind.LIMIT, Validity.DAY, "regular", wanted, limit, 0,
        BrokerStatus.OPEN, 0, 0, aggressor=not arrived, arrived=arrived,
    )  # fmt: skip
    ordered = tuple(sorted(levels, reverse=side is Side.SELL))
    quote = Quote(last, 0, ordered, ordered, 0, 1)
    got = fills(order, quote, {}, printed)

    assert sum(fill.quantity for fill in got) <= wanted
    assert all((limit - fill.price) * side.sign >= 0 and fill.quantity > 0 for fill in got)
    room = sum(quantity for _, quantity in levels)
    assert sum(fill.quantity for fill in got) <= max(room, printed)


@pytest.mark.parametrize(
    ("last", "kind", "side", "protection", "price"),
    [
        ("99.95", InstrumentKind.EQUITY, Side.BUY, -1, "101.90"),
        ("250", InstrumentKind.FUTURE, Side.BUY, -1, "252.50"),
        ("1500", InstrumentKind.EQUITY, Side.SELL, -1, "1492.50"),
        ("5", InstrumentKind.CALL, Side.BUY, -1, "5.25"),
        ("50", InstrumentKind.PUT, Side.SELL, -1, "48.50"),
        ("1500", InstrumentKind.EQUITY, Side.BUY, 200, "1530"),
    ],
)
def test_a_market_order_is_protected_as_at_the_broker(
    last: str, kind: InstrumentKind, side: Side, protection: int, price: str
) -> None:
    assert protection_price(side, e4(last), e4("0.05"), kind, protection) == e4(price)


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 60), st.sampled_from([Product.MIS, Product.CNC]))))
def test_money_is_neither_made_nor_lost_over_a_night(orders: list[tuple[Side, int, Product]]) -> None:
    """Cash and what positions cost add up to the opening cash, what was realised, and less the charges."""
    with tempfile.TemporaryDirectory() as folder:
        desk = Desk(Path(folder))
        for side, quantity, product in orders:
            desk.tick()
            desk.place(desk.order(side, quantity, product=product))
        day, trades = desk.exchange._day, desk.exchange._trades
        if not day.date:
            desk.store.close()
            return
        flows = sum(-kept.trade.side.sign * kept.trade.quantity * kept.trade.price for kept in trades)
        worth = sum(line.cost for line in account.lines(day, trades).values())
        morning = account.next_day(day, trades, "2026-11-23")
        desk.store.close()

    carried = sum(row.value for row in morning.carried)
    assert carried + sum(row.value for row in morning.holdings) == worth
    assert morning.opening == CASH + flows + carried - account._charges(day, trades)
