"""The ticker's socket with everything that can become of one. Implements `domain.ports.FeedPort`.

What the network delivers is queued for one strand of the process, as the reactor's thread is; a dead process hears
nothing. A connection may be refused, hang, stall (heartbeats alone), freeze (nothing at all), drip (frames come late),
break, or go on as a ghost after it was closed; order updates may be lost, doubled and overtake each other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import numpy as np
from msgspec import Struct

from adapters.simulated.exchange import Exchange
from adapters.simulated.market import OurClock
from adapters.simulated.seam import Process, Time, Weather
from domain.messages.broker import BrokerOrder
from domain.ports import FeedListener
from domain.ticks import TICK_DTYPE, TickRows
from domain.values import SECOND, Nanos

_HEARTBEAT: Final = b"\x00"
FRAME_SECONDS: Final = 1.0


class _Link(Struct, eq=False):
    """One connection. until_ns: the virtual time until which `mood` lasts."""

    epoch: int
    listener: FeedListener
    open: bool = False
    over: bool = False
    mood: str = ""
    until_ns: int = 0


class SimFeed:
    """See the module. One per process."""

    def __init__(self, time: Time, process: Process, exchange: Exchange, clock: OurClock, weather: Weather) -> None:
        self._time = time
        self._process = process
        self._exchange = exchange
        self._clock = clock
        self._weather = weather
        self._link: _Link | None = None
        self._texts: dict[bytes, BrokerOrder] = {}
        self._queue: deque[Callable[[], None]] = deque()
        self._wake = process.event()
        self._running = False
        exchange.listen(self._order_changed)

    # -- the port ----------------------------------------------------------------------------------------------------

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """See FeedPort.connect."""
        self._drop()
        link = self._link = _Link(epoch, listener)
        if self._weather.strikes("connect_hangs"):
            return
        refused = self._weather.strikes("connect_refused")
        self._later(0.05, 0.4, partial(self._refused if refused else self._opened, link))

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """See FeedPort.subscribe: everything is, always."""

    def disconnect(self, epoch: int) -> None:
        """See FeedPort.disconnect."""
        if self._link is not None and self._link.epoch == epoch:
            self._drop()

    def decode(self, payload: bytes) -> TickRows:
        """See FeedPort.decode."""
        return np.frombuffer(payload, TICK_DTYPE)

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """See FeedPort.decode_text."""
        return self._texts.get(payload)

    def close(self) -> None:
        """See FeedPort.close."""
        self._drop()
        self._exchange.leave(self._order_changed)

    # -- the connection ----------------------------------------------------------------------------------------------

    def _drop(self) -> None:
        link, self._link = self._link, None
        if link is not None and not self._weather.strikes("ghost"):
            link.over = True

    def _refused(self, link: _Link) -> None:
        if not link.over:
            link.over = True
            self._tell(partial(link.listener.disconnected, link.epoch, "connection refused", False))

    def _opened(self, link: _Link) -> None:
        if link.over or self._process.dead:
            return
        link.open = True
        self._tell(partial(link.listener.connected, link.epoch))
        self._time.after(FRAME_SECONDS * self._weather.random.random(), partial(self._beat, link))

    def _beat(self, link: _Link) -> None:
        """Once a second: whatever this connection brings."""
        if link.over or self._process.dead:
            if self._process.dead:
                self._exchange.leave(self._order_changed)
            return
        if self._link is not link and self._weather.random.random() < 0.2:
            link.over = True  # a ghost fades
        if self._weather.strikes("link_breaks"):
            link.over = True
            self._tell(partial(link.listener.disconnected, link.epoch, "connection reset by peer", False))
            return
        self._change_mood(link)
        if link.mood != "frozen":
            late = 4.0 * self._weather.random.random() if link.mood == "drip" else 0.0
            payload = _HEARTBEAT if link.mood == "stall" else self._frame()
            self._later(late, late, partial(self._frame_comes, link, payload))
        self._time.after(FRAME_SECONDS, partial(self._beat, link))

    def _change_mood(self, link: _Link) -> None:
        if link.until_ns > self._time.now:
            return
        link.mood = ""
        for fault, mood in (("feed_stall", "stall"), ("frozen_peer", "frozen"), ("slow_drip", "drip")):
            if self._weather.strikes(fault):
                link.mood = mood
                link.until_ns = self._time.now + int((3 + 12 * self._weather.random.random()) * SECOND)

    def _frame(self) -> bytes:
        return self._exchange.tape.rows(self._exchange.clock.now_ns() // SECOND).tobytes()

    def _frame_comes(self, link: _Link, payload: bytes) -> None:
        received: Nanos = self._clock.now_ns()
        self._tell(partial(link.listener.frame, link.epoch, payload, received))

    # -- order updates -----------------------------------------------------------------------------------------------

    def _order_changed(self, row: BrokerOrder) -> None:
        link = self._link
        if link is None or not link.open or link.over or link.mood == "frozen" or self._process.dead:
            return
        if self._weather.strikes("update_lost"):
            return
        payload = f"{len(self._texts)}".encode()
        self._texts[payload] = row
        times = 2 if self._weather.strikes("update_doubled") else 1
        for _ in range(times):
            most = 3.0 if self._weather.strikes("update_overtaken") else 0.02
            self._later(0.001, most, partial(self._text_comes, link, payload))

    def _text_comes(self, link: _Link, payload: bytes) -> None:
        self._tell(partial(link.listener.text, link.epoch, payload, self._clock.now_ns()))

    # -- the reactor's strand ----------------------------------------------------------------------------------------

    def _later(self, least: float, most: float, call: Callable[[], None]) -> None:
        self._time.after(least + (most - least) * self._weather.random.random(), call)

    def _tell(self, call: Callable[[], None]) -> None:
        if self._process.dead:
            return
        self._queue.append(call)
        if not self._running:
            self._running = True
            self._process.spawn("reactor", self._react)
        self._wake.set()

    def _react(self) -> None:
        while True:
            while self._queue:
                self._queue.popleft()()
            self._wake.clear()
            self._wake.wait()
