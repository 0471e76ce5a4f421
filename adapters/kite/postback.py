"""Order updates that Kite posts to the app's own address: a second source beside the socket (kite-facts 6).

A postback is believed for its checksum alone, SHA-256 of order id, order time and the app's secret: whoever reaches the
port could otherwise invent fills. It listens on loopback unless told otherwise; a web server or a tunnel in front of it
speaks TLS to the world.
"""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

import msgspec
from msgspec import Struct

from adapters.kite import translate
from adapters.kite.broker import lax_decoder
from adapters.kite.rows import OrderRow
from domain.errors import BrokerUnavailable
from domain.messages.broker import BrokerOrder
from domain.ports import Clock, EventLog

BODY_BYTES_MAX: Final = 64 * 1024
VISIT_SECONDS: Final = 5.0
"""Whoever connects and says nothing is let go after this."""

VISITS_MAX: Final = 16
"""At once; more are told to come again."""


class _Sealed(Struct):
    """What the checksum is made of."""

    order_id: str
    order_timestamp: str
    checksum: str


_sealed: Final = msgspec.json.Decoder(_Sealed)
_order: Final = lax_decoder(OrderRow)


class NotBelieved(ValueError):
    """A body that is no postback of this app's. One line; it repeats nothing of the body."""


def checksum(order_id: str, order_timestamp: str, api_secret: str) -> str:
    """The seal of a postback."""
    return hashlib.sha256(f"{order_id}{order_timestamp}{api_secret}".encode()).hexdigest()


def read_postback(body: bytes, api_secret: str, words: translate.StatusWords, clock: Clock) -> BrokerOrder:
    """The order that a body tells of. Raises NotBelieved."""
    try:
        sealed = _sealed.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise NotBelieved("it is no postback") from None
    expected = checksum(sealed.order_id, sealed.order_timestamp, api_secret)
    if not api_secret or not hmac.compare_digest(expected.encode(), sealed.checksum.encode()):
        raise NotBelieved("its checksum is not this app's")
    try:
        return translate.order(_order.decode(body), words, clock.now_ns())
    except (msgspec.MsgspecError, ValueError) as error:
        raise NotBelieved(f"it is not as documented: {error}") from None


class PostbackReceiver:
    """Implements `domain.ports.PostbackPort`.

    host, port, path  where it listens; port 0 takes any, `port` says which once it listens
    """

    def __init__(self, host: str, port: int, path: str, api_secret: str, clock: Clock, log: EventLog) -> None:
        self.port = port
        self._host = host
        self._path = path
        self._secret = api_secret
        self._clock = clock
        self._log = log
        self._words = translate.StatusWords(lambda word: log("warning", "kite.unknown_status", word=word))
        self._server: _Server | None = None

    def listen(self, heard: Callable[[BrokerOrder], None]) -> None:
        """See PostbackPort.listen."""
        self.close()
        try:
            server = _Server((self._host, self.port), self._path, lambda body: heard(self._read(body)))
        except OSError as error:
            raise BrokerUnavailable(
                f"postbacks.port: {self._host}:{self.port} cannot be listened on ({error.strerror})"
            ) from None
        self._server, self.port = server, server.server_port
        threading.Thread(target=server.serve_forever, args=(0.1,), name="postbacks", daemon=True).start()
        self._log("info", "postbacks.listening", host=self._host, port=self.port, path=self._path)

    def close(self) -> None:
        """See PostbackPort.close."""
        server, self._server = self._server, None
        if server is not None:
            server.shutdown()
            server.server_close()

    def _read(self, body: bytes) -> BrokerOrder:
        try:
            return read_postback(body, self._secret, self._words, self._clock)
        except NotBelieved as refusal:
            self._log("warning", "postbacks.refused", why=str(refusal))
            raise


class _Server(ThreadingHTTPServer):
    """Takes bodies to `take`, which raises NotBelieved."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], path: str, take: Callable[[bytes], None]) -> None:
        super().__init__(address, _Visit)
        self.path = path
        self.take = take
        self.room = threading.BoundedSemaphore(VISITS_MAX)

    def handle_error(self, request: object, client_address: object) -> None:
        """A visit that breaks off is nobody's failure: the socket and the polls tell the same."""


class _Visit(BaseHTTPRequestHandler):
    """One postback."""

    server: _Server
    timeout = VISIT_SECONDS
    server_version = "Patang"
    sys_version = ""

    def do_POST(self) -> None:
        """Believed, 200; else a status that asks for no repetition, but for want of room."""
        if not self.server.room.acquire(blocking=False):
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE)
            return
        try:
            self._answer(self._take())
        finally:
            self.server.room.release()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the standard library's spelling
        """Nothing: what matters is logged as events."""

    def _take(self) -> HTTPStatus:
        length = self.headers.get("Content-Length", "")
        if self.path != self.server.path:
            return HTTPStatus.NOT_FOUND
        if not (length.isascii() and length.isdigit()):
            return HTTPStatus.LENGTH_REQUIRED
        if len(length) > 9 or int(length) > BODY_BYTES_MAX:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        try:
            self.server.take(self.rfile.read(int(length)))
        except NotBelieved:
            return HTTPStatus.FORBIDDEN
        return HTTPStatus.OK

    def _answer(self, status: HTTPStatus) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
