"""The table of outcomes: one row per kind of answer, for an order and for a read."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from adapters.clock import MonotonicClock
from adapters.kite.broker import KiteBroker
from adapters.kite.pacing import Endpoint, Pacer, PacingLimits, Priority
from adapters.kite.tokens import TokenHolder
from domain.errors import BrokerRefusal, BrokerUnavailable, LoginNeeded, NotPermitted, SlowDown
from domain.messages.broker import Accepted, NotSent, PlaceOrder, Rejected, Unresolved
from domain.values import SECOND, OrderKind, Product, Side, Validity, Variety
from tests.kite.scripted import (
    API_SECRET,
    TOKEN,
    UNLIMITED,
    Answer,
    FixedClock,
    ScriptedServer,
    a_holder,
    an_http,
    error,
    reply,
    success,
)

ORDER = PlaceOrder("tag1", "NSE", "INFY", Side.BUY, 10, Product.MIS, OrderKind.MARKET)


class BrokerAt(Protocol):
    def __call__(
        self,
        root: str,
        tokens: TokenHolder | None = None,
        *,
        deadline_seconds: float = 5.0,
        read_deadline_seconds: float = 5.0,
        pacer: Pacer | None = None,
    ) -> KiteBroker: ...


@pytest.fixture
def broker_at() -> Iterator[BrokerAt]:
    """Makes brokers that are closed when the test ends."""
    made: list[KiteBroker] = []

    def make(
        root: str,
        tokens: TokenHolder | None = None,
        *,
        deadline_seconds: float = 5.0,
        read_deadline_seconds: float = 5.0,
        pacer: Pacer | None = None,
    ) -> KiteBroker:
        clock = MonotonicClock()
        http = an_http(root, tokens, deadline_seconds=deadline_seconds)
        pacer = pacer or Pacer(UNLIMITED, clock)
        made.append(KiteBroker(http, pacer, FixedClock(1), clock, read_deadline_seconds=read_deadline_seconds))
        return made[-1]

    yield make
    for broker in made:
        broker.close()


def reset(sock: socket.socket) -> None:
    """End the connection with a reset instead of a close."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def half_a_reply(sock: socket.socket) -> None:
    sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"status":"succ')


HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
TIMED_OUT = "Order request timed out. Please check the order book and confirm before placing again."
MARGIN = "Insufficient funds. Required margin is 95417.84 but available margin is 74251.80. Check the orderbook for open orders."

# name, answer, outcome of an order, error of a read (None: the reply is a success there)
ROWS: list[tuple[str, Answer, type, type | None]] = [
    ("done", success({"order_id": "2611"}), Accepted, None),
    (
        "done, label wrong",
        reply(200, {"status": "success", "data": {"order_id": "1"}}, content_type="text/html"),
        Accepted,
        None,
    ),
    (
        "done, label missing",
        reply(200, {"status": "success", "data": {"order_id": "1"}}, content_type=None),
        Accepted,
        None,
    ),
    ("success without an order id", success({}), Unresolved, None),
    ("success with an empty order id", success({"order_id": ""}), Unresolved, None),
    ("success with a list", success([1]), Unresolved, None),
    ("success with null", success(None), Unresolved, None),
    ("success without data", reply(200, {"status": "success"}), Unresolved, BrokerUnavailable),
    ("200 with an error", error(200, "no", "InputException"), Unresolved, BrokerUnavailable),
    ("200 with a list", reply(200, [1, 2]), Unresolved, BrokerUnavailable),
    ("200 with HTML", reply(200, HTML, content_type="text/html"), Unresolved, BrokerUnavailable),
    ("200 with half a document", reply(200, b'{"status": "succ'), Unresolved, BrokerUnavailable),
    ("200 empty", reply(200, b""), Unresolved, BrokerUnavailable),
    ("302", reply(302, b"", headers={"Location": "/login"}), Unresolved, BrokerUnavailable),
    ("400 input", error(400, "quantity is wrong", "InputException"), Rejected, BrokerRefusal),
    ("400 order", error(400, "not allowed", "OrderException"), Rejected, BrokerRefusal),
    ("400 margin", error(400, MARGIN, "MarginException"), Rejected, BrokerRefusal),
    ("400 holding", error(400, "none held", "HoldingException"), Rejected, BrokerRefusal),
    ("400 user", error(400, "blocked", "UserException"), Rejected, BrokerRefusal),
    ("400 general", error(400, "no", "GeneralException"), Rejected, BrokerRefusal),
    ("400 unknown type", error(400, "no", "NewException"), Rejected, BrokerRefusal),
    ("400 no type", error(400, "no"), Rejected, BrokerRefusal),
    ("400 timed out", error(400, TIMED_OUT, "OrderException"), Unresolved, BrokerUnavailable),
    ("400 network", error(400, "Request failed (kitetrade-oms).", "NetworkException"), Unresolved, BrokerUnavailable),
    ("400 data", error(400, "could not be parsed", "DataException"), Unresolved, BrokerUnavailable),
    ("400 HTML", reply(400, HTML, content_type="text/html"), Unresolved, BrokerUnavailable),
    ("400 with data and no error", reply(400, {"data": {"order_id": "1"}}), Unresolved, BrokerUnavailable),
    ("403 token", error(403, "Incorrect `api_key` or `access_token`.", "TokenException"), Rejected, LoginNeeded),
    (
        "403 permission",
        error(403, "Insufficient permission for that call.", "PermissionException"),
        Rejected,
        NotPermitted,
    ),
    (
        "403 address",
        error(403, "IP not allowed to place orders for this app", "PermissionException"),
        Rejected,
        NotPermitted,
    ),
    ("403 HTML", reply(403, HTML, content_type="text/html"), Unresolved, BrokerUnavailable),
    ("404", error(404, "Route not found", "GeneralException"), Rejected, BrokerRefusal),
    ("405", error(405, "Method not allowed", "GeneralException"), Rejected, BrokerRefusal),
    ("410", error(410, "gone", "GeneralException"), Rejected, BrokerRefusal),
    ("408", error(408, "timeout", "GeneralException"), Unresolved, BrokerUnavailable),
    ("428", error(428, "10 quantity needs authorisation at depository.", "HoldingException"), Rejected, NotPermitted),
    ("429", error(429, "Too many requests", "NetworkException"), Rejected, SlowDown),
    ("429 without type", error(429, "Too many requests"), Rejected, SlowDown),
    ("429 of another kind", error(429, "no", "GeneralException"), Unresolved, SlowDown),
    ("429 HTML", reply(429, HTML, content_type="text/html"), Unresolved, SlowDown),
    ("500", error(500, "broken", "GeneralException"), Unresolved, BrokerUnavailable),
    ("500 with data and no error", reply(500, {"data": {"order_id": "1"}}), Unresolved, BrokerUnavailable),
    ("500 success", success({"order_id": "1"}, status=500), Unresolved, BrokerUnavailable),
    ("500 input", error(500, "quantity is wrong", "InputException"), Unresolved, BrokerUnavailable),
    ("500 token", error(500, "Token is invalid", "TokenException"), Unresolved, LoginNeeded),
    ("502 HTML", reply(502, HTML, content_type="text/html"), Unresolved, BrokerUnavailable),
    ("503", error(503, "OMS is down", "NetworkException"), Unresolved, BrokerUnavailable),
    ("504", error(504, "OMS timed out", "NetworkException"), Unresolved, BrokerUnavailable),
    ("closed without an answer", lambda sock: None, Unresolved, BrokerUnavailable),
    ("reset", reset, Unresolved, BrokerUnavailable),
    ("half a reply", half_a_reply, Unresolved, BrokerUnavailable),
    ("half a status line", lambda sock: sock.sendall(b"HTTP/1.1 200"), Unresolved, BrokerUnavailable),
]
IDS = [row[0] for row in ROWS]


@pytest.mark.parametrize(("name", "answer", "expected", "_read"), ROWS, ids=IDS)
def test_what_an_answer_proves_about_an_order(
    broker_at: BrokerAt, name: str, answer: Answer, expected: type, _read: Any
) -> None:
    with ScriptedServer(answer) as server:
        broker = broker_at(server.root)
        outcome = broker.place(ORDER)
        cancelled = broker_at(server.root).cancel("2611", Variety.REGULAR)

    assert type(outcome) is expected
    assert type(cancelled) is expected
    for proved in (outcome, cancelled):
        assert not isinstance(proved, Rejected) or proved.person is (_read is NotPermitted), "who can end it"
    assert [request.method for request in server.requests] == ["POST", "DELETE"], "an order is never sent twice"


@pytest.mark.parametrize(("name", "answer", "_order", "expected"), ROWS, ids=IDS)
def test_what_an_answer_means_to_a_read(
    broker_at: BrokerAt,
    name: str,
    answer: Answer,
    _order: Any,
    expected: type[Exception] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("adapters.kite.reading.ATTEMPTS", 2)
    monkeypatch.setattr("adapters.kite.reading.WAIT_FIRST_SECONDS", 0.001)
    monkeypatch.setattr("adapters.kite.reading.SLOW_DOWN_SECONDS", 0.001)
    if expected is None:
        return
    with ScriptedServer(answer) as server:
        broker = broker_at(server.root)
        with pytest.raises(expected) as raised:
            broker.orders()

    assert type(raised.value) is expected
    attempts = 2 if issubclass(expected, BrokerUnavailable) else 1
    assert len(server.requests) == attempts, "what may pass is tried again, a refusal is not"


def test_a_refusal_tells_its_code_and_the_brokers_words(broker_at: BrokerAt) -> None:
    with ScriptedServer(error(400, MARGIN, "MarginException")) as server:
        outcome = broker_at(server.root).place(ORDER)

    assert outcome == Rejected(400, f"HTTP 400: {MARGIN} (MarginException)")


def test_nothing_listening_is_not_sent(broker_at: BrokerAt) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        root = f"http://127.0.0.1:{listener.getsockname()[1]}"

    assert isinstance(broker_at(root).place(ORDER), NotSent)
    assert isinstance(broker_at(root).cancel("1", Variety.REGULAR), NotSent)


def test_silence_after_the_order_left_is_unresolved_within_the_deadline(broker_at: BrokerAt) -> None:
    def silent(sock: socket.socket) -> None:
        sock.recv(1)

    with ScriptedServer(silent) as server:
        outcome = broker_at(server.root, deadline_seconds=0.2).place(ORDER)

    assert isinstance(outcome, Unresolved)
    assert len(server.requests) == 1


def test_a_dead_token_stops_the_next_order_before_it_leaves(broker_at: BrokerAt) -> None:
    tokens = a_holder()
    with ScriptedServer(error(403, "Incorrect `api_key` or `access_token`.", "TokenException")) as server:
        first = broker_at(server.root, tokens).place(ORDER)
        second = broker_at(server.root, tokens).place(ORDER)

    assert isinstance(first, Rejected) and first.code == 403 and first.turned_away
    assert isinstance(second, NotSent)
    assert len(server.requests) == 1


def test_a_dead_token_with_an_unproved_order_says_both(broker_at: BrokerAt) -> None:
    with ScriptedServer(error(503, "down", "TokenException")) as server:
        outcome = broker_at(server.root).place(ORDER)

    assert outcome == Unresolved("HTTP 503: down (TokenException)", login_needed=True)


def test_no_outcome_shows_a_secret_that_the_broker_echoes(broker_at: BrokerAt) -> None:
    with ScriptedServer(error(400, f"bad token {TOKEN}\nand {API_SECRET}", "InputException")) as server:
        outcome = broker_at(server.root).place(ORDER)

    assert outcome == Rejected(400, "HTTP 400: bad token **** and **** (InputException)")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"tag": ""}, "tag"),
        ({"tag": "x" * 21}, "tag"),
        ({"tag": "a b"}, "tag"),
        ({"quantity": 0}, "quantity"),
        ({"kind": OrderKind.LIMIT}, "price"),
        ({"kind": OrderKind.STOP_MARKET}, "trigger price"),
        ({"validity": Validity.TTL}, "TTL"),
    ],
)
def test_an_order_without_a_form_is_not_sent(broker_at: BrokerAt, change: dict[str, Any], why: str) -> None:
    fields = {name: getattr(ORDER, name) for name in ORDER.__struct_fields__} | change
    with ScriptedServer(success({"order_id": "1"})) as server:
        outcome = broker_at(server.root).place(PlaceOrder(**fields))

    assert isinstance(outcome, NotSent) and why in outcome.text
    assert server.requests == []


FORMS: list[tuple[str, PlaceOrder, dict[str, str]]] = [
    (
        "market, automatic band",
        ORDER,
        {"order_type": "MARKET", "market_protection": "-1"},
    ),
    (
        "limit",
        PlaceOrder("t", "NFO", "NIFTY26NOVFUT", Side.SELL, 65, Product.NRML, OrderKind.LIMIT, price=250_000_500),
        {"order_type": "LIMIT", "price": "25000.05"},
    ),
    (
        "stop-limit, four decimals",
        PlaceOrder("t", "CDS", "USDINR", Side.BUY, 1, Product.NRML, OrderKind.STOP_LIMIT, 842_525, 842_500),
        {"order_type": "SL", "price": "84.2525", "trigger_price": "84.25"},
    ),
    (
        "stop-market, 2.5 %",
        PlaceOrder(
            "t",
            "NSE",
            "M&M",
            Side.SELL,
            3,
            Product.CNC,
            OrderKind.STOP_MARKET,
            trigger_price=10_000,
            market_protection=250,
        ),
        {"order_type": "SL-M", "trigger_price": "1.00", "market_protection": "2.5"},
    ),
]


@pytest.mark.parametrize(("name", "order", "special"), FORMS, ids=[row[0] for row in FORMS])
def test_an_order_has_exactly_this_form(
    broker_at: BrokerAt, name: str, order: PlaceOrder, special: dict[str, str]
) -> None:
    with ScriptedServer(success({"order_id": "1"})) as server:
        broker_at(server.root).place(order)

    common = {
        "exchange": order.exchange,
        "tradingsymbol": order.symbol,
        "transaction_type": order.side.value,
        "quantity": str(order.quantity),
        "product": order.product.value,
        "validity": "DAY",
        "tag": order.tag,
    }
    assert server.requests[0].path == "/orders/regular"
    assert server.requests[0].form == common | special


def test_reads_are_retried_and_then_succeed(broker_at: BrokerAt, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("adapters.kite.reading.WAIT_FIRST_SECONDS", 0.001)
    with ScriptedServer(reply(502, HTML, content_type="text/html"), half_a_reply, success([])) as server:
        assert broker_at(server.root).orders() == []

    assert len(server.requests) == 3


def test_a_read_with_its_retries_keeps_its_deadline(broker_at: BrokerAt) -> None:
    clock = MonotonicClock()
    with ScriptedServer(reply(503, HTML, content_type="text/html")) as server:
        broker = broker_at(server.root, read_deadline_seconds=0.5)
        started = clock.now_ns()
        with pytest.raises(BrokerUnavailable):
            broker.orders()
        took = clock.now_ns() - started

    assert took < 8 * SECOND, "by itself it would have gone on for ten"


def test_an_order_without_a_turn_is_not_sent(broker_at: BrokerAt) -> None:
    clock = MonotonicClock()
    pacer = Pacer(PacingLimits(orders_per_second=0.1, orders_per_minute=0), clock)
    with ScriptedServer(success({"order_id": "1"})) as server:
        broker = broker_at(server.root, deadline_seconds=0.2, pacer=pacer)
        outcomes = [broker.place(ORDER), broker.place(ORDER)]

    assert [type(outcome) for outcome in outcomes] == [Accepted, NotSent]
    assert len(server.requests) == 1


def test_a_turn_taken_before_the_claim_is_the_one_the_order_uses(broker_at: BrokerAt) -> None:
    clock = MonotonicClock()
    pacer = Pacer(PacingLimits(orders_per_second=0.1, orders_per_minute=0), clock)
    with ScriptedServer(success({"order_id": "1"})) as server:
        broker = broker_at(server.root, deadline_seconds=0.2, pacer=pacer)
        assert broker.pace(urgent=False, timeout_seconds=0.1)
        assert isinstance(broker.place(ORDER), Accepted)
        assert not broker.pace(urgent=False, timeout_seconds=0.1)
        assert not pacer.acquire(Endpoint.ORDER, Priority.EXIT, clock.now_ns())


def test_on_sent_is_called_once_the_bytes_have_left_and_only_then(broker_at: BrokerAt) -> None:
    seen: list[int] = []

    with ScriptedServer(success({"order_id": "1"})) as server:
        broker_at(server.root).place(ORDER, on_sent=lambda: seen.append(1))
        broker_at(server.root, a_holder(None)).place(ORDER, on_sent=lambda: seen.append(2))
    broker_at(server.root).place(ORDER, on_sent=lambda: seen.append(3))

    assert seen == [1]


def test_a_reply_left_unread_is_never_taken_for_the_next_one(broker_at: BrokerAt) -> None:
    answered = threading.Event()

    def answer(sock: socket.socket) -> None:
        sock.sendall(success({"order_id": "first"}))
        answered.set()
        sock.recv(1)

    def refuse() -> None:
        assert answered.wait(60)
        raise RuntimeError("the caller's own")

    with ScriptedServer(answer, success({"order_id": "second"})) as server:
        broker = broker_at(server.root)
        with pytest.raises(RuntimeError):
            broker.place(ORDER, on_sent=refuse)

        assert broker.place(ORDER) == Accepted("second")
