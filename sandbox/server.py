"""The ASGI application: REST and WebSocket at the root of one port, and the pump that keeps market time flowing.

Plain ASGI rather than a framework: Kite's content types carry no charset, 404 and 405 wear Kite's envelope, form
bodies are read leniently, a refused handshake has a JSON body. A framework would have to be talked out of its own
ideas on each.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sandbox.envelope import JSON_TYPE, Reply, Request, failure, parse_query
from sandbox.exchange import Exchange, Options
from sandbox.refusal import Refusal
from sandbox.routes import find
from sandbox.stream import Connection, Hub
from sandbox.trading_days import NS

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

BODY_BYTES_MAX = 2_000_000
_BEAT_SECONDS_MIN = 0.01
_BEAT_SECONDS_MAX = 0.25

log = logging.getLogger("sandbox")


class Application:
    """One exchange behind ASGI. Make it inside the event loop that serves it."""

    def __init__(self, options: Options) -> None:
        self.hub = Hub()
        self._loop = asyncio.get_running_loop()
        self._clock_changed = asyncio.Event()
        self.exchange = Exchange(options, self._schedule, self.hub.publish)

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
            except Exception:
                log.exception("pump")
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
        try:
            body = await _body(receive)
            reply = await self._answer(scope, body)
        except Refusal as refusal:
            reply = failure(refusal.message, refusal.error_type, refusal.status)
        except Exception:
            log.exception("%s %s", scope["method"], scope["path"])
            reply = failure("Something went wrong.", "GeneralException", 500)
        if scope["path"] == "/_sandbox/clock" and scope["method"] == "POST":
            self._clock_changed.set()
        await self._respond(send, reply)

    async def _answer(self, scope: Scope, body: bytes) -> Reply:
        """Kite's order of checks: route, token, rate, then the handler's own."""
        method, path = scope["method"], scope["path"]
        route, parts, elsewhere = find(method, path)
        if route is None:
            if elsewhere:
                return failure("Method not allowed.", "GeneralException", 405)
            return failure("Route not found", "GeneralException", 404)
        headers = dict(scope["headers"])
        if route.token:
            self.exchange.auth.check_header(headers.get(b"authorization", b"").decode("latin-1"))
        self.exchange.limits.check(route.bucket)
        query = parse_query(scope["query_string"])
        request = Request(method, path, parts, query, headers, body)
        if route.prepare is not None:
            for _ in route.prepare(self.exchange, request):
                await asyncio.sleep(0)
        return route.handler(self.exchange, request)

    async def _respond(self, send: Send, reply: Reply) -> None:
        """The one place where a REST reply leaves."""
        headers = [
            (b"content-type", reply.content_type),
            (b"content-length", str(len(reply.body)).encode()),
            *reply.headers,
        ]
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
        if not self.exchange.auth.valid(api_key, token):
            await _deny(send, 403, b'{"status":"error","message":"Authentication failed."}')
            return
        if self.hub.full:
            await _deny(send, 429, b'{"status":"error","message":"Too many connections."}')
            return
        connection = Connection(self.exchange, send, token, api_key)
        self.hub.connections.add(connection)
        writer: asyncio.Task[None] | None = None
        try:
            await send({"type": "websocket.accept"})
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


async def _deny(send: Send, status: int, body: bytes) -> None:
    headers = [(b"content-type", JSON_TYPE), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})
