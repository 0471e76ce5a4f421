"""A small real HTTP server whose every answer a test has written, and which remembers every request."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from adapters.clock import MonotonicClock
from adapters.kite.http import Http
from adapters.kite.pacing import Pacer, PacingLimits
from adapters.kite.reading import Reader
from adapters.kite.tokens import TokenHolder

API_KEY = "thekey"
TOKEN = "tok3nSECRETtok3n"
API_SECRET = "s3cretAPIs3cret"
UNLIMITED = PacingLimits(0, 0, 0, 0, 0)


class Request(Struct):
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @property
    def query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.target).query)

    @property
    def form(self) -> dict[str, str]:
        return {name: values[0] for name, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


Answer = bytes | Callable[[socket.socket], None]
"""Bytes to send, or what to do with the connection; it is closed when that returns."""


def reply(
    status: int = 200,
    body: object = None,
    *,
    content_type: str | None = "application/json",
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """A whole HTTP reply; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(content)}"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def success(data: object, status: int = 200) -> bytes:
    return reply(status, {"status": "success", "data": data})


def error(status: int, message: str, error_type: str | None = None) -> bytes:
    envelope: dict[str, object] = {"status": "error", "message": message, "data": None}
    if error_type is not None:
        envelope["error_type"] = error_type
    return reply(status, envelope)


class ScriptedServer:
    """Answers request after request with the answers given, the last one for ever. Use it as a context manager."""

    def __init__(self, *answers: Answer, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.answers = list(answers)
        self.requests: list[Request] = []
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.root = f"{'https' if tls else 'http'}://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._stopping = False

    def __enter__(self) -> Self:
        self._spawn(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        # accept() does not wake when its socket closes: shut it down first.
        for sock in (self._listener, *self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        for thread in self._threads:
            thread.join(60)
        self._listener.close()
        for sock in self._open:
            sock.close()

    def _spawn(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.append(sock)
            self._spawn(lambda sock=sock: self._serve(sock))  # type: ignore[misc]  # a default binds the loop's value

    def _serve(self, sock: socket.socket) -> None:
        try:
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_side=True)
                self._open.append(sock)
            with sock, sock.makefile("rb") as stream:
                while (request := _read(stream)) is not None:
                    with self._lock:
                        self.requests.append(request)
                        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                    if callable(answer):
                        answer(sock)
                        return
                    sock.sendall(answer)
        except OSError:
            return


def _read(stream: Iterable[bytes]) -> Request | None:
    lines = iter(stream)
    try:
        first = next(lines).decode().split()
    except StopIteration:
        return None
    headers: dict[str, str] = {}
    for raw in lines:
        line = raw.decode().strip()
        if not line:
            break
        name, _, value = line.partition(": ")
        headers[name.lower()] = value
    length = int(headers.get("content-length", 0))
    body = stream.read(length) if length else b""  # type: ignore[attr-defined]  # a buffered reader
    return Request(first[0], first[1], headers, body)


def a_holder(token: str | None = TOKEN) -> TokenHolder:
    holder = TokenHolder((API_SECRET,))
    if token is not None:
        holder.put(token)
    return holder


def an_http(
    root: str, tokens: TokenHolder | None = None, *, deadline_seconds: float = 5.0, prefix: str = "", idle: float = 4.0
) -> Http:
    holder = a_holder() if tokens is None else tokens
    return Http(root, API_KEY, holder, deadline_seconds=deadline_seconds, prefix=prefix, idle_seconds=idle)


def a_reader(root: str, tokens: TokenHolder | None = None, *, deadline_seconds: float = 5.0) -> Reader:
    clock = MonotonicClock()
    return Reader(an_http(root, tokens), Pacer(UNLIMITED, clock), clock, deadline_seconds=deadline_seconds)


class FixedClock:
    """A market clock that stands where it was put."""

    def __init__(self, now: int) -> None:
        self.now = now

    def now_ns(self) -> int:
        return self.now
