"""Postbacks over HTTP: believed for their checksum alone, and merged with the socket and the polls into one state."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.kite.postback import BODY_BYTES_MAX, PostbackReceiver, checksum
from domain.errors import BrokerUnavailable
from domain.messages.broker import BrokerOrder, BrokerStatus, BrokerTrade
from domain.messages.journal import OrderAcknowledged, OrderRecord, SendingClaimed, TradeBooked
from domain.orders.transitions import fold
from domain.orders.updates import after_trades, after_update
from tests.reconcile.person import IDLE, QUICK, SECONDS, Plant, a_person
from tests.support.orders import NOW, a_row, a_trade, an_accepted, an_intent, folded
from tests.support.waiting import eventually
from tests.system.plant import STRESS, Trader, an_exchange
from tests.timetable.market_clocks import SetClock

SECRET = "a secret of the app"
ORDER: dict[str, Any] = {
    "user_id": "AB1234",
    "unfilled_quantity": 3,
    "app_id": 1,
    "placed_by": "AB1234",
    "order_id": "2611230000000000007",
    "exchange_order_id": "1000000000000007",
    "parent_order_id": None,
    "status": "UPDATE",
    "status_message": None,
    "order_timestamp": "2026-11-23 10:00:00",
    "exchange_update_timestamp": "2026-11-23 10:00:01",
    "exchange_timestamp": "2026-11-23 10:00:00",
    "variety": "regular",
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "instrument_token": 408065,
    "order_type": "LIMIT",
    "transaction_type": "BUY",
    "validity": "DAY",
    "product": "MIS",
    "quantity": 10,
    "disclosed_quantity": 0,
    "price": 1500.0,
    "trigger_price": 0,
    "average_price": 1499.5,
    "filled_quantity": 7,
    "pending_quantity": 3,
    "cancelled_quantity": 0,
    "market_protection": 0,
    "meta": {},
    "tag": "PABCDEFGHIJKLMNOPQRS",
    "guid": "x",
}


def sealed(secret: str = SECRET, **changes: object) -> bytes:
    order = {**ORDER, **changes}
    return json.dumps({"checksum": checksum(order["order_id"], order["order_timestamp"], secret), **order}).encode()


class Post:
    """A receiver, and whoever posts to it."""

    def __init__(self) -> None:
        self.heard: list[BrokerOrder] = []
        self.logged: list[str] = []
        self.receiver = PostbackReceiver("127.0.0.1", 0, "/postback", SECRET, SetClock(NOW), self.log)
        self.receiver.listen(self.heard.append)

    def log(self, level: str, event: str, /, **keys: object) -> None:
        self.logged.append(event)

    def send(self, body: bytes, path: str = "/postback", method: str = "POST", **headers: str) -> int:
        connection = HTTPConnection("127.0.0.1", self.receiver.port, timeout=60)
        try:
            connection.request(method, path, body, headers)
            return connection.getresponse().status
        finally:
            connection.close()


@pytest.fixture
def post() -> Iterator[Post]:
    made = Post()
    yield made
    made.receiver.close()


def test_a_sealed_postback_is_an_order_update(post: Post) -> None:
    assert post.send(sealed()) == 200

    (order,) = post.heard
    assert (order.order_id, order.tags, order.status) == (ORDER["order_id"], (ORDER["tag"],), BrokerStatus.IN_FLIGHT)
    assert (order.filled, order.pending, order.placed_by) == (7, 3, "AB1234")


@pytest.mark.parametrize(
    "body",
    [
        sealed("another secret"),
        sealed().replace(b'"2611230000000000007"', b'"2611230000000000008"'),
        sealed()[:-10],
        json.dumps(ORDER).encode(),
        b"",
        b"[]",
        b'{"checksum": 1}',
        b"\xff" * 40,
        b"[" * 5000,
        sealed(transaction_type="HOLD"),
    ],
    ids=[
        "another's seal",
        "another order",
        "cut off",
        "no seal",
        "empty",
        "a list",
        "no text",
        "no text at all",
        "deep",
        "a side that is none",
    ],
)
def test_whatever_is_not_sealed_by_the_app_is_refused(post: Post, body: bytes) -> None:
    assert post.send(body) == 403

    assert post.heard == []
    assert "postbacks.refused" in post.logged


def test_other_paths_methods_and_sizes_are_refused_without_reading(post: Post) -> None:
    assert post.send(sealed(), path="/else") == 404
    assert post.send(b"", method="GET") == 501
    assert post.send(b"", **{"Content-Length": str(BODY_BYTES_MAX + 1)}) == 413
    assert post.send(b"", **{"Content-Length": "-1"}) == 411
    assert post.heard == []


def test_a_port_that_is_taken_is_told_in_words(post: Post) -> None:
    another = PostbackReceiver("127.0.0.1", post.receiver.port, "/", SECRET, SetClock(NOW), post.log)

    with pytest.raises(BrokerUnavailable, match=r"postbacks\.port: 127\.0\.0\.1:\d+ cannot be listened on"):
        another.listen(post.heard.append)


# -- three sources, one state --------------------------------------------------------------------------------------------

TEN = an_accepted(an_intent(quantity=10))
SENT = folded(TEN, SendingClaimed(tag=TEN.tag, time=NOW))
ID = "2611200000000000001"
LIVES = [
    [(BrokerStatus.OPEN, 0), (BrokerStatus.IN_FLIGHT, 3), (BrokerStatus.OPEN, 7), (BrokerStatus.COMPLETE, 10)],
    [(BrokerStatus.OPEN, 0), (BrokerStatus.IN_FLIGHT, 4), (BrokerStatus.CANCELLED, 4)],
    [(BrokerStatus.TRIGGER_PENDING, 0), (BrokerStatus.CANCELLED, 0)],
    [(BrokerStatus.COMPLETE, 10)],
]


def told(record: OrderRecord, row: BrokerOrder, source: str, booked: set[str]) -> OrderRecord:
    """The order after one telling: a poll brings the trades along, as the supervisor then asks for them."""
    for event in after_update(record, row, NOW, source):
        record = folded_on(record, event)
    if source == "order book":
        for event in after_trades(record, trades_of(record, row.filled), booked, NOW):
            record = folded_on(record, event)
            if isinstance(event, TradeBooked):
                booked.add(event.trade_id)
    return record


def folded_on(record: OrderRecord, event: Any) -> OrderRecord:
    after = fold(record, event)
    assert after is not None
    return after


def trades_of(record: OrderRecord, filled: int) -> list[BrokerTrade]:
    return [a_trade(record, f"T{unit}", 1, order_id=ID) for unit in range(filled)]


@given(
    st.sampled_from(LIVES),
    st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["update", "postback", "order book"])), max_size=20),
    st.booleans(),
)
def test_any_mix_of_the_three_sources_ends_in_the_same_state(
    life: list[tuple[BrokerStatus, int]], tellings: list[tuple[int, str]], acknowledged: bool
) -> None:
    start = folded_on(SENT, OrderAcknowledged(SENT.tag, ID, "ma", NOW)) if acknowledged else SENT
    rows = [a_row(start, status, filled, order_id=ID) for status, filled in life]
    booked: set[str] = set()
    record = start
    for step, source in tellings:
        # Dropped, repeated, out of order, by any way; a poll shows the book as it stands, so it is never old.
        row = rows[-1] if source == "order book" else rows[min(step, len(rows) - 1)]
        record = told(record, row, source, booked)
    record = told(record, rows[-1], "order book", booked)
    alone = told(start, rows[-1], "order book", set())

    assert replace(record, text=alone.text) == alone
    assert len(booked) == life[-1][1]


# -- the whole way ---------------------------------------------------------------------------------------------------------


def test_with_a_deaf_socket_postbacks_alone_tell_of_fills(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}/postback"
    config = tmp_path / "idle.yaml"
    config.write_text(
        STRESS.read_text(encoding="utf-8")
        .replace("domain.strategies.pulse:Pulse", IDLE)
        .replace("period_seconds: 4", "")
    )
    listening = ("postbacks.enabled=true", f"postbacks.port={port}", "orders.reconcile_seconds=60")
    deaf = ("--faults", "lose_update:probability=1", "--postback-url", url)
    with (
        an_exchange(speed=1, extra=deaf) as exchange,
        Trader(tmp_path, *exchange.sets, *QUICK[:-1], *listening, config=config) as trader,
    ):
        trader.trading(60)
        plant = Plant(exchange, trader, a_person(exchange))
        plant.open("pulse_infy")

        seen = [row for row in trader.events("order.fill_seen") if row["strategy"] == "pulse_infy"]
        assert {row["found_by"] for row in seen} == {"postback"}
        eventually(lambda: trader.trades() == exchange.books().trades, SECONDS, "booked")
        assert not plant.found("missed fill", "NSE:INFY")
