"""A further socket of the same account: prices as any, order updates not.

The broker tells every socket of an app of every order; they are taken from the first alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from domain.messages.broker import BrokerOrder
from domain.ports import FeedListener, FeedPort
from domain.ticks import TickRows


class SecondFeed:
    """`domain.ports.FeedPort` around another, deaf to order updates."""

    def __init__(self, inner: FeedPort) -> None:
        self._inner = inner

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """See FeedPort.connect."""
        self._inner.connect(epoch, listener)

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """See FeedPort.subscribe."""
        self._inner.subscribe(epoch, tokens, mode)

    def disconnect(self, epoch: int) -> None:
        """See FeedPort.disconnect."""
        self._inner.disconnect(epoch)

    def decode(self, payload: bytes) -> TickRows:
        """See FeedPort.decode."""
        return self._inner.decode(payload)

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """The broker's words; None for an order update."""
        decoded = self._inner.decode_text(payload)
        return None if isinstance(decoded, BrokerOrder) else decoded

    def close(self) -> None:
        """See FeedPort.close."""
        self._inner.close()
