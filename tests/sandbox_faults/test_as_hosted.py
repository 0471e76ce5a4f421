"""Zerodha's hosted sandbox, stood in for: the prefix, `user_id` on the socket, LIMIT within the band."""

from collections.abc import Iterator

import pytest
from websockets.exceptions import InvalidStatus

from sandbox.hosted import inner_path
from sandbox.launch import RunningSandbox, launch
from tests.sandbox_faults.conftest import DAY
from tests.sandbox_faults.talk import LIMIT, Answer, Talk, subscribe
from tests.support.waiting import PATIENCE


@pytest.fixture(scope="module")
def hosted() -> Iterator[RunningSandbox]:
    with launch(speed=20, relax=["rate-limits"], extra=[*DAY, "--as-hosted"]) as one:
        yield one


class Hosted(Talk):
    """Talks under the prefix."""

    def low(self) -> float:
        row = self("GET", "/oms/quote?i=NSE:INFY").json()["data"]["NSE:INFY"]
        self.last: float = row["last_price"]
        return float(round(self.last * 0.99))

    def order(self, **fields: object) -> Answer:
        form = {name: str(value) for name, value in {**LIMIT, "price": self.low(), **fields}.items()}
        return self("POST", "/oms/orders/regular", form)


@pytest.mark.parametrize(
    ("path", "always", "only"),
    [
        ("/orders", "/orders", None),
        ("/oms/orders", "/orders", "/orders"),
        ("/oms/session/token", "/session/token", "/session/token"),
        ("/oms/instruments/historical/1/day", "/instruments/historical/1/day", "/instruments/historical/1/day"),
        ("/instruments/historical/1/day", "/instruments/historical/1/day", None),
        ("/instruments", "/instruments", "/instruments"),
        ("/instruments/NSE", "/instruments/NSE", "/instruments/NSE"),
        ("/oms/instruments", None, None),
        ("/oms/instruments/NSE", None, None),
        ("/connect/login", "/connect/login", "/connect/login"),
        ("/oms/connect/login", None, None),
        ("/_sandbox/clock", "/_sandbox/clock", "/_sandbox/clock"),
        ("/oms/_sandbox/clock", None, None),
        ("/oms", "/oms", None),
        ("/omsorders", "/omsorders", None),
        ("/oms/oms/orders", "/oms/orders", "/oms/orders"),
    ],
)
def test_paths(path: str, always: str | None, only: str | None) -> None:
    assert inner_path(path, only=False) == always
    assert inner_path(path, only=True) == only


def test_the_prefix_is_served_always_and_not_for_dumps(talk: Talk) -> None:
    assert talk("GET", "/oms/user/profile").json() == talk("GET", "/user/profile").json()
    assert talk("GET", "/oms/instruments/NSE").status == 404
    assert talk("GET", "/oms/oms/user/profile").status == 404


def test_as_hosted_the_prefix_is_the_only_way(hosted: RunningSandbox) -> None:
    talk = Hosted(hosted)

    assert talk("GET", "/user/profile").json()["message"] == "Route not found"
    assert talk("GET", "/oms/user/profile").status == 200
    assert talk("GET", "/instruments/NSE").headers["content-type"] == "text/csv"


def test_a_socket_must_say_whose_it_is(hosted: RunningSandbox) -> None:
    talk = Hosted(hosted)
    nobody: dict[str, str] = {}
    for fields in (nobody, {"user_id": "XX0000"}):
        with pytest.raises(InvalidStatus) as refused:
            talk.socket(PATIENCE, **fields)
        assert refused.value.response.status_code == 403
    with talk.socket(user_id="SB0001") as one:
        subscribe(one)
        assert one.recv(timeout=PATIENCE)


@pytest.mark.parametrize("order_type", ["MARKET", "SL", "SL-M"])
def test_only_limit_orders(hosted: RunningSandbox, order_type: str) -> None:
    answer = Hosted(hosted).order(order_type=order_type, market_protection=-1, trigger_price=1)

    assert (answer.status, answer.json()["error_type"]) == (400, "InputException")
    assert "LIMIT" in answer.json()["message"]


@pytest.mark.parametrize(("factor", "taken"), [(0.97, False), (0.985, True), (1.015, True), (1.03, False)])
def test_only_prices_within_two_percent(hosted: RunningSandbox, factor: float, taken: bool) -> None:
    talk = Hosted(hosted)
    answer = talk.order(price=round(talk.last * factor, 0))

    assert (answer.status == 200) == taken
    if not taken:
        assert "band" in answer.json()["message"]


def test_a_modification_cannot_leave_the_band_or_the_type(hosted: RunningSandbox) -> None:
    talk = Hosted(hosted)
    order_id = talk.order(price=round(talk.last * 0.985, 0)).json()["data"]["order_id"]
    path = f"/oms/orders/regular/{order_id}"

    assert talk("PUT", path, {"order_type": "MARKET", "market_protection": "-1"}).status == 400
    assert "band" in talk("PUT", path, {"price": str(round(talk.last * 0.9, 0))}).json()["message"]
    assert talk("PUT", "/oms/orders/regular/1", {"price": "1"}).status == 404
