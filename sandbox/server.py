"""The ASGI application: REST and WebSocket at the root of one port, and the pump that keeps market time flowing.

Plain ASGI rather than a framework: Kite's content types carry no charset, 404 and 405 wear Kite's envelope, form
bodies are read leniently, a refused handshake has a JSON body. A framework would have to be talked out of its own
ideas on each.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn

import msgspec
from msgspec import Struct
from uvicorn.protocols.utils import ClientDisconnected

from sandbox.envelope import JSON_TYPE, Reply, Request, failure, parse_query, plain
from sandbox.exchange import Exchange, Options
from sandbox.fault_plan import Faults
from sandbox.faults import AnyFault
from sandbox.faulty import Call, Mischief
from sandbox.hosted import check_order, check_socket, inner_path
from sandbox.postback import Postbacks, Target
from sandbox.refusal import Refusal
from sandbox.routes import find
from sandbox.routes_alerts import look
from sandbox.routes_faults import control_faults
from sandbox.stream import Connection, Hub
from sandbox.trading_days import NS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_BYTES_MAX = 2_000_000
_BEAT_SECONDS_MIN = 0.01
_BEAT_SECONDS_MAX = 0.25

log = logging.getLogger("sandbox")


class Extras(Struct, frozen=True):
    """What a server does beyond an exchange.

    faults    faults in force from the start; None: faults are not enabled at all
    postback  where order updates are posted to
    hosted    whether it behaves as Zerodha's hosted sandbox does
    """

    faults: tuple[AnyFault, ...] | None = None
    postback: Target | None = None
    hosted: bool = False


class Application:
    """One exchange behind ASGI. Make it inside the event loop that serves it."""

    def __init__(self, options: Options, extras: Extras | None = None) -> None:
        self.hub = Hub()
        self._loop = asyncio.get_running_loop()
        self._clock_changed = asyncio.Event()
        self.exchange = Exchange(options, self._schedule, self._publish)
        extras = extras or Extras()
        self._hosted = extras.hosted
        self.postbacks = None if extras.postback is None else Postbacks(extras.postback)
        self.mischief: Mischief | None = None
        if extras.faults is not None:
            faults = Faults(options.seed, self.exchange.clock.now_ns, extras.faults)
            self.mischief = Mischief(faults, self.exchange)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request or socket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)

    async def pump(self) -> None:
        """Keep the engine and the streams up with the clock; runs until cancelled."""
        while True:
            clock = self.exchange.clock
            try:
                self.exchange.engine.run_to(clock.now_ns())
                look(self.exchange)
            except Exception:
                log.exception("pump")
            if self.mischief is not None:
                self.mischief.beat(self.hub.connections)
            self.hub.beat()
            delay = _BEAT_SECONDS_MAX
            if clock.rate > 0 and not clock.held:
                to_next_second = (NS - clock.now_ns() % NS) / NS / clock.rate
                delay = min(max(to_next_second, _BEAT_SECONDS_MIN), _BEAT_SECONDS_MAX)
            try:
                await asyncio.wait_for(self._clock_changed.wait(), delay)
            except TimeoutError:
                continue
            self._clock_changed.clear()

    # REST

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        try:
            body = await _body(receive)
        except Refusal as refusal:
            await self._respond(send, failure(refusal.message, refusal.error_type, refusal.status))
            return
        if self.mischief is None or path.startswith("/_sandbox/"):
            await self._respond(send, await self._reply(scope, body))
        else:
            call = Call(
                transport=scope["state"]["transport"],
                receive=receive,
                answer=lambda: self._reply(scope, body),
                respond=lambda reply: self._respond(send, reply),
            )
            inner = inner_path(path, only=self._hosted) or path
            struck = self.mischief.faults.for_request(method, inner, _fields(scope, body))
            await self.mischief.serve(struck, call)
        if path == "/_sandbox/clock" and method == "POST":
            self._clock_changed.set()

    async def _reply(self, scope: Scope, body: bytes) -> Reply:
        """Let a request take effect; its reply, whatever becomes of it."""
        try:
            reply = await self._answer(scope, body)
        except Refusal as refusal:
            return failure(refusal.message, refusal.error_type, refusal.status)
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            return failure("Something went wrong.", "GeneralException", 500)
        return reply

    async def _answer(self, scope: Scope, body: bytes) -> Reply:
        """Kite's order of checks: route, token, rate, then the handler's own."""
        method, path = scope["method"], inner_path(scope["path"], only=self._hosted)
        if path is None:
            return failure("Route not found", "GeneralException", 404)
        headers = dict(scope["headers"])
        query = parse_query(scope["query_string"])
        own = self._own_route(path)
        if own is not None:
            return own(Request(method, path, (), query, headers, body))
        route, parts, elsewhere = find(method, path)
        if route is None:
            if elsewhere:
                return failure("Method not allowed.", "GeneralException", 405)
            return failure("Route not found", "GeneralException", 404)
        if route.token:
            self.exchange.auth.check_header(headers.get(b"authorization", b"").decode("latin-1"))
        self.exchange.limits.check(route.bucket)
        request = Request(method, path, parts, query, headers, body)
        if self._hosted:
            check_order(self.exchange, request)
        if route.prepare is not None:
            for _ in route.prepare(self.exchange, request):
                await asyncio.sleep(0)
        reply = route.handler(self.exchange, request)
        return reply if self.mischief is None else self.mischief.veiled(method, path, reply)

    def _own_route(self, path: str) -> Callable[[Request], Reply] | None:
        """Doors of the server itself, beside the exchange's."""
        if self.mischief is not None and path.startswith("/_sandbox/faults"):
            faults = self.mischief.faults
            return lambda request: control_faults(faults, request)
        if self.postbacks is not None and path == "/_sandbox/postbacks":
            counts, pending = self.postbacks.counts, self.postbacks.pending
            return lambda _: plain({**msgspec.to_builtins(counts), "pending": pending})
        return None

    async def _respond(self, send: Send, reply: Reply) -> None:
        """The one place where a REST reply leaves."""
        headers = [(b"content-length", str(len(reply.body)).encode()), *reply.headers]
        if reply.content_type:
            headers.append((b"content-type", reply.content_type))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})

    # WebSocket

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        try:
            query = dict(parse_query(scope["query_string"]))
        except Refusal:
            query = {}
        api_key, token = query.get("api_key", ""), query.get("access_token", "")
        transport = scope["state"]["transport"]
        if self.mischief is not None:
            refusal = await self.mischief.handshake(query, transport, receive)
            if refusal is not None:
                await _deny(send, refusal.status, refusal.message)
        if self._hosted and not check_socket(query):
            await _deny(send, 403, "Authentication failed.")
        if not self.exchange.auth.valid(api_key, token):
            await _deny(send, 403, "Authentication failed.")
        if self.hub.full:
            await _deny(send, 429, "Too many connections.")
        connection = Connection(self.exchange, send, token, api_key, fields=query, transport=transport)
        self.hub.connections.add(connection)
        writer: asyncio.Task[None] | None = None
        try:
            await send({"type": "websocket.accept"})
            if self.mischief is not None:
                self.mischief.befall(connection)
            writer = asyncio.create_task(connection.write())
            while True:
                message = await receive()
                if message["type"] == "websocket.disconnect":
                    return
                text = message.get("text")
                if text is not None:
                    connection.command(text)
        finally:
            self.hub.connections.discard(connection)
            connection.close()
            if writer is not None:
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)

    def _publish(self, text: str) -> None:
        """An order update, to the app's URL and to every socket."""
        if self.postbacks is not None:
            self.postbacks.offer(text)
        if self.mischief is not None:
            self.mischief.update(text, self.hub.publish)
        else:
            self.hub.publish(text)

    def _schedule(self, seconds: float, action: Callable[[], None]) -> None:
        self._loop.call_later(seconds, self._run, action)

    def _run(self, action: Callable[[], None]) -> None:
        try:
            action()
        except Exception:
            log.exception("an order's timer")


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(parts)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > BODY_BYTES_MAX:
            raise Refusal("Request body is too large.")
        parts.append(chunk)
        if not message.get("more_body", False):
            return b"".join(parts)


def _fields(scope: Scope, body: bytes) -> dict[str, str]:
    """Query and form fields of a request, for matching; what is no form gives none."""
    try:
        fields = dict(parse_query(scope["query_string"]))
        if body[:1] not in (b"[", b"{"):
            fields |= dict(parse_query(body))
    except Refusal:
        return {}
    return fields


async def _deny(send: Send, status: int, message: str) -> NoReturn:
    """Refuse a handshake, and be done with the socket.

    Raises ClientDisconnected, which the server passes over in silence: a plain return it would log as a handshake
    that was forgotten.
    """
    body = b'{"status":"error","message":' + msgspec.json.encode(message) + b"}"
    headers = [(b"content-type", JSON_TYPE), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
    raise ClientDisconnected
