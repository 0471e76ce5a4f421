"""One frame of ticks to rows, against the official client's _parse_binary, by size and mixture."""

from __future__ import annotations

import random
import struct
from functools import partial
from typing import Final

from kiteconnect import KiteTicker

from adapters.kite.wire import DecodeCounts, decode
from app.interpreter import keep_memory_together
from benchmarks._side_by_side import Goal, figure, in_turns

SIZES: Final = {1: Goal(at_least=10), 100: Goal(at_least=60), 3_000: Goal(at_least=200)}
MIXED: Final = 3_000
NOW: Final = 1_790_000_000


def run(quick: bool = False) -> dict[str, object]:
    """Microseconds for one packet, and how many times faster."""
    keep_memory_together()  # as the process that trades does; the peer's objects come from the same memory
    draw = random.Random(1)  # noqa: S311 - invented prices
    frames = {f"full × {size:,}": (_frame([184] * size, draw), size, goal) for size, goal in SIZES.items()}
    mixed = _frame([draw.choice((8, 44, 184)) for _ in range(MIXED)], draw)
    frames[f"mixed × {MIXED:,}"] = (mixed, MIXED, Goal(at_least=100))
    ticker = KiteTicker("key", "token")
    found: dict[str, object] = {}
    for name, (frame, size, goal) in frames.items():
        ways = {"ours": partial(_ours, frame), "peer": partial(ticker._parse_binary, frame)}  # noqa: SLF001 - the peer
        measured = in_turns(ways, quick=quick)
        found[name] = figure(measured["ours"], measured["peer"], goal, unit=size)
    return found


def _ours(frame: bytes) -> object:
    return decode(frame, DecodeCounts(), NOW + 9)


def _frame(lengths: list[int], draw: random.Random) -> bytes:
    packets = [_packet(length, draw) for length in lengths]
    return struct.pack(">H", len(packets)) + b"".join(struct.pack(">H", len(each)) + each for each in packets)


def _packet(length: int, draw: random.Random) -> bytes:
    token = draw.randrange(1_000, 60_000) << 8 | 1  # the National Stock Exchange's segment
    price = draw.randrange(10_000, 500_000)
    fields = [token, price]
    if length >= 44:
        fields += [draw.randrange(1, 1_000) for _ in range(5)] + [price] * 4
    body = struct.pack(f">{len(fields)}I", *fields)
    if length == 184:
        body += struct.pack(">5I", NOW, 0, 0, 0, NOW)
        body += b"".join(struct.pack(">IIHH", draw.randrange(1, 999), price, 3, 0) for _ in range(10))
    assert len(body) == length
    return body
