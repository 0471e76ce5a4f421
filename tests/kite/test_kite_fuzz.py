"""Whatever a broker says, the adapter answers with an outcome, a value or one of its own errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.kite import money, translate
from adapters.kite.broker import lax_decoder
from adapters.kite.http import Reply
from adapters.kite.instruments import parse_dump
from adapters.kite.outcome import Outcome, Verdict, classify
from adapters.kite.rows import CandlesData, FundsData, HoldingRow, OrderRow, PositionRow, TradeRow
from adapters.kite.ticker import KiteFeed
from domain.errors import BrokerUnavailable
from domain.messages.broker import BrokerOrder
from tests.kite.scripted import API_KEY, FixedClock, a_holder
from tests.kite.test_kite_translate import ORDER, TRADE

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
WORDS = st.sampled_from(["success", "error", "TokenException", "InputException", "Too many requests", ""]) | st.text(
    max_size=20
)
ENVELOPES = st.dictionaries(st.sampled_from(["status", "data", "message", "error_type"]), WORDS | JSON)
BODIES = (
    st.binary(max_size=200)
    | JSON.map(lambda value: json.dumps(value).encode())
    | ENVELOPES.map(lambda value: json.dumps(value).encode())
)


@settings(max_examples=300, deadline=None)
@given(status=st.integers(100, 599), body=BODIES)
def test_every_reply_has_a_verdict_and_done_is_never_a_guess(status: int, body: bytes) -> None:
    outcome = classify(Reply(status, "application/json", body), a_holder())

    assert isinstance(outcome, Outcome)
    assert "\n" not in outcome.text
    if outcome.verdict is Verdict.DONE:
        envelope = json.loads(body)
        assert 200 <= status < 300
        assert envelope["status"] == "success" and "data" in envelope and not envelope.get("error_type")
    if outcome.verdict in (Verdict.REFUSED, Verdict.LOGIN, Verdict.SLOW_DOWN):
        envelope = json.loads(body)
        assert 400 <= status < 500
        assert envelope.get("status") == "error" or envelope.get("error_type")


@pytest.fixture(scope="module")
def feed() -> KiteFeed:
    return KiteFeed("ws://127.0.0.1:1", API_KEY, a_holder(), FixedClock(77), log=lambda *_, **__: None)


@settings(max_examples=300, deadline=None)
@given(
    BODIES
    | st.builds(lambda kind, data: json.dumps({"type": kind, "data": data}).encode(), WORDS | st.just("order"), JSON)
)
def test_every_text_of_the_socket_is_decoded_or_ignored(feed: KiteFeed, payload: bytes) -> None:
    found = feed.decode_text(payload)

    assert found is None or isinstance(found, str | BrokerOrder)


def test_a_document_nested_without_end_is_only_unreadable(feed: KiteFeed) -> None:
    deep = b"[" * 200_000

    assert classify(Reply(400, "", b'{"status":"error","data":' + deep), a_holder()).verdict is Verdict.UNRESOLVED
    assert feed.decode_text(b'{"type":"order","data":' + deep) is None


def candle_prices(data: CandlesData) -> list[int]:
    return [money.nearest(price) for candle in data.candles for price in candle[1:5]]


ROWS: list[tuple[str, type[Any], dict[str, Any], Callable[[Any], object]]] = [
    ("order", OrderRow, ORDER, lambda row: translate.order(row, translate.StatusWords(lambda word: None), 1)),
    ("trade", TradeRow, TRADE, translate.trade),
    (
        "position",
        PositionRow,
        {"exchange": "NSE", "tradingsymbol": "A", "product": "MIS", "quantity": 1, "multiplier": 1},
        translate.position,
    ),
    (
        "holding",
        HoldingRow,
        {"exchange": "NSE", "tradingsymbol": "A", "quantity": 1, "average_price": 1},
        translate.holding,
    ),
    ("funds", FundsData, {"available": {"cash": 1}}, translate.funds),
    ("candles", CandlesData, {"candles": [["2026-11-20T09:15:00+0530", 1, 1, 1, 1, 1]]}, candle_prices),
]
ODD = JSON | st.sampled_from(
    [
        "2026-02-30 00:00:00",
        "9999-12-31T23:59:59-23:59",
        "0001-01-01T00:00:00+23:59",
        1e308,
        -1e308,
        "inf",
        "nan",
        "-Infinity",
        2**70,
        "1e5",
    ]
)


@pytest.mark.parametrize(("name", "kind", "base", "translated"), ROWS, ids=[row[0] for row in ROWS])
@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_row_with_any_field_wrong_is_translated_or_refused(
    name: str, kind: type[Any], base: dict[str, Any], translated: Callable[[Any], object], data: st.DataObject
) -> None:
    field = data.draw(st.sampled_from(sorted(base)))
    row = json.dumps(base | {field: data.draw(ODD)}).encode()
    try:
        translated(lax_decoder(kind).decode(row))
    except (msgspec.MsgspecError, ValueError) as refused:
        assert str(refused)


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300), st.dates())
def test_any_text_is_a_dump_or_an_unavailable_broker(text: str, day: Any) -> None:
    head = "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,segment,exchange\n"
    try:
        parse_dump(head + text, day)
    except BrokerUnavailable:
        return
