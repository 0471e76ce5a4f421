"""Frames of full-mode packets as the broker's socket sends them, changed in place: making one costs next to nothing."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL: Final = 184
_PACKET: Final = np.dtype(
    {
        "names": ["length", "token", "price", "quantity", "volume", "traded", "exchange"],
        "formats": [">u2", ">u4", ">u4", ">u4", ">u4", ">u4", ">u4"],
        "offsets": [0, 2, 6, 10, 18, 46, 62],
        "itemsize": FULL + 2,
    }
)
"""Where kite-facts 5 has the fields, behind each packet's own length."""


class Frame:
    """One packet for each token, in order.

    Prices are in paise; the depth's five bids and asks stand around the first price.
    """

    def __init__(self, tokens: Sequence[int], price: int) -> None:
        packets = b"".join(_packet(token, price) for token in tokens)
        self._bytes = bytearray(struct.pack(">H", len(tokens)) + packets)
        self._rows: NDArray[Any] = np.frombuffer(self._bytes, dtype=_PACKET, offset=2)

    def at(self, second: int, price: int, volume: int) -> bytes:
        """The frame as it is sent at this second of exchange time: everything has just traded once."""
        rows = self._rows
        rows["price"], rows["volume"], rows["quantity"] = price, volume, 1
        rows["traded"] = rows["exchange"] = second
        return bytes(self._bytes)


def _packet(token: int, price: int) -> bytes:
    body = struct.pack(">16I", token, price, 1, price, 1, 1, 1, price, price, price, price, 0, 0, 0, 0, 0)
    bids = b"".join(struct.pack(">IIHH", 10, price - level, 1, 0) for level in range(1, 6))
    asks = b"".join(struct.pack(">IIHH", 10, price + level, 1, 0) for level in range(1, 6))
    packet = body + bids + asks
    assert len(packet) == FULL
    return struct.pack(">H", FULL) + packet
