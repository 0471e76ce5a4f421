"""The real feed with the paper exchange behind it: ticks go to both, order updates come from the exchange alone.

The real account's own order updates (someone trades it by hand, say) are held back: those orders are not paper's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from adapters.paper.exchange import PaperExchange
from domain.messages.broker import BrokerOrder
from domain.ports import Clock, FeedListener, FeedPort
from domain.ticks import TickRows
from domain.values import Nanos


class _Update(Struct, tag_field="type", tag="paper"):
    """How a paper order update travels to the feed's listener, which knows texts only."""

    data: BrokerOrder


class _Kind(Struct):
    type: str = ""


_updates: Final = msgspec.json.Decoder(_Update)
_kind: Final = msgspec.json.Decoder(_Kind)
_encoder: Final = msgspec.json.Encoder()
_MARK: Final = b'{"type":"paper"'


class PaperFeed:
    """`domain.ports.FeedPort` around another.

    tells_orders  whether the exchange's order updates come this way: of several sockets, one does
    """

    def __init__(self, inner: FeedPort, exchange: PaperExchange, clock: Clock, *, tells_orders: bool = True) -> None:
        self._inner = inner
        self._exchange = exchange
        self._clock = clock
        self._heard: tuple[int, FeedListener] | None = None
        if tells_orders:
            exchange.listen(self._on_order)

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """See FeedPort.connect."""
        self._heard = (epoch, listener)
        self._inner.connect(epoch, _Screen(listener))

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """See FeedPort.subscribe. Always full: orders are matched on the depth."""
        self._inner.subscribe(epoch, tokens, "full")

    def disconnect(self, epoch: int) -> None:
        """See FeedPort.disconnect. Order updates go on: the exchange is on this machine."""
        self._inner.disconnect(epoch)

    def decode(self, payload: bytes) -> TickRows:
        """See FeedPort.decode; the exchange sees the rows before the strategies do."""
        rows = self._inner.decode(payload)
        self._exchange.on_ticks(rows)
        return rows

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """See FeedPort.decode_text."""
        if payload.startswith(_MARK):
            return _updates.decode(payload).data
        return self._inner.decode_text(payload)

    def close(self) -> None:
        """See FeedPort.close."""
        self._inner.close()

    def _on_order(self, order: BrokerOrder) -> None:
        if self._heard is not None:
            epoch, listener = self._heard
            listener.text(epoch, _encoder.encode(_Update(order)), self._clock.now_ns())


class _Screen:
    """Passes on what the real socket says, but for order updates."""

    def __init__(self, listener: FeedListener) -> None:
        self._listener = listener

    def connected(self, epoch: int) -> None:
        self._listener.connected(epoch)

    def frame(self, epoch: int, payload: bytes, received_ns: Nanos) -> None:
        self._listener.frame(epoch, payload, received_ns)

    def text(self, epoch: int, payload: bytes, received_ns: Nanos) -> None:
        try:
            of_an_order = _kind.decode(payload).type in ("order", "paper")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            of_an_order = False
        # A frame of any text still proves that the socket lives.
        self._listener.text(epoch, b"{}" if of_an_order else payload, received_ns)

    def disconnected(self, epoch: int, reason: str, login_needed: bool) -> None:
        self._listener.disconnected(epoch, reason, login_needed)
