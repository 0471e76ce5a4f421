"""Kite's binary frames to rows of TICK_DTYPE: all packets of a frame at once, integers throughout.

A frame is a count of packets, then each packet with its length before it (kite-facts 5; all big-endian). The packet's
length says what it is. Two ways to the same rows: a frame of a few packets is unpacked one by one; a larger one is
viewed by numpy, a group of equal lengths at a time. Nothing here raises: what cannot be is dropped and counted.
"""

from __future__ import annotations

import struct
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from domain.ticks import MODE_FULL, MODE_LTP, MODE_QUOTE, TICK_DTYPE, TickRows

_CDS, _BCD, _INDICES, _NCO = 3, 6, 9, 12
"""Low bytes of tokens: segments with a divisor of their own, and the segment of indices."""

YEAR_2000: Final = 946_684_800
A_DAY_SECONDS: Final = 86_400
PRICE_MAX: Final = 2**31 - 1
"""Prices are unsigned on the wire, but no instrument is near 21 million rupees: above is a negative number."""

FEW: Final = 12
"""Up to this many packets, unpacking one by one is faster than setting numpy's views up (measured)."""


class DecodeCounts(Struct):
    """What was dropped since the start, by cause, and how much was decoded."""

    frames: int = 0
    packets: int = 0
    heartbeats: int = 0
    truncated_frames: int = 0
    unknown_lengths: int = 0
    bad_tokens: int = 0
    bad_prices: int = 0
    bad_times: int = 0

    @property
    def dropped(self) -> int:
        """Packets that did not become rows."""
        return self.unknown_lengths + self.bad_tokens + self.bad_prices + self.bad_times


def _wire_dtype(names: str) -> np.dtype[np.void]:
    return np.dtype([(name, ">u4") for name in names.split()])


_QUOTE_FIELDS: Final = (
    "token last_price last_quantity average_price volume buy_quantity sell_quantity open high low close"
)
_DEPTH: Final = np.dtype([("quantity", ">u4"), ("price", ">u4"), ("orders", ">u2"), ("pad", ">u2")])
_LTP: Final = _wire_dtype("token last_price")
_INDEX: Final = _wire_dtype("token last_price high low open close change")
_INDEX_FULL: Final = _wire_dtype("token last_price high low open close change exchange_time")
_QUOTE: Final = _wire_dtype(_QUOTE_FIELDS)
_FULL: Final = np.dtype(
    [
        *((name, ">u4") for name in f"{_QUOTE_FIELDS} last_trade_time oi oi_high oi_low exchange_time".split()),
        ("bids", _DEPTH, (5,)),
        ("asks", _DEPTH, (5,)),
    ]
)

_LAYOUTS: Final = {
    8: (_LTP, MODE_LTP),
    28: (_INDEX, MODE_QUOTE),
    32: (_INDEX_FULL, MODE_FULL),
    44: (_QUOTE, MODE_QUOTE),
    184: (_FULL, MODE_FULL),
}
_FRAMED: Final = {length: np.dtype([("length", ">u2"), ("packet", layout)]) for length, (layout, _) in _LAYOUTS.items()}
"""A packet with its length before it, for frames of equal packets."""

_PRICES: Final = ("last_price", "average_price", "open", "high", "low", "close")
_COPIED: Final = (
    "token",
    "last_quantity",
    "volume",
    "buy_quantity",
    "sell_quantity",
    "last_trade_time",
    "oi",
    "oi_high",
    "oi_low",
    "exchange_time",
)

_UNPACK_LTP: Final = struct.Struct(">II")
_UNPACK_INDEX: Final = struct.Struct(">4I")
_UNPACK_QUOTE: Final = struct.Struct(">9I")
_UNPACK_TIMES: Final = struct.Struct(">5I")
_UNPACK_DEPTH: Final = struct.Struct(">" + "IIHxx" * 10)
_UNPACK_STAMP: Final = struct.Struct(">I")

_Level = tuple[int, int, int]
_Row = tuple[int | list[_Level], ...]

_NO_DEPTH: Final[list[_Level]] = [(0, 0, 0)] * 5


def decode(payload: bytes, counts: DecodeCounts, now_seconds: int = 0) -> TickRows:
    """All good packets of one frame, in order, as an array of TICK_DTYPE (empty for a heartbeat).

    now_seconds  market time, seconds since 1970 UTC: a stamp more than a day later cannot be. 0 = not checked

    Dropped and counted: packets of unknown length, token 0, a last price of zero or "negative" (beyond 2**31) or, where
    the wire is finer than 1/10,000 rupee, not exact in it; in modes that carry it, an exchange time before 2000 or more
    than a day ahead. Other prices of the finer segment are rounded half up. A frame cut short yields its whole packets.
    """
    size = len(payload)
    if size < 2:
        counts.heartbeats += 1
        return np.zeros(0, TICK_DTYPE)
    counts.frames += 1
    announced = (payload[0] << 8) | payload[1]
    latest = now_seconds + A_DAY_SECONDS if now_seconds else 0xFFFFFFFF
    if announced > FEW:
        length = (payload[2] << 8) | payload[3] if size >= 4 else 0
        if length in _LAYOUTS and size == 2 + announced * (2 + length):
            view = np.frombuffer(payload, _FRAMED[length], announced, 2)
            if bool((view["length"] == length).all()):
                counts.packets += announced
                rows = np.zeros(announced, TICK_DTYPE)
                good = _fill(rows, np.arange(announced), view["packet"], length, counts, latest)
                return rows if bool(good.all()) else rows[good]
    spans = _split(payload, announced, counts)
    if len(spans) > FEW:
        return _decode_many(payload, spans, counts, latest)
    return _decode_few(payload, spans, counts, latest)


def _split(payload: bytes, announced: int, counts: DecodeCounts) -> list[tuple[int, int]]:
    """(offset, length) of each whole packet of a known length."""
    spans = []
    at, size = 2, len(payload)
    for _ in range(announced):
        if at + 2 > size:
            counts.truncated_frames += 1
            break
        length = (payload[at] << 8) | payload[at + 1]
        at += 2
        if at + length > size:
            counts.truncated_frames += 1
            break
        counts.packets += 1
        if length in _LAYOUTS:
            spans.append((at, length))
        else:
            counts.unknown_lengths += 1
        at += length
    return spans


# --- many packets: numpy, a group of equal lengths at a time -------------------------------------------------------


def _decode_many(payload: bytes, spans: list[tuple[int, int]], counts: DecodeCounts, latest: int) -> TickRows:
    offsets_and_lengths = np.array(spans, dtype=np.int64)
    offsets, lengths = offsets_and_lengths[:, 0], offsets_and_lengths[:, 1]
    content = np.frombuffer(payload, np.uint8)
    rows = np.zeros(len(spans), TICK_DTYPE)
    good = np.zeros(len(spans), np.bool_)
    for length in np.unique(lengths):
        places = np.nonzero(lengths == length)[0]
        layout = _LAYOUTS[int(length)][0]
        gathered = content[offsets[places][:, None] + np.arange(length)]
        good[places] = _fill(rows, places, gathered.view(layout)[:, 0], int(length), counts, latest)
    return rows if bool(good.all()) else rows[good]


def _fill(
    rows: TickRows, places: NDArray[np.intp], packets: NDArray[np.void], length: int, counts: DecodeCounts, latest: int
) -> NDArray[np.bool_]:
    """Put the packets, all of one length, into their places. Says which of them are good."""
    layout, mode = _LAYOUTS[length]
    names = layout.names or ()
    token = packets["token"].astype(np.int64)
    segment = token & 0xFF
    # 1/10,000 rupee = wire * times // over: hundredths times 100; 10**-4 as they are; 10**-7 over 1000.
    fine = segment == _CDS
    times = np.where(fine | (segment == _BCD) | (segment == _NCO), 1, 100).astype(np.int64)
    any_fine = bool(fine.any())

    def price(wire: NDArray[np.void]) -> NDArray[np.int64]:
        shape = (-1,) + (1,) * (wire.ndim - 1)
        found: NDArray[np.int64] = wire.astype(np.int64) * times.reshape(shape)
        if any_fine:
            found[fine] = (found[fine] + 500) // 1000
        return found

    out = np.zeros(len(places), TICK_DTYPE)
    out["mode"] = mode
    out["tradable"] = segment != _INDICES
    for name in _COPIED:
        if name in names:
            out[name] = packets[name]
    for name in _PRICES:
        if name in names:
            out[name] = price(packets[name])
    if "bids" in names:
        for side in ("bids", "asks"):
            out[side]["quantity"] = packets[side]["quantity"]
            out[side]["price"] = price(packets[side]["price"])
            out[side]["orders"] = packets[side]["orders"]
    rows[places] = out

    last = packets["last_price"].astype(np.int64)
    bad_token = token == 0
    bad_price = ~bad_token & ((last <= 0) | (last > PRICE_MAX) | (fine & (last % 1000 != 0)))
    bad = bad_token | bad_price
    counts.bad_tokens += int(bad_token.sum())
    counts.bad_prices += int(bad_price.sum())
    if "exchange_time" in names:
        stamp = packets["exchange_time"]
        bad_time = ~bad & ((stamp < YEAR_2000) | (stamp > latest))
        counts.bad_times += int(bad_time.sum())
        bad |= bad_time
    good: NDArray[np.bool_] = ~bad
    return good


# --- few packets: one by one ---------------------------------------------------------------------------------------


def _decode_few(payload: bytes, spans: list[tuple[int, int]], counts: DecodeCounts, latest: int) -> TickRows:
    found = [row for at, length in spans if (row := _row(payload, at, length, counts, latest)) is not None]
    return np.array(found, dtype=TICK_DTYPE)


def _row(payload: bytes, at: int, length: int, counts: DecodeCounts, latest: int) -> _Row | None:
    """One packet as a tuple in TICK_DTYPE's order, or None where it is dropped."""
    token, last = _UNPACK_LTP.unpack_from(payload, at)
    if token == 0:
        counts.bad_tokens += 1
        return None
    segment = token & 0xFF
    if not 0 < last <= PRICE_MAX or (segment == _CDS and last % 1000):
        counts.bad_prices += 1
        return None
    if length in (32, 184):
        (stamp,) = _UNPACK_STAMP.unpack_from(payload, at + (28 if length == 32 else 60))
        if not YEAR_2000 <= stamp <= latest:
            counts.bad_times += 1
            return None
    price = _PRICE_OF.get(segment, _hundredths)
    head = (token, _LAYOUTS[length][1], int(segment != _INDICES), price(last))
    if length == 8:
        return (*head, *(0,) * 14, _NO_DEPTH, _NO_DEPTH)
    if length in (28, 32):
        high, low, opening, close = map(price, _UNPACK_INDEX.unpack_from(payload, at + 8))
        stamp = _UNPACK_STAMP.unpack_from(payload, at + 28)[0] if length == 32 else 0
        return (*head, *(0,) * 5, opening, high, low, close, *(0,) * 4, stamp, _NO_DEPTH, _NO_DEPTH)
    quantity, average, volume, buying, selling, *day = _UNPACK_QUOTE.unpack_from(payload, at + 8)
    body = (quantity, price(average), volume, buying, selling, *map(price, day))
    if length == 44:
        return (*head, *body, *(0,) * 5, _NO_DEPTH, _NO_DEPTH)
    times_and_oi = _UNPACK_TIMES.unpack_from(payload, at + 44)
    fields = _UNPACK_DEPTH.unpack_from(payload, at + 64)
    levels = [(fields[i], price(fields[i + 1]), fields[i + 2]) for i in range(0, 30, 3)]
    return (*head, *body, *times_and_oi, levels[:5], levels[5:])


def _hundredths(wire: int) -> int:
    return wire * 100


def _ten_thousandths(wire: int) -> int:
    return wire


def _ten_millionths(wire: int) -> int:
    return (wire + 500) // 1000


_PRICE_OF: Final = {_CDS: _ten_millionths, _BCD: _ten_thousandths, _NCO: _ten_thousandths}
