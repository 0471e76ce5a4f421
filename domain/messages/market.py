"""Feed to market data to strategies, risk gate and portfolio."""

from __future__ import annotations

from msgspec import Struct

from domain.bars import Bar
from domain.ticks import TickRows
from domain.values import E4, Nanos


class FeedConnected(Struct, frozen=True, tag=True):
    """Event: a fresh socket is open and subscribed.

    feed  the name of the feed whose socket it is
    """

    epoch: int
    received_time: Nanos
    feed: str = ""


class FeedDisconnected(Struct, frozen=True, tag=True):
    """Event: the socket is gone; retried with back-off."""

    epoch: int
    reason: str
    login_needed: bool
    received_time: Nanos
    feed: str = ""


class LinkOpened(Struct, frozen=True, tag=True):
    """Event, reactor thread to feed: the socket of this epoch is open."""

    epoch: int


class LinkClosed(Struct, frozen=True, tag=True):
    """Event, reactor thread to feed: the socket of this epoch is gone, or never opened."""

    epoch: int
    reason: str
    login_needed: bool


class FrameReceived(Struct, frozen=True, tag=True):
    """Event, reactor thread to feed: one raw frame."""

    epoch: int
    payload: bytes
    received_time: Nanos


class TextReceived(Struct, frozen=True, tag=True):
    """Event, reactor thread to feed: one text frame that is not an order update."""

    epoch: int
    payload: bytes
    received_time: Nanos


class TickBatch(Struct, frozen=True, tag=True):
    """Event, feed to market data: one decoded frame. received_time is market time."""

    epoch: int
    rows: TickRows
    received_time: Nanos


class PriceChanged(Struct, frozen=True, tag=True, gc=False):
    """The newest price of one instrument: what a strategy is told, conflated per instrument.

    bid, ask  best prices, 0 where the mode carries none
    """

    token: int
    last_price: E4
    bid: E4
    ask: E4
    volume: int
    event_time: Nanos
    received_time: Nanos


class PricesChanged(Struct, frozen=True, tag=True):
    """Event, market data to strategies, risk gate, portfolio: the newest prices of a frame, to each receiver of its own
    instruments, by token. One that waits takes the place of those before it, and keeps what they say of others.
    """

    prices: dict[int, PriceChanged]

    def after(self, older: PricesChanged) -> PricesChanged:
        """The newest of both, in the order in which the instruments first moved."""
        return PricesChanged({**older.prices, **self.prices})


class BarsClosed(Struct, frozen=True, tag=True):
    """Event, market data to strategies: the bars that ended together, to each receiver of its own instruments; those of
    a series in order. Never conflated.
    """

    bars: tuple[Bar, ...]
    received_time: Nanos


class BarsBackfilled(Struct, frozen=True, tag=True):
    """Event, market data to strategies: history for a seam (warm-up, gap), oldest first; indicators only."""

    token: int
    interval_seconds: int
    bars: tuple[Bar, ...]


class HistoryLoaded(Struct, frozen=True, tag=True):
    """Event, history worker to market data. `error` is empty when it worked."""

    token: int
    interval_seconds: int
    start: Nanos
    bars: tuple[Bar, ...]
    error: str = ""


class LoadHistory(Struct, frozen=True, tag=True):
    """Command, market data to history worker: bars with start in [start, end)."""

    token: int
    interval_seconds: int
    start: Nanos
    end: Nanos


class Subscribe(Struct, frozen=True, tag=True):
    """Command, to feed: the whole table of tokens by mode (replaces the former one)."""

    tokens: tuple[int, ...]
    mode: str


class DropFeed(Struct, frozen=True, tag=True):
    """Command, to feed: drop the connection as a drill."""

    why: str
