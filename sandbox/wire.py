"""Kite's binary tick packets, encoded in bulk from a tape (kite-facts 5), and the text frames beside them.

`encode` turns arrays of fields into packets. A `Chunk` holds a block of prints of one tape: the five-level book after
each, and each print's packet in every mode asked for, already with its two-byte length in front, so that a frame is a
count and slices.
"""

import struct
from typing import Literal

import msgspec
import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from sandbox.money import UNITS_PER_PAISA
from sandbox.paths import Paths, rng
from sandbox.tape import BLOCK, DayTape

Mode = Literal["ltp", "quote", "full"]

HEARTBEAT = b"\x00"
CHUNK = BLOCK
LEVELS = 5
PACKETS_PER_FRAME_MAX = 4096
_CHUNKS_KEPT = 2
_CDS, _BCD, _NCO = 3, 6, 12

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

_LEVEL_DEPTH = 1.0 + 0.55 * np.tile(np.arange(LEVELS), 2)

assert (_LTP.itemsize, _QUOTE.itemsize, _FULL.itemsize) == (10, 46, 186)
assert (_INDEX_QUOTE.itemsize, _INDEX_FULL.itemsize) == (30, 34)


class Ticks(Struct):
    """Rows to encode, prices in the wire's own units; `depth` arrays are (rows, 10): five bids, then five asks.

    Fields that a mode does not carry may be left out.
    """

    token: NDArray[np.int64]
    last_price: NDArray[np.int64]
    last_quantity: NDArray[np.int64] | None = None
    average_price: NDArray[np.int64] | None = None
    volume: NDArray[np.int64] | None = None
    buy_quantity: NDArray[np.int64] | None = None
    sell_quantity: NDArray[np.int64] | None = None
    open: NDArray[np.int64] | None = None
    high: NDArray[np.int64] | None = None
    low: NDArray[np.int64] | None = None
    close: NDArray[np.int64] | None = None
    change: NDArray[np.int64] | None = None
    last_trade_time: NDArray[np.int64] | None = None
    oi: NDArray[np.int64] | None = None
    oi_high: NDArray[np.int64] | None = None
    oi_low: NDArray[np.int64] | None = None
    exchange_time: NDArray[np.int64] | None = None
    depth_quantity: NDArray[np.int64] | None = None
    depth_price: NDArray[np.int64] | None = None
    depth_orders: NDArray[np.int64] | None = None


_LAYOUTS: dict[tuple[bool, Mode], np.dtype[np.void]] = {
    (False, "ltp"): _LTP,
    (False, "quote"): _QUOTE,
    (False, "full"): _FULL,
    (True, "ltp"): _LTP,
    (True, "quote"): _INDEX_QUOTE,
    (True, "full"): _INDEX_FULL,
}


def packet_size(mode: Mode, *, index: bool) -> int:
    """Bytes of a packet with its length in front."""
    return _LAYOUTS[index, mode].itemsize


def encode(ticks: Ticks, mode: Mode, *, index: bool) -> bytes:
    """Length-prefixed packets of all rows, in order."""
    dtype = _LAYOUTS[index, mode]
    out = np.zeros(len(ticks.token), dtype=dtype)
    out["length"] = dtype.itemsize - 2
    for name in dtype.names or ():
        if name in {"length", "bids", "asks"}:
            continue
        values = getattr(ticks, name)
        if values is not None:
            out[name] = values
    if ticks.depth_price is not None and "bids" in (dtype.names or ()):
        for side, columns in (("bids", slice(0, LEVELS)), ("asks", slice(LEVELS, 2 * LEVELS))):
            out[side]["price"] = ticks.depth_price[:, columns]
            if ticks.depth_quantity is not None and ticks.depth_orders is not None:
                out[side]["quantity"] = ticks.depth_quantity[:, columns]
                out[side]["orders"] = ticks.depth_orders[:, columns]
    return out.tobytes()


def wire_price(token: int, units: NDArray[np.int64]) -> NDArray[np.int64]:
    """Prices of 1/10,000 rupee in the wire's unit: 10^-7 for CDS, 10^-4 for BCD and NCO, otherwise paise."""
    segment = token & 0xFF
    if segment == _CDS:
        return units * 1000
    return units if segment in {_BCD, _NCO} else units // UNITS_PER_PAISA


class Depth(Struct, frozen=True):
    """Books after a chunk's prints: (rows, 10) arrays, five bids and then five asks, best first."""

    prices: NDArray[np.int64]
    sizes: NDArray[np.int64]
    orders: NDArray[np.int64]
    buy_total: NDArray[np.int64]
    sell_total: NDArray[np.int64]


class Chunk:
    """Books and packets of the prints [first, first + count) of a tape."""

    def __init__(self, paths: Paths, tape: DayTape, number: int) -> None:
        self.tape = tape
        self.number = number
        self.first, stop = tape.block_rows(number)
        self.rows = slice(self.first, stop)
        self.count = stop - self.first
        self._seed = paths.seed
        self._packets: dict[Mode, tuple[bytes, int]] = {}
        self._depth: Depth | None = None

    @property
    def depth(self) -> Depth:
        """The books; kept once asked for (orders ask, packets do not)."""
        if self._depth is None:
            self._depth = self._draw_depth()
        return self._depth

    def packets(self, mode: Mode, start: int, stop: int) -> bytes:
        """The length-prefixed packets of prints [start, stop), numbered within the tape, all inside this chunk."""
        encoded = self._packets.get(mode)
        if encoded is None:
            index = self.tape.instrument.is_index
            encoded = (encode(self._ticks(mode), mode, index=index), packet_size(mode, index=index))
            self._packets[mode] = encoded
        data, size = encoded
        return data[(start - self.first) * size : (stop - self.first) * size]

    def _draw_depth(self) -> Depth:
        instrument = self.tape.instrument
        draws = rng(self._seed, instrument.key, self.tape.day, 100 + self.number)
        shape = (self.count, 2 * LEVELS)
        typical = max(instrument.print_quantity, instrument.lot) * 5.0
        size = draws.standard_exponential(shape) * _LEVEL_DEPTH * typical + typical * 0.4
        sizes = instrument.lot * np.maximum(1, (size / instrument.lot).astype(np.int64))
        orders = np.minimum(1 + sizes // (instrument.lot * draws.integers(8, 60, shape)), 900)
        step = np.arange(LEVELS) * instrument.tick
        bid, ask = self.tape.sides(self.rows.start, self.rows.stop)
        prices = np.concatenate([np.maximum(bid[:, None] - step, 0), ask[:, None] + step], axis=1)
        # Below the first tick there are no bids to show.
        sizes = np.where(prices > 0, sizes, 0)
        orders = np.where(prices > 0, orders, 0)
        rest = draws.integers(25, 60, (self.count, 2))
        return Depth(
            prices,
            sizes,
            orders,
            sizes[:, :LEVELS].sum(axis=1) * rest[:, 0],
            sizes[:, LEVELS:].sum(axis=1) * rest[:, 1],
        )

    def _ticks(self, mode: Mode) -> Ticks:
        tape, start, stop = self.tape, self.rows.start, self.rows.stop
        token = tape.instrument.token

        def price(units: NDArray[np.int64]) -> NDArray[np.int64]:
            return wire_price(token, units)

        def whole(units: int) -> NDArray[np.int64]:
            return np.full(self.count, int(price(np.array([units]))[0]))

        last = tape.price[start:stop].astype(np.int64)
        ticks = Ticks(np.full(self.count, token), price(last))
        if mode == "ltp":
            return ticks
        running = tape.running(start, stop)
        ticks.open, ticks.close = whole(tape.open), whole(tape.previous_close)
        ticks.high, ticks.low = price(running.high), price(running.low)
        when = tape.open_ns // 1_000_000_000 + tape.second_of(start, stop)
        ticks.exchange_time = when
        if tape.instrument.is_index:
            ticks.change = price(last - tape.previous_close)
            return ticks
        depth = self._depth or self._draw_depth()
        ticks.last_quantity = tape.quantity[start:stop].astype(np.int64)
        ticks.average_price = price(running.value // np.maximum(running.volume, 1))
        ticks.volume = running.volume
        ticks.buy_quantity, ticks.sell_quantity = depth.buy_total, depth.sell_total
        ticks.last_trade_time = when
        ticks.oi, ticks.oi_high, ticks.oi_low = running.interest, running.interest_high, running.interest_low
        ticks.depth_price = price(depth.prices)
        ticks.depth_quantity, ticks.depth_orders = depth.sizes, depth.orders
        return ticks


class Chunks:
    """Chunks made when first asked for. The two latest of each instrument are kept: memory follows what is in use."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._day = 0
        self._chunks: dict[int, list[Chunk]] = {}

    def at(self, tape: DayTape, index: int) -> Chunk:
        """The chunk that holds print `index` of a tape."""
        number = tape.block_of(index)
        kept = self._chunks.setdefault(tape.instrument.token, [])
        for chunk in kept:
            if chunk.number == number and chunk.tape is tape:
                return chunk
        made = Chunk(self._paths, tape, number)
        kept.append(made)
        if len(kept) > _CHUNKS_KEPT:
            kept.pop(0)
        return made

    def clear(self) -> None:
        """Forget the day's chunks."""
        self._chunks.clear()

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
