"""REST without a client library: envelopes, content types, order of checks, bad input, tokens, limits."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.exchange import Options
from sandbox.limits import Limits
from sandbox.refusal import Refusal
from sandbox.routes import ROUTES
from sandbox.server import Application
from tests.sandbox.desk import FRIDAY


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """The ASGI application, called directly."""

    def __init__(self, **options: Any) -> None:
        self.loop = asyncio.new_event_loop()
        settings_: dict[str, Any] = {"day": FRIDAY, "speed": 0.0, "start_seconds": 36_000, **options}
        self.app: Application = self.loop.run_until_complete(self._make(Options(**settings_)))
        self.token = self.app.exchange.auth.issue()

    async def _make(self, options: Options) -> Application:
        return Application(options)

    def __call__(
        self, method: str, path: str, body: bytes = b"", *, token: str | None = "", query: str = "", **headers: str
    ) -> Answer:
        raw = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
        if token is not None:
            raw.append((b"authorization", f"token sandboxkey:{token or self.token}".encode()))
        scope = {"type": "http", "method": method, "path": path, "query_string": query.encode(), "headers": raw}
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        self.loop.run_until_complete(self.app(scope, receive, send))
        answer = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], answer, sent[1]["body"])


@pytest.fixture
def served() -> Any:
    one = Served(relaxed=frozenset({"rate-limits"}))
    yield one
    one.loop.close()


def assert_refused(answer: Answer, status: int, kind: str, text: str = "") -> None:
    body = answer.json()
    assert (answer.status, body["status"], body["data"], body["error_type"]) == (status, "error", None, kind)
    assert text in body["message"]
    assert answer.headers["content-type"] == "application/json"


def test_content_types_are_exact(served: Served) -> None:
    assert served("GET", "/user/profile").headers["content-type"] == "application/json"
    assert served("GET", "/instruments/NSE").headers["content-type"] == "text/csv"


def test_the_dump_is_gzipped_only_for_who_asks(served: Served) -> None:
    plain = served("GET", "/instruments")
    packed = served("GET", "/instruments", accept_encoding="gzip, deflate")

    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed.body) == plain.body
    header, first, *_ = plain.body.decode().split("\n")
    assert len(header.split(",")) == len(first.split(",")) == 12


def test_unknown_routes_and_methods_wear_the_envelope(served: Served) -> None:
    assert_refused(served("GET", "/nowhere"), 404, "GeneralException")
    assert_refused(served("DELETE", "/user/profile"), 405, "GeneralException")
    assert_refused(served("GET", "/orders/123"), 404, "OrderException", "order_id")


@pytest.mark.parametrize("route", [route for route in ROUTES if route.token], ids=lambda route: "/".join(route.path))
def test_every_route_asks_for_a_token_first(served: Served, route: Any) -> None:
    path = "/" + "/".join("x" if part == "*" else part for part in route.path)

    assert_refused(served(route.method, path, b"{", token="wrong"), 403, "TokenException", "Incorrect `api_key`")
    assert_refused(served(route.method, path, b"{", token=None), 400, "InputException", "Invalid `api_key`")


def test_tokens_die_at_six_and_at_logout(served: Served) -> None:
    second = served.app.exchange.auth.issue()
    query = f"api_key=sandboxkey&access_token={second}"
    assert served("DELETE", "/session/token", token=None, query=query).json()["data"] is True
    assert_refused(served("GET", "/user/profile", token=second), 403, "TokenException")
    assert served("GET", "/user/profile").status == 200

    served("POST", "/_sandbox/clock", json.dumps({"advance_seconds": 20 * 3600 - 1}).encode())
    assert served("GET", "/user/profile").status == 200
    served("POST", "/_sandbox/clock", b'{"advance_seconds": 1}')
    assert_refused(served("GET", "/user/profile"), 403, "TokenException")


def test_a_login_leaves_earlier_tokens_alone_and_its_request_token_works_once(served: Served) -> None:
    form = b"user_id=SB0001&password=sandbox&totp=000000&api_key=sandboxkey&redirect_params=a%3D1%26b%3D2"
    answer = served("POST", "/connect/login", form, token=None)
    assert answer.status == 302
    location = answer.headers["location"]
    assert location.startswith("http://127.0.0.1/?")
    assert location.endswith("&a=1&b=2")
    assert "status=success" in location
    request_token = location.split("request_token=")[1].split("&")[0]
    import hashlib

    checksum = hashlib.sha256(f"sandboxkey{request_token}sandboxsecret".encode()).hexdigest()
    body = f"api_key=sandboxkey&request_token={request_token}&checksum={checksum}".encode()

    assert_refused(served("POST", "/session/token", body + b"0", token=None), 403, "TokenException", "checksum")
    fresh = served("POST", "/session/token", body, token=None).json()["data"]["access_token"]
    assert_refused(served("POST", "/session/token", body, token=None), 403, "TokenException", "invalid or has expired")
    assert served("GET", "/user/profile", token=fresh).status == 200
    assert served("GET", "/user/profile").status == 200


def test_a_wrong_password_shows_the_form_again(served: Served) -> None:
    answer = served("POST", "/connect/login", b"user_id=SB0001&password=no&totp=000000&api_key=sandboxkey", token=None)

    assert answer.status == 403
    assert b"Invalid username" in answer.body


def test_quotes_leave_unknown_instruments_out_and_take_tokens(served: Served) -> None:
    data = served("GET", "/quote/ltp", query="i=NSE:INFY&i=408065&i=NSE:NOPE&i=NSE:NIFTY+50").json()["data"]

    assert set(data) == {"NSE:INFY", "408065", "NSE:NIFTY 50"}
    assert_refused(served("GET", "/quote", query="&".join(["i=NSE:INFY"] * 501)), 400, "InputException")
    assert served("GET", "/quote/ltp", query="&".join(["i=NSE:INFY"] * 501)).status == 200


HISTORY = "/instruments/historical/408065"


@pytest.mark.parametrize(
    ("interval", "start", "end", "text"),
    [
        ("minute", "2026-09-01", "2026-11-20", "interval exceeds max limit: 60 days"),
        ("5minute", "2026-01-01", "2026-11-20", "interval exceeds max limit: 100 days"),
        ("60minute", "2025-01-01", "2026-11-20", "interval exceeds max limit: 400 days"),
        ("7minute", "2026-11-01", "2026-11-20", "invalid interval"),
        ("4hour", "2025-01-01", "2026-11-20", "interval exceeds max limit: 400 days"),
        ("week", "2019-01-01", "2026-11-20", "interval exceeds max limit: 2000 days"),
        ("minute", "2026-11-20", "2026-11-19", "invalid from date"),
        ("minute", "yesterday", "2026-11-19", "invalid from date"),
    ],
)
def test_history_refuses(served: Served, interval: str, start: str, end: str, text: str) -> None:
    assert_refused(served("GET", f"{HISTORY}/{interval}", query=f"from={start}&to={end}"), 400, "InputException", text)


def candles(served: Served, interval: str, start: str, end: str, token: int = 408065, more: str = "") -> list[Any]:
    query = f"from={start}&to={end}{more}".replace(" ", "+")
    found = served("GET", f"/instruments/historical/{token}/{interval}", query=query).json()["data"]["candles"]
    assert isinstance(found, list)
    return found


def test_history_stops_at_now_and_includes_its_end(served: Served) -> None:
    """At 10:00:00 the bar of 10:00 has begun."""
    rows = candles(served, "minute", "2026-11-20 09:15:00", "2026-11-20 15:30:00")

    assert rows[0][0] == "2026-11-20T09:15:00+0530"
    assert rows[-1][0] <= "2026-11-20T10:00:00+0530"
    assert len(rows) in {45, 46}
    assert [row[0] for row in candles(served, "minute", "2026-11-20 09:20:00", "2026-11-20 09:22:00")] == [
        f"2026-11-20T09:{minute}:00+0530" for minute in (20, 21, 22)
    ]


@pytest.mark.parametrize(
    ("interval", "minutes"),
    [
        ("3minute", 3),
        ("5minute", 5),
        ("10minute", 10),
        ("15minute", 15),
        ("60minute", 60),
        ("hour", 60),
        ("2hour", 120),
        ("3hour", 180),
        ("4hour", 240),
    ],
)
def test_longer_bars_are_made_of_minute_bars(served: Served, interval: str, minutes: int) -> None:
    fine = candles(served, "minute", "2026-11-19", "2026-11-19 23:59:59")
    coarse = candles(served, interval, "2026-11-19", "2026-11-19 23:59:59")

    merged: dict[int, list[Any]] = {}
    for stamp, open_, high, low, close, volume in fine:
        minute = int(stamp[11:13]) * 60 + int(stamp[14:16]) - 555
        bar = merged.setdefault(minute // minutes, [open_, high, low, close, 0])
        bar[1], bar[2], bar[3] = max(bar[1], high), min(bar[2], low), close
        bar[4] += volume
    assert [row[1:] for row in coarse] == list(merged.values())


def test_week_bars_are_made_of_day_bars_and_stamped_with_their_monday(served: Served) -> None:
    days = candles(served, "day", "2026-11-02", "2026-11-20")
    weeks = candles(served, "week", "2026-10-31", "2026-11-17")

    assert [row[0] for row in weeks] == [f"2026-11-{day}T00:00:00+0530" for day in ("02", "09", "16")]
    for monday, row in zip((2, 9, 16), weeks, strict=True):
        of_week = [day for day in days if monday <= int(day[0][8:10]) < monday + 7]
        expected = [of_week[0][1], max(d[2] for d in of_week), min(d[3] for d in of_week), of_week[-1][4]]
        assert row[1:] == [*expected, sum(d[5] for d in of_week)]


def test_day_bars_chain_and_carry_open_interest_when_asked(served: Served) -> None:
    days = candles(served, "day", "2026-11-16", "2026-11-20")
    assert [row[0][:10] for row in days] == [f"2026-11-{day}" for day in (16, 17, 18, 19, 20)]
    close = served("GET", "/quote/ohlc", query="i=NSE:INFY").json()["data"]["NSE:INFY"]["ohlc"]["close"]
    assert days[-2][4] == close

    future = next(one for one in served.app.exchange.universe.all if one.is_future)
    with_oi = candles(served, "day", "2026-11-19", "2026-11-19", future.token, "&oi=1")
    assert len(with_oi[0]) == 7
    assert with_oi[0][6] > 0


def test_the_clock_answers_and_obeys(served: Served) -> None:
    clock = served("GET", "/_sandbox/clock", token=None).json()
    assert clock == {
        "now_ns": clock["now_ns"],
        "now": "2026-11-20T10:00:00+05:30",
        "date": "2026-11-20",
        "rate": 0.0,
        "mode": "stepped",
        "held": False,
        "instance": served.app.exchange.instance,
    }
    assert served("POST", "/_sandbox/clock", b'{"advance_seconds": 60}').json()["now"] == "2026-11-20T10:01:00+05:30"
    assert served("POST", "/_sandbox/clock", b'{"hold": true, "rate": 125}').json()["mode"] == "rate"
    for bad in (b"", b"[]", b'{"rate": -1}', b'{"speed": 1}', b'{"advance_seconds": -5}', b'{"rate": "x"}'):
        assert_refused(served("POST", "/_sandbox/clock", bad), 400, "InputException", "clock")


def test_books_answer_without_a_token(served: Served) -> None:
    books = served("GET", "/_sandbox/books", token=None).json()

    assert (books["opening_cash"], books["cash"], books["unit"]) == (1_000_000, 1_000_000, "INR")
    assert set(books["charges"]) == {
        "total",
        "brokerage",
        "stt",
        "exchange",
        "sebi",
        "gst",
        "stamp",
        "dp",
        "square_off",
    }


def limits(**options: Any) -> tuple[Limits, Callable[[float], None]]:
    now = [0.0]

    def forward(seconds: float) -> None:
        now[0] += seconds

    return Limits(lambda: now[0], **options), forward


@pytest.mark.parametrize(("bucket", "count"), [("orders", 10), ("other", 10), ("historical", 3), ("quote", 1)])
def test_rates_are_a_sliding_second(bucket: Any, count: int) -> None:
    limit, forward = limits()
    for _ in range(count):
        limit.check(bucket)
    with pytest.raises(Refusal, match="Too many requests") as caught:
        limit.check(bucket)
    assert (caught.value.status, caught.value.error_type) == (429, "NetworkException")

    forward(1.0)
    limit.check(bucket)


def test_four_hundred_orders_a_minute() -> None:
    limit, forward = limits()
    for _ in range(400):
        limit.check_minute()
    with pytest.raises(Refusal, match="Maximum allowed order requests exceeded"):
        limit.check_minute()
    forward(60.0)
    limit.check_minute()


def test_the_token_is_checked_before_the_rate_and_the_rate_before_the_form() -> None:
    served = Served()
    for _ in range(10):
        served("POST", "/orders/regular", b"")
    assert_refused(served("POST", "/orders/regular", b"", token="wrong"), 403, "TokenException")
    assert_refused(served("POST", "/orders/regular", b""), 429, "NetworkException")
    served.loop.close()


FUZZED = Served(relaxed=frozenset({"rate-limits", "order-caps"}))
paths = st.sampled_from(
    [
        (route.method, "/" + "/".join({"*": "408065"}.get(part, part) for part in route.path))
        for route in ROUTES
        if route.path[:2] != ("_sandbox", "clock") and route.path[0] != "session"
    ]
)
words = st.sampled_from(
    [
        "NSE",
        "INFY",
        "BUY",
        "10",
        "MIS",
        "LIMIT",
        "MARKET",
        "1500",
        "-1",
        "DAY",
        "regular",
        "minute",
        "2026-11-20",
        "NaN",
        "1e999",
        "�",
    ]
)
names = st.sampled_from(
    [
        "exchange",
        "tradingsymbol",
        "transaction_type",
        "quantity",
        "product",
        "order_type",
        "price",
        "trigger_price",
        "validity",
        "tag",
        "i",
        "from",
        "to",
        "market_protection",
        "variety",
        "old_product",
        "new_product",
        "position_type",
        "disclosed_quantity",
        "validity_ttl",
        "autoslice",
    ]
)
forms = st.lists(st.tuples(names, words | st.text(max_size=20)), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=6),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(paths, forms, st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()), st.booleans())
def test_random_requests_are_answered_with_an_envelope_and_never_a_fault(
    where: tuple[str, str], form: list[tuple[str, str]], raw: bytes, as_form: bool
) -> None:
    from urllib.parse import urlencode

    method, path = where
    text = urlencode(form, errors="replace")
    answer = FUZZED(method, path, text.encode() if as_form else raw, query=text)

    assert answer.status < 500, answer.body
    if answer.status >= 400 and answer.headers["content-type"] == "application/json":
        assert set(answer.json()) == {"status", "message", "data", "error_type"}
