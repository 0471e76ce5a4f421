"""Each fault of a request, as it looks on the wire and in the order book behind it."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.sandbox_faults.talk import Talk, unpacked, was_reset
from tests.support.waiting import eventually

SILENCE = 0.3
"""Seconds of nothing after which nothing will come."""


def silent(wire: socket.socket) -> bool:
    """Whether nothing comes, not even an end."""
    wire.settimeout(SILENCE)
    try:
        wire.recv(1)
    except TimeoutError:
        return True
    return False


def test_latency_comes_before_a_request_takes_effect_or_after(talk: Talk) -> None:
    talk.faults({"fault": "latency", "milliseconds": 150, "route": "POST /orders/*", "next": 1})
    began = time.monotonic()
    assert talk.place(tag="slow").status == 200
    assert time.monotonic() - began >= 0.15

    talk.faults({"fault": "latency", "milliseconds": 30_000, "route": "POST /orders/*", "when": "after"})
    with closing(talk.raw("POST", "/orders/regular", placement(talk, "slowafter"))) as wire:
        eventually(lambda: "slowafter" in talk.tags())
        wire.setblocking(False)
        with pytest.raises(BlockingIOError):
            wire.recv(1)


def placement(talk: Talk, tag: str) -> str:
    fields = {"exchange": "NSE", "tradingsymbol": "INFY", "transaction_type": "BUY", "quantity": 1, "product": "MIS"}
    fields |= {"order_type": "LIMIT", "price": talk.low(), "tag": tag}
    return "&".join(f"{name}={value}" for name, value in fields.items())


@pytest.mark.parametrize(("when", "placed"), [("before", False), ("after", True)])
@pytest.mark.parametrize("reset", [False, True])
def test_a_dropped_connection_leaves_the_order_in_the_book_or_not(
    talk: Talk, when: str, placed: bool, reset: bool
) -> None:
    tag = f"drop{when}{reset}"
    talk.faults({"fault": "drop", "when": when, "reset": reset, "route": "POST /orders/*"})
    with closing(talk.raw("POST", "/orders/regular", placement(talk, tag))) as wire:
        assert was_reset(wire) == reset

    assert (tag in talk.tags()) == placed


@pytest.mark.parametrize(("when", "placed"), [("before", False), ("after", True)])
def test_a_frozen_request_is_never_answered_and_its_connection_stays(talk: Talk, when: str, placed: bool) -> None:
    talk.faults({"fault": "freeze", "when": when, "route": "POST /orders/*"})
    with closing(talk.raw("POST", "/orders/regular", placement(talk, f"freeze{when}"))) as wire:
        eventually(lambda: talk.rows()[0]["struck"] == 1)
        if placed:
            eventually(lambda: f"freeze{when}" in talk.tags())
        assert silent(wire)
        assert (f"freeze{when}" in talk.tags()) == placed


def test_a_half_open_connection_ends_in_the_middle_of_a_reply_without_a_word(talk: Talk) -> None:
    talk.faults({"fault": "half_open", "route": "GET /user/profile"})
    with closing(talk.raw(path="/user/profile")) as wire:
        part = wire.recv(65_536)
        assert part.startswith(b"HTTP/1.1 200 OK\r\n")
        assert not part.endswith(b"}}")
        assert silent(wire)


@pytest.mark.parametrize(
    ("order", "at_once", "later"), [("placed", True, True), ("not_placed", False, False), ("placed_late", False, True)]
)
def test_timed_out_says_check_the_order_book_and_the_order_is_there_or_not(
    talk: Talk, order: str, at_once: bool, later: bool
) -> None:
    talk.faults({"fault": "timed_out", "order": order, "late_milliseconds": 1_500})
    answer = talk.place(tag=order)

    assert answer.status == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "status": "error",
        "message": "Order request timed out. Please check the order book and confirm before placing again.",
        "data": None,
        "error_type": "OrderException",
    }
    assert (order in talk.tags()) == at_once
    if later:
        eventually(lambda: order in talk.tags())
    else:
        talk.faults()
        assert talk.place(tag="marker").status == 200
        assert order not in talk.tags()


@pytest.mark.parametrize(("status", "kind"), [(500, "GeneralException"), (503, "NetworkException")])
@pytest.mark.parametrize(("when", "placed"), [("before", False), ("after", True)])
def test_an_error_envelope_of_any_status(talk: Talk, status: int, kind: str, when: str, placed: bool) -> None:
    tag = f"e{status}{when}"
    talk.faults({"fault": "error", "status": status, "error_type": kind, "when": when, "route": "POST /orders/*"})
    answer = talk.place(tag=tag)

    assert (answer.status, answer.json()["error_type"], answer.json()["data"]) == (status, kind, None)
    assert (tag in talk.tags()) == placed


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_proxys_page(talk: Talk, status: int) -> None:
    talk.faults({"fault": "html", "status": status, "when": "after", "route": "POST /orders/*"})
    answer = talk.place(tag=f"html{status}")

    assert answer.status == status
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.body.startswith(b"<html>")
    assert f"html{status}" in talk.tags()


def test_a_rate_limit_refuses_without_effect(talk: Talk) -> None:
    talk.faults({"fault": "rate_limit", "route": "/orders/**", "next": 1})
    answer = talk.place(tag="pace")

    assert (answer.status, answer.json()["error_type"], answer.json()["message"]) == (
        429,
        "NetworkException",
        "Too many requests",
    )
    assert "pace" not in talk.tags()


def test_a_drip_delivers_everything_slowly_head_included(talk: Talk) -> None:
    whole = talk("GET", "/user/profile").body
    talk.faults({"fault": "drip", "bytes": 100, "milliseconds": 15, "route": "GET /user/profile"})
    began = time.monotonic()
    with closing(talk.raw(path="/user/profile")) as wire:
        came = b"".join(iter(lambda: wire.recv(65_536), b""))

    assert came.startswith(b"HTTP/1.1 200 OK\r\n") and came.endswith(whole)
    assert time.monotonic() - began >= 0.015 * (len(came) // 100), "head included"


@pytest.mark.parametrize("value", ["text/html", None])
def test_a_wrong_content_type_or_none(talk: Talk, value: str | None) -> None:
    talk.faults({"fault": "content_type", "value": value, "route": "GET /user/profile"})
    answer = talk("GET", "/user/profile")

    assert answer.headers.get("content-type") == value
    assert answer.json()["data"]["user_id"] == "SB0001"


def test_truncated_json_in_whole_http(talk: Talk) -> None:
    talk.faults({"fault": "truncate", "route": "GET /user/profile"})
    answer = talk("GET", "/user/profile")

    assert answer.status == 200
    assert int(answer.headers["content-length"]) == len(answer.body)
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_a_reply_shorter_than_it_says(talk: Talk) -> None:
    talk.faults({"fault": "truncate", "how": "wire", "keep": 0.25, "route": "GET /user/profile"})
    with pytest.raises(http.client.IncompleteRead) as caught:
        talk("GET", "/user/profile")

    assert len(caught.value.partial) > 0


def test_the_instruments_dump_ends_in_the_middle_of_a_line(talk: Talk) -> None:
    whole = unpacked(talk("GET", "/instruments", headers={"Accept-Encoding": "gzip"}))
    talk.faults({"fault": "truncate", "keep": 0.4, "route": "GET /instruments"})
    answer = talk("GET", "/instruments", headers={"Accept-Encoding": "gzip"})

    assert answer.headers["content-encoding"] == "gzip"
    assert unpacked(answer) == whole[: int(len(whole) * 0.4)]


def test_a_late_row_is_nowhere_in_the_order_book_for_a_while(talk: Talk) -> None:
    talk.faults({"fault": "late_row", "milliseconds": 400, "where": {"tag": "shy"}})
    order_id = talk.place(tag="shy").json()["data"]["order_id"]
    assert talk.place(tag="bold").status == 200

    assert "shy" not in talk.tags()
    assert "bold" in talk.tags()
    assert talk("GET", f"/orders/{order_id}").status == 404
    eventually(lambda: "shy" in talk.tags())
    assert talk("GET", f"/orders/{order_id}").status == 200


def test_tokens_die_at_a_request_and_a_new_login_works(talk: Talk) -> None:
    talk.faults({"fault": "revoke_token", "route": "POST /orders/*", "after": 1})
    try:
        assert talk.place(tag="alive").status == 200
        answer = talk.place(tag="dead")

        assert (answer.status, answer.json()["error_type"]) == (403, "TokenException")
        assert talk("GET", "/orders").status == 403
    finally:
        talk.log_in()
    assert "dead" not in talk.tags()


def test_rest_timestamps_are_off_and_the_exchanges_clock_is_not(talk: Talk) -> None:
    order_id = talk.place(tag="skewed").json()["data"]["order_id"]

    def stamp() -> Any:
        return talk("GET", f"/orders/{order_id}").json()["data"][0]["order_timestamp"]

    true = stamp()
    talk.faults({"fault": "clock_skew", "seconds": -3600})
    assert (int(true[11:13]) - int(stamp()[11:13])) == 1
    assert true[13:] == stamp()[13:]
    assert talk("GET", "/_sandbox/clock").json()["now"][11:13] == true[11:13]


def test_history_with_holes_repetitions_disorder_or_nothing(talk: Talk) -> None:
    path = "/instruments/historical/408065/minute?from=2026-11-19+09:15:00&to=2026-11-19+10:14:00"

    def stamps() -> list[str]:
        return [candle[0] for candle in talk("GET", path).json()["data"]["candles"]]

    whole = stamps()
    assert len(whole) == 60
    checks: dict[str, Callable[[list[str]], bool]] = {
        "empty": lambda found: found == [],
        "gaps": lambda found: 0 < len(found) < 60 and found == sorted(set(found)),
        "duplicates": lambda found: len(found) > 60 and sorted(set(found)) == whole,
        "disorder": lambda found: found != whole and sorted(found) == whole,
    }
    for do, holds in checks.items():
        talk.faults({"fault": "history", "do": do, "share": 0.2})
        assert holds(stamps()), do
    talk.faults({"fault": "error", "route": "GET /instruments/historical/*/*", "status": 503})
    assert talk("GET", path).status == 503


def test_the_same_faults_strike_the_same_requests_again(talk: Talk) -> None:
    fault = {"fault": "error", "route": "GET /user/profile", "probability": 0.5}

    def run() -> list[int]:
        talk.faults(fault)
        return [talk("GET", "/user/profile").status for _ in range(20)]

    first = run()
    assert first == run()
    assert {200, 500} == set(first)
    assert talk.rows()[0]["matched"] == 20
    assert talk.rows()[0]["struck"] == first.count(500)


def test_faults_also_strike_behind_the_prefix_of_the_hosted_sandbox(talk: Talk) -> None:
    talk.faults({"fault": "html", "route": "GET /user/profile"})

    assert talk("GET", "/oms/user/profile").status == 502
    assert talk("GET", "/oms/user/margins").status == 200
