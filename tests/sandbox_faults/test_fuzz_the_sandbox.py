"""Any request at all: the program lives, answers in time, and every refusal is an envelope."""

import json
import socket
import string
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import get_args
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.launch import RunningSandbox, launch
from sandbox.refusal import ErrorType
from sandbox.routes import ROUTES
from tests.sandbox_faults.conftest import DAY
from tests.sandbox_faults.talk import Answer, Talk
from tests.support.waiting import PATIENCE

KINDS = set(get_args(ErrorType))
OWN = {"_sandbox", "connect"}
ODD = st.sampled_from(
    [
        "",
        "0",
        "-1",
        "1e400",
        "nan",
        "inf",
        "9" * 40,
        "1.5",
        "NSE",
        "INFY",
        "BUY",
        "LIMIT",
        "MIS",
        "regular",
        "true",
        "-0",
    ]
)
TEXTS = ODD | st.text(max_size=12)
NAMES = st.sampled_from(
    [
        *("exchange", "tradingsymbol", "transaction_type", "quantity", "product", "order_type", "validity", "price"),
        *("trigger_price", "disclosed_quantity", "market_protection", "tag", "variety", "autoslice", "iceberg_legs"),
        *(
            "iceberg_quantity",
            "validity_ttl",
            "auction_number",
            "parent_order_id",
            "i",
            "from",
            "to",
            "oi",
            "continuous",
        ),
        *("api_key", "request_token", "checksum", "access_token", "type", "condition", "orders", "name", "operator"),
        *("lhs_exchange", "lhs_tradingsymbol", "rhs_constant", "basket", "uuid", "page", "mode", "old_product", "isin"),
    ]
)
FORMS = st.dictionaries(NAMES, TEXTS, max_size=12)
RIGHT = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": "1",
    "product": "MIS",
    "order_type": "LIMIT",
    "validity": "DAY",
    "price": "1500",
}
NEARLY_RIGHT = st.builds(lambda wrong: RIGHT | wrong, st.dictionaries(NAMES, TEXTS, min_size=1, max_size=3))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6),
    max_leaves=15,
)
VALUES: st.SearchStrategy[object] = (
    TEXTS | st.integers(-(2**70), 2**70) | st.floats() | st.none() | st.booleans() | st.just([]) | st.just({})
)
LEG: dict[str, object] = {**RIGHT, "quantity": 1, "price": 1500, "trigger_price": 0, "variety": "regular"}
LEG |= {"order_id": "1", "average_price": 1500}


def nearly(right: dict[str, object]) -> st.SearchStrategy[dict[str, object]]:
    """The right fields with one or two wrong, or gone."""
    wrong = st.dictionaries(st.sampled_from(sorted(right)), VALUES, min_size=1, max_size=2)
    gone = st.sampled_from(sorted(right)).map(lambda name: {key: right[key] for key in right if key != name})
    return wrong.map(lambda found: {**right, **found}) | gone


LEGS = st.lists(nearly(LEG) | st.just(LEG), max_size=3)
CONDITION = nearly({"exchange": "NSE", "tradingsymbol": "INFY", "trigger_values": [1400.0], "last_price": 1500.0})
METHODS = st.sampled_from(["GET", "POST", "PUT", "DELETE"])
ANY_PATH = st.text(string.printable, max_size=30).filter(lambda path: path.strip("/").split("/")[0] not in OWN)
PARTS = TEXTS.filter(lambda text: text not in {".", ".."}).map(lambda text: quote(text, safe="")) | st.sampled_from(
    ["408065", "256265", "minute", "day", "NSE", "equity", "regular", "amo", "co", "iceberg", "buy"]
)


@pytest.fixture(scope="module")
def target() -> Iterator[RunningSandbox]:
    with launch(speed=20, relax=["rate-limits", "order-caps"], extra=[*DAY, "--faults", "on"]) as one:
        yield one


@pytest.fixture(scope="module")
def fuzzed(target: RunningSandbox) -> Talk:
    return Talk(target)


def check(talk: Talk, answer: Answer) -> None:
    """An envelope, of success or of refusal, and never a failure of the program's own."""
    assert answer.status < 500, answer.body
    if answer.headers.get("content-type") != "application/json":
        assert answer.status == 200 and answer.headers["content-type"] == "text/csv"
        return
    body = json.loads(answer.body)
    if answer.status == 200:
        assert body["status"] == "success" and "data" in body
    else:
        assert set(body) == {"status", "message", "data", "error_type"}
        assert (body["status"], body["data"]) == ("error", None)
        assert body["message"]
        assert body["error_type"] in KINDS
    assert talk.sandbox.process.poll() is None


@settings(max_examples=60)
@given(route=st.sampled_from([one for one in ROUTES if one.path[0] not in OWN]), data=st.data())
def test_any_form_and_query_at_every_route(fuzzed: Talk, route: object, data: st.DataObject) -> None:
    path = "/" + "/".join(part if part != "*" else data.draw(PARTS) or "x" for part in route.path)  # type: ignore[attr-defined]  # a Route
    query, form = data.draw(FORMS), data.draw(FORMS)
    if route.method == "DELETE" and path.startswith("/session"):  # type: ignore[attr-defined]  # as above
        query.pop("access_token", None)  # ours must live on
    check(fuzzed, fuzzed(route.method, f"{path}?{urlencode(query)}", form))  # type: ignore[attr-defined]  # as above


@settings(max_examples=60)
@given(variety=st.sampled_from(["regular", "amo", "co", "iceberg", "auction", "odd"]), form=NEARLY_RIGHT)
def test_orders_that_are_nearly_right(fuzzed: Talk, variety: str, form: dict[str, str]) -> None:
    check(fuzzed, fuzzed("POST", f"/orders/{variety}", form))


@settings(max_examples=40)
@given(form=st.dictionaries(NAMES, TEXTS, max_size=3))
def test_modifications_of_a_resting_order(fuzzed: Talk, form: dict[str, str]) -> None:
    order_id = fuzzed.place().json()["data"]["order_id"]
    check(fuzzed, fuzzed("PUT", f"/orders/regular/{order_id}", form))
    check(fuzzed, fuzzed("DELETE", f"/orders/regular/{order_id}"))


@settings(max_examples=40)
@given(path=st.sampled_from(["/margins/orders", "/margins/basket", "/charges/orders"]), body=JSON | LEGS)
def test_any_json(fuzzed: Talk, path: str, body: object) -> None:
    check(fuzzed, fuzzed("POST", path, json.dumps(body)))


@settings(max_examples=60)
@given(
    condition=(CONDITION | JSON).map(json.dumps) | TEXTS,
    orders=(LEGS | st.lists(JSON, max_size=2)).map(json.dumps) | TEXTS,
    kind=st.sampled_from(["single", "two-leg", "odd"]),
)
def test_any_json_in_a_form(fuzzed: Talk, condition: str, orders: str, kind: str) -> None:
    check(fuzzed, fuzzed("POST", "/gtt/triggers", {"type": kind, "condition": condition, "orders": orders}))
    form = {"type": "ato", "name": "a", "operator": "==", "rhs_type": "constant", "rhs_constant": "1"}
    form |= {"lhs_exchange": "NSE", "lhs_tradingsymbol": "INFY", "lhs_attribute": "LastTradedPrice"}
    check(fuzzed, fuzzed("POST", "/alerts", form | {"basket": f'{{"items":{orders}}}'}))


@settings(max_examples=60)
@given(method=METHODS, path=ANY_PATH, body=st.binary(max_size=100))
def test_any_path_and_body(fuzzed: Talk, method: str, path: str, body: bytes) -> None:
    check(fuzzed, fuzzed(method, "/" + quote(path), body.decode("latin-1").encode("utf-8").decode("utf-8")))


@settings(max_examples=60)
@given(method=METHODS, path=st.sampled_from(["clock", "books", "faults", "faults/1", "postbacks"]), body=JSON | TEXTS)
def test_the_sandboxs_own_doors(fuzzed: Talk, method: str, path: str, body: object) -> None:
    if isinstance(body, dict):
        body = {name: value for name, value in body.items() if name not in {"mode", "rate", "hold"}}
    answer = fuzzed(method, f"/_sandbox/{path}", json.dumps(body), token=None)
    assert answer.status in {200, 400, 404, 405}
    json.loads(answer.body)


@settings(max_examples=60)
@given(
    words=st.binary(max_size=200)
    | st.binary(max_size=60).map(lambda rest: b"GET /orders HTTP/1.1\r\nHost: a\r\n" + rest)
    | st.binary(max_size=60).map(lambda rest: b"POST /orders/regular HTTP/1.1\r\nContent-Length: 9\r\n\r\n" + rest)
)
def test_any_bytes_at_the_door(fuzzed: Talk, words: bytes) -> None:
    with (
        closing(socket.create_connection((fuzzed.host, fuzzed.port), timeout=PATIENCE)) as wire,
        suppress(ConnectionError),
    ):
        wire.sendall(words)
        wire.shutdown(socket.SHUT_WR)
        while wire.recv(65_536):
            pass
    assert fuzzed.sandbox.process.poll() is None


@settings(max_examples=60)
@given(
    texts=st.lists(
        JSON.map(json.dumps)
        | st.text(max_size=30)
        | st.builds(
            lambda action, value: json.dumps({"a": action, "v": value}),
            st.sampled_from(["subscribe", "unsubscribe", "mode", "odd"]),
            JSON | st.lists(st.integers(-1, 2**40) | TEXTS, max_size=4),
        ),
        max_size=5,
    )
)
def test_any_text_on_a_socket(fuzzed: Talk, texts: list[str]) -> None:
    with fuzzed.socket() as one:
        for text in texts:
            one.send(text)
        assert one.ping().wait(PATIENCE)


def test_afterwards_it_still_trades(fuzzed: Talk) -> None:
    assert fuzzed("GET", "/user/profile").json()["data"]["user_id"] == "SB0001"
