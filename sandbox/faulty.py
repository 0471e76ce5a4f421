"""Faults done: to a request and its reply, to a socket, to an order update.

Most of it needs more than a server's interface offers (a connection closed without a word, a head that drips), so the
transport itself is at hand in the connection's state, see `sandbox.server`.
"""

import asyncio
import gzip
import re
import socket
import struct
import time
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct
from uvicorn.protocols.utils import ClientDisconnected

from sandbox.envelope import HTML_TYPE, JSON_TYPE, Reply, failure
from sandbox.exchange import Exchange
from sandbox.fault_plan import Armed, Faults, delay_seconds
from sandbox.faults import (
    AnyFault,
    ClockSkew,
    ContentType,
    DelayUpdate,
    Drip,
    Drop,
    DuplicateUpdate,
    Error,
    Freeze,
    Ghost,
    HalfOpen,
    History,
    Html,
    Latency,
    LateRow,
    LoseUpdate,
    RateLimit,
    ReorderUpdate,
    RevokeToken,
    Rewrite,
    TimedOut,
    Truncate,
)
from sandbox.stream import Connection
from sandbox.wire import HEARTBEAT

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

_STAMP = re.compile(rb'"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d|\d\d:\d\d:\d\d)"')
_FULL, _CLOCK = "%Y-%m-%d %H:%M:%S", "%H:%M:%S"
_NO_SUCH_ORDER = failure("Couldn't find that `order_id`.", "OrderException", 404)


class Call(Struct, frozen=True):
    """A request on its way: its transport, the server's answer to it (which lets it take effect), and the way back."""

    transport: asyncio.Transport
    receive: Receive
    answer: Callable[[], Awaitable[Reply]]
    respond: Callable[[Reply], Awaitable[None]]


class Mischief:
    """Does to one server what its faults say."""

    def __init__(self, faults: Faults, exchange: Exchange) -> None:
        self.faults = faults
        self._exchange = exchange
        self._loop = asyncio.get_running_loop()
        self._late_rows: dict[str, float] = {}
        self._held: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[Reply]] = set()

    # Requests

    async def serve(self, struck: list[Armed], call: Call) -> None:
        """Answer a request as its faults have it: those that alter first, then the one that answers."""
        alters = [armed for armed in struck if armed.fault.alters]
        answering = next((armed.fault for armed in struck if not armed.fault.alters), None)
        for armed in alters:
            if isinstance(armed.fault, RevokeToken):
                self._exchange.auth.revoke_all()
            await _wait(armed, "before")
        if answering is not None and await self._before(answering, call):
            return
        reply = await call.answer()
        cut: Truncate | None = None
        for armed in alters:
            if isinstance(armed.fault, Truncate) and armed.fault.how == "wire":
                cut = armed.fault
            reply = self._altered(reply, armed)
            await _wait(armed, "after")
        await self._after(answering, cut, reply, call)

    async def _before(self, fault: AnyFault, call: Call) -> bool:
        """Answer without letting the request take effect (yet); whether that has been done."""
        match fault:
            case RateLimit():
                await call.respond(failure("Too many requests", "NetworkException", 429))
            case Error(when="before") | Html(when="before") | TimedOut(order="not_placed"):
                await call.respond(_instead(fault))
            case TimedOut(order="placed_late"):
                self._loop.call_later(fault.late_milliseconds / 1000, self._answer_late, call)
                await call.respond(_instead(fault))
            case Drop(when="before"):
                await _close(call.transport, call.receive, reset=fault.reset)
            case Freeze(when="before"):
                await _until_gone(call.receive)
            case _:
                return False
        return True

    async def _after(self, fault: AnyFault | None, cut: Truncate | None, reply: Reply, call: Call) -> None:
        """Answer a request that took effect."""
        match fault:
            case Error() | Html() | TimedOut():
                await call.respond(_instead(fault))
            case Drop():
                await _close(call.transport, call.receive, reset=fault.reset)
            case Freeze():
                await _until_gone(call.receive)
            case HalfOpen():
                content = _raw(reply)
                call.transport.write(content[: int(len(content) * fault.keep)])
                await _until_gone(call.receive)
            case Drip():
                content = _raw(reply)
                for at in range(0, len(content), fault.bytes):
                    call.transport.write(content[at : at + fault.bytes])
                    await asyncio.sleep(fault.milliseconds / 1000)
                    if call.transport.is_closing():
                        break
                await _close(call.transport, call.receive, gently=True)
            case _ if cut is not None:
                content = _raw(reply)
                head = len(content) - len(reply.body)
                call.transport.write(content[: head + int(len(reply.body) * cut.keep)])
                await _close(call.transport, call.receive, gently=True)
            case _:
                await call.respond(reply)

    def _answer_late(self, call: Call) -> None:
        task = self._loop.create_task(_awaited(call.answer()))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _altered(self, reply: Reply, armed: Armed) -> Reply:
        match armed.fault:
            case ClockSkew(seconds=seconds) if reply.content_type == JSON_TYPE:
                return _with(reply, _skewed(reply.body, seconds))
            case ContentType(value=value):
                return Reply(reply.body, reply.status, (value or "").encode(), reply.headers)
            case Truncate(how="body", keep=keep):
                return _truncated(reply, keep)
            case History() if _succeeded(reply):
                return _with(reply, _spoilt(reply.body, armed.fault, armed))
            case Rewrite() if _succeeded(reply) and reply.content_type == JSON_TYPE:
                return _with(reply, _rewritten(reply.body, armed.fault))
            case LateRow(milliseconds=milliseconds) if _succeeded(reply):
                shown = time.monotonic() + milliseconds / 1000
                self._late_rows.update(dict.fromkeys(_order_ids(reply.body), shown))
        return reply

    def veiled(self, method: str, path: str, reply: Reply) -> Reply:
        """A reply without the orders that are not to be seen yet."""
        now = time.monotonic()
        self._late_rows = {order: shown for order, shown in self._late_rows.items() if shown > now}
        if not self._late_rows or method != "GET" or reply.status != 200:
            return reply
        parts = path.strip("/").split("/")
        if parts in (["orders"], ["trades"]):
            body = msgspec.json.decode(reply.body)
            body["data"] = [row for row in body["data"] if row["order_id"] not in self._late_rows]
            return _with(reply, msgspec.json.encode(body))
        if parts[0] == "orders" and len(parts) > 1 and parts[1] in self._late_rows:
            return _NO_SUCH_ORDER
        return reply

    # Market time

    def beat(self, connections: set[Connection]) -> None:
        """What falls due by itself: tokens that die, sockets that fall silent, recover or break."""
        for _ in self.faults.due():
            self._exchange.auth.revoke_all()
            for connection in connections:
                connection.wake()
        for connection in list(connections):
            self.befall(connection)

    # Sockets

    async def handshake(self, fields: dict[str, str], transport: asyncio.Transport, receive: Receive) -> Error | None:
        """Do to a socket's handshake what befalls it; the error to refuse it with, if any.

        Raises ClientDisconnected, which the server passes over in silence, when the connection is gone.
        """
        for armed in self.faults.for_socket():
            match armed.fault:
                case (Drop(when="before") | Freeze() | Error()) as fault if armed.strikes(fields, self._now()):
                    if isinstance(fault, Error):
                        return fault
                    if isinstance(fault, Drop):
                        await _close(transport, receive, reset=fault.reset)
                    else:
                        await _until_gone(receive)
                    raise ClientDisconnected
        return None

    def befall(self, connection: Connection) -> None:
        """Do to an open socket what befalls it now. Each fault is asked once for each socket."""
        if connection.ghosted_by is not None and not self.faults.holds(connection.ghosted_by):
            connection.ghosted_by = connection.gag = None
        for armed in self.faults.for_socket():
            if armed in connection.asked or isinstance(armed.fault, Freeze | Error):
                continue
            if isinstance(armed.fault, Drop) and armed.fault.when == "before":
                continue
            connection.asked.add(armed)
            if not armed.strikes(connection.fields, self._now()):
                continue
            match armed.fault:
                case Drop(reset=reset):
                    _abort(connection.transport, reset=reset)
                case HalfOpen():
                    connection.gag = _everything
                    connection.transport.set_protocol(_Hole(connection.transport.get_protocol()))
                    connection.transport.resume_reading()
                case Ghost(heartbeats=heartbeats):
                    connection.ghosted_by = armed
                    connection.gag = _all_but_heartbeats if heartbeats else _everything

    # Order updates

    def update(self, text: str, deliver: Callable[[str], None]) -> None:
        """Deliver an order update as its fault has it."""
        data = msgspec.json.decode(text)["data"]
        armed = self.faults.for_update({name: str(value) for name, value in data.items()})
        fault = None if armed is None else armed.fault
        match fault:
            case ReorderUpdate():
                self._hold(lambda: deliver(text), fault.milliseconds / 1000)
                return
            case DelayUpdate():
                self._loop.call_later(fault.milliseconds / 1000, deliver, text)
            case DuplicateUpdate():
                for _ in range(fault.times):
                    deliver(text)
            case LoseUpdate():
                return
            case _:
                deliver(text)
        while self._held:
            self._held.pop(0)()

    def _hold(self, release: Callable[[], None], seconds: float) -> None:
        def late() -> None:
            if release in self._held:
                self._held.remove(release)
                release()

        self._held.append(release)
        self._loop.call_later(seconds, late)

    def _now(self) -> int:
        return self._exchange.clock.now_ns()


class _Hole(asyncio.Protocol):
    """Swallows what comes; tells the former protocol only when the connection is gone."""

    def __init__(self, former: asyncio.BaseProtocol) -> None:
        self._former = former

    def connection_lost(self, exc: Exception | None) -> None:
        self._former.connection_lost(exc)


async def _wait(armed: Armed, when: str) -> None:
    if isinstance(armed.fault, Latency) and armed.fault.when == when:
        await asyncio.sleep(delay_seconds(armed.fault, armed.dice))


async def _awaited(answer: Awaitable[Reply]) -> Reply:
    return await answer


async def _until_gone(receive: Receive) -> None:
    while not (await receive())["type"].endswith("disconnect"):
        pass


async def _close(transport: asyncio.Transport, receive: Receive, *, reset: bool = False, gently: bool = False) -> None:
    """Close the connection and wait until it is gone; gently: after what has been written."""
    if gently:
        transport.close()
    else:
        _abort(transport, reset=reset)
    await _until_gone(receive)


def _abort(transport: asyncio.Transport, *, reset: bool) -> None:
    wire = transport.get_extra_info("socket")
    if reset and wire is not None:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _everything(data: bytes | str) -> bool:
    del data
    return True


def _all_but_heartbeats(data: bytes | str) -> bool:
    return data != HEARTBEAT


def _instead(fault: Error | Html | TimedOut) -> Reply:
    """The reply that stands in for the real one."""
    if isinstance(fault, Html):
        phrase = HTTPStatus(fault.status).phrase if fault.status in set(HTTPStatus) else "Error"
        title = f"{fault.status} {phrase}"
        page = f"<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n"
        return Reply(f"{page}</body>\r\n</html>\r\n".encode(), fault.status, HTML_TYPE)
    return failure(fault.message, fault.error_type, fault.status)


def _raw(reply: Reply) -> bytes:
    """The whole reply as it goes over the wire, the last one on its connection."""
    phrase = HTTPStatus(reply.status).phrase if reply.status in set(HTTPStatus) else "Error"
    lines = [b"HTTP/1.1 %d %s" % (reply.status, phrase.encode()), b"content-length: %d" % len(reply.body)]
    if reply.content_type:
        lines.append(b"content-type: " + reply.content_type)
    lines += [name + b": " + value for name, value in reply.headers]
    return b"\r\n".join([*lines, b"connection: close", b"", reply.body])


def _succeeded(reply: Reply) -> bool:
    return reply.status == 200 and reply.content_type == JSON_TYPE


def _with(reply: Reply, body: bytes) -> Reply:
    return Reply(body, reply.status, reply.content_type, reply.headers)


def _truncated(reply: Reply, keep: float) -> Reply:
    """Cut before compression, so that what arrives unpacks well and ends too early."""
    if (b"content-encoding", b"gzip") not in reply.headers:
        return _with(reply, reply.body[: int(len(reply.body) * keep)])
    plain = gzip.decompress(reply.body)
    return _with(reply, gzip.compress(plain[: int(len(plain) * keep)], 6, mtime=0))


def _skewed(body: bytes, seconds: int) -> bytes:
    """Every quoted timestamp moved; a time of day wraps around midnight."""

    def moved(match: re.Match[bytes]) -> bytes:
        text = match[1].decode()
        form = _FULL if len(text) > 8 else _CLOCK
        try:
            moment = datetime.strptime(text, form) + timedelta(seconds=seconds)  # noqa: DTZ007 - goes back as it came
        except (ValueError, OverflowError):
            return match[0]
        return f'"{moment.strftime(form)}"'.encode()

    return _STAMP.sub(moved, body)


def _rewritten(body: bytes, fault: Rewrite) -> bytes:
    """The reply with what the fault means changed or left out."""

    def meant(value: object) -> bool:
        return isinstance(value, dict) and all(name in value and value[name] == is_ for name, is_ in fault.rows.items())

    def again(value: object) -> object:
        if isinstance(value, list):
            return [again(each) for each in value if not (fault.remove and meant(each))]
        if isinstance(value, dict):
            changed = {name: again(each) for name, each in value.items()}
            return {**changed, **fault.put} if fault.put and meant(value) else changed
        return value

    reply = msgspec.json.decode(body)
    reply["data"] = again(reply["data"])
    return msgspec.json.encode(reply)


def _spoilt(body: bytes, fault: History, armed: Armed) -> bytes:
    """Candles as the fault has them."""
    reply = msgspec.json.decode(body)
    data = reply["data"]
    if not isinstance(data, dict) or "candles" not in data:
        return body
    candles = data["candles"]
    chosen = [armed.dice.random() < fault.share for _ in candles]
    if fault.do == "empty":
        candles = []
    elif fault.do == "gaps":
        candles = [candle for candle, drop in zip(candles, chosen, strict=True) if not drop]
    elif fault.do == "duplicates":
        candles = [copy for candle, twice in zip(candles, chosen, strict=True) for copy in [candle] * (1 + twice)]
    else:
        for at, swap in enumerate(chosen[1:], start=1):
            if swap:
                candles[at - 1], candles[at] = candles[at], candles[at - 1]
    data["candles"] = candles
    return msgspec.json.encode(reply)


def _order_ids(body: bytes) -> list[str]:
    """Ids of the orders that a placement made; none in a reply that is no placement's."""
    data = msgspec.json.decode(body).get("data")
    if not isinstance(data, dict):
        return []
    placed = [data, *data.get("children", [])]
    return [one["order_id"] for one in placed if isinstance(one, dict) and "order_id" in one]
