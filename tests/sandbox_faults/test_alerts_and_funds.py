"""Alerts and mutual funds: field names, what an alert does, what is refused."""

import json
from typing import Any

import pytest

from sandbox.alerts import ALERTS_MAX, Alerts
from tests.sandbox.desk import Desk
from tests.sandbox_faults.talk import Talk, words
from tests.support.waiting import eventually

SIMPLE = {
    "name": "NIFTY is there",
    "type": "simple",
    "lhs_exchange": "INDICES",
    "lhs_tradingsymbol": "NIFTY 50",
    "lhs_attribute": "LastTradedPrice",
    "operator": ">=",
    "rhs_type": "constant",
    "rhs_constant": "27000.5",
}
TWO = {
    "rhs_type": "instrument",
    "rhs_exchange": "NSE",
    "rhs_tradingsymbol": "INFY",
    "rhs_attribute": "LastTradedPrice",
}
ROW = words(
    "type user_id uuid name status disabled_reason lhs_attribute lhs_exchange lhs_tradingsymbol operator rhs_type "
    "rhs_attribute rhs_exchange rhs_tradingsymbol rhs_constant alert_count created_at updated_at"
)
META = set(
    words(
        "instrument_token tradingsymbol timestamp last_price ohlc net_change exchange last_trade_time last_quantity "
        "buy_quantity sell_quantity volume volume_tick average_price oi oi_day_high oi_day_low lower_circuit_limit "
        "upper_circuit_limit"
    )
)


def create(talk: Talk, **changes: str) -> dict[str, Any]:
    row: dict[str, Any] = talk("POST", "/alerts", {**SIMPLE, **changes}).json()["data"]
    return row


def of(talk: Talk, row: dict[str, Any]) -> dict[str, Any]:
    now: dict[str, Any] = talk("GET", f"/alerts/{row['uuid']}").json()["data"]
    return now


def test_an_alerts_row(talk: Talk) -> None:
    row = create(talk)

    assert list(row) == ROW
    assert (row["rhs_constant"], row["alert_count"], row["status"], row["disabled_reason"]) == (
        27000.5,
        0,
        "enabled",
        "",
    )
    assert of(talk, row) == row
    assert row in talk("GET", "/alerts").json()["data"]
    both = create(talk, **TWO)
    assert (both["rhs_tradingsymbol"], both["rhs_constant"]) == ("INFY", 0)


def test_an_alert_strikes_once_when_its_condition_turns_true_and_remembers(talk: Talk) -> None:
    sleeping = create(talk, operator="<")
    low = create(talk, operator="<", rhs_constant="1")
    eventually(lambda: of(talk, sleeping)["alert_count"] == 1)
    history = talk("GET", f"/alerts/{sleeping['uuid']}/history").json()["data"]

    assert len(history) == 1
    assert set(history[0]) == {"uuid", "type", "meta", "condition", "created_at", "order_meta"}
    assert set(history[0]["meta"][0]) == META
    assert (history[0]["meta"][0]["exchange"], history[0]["order_meta"]) == ("INDICES", None)
    assert of(talk, sleeping)["status"] == "enabled"
    assert of(talk, low)["alert_count"] == 0
    changed = talk("PUT", f"/alerts/{low['uuid']}", {"operator": ">"}).json()["data"]
    assert changed["operator"] == ">"
    eventually(lambda: of(talk, low)["alert_count"] == 1)


def strikes(*prices: int, **changes: str) -> list[int]:
    """Alert count after each price of NIFTY in rupees, and of INFY a thousandth of it."""
    universe = Desk().exchange.universe
    alerts = Alerts(universe)
    alert = alerts.create({**SIMPLE, **changes}, 0)
    counts = []
    for price in prices:
        if price == CHANGE:
            alerts.modify(alert.uuid, {}, 0)
            continue
        alerts.look(lambda one, price=price: price * (10_000 if one.is_index else 10), 0, lambda _: {})  # type: ignore[misc]  # bound at once
        counts.append(alert.count)
    return counts


CHANGE = -1


@pytest.mark.parametrize(
    ("prices", "changes", "counts"),
    [
        ((26_000, 27_001, 27_002, 26_999, 27_001), {}, [0, 1, 1, 1, 2]),
        ((27_001, 27_001, CHANGE, 27_001), {}, [1, 1, 2]),
        ((27_000, 27_001), {"operator": "<=", "rhs_constant": "27000"}, [1, 1]),
        ((27_000, 26_999), {"operator": "<", "rhs_constant": "27000"}, [0, 1]),
        ((27_000, 27_001), {"operator": ">", "rhs_constant": "27000"}, [0, 1]),
        ((26_999, 27_000), {"operator": ">=", "rhs_constant": "27000"}, [0, 1]),
        ((26_999, 27_000, 27_001), {"operator": "==", "rhs_constant": "27000"}, [0, 1, 1]),
        ((5,), {**TWO, "operator": ">"}, [1]),
        ((5,), {**TWO, "operator": "<"}, [0]),
        (
            (27_001, 26_000, 27_001),
            {"type": "ato", "basket": '{"items":[{"exchange":"NSE","tradingsymbol":"A","params":{}}]}'},
            [1, 1, 1],
        ),
    ],
)
def test_when_an_alert_strikes(prices: tuple[int, ...], changes: dict[str, str], counts: list[int]) -> None:
    assert strikes(*prices, **changes) == counts


def basket(*items: dict[str, Any]) -> str:
    return json.dumps({"name": "b", "type": "alert", "tags": [], "items": list(items)})


def item(tag: str, **params: Any) -> dict[str, Any]:
    order = {"transaction_type": "BUY", "product": "MIS", "order_type": "LIMIT", "validity": "DAY", "quantity": 1}
    order |= {"variety": "regular", "tags": [], "tag": tag, **params}
    return {"type": "insert", "tradingsymbol": "INFY", "exchange": "NSE", "weight": 10000, "params": order}


def test_an_ato_alert_places_its_orders_and_is_done(talk: Talk) -> None:
    given = basket(item("ato", price=talk.low()), item("bad", price=1))
    row = create(talk, type="ato", operator=">", rhs_constant="1", basket=given)
    assert row["basket"] == json.loads(given)
    eventually(lambda: of(talk, row)["status"] == "disabled")
    entry = talk("GET", f"/alerts/{row['uuid']}/history").json()["data"][0]

    assert of(talk, row)["disabled_reason"] == "triggered"
    assert "ato" in talk.tags()
    assert entry["order_meta"][0]["order_id"]
    assert entry["order_meta"][1]["order_id"] is None
    assert "circuit" in entry["order_meta"][1]["error"]


def test_deleted_alerts_are_listed_only_when_asked_for(talk: Talk) -> None:
    first, second = create(talk), create(talk)
    answer = talk("DELETE", f"/alerts?uuid={first['uuid']}&uuid={second['uuid']}")
    assert answer.json() == {"status": "success", "data": None}

    listed = {row["uuid"] for row in talk("GET", "/alerts").json()["data"]}
    deleted = {row["uuid"] for row in talk("GET", "/alerts?status=deleted").json()["data"]}
    assert {first["uuid"], second["uuid"]} <= deleted - listed
    assert talk("PUT", f"/alerts/{first['uuid']}", SIMPLE).status == 400
    assert talk("DELETE", "/alerts").status == 200
    assert len(talk("GET", "/alerts?status=deleted&page=2&page_size=1").json()["data"]) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"type": "odd"},
        {"operator": "!="},
        {"lhs_tradingsymbol": "NOPE"},
        {"lhs_attribute": "Volume"},
        {"rhs_type": "guess"},
        {"rhs_constant": "many"},
        {**TWO, "rhs_exchange": ""},
        {"type": "ato"},
        {"type": "ato", "basket": "{"},
        {"type": "ato", "basket": '{"items":[]}'},
    ],
)
def test_what_is_no_alert_is_refused(talk: Talk, changes: dict[str, str]) -> None:
    answer = talk("POST", "/alerts", {**SIMPLE, **changes})

    assert (answer.status, answer.json()["error_type"]) == (400, "InputException")


def test_no_more_than_so_many(talk: Talk) -> None:
    """Last of all: it fills the account."""
    there = len(talk("GET", "/alerts").json()["data"])
    made = [create(talk)["uuid"] for _ in range(ALERTS_MAX - there)]
    assert talk("POST", "/alerts", SIMPLE).status == 400
    talk("DELETE", "/alerts?" + "&".join(f"uuid={one}" for one in made))

    assert talk("POST", "/alerts", SIMPLE).status == 200


def test_unknown_ones(talk: Talk) -> None:
    for path in ("/alerts/nope", "/alerts/nope/history", "/mf/orders/nope", "/mf/sips/nope", "/mf/holdings/nope"):
        assert talk("GET", path).status == 404
    assert talk("DELETE", "/alerts?uuid=nope").status == 404


MF = {
    "/mf/orders": "order_id exchange_order_id tradingsymbol status status_message folio fund order_timestamp exchange_timestamp "
    "settlement_id transaction_type variety purchase_type quantity amount last_price last_price_date average_price placed_by tag",
    "/mf/sips": "sip_id tradingsymbol fund dividend_type transaction_type status sip_type created frequency instalment_amount "
    "instalments last_instalment pending_instalments instalment_day completed_instalments next_instalment trigger_price "
    "step_up tag sip_reg_num fund_source",
    "/mf/holdings": "folio fund tradingsymbol average_price last_price last_price_date pledged_quantity pnl quantity",
    "/mf/holdings/INF0SB0A1011": "fund tradingsymbol average_price variety exchange_timestamp amount folio quantity",
}


@pytest.mark.parametrize("path", MF)
def test_mutual_fund_rows(talk: Talk, path: str) -> None:
    rows = talk("GET", path).json()["data"]

    assert rows
    assert all(set(row) == set(words(MF[path])) for row in rows)


def test_mutual_funds_are_to_look_at(talk: Talk) -> None:
    order_id = talk("GET", "/mf/orders").json()["data"][0]["order_id"]
    assert talk("GET", f"/mf/orders/{order_id}").json()["data"]["order_id"] == order_id
    assert talk("GET", "/mf/allotments").json()["data"] == ["INF0SB0A1011"]
    sip_id = talk("GET", "/mf/sips").json()["data"][0]["sip_id"]
    for method, path in (
        ("POST", "/mf/orders"),
        ("DELETE", f"/mf/orders/{order_id}"),
        ("POST", "/mf/sips"),
        ("PUT", f"/mf/sips/{sip_id}"),
        ("DELETE", f"/mf/sips/{sip_id}"),
    ):
        answer = talk(method, path, {})
        assert (answer.status, answer.json()["error_type"]) == (403, "PermissionException"), path


def test_the_profile_in_full(talk: Talk) -> None:
    full = talk("GET", "/user/profile/full").json()["data"]

    assert set(talk("GET", "/user/profile").json()["data"]) <= set(full)
    assert set(full) >= {"twofa_type", "phone", "bank_accounts", "dp_ids", "pan", "tags", "password_timestamp"}
    assert set(full["meta"]) >= {"poa", "silo", "account_blocks"}
    assert set(full["bank_accounts"][0]) == {"name", "branch", "account"}
