"""The official Python client with nothing but its root changed: every public method, found by introspection."""

import datetime as dt
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect
from kiteconnect.exceptions import GeneralException, PermissionException, TokenException

from sandbox.launch import RunningSandbox, launch
from tests.sandbox_faults.conftest import DAY
from tests.support.waiting import eventually

INFY = {"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY", "quantity": 1, "product": "MIS"}
MARKET = {**INFY, "order_type": "MARKET", "market_protection": -1}


@pytest.fixture(scope="module")
def served() -> Iterator[RunningSandbox]:
    with launch(speed=20, seed=3, relax=["rate-limits", "order-caps"], extra=DAY) as one:
        yield one


@pytest.fixture
def kite(served: RunningSandbox) -> KiteConnect:
    return KiteConnect("sandboxkey", access_token=served.access_token, root=served.rest)


def low(kite: Any) -> float:
    """A price at which an order rests."""
    price: float = kite.quote("NSE:INFY")["NSE:INFY"]["lower_circuit_limit"]
    return price


def resting(kite: Any, **fields: Any) -> str:
    order_id: str = kite.place_order("regular", **{**INFY, "order_type": "LIMIT", "price": low(kite), **fields})
    eventually(lambda: kite.order_history(order_id)[-1]["status"] == "OPEN")
    return order_id


def bought(kite: Any) -> str:
    order_id: str = kite.place_order("regular", **MARKET)
    eventually(lambda: kite.order_history(order_id)[-1]["status"] == "COMPLETE")
    return order_id


def a_session(kite: Any) -> dict[str, Any]:
    form = {"user_id": "SB0001", "password": "sandbox", "totp": "000000", "api_key": "sandboxkey"}
    answer = requests.post(f"{kite.root}/connect/login", data=form, allow_redirects=False, timeout=60)
    request_token = answer.headers["location"].split("request_token=")[1].split("&")[0]
    session: dict[str, Any] = KiteConnect("sandboxkey", root=kite.root).generate_session(request_token, "sandboxsecret")
    return session


# Session and user


def login_url(kite: Any) -> None:
    url = kite.login_url()
    assert url.endswith("/connect/login?api_key=sandboxkey&v=3")


def generate_session(kite: Any) -> None:
    session = a_session(kite)
    assert isinstance(session["login_time"], dt.datetime)
    assert len(session["access_token"]) == 32


def renew_access_token(kite: Any) -> None:
    with pytest.raises(TokenException) as caught:  # individuals have no refresh token
        kite.renew_access_token("none", "sandboxsecret")
    assert caught.value.code == 403


def invalidate_access_token(kite: Any) -> None:
    token = a_session(kite)["access_token"]
    assert kite.invalidate_access_token(token) is True
    other = KiteConnect("sandboxkey", access_token=token, root=kite.root)
    with pytest.raises(TokenException):
        other.profile()


def invalidate_refresh_token(kite: Any) -> None:
    with pytest.raises(TokenException):
        kite.invalidate_refresh_token("none")


def set_access_token(kite: Any) -> None:
    other = KiteConnect("sandboxkey", root=kite.root)
    other.set_access_token(kite.access_token)
    assert other.profile()["user_id"] == "SB0001"


def set_session_expiry_hook(kite: Any) -> None:
    called: list[bool] = []
    other = KiteConnect("sandboxkey", access_token="dead", root=kite.root)
    other.set_session_expiry_hook(lambda: called.append(True))
    with pytest.raises(TokenException):
        other.profile()
    assert called == [True]


def profile(kite: Any) -> None:
    assert kite.profile()["broker"] == "ZERODHA"


def margins(kite: Any) -> None:
    assert set(kite.margins()) == {"equity", "commodity"}
    assert kite.margins("equity")["enabled"] is True


# Orders


def place_order(kite: Any) -> None:
    order_id = kite.place_order("regular", **MARKET, tag="every", disclosed_quantity=0, validity="DAY")
    assert order_id.isdigit()


def place_autoslice_order(kite: Any) -> None:
    reply = kite.place_autoslice_order("regular", **{**MARKET, "quantity": 5})
    assert reply["order_id"]
    assert isinstance(reply["children"], list)


def modify_order(kite: Any) -> None:
    order_id = resting(kite)
    price = round(low(kite) + 1, 2)
    assert kite.modify_order("regular", order_id, price=price) == order_id
    eventually(lambda: kite.order_history(order_id)[-1]["price"] == price)


def cancel_order(kite: Any) -> None:
    order_id = resting(kite)
    assert kite.cancel_order("regular", order_id) == order_id
    eventually(lambda: kite.order_history(order_id)[-1]["status"] == "CANCELLED")


def exit_order(kite: Any) -> None:
    order_id = resting(kite)
    assert kite.exit_order("regular", order_id) == order_id


def orders(kite: Any) -> None:
    order_id = resting(kite, tag="listed")
    row = next(one for one in kite.orders() if one["order_id"] == order_id)
    assert (row["tag"], row["pending_quantity"]) == ("listed", 1)
    assert isinstance(row["order_timestamp"], dt.datetime)


def order_history(kite: Any) -> None:
    statuses = [row["status"] for row in kite.order_history(bought(kite))]
    assert statuses[0] == "PUT ORDER REQ RECEIVED"
    assert statuses[-1] == "COMPLETE"


def trades(kite: Any) -> None:
    order_id = bought(kite)
    assert order_id in {row["order_id"] for row in kite.trades()}


def order_trades(kite: Any) -> None:
    rows = kite.order_trades(bought(kite))
    assert sum(row["quantity"] for row in rows) == 1
    assert isinstance(rows[0]["fill_timestamp"], dt.datetime)


# Portfolio


def positions(kite: Any) -> None:
    bought(kite)
    assert any(row["tradingsymbol"] == "INFY" for row in kite.positions()["net"])


def convert_position(kite: Any) -> None:
    bought(kite)
    assert kite.convert_position("NSE", "INFY", "BUY", "day", 1, "MIS", "CNC") is True


def holdings(kite: Any) -> None:
    assert isinstance(kite.holdings(), list)


def get_auction_instruments(kite: Any) -> None:
    assert isinstance(kite.get_auction_instruments(), list)


# Market data


def quote(kite: Any) -> None:
    both = kite.quote(["NSE:INFY", "NSE:NIFTY 50"])
    assert len(both["NSE:INFY"]["depth"]["buy"]) == 5
    assert "depth" not in both["NSE:NIFTY 50"]


def ohlc(kite: Any) -> None:
    assert set(kite.ohlc("NSE:INFY")["NSE:INFY"]["ohlc"]) == {"open", "high", "low", "close"}


def ltp(kite: Any) -> None:
    assert kite.ltp("NSE:INFY")["NSE:INFY"]["instrument_token"] == 408065


def instruments(kite: Any) -> None:
    rows = kite.instruments("NSE")
    assert {row["exchange"] for row in rows} == {"NSE"}
    assert all(math.isfinite(row["strike"]) for row in rows)


def historical_data(kite: Any) -> None:
    rows = kite.historical_data(408065, "2026-11-19 09:15:00", "2026-11-19 09:19:00", "minute", oi=True)
    assert [row["date"].minute for row in rows] == [15, 16, 17, 18, 19]
    assert set(rows[0]) == {"date", "open", "high", "low", "close", "volume", "oi"}


def trigger_range(kite: Any) -> None:
    row = kite.trigger_range("BUY", "NSE:INFY")["NSE:INFY"]
    assert row["instrument_token"] == 408065
    assert row["lower"] < row["upper"]


# Margins and charges


def order_margins(kite: Any) -> None:
    order = {**INFY, "variety": "regular", "order_type": "LIMIT", "price": 1000, "trigger_price": 0}
    row = kite.order_margins([order])[0]
    assert row["total"] > 0
    assert row["charges"]["total"] > 0


def basket_order_margins(kite: Any) -> None:
    order = {**INFY, "variety": "regular", "order_type": "LIMIT", "price": 1000, "trigger_price": 0}
    both = kite.basket_order_margins([order, order], consider_positions=False, mode="compact")
    assert len(both["orders"]) == 2
    assert both["initial"]["total"] > 0


def get_virtual_contract_note(kite: Any) -> None:
    order = {**INFY, "order_id": "1", "variety": "regular", "order_type": "LIMIT", "average_price": 1000}
    assert kite.get_virtual_contract_note([{**order, "quantity": 20}])[0]["charges"]["total"] == pytest.approx(8.42812)


# GTT


def gtt(kite: Any) -> dict[str, Any]:
    """The arguments of a trigger far below the market."""
    last = kite.ltp("NSE:INFY")["NSE:INFY"]["last_price"]
    trigger = float(round(last * 0.95))
    order = {**INFY, "product": "CNC", "order_type": "LIMIT", "price": trigger}
    return {
        "trigger_type": "single",
        "tradingsymbol": "INFY",
        "exchange": "NSE",
        "trigger_values": [trigger],
        "last_price": last,
        "orders": [order],
    }


def place_gtt(kite: Any) -> None:
    assert isinstance(kite.place_gtt(**gtt(kite))["trigger_id"], int)


def get_gtts(kite: Any) -> None:
    trigger_id = kite.place_gtt(**gtt(kite))["trigger_id"]
    assert trigger_id in {row["id"] for row in kite.get_gtts()}


def get_gtt(kite: Any) -> None:
    trigger_id = kite.place_gtt(**gtt(kite))["trigger_id"]
    row = kite.get_gtt(trigger_id)
    assert (row["status"], row["type"], row["condition"]["instrument_token"]) == ("active", "single", 408065)
    assert row["orders"][0]["result"] is None


def modify_gtt(kite: Any) -> None:
    arguments = gtt(kite)
    trigger_id = kite.place_gtt(**arguments)["trigger_id"]
    values = [arguments["trigger_values"][0] - 10]
    assert kite.modify_gtt(trigger_id, **{**arguments, "trigger_values": values})["trigger_id"] == trigger_id
    assert kite.get_gtt(trigger_id)["condition"]["trigger_values"] == values


def delete_gtt(kite: Any) -> None:
    trigger_id = kite.place_gtt(**gtt(kite))["trigger_id"]
    assert kite.delete_gtt(trigger_id)["trigger_id"] == trigger_id


# Mutual funds


def mf_orders(kite: Any) -> None:
    rows = kite.mf_orders()
    assert isinstance(rows[0]["order_timestamp"], dt.datetime)
    assert kite.mf_orders(rows[0]["order_id"]) == rows[0]


def mf_sips(kite: Any) -> None:
    rows = kite.mf_sips()
    assert isinstance(rows[0]["created"], dt.datetime)
    assert kite.mf_sips(rows[0]["sip_id"]) == rows[0]


def mf_holdings(kite: Any) -> None:
    assert kite.mf_holdings()[0]["quantity"] == 25


def mf_instruments(kite: Any) -> None:
    rows = kite.mf_instruments()
    assert isinstance(rows[0]["last_price_date"], dt.date)
    assert rows[0]["purchase_allowed"] is True


def refused(call: Callable[[], object]) -> None:
    """Placing funds over the API has been disabled for years."""
    with pytest.raises(PermissionException) as caught:
        call()
    assert caught.value.code == 403


def place_mf_order(kite: Any) -> None:
    refused(lambda: kite.place_mf_order("INF0SB0A1011", "BUY", amount=1000))


def cancel_mf_order(kite: Any) -> None:
    order_id = kite.mf_orders()[0]["order_id"]
    refused(lambda: kite.cancel_mf_order(order_id))


def place_mf_sip(kite: Any) -> None:
    refused(lambda: kite.place_mf_sip("INF0SB0A1011", 1000, 12, "monthly"))


def modify_mf_sip(kite: Any) -> None:
    refused(lambda: kite.modify_mf_sip(kite.mf_sips()[0]["sip_id"], amount=2000))


def cancel_mf_sip(kite: Any) -> None:
    refused(lambda: kite.cancel_mf_sip(kite.mf_sips()[0]["sip_id"]))


PROOFS: dict[str, Callable[[Any], None]] = {
    proof.__name__: proof
    for proof in (
        *(login_url, generate_session, renew_access_token, invalidate_access_token, invalidate_refresh_token),
        *(set_access_token, set_session_expiry_hook, profile, margins),
        *(place_order, place_autoslice_order, modify_order, cancel_order, exit_order),
        *(orders, order_history, trades, order_trades),
        *(positions, convert_position, holdings, get_auction_instruments),
        *(quote, ohlc, ltp, instruments, historical_data, trigger_range),
        *(order_margins, basket_order_margins, get_virtual_contract_note),
        *(place_gtt, get_gtts, get_gtt, modify_gtt, delete_gtt),
        *(mf_orders, mf_sips, mf_holdings, mf_instruments),
        *(place_mf_order, cancel_mf_order, place_mf_sip, modify_mf_sip, cancel_mf_sip),
    )
}


def test_every_public_method_has_its_proof() -> None:
    public = {name for name, _ in inspect.getmembers(KiteConnect, inspect.isfunction) if not name.startswith("_")}

    assert set(PROOFS) == public


@pytest.mark.parametrize("name", PROOFS)
def test_method(name: str, kite: KiteConnect) -> None:
    PROOFS[name](kite)


def test_a_path_that_is_none_is_kites_own_404(kite: KiteConnect) -> None:
    kite._routes = {**kite._routes, "user.profile": "/user/nobody"}
    with pytest.raises(GeneralException) as caught:
        kite.profile()
    assert caught.value.code == 404
