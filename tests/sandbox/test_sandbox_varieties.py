"""After-market orders, cover orders, icebergs, slices, auctions of holdings, and what the segments refuse."""

from datetime import date

import pytest

from sandbox.refusal import Refusal
from sandbox.rules import cover_range, parse_place
from tests.sandbox.desk import FRIDAY, RUPEE, Desk

MONDAY = date(2026, 11, 23)
SATURDAY = date(2026, 11, 21)
LIMIT = {"order_type": "LIMIT", "product": "CNC"}


def at_night(**options: object) -> Desk:
    """Friday 16:30, everything over."""
    return Desk(start_seconds=16 * 3600 + 1800, **options)


# After-market orders


@pytest.mark.parametrize(
    ("form", "minute"),
    [
        ({**LIMIT}, 9 * 60),
        ({"order_type": "SL", "trigger_price": True, "product": "CNC"}, 9 * 60 + 15),
        ({"exchange": "NFO", "tradingsymbol": "INFY26DECFUT", "product": "NRML", "quantity": 400}, 9 * 60 + 15),
        ({"exchange": "CDS", "tradingsymbol": "USDINR26DECFUT", "product": "NRML", "quantity": 1}, 9 * 60),
    ],
)
def test_an_after_market_order_waits_for_its_moment(form: dict[str, object], minute: int) -> None:
    desk = Desk(start_seconds=17 * 3600 + 60, opening_cash=10**8)
    key = f"{form.get('exchange', 'NSE')}:{form.get('tradingsymbol', 'INFY')}"
    price = desk.rupees(key, -0.5)
    fields = {**form, "price": price, "order_type": form.get("order_type", "LIMIT")}
    if fields.get("trigger_price"):
        fields |= {"trigger_price": desk.rupees(key, 1), "price": desk.rupees(key, 1.5)}

    order = desk.place("amo", **fields)
    desk.settle()
    assert desk.statuses(order) == ["AMO REQ RECEIVED"]
    desk.go_to(minute * 60 - 1, MONDAY)
    assert desk.statuses(order) == ["AMO REQ RECEIVED"]
    desk.go_to(minute * 60, MONDAY)

    assert desk.statuses(order)[1:3] == ["VALIDATION PENDING", "OPEN PENDING"]
    assert desk.row(order)["variety"] == "amo"


def test_an_after_market_order_can_be_changed_and_taken_back() -> None:
    desk = at_night()
    order = desk.place("amo", **LIMIT, price=desk.rupees(percent=-1))
    desk.modify(order, price=desk.rupees(percent=-2), quantity=7)
    assert (desk.row(order)["status"], desk.row(order)["quantity"]) == ("AMO REQ RECEIVED", 7)
    assert desk.row(order)["price"] == float(desk.rupees(percent=-2))

    desk.engine.cancel(order)
    assert desk.statuses(order)[-1] == "CANCELLED"


def test_after_market_orders_have_windows(desk: Desk) -> None:
    with pytest.raises(Refusal, match="After market orders"):
        desk.place("amo", **LIMIT, price=desk.rupees())
    relaxed = Desk(relaxed=frozenset({"amo-window"}))
    assert relaxed.place("amo", **LIMIT, price=relaxed.rupees())
    weekend = at_night()
    weekend.go_to(12 * 3600, SATURDAY)
    assert weekend.place("amo", **LIMIT, price=weekend.rupees())


# Cover orders


def cover(desk: Desk, **form: object) -> str:
    return desk.do("co", **{"trigger_price": desk.rupees(percent=-1), **form})


def test_a_cover_order_brings_its_stop_along(desk: Desk) -> None:
    first = cover(desk)
    row = desk.row(first)
    assert (row["status"], row["product"], row["variety"], row["parent_order_id"]) == ("COMPLETE", "CO", "co", None)

    (stop,) = [one for one in desk.engine.orders.values() if one.parent_order_id == first]
    row = desk.row(stop.order_id)
    assert (row["status"], row["order_type"], row["transaction_type"]) == ("TRIGGER PENDING", "SL", "SELL")
    assert (row["quantity"], row["product"], row["trigger_price"]) == (10, "CO", float(desk.rupees(percent=-1)))
    assert desk.exchange.portfolio.net(("NSE", "INFY", "CO")) == 10


def test_cancelling_the_stop_leaves_at_the_market(desk: Desk) -> None:
    first = cover(desk)
    (stop,) = [one for one in desk.engine.orders.values() if one.parent_order_id == first]
    desk.engine.cancel(stop.order_id)
    desk.settle()

    assert desk.statuses(stop.order_id)[-3:] == ["CANCEL PENDING", "OPEN", "COMPLETE"]
    assert desk.exchange.portfolio.net(("NSE", "INFY", "CO")) == 0


def test_leaving_at_the_market_gives_back_what_the_stop_had_blocked(desk: Desk) -> None:
    first = cover(desk)
    (stop,) = [one for one in desk.engine.orders.values() if one.parent_order_id == first]
    desk.modify(stop.order_id, quantity=25)
    desk.settle()
    blocked = desk.exchange.portfolio.reserved
    assert blocked > 0, "15 more than the position has"
    available = desk.exchange.portfolio.available()
    desk.engine.cancel(stop.order_id)

    assert desk.exchange.portfolio.reserved == 0
    assert desk.exchange.portfolio.available() == available + blocked


def test_the_stop_fires_by_itself_and_its_trigger_can_move(desk: Desk) -> None:
    first = cover(desk)
    (stop,) = [one for one in desk.engine.orders.values() if one.parent_order_id == first]
    desk.modify(stop.order_id, trigger_price=desk.rupees(percent=-0.1))
    desk.settle()
    for _ in range(300):
        desk.forward(60)
        if stop.done:
            break

    assert stop.status == "COMPLETE"
    assert desk.exchange.portfolio.net(("NSE", "INFY", "CO")) == 0


def test_the_stop_grows_with_every_partial_fill() -> None:
    desk = Desk(opening_cash=10**9)
    first = desk.engine.find(cover(desk, quantity=90_000, market_protection=2))
    grown = []
    for _ in range(600):
        stops = [one for one in desk.engine.orders.values() if one.parent_order_id == first.order_id]
        assert sum(stop.quantity for stop in stops) == first.filled
        grown.append(first.filled)
        if first.done:
            break
        desk.forward(1)

    assert len(set(grown)) > 2


def test_the_broker_squares_cover_orders_off(desk: Desk) -> None:
    first = cover(desk)
    (stop,) = [one for one in desk.engine.orders.values() if one.parent_order_id == first]
    stop.trigger_price = 10 * RUPEE
    desk.go_to(15 * 3600 + 10 * 60 + 5)

    assert stop.status == "CANCELLED"
    assert desk.exchange.portfolio.net(("NSE", "INFY", "CO")) == 0
    assert desk.exchange.ledger.charges().square_off == 59 * RUPEE


@pytest.mark.parametrize(
    "form",
    [{"trigger_price": "1"}, {"product": "CNC"}, {"order_type": "SL", "price": "1500"}, {"trigger_price": None}],
)
def test_cover_orders_refuse(desk: Desk, form: dict[str, object]) -> None:
    with pytest.raises(Refusal):
        cover(desk, **form)


def test_the_cover_range_is_on_the_losing_side(desk: Desk) -> None:
    infy = desk.exchange.universe.by_key["NSE:INFY"]
    last = desk.last()

    assert cover_range(infy, 1, last)[1] < last < cover_range(infy, -1, last)[0]


# Icebergs and slices


def test_an_iceberg_shows_a_leg_at_a_time(desk: Desk) -> None:
    first = desk.do("iceberg", quantity=25, iceberg_legs=3, iceberg_quantity=10, product="CNC")

    legs = [desk.row(one) for one in desk.engine.orders]
    assert [leg["quantity"] for leg in legs] == [10, 10, 5]
    assert [leg["status"] for leg in legs] == ["COMPLETE"] * 3
    assert legs[0]["order_id"] == first
    assert legs[1]["meta"] == {
        "iceberg": {"leg": 2, "legs": 3, "leg_quantity": 10, "total_quantity": 25, "remaining_quantity": 5}
    }
    assert desk.exchange.portfolio.net(("NSE", "INFY", "CNC")) == 25
    assert desk.engine.requests_today == 2  # the first was counted by the route


def test_cancelling_a_leg_ends_the_iceberg(desk: Desk) -> None:
    first = desk.do("iceberg", **LIMIT, price=desk.rupees(percent=-3), quantity=20, iceberg_legs=2, iceberg_quantity=10)
    desk.engine.cancel(first)
    desk.settle()

    assert [desk.row(one)["status"] for one in desk.engine.orders] == ["CANCELLED"]


def test_a_leg_may_have_another_price_but_not_another_quantity(desk: Desk) -> None:
    first = desk.do("iceberg", **LIMIT, price=desk.rupees(percent=-3), quantity=20, iceberg_legs=2, iceberg_quantity=10)
    with pytest.raises(Refusal, match="iceberg"):
        desk.modify(first, quantity=30)
    desk.modify(first, price=desk.rupees(percent=-2))
    desk.settle()

    assert desk.row(first)["price"] == float(desk.rupees(percent=-2))
    assert desk.row(first)["quantity"] == 10


@pytest.mark.parametrize(("legs", "size"), [(1, 25), (51, 1), (3, 13), (3, 8), (None, 10), (3, None)])
def test_icebergs_refuse_odd_legs(desk: Desk, legs: int | None, size: int | None) -> None:
    with pytest.raises(Refusal):
        desk.place("iceberg", quantity=25, iceberg_legs=legs, iceberg_quantity=size)


def sliced(desk: Desk, **form: object) -> dict[str, object]:
    fields = {
        "exchange": "NFO",
        "tradingsymbol": "NIFTY26DECFUT",
        "transaction_type": "BUY",
        "product": "NRML",
        "order_type": "LIMIT",
        "price": desk.rupees("NFO:NIFTY26DECFUT", -1),
        **form,
    }
    texts = {name: str(value) for name, value in fields.items()}
    return desk.engine.varieties.place_sliced(parse_place("regular", texts, desk.exchange.universe))


def test_autoslice_cuts_at_the_freeze_quantity() -> None:
    desk = Desk(opening_cash=10**10)
    made = sliced(desk, quantity=65 * 60)
    desk.settle()

    parent = str(made["order_id"])
    children = [str(child["order_id"]) for child in made["children"]]  # type: ignore[attr-defined]  # JSON
    assert [desk.row(one)["quantity"] for one in (parent, *children)] == [1755, 1755, 390]
    assert desk.row(children[0])["tags"] == ["autoslice", f"autoslice:{parent}"]
    small = sliced(desk, quantity=65)
    assert small["children"] == []
    with pytest.raises(Refusal, match="at most 10"):
        sliced(desk, quantity=1755 * 10 + 65)


def test_a_slice_that_is_refused_stands_among_the_children() -> None:
    desk = Desk(opening_cash=10**10)
    desk.engine.requests_today = 4999
    made = sliced(desk, quantity=65 * 60)

    assert [list(child) for child in made["children"]] == [["order_id"], ["error"]]  # type: ignore[attr-defined]  # JSON


# Auctions of holdings


def test_holdings_can_be_offered_in_their_auction() -> None:
    desk = Desk(opening_cash=10**9)
    names = ["INFY", "SBIN", "ITC", "RELIANCE", "TCS", "WIPRO", "LT", "TITAN"]
    for name in names:
        desk.do(product="CNC", tradingsymbol=name, quantity=5)
    wednesday = date(2026, 11, 25)
    desk.go_to(13 * 3600, wednesday)
    assert desk.engine.calls.auctions() == []
    desk.go_to(14 * 3600, wednesday)
    listed = desk.engine.calls.auctions()
    assert 0 < len(listed) < len(names)
    holding, number = listed[0]
    key = holding.instrument.key
    form = {
        "tradingsymbol": holding.instrument.tradingsymbol,
        "transaction_type": "SELL",
        "product": "CNC",
        "order_type": "LIMIT",
        "quantity": 5,
    }

    with pytest.raises(Refusal, match="auction_number"):
        desk.place("auction", **form, price=desk.rupees(key), auction_number="9999")
    cheap = desk.do("auction", **form, price=desk.rupees(key, -1), auction_number=number)
    assert (desk.row(cheap)["status"], desk.row(cheap)["auction_number"]) == ("OPEN", number)
    desk.go_to(14 * 3600 + 45 * 60, wednesday)

    assert desk.row(cheap)["status"] == "COMPLETE"


# What segments refuse

SEGMENTS: list[tuple[dict[str, object], str]] = [
    ({"exchange": "NFO", "tradingsymbol": "{index option}", "order_type": "SL-M", "trigger_price": "9999"}, "SL-M"),
    ({"exchange": "NFO", "tradingsymbol": "{stock option}"}, "Market orders are not allowed for stock options"),
    ({"exchange": "MCX", "tradingsymbol": "CRUDEOIL27FEBFUT", "quantity": 1}, "far month"),
    (
        {
            "exchange": "CDS",
            "tradingsymbol": "USDINR26DECFUT",
            "quantity": 1,
            "order_type": "LIMIT",
            "price": "89.0012",
        },
        "0.0025",
    ),
    ({"tradingsymbol": "GILLETTE", "product": "MIS"}, "blocked for this stock"),
    ({"exchange": "NFO", "tradingsymbol": "INFY26DECFUT", "quantity": 400, "disclosed_quantity": 400}, "disclosed"),
]


@pytest.mark.parametrize(("form", "text"), SEGMENTS, ids=[row[1] for row in SEGMENTS])
def test_segments_refuse(form: dict[str, object], text: str) -> None:
    desk = Desk()
    options = [one for one in desk.exchange.universe.all if one.is_option and one.exchange == "NFO"]
    index = next(one for one in options if one.path.is_index)
    stock = next(one for one in options if not one.path.is_index)
    named = str(form["tradingsymbol"]).format_map(
        {"index option": index.tradingsymbol, "stock option": stock.tradingsymbol}
    )
    quantity = form.get("quantity", index.lot if "index" in str(form["tradingsymbol"]) else stock.lot)
    fields = {"product": "NRML" if "exchange" in form else "MIS", **form, "tradingsymbol": named, "quantity": quantity}

    with pytest.raises(Refusal, match=text):
        desk.place(**fields)


def test_a_banned_name_takes_reducing_orders_only() -> None:
    desk = Desk(banned=frozenset({"INFY"}), opening_cash=10**8)
    form = {"exchange": "NFO", "tradingsymbol": "INFY26DECFUT", "product": "NRML", "quantity": 400}
    with pytest.raises(Refusal, match="ban period"):
        desk.place(**form)
    infy = desk.exchange.universe.by_key["NFO:INFY26DECFUT"]
    desk.exchange.portfolio.trade(FRIDAY.toordinal(), "x", infy, "NRML", 1, 400, desk.last(infy.key))

    assert desk.row(desk.do(**form, transaction_type="SELL"))["status"] == "COMPLETE"
    assert desk.do()  # the share itself is free


def test_sales_of_holdings_need_the_depository_when_asked_to() -> None:
    desk = Desk(edis=True, opening_cash=10**7)
    desk.do(product="CNC", quantity=5)
    desk.go_to(10 * 3600, date(2026, 11, 25))
    sale = {"product": "CNC", "quantity": 5, "transaction_type": "SELL"}

    with pytest.raises(Refusal, match="5 quantity needs authorisation at depository") as caught:
        desk.place(**sale)
    assert (caught.value.status, caught.value.error_type) == (428, "HoldingException")
    portfolio = desk.exchange.portfolio
    assert portfolio.authorise(portfolio.ask_authorisation({}), desk.exchange.clock.now_ns())
    assert not portfolio.authorise("again", 0)

    assert desk.row(desk.do(**sale))["status"] == "COMPLETE"
