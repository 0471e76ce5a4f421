"""A client that hides nothing: one connection per request, headers and bodies as they come."""

import gzip
import hashlib
import http.client
import json
import socket
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
from websockets.sync.client import ClientConnection, connect

from sandbox.launch import RunningSandbox
from tests.support.waiting import PATIENCE

LIMIT = {
    "exchange": "NSE",
    "tradingsymbol": "INFY",
    "transaction_type": "BUY",
    "quantity": "1",
    "product": "MIS",
    "order_type": "LIMIT",
    "validity": "DAY",
}


def words(text: str) -> list[str]:
    """A list of names, written as one."""
    return text.split()


class Answer(msgspec.Struct):
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Talk:
    """Requests to one sandbox, and its faults."""

    def __init__(self, sandbox: RunningSandbox, *, priced: bool = True) -> None:
        """`priced`: look up the price at which `place` rests; not where the token is dead."""
        self.sandbox = sandbox
        self.host = str(urlsplit(sandbox.rest).hostname)
        self.port = int(urlsplit(sandbox.rest).port or 0)
        self.token = sandbox.access_token
        self._low = self.low() if priced else 0.0

    # Faults

    def faults(self, *faults: Mapping[str, object]) -> list[dict[str, Any]]:
        """These faults instead of all others."""
        answer = self("PUT", "/_sandbox/faults", json.dumps(list(faults)))
        assert answer.status == 200, answer.body
        rows: list[dict[str, Any]] = answer.json()["faults"]
        return rows

    def rows(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self("GET", "/_sandbox/faults").json()["faults"]
        return rows

    # REST

    def __call__(
        self,
        method: str,
        path: str,
        body: Mapping[str, str] | str | None = None,
        *,
        token: str | None = "",
        timeout: float = PATIENCE,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            content = urlencode(body) if isinstance(body, Mapping) else body
            connection.request(method, path, content, self.headers(token) | dict(headers or {}))
            with connection.getresponse() as response:
                found = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, found, response.read())
        finally:
            connection.close()

    def headers(self, token: str | None = "") -> dict[str, str]:
        return {} if token is None else {"Authorization": f"token sandboxkey:{token or self.token}"}

    def place(self, path: str = "/orders/regular", timeout: float = PATIENCE, **fields: object) -> Answer:
        """Place an order that rests far below the market, unless said otherwise."""
        form = {name: str(value) for name, value in {**LIMIT, "price": self._low, **fields}.items()}
        return self("POST", path, form, timeout=timeout)

    def low(self) -> float:
        """A price at which nothing is sold."""
        row = self("GET", "/quote?i=NSE:INFY").json()["data"]["NSE:INFY"]
        low: float = row["lower_circuit_limit"]
        return low

    def tags(self) -> list[str]:
        """Tags in the order book."""
        return [row["tag"] for row in self("GET", "/orders").json()["data"]]

    def log_in(self) -> None:
        """A new token, for this test and those after it."""
        form = {"user_id": "SB0001", "password": "sandbox", "totp": "000000", "api_key": "sandboxkey"}
        target = self("POST", "/connect/login", form, token=None).headers["location"]
        request_token = target.split("request_token=")[1].split("&")[0]
        checksum = hashlib.sha256(f"sandboxkey{request_token}sandboxsecret".encode()).hexdigest()
        form = {"api_key": "sandboxkey", "request_token": request_token, "checksum": checksum}
        self.token = self("POST", "/session/token", form, token=None).json()["data"]["access_token"]
        self.sandbox.details = msgspec.structs.replace(self.sandbox.details, access_token=self.token)

    def raw(self, method: str = "GET", path: str = "/orders", body: str = "") -> socket.socket:
        """A socket on which the request has been sent."""
        wire = socket.create_connection((self.host, self.port), timeout=PATIENCE)
        head = [f"{method} {path} HTTP/1.1", "Host: sandbox", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in self.headers().items()]
        wire.sendall(("\r\n".join(head) + "\r\n\r\n" + body).encode())
        return wire

    # WebSocket

    def socket(self, seconds: float = PATIENCE, **fields: str) -> ClientConnection:
        """An open socket; TimeoutError where the handshake takes longer than so many seconds."""
        query = {"api_key": "sandboxkey", "access_token": self.token, **fields}
        return connect(
            f"{self.sandbox.ws}/?{urlencode(query)}",
            compression=None,
            max_size=None,
            open_timeout=seconds,
            close_timeout=0.2,
            ping_interval=None,
            proxy=None,
            legacy=True,
        )


def subscribe(socket_: ClientConnection, token: int = 408065) -> None:
    socket_.send(json.dumps({"a": "mode", "v": ["full", [token]]}))


def heard(socket_: ClientConnection, seconds: float) -> list[bytes | str]:
    """What comes within so many seconds."""
    frames: list[bytes | str] = []
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        try:
            frames.append(socket_.recv(timeout=left))
        except TimeoutError:
            break
    return frames


def updates_of(frames: list[bytes | str], tag: str) -> list[str]:
    """Statuses of the order updates with a tag, as they came."""
    texts = (json.loads(frame) for frame in frames if isinstance(frame, str))
    return [text["data"]["status"] for text in texts if text["type"] == "order" and text["data"]["tag"] == tag]


def unpacked(answer: Answer) -> bytes:
    return gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body


def was_reset(wire: socket.socket) -> bool:
    """Whether the connection ended with a reset rather than in order."""
    try:
        return wire.recv(65_536) != b""
    except ConnectionResetError:
        return True
