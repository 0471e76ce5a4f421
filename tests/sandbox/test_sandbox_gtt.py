"""Good-till-triggered orders."""

import json
from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest

from sandbox.gtt import Gtt, GttRequest, parse_gtt
from sandbox.refusal import Refusal
from tests.sandbox.desk import FRIDAY, Desk

MONDAY = date(2026, 11, 23)
Rows = Any


def request(desk: Desk, *percents: float, price: float = 0.5, product: str = "CNC", **condition: object) -> GttRequest:
    triggers = [float(desk.rupees(percent=percent)) for percent in percents]
    form = {
        "type": "single" if len(percents) == 1 else "two-leg",
        "condition": json.dumps(
            {
                "exchange": "NSE",
                "tradingsymbol": "INFY",
                "trigger_values": triggers,
                "last_price": desk.last() / 10_000,
                **condition,
            }
        ),
        "orders": json.dumps(
            [
                {
                    "exchange": "NSE",
                    "tradingsymbol": "INFY",
                    "transaction_type": "BUY",
                    "quantity": 3,
                    "order_type": "LIMIT",
                    "product": product,
                    "price": float(desk.rupees(percent=price)),
                    "trigger_price": 0,
                }
                for _ in percents
            ]
        ),
    }
    return parse_gtt(form, desk.exchange.universe.by_key)


def until_triggered(desk: Desk, number: int) -> Any:
    for _ in range(400):
        desk.forward(60)
        row = desk.engine.gtts.row(number)
        if row["status"] != "active":
            return row
    raise AssertionError("never triggered")


@pytest.mark.parametrize("percent", [-0.1, 0.1])
def test_a_trigger_places_its_order_when_a_print_reaches_it(desk: Desk, percent: float) -> None:
    number = desk.engine.gtts.place(request(desk, percent))
    assert desk.engine.orders == {}
    row = until_triggered(desk, number)

    assert row["status"] == "triggered"
    result = row["orders"][0]["result"]
    reached = result["triggered_at"] - row["condition"]["trigger_values"][0]
    assert reached <= 0 if percent < 0 else reached >= 0
    assert result["order_result"]["status"] == "success"
    assert desk.row(result["order_result"]["order_id"])["quantity"] == 3
    assert until_orders(desk) == 1
    with pytest.raises(Refusal, match="already triggered"):
        desk.engine.gtts.delete(number)


def until_orders(desk: Desk) -> int:
    desk.forward(600)
    return len(desk.engine.orders)


def test_of_two_legs_the_first_reached_fires_alone(desk: Desk) -> None:
    number = desk.engine.gtts.place(request(desk, -0.15, 0.15))
    row = until_triggered(desk, number)

    assert [order["result"] is None for order in row["orders"]].count(True) == 1
    assert until_orders(desk) == 1


def test_the_first_print_decides_between_two_legs(desk: Desk) -> None:
    gtt = Gtt(1, request(desk, -1, 1), 0, 0)
    low, high = gtt.request.triggers

    assert gtt.fires(np.array([low + 1, high, low], dtype=np.int32)) == (1, 1)
    assert gtt.fires(np.array([low, high], dtype=np.int32)) == (0, 0)
    assert gtt.fires(np.array([low + 1, high - 1], dtype=np.int32)) is None


def test_a_refused_order_is_told_in_the_result(desk: Desk) -> None:
    number = desk.engine.gtts.place(request(desk, 0.1, price=-15))
    result = until_triggered(desk, number)["orders"][0]["result"]["order_result"]

    assert (result["status"], result["order_id"]) == ("failed", "")
    assert "circuit limit" in result["rejection_reason"]


def test_rows_have_kites_shape(desk: Desk) -> None:
    number = desk.engine.gtts.place(request(desk, -2, 2))
    row: Rows = desk.engine.gtts.row(number)

    assert set(row) == {
        "id",
        "user_id",
        "parent_trigger",
        "type",
        "created_at",
        "updated_at",
        "expires_at",
        "status",
        "condition",
        "orders",
        "meta",
    }
    assert (row["id"], row["type"], row["status"]) == (number, "two-leg", "active")
    assert row["expires_at"][:10] == (FRIDAY + timedelta(days=365)).isoformat()
    assert row["condition"]["instrument_token"] == 408065
    assert row["orders"][0]["result"] is None


def test_change_delete_and_the_list_of_a_week(desk: Desk) -> None:
    number = desk.engine.gtts.place(request(desk, -2))
    desk.engine.gtts.modify(number, request(desk, -3))
    assert desk.engine.gtts.row(number)["condition"]["trigger_values"] == [float(desk.rupees(percent=-3))]  # type: ignore[index]  # JSON
    with pytest.raises(Refusal, match="cannot be changed"):
        desk.engine.gtts.modify(number, request(desk, -3, 3))
    desk.engine.gtts.delete(number)
    assert [row["status"] for row in desk.engine.gtts.rows()] == ["deleted"]
    desk.go_to(10 * 3600, FRIDAY + timedelta(days=10))
    assert desk.engine.gtts.rows() == []
    with pytest.raises(Refusal, match="not found"):
        desk.engine.gtts.row(1)


def test_triggers_live_on_over_days(desk: Desk) -> None:
    number = desk.engine.gtts.place(request(desk, -0.4, 0.4))
    desk.go_to(9 * 3600, MONDAY)
    before = desk.engine.gtts.row(number)["status"]
    for _ in range(12):
        desk.forward(86_400)

    assert before in {"active", "triggered"}
    assert desk.engine.gtts.row(number)["status"] == "triggered"


def test_a_new_day_is_watched_from_its_first_print(desk: Desk) -> None:
    """A trigger that Friday's late prints never reach and Monday's first hundred do."""
    infy = desk.exchange.universe.by_key["NSE:INFY"]
    friday, monday = (desk.exchange.market.tape(infy, day) for day in (FRIDAY, MONDAY))
    desk.go_to(15 * 3600)
    late, early = friday.price[friday.printed(desk.exchange.clock.now_ns()) :], monday.price[:100]
    up = int(early.max()) > int(late.max())
    trigger = int(early.max() if up else early.min())
    assert up or trigger < int(late.min())
    order = request(desk, 1).orders
    number = desk.engine.gtts.place(GttRequest(False, infy, (trigger,), desk.last(), order))
    desk.go_to(9 * 3600 + 20 * 60, MONDAY)

    assert desk.engine.gtts.row(number)["status"] == "triggered"


def test_five_hundred_at_most(desk: Desk) -> None:
    for _ in range(500):
        desk.engine.gtts.place(request(desk, -5))
    with pytest.raises(Refusal, match="Maximum of 500"):
        desk.engine.gtts.place(request(desk, -5))


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"percents": (0,)}, "equal to the last"),
    ({"percents": (1, 2)}, "both sides"),
    ({"percents": (1,), "product": "MIS"}, "product"),
    ({"percents": (1,), "product": "NRML"}, "product"),
    ({"percents": (1,), "tradingsymbol": "NOPE"}, "tradingsymbol"),
    ({"percents": (1,), "trigger_values": []}, "trigger_values"),
    ({"percents": (1,), "trigger_values": ["x"]}, "trigger_values"),
    ({"percents": (1,), "last_price": None}, "last_price"),
]


@pytest.mark.parametrize(("form", "text"), REFUSED, ids=[row[1] for row in REFUSED])
def test_refusals(desk: Desk, form: dict[str, Any], text: str) -> None:
    with pytest.raises(Refusal, match=text):
        desk.engine.gtts.place(request(desk, *form["percents"], **{k: v for k, v in form.items() if k != "percents"}))


@pytest.mark.parametrize(
    "form",
    [{}, {"type": "single", "condition": "{", "orders": "[]"}, {"type": "single", "condition": "[]", "orders": "[]"}],
)
def test_what_is_no_form_is_refused(desk: Desk, form: dict[str, str]) -> None:
    with pytest.raises(Refusal):
        parse_gtt(form, desk.exchange.universe.by_key)
