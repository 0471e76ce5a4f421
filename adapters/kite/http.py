"""One HTTP session: the standard library's client with a deadline over the whole call, and proof of what was sent.

Not `requests`: its time-outs are per read, so a dripping server holds a worker for ever; it cannot say whether a byte
of the request left; and it takes a quarter of a second to import. Here there are no cookies, no redirects, no proxies
from the environment, no retries, and TLS is verified against the same certificates that `requests` uses.

An `Http` serves one thread at a time: each worker has its own.
"""

from __future__ import annotations

import gzip
import io
import ipaddress
import queue
import select
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from adapters.kite.tokens import TokenHolder
from domain.errors import BrokerError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

USER_AGENT: Final = "Patang"
REPLY_BYTES_MAX: Final = 64 * 1024 * 1024
"""The whole instruments dump is about 10 MB; anything beyond this is not Kite."""


class NotReached(BrokerError):
    """Certainly not one byte of the request left: nothing happened at the broker."""


class NoToken(NotReached):
    """There is no access token: log in first. Nothing was sent."""


class ReplyLost(BrokerError):
    """Bytes of the request may have left, and no whole reply came back: nothing is proved."""


class Reply(Struct, frozen=True):
    """A whole HTTP reply.

    generation  of the access token that the request carried; 0 for none
    location    where a redirect points, unfollowed
    """

    status: int
    content_type: str
    body: bytes
    generation: int = 0
    location: str = ""


Witness: TypeAlias = Callable[[str, str, Reply], None]
"""(method, route, reply)"""


class Deadline:
    """A point on the monotonic clock that a call may not outlive."""

    __slots__ = ("_ends",)

    def __init__(self, seconds: float) -> None:
        self._ends = time.monotonic() + seconds

    def remaining(self) -> float:
        """Seconds left. Raises TimeoutError when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline has passed")
        return left


class Http:
    """Requests to one root address, one at a time, over one kept connection."""

    def __init__(
        self,
        root: str,
        api_key: str,
        tokens: TokenHolder,
        *,
        prefix: str = "",
        deadline_seconds: float = 10.0,
        connect_seconds: float = 7.0,
        read_seconds: float = 7.0,
        idle_seconds: float = 4.0,
        certificates: str | None = None,
        witness: Witness = lambda _method, _route, _reply: None,
    ) -> None:
        """Remember where to call; connects at the first request.

        root              `https://host[:port]`, no path; http is for a sandbox on loopback
        prefix            path before every route but the instruments dumps (`/oms` at Zerodha's hosted sandbox)
        deadline_seconds  for a whole call; connect_seconds and read_seconds bound its parts
        idle_seconds      a kept connection that idled longer is not used again: the server may be closing it just then,
                          and an order lost that way is unresolved. Shorter than common keep-alive times of servers
        certificates      file of trusted authorities; None: certifi's
        witness           told each whole reply; must return at once
        """
        self._witness = witness
        self._connection: _Connection | None = None
        address = urlsplit(root)
        if address.scheme not in ("http", "https") or not address.hostname or address.path.strip("/"):
            raise ValueError(f"{root} is not an address of the form https://host[:port]")
        self.root = f"{address.scheme}://{address.netloc}"
        self._secure = address.scheme == "https"
        self._host = address.hostname
        self._port = address.port or (443 if self._secure else 80)
        self._api_key = api_key
        self.tokens = tokens
        self._prefix = prefix.rstrip("/")
        self.deadline_seconds = deadline_seconds
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._idle_seconds = idle_seconds
        self._certificates = certificates
        self._context: ssl.SSLContext | None = None

    def __del__(self) -> None:
        """A worker that crashed closes nothing: its connection goes when the worker does."""
        self.close()

    def __repr__(self) -> str:
        """The address alone."""
        return f"Http({self.root})"

    def call(
        self,
        method: str,
        route: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        form: Mapping[str, str] | None = None,
        json: bytes | None = None,
        prefixed: bool = True,
        authorised: bool = True,
        deadline_seconds: float | None = None,
        on_sent: Callable[[], None] | None = None,
    ) -> Reply:
        """One request and its whole reply, whatever its status.

        on_sent  called when the request's last byte has left

        Raises NoToken or NotReached where nothing was sent, ReplyLost where something may have been.
        """
        deadline = Deadline(self.deadline_seconds if deadline_seconds is None else deadline_seconds)
        what = f"{method} {route}"
        headers = {"X-Kite-Version": "3", "User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
        generation = 0
        if authorised:
            token = self.tokens.current()
            if token is None:
                raise NoToken(f"{what}: there is no access token, log in first")
            generation = token.generation
            headers["Authorization"] = f"token {self._api_key}:{token.value}"
        body: bytes | None = json
        if json is not None:
            headers["Content-Type"] = "application/json"
        elif form is not None:
            body = urlencode(form).encode()
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        target = (self._prefix if prefixed else "") + route
        if query:
            target += "?" + urlencode(query)

        try:
            connection = self._connected(deadline)
        except (OSError, ssl.SSLError) as error:
            self.close()
            raise NotReached(f"{what}: no connection to {self._host}:{self._port}: {_why(error)}") from None
        try:
            reply = connection.exchange(method, target, body, headers, deadline, generation, on_sent)
        except (OSError, HTTPException, EOFError, zlib.error) as error:
            self.close()
            raise ReplyLost(f"{what}: no whole reply: {_why(error)}") from None
        except BaseException:
            # A reply to this request may still come: the next one must not read it as its own.
            self.close()
            raise
        if connection.ended:
            self.close()
        self._witness(method, route, reply)
        return reply

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _connected(self, deadline: Deadline) -> _Connection:
        kept = self._connection
        if kept is not None:
            if kept.usable(self._idle_seconds):
                return kept
            self.close()
        part = Deadline(min(self._connect_seconds, deadline.remaining()))
        plain = _connect(self._host, self._port, part)
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._secure:
                plain.settimeout(part.remaining())
                plain = self._tls().wrap_socket(plain, server_hostname=self._host)
        except BaseException:
            plain.close()
            raise
        self._connection = _Connection(self._host, self._port, plain, self._read_seconds, self._secure)
        return self._connection

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            authorities = self._certificates
            if authorities is None:
                import certifi  # here: a sandbox on plain http never needs it

                authorities = certifi.where()
            self._context = ssl.create_default_context(cafile=authorities)
        return self._context


class _Connection:
    """A connected socket and the standard client around it, every read and write under the call's deadline."""

    def __init__(self, host: str, port: int, sock: socket.socket, read_seconds: float, secure: bool) -> None:
        self._timed = _TimedSocket(sock, read_seconds)
        self._client = HTTPConnection(host, port)
        self._client.auto_open = 0
        if secure:
            self._client.default_port = 443
        self._client.sock = self._timed  # the client writes to, and reads from, whatever stands here
        self._idle_since = time.monotonic()

    def exchange(
        self,
        method: str,
        target: str,
        body: bytes | None,
        headers: dict[str, str],
        deadline: Deadline,
        generation: int,
        on_sent: Callable[[], None] | None = None,
    ) -> Reply:
        self._timed.deadline = deadline
        client = self._client
        client.request(method, target, body, headers)
        self._timed.flush()
        if on_sent is not None:
            on_sent()
        with client.getresponse() as response:
            content = response.read(REPLY_BYTES_MAX + 1)
            if len(content) > REPLY_BYTES_MAX:
                raise HTTPException("the reply is too long")
            if response.length:
                raise EOFError("the reply is shorter than it said")
            if response.headers.get("Content-Encoding", "").lower() == "gzip":
                content = _gunzip(content)
            self._idle_since = time.monotonic()
            return Reply(
                response.status,
                response.headers.get("Content-Type", ""),
                content,
                generation,
                response.headers.get("Location", ""),
            )

    @property
    def ended(self) -> bool:
        """Whether the server asked for the connection to be closed after the last reply."""
        return self._client.sock is None

    def usable(self, idle_seconds: float) -> bool:
        """Whether the socket is open, idle not for too long, and silent: a readable idle socket is being closed."""
        if self.ended or time.monotonic() - self._idle_since > idle_seconds:
            return False
        poll = select.poll()
        poll.register(self._timed.fileno(), select.POLLIN)
        return not poll.poll(0)

    def close(self) -> None:
        self._client.close()
        self._timed.really_close()


class _TimedSocket:
    """What `http.client` needs of a socket, each operation bounded by the deadline of the call in progress.

    Writes are gathered until `flush`, so that a small request leaves in one segment, headers and form together.
    """

    def __init__(self, sock: socket.socket, read_seconds: float) -> None:
        self._sock = sock
        self._read_seconds = read_seconds
        self.deadline = Deadline(read_seconds)
        self._gathered: list[bytes] = []

    def sendall(self, data: bytes) -> None:
        self._gathered.append(data)

    def flush(self) -> None:
        request = b"".join(self._gathered)
        self._gathered.clear()
        self._sock.settimeout(self.deadline.remaining())
        self._sock.sendall(request)

    def recv_into(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(min(self._read_seconds, self.deadline.remaining()))
        return self._sock.recv_into(buffer)

    def makefile(self, mode: str) -> io.BufferedReader:
        assert mode == "rb", "http.client reads its replies from a binary file"
        return io.BufferedReader(_Incoming(self))

    def fileno(self) -> int:
        return self._sock.fileno()

    def close(self) -> None:
        """Nothing: the client closes as soon as it sees `Connection: close`, and reads the body after that."""

    def really_close(self) -> None:
        self._sock.close()


class _Incoming(io.RawIOBase):
    """The reading end of a _TimedSocket."""

    def __init__(self, timed: _TimedSocket) -> None:
        self._timed = timed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        return self._timed.recv_into(buffer)


def _connect(host: str, port: int, deadline: Deadline) -> socket.socket:
    """A TCP connection to the first address that answers, all of them within the deadline."""
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _name, address in _resolve(host, port, deadline):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(deadline.remaining())
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            return sock
    raise failure


_Address = tuple[
    socket.AddressFamily, socket.SocketKind, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
]


def _resolve(host: str, port: int, deadline: Deadline) -> Sequence[_Address]:
    """The host's addresses. The system's resolver knows no time-out, so a name is looked up on a thread of its own."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        pass
    else:
        return _lookup(host, port)
    found: queue.SimpleQueue[Sequence[_Address] | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            found.put(_lookup(host, port))
        except OSError as error:
            found.put(error)

    threading.Thread(target=look_up, name=f"resolve {host}", daemon=True).start()
    try:
        result = found.get(timeout=deadline.remaining())
    except queue.Empty:
        raise TimeoutError(f"the name {host} was not resolved in time") from None
    if isinstance(result, OSError):
        raise result
    return result


def _lookup(host: str, port: int) -> Sequence[_Address]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _gunzip(content: bytes) -> bytes:
    """Decompressed, at most REPLY_BYTES_MAX: a small reply may not fill the memory."""
    with gzip.GzipFile(fileobj=io.BytesIO(content)) as file:
        plain = file.read(REPLY_BYTES_MAX + 1)
    if len(plain) > REPLY_BYTES_MAX:
        raise HTTPException("the reply is too long when decompressed")
    return plain


def _why(error: BaseException) -> str:
    """The error in a few words of its own kind. The text of a protocol error may echo what was sent: left out."""
    if isinstance(error, TimeoutError):
        return "timed out"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason})"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
