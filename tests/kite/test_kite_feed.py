"""The socket: one reactor for ever, an epoch per connection, and nothing that a server or a listener does to end it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec.structs import replace
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

from adapters.kite.reactor import ReactorThread
from adapters.kite.ticker import FeedTimes, KiteFeed
from adapters.kite.tokens import TokenHolder
from domain.messages.broker import BrokerOrder, BrokerStatus
from tests.kite import frames
from tests.kite.listening import PATIENT, QUICK, WAIT, Listener
from tests.kite.scripted import API_KEY, TOKEN, FixedClock, ScriptedServer, a_holder


class SocketServer:
    """A real WebSocket server. `behaviour` runs per connection; by default it keeps the socket open and listens."""

    def __init__(self) -> None:
        self.behaviour: Callable[[ServerConnection], None] = lambda socket: None
        self.refuse: HTTPStatus | None = None
        self.paths: list[str] = []
        self.received: list[str | bytes] = []
        self.gone = threading.Semaphore(0)
        self.heard = threading.Semaphore(0)
        self._server: Server = serve(
            self._handle,
            "127.0.0.1",
            0,
            process_request=self._check,
            ping_interval=None,
            close_timeout=0.5,
            compression=None,
        )
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        self.url = f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(60)

    def _check(self, _socket: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        if self.refuse is None:
            return None
        return _socket.respond(self.refuse, '{"status":"error","message":"Authentication failed."}')

    def _handle(self, socket: ServerConnection) -> None:
        try:
            self.behaviour(socket)
            for message in socket:
                self.received.append(message)
                self.heard.release()
        except ConnectionClosed:
            pass
        finally:
            self.gone.release()


def send_many(count: int, payload: bytes) -> Callable[[ServerConnection], None]:
    def send(socket: ServerConnection) -> None:
        for _ in range(count):
            socket.send(payload)

    return send


def stay_mute(sock: socket.socket) -> None:
    sock.recv(1)


@pytest.fixture
def server() -> Iterator[SocketServer]:
    found = SocketServer()
    yield found
    found.close()


PINGING = replace(PATIENT, ping_answer_seconds=1.0)


class Feeds:
    def __init__(self) -> None:
        self.made: list[KiteFeed] = []
        self.logged: list[tuple[str, str, dict[str, object]]] = []

    def __call__(
        self, url: str, tokens: TokenHolder | None = None, *, times: FeedTimes = PATIENT, user_id: str | None = None
    ) -> KiteFeed:
        def log(level: str, event: str, /, **keys: object) -> None:
            self.logged.append((level, event, keys))

        holder = a_holder() if tokens is None else tokens
        self.made.append(KiteFeed(url, API_KEY, holder, FixedClock(77), log=log, user_id=user_id, times=times))
        return self.made[-1]


@pytest.fixture
def feed_at() -> Iterator[Feeds]:
    feeds = Feeds()
    yield feeds
    for feed in feeds.made:
        feed.close()


def test_frames_heartbeats_and_texts_arrive_as_they_were_sent(server: SocketServer, feed_at: Feeds) -> None:
    frame = frames.frame([frames.packet_ltp(408065, 150_000)])

    def send(socket: ServerConnection) -> None:
        socket.send(b"\x00")
        socket.send(frame)
        socket.send('{"type": "message", "data": "hello"}')

    server.behaviour = send
    listener = Listener()
    feed = feed_at(server.url)
    feed.connect(1, listener)

    assert listener.wait(lambda: len(listener.texts) == 1)
    assert listener.connected_epochs == [1]
    assert listener.frames == [(1, b"\x00"), (1, frame)]
    assert feed.decode(frame)["last_price"].tolist() == [15_000_000]


def test_the_address_carries_key_token_and_where_wanted_the_user(server: SocketServer, feed_at: Feeds) -> None:
    tokens, listener = a_holder(), Listener()
    feed = feed_at(server.url, tokens, user_id="AB 12")
    feed.connect(1, listener)
    assert listener.wait(lambda: listener.connected_epochs == [1])
    tokens.put("n3wt0k3n&more")
    feed.connect(2, listener)
    assert listener.wait(lambda: listener.connected_epochs == [1, 2])

    first, second = (parse_qs(urlsplit(path).query) for path in server.paths)
    assert first == {"api_key": [API_KEY], "access_token": [TOKEN], "user_id": ["AB 12"]}
    assert second["access_token"] == ["n3wt0k3n&more"], "the token is read at each connect"


def test_subscriptions_are_sent_to_the_epoch_they_are_for(server: SocketServer, feed_at: Feeds) -> None:
    listener = Listener()
    feed = feed_at(server.url)
    feed.connect(1, listener)
    assert listener.wait(lambda: listener.connected_epochs == [1])
    feed.subscribe(7, [1], "full")
    feed.subscribe(1, [408065, 256265], "full")
    feed.subscribe(1, [], "full")
    feed.unsubscribe(1, [256265])
    for _ in range(3):
        assert server.heard.acquire(timeout=WAIT)

    assert [json.loads(text) for text in server.received] == [
        {"a": "subscribe", "v": [408065, 256265]},
        {"a": "mode", "v": ["full", [408065, 256265]]},
        {"a": "unsubscribe", "v": [256265]},
    ]
    with pytest.raises(ValueError, match="loud"):
        feed.subscribe(1, [1], "loud")


def test_texts_that_are_not_as_documented_never_drop_the_socket(server: SocketServer, feed_at: Feeds) -> None:
    bad = [
        "[1, 2]",
        "not json",
        "3",
        "null",
        "{}",
        '{"type": 5}',
        '{"type": "order"}',
        '{"type": "order", "data": [1]}',
        "",
    ]

    def send(socket: ServerConnection) -> None:
        for text in bad:
            socket.send(text)
        socket.send(b"\xff\xfe{", text=True)
        socket.send("the last")

    server.behaviour = send
    listener = Listener()
    feed = feed_at(server.url)
    feed.connect(1, listener)

    assert listener.wait(lambda: bool(listener.texts) and listener.texts[-1] == (1, b"the last"))
    assert len(listener.texts) == len(bad) + 2
    assert listener.lost == []
    for _, text in listener.texts:
        assert not isinstance(feed.decode_text(text), BrokerOrder)


def test_a_listener_that_raises_keeps_its_socket(server: SocketServer, feed_at: Feeds) -> None:
    server.behaviour = send_many(20, b"\x01")
    listener = Listener()
    listener.raising = True
    feed_at(server.url).connect(1, listener)

    assert listener.wait(lambda: len(listener.frames) == 20)
    assert listener.lost == []
    assert feed_at.logged[0][:2] == ("error", "feed.listener_failed")


def test_a_refused_handshake_asks_for_a_login_and_is_told_once(server: SocketServer, feed_at: Feeds) -> None:
    server.refuse = HTTPStatus.FORBIDDEN
    listener = Listener()
    feed_at(server.url).connect(1, listener)

    assert listener.wait(lambda: bool(listener.lost))
    ((epoch, reason, login_needed),) = listener.lost
    assert (epoch, login_needed) == (1, True)
    assert "403" in reason and TOKEN not in reason
    assert len(server.paths) == 1, "nobody retries but the supervisor"


def test_another_refusal_is_no_matter_of_login(server: SocketServer, feed_at: Feeds) -> None:
    server.refuse = HTTPStatus.BAD_GATEWAY
    listener = Listener()
    feed_at(server.url).connect(1, listener)

    assert listener.wait(lambda: bool(listener.lost))
    assert not listener.lost[0][2]


def test_without_a_token_a_login_is_asked_for_at_once(server: SocketServer, feed_at: Feeds) -> None:
    listener = Listener()
    feed_at(server.url, a_holder(None)).connect(1, listener)

    assert listener.wait(lambda: bool(listener.lost))
    assert listener.lost[0][2]
    assert server.paths == []


def test_a_closed_port_and_a_mute_server_are_disconnections(feed_at: Feeds) -> None:
    listener, mute_listener = Listener(), Listener()
    with ScriptedServer(lambda sock: None) as closed:
        pass
    feed_at(closed.root.replace("http", "ws"), times=QUICK).connect(1, listener)
    with ScriptedServer(stay_mute) as mute:
        feed_at(mute.root.replace("http", "ws"), times=QUICK).connect(1, mute_listener)

        assert listener.wait(lambda: bool(listener.lost))
        assert mute_listener.wait(lambda: bool(mute_listener.lost))
    assert listener.lost[0][0] == mute_listener.lost[0][0] == 1
    assert not listener.connected_epochs + mute_listener.connected_epochs


@pytest.mark.parametrize("polite", [True, False], ids=["closed", "cut"])
def test_a_socket_that_ends_is_told_once(server: SocketServer, feed_at: Feeds, polite: bool) -> None:
    def end(socket: ServerConnection) -> None:
        if polite:
            socket.close(1001, "going away")
        else:
            socket.socket.shutdown(2)

    server.behaviour = end
    listener = Listener()
    feed_at(server.url).connect(1, listener)

    assert listener.wait(lambda: bool(listener.lost))
    assert [epoch for epoch, _, _ in listener.lost] == [1]
    assert not listener.lost[0][2]


def test_a_peer_that_no_longer_answers_pings_is_given_up(feed_at: Feeds) -> None:
    """The handshake is answered by hand, and then nothing ever again."""
    import base64
    import hashlib
    import socket as sockets

    stop = threading.Event()
    listening = sockets.create_server(("127.0.0.1", 0))

    def half_open() -> None:
        peer, _ = listening.accept()
        with peer:
            head = b""
            while b"\r\n\r\n" not in head:
                head += peer.recv(4096)
            key = next(
                line.split(b": ")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
            )
            accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())  # noqa: S324  # the protocol's own
            peer.sendall(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "
                + accept
                + b"\r\n\r\n"
            )
            stop.wait(WAIT)

    thread = threading.Thread(target=half_open)
    thread.start()
    listener = Listener()
    feed_at(f"ws://127.0.0.1:{listening.getsockname()[1]}", times=PINGING).connect(1, listener)

    assert listener.wait(lambda: bool(listener.lost))
    assert listener.connected_epochs == [1]
    stop.set()
    thread.join(60)
    listening.close()


def test_a_newer_epoch_silences_the_older_one(server: SocketServer, feed_at: Feeds) -> None:
    server.behaviour = send_many(2000, b"tick!")
    old, new = Listener(), Listener()
    feed = feed_at(server.url)
    feed.connect(1, old)
    assert old.wait(lambda: len(old.frames) > 5)
    feed.connect(2, new)
    assert new.wait(lambda: len(new.frames) > 5)
    heard = len(old.frames)
    assert new.wait(lambda: len(new.frames) == 2000)

    assert len(old.frames) == heard
    assert old.lost == [], "it was replaced, not lost"
    assert server.gone.acquire(timeout=WAIT), "and its socket is closed"
    assert {epoch for epoch, _ in new.frames} == {2}


def test_our_own_disconnect_is_told_and_a_close_is_silent(server: SocketServer, feed_at: Feeds) -> None:
    first, second = Listener(), Listener()
    feed, other = feed_at(server.url), feed_at(server.url)
    feed.connect(1, first)
    other.connect(1, second)
    assert first.wait(lambda: bool(first.connected_epochs)) and second.wait(lambda: bool(second.connected_epochs))
    feed.disconnect(1)
    feed.disconnect(1)
    other.close()
    other.close()
    for _ in range(2):
        assert server.gone.acquire(timeout=WAIT)

    assert first.lost == [(1, "closed by us", False)]
    assert second.lost == []


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts descriptors as Linux shows them")  # noqa: PTH112  # a plain question
def test_thirty_reconnects_leave_no_thread_and_no_descriptor(server: SocketServer, feed_at: Feeds) -> None:
    listener = Listener()
    feed = feed_at(server.url)
    feed.connect(0, listener)
    assert listener.wait(lambda: listener.connected_epochs == [0])

    before = descriptors()
    for epoch in range(1, 31):
        feed.connect(epoch, listener)
        assert listener.wait(lambda epoch=epoch: listener.connected_epochs[-1] == epoch)  # type: ignore[misc]  # bound now
        assert server.gone.acquire(timeout=WAIT), "the server has seen the older one go"
    # Sockets that former tests left behind may still go meanwhile: fewer is as good.
    deadline = time.monotonic() + WAIT
    while descriptors() > before and time.monotonic() < deadline:
        threading.Event().wait(0.02)

    assert descriptors() <= before
    assert [thread.name for thread in threading.enumerate() if "kite" in thread.name] == ["kite-reactor"]
    assert listener.connected_epochs == list(range(31))
    assert listener.lost == []


def test_order_updates_errors_and_messages_are_decoded(feed_at: Feeds) -> None:
    feed = feed_at("ws://127.0.0.1:1")
    row = {
        "order_id": "2611",
        "status": "COMPLETE",
        "exchange": "NSE",
        "tradingsymbol": "INFY",
        "transaction_type": "SELL",
        "product": "MIS",
        "quantity": 10,
        "filled_quantity": 10,
        "unfilled_quantity": 0,
        "average_price": 1500.1,
        "tag": "t1",
        "exchange_timestamp": "2026-11-20 09:15:01",
        "checksum": "xyz",
    }

    update = feed.decode_text(json.dumps({"type": "order", "data": row}).encode())
    assert isinstance(update, BrokerOrder)
    assert (update.order_id, update.status, update.tags, update.filled) == ("2611", BrokerStatus.COMPLETE, ("t1",), 10)
    assert feed.decode_text(b'{"type":"error","data":"Too many tokens"}') == "error: Too many tokens"
    assert feed.decode_text(b'{"type":"message","data":"hello"}') == "message: hello"
    assert feed.decode_text(b'{"type":"order","data":{}}') is None
    assert feed.decode_text(b'{"type":"instruments_meta","data":{"count":1}}') is None
    odd = feed.decode_text(json.dumps({"type": "order", "data": row | {"quantity": "ten"}}).encode())
    assert isinstance(odd, str) and "not as documented" in odd


def test_a_ticker_that_cannot_be_loaded_is_a_disconnection_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, feed_at: Feeds
) -> None:
    """On a reactor thread of its own, which never gets as far as the process's one reactor."""
    monkeypatch.setitem(sys.modules, "kiteconnect.ticker", None)
    listener = Listener()
    feed = KiteFeed(
        "ws://127.0.0.1:1", API_KEY, a_holder(), FixedClock(77), log=lambda *_, **__: None, reactor=ReactorThread()
    )
    for epoch in (1, 2):
        feed.connect(epoch, listener)
        assert listener.wait(lambda epoch=epoch: len(listener.lost) == epoch)  # type: ignore[misc]  # bound now

    assert [epoch for epoch, _, _ in listener.lost] == [1, 2]
    assert "could not be loaded" in listener.lost[0][1]
    assert not listener.lost[0][2]


def test_where_somebody_else_runs_the_reactor_it_is_used_and_not_started_again() -> None:
    program = """
import threading, time
from twisted.internet import reactor
threading.Thread(target=reactor.run, kwargs={"installSignalHandlers": False}, daemon=True).start()
while not reactor.running:
    time.sleep(0.01)
from adapters.kite.reactor import REACTOR
reached = threading.Event()
REACTOR.call(reached.set)
assert reached.wait(60)
print("used")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)

    assert (done.stdout.strip(), done.stderr) == ("used", "")


def test_pings_without_pause_are_refused() -> None:
    with pytest.raises(ValueError, match="ping_every_seconds"):
        FeedTimes(ping_every_seconds=0.2)


def test_importing_the_adapter_does_not_import_the_official_client() -> None:
    program = (
        "import sys; import adapters.kite.account; "
        "print(sorted({'kiteconnect', 'twisted', 'autobahn', 'requests'} & {name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)

    assert done.stdout.strip() == "[]"
