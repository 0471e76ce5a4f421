"""What is sent for each kind of order, for a change and for a GTT; and how the broker's GTT rows are read."""

from __future__ import annotations

import msgspec
import pytest

from adapters.kite.gtt import gtt, gtt_form
from adapters.kite.rows import GttRow
from adapters.kite.translate import Untranslatable, modify_form, place_form
from domain.messages.broker import Change, PlaceOrder
from domain.messages.gtt import Gtt, GttLeg, GttResult, GttStatus
from domain.values import OrderKind, Product, Side, Validity, Variety, e4

BASE = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "SELL",
    "quantity": "40",
    "product": "MIS",
    "validity": "DAY",
    "tag": "PTAG",
}
PRICE, TRIGGER = e4("1500"), e4("1490.05")


def an_order(**fields: object) -> PlaceOrder:
    known = {"tag": "PTAG", "exchange": "NSE", "symbol": "INFY", "side": Side.SELL, "quantity": 40}
    return msgspec.convert(
        {**known, "product": Product.MIS, "kind": OrderKind.LIMIT, "price": PRICE, **fields, "type": "PlaceOrder"},
        PlaceOrder,
    )


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({}, {"order_type": "LIMIT", "price": "1500.00"}),
        ({"kind": OrderKind.MARKET}, {"order_type": "MARKET", "market_protection": "-1"}),
        (
            {"kind": OrderKind.STOP_LIMIT, "trigger_price": TRIGGER},
            {"order_type": "SL", "price": "1500.00", "trigger_price": "1490.05"},
        ),
        (
            {"kind": OrderKind.STOP_MARKET, "trigger_price": TRIGGER, "market_protection": 250},
            {"order_type": "SL-M", "trigger_price": "1490.05", "market_protection": "2.5"},
        ),
        ({"validity": Validity.IOC}, {"order_type": "LIMIT", "price": "1500.00", "validity": "IOC"}),
        (
            {"validity": Validity.TTL, "ttl_minutes": 3},
            {"order_type": "LIMIT", "price": "1500.00", "validity": "TTL", "validity_ttl": "3"},
        ),
        ({"disclosed_quantity": 8}, {"order_type": "LIMIT", "price": "1500.00", "disclosed_quantity": "8"}),
        (
            {"variety": Variety.ICEBERG, "iceberg_legs": 3},
            {"order_type": "LIMIT", "price": "1500.00", "iceberg_legs": "3", "iceberg_quantity": "14"},
        ),
        (
            {"variety": Variety.COVER, "trigger_price": TRIGGER},
            {"order_type": "LIMIT", "price": "1500.00", "trigger_price": "1490.05"},
        ),
        ({"variety": Variety.AMO}, {"order_type": "LIMIT", "price": "1500.00"}),
    ],
)
def test_the_form_of_each_kind(fields: dict[str, object], sent: dict[str, str]) -> None:
    assert place_form(an_order(**fields)) == {**BASE, **sent}


@pytest.mark.parametrize(
    "fields",
    [
        {"validity": Validity.TTL},
        {"variety": Variety.ICEBERG},
        {"variety": Variety.ICEBERG, "iceberg_legs": 1},
        {"variety": Variety.COVER},
        {"kind": OrderKind.STOP_MARKET},
        {"quantity": 0},
        {"tag": "has space"},
    ],
)
def test_an_order_that_has_no_form_is_not_sent(fields: dict[str, object]) -> None:
    with pytest.raises(Untranslatable):
        place_form(an_order(**fields))


@pytest.mark.parametrize(
    ("change", "sent"),
    [
        (Change(quantity=6), {"quantity": "6"}),
        (Change(price=PRICE), {"price": "1500.00"}),
        (Change(trigger_price=TRIGGER), {"trigger_price": "1490.05"}),
        (Change(kind=OrderKind.MARKET), {"order_type": "MARKET", "market_protection": "-1"}),
        (Change(kind=OrderKind.LIMIT, price=PRICE), {"order_type": "LIMIT", "price": "1500.00"}),
    ],
)
def test_a_change_sends_what_changes_and_nothing_else(change: Change, sent: dict[str, str]) -> None:
    assert modify_form(change) == sent


def test_a_change_of_nothing_is_not_sent() -> None:
    with pytest.raises(Untranslatable, match="changes nothing"):
        modify_form(Change())


TWO = Gtt(
    "NSE",
    "INFY",
    Product.CNC,
    e4("1500"),
    (GttLeg(e4("1450.05"), Side.SELL, 10, e4("1445")), GttLeg(e4("1600"), Side.SELL, 10, e4("1595.10"))),
)


def test_a_gtt_is_sent_as_json_in_a_form() -> None:
    form = gtt_form(TWO)

    assert form["type"] == "two-leg"
    assert msgspec.json.decode(form["condition"]) == {
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "trigger_values": [1450.05, 1600.0],
        "last_price": 1500.0,
    }
    orders = msgspec.json.decode(form["orders"])
    assert [(each["transaction_type"], each["quantity"], each["order_type"], each["price"]) for each in orders] == [
        ("SELL", 10, "LIMIT", 1445.0),
        ("SELL", 10, "LIMIT", 1595.1),
    ]


@pytest.mark.parametrize(
    "wrong", [(), TWO.legs + TWO.legs, (GttLeg(0, Side.SELL, 1, 1),), (GttLeg(1, Side.SELL, 0, 1),)]
)
def test_a_gtt_that_has_no_form_is_not_sent(wrong: tuple[GttLeg, ...]) -> None:
    with pytest.raises(Untranslatable):
        gtt_form(Gtt("NSE", "INFY", Product.CNC, 1, wrong))


@pytest.mark.parametrize(
    ("word", "status"), [*[(each.value, each) for each in GttStatus], ("pondering", GttStatus.ACTIVE)]
)
def test_a_row_is_read_with_what_became_of_each_leg(word: str, status: GttStatus) -> None:
    form = gtt_form(TWO)
    orders = msgspec.json.decode(form["orders"])
    orders[0]["result"] = {"order_result": {"status": "success", "order_id": "26", "rejection_reason": ""}}
    orders[1]["result"] = None
    row = {"id": 17, "status": word, "condition": msgspec.json.decode(form["condition"]), "orders": orders}
    row |= {"created_at": "2026-11-20 10:00:00", "updated_at": "2026-11-20 10:00:01", "type": "two-leg"}

    read = gtt(msgspec.convert(row, GttRow))

    assert (read.trigger_id, read.status, read.gtt) == ("17", status, TWO)
    assert read.results == (GttResult("26"), None)
    assert read.updated - read.created == 1_000_000_000
