"""Bars of one instrument as arrays: what both engines run over.

Prices are 1/10,000 rupee, times nanoseconds UTC; every array is int64, of one length, in order of time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec import Struct

from domain.bars import Bar
from domain.values import SECOND, Instrument, Nanos

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

NAMES: Final = ("start", "open", "high", "low", "close", "volume")
"""The arrays, in the order in which they are fingerprinted."""


class Candles(Struct, frozen=True, eq=False):
    """One instrument's bars. A bar covers [start, start + interval_seconds)."""

    instrument: Instrument
    interval_seconds: int
    start: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints

    def __post_init__(self) -> None:
        for name in NAMES:
            array: Ints = getattr(self, name)
            if array.dtype != np.int64 or array.ndim != 1 or len(array) != len(self.start):
                raise ValueError(f"{self.instrument.key}: {name} is not an int64 array as long as the starts")

    def __len__(self) -> int:
        return len(self.start)

    @property
    def interval(self) -> Nanos:
        """Length of a bar in nanoseconds."""
        return self.interval_seconds * SECOND

    def cut(self, first: int, end: int) -> Candles:
        """The bars of [first, end), as views of the same memory."""
        return Candles(
            self.instrument, self.interval_seconds, *(getattr(self, name)[first:end] for name in NAMES)
        )

    def upto(self, instant: Nanos) -> Candles:
        """The bars that were over at the instant."""
        return self.cut(0, int(np.searchsorted(self.start + self.interval, instant, side="right")))

    def bar(self, index: int) -> Bar:
        """One of them as strategies see it."""
        return Bar(
            self.instrument.token,
            self.interval_seconds,
            self.start.item(index),
            self.open.item(index),
            self.high.item(index),
            self.low.item(index),
            self.close.item(index),
            self.volume.item(index),
        )


def of_bars(instrument: Instrument, interval_seconds: int, bars: Iterable[Bar]) -> Candles:
    """Bars as arrays; they must be in order."""
    rows = [(bar.start, bar.open, bar.high, bar.low, bar.close, bar.volume) for bar in bars]
    table = np.array(rows, dtype=np.int64).reshape(len(rows), len(NAMES))
    return Candles(instrument, interval_seconds, *(np.ascontiguousarray(table[:, at]) for at in range(len(NAMES))))


def fingerprint(series: Sequence[Candles]) -> str:
    """Sixteen hexadecimal digits that name this very data: instruments, intervals and every number of every bar."""
    digest = hashlib.blake2b(digest_size=8)
    for each in series:
        one = each.instrument
        digest.update(f"{one.key}|{each.interval_seconds}|{one.tick_size}|{one.lot_size}|{len(each)}\n".encode())
        for name in NAMES:
            column: Ints = np.ascontiguousarray(getattr(each, name))
            digest.update(column.data)
    return digest.hexdigest()
