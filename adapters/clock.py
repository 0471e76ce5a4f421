"""The clocks that are handed in: the wall as market time, the sandbox's market time, and monotonic time.

Market time may run fast, or stand still, in the sandbox; monotonic time never does. Each timer names its clock.
"""

from __future__ import annotations

import datetime as dt
import math
import threading
import time
from http.client import HTTPConnection, HTTPException
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from domain.errors import BrokerUnavailable
from domain.ports import Clock
from domain.values import SECOND, Nanos, ist

CONTROL_TIMEOUT_SECONDS: Final = 5.0
"""A sandbox on loopback answers in a millisecond; this is for one that hangs."""

_SAMPLES: Final = 3
"""Readings per refresh; the one with the shortest round trip is kept."""


class MarketTime(Clock, Protocol):
    """A market clock that also knows how fast it runs."""

    @property
    def rate(self) -> float:
        """Market seconds per wall second; 0 while it is held."""
        ...

    def wall_seconds_until(self, instant: Nanos) -> float:
        """Wall seconds until the market clock reads `instant`: 0 if it has, infinity while the clock is held."""
        ...


class MonotonicClock:
    """Nanoseconds since an arbitrary start, never backwards, never fast: time-outs, pacing, heartbeats."""

    def now_ns(self) -> Nanos:
        """Nanoseconds since the machine's arbitrary start."""
        return time.monotonic_ns()


class SystemMarketClock:
    """Market time is the wall's: live and paper trading."""

    rate: Final = 1.0

    def now_ns(self) -> Nanos:
        """Nanoseconds since 1970 UTC."""
        return time.time_ns()

    @property
    def date(self) -> dt.date:
        """Today in India."""
        return ist(self.now_ns()).date()

    def wall_seconds_until(self, instant: Nanos) -> float:
        """Wall seconds until `instant`, 0 if it has passed."""
        return max(0.0, (instant - self.now_ns()) / SECOND)


class _Reading(Struct):
    """What `GET /_sandbox/clock` says."""

    now_ns: int
    rate: float
    held: bool = False


class _Life(Struct):
    """What `GET /_sandbox/clock` says of the sandbox itself."""

    instance: str


class _Anchor(Struct, frozen=True):
    """Market time was `market_ns` when the monotonic clock read `mono_ns`, and runs at `rate` since."""

    market_ns: Nanos
    mono_ns: Nanos
    rate: float


class SandboxControl:
    """The sandbox's control routes (`/_sandbox/...`), over loopback. Raises BrokerUnavailable where it is silent."""

    def __init__(self, rest_url: str) -> None:
        address = urlsplit(rest_url)
        if address.scheme != "http" or not address.hostname:
            raise ValueError(f"{rest_url} is not the http address of a local sandbox")
        self._host, self._port = address.hostname, address.port or 80

    def books(self) -> dict[str, object]:
        """The sandbox's own ledger, as it states it (rupees)."""
        found = msgspec.json.decode(self._call("GET", "/_sandbox/books"))
        if not isinstance(found, dict):
            raise BrokerUnavailable("the sandbox's books are not a table")
        return found

    def release(self) -> None:
        """Let a held clock run."""
        self._set(release=True)

    def hold(self) -> None:
        """Stop the clock where it is."""
        self._set(hold=True)

    def set_rate(self, rate: float) -> None:
        """Market seconds per wall second from now on."""
        self._set(rate=rate)

    def advance(self, seconds: float) -> None:
        """Put a clock that is held forward; what falls due meanwhile happens, in its order."""
        self._set(advance_seconds=seconds)

    def instance(self) -> str:
        """Names this life of the sandbox: another one knows nothing of its orders. Raises BrokerUnavailable."""
        try:
            return msgspec.json.decode(self.clock(), type=_Life).instance
        except msgspec.MsgspecError as error:
            raise BrokerUnavailable("the sandbox's clock is not readable") from error

    def clock(self) -> bytes:
        """The clock's state as JSON."""
        return self._call("GET", "/_sandbox/clock")

    def _set(self, **change: bool | float) -> None:
        self._call("POST", "/_sandbox/clock", msgspec.json.encode(change))

    def _call(self, method: str, path: str, body: bytes | None = None) -> bytes:
        connection = HTTPConnection(self._host, self._port, timeout=CONTROL_TIMEOUT_SECONDS)
        try:
            headers = {"Content-Type": "application/json"} if body else {}
            connection.request(method, path, body, headers)
            reply = connection.getresponse()
            content = reply.read()
        except (OSError, HTTPException) as error:
            raise BrokerUnavailable(f"the sandbox did not answer {path}: {type(error).__name__}") from error
        finally:
            connection.close()
        if reply.status != 200:
            raise BrokerUnavailable(f"the sandbox answered {path} with HTTP {reply.status}")
        return content


class SandboxMarketClock:
    """Follows the sandbox's market time: anchored at `refresh()`, then carried by the monotonic clock.

    Both programs read the same machine's monotonic clock, so it drifts only when someone changes the sandbox's rate:
    call `refresh()` after a release, a hold or a change of rate. It never runs backwards: after a refresh that reads
    earlier (half a round trip, times the rate) it stands still until time has caught up.
    """

    def __init__(self, rest_url: str, monotonic: Clock) -> None:
        self._control = SandboxControl(rest_url)
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._latest: Nanos = 0
        self._anchor = _Anchor(0, 0, 0.0)
        self.refresh()

    def refresh(self) -> None:
        """Read the sandbox's clock again. Raises BrokerUnavailable."""
        self._anchor = min((self._sample() for _ in range(_SAMPLES)), key=lambda found: found[0])[1]

    def now_ns(self) -> Nanos:
        """Market time, nanoseconds since 1970 UTC."""
        anchor = self._anchor
        now = anchor.market_ns + int((self._monotonic.now_ns() - anchor.mono_ns) * anchor.rate)
        with self._lock:
            self._latest = now = max(now, self._latest)
        return now

    @property
    def rate(self) -> float:
        """Market seconds per wall second; 0 while held."""
        return self._anchor.rate

    @property
    def date(self) -> dt.date:
        """The market's day in India."""
        return ist(self.now_ns()).date()

    def wall_seconds_until(self, instant: Nanos) -> float:
        """Wall seconds until market time reaches `instant`: 0 if it has, infinity while held."""
        remaining = instant - self.now_ns()
        if remaining <= 0:
            return 0.0
        rate = self._anchor.rate
        return remaining / SECOND / rate if rate > 0 else math.inf

    def _sample(self) -> tuple[Nanos, _Anchor]:
        before = self._monotonic.now_ns()
        content = self._control.clock()
        after = self._monotonic.now_ns()
        try:
            reading = msgspec.json.decode(content, type=_Reading)
        except msgspec.MsgspecError as error:
            raise BrokerUnavailable("the sandbox's clock is not readable") from error
        rate = 0.0 if reading.held else reading.rate
        return after - before, _Anchor(reading.now_ns, (before + after) // 2, rate)
