"""An order's life: the rows it goes through, how it meets the book, and what the broker does on its own."""

from datetime import date

import pytest

from sandbox.book import BUY, SELL
from sandbox.refusal import Refusal
from tests.sandbox.desk import FRIDAY, RUPEE, Desk

TO_OPEN = ["PUT ORDER REQ RECEIVED", "VALIDATION PENDING", "OPEN PENDING", "OPEN"]
MONDAY = date(2026, 11, 23)


def rupees(units: int) -> str:
    return f"{units / RUPEE:.4f}"


def a_price(desk: Desk, percent: float, key: str = "NSE:INFY") -> str:
    """A price `percent` away from the last, on the tick."""
    tick = desk.exchange.universe.by_key[key].tick
    return rupees(int(desk.last(key) * (1 + percent / 100)) // tick * tick)


def test_a_market_order_becomes_a_protected_limit_and_completes(desk: Desk) -> None:
    last = desk.last()

    order = desk.do(tag="abc")

    assert desk.statuses(order) == [*TO_OPEN, "COMPLETE"]
    row = desk.row(order)
    assert (row["order_type"], row["market_protection"]) == ("LIMIT", 0)
    assert row["tags"] == ["abc", "mktp", "mktp:0.50"]
    assert row["price"] == pytest.approx(last * 1.005 / RUPEE, abs=0.11)
    assert row["filled_quantity"] == 10
    assert row["average_price"] > 0  # type: ignore[operator]  # JSON is read as object


def test_the_socket_hears_of_open_and_complete_and_not_of_placing(desk: Desk) -> None:
    desk.do(tag="abc")

    assert [update["status"] for update in desk.sent] == ["OPEN", "COMPLETE"]
    assert desk.sent[0]["tag"] == "abc"
    assert "tags" not in desk.sent[0]
    assert "modified" not in desk.sent[0]


def test_ids_are_unique_texts_of_nineteen_digits(desk: Desk) -> None:
    ids = {desk.do() for _ in range(20)}

    assert len(ids) == 20
    assert all(len(one) == 19 and one.isdigit() for one in ids)
    trades = [trade.trade_id for one in ids for trade in desk.engine.find(one).trades]
    assert len(set(trades)) == len(trades)


def test_a_large_order_walks_the_levels_and_never_pays_less_than_shown() -> None:
    desk = Desk(opening_cash=10**9)
    tape = desk.engine.tape(desk.exchange.universe.by_key["NSE:INFY"])
    book = desk.engine.books.after(tape, tape.printed(desk.exchange.clock.now_ns()) - 1)
    shown = [(level.price, level.quantity) for level in book.asks]
    wanted = shown[0][1] + shown[1][1] + 1

    order = desk.engine.find(desk.do(quantity=wanted, market_protection=5))

    fills = [(trade.price, trade.quantity) for trade in order.trades]
    assert fills == [shown[0], shown[1], (shown[2][0], 1)]


def test_what_the_book_cannot_give_stays_open_and_fills_from_later_prints() -> None:
    desk = Desk(opening_cash=10**9)
    order = desk.engine.find(desk.do(quantity=90_000, market_protection=2))
    first = (order.status, 0 < order.filled < 90_000)
    for _ in range(600):
        desk.forward(1)

    assert first == ("OPEN", True)
    assert order.status == "COMPLETE"
    assert len({trade.time_ns for trade in order.trades}) > 1
    assert "UPDATE" in [update["status"] for update in desk.sent]


def test_two_orders_cannot_take_the_same_displayed_shares(desk: Desk) -> None:
    tape = desk.engine.tape(desk.exchange.universe.by_key["NSE:INFY"])
    best = desk.engine.books.after(tape, tape.printed(desk.exchange.clock.now_ns()) - 1).asks[0]

    one = desk.engine.find(desk.do(quantity=best.quantity))
    two = desk.engine.find(desk.do(quantity=1))

    assert one.trades[0].price == best.price
    assert two.trades[0].price > best.price


def test_ioc_gives_its_rest_back(desk: Desk) -> None:
    tape = desk.engine.tape(desk.exchange.universe.by_key["NSE:INFY"])
    best = desk.engine.books.after(tape, tape.printed(desk.exchange.clock.now_ns()) - 1).asks[0]

    order = desk.do(order_type="LIMIT", price=rupees(best.price), validity="IOC", quantity=best.quantity + 7)

    row = desk.row(order)
    assert (row["status"], row["filled_quantity"], row["cancelled_quantity"]) == ("CANCELLED", best.quantity, 7)
    assert row["pending_quantity"] == 0


@pytest.mark.parametrize(("side", "percent"), [("BUY", -0.15), ("SELL", 0.15)])
def test_a_resting_limit_fills_at_its_own_price_when_the_market_comes(desk: Desk, side: str, percent: float) -> None:
    price = a_price(desk, percent)
    order = desk.do(transaction_type=side, order_type="LIMIT", price=price)
    assert desk.row(order)["status"] == "OPEN"

    for _ in range(300):
        desk.forward(60)
        if desk.engine.find(order).done:
            break

    trades = desk.engine.find(order).trades
    assert trades
    assert {rupees(trade.price) for trade in trades} == {price}


def test_a_limit_waits_behind_the_queue_at_its_price(desk: Desk) -> None:
    tape = desk.engine.tape(desk.exchange.universe.by_key["NSE:INFY"])
    best = desk.engine.books.after(tape, tape.printed(desk.exchange.clock.now_ns()) - 1).bids[0]

    order = desk.do(order_type="LIMIT", price=rupees(best.price))

    assert desk.engine.find(order).queue_ahead == best.quantity


def test_time_in_the_queue_counts_only_prints_at_its_price(desk: Desk) -> None:
    """A print at the price eats the queue first; what is left of it fills the order."""
    order_id = desk.do(order_type="LIMIT", price=a_price(desk, -0.05), quantity=50)
    order = desk.engine.find(order_id)
    order.queue_ahead = 10
    tape = desk.engine.tape(order.instrument)
    start = order.next_print
    touching = next(i for i in range(start, tape.count) if tape.price[i] <= order.limit or tape.ask[i] <= order.limit)

    desk.forward((tape.time_ns(touching) - desk.exchange.clock.now_ns()) / 1e9)

    exactly = int(tape.price[touching]) == order.limit and int(tape.ask[touching]) > order.limit
    expected = min(50, max(int(tape.quantity[touching]) - 10, 0)) if exactly else 50
    assert order.filled == expected


@pytest.mark.parametrize(("side", "sign"), [("BUY", 1), ("SELL", -1)])
def test_a_stop_waits_for_its_trigger_and_then_fills(desk: Desk, side: str, sign: int) -> None:
    trigger = a_price(desk, 0.1 * sign)
    order_id = desk.do(transaction_type=side, order_type="SL-M", trigger_price=trigger)
    assert desk.statuses(order_id)[-1] == "TRIGGER PENDING"
    order = desk.engine.find(order_id)
    tape = desk.engine.tape(order.instrument)
    reach = [i for i in range(order.next_print, tape.count) if (int(tape.price[i]) - order.trigger_price) * sign >= 0]

    desk.forward((tape.time_ns(reach[0]) - desk.exchange.clock.now_ns()) / 1e9 - 0.5)
    before = desk.statuses(order_id)[-1]
    desk.forward(30)

    assert before == "TRIGGER PENDING"
    assert desk.statuses(order_id)[4:] == ["OPEN", "COMPLETE"] or desk.statuses(order_id)[-1] == "COMPLETE"
    assert order.trades[0].time_ns == tape.time_ns(reach[0])


def test_a_modification_goes_through_its_rows_and_shows_the_new_price_last(desk: Desk) -> None:
    old, new = a_price(desk, -3), a_price(desk, -2)
    order = desk.do(order_type="LIMIT", price=old)
    desk.modify(order, price=new)
    desk.settle()

    rows = desk.rows(order)[-4:]
    assert [row["status"] for row in rows] == ["MODIFY VALIDATION PENDING", "MODIFY PENDING", "MODIFIED", "OPEN"]
    assert [row["price"] for row in rows] == [float(old)] * 3 + [float(new)]
    assert desk.sent[-1]["status"] == "UPDATE"


def test_the_twenty_sixth_modification_is_refused(desk: Desk) -> None:
    order = desk.do(order_type="LIMIT", price=a_price(desk, -3))
    for percent in range(25):
        desk.modify(order, price=a_price(desk, -3 + percent / 50))
        desk.settle()

    with pytest.raises(Refusal, match="Maximum allowed order modifications"):
        desk.modify(order, price=a_price(desk, -3))


def test_a_modification_to_a_crossing_price_fills(desk: Desk) -> None:
    order = desk.do(order_type="LIMIT", price=a_price(desk, -3))
    desk.modify(order, price=a_price(desk, 0.3))
    desk.settle()

    assert desk.row(order)["status"] == "COMPLETE"


def test_cancel_and_its_rows(desk: Desk) -> None:
    order = desk.do(order_type="LIMIT", price=a_price(desk, -3))
    desk.engine.cancel(order)
    desk.settle()

    assert desk.statuses(order)[-2:] == ["CANCEL PENDING", "CANCELLED"]
    assert desk.row(order)["cancelled_quantity"] == 10
    for act in (desk.engine.cancel, desk.modify):
        with pytest.raises(Refusal, match="already CANCELLED"):
            act(order)


def test_a_fill_can_win_the_race_against_a_cancel(desk: Desk) -> None:
    tape = desk.engine.tape(desk.exchange.universe.by_key["NSE:INFY"])
    printed = tape.printed(desk.exchange.clock.now_ns())
    soon = printed + int(tape.price[printed:].argmin())
    order = desk.do(order_type="LIMIT", price=rupees(int(tape.price[soon]) + tape.instrument.tick))
    assert desk.row(order)["status"] == "OPEN"

    desk.engine.cancel(order)
    # market time runs while the cancellation is still on its way
    desk.exchange.clock.advance(tape.time_ns(soon) - desk.exchange.clock.now_ns())
    desk.engine.run_to(desk.exchange.clock.now_ns())
    desk.settle()

    assert desk.statuses(order)[-2:] == ["CANCEL PENDING", "COMPLETE"]
    assert desk.row(order)["cancelled_quantity"] == 0


def test_an_order_in_transit_can_be_neither_modified_nor_cancelled(desk: Desk) -> None:
    order = desk.place(order_type="LIMIT", price=a_price(desk, -3))

    for act in (desk.engine.cancel, desk.modify):
        with pytest.raises(Refusal, match="being processed"):
            act(order)


def test_too_little_money_rejects_after_acceptance() -> None:
    desk = Desk(opening_cash=1000)

    row = desk.row(desk.do(quantity=10))

    assert row["status"] == "REJECTED"
    assert str(row["status_message"]).startswith("Insufficient funds. Required margin is ")
    assert str(row["status_message_raw"]).startswith("RMS:Margin Exceeds,Required:")
    assert row["exchange_order_id"] is None
    assert row["exchange_timestamp"] is None


def test_two_quick_orders_cannot_use_the_same_money() -> None:
    desk = Desk(opening_cash=5000)
    first = desk.place(quantity=10, order_type="LIMIT", price=a_price(desk, -1))
    second = desk.place(quantity=10, order_type="LIMIT", price=a_price(desk, -1))
    desk.settle()

    assert desk.row(first)["status"] == "OPEN"
    assert desk.row(second)["status"] == "REJECTED"
    desk.engine.cancel(first)
    desk.settle()
    assert desk.exchange.portfolio.reserved == 0


def test_an_exit_needs_no_margin() -> None:
    desk = Desk(opening_cash=5000)
    desk.do(quantity=15)

    assert desk.row(desk.do(quantity=15, transaction_type="SELL"))["status"] == "COMPLETE"


def test_two_exits_cannot_both_claim_the_same_position() -> None:
    """The first exit is free; the second would open a short, and there is no money for that."""
    desk = Desk(opening_cash=5000)
    desk.do(quantity=15)
    first = desk.do(quantity=15, transaction_type="SELL", order_type="LIMIT", price=a_price(desk, 2))
    second = desk.do(quantity=15, transaction_type="SELL", order_type="LIMIT", price=a_price(desk, 2))

    assert desk.row(first)["status"] == "OPEN"
    assert desk.row(second)["status"] == "REJECTED"


def test_an_order_on_its_way_when_the_session_ends_stays_cancelled(desk: Desk) -> None:
    order = desk.place(product="CNC", quantity=1)
    desk.exchange.clock.advance((15 * 3600 + 15 * 60 - 36_000) * 10**9)
    desk.engine.run_to(desk.exchange.clock.now_ns())
    desk.settle()

    assert desk.statuses(order) == ["PUT ORDER REQ RECEIVED", "CANCELLED"]


def test_a_resting_order_fills_whole_when_the_other_side_comes_to_its_price(desk: Desk) -> None:
    """A print at the ask, equal to our bid: the book has crossed us, so no queue stands in between."""
    tape = desk.engine.tape(desk.exchange.universe.by_key["NSE:INFY"])
    start = tape.printed(desk.exchange.clock.now_ns())
    at = next(
        i
        for i in range(start + 1, tape.count)
        if tape.price[i] == tape.ask[i] and tape.ask[i] < tape.ask[i - 1] and tape.quantity[i] < 10**6
    )
    desk.forward((tape.time_ns(at) - desk.exchange.clock.now_ns()) / 1e9 - 0.5)
    order = desk.engine.find(desk.do(order_type="LIMIT", price=rupees(int(tape.ask[at])), quantity=500))
    order.queue_ahead = 10**6

    desk.forward((tape.time_ns(at) - desk.exchange.clock.now_ns()) / 1e9)

    assert [(trade.quantity, trade.time_ns) for trade in order.trades] == [(500, tape.time_ns(at))]


def test_the_freeze_quantity_itself_is_allowed() -> None:
    desk = Desk(opening_cash=10**9)

    assert desk.place(quantity=100_000) in desk.engine.orders


def test_delivery_cannot_be_sold_short(desk: Desk) -> None:
    row = desk.row(desk.do(product="CNC", transaction_type="SELL"))

    assert row["status"] == "REJECTED"
    assert "holding" in str(row["status_message"])


@pytest.mark.parametrize(("side", "quantity"), [("BUY", BUY * 10), ("SELL", SELL * 10)])
def test_the_broker_squares_off_intraday_positions_for_a_fee(desk: Desk, side: str, quantity: int) -> None:
    desk.do(transaction_type=side)
    resting = desk.do(order_type="LIMIT", price=a_price(desk, -5))
    key = ("NSE", "INFY", "MIS")
    assert desk.exchange.portfolio.net(key) == quantity

    desk.go_to(15 * 3600 + 9 * 60 + 59)
    assert desk.exchange.portfolio.net(key) == quantity
    desk.go_to(15 * 3600 + 10 * 60 + 5)

    assert desk.exchange.portfolio.net(key) == 0
    assert desk.row(resting)["status"] == "CANCELLED"
    assert desk.exchange.ledger.charges().square_off == 59 * RUPEE
    with pytest.raises(Refusal, match="square-off time"):
        desk.place()


def test_orders_of_the_day_lapse_when_the_session_ends(desk: Desk) -> None:
    order = desk.do(order_type="LIMIT", price=a_price(desk, -5), product="CNC", quantity=1)
    desk.go_to(15 * 3600 + 15 * 60)

    assert desk.row(order)["status"] == "CANCELLED"
    with pytest.raises(Refusal, match="Markets are closed"):
        desk.place(product="CNC")


def test_ttl_orders_expire_in_market_time(desk: Desk) -> None:
    order = desk.do(order_type="LIMIT", price=a_price(desk, -5), validity="TTL", validity_ttl=2)
    desk.forward(119)
    before = desk.row(order)["status"]
    desk.forward(2)

    assert before == "OPEN"
    assert desk.row(order)["status"] == "CANCELLED"


def test_a_delivery_purchase_becomes_a_holding_in_two_days(desk: Desk) -> None:
    desk.do(product="CNC", quantity=5)
    desk.go_to(9 * 3600, MONDAY)
    holding = desk.exchange.portfolio.holdings["NSE", "INFY"]
    after_one = (holding.quantity, holding.t1_quantity)
    desk.go_to(9 * 3600, date(2026, 11, 25))

    assert after_one == (0, 5)
    assert (holding.quantity, holding.t1_quantity) == (5, 0)
    assert desk.exchange.portfolio.positions == {}
    assert desk.engine.orders == {}
    desk.go_to(10 * 3600, date(2026, 11, 25))
    sale = desk.do(product="CNC", quantity=5, transaction_type="SELL")
    assert desk.row(sale)["status"] == "COMPLETE"
    assert holding.used_quantity == 5
    assert desk.exchange.ledger.charges().dp == 153_400


def test_a_carried_future_shows_as_overnight_with_yesterdays_close(desk: Desk) -> None:
    desk.exchange.portfolio.day_cash += 10**10
    desk.do(exchange="NFO", tradingsymbol="INFY26DECFUT", product="NRML", quantity=400)
    friday_close = int(desk.engine.tape(desk.exchange.universe.by_key["NFO:INFY26DECFUT"]).price[-1])
    desk.go_to(10 * 3600, MONDAY)

    row = desk.exchange.portfolio.positions["NFO", "INFY26DECFUT", "NRML"].row(desk.last("NFO:INFY26DECFUT"))
    assert (row["quantity"], row["overnight_quantity"]) == (400, 400)
    assert row["close_price"] == friday_close / RUPEE


# what is wrong, the change to a good order, part of the text, error type
REFUSALS: list[tuple[str, dict[str, object], str, str]] = [
    ("no quantity", {"quantity": None}, "Missing or empty field `quantity`", "InputException"),
    ("zero quantity", {"quantity": 0}, "Invalid `quantity`", "InputException"),
    ("fraction", {"quantity": "1.5"}, "Invalid `quantity`", "InputException"),
    ("unknown side", {"transaction_type": "HOLD"}, "Invalid `transaction_type`", "InputException"),
    ("unknown product", {"product": "XYZ"}, "Invalid `product`", "InputException"),
    ("NRML share", {"product": "NRML"}, "Invalid `product`", "InputException"),
    ("unknown type", {"order_type": "STOP"}, "Invalid `order_type`", "InputException"),
    ("unknown symbol", {"tradingsymbol": "NOPE"}, "expired or does not exist", "InputException"),
    ("an index", {"tradingsymbol": "NIFTY 50"}, "expired or does not exist", "InputException"),
    ("long tag", {"tag": "x" * 21}, "Invalid `tag`", "InputException"),
    ("no protection", {"market_protection": None}, "without market protection", "InputException"),
    ("zero protection", {"market_protection": 0}, "without market protection", "InputException"),
    ("odd protection", {"market_protection": "nan"}, "Invalid `market_protection`", "InputException"),
    ("limit without price", {"order_type": "LIMIT"}, "Missing or empty field `price`", "InputException"),
    ("infinite price", {"order_type": "LIMIT", "price": "inf"}, "Invalid `price`", "InputException"),
    ("stop with IOC", {"order_type": "SL-M", "trigger_price": "1600", "validity": "IOC"}, "IOC", "InputException"),
    ("off tick", {"order_type": "LIMIT", "price": "1500.05"}, "Tick size for this script is 0.10", "OrderException"),
    ("below circuit", {"order_type": "LIMIT", "price": "1000"}, "lower circuit limit", "OrderException"),
    ("above circuit", {"order_type": "LIMIT", "price": "3000"}, "upper circuit limit", "OrderException"),
    ("freeze", {"quantity": 100_001}, "freeze quantity 100000", "OrderException"),
    ("buy trigger below", {"order_type": "SL-M", "trigger_price": "1450"}, "should be higher", "OrderException"),
    (
        "sell trigger above",
        {"order_type": "SL-M", "trigger_price": "1600", "transaction_type": "SELL"},
        "should be lower",
        "OrderException",
    ),
    (
        "limit under trigger",
        {"order_type": "SL", "trigger_price": "1600", "price": "1590"},
        "cannot be higher than the limit",
        "OrderException",
    ),
    (
        "BSE SL-M",
        {"exchange": "BSE", "order_type": "SL-M", "trigger_price": "1600"},
        "SL-M orders are not allowed on BSE",
        "OrderException",
    ),
    (
        "half a lot",
        {"exchange": "NFO", "tradingsymbol": "INFY26DECFUT", "product": "NRML", "quantity": 1},
        "lot size 400",
        "InputException",
    ),
]


@pytest.mark.parametrize(("change", "text", "kind"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_refusals(desk: Desk, change: dict[str, object], text: str, kind: str) -> None:
    with pytest.raises(Refusal, match=".*".join(text.split("`"))) as caught:
        desk.place(**change)

    assert (caught.value.status, caught.value.error_type) == (400, kind)
    assert desk.engine.orders == {}


RELAXED: list[tuple[str, dict[str, object]]] = [
    ("market-protection", {"market_protection": None}),
    ("tick-size", {"order_type": "LIMIT", "price": "1500.05"}),
    ("circuit", {"order_type": "LIMIT", "price": "1000"}),
    ("freeze", {"quantity": 100_001}),
    ("trigger-side", {"order_type": "SL-M", "trigger_price": "1450"}),
    ("lot-size", {"exchange": "NFO", "tradingsymbol": "INFY26DECFUT", "product": "NRML", "quantity": 1}),
]


@pytest.mark.parametrize(("rule", "change"), RELAXED, ids=[row[0] for row in RELAXED])
def test_each_rule_can_be_relaxed_by_its_name(rule: str, change: dict[str, object]) -> None:
    desk = Desk(relaxed=frozenset({rule}))

    assert desk.place(**change) in desk.engine.orders


def test_before_the_session_nothing_is_taken() -> None:
    desk = Desk(start_seconds=9 * 3600 - 1)

    with pytest.raises(Refusal, match="Markets are closed"):
        desk.place()
    desk.go_to(9 * 3600 + 15 * 60, FRIDAY)
    assert desk.row(desk.do())["status"] == "COMPLETE"


def test_the_days_cap_counts_every_request(desk: Desk) -> None:
    for _ in range(5000):
        desk.engine.count_request()

    with pytest.raises(Refusal, match="Maximum allowed order requests exceeded"):
        desk.engine.count_request()


def test_conversion_moves_a_position_at_no_profit(desk: Desk) -> None:
    desk.do(quantity=10)
    infy = desk.exchange.universe.by_key["NSE:INFY"]
    before = desk.exchange.ledger.totals(desk.engine.last_price)
    desk.exchange.portfolio.convert(infy, BUY, 10, "MIS", "CNC")
    after = desk.exchange.ledger.totals(desk.engine.last_price)

    assert desk.exchange.portfolio.net(("NSE", "INFY", "MIS")) == 0
    assert desk.exchange.portfolio.net(("NSE", "INFY", "CNC")) == 10
    assert before == after
    with pytest.raises(ValueError, match="open"):
        desk.exchange.portfolio.convert(infy, BUY, 1, "MIS", "CNC")
