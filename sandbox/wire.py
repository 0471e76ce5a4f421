"""Kite's binary tick packets, encoded in bulk from a tape (kite-facts 5), and the text frames beside them.

A `Chunk` holds 1,024 prints of one tape: the five-level book after each, and each print's packet in every mode,
already with its two-byte length in front, so that a frame is a count and slices. Prices go out as paise.
"""

import struct
from collections import OrderedDict
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from sandbox.money import UNITS_PER_PAISA
from sandbox.paths import Paths, rng
from sandbox.tape import DayTape

Mode = Literal["ltp", "quote", "full"]

HEARTBEAT = b"\x00"
CHUNK = 1024
LEVELS = 5
PACKETS_PER_FRAME_MAX = 4096
_CHUNKS_KEPT = 512

_U2, _U4 = ">u2", ">u4"
_LEVEL = np.dtype([("quantity", _U4), ("price", _U4), ("orders", _U2), ("pad", _U2)])
_QUOTE_FIELDS = [
    ("length", _U2),
    ("token", _U4),
    ("last_price", _U4),
    ("last_quantity", _U4),
    ("average_price", _U4),
    ("volume", _U4),
    ("buy_quantity", _U4),
    ("sell_quantity", _U4),
    ("open", _U4),
    ("high", _U4),
    ("low", _U4),
    ("close", _U4),
]
_LTP = np.dtype([("length", _U2), ("token", _U4), ("last_price", _U4)])
_QUOTE = np.dtype(_QUOTE_FIELDS)
_FULL = np.dtype(
    [
        *_QUOTE_FIELDS,
        ("last_trade_time", _U4),
        ("oi", _U4),
        ("oi_high", _U4),
        ("oi_low", _U4),
        ("exchange_time", _U4),
        ("bids", _LEVEL, (LEVELS,)),
        ("asks", _LEVEL, (LEVELS,)),
    ]
)
_INDEX_FIELDS = [
    ("length", _U2),
    ("token", _U4),
    ("last_price", _U4),
    ("high", _U4),
    ("low", _U4),
    ("open", _U4),
    ("close", _U4),
    ("change", ">i4"),
]
_INDEX_QUOTE = np.dtype(_INDEX_FIELDS)
_INDEX_FULL = np.dtype([*_INDEX_FIELDS, ("exchange_time", _U4)])

assert (_LTP.itemsize, _QUOTE.itemsize, _FULL.itemsize) == (10, 46, 186)
assert (_INDEX_QUOTE.itemsize, _INDEX_FULL.itemsize) == (30, 34)


class Chunk:
    """Books and packets of the prints [first, first + count) of a tape."""

    def __init__(self, paths: Paths, tape: DayTape, number: int) -> None:
        self.tape = tape
        self.first = number * CHUNK
        self.rows = slice(self.first, min(self.first + CHUNK, tape.count))
        self.count = self.rows.stop - self.first
        self._packets: dict[Mode, tuple[bytes, int]] = {}
        instrument = tape.instrument
        if instrument.is_index:
            return
        draws = rng(paths.seed, instrument.key, tape.day, 100 + number)
        shape = (self.count, 2 * LEVELS)
        depth = 1.0 + 0.55 * np.tile(np.arange(LEVELS), 2)
        typical = max(instrument.print_quantity, instrument.lot) * 5.0
        size = draws.standard_exponential(shape) * depth * typical + typical * 0.4
        self.sizes = instrument.lot * np.maximum(1, (size / instrument.lot).astype(np.int64))
        self.orders = np.minimum(1 + self.sizes // (instrument.lot * draws.integers(8, 60, shape)), 900)
        step = np.arange(LEVELS) * instrument.tick
        self.prices = np.concatenate(
            [
                np.maximum(tape.bid[self.rows, None] - step, instrument.tick),
                tape.ask[self.rows, None] + step,
            ],
            axis=1,
        )
        rest = draws.integers(25, 60, (self.count, 2))
        self.buy_total = self.sizes[:, :LEVELS].sum(axis=1) * rest[:, 0]
        self.sell_total = self.sizes[:, LEVELS:].sum(axis=1) * rest[:, 1]

    def packets(self, mode: Mode, start: int, stop: int) -> bytes:
        """The length-prefixed packets of prints [start, stop), numbered within the tape, all inside this chunk."""
        encoded = self._packets.get(mode)
        if encoded is None:
            rows = self._encode_index(mode) if self.tape.instrument.is_index else self._encode(mode)
            encoded = (rows.tobytes(), rows.dtype.itemsize)
            self._packets[mode] = encoded
        data, size = encoded
        return data[(start - self.first) * size : (stop - self.first) * size]

    def _encode(self, mode: Mode) -> NDArray[np.void]:
        tape, rows = self.tape, self.rows
        dtype = {"ltp": _LTP, "quote": _QUOTE, "full": _FULL}[mode]
        out = np.zeros(self.count, dtype=dtype)
        out["length"] = dtype.itemsize - 2
        out["token"] = tape.instrument.token
        out["last_price"] = tape.price[rows] // UNITS_PER_PAISA
        if mode == "ltp":
            return out
        out["last_quantity"] = tape.quantity[rows]
        out["average_price"] = tape.value[rows] // tape.volume[rows] // UNITS_PER_PAISA
        out["volume"] = tape.volume[rows]
        out["buy_quantity"] = self.buy_total
        out["sell_quantity"] = self.sell_total
        out["open"] = tape.open // UNITS_PER_PAISA
        out["high"] = tape.high[rows] // UNITS_PER_PAISA
        out["low"] = tape.low[rows] // UNITS_PER_PAISA
        out["close"] = tape.previous_close // UNITS_PER_PAISA
        if mode == "quote":
            return out
        when = tape.open_ns // 1_000_000_000 + tape.second[rows]
        out["last_trade_time"] = when
        out["oi"] = tape.open_interest[rows]
        before = tape.open_interest[: rows.stop]
        out["oi_high"] = np.maximum.accumulate(before)[rows]
        out["oi_low"] = np.minimum.accumulate(before)[rows]
        out["exchange_time"] = when
        for side, columns in (("bids", slice(0, LEVELS)), ("asks", slice(LEVELS, 2 * LEVELS))):
            out[side]["quantity"] = self.sizes[:, columns]
            out[side]["price"] = self.prices[:, columns] // UNITS_PER_PAISA
            out[side]["orders"] = self.orders[:, columns]
        return out

    def _encode_index(self, mode: Mode) -> NDArray[np.void]:
        tape, rows = self.tape, self.rows
        dtype = {"ltp": _LTP, "quote": _INDEX_QUOTE, "full": _INDEX_FULL}[mode]
        out = np.zeros(self.count, dtype=dtype)
        out["length"] = dtype.itemsize - 2
        out["token"] = tape.instrument.token
        out["last_price"] = tape.price[rows] // UNITS_PER_PAISA
        if mode == "ltp":
            return out
        out["high"] = tape.high[rows] // UNITS_PER_PAISA
        out["low"] = tape.low[rows] // UNITS_PER_PAISA
        out["open"] = tape.open // UNITS_PER_PAISA
        out["close"] = tape.previous_close // UNITS_PER_PAISA
        out["change"] = (tape.price[rows] - tape.previous_close) // UNITS_PER_PAISA
        if mode == "full":
            out["exchange_time"] = tape.open_ns // 1_000_000_000 + tape.second[rows]
        return out


class Chunks:
    """Chunks made when first asked for; the most recent ones are kept, so memory stays bounded."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._chunks: OrderedDict[tuple[int, int, int], Chunk] = OrderedDict()

    def at(self, tape: DayTape, index: int) -> Chunk:
        """The chunk that holds print `index` of a tape."""
        number = index // CHUNK
        key = (tape.instrument.token, tape.day.toordinal(), number)
        chunk = self._chunks.get(key)
        if chunk is None:
            chunk = Chunk(self._paths, tape, number)
            self._chunks[key] = chunk
            if len(self._chunks) > _CHUNKS_KEPT:
                self._chunks.popitem(last=False)
        else:
            self._chunks.move_to_end(key)
        return chunk

    def packets(self, tape: DayTape, mode: Mode, start: int, stop: int) -> list[bytes]:
        """The length-prefixed packets of prints [start, stop), joined per chunk."""
        parts = []
        while start < stop:
            chunk = self.at(tape, start)
            end = min(stop, chunk.first + chunk.count)
            parts.append(chunk.packets(mode, start, end))
            start = end
        return parts


def frame(packet_count: int, parts: list[bytes]) -> bytes:
    """One binary frame around length-prefixed packets."""
    return struct.pack(">H", packet_count) + b"".join(parts)


def order_text(postback: bytes) -> str:
    """The text frame of an order update, around the postback object's JSON."""
    return '{"type":"order","data":' + postback.decode() + "}"


def error_text(message: str) -> str:
    """The text frame of an error; Kite's data there is a string."""
    return msgspec.json.encode({"type": "error", "data": message}).decode()
