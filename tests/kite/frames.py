"""Builds binary frames from plain fields, written from the protocol's description alone (kite-facts 5)."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence


def packet_ltp(token: int, last: int) -> bytes:
    return struct.pack(">II", token, last)


def packet_index(token: int, last: int, ohlc_as_sent: Sequence[int], change: int, stamp: int | None) -> bytes:
    """ohlc_as_sent: high, low, open, close."""
    packed = struct.pack(">7I", token, last, *ohlc_as_sent, change)
    return packed if stamp is None else packed + struct.pack(">I", stamp)


def packet_quote(token: int, last: int, rest: Sequence[int]) -> bytes:
    """rest: quantity, average, volume, buying, selling, open, high, low, close."""
    return struct.pack(">11I", token, last, *rest)


def packet_full(
    token: int, last: int, rest: Sequence[int], times_and_oi: Sequence[int], depth: Sequence[tuple[int, int, int]]
) -> bytes:
    """times_and_oi: last trade time, oi, oi high, oi low, exchange time; depth: five bids, five asks."""
    levels = b"".join(struct.pack(">IIHH", quantity, price, orders, 0xBEEF) for quantity, price, orders in depth)
    return packet_quote(token, last, rest) + struct.pack(">5I", *times_and_oi) + levels


def frame(packets: Sequence[bytes], announced: int | None = None) -> bytes:
    head = struct.pack(">H", len(packets) if announced is None else announced)
    return head + b"".join(struct.pack(">H", len(packet)) + packet for packet in packets)


SEGMENTS = (1, 2, 3, 4, 5, 6, 7, 9, 12)


def a_packet(random_: random.Random, now: int, length: int | None = None) -> bytes:
    """One possible packet of any kind and segment."""
    segment = random_.choice(SEGMENTS)
    token = random_.randrange(1, 2**24) << 8 | segment
    exact = 1000 if segment == 3 else 1

    def price() -> int:
        return random_.randrange(1, 2**31 // exact) * exact

    def count() -> int:
        return random_.randrange(2**32)

    match length or random_.choice((8, 28, 32, 44, 184)):
        case 8:
            return packet_ltp(token, price())
        case 28:
            return packet_index(token, price(), [price() for _ in range(4)], count(), None)
        case 32:
            return packet_index(token, price(), [price() for _ in range(4)], count(), now - random_.randrange(86_400))
        case 44:
            return packet_quote(token, price(), _rest(price, count))
        case _:
            times = (now - random_.randrange(86_400), count(), count(), count(), now - random_.randrange(86_400))
            depth = [(count(), price(), random_.randrange(2**16)) for _ in range(10)]
            return packet_full(token, price(), _rest(price, count), times, depth)


def _rest(price: object, count: object) -> list[int]:
    assert callable(price) and callable(count)
    return [count(), price(), count(), count(), count(), price(), price(), price(), price()]
