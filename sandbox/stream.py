"""The WebSocket side: subscriptions, snapshots, tick frames, heartbeats and order updates (kite-facts 5).

A connection remembers, per instrument, how many prints it has been sent; at each beat it gets every print since, so a
slow reader or a fast clock makes frames longer and loses nothing. Everything leaves through `Connection.send_frame`
and `Connection.send_text`, one place each.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

import msgspec
from uvicorn.protocols.utils import ClientDisconnected

from sandbox.exchange import Exchange
from sandbox.fault_plan import Armed
from sandbox.instruments import Instrument
from sandbox.wire import HEARTBEAT, PACKETS_PER_FRAME_MAX, Mode, error_text, frame

CONNECTIONS_MAX = 3
TOKENS_MAX = 3000
HEARTBEAT_SECONDS = 1.0
_TEXTS_KEPT = 20_000
_TURN_SECONDS = 0.004
_FRAME_SECONDS = 0.2
_FRESH = -1

Send = Callable[[dict[str, object]], Awaitable[None]]

log = logging.getLogger("sandbox")

_decode = msgspec.json.Decoder().decode


class Connection:
    """One client's socket."""

    def __init__(
        self,
        exchange: Exchange,
        send: Send,
        access_token: str,
        api_key: str,
        *,
        fields: dict[str, str],
        transport: asyncio.Transport,
    ) -> None:
        self.access_token = access_token
        self.fields = fields
        self.transport = transport
        self.gag: Callable[[bytes | str], bool] | None = None
        """What a fault swallows of that which would leave."""
        self.asked: set[Armed] = set()
        self.ghosted_by: Armed | None = None
        self._api_key = api_key
        self._exchange = exchange
        self._send = send
        self._modes: dict[Instrument, Mode] = {}
        self._sent: dict[Instrument, int] = {}
        self._day = exchange.engine.day
        self._texts: deque[str] = deque()
        self._wake = asyncio.Event()
        self._last_sent = time.monotonic()
        self._closed = False

    def wake(self) -> None:
        """Look for something to send."""
        self._wake.set()

    def push_text(self, text: str) -> None:
        """Queue a text frame; one that never reads loses the oldest beyond 20,000."""
        self._texts.append(text)
        while len(self._texts) > _TEXTS_KEPT:
            self._texts.popleft()
        self._wake.set()

    def close(self) -> None:
        """End the writer at its next turn."""
        self._closed = True
        self._wake.set()

    async def write(self) -> None:
        """Send what there is until the connection ends; a fault of ours is logged and closes it."""
        try:
            await self._write()
        except ClientDisconnected:
            return  # the client is gone, and nobody is left to tell
        except Exception:
            log.exception("a stream")
            await self._send({"type": "websocket.close", "code": 1011, "reason": "internal error"})

    async def _write(self) -> None:
        while not self._closed:
            await self._wake.wait()
            self._wake.clear()
            if not self._exchange.auth.valid(self._api_key, self.access_token):
                await self._send({"type": "websocket.close", "code": 1000, "reason": "session ended"})
                return
            while self._texts:
                await self.send_text(self._texts.popleft())
            await self._send_ticks()
            if time.monotonic() - self._last_sent >= HEARTBEAT_SECONDS:
                await self.send_frame(HEARTBEAT)

    async def send_frame(self, data: bytes) -> None:
        """The one place where a binary frame leaves."""
        if self.gag is not None and self.gag(data):
            return
        self._last_sent = time.monotonic()
        await self._send({"type": "websocket.send", "bytes": data})

    async def send_text(self, text: str) -> None:
        """The one place where a text frame leaves."""
        if self.gag is not None and self.gag(text):
            return
        self._last_sent = time.monotonic()
        await self._send({"type": "websocket.send", "text": text})

    def command(self, text: str) -> None:
        """Obey a client's text frame; what cannot be understood is answered with an error text."""
        try:
            message = _decode(text)
        except (msgspec.DecodeError, RecursionError):
            self.push_text(error_text("Invalid JSON"))
            return
        action = message.get("a") if isinstance(message, dict) else None
        value = message.get("v") if isinstance(message, dict) else None
        if action == "subscribe" and isinstance(value, list):
            self._subscribe(value, None)
        elif action == "unsubscribe" and isinstance(value, list):
            for instrument in self._known(value):
                self._modes.pop(instrument, None)
                self._sent.pop(instrument, None)
        elif (
            action == "mode"
            and isinstance(value, list)
            and len(value) == 2
            and value[0] in ("ltp", "quote", "full")
            and isinstance(value[1], list)
        ):
            self._subscribe(value[1], value[0])
        else:
            self.push_text(error_text("Unknown action or malformed message"))
        self._wake.set()

    def _known(self, tokens: list[object]) -> list[Instrument]:
        by_token = self._exchange.universe.by_token
        known = (by_token.get(token) for token in tokens if isinstance(token, int))
        return [instrument for instrument in known if instrument is not None]

    def _subscribe(self, tokens: list[object], mode: Mode | None) -> None:
        """Subscribe, or set the mode (which subscribes too); the last print of each follows at once."""
        for instrument in self._known(tokens):
            if instrument not in self._modes and len(self._modes) >= TOKENS_MAX:
                self.push_text(
                    error_text(f"Subscription limit exceeded: at most {TOKENS_MAX} instruments per connection")
                )
                return
            fresh = instrument not in self._modes
            wanted = mode or self._modes.get(instrument, "quote")
            if fresh:
                self._sent[instrument] = _FRESH
            elif mode is not None and self._sent[instrument] != _FRESH:
                self._sent[instrument] = max(self._sent[instrument] - 1, 0)
            self._modes[instrument] = wanted

    async def _send_ticks(self) -> None:
        engine = self._exchange.engine
        if engine.day != self._day:
            self._day = engine.day
            self._sent = dict.fromkeys(self._modes, 0)
        now = self._exchange.clock.now_ns()
        parts: list[bytes] = []
        count = 0
        began = framed = time.monotonic()
        for instrument, mode in list(self._modes.items()):
            if time.monotonic() - began > _TURN_SECONDS:
                # Thousands of fresh subscriptions take seconds to draw: others have their turn in between.
                if count and time.monotonic() - framed > _FRAME_SECONDS:
                    await self.send_frame(frame(count, parts))
                    parts, count = [], 0
                    framed = time.monotonic()
                await asyncio.sleep(0)
                began = time.monotonic()
                if engine.day != self._day:
                    self._wake.set()
                    return
            if instrument not in self._modes:
                continue
            tape = engine.tape(instrument)
            printed = tape.printed(now)
            sent = self._sent[instrument]
            if sent == _FRESH:
                sent = self._sent[instrument] = max(printed - 1, 0)
            while sent < printed:
                stop = min(printed, sent + PACKETS_PER_FRAME_MAX - count)
                parts += engine.chunks.packets(tape, mode, sent, stop)
                count += stop - sent
                sent = stop
                self._sent[instrument] = sent
                if count >= PACKETS_PER_FRAME_MAX:
                    await self.send_frame(frame(count, parts))
                    parts, count = [], 0
                    if instrument not in self._modes:
                        break
        if count:
            await self.send_frame(frame(count, parts))


class Hub:
    """All connections of the account."""

    def __init__(self) -> None:
        self.connections: set[Connection] = set()

    def publish(self, text: str) -> None:
        """The one place where an order update leaves, to every connection."""
        for connection in self.connections:
            connection.push_text(text)

    def beat(self) -> None:
        """Let every connection send what has come up."""
        for connection in self.connections:
            connection.wake()

    @property
    def full(self) -> bool:
        """Whether no further connection is allowed."""
        return len(self.connections) >= CONNECTIONS_MAX
