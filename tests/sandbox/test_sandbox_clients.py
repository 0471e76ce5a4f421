"""The official Python client, with only its roots changed: every method that is routed, and the ticker in all modes."""

import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import requests
from kiteconnect import KiteConnect, KiteTicker
from kiteconnect.exceptions import InputException, OrderException, TokenException

from adapters.kite.reactor import REACTOR
from sandbox.launch import RunningSandbox
from tests.support.waiting import eventually

MARKET = {
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": 10,
    "product": "MIS",
    "order_type": "MARKET",
    "market_protection": -1,
}


@pytest.fixture
def kite(fast: RunningSandbox) -> KiteConnect:
    return KiteConnect("sandboxkey", access_token=fast.access_token, root=fast.rest)


def status(kite: KiteConnect, order_id: str) -> Any:
    return kite.order_history(order_id)[-1]["status"]


def test_login_from_the_form_to_logout(fast: RunningSandbox) -> None:
    kite = KiteConnect("sandboxkey", root=fast.rest)
    form = {"user_id": "SB0001", "password": "sandbox", "totp": "000000", "api_key": "sandboxkey"}
    answer = requests.post(f"{fast.rest}/connect/login", data=form, allow_redirects=False, timeout=60)
    request_token = answer.headers["location"].split("request_token=")[1].split("&")[0]

    session = kite.generate_session(request_token, api_secret="sandboxsecret")
    assert isinstance(session["login_time"], datetime)
    assert kite.profile()["user_id"] == "SB0001"

    called: list[bool] = []
    kite.set_session_expiry_hook(lambda: called.append(True))
    assert kite.invalidate_access_token() is True
    with pytest.raises(TokenException) as caught:
        kite.profile()
    assert caught.value.code == 403
    assert called == [True]


def test_user_and_funds(kite: KiteConnect) -> None:
    assert set(kite.margins()) == {"equity", "commodity"}
    equity = kite.margins("equity")
    assert equity["net"] == equity["available"]["live_balance"]


def test_instruments(kite: KiteConnect) -> None:
    everything = kite.instruments()
    nse = kite.instruments("NSE")

    assert {row["exchange"] for row in everything} == {"NSE", "BSE", "NFO", "BFO", "CDS", "MCX"}
    assert {row["exchange"] for row in nse} == {"NSE"}
    infy = next(row for row in nse if row["tradingsymbol"] == "INFY")
    assert (infy["instrument_token"], infy["tick_size"], infy["segment"]) == (408065, 0.1, "NSE")
    future = next(row for row in everything if row["segment"] == "NFO-FUT")
    assert isinstance(future["expiry"], date)


def test_quotes(kite: KiteConnect) -> None:
    full = kite.quote("NSE:INFY", "NSE:NIFTY 50", "NSE:NOPE")
    assert set(full) == {"NSE:INFY", "NSE:NIFTY 50"}
    infy = full["NSE:INFY"]
    assert isinstance(infy["timestamp"], datetime)
    assert len(infy["depth"]["buy"]) == len(infy["depth"]["sell"]) == 5
    assert infy["lower_circuit_limit"] < infy["last_price"] < infy["upper_circuit_limit"]
    prices = kite.ohlc("NSE:INFY")["NSE:INFY"]["ohlc"]
    assert (prices["open"], prices["close"]) == (infy["ohlc"]["open"], infy["ohlc"]["close"])
    assert kite.ltp("NSE:INFY")["NSE:INFY"]["instrument_token"] == 408065


def test_history(kite: KiteConnect) -> None:
    start = datetime(2026, 11, 19, 9, 15)  # noqa: DTZ001 - the client takes naive IST
    rows = kite.historical_data(408065, start, start + timedelta(minutes=5), "minute")
    assert [row["date"].minute for row in rows] == [15, 16, 17, 18, 19, 20]
    assert rows[0]["date"].utcoffset() == timedelta(hours=5, minutes=30)
    assert set(rows[0]) == {"date", "open", "high", "low", "close", "volume"}
    assert "oi" in kite.historical_data(408065, "2026-11-19", "2026-11-19", "day", oi=True)[0]
    with pytest.raises(InputException, match="interval exceeds max limit: 60 days"):
        kite.historical_data(408065, "2026-01-01", "2026-11-19", "minute")


def test_an_orders_life(kite: KiteConnect) -> None:
    order = kite.place_order(**MARKET, tag="life")
    eventually(lambda: status(kite, order) == "COMPLETE")

    row = next(one for one in kite.orders() if one["order_id"] == order)
    assert (row["tag"], row["filled_quantity"], row["pending_quantity"]) == ("life", 10, 0)
    assert isinstance(row["order_timestamp"], datetime)
    trades = kite.order_trades(order)
    assert sum(trade["quantity"] for trade in trades) == 10
    assert {trade["trade_id"] for trade in trades} <= {trade["trade_id"] for trade in kite.trades()}
    assert isinstance(trades[0]["order_timestamp"], str)
    net = {(one["tradingsymbol"], one["product"]) for one in kite.positions()["net"]}
    assert ("INFY", "MIS") in net
    assert kite.holdings() == []
    assert kite.get_auction_instruments() == []


def test_modify_and_cancel(kite: KiteConnect) -> None:
    low = kite.quote("NSE:SBIN")["NSE:SBIN"]["lower_circuit_limit"]
    order = kite.place_order(**{**MARKET, "tradingsymbol": "SBIN", "order_type": "LIMIT", "price": low + 1})
    eventually(lambda: status(kite, order) == "OPEN")

    assert kite.modify_order("regular", order, price=low + 2) == order
    eventually(lambda: kite.order_history(order)[-1]["price"] == low + 2)
    assert kite.cancel_order("regular", order) == order
    eventually(lambda: status(kite, order) == "CANCELLED")
    with pytest.raises(OrderException) as caught:
        kite.exit_order("regular", order)
    assert caught.value.code == 400


def test_convert(kite: KiteConnect) -> None:
    order = kite.place_order(**{**MARKET, "tradingsymbol": "ITC", "quantity": 4})
    eventually(lambda: status(kite, order) == "COMPLETE")

    assert kite.convert_position("NSE", "ITC", "BUY", "day", 3, "MIS", "CNC") is True
    held = {(row["tradingsymbol"], row["product"]): row["quantity"] for row in kite.positions()["net"]}
    assert (held["ITC", "MIS"], held["ITC", "CNC"]) == (1, 3)


def test_costs(kite: KiteConnect) -> None:
    order = {**MARKET, "order_type": "LIMIT", "price": 1500, "trigger_price": 0, "quantity": 20}
    margin = kite.order_margins([order])[0]
    assert (margin["total"], margin["leverage"]) == (6000, 5)
    assert set(margin["charges"]["gst"]) == {"igst", "cgst", "sgst", "total"}
    both = kite.basket_order_margins([order, {**order, "transaction_type": "SELL"}], consider_positions=False)
    assert (both["initial"]["total"], both["final"]["total"]) == (12000, 0)
    note = kite.get_virtual_contract_note([{**order, "order_id": "1", "average_price": 1000, "quantity": 20}])[0]
    assert note["charges"]["total"] == pytest.approx(8.42812, abs=1e-5)
    with pytest.raises(InputException):
        kite.get_virtual_contract_note([{**order, "order_id": "1", "average_price": 0}])


class Heard:
    """A KiteTicker, and what it heard."""

    def __init__(self, sandbox: RunningSandbox, tokens: dict[str, list[int]]) -> None:
        self.ticks: list[dict[str, Any]] = []
        self.updates: list[dict[str, Any]] = []
        self.closed = threading.Event()
        self.ticker = KiteTicker("sandboxkey", sandbox.access_token, root=sandbox.ws)
        self.ticker.on_ticks = lambda _, ticks: self.ticks.extend(ticks)
        self.ticker.on_order_update = lambda _, data: self.updates.append(data)
        self.ticker.on_close = lambda *_: self.closed.set()

        def on_connect(ws: Any, _: Any) -> None:
            for mode, chosen in tokens.items():
                ws.subscribe(chosen)
                ws.set_mode(mode, chosen)

        self.ticker.on_connect = on_connect
        # One reactor for all tests of this process, whoever comes first: a second one to be started would fail.
        REACTOR.call(lambda: self.ticker.connect(threaded=True))


@pytest.fixture
def heard(fast: RunningSandbox) -> Iterator[Heard]:
    one = Heard(fast, {"full": [408065, 256265], "quote": [779521], "ltp": [738561]})
    yield one
    REACTOR.call(one.ticker.close)
    assert one.closed.wait(60)


def test_the_ticker_in_all_modes_and_order_updates(heard: Heard, kite: KiteConnect) -> None:
    eventually(
        lambda: (
            {(tick["instrument_token"], tick["mode"]) for tick in heard.ticks}
            >= {(408065, "full"), (256265, "full"), (779521, "quote"), (738561, "ltp")}
        ),
        timeout=60,
    )
    order = kite.place_order(**MARKET, tag="socket")
    eventually(lambda: [one["status"] for one in heard.updates if one["order_id"] == order] == ["OPEN", "COMPLETE"])

    assert next(one for one in heard.updates if one["order_id"] == order)["tag"] == "socket"
    full = next(tick for tick in heard.ticks if tick["mode"] == "full" and tick["tradable"])
    assert len(full["depth"]["buy"]) == 5
