"""The HTTP session: deadlines over the whole call, proof of what was sent, and no secrets in any text."""

from __future__ import annotations

import gzip
import socket
import threading
import time

import pytest

from adapters.kite.http import Http, NoToken, NotReached, ReplyLost
from tests.kite.scripted import API_KEY, TOKEN, ScriptedServer, a_holder, an_http, reply, success


def a_closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def test_a_request_carries_version_key_and_token_and_no_cookie() -> None:
    with ScriptedServer(reply(200, {}, headers={"Set-Cookie": "a=b"})) as server:
        http = an_http(server.root)
        http.call("GET", "/x", query=(("i", "NSE:NIFTY 50"), ("i", "NSE:INFY")))
        http.call("GET", "/x")
        http.close()

    first, second = server.requests
    assert first.headers["authorization"] == f"token {API_KEY}:{TOKEN}"
    assert first.headers["x-kite-version"] == "3"
    assert first.query == {"i": ["NSE:NIFTY 50", "NSE:INFY"]}
    assert "cookie" not in second.headers


def test_a_form_is_sent_whole_and_one_connection_serves_many_calls() -> None:
    with ScriptedServer(success({})) as server:
        http = an_http(server.root)
        for _ in range(3):
            http.call("POST", "/orders/regular", form={"tradingsymbol": "M&M", "tag": "a b"})
        http.close()

    assert server.connections == 1
    assert server.requests[2].form == {"tradingsymbol": "M&M", "tag": "a b"}


def test_an_idle_connection_is_not_used_again() -> None:
    with ScriptedServer(success({})) as server:
        http = an_http(server.root, idle=0.0)
        http.call("GET", "/x")
        http.call("GET", "/x")
        http.close()

    assert server.connections == 2


def test_a_connection_that_the_server_closed_is_replaced_before_the_next_request() -> None:
    closed = threading.Event()

    def answer_and_close(sock: socket.socket) -> None:
        sock.sendall(success({}))
        sock.shutdown(socket.SHUT_RDWR)
        closed.set()

    with ScriptedServer(answer_and_close, success({})) as server:
        http = an_http(server.root)
        http.call("GET", "/x")
        assert closed.wait(60)
        found = http.call("POST", "/orders/regular", form={"a": "b"})
        http.close()

    assert found.status == 200
    assert server.connections == 2


def test_connection_close_is_honoured() -> None:
    with ScriptedServer(reply(200, {}, headers={"Connection": "close"})) as server:
        http = an_http(server.root)
        assert http.call("GET", "/x").body == b"{}"
        assert http.call("GET", "/x").body == b"{}"
        http.close()

    assert server.connections == 2


def test_the_prefix_stands_before_every_route_but_the_dumps() -> None:
    with ScriptedServer(success({})) as server:
        http = an_http(server.root, prefix="/oms")
        http.call("GET", "/orders")
        http.call("GET", "/instruments", prefixed=False)
        http.close()

    assert [request.path for request in server.requests] == ["/oms/orders", "/instruments"]


def test_a_redirect_is_not_followed() -> None:
    with ScriptedServer(reply(302, {}, headers={"Location": "http://127.0.0.1:1/elsewhere?request_token=r"})) as server:
        http = an_http(server.root)
        found = http.call("GET", "/x")
        http.close()

    assert found.status == 302
    assert found.location.endswith("request_token=r")
    assert len(server.requests) == 1


def test_a_proxy_of_the_environment_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{a_closed_port()}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{a_closed_port()}")
    with ScriptedServer(success({})) as server:
        http = an_http(server.root)
        assert http.call("GET", "/x").status == 200
        http.close()


def test_gzip_is_undone_and_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    packed = {"Content-Encoding": "gzip"}
    with ScriptedServer(
        reply(200, gzip.compress(b"hello"), headers=packed), reply(200, gzip.compress(bytes(20_000)), headers=packed)
    ) as server:
        http = an_http(server.root)
        assert http.call("GET", "/x").body == b"hello"
        monkeypatch.setattr("adapters.kite.http.REPLY_BYTES_MAX", 10_000)
        with pytest.raises(ReplyLost):
            http.call("GET", "/x")
        http.close()


def test_nothing_listening_proves_that_nothing_was_sent() -> None:
    http = an_http(f"http://127.0.0.1:{a_closed_port()}")

    with pytest.raises(NotReached, match="refused"):
        http.call("POST", "/orders/regular", form={})


def test_a_name_that_does_not_resolve_proves_that_nothing_was_sent() -> None:
    http = Http("http://no-such-host.invalid", API_KEY, a_holder(), deadline_seconds=2)

    with pytest.raises(NotReached):
        http.call("POST", "/orders/regular", form={})


def test_without_a_token_nothing_is_sent() -> None:
    with ScriptedServer(success({})) as server:
        http = an_http(server.root, a_holder(None))
        with pytest.raises(NoToken):
            http.call("GET", "/x")

    assert server.requests == []


def drip(sock: socket.socket, data: bytes, stop: threading.Event) -> None:
    for byte in data:
        if stop.wait(0.05):
            return
        sock.sendall(bytes([byte]))


@pytest.mark.parametrize("where", ["silent", "dripping head", "dripping body", "endless body"])
def test_no_call_outlives_its_deadline(where: str) -> None:
    stop = threading.Event()

    def slow(sock: socket.socket) -> None:
        match where:
            case "silent":
                stop.wait(60)
            case "dripping head":
                drip(sock, b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 99, stop)
            case "dripping body":
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
                drip(sock, bytes(1000), stop)
            case _:
                sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                drip(sock, bytes(1000), stop)

    with ScriptedServer(slow) as server:
        http = an_http(server.root, deadline_seconds=0.4)
        started = time.monotonic()
        with pytest.raises(ReplyLost, match="timed out"):
            http.call("POST", "/orders/regular", form={})
        took = time.monotonic() - started
        stop.set()

    assert took < 15, "the peer would go on for longer than that"


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", b"\x00\xff nonsense\r\n\r\n", b"HTTP/9"],
    ids=["closed", "short body", "nonsense", "another protocol"],
)
def test_a_reply_that_is_not_whole_proves_nothing(answer: bytes) -> None:
    def send(sock: socket.socket) -> None:
        sock.sendall(answer)

    with ScriptedServer(send) as server:
        http = an_http(server.root)
        with pytest.raises(ReplyLost) as raised:
            http.call("POST", "/orders/regular", form={"secret": "hidden-thing"})

    assert TOKEN not in str(raised.value)
    assert "hidden-thing" not in str(raised.value)


def test_no_error_and_no_repr_shows_the_token() -> None:
    holder = a_holder()
    http = an_http(f"http://127.0.0.1:{a_closed_port()}", holder)
    texts = [repr(holder), str(holder), repr(holder.current()), str(holder.current()), repr(http)]
    with pytest.raises(NotReached) as raised:
        http.call("DELETE", "/session/token", query=(("access_token", TOKEN),))
    texts += [str(raised.value), repr(raised.value), repr(raised.value.__cause__)]
    with pytest.raises(ValueError, match="printable") as refused:
        holder.put("evil\r\nX-Header: tok3nSECRET")
    texts += [str(refused.value), repr(refused.value)]

    assert not [text for text in texts if "SECRET" in text]


def test_a_late_403_of_an_older_token_leaves_the_new_one() -> None:
    holder = a_holder()
    told: list[int] = []
    holder.watch(lambda: told.append(1))
    old = holder.current()
    assert old is not None
    new = holder.put("another0token")

    assert not holder.invalidate(old.generation)
    assert holder.current() == new
    assert holder.invalidate(new.generation)
    assert holder.current() is None
    assert told == [1]
