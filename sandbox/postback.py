"""Postbacks: order updates posted to the app's own URL (kite-facts 6), beside the exchange and never in its way.

Kite leaves retries undocumented; ours: three attempts, half a second and then two seconds apart, when there was no
connection, no answer in time, or a 429 or 5xx. First attempts go out in order, one at a time; what is tried again may
be overtaken. Beyond 10,000 waiting, the oldest are dropped and counted.
"""

import asyncio
import logging
import ssl
from collections import deque
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from sandbox.auth import USER_ID

STATUSES = frozenset({"COMPLETE", "CANCELLED", "REJECTED", "UPDATE"})
RETRY_SECONDS = (0.5, 2.0)
ATTEMPT_SECONDS = 5.0
WAITING_MAX = 10_000

log = logging.getLogger("sandbox")


class _Update(Struct):
    data: msgspec.Raw


class _Data(Struct):
    status: str
    placed_by: str


_decode_update = msgspec.json.Decoder(_Update).decode
_decode_data = msgspec.json.Decoder(_Data).decode


class Target(Struct, frozen=True):
    """Where postbacks go."""

    host: str
    port: int
    secure: bool
    path: str
    authority: str


def parse_url(url: str) -> Target:
    """A target from `http://host[:port]/path` or https. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError(f"http://host[:port]/path, found {url!r}")
    if not url.isascii() or any(letter <= " " for letter in url):
        raise ValueError(f"ASCII without spaces, found {url!r}")
    secure = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(parts.hostname, parts.port or (443 if secure else 80), secure, path, parts.netloc)


class Counts(Struct):
    """What became of the postbacks so far."""

    sent: int = 0
    retried: int = 0
    failed: int = 0
    dropped: int = 0


class Postbacks:
    """Posts what it is given to one URL. `run` does the work until it is cancelled."""

    def __init__(self, target: Target) -> None:
        self.counts = Counts()
        self._target = target
        self._waiting: deque[bytes] = deque()
        self._on_the_way = 0
        self._wake = asyncio.Event()
        self._retries: set[asyncio.Task[None]] = set()

    @property
    def pending(self) -> int:
        """Postbacks neither delivered nor given up yet."""
        return len(self._waiting) + self._on_the_way + len(self._retries)

    def offer(self, text: str) -> None:
        """Queue the postback of an order update, if its status has one and the app placed the order; never waits."""
        body = bytes(_decode_update(text).data)
        data = _decode_data(body)
        if data.status not in STATUSES or data.placed_by != USER_ID:
            return
        self._waiting.append(body)
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self.counts.dropped += 1
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._waiting:
                    body = self._waiting.popleft()
                    self._on_the_way = 1
                    if not await self._delivered(body):
                        task = asyncio.create_task(self._retry(body))
                        self._retries.add(task)
                        task.add_done_callback(self._retries.discard)
                    self._on_the_way = 0
        finally:
            for task in self._retries:
                task.cancel()

    async def _retry(self, body: bytes) -> None:
        for seconds in RETRY_SECONDS:
            await asyncio.sleep(seconds)
            self.counts.retried += 1
            if await self._delivered(body):
                return
        self.counts.failed += 1
        log.warning("a postback was given up after %d attempts", 1 + len(RETRY_SECONDS))

    async def _delivered(self, body: bytes) -> bool:
        """Whether this is settled: taken, or refused for good (4xx other than 429)."""
        try:
            async with asyncio.timeout(ATTEMPT_SECONDS):
                status = await self._post(body)
        except (OSError, ValueError, EOFError) as error:
            log.info("postback: %s", type(error).__name__)
            return False
        if status == 429 or status >= 500:
            return False
        if status >= 400:
            self.counts.failed += 1
            log.warning("a postback was refused with %d", status)
        else:
            self.counts.sent += 1
        return True

    async def _post(self, body: bytes) -> int:
        """One attempt; the status of the answer."""
        target = self._target
        context = ssl.create_default_context() if target.secure else None
        reader, writer = await asyncio.open_connection(target.host, target.port, ssl=context)
        try:
            head = [
                f"POST {target.path} HTTP/1.1",
                f"Host: {target.authority}",
                "Content-Type: application/json",
                f"Content-Length: {len(body)}",
                "User-Agent: kite-sandbox",
                "Connection: close",
                "",
                "",
            ]
            writer.write("\r\n".join(head).encode() + body)
            await writer.drain()
            line = await reader.readline()
            version, status = line.split(None, 2)[:2]
            if not version.startswith(b"HTTP/"):
                raise ValueError("no HTTP")
            return int(status)
        finally:
            writer.close()
