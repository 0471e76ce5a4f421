"""Kite's binary frames to rows of TICK_DTYPE: all packets of a frame at once, integers throughout.

A frame is a count of packets, then each packet with its length before it (kite-facts 5; all big-endian). The packet's
length says what it is. Two ways to the same rows: a frame of a few packets is unpacked one by one; a larger one is
viewed by numpy, a group of equal lengths at a time. Nothing here raises: what cannot be is dropped and counted.
"""

from __future__ import annotations

import re
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


class _Layout(Struct, frozen=True):
    """A kind of packet: its mode, its 4-byte words, and where each word goes in a row.

    words   into which words of the row the packet's words go, in order; None: nowhere (or handled apart)
    stamp   which word of the packet is the exchange's time; None where it has none
    prices  words of the row that hold prices, but for the depth's
    straight  the packet's words but the token go, one after the other, into the row's words from LAST on
    """

    mode: int
    words: tuple[int | None, ...]
    stamp: int | None
    prices: tuple[int, ...]
    straight: bool = True
    depth: bool = False

    @property
    def columns(self) -> tuple[int, ...]:
        """Every word of the row that holds a price."""
        return _ALL_PRICES[self.prices, self.depth]


WORDS: Final = TICK_DTYPE.itemsize // 8
"""A row is so many words of 8 bytes: token, mode and tradable, then the fields in the wire's own order."""
TOKEN, KIND, LAST = 0, 1, 2
DEPTH: Final = 17
_TRADABLE: Final = 1 << 32
"""`tradable` is the upper half of the word that it shares with `mode`."""

_DAY_PRICES: Final = (2, 4, 8, 9, 10, 11)
_LAYOUTS: Final = {
    8: _Layout(MODE_LTP, (0, 2), None, (2,)),
    # Indices: high, low, open, close, where shares have open, high, low, close; then a change that nobody needs.
    28: _Layout(MODE_QUOTE, (0, 2, 9, 10, 8, 11, None), None, (2, 8, 9, 10, 11), straight=False),
    32: _Layout(MODE_FULL, (0, 2, 9, 10, 8, 11, None, 16), 7, (2, 8, 9, 10, 11), straight=False),
    44: _Layout(MODE_QUOTE, (0, *range(2, 12)), None, _DAY_PRICES),
    184: _Layout(MODE_FULL, (0, *range(2, 47)), 15, _DAY_PRICES, depth=True),
}
_ALL_PRICES: Final = {
    (each.prices, each.depth): (*each.prices, *(range(DEPTH + 1, WORDS, 3) if each.depth else ()))
    for each in _LAYOUTS.values()
}
_UNPACK: Final = {length: struct.Struct(f">{length // 4}I") for length in _LAYOUTS}
_PACKET: Final = re.compile(
    rb"(?s)\x00(?=(.))(?:" + b"|".join(re.escape(bytes([each])) + b".{%d}" % each for each in _LAYOUTS) + b")"
)
"""A packet of a known length, with that length before it; its group is the length's lower byte, the upper one is 0."""
_PACK_ROW: Final = struct.Struct(f"<{WORDS}q")


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
        if length in _LAYOUTS and size == 2 + announced * (2 + length) and _each_is(payload, announced, length):
            counts.packets += announced
            packets = np.ndarray((announced, length // 4), ">u4", payload, 4, (2 + length, 4))
            words = np.empty((announced, WORDS), np.int64)
            good = _fill(words, packets, length, counts, latest)
            rows = words.view(TICK_DTYPE)[:, 0]
            return rows if good is None else rows[good]
        lengths = _lengths(payload, announced)
        if lengths is not None:
            counts.packets += announced
            return _decode_many(payload, np.cumsum(lengths + 2) + 2 - lengths, lengths, counts, latest)
    spans = _split(payload, announced, counts)
    if len(spans) > FEW:
        known = np.array(spans, dtype=np.int64)
        return _decode_many(payload, known >> 16, known & 0xFFFF, counts, latest)
    return _decode_few(payload, spans, counts, latest)


def _each_is(payload: bytes, announced: int, length: int) -> bool:
    """Whether every packet has that length before it."""
    return bool((np.ndarray((announced,), ">u2", payload, 2, (2 + length,)) == length).all())


def _lengths(payload: bytes, announced: int) -> NDArray[np.int64] | None:
    """Of each packet, where they are all known and fill the frame; in half the time that walking over them takes."""
    lengths = np.frombuffer(b"".join(_PACKET.findall(payload, 2)), np.uint8).astype(np.int64)
    # What was found does not overlap: where nothing is left over each began where the one before ended.
    whole = len(lengths) == announced and int(lengths.sum()) + 2 * announced == len(payload) - 2
    return lengths if whole else None


def _split(payload: bytes, announced: int, counts: DecodeCounts) -> list[int]:
    """Each whole packet of a known length: its offset times 65,536 plus its length. (One integer is a quick array.)"""
    spans: list[int] = []
    add, known, at, size = spans.append, _LAYOUTS, 2, len(payload)
    last_start = size - 2
    for number in range(announced):
        length = (payload[at] << 8) | payload[at + 1] if at <= last_start else size
        start = at + 2
        at = start + length
        if at > size:
            counts.truncated_frames += 1
            counts.packets += number
            break
        if length in known:
            add(start << 16 | length)
        else:
            counts.unknown_lengths += 1
    else:
        counts.packets += announced
    return spans


# --- many packets: numpy, a group of equal lengths at a time -------------------------------------------------------


def _decode_many(
    payload: bytes, offsets: NDArray[np.int64], lengths: NDArray[np.int64], counts: DecodeCounts, latest: int
) -> TickRows:
    content = np.frombuffer(payload, np.uint8)
    words = np.empty((len(offsets), WORDS), np.int64)
    all_good, dropped = np.ones(len(offsets), np.bool_), False
    for length in _LAYOUTS:
        places = np.nonzero(lengths == length)[0]
        if not places.size:
            continue
        # A view of that many bytes from every offset on: taking some of them copies each in one piece.
        anywhere = np.ndarray((content.size - length + 1,), f"V{length}", content, strides=(1,))
        packets = anywhere[offsets[places]].view(">u4").reshape(places.size, -1)
        group = np.empty((places.size, WORDS), np.int64)
        good = _fill(group, packets, length, counts, latest)
        words[places] = group
        if good is not None:
            all_good[places], dropped = good, True
    rows = words.view(TICK_DTYPE)[:, 0]
    return rows[all_good] if dropped else rows


def _fill(
    words: NDArray[np.int64], packets: NDArray[np.uint32], length: int, counts: DecodeCounts, latest: int
) -> NDArray[np.bool_] | None:
    """Packets, all of one length, as 4-byte words into rows as 8-byte words. Which are good; None where all are."""
    layout = _LAYOUTS[length]
    used = LAST + len(layout.words) - 1
    if layout.straight:
        words[:, LAST:used] = packets[:, 1:]
        if used < WORDS:
            words[:, used:] = 0
    else:
        words[:, LAST:] = 0
        for at, place in enumerate(layout.words):
            if place is not None:
                words[:, place] = packets[:, at]
    words[:, TOKEN] = packets[:, 0]
    token = words[:, TOKEN]
    segment = token & 0xFF
    words[:, KIND] = _KINDS[layout.mode][segment]
    last = words[:, LAST]
    bad_token = token == 0
    # Unsigned: what is below the least that is allowed is far above the most.
    bad_price = (last - 1).view(np.uint64) >= PRICE_MAX
    # 1/10,000 rupee: hundredths times 100; 10**-4 as they are; 10**-7 over 1000, rounded half up.
    if _SPECIAL[segment].any():
        fine = segment == _CDS
        bad_price |= fine & (last % 1000 != 0)
        _scale(words, layout, fine, np.where(_SPECIAL[segment], 1, 100))
    else:
        for column in layout.prices:  # each by itself: several at once go row by row, which takes longer
            words[:, column] *= 100
        if layout.depth:
            words[:, DEPTH + 1 :: 3] *= 100
    if layout.depth:
        words[:, DEPTH + 2 :: 3] >>= 16  # a count in the upper half, padding in the lower
    bad = bad_token | bad_price
    bad_time = None
    if layout.stamp is not None:
        bad_time = packets[:, layout.stamp] - np.uint32(YEAR_2000) > latest - YEAR_2000
        bad |= bad_time
    if not bad.any():
        return None
    dropped = int(bad.sum())
    counts.bad_tokens += int(bad_token.sum())
    counts.bad_prices += int((bad_price & ~bad_token).sum())
    counts.bad_times += dropped - int((bad_token | bad_price).sum())
    good: NDArray[np.bool_] = ~bad
    return good


_SPECIAL: Final = np.isin(np.arange(256), (_CDS, _BCD, _NCO))
"""By a token's low byte: whether its prices are finer than hundredths."""
_KINDS: Final = {
    mode: np.where(np.arange(256) == _INDICES, mode, mode + _TRADABLE) for mode in (MODE_LTP, MODE_QUOTE, MODE_FULL)
}
"""By a token's low byte: the word of mode and tradable."""


def _scale(words: NDArray[np.int64], layout: _Layout, fine: NDArray[np.bool_], times: NDArray[np.int64]) -> None:
    """Prices of several segments in one frame."""
    for column in layout.columns:
        price = words[:, column] * times
        words[:, column] = np.where(fine, (price + 500) // 1000, price)


# --- few packets: one by one ---------------------------------------------------------------------------------------


def _decode_few(payload: bytes, spans: list[int], counts: DecodeCounts, latest: int) -> TickRows:
    found = bytearray()
    for span in spans:
        row = _row(payload, span >> 16, span & 0xFFFF, counts, latest)
        if row is not None:
            found += _PACK_ROW.pack(*row)
    return np.frombuffer(found, TICK_DTYPE)


def _row(payload: bytes, at: int, length: int, counts: DecodeCounts, latest: int) -> list[int] | None:
    """One packet as the words of a row, or None where it is dropped."""
    wire = _UNPACK[length].unpack_from(payload, at)
    token, last = wire[0], wire[1]
    if token == 0:
        counts.bad_tokens += 1
        return None
    segment = token & 0xFF
    if not 0 < last <= PRICE_MAX or (segment == _CDS and last % 1000):
        counts.bad_prices += 1
        return None
    layout = _LAYOUTS[length]
    if layout.stamp is not None and not YEAR_2000 <= wire[layout.stamp] <= latest:
        counts.bad_times += 1
        return None
    kind = layout.mode + (_TRADABLE if segment != _INDICES else 0)
    row = [token, kind, *wire[1:], *_NOTHING[len(wire) + 1 :]] if layout.straight else _rearranged(wire, kind, layout)
    price = _PRICE_OF.get(segment, _hundredths)
    for column in layout.columns:
        row[column] = price(row[column])
    if layout.depth:
        for column in _DEPTH_ORDERS:
            row[column] >>= 16
    return row


def _rearranged(wire: tuple[int, ...], kind: int, layout: _Layout) -> list[int]:
    row = [0, kind, *_NOTHING[2:]]
    for word, place in zip(wire, layout.words, strict=True):
        if place is not None:
            row[place] = word
    return row


_NOTHING: Final = (0,) * WORDS
_DEPTH_ORDERS: Final = tuple(range(DEPTH + 2, WORDS, 3))


def _hundredths(wire: int) -> int:
    return wire * 100


def _ten_thousandths(wire: int) -> int:
    return wire


def _ten_millionths(wire: int) -> int:
    return (wire + 500) // 1000


_PRICE_OF: Final = {_CDS: _ten_millionths, _BCD: _ten_thousandths, _NCO: _ten_thousandths}
