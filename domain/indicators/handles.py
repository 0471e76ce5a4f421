"""Indicators carried forward one closed bar at a time: TA-Lib's streaming handles, and our own steps.

A handle's value is bit-identical to TA-Lib's batch function over the same bars. It opens as soon as the history is
long enough; until then the value is NaN.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

import numpy as np

from domain.bars import Bar
from domain.indicators.declaration import COLUMNS, Indicator, describe
from domain.values import RUPEE


class Handle(Protocol):
    """The part of `talib.stream.<NAME>` that we use. One output answers a number, several a tuple."""

    @property
    def value(self) -> Any:  # noqa: ANN401 - a float, an int or a tuple of them, by function
        """The value at the last bar."""
        ...

    def update(self, *bar: float) -> Any:  # noqa: ANN401 - as above
        """One closed bar in, its value out. Raises for a bar that is not finite."""
        ...

    def peek(self, *bar: float) -> Any:  # noqa: ANN401 - as above
        """What `update` would answer; commits nothing."""
        ...


class Columns(NamedTuple):
    """A bar as indicators and rules see it: rupees, and units of volume, as floats."""

    open: float
    high: float
    low: float
    close: float
    volume: float


def columns_of(bar: Bar) -> Columns:
    """A bar in rupees."""
    return Columns(bar.open / RUPEE, bar.high / RUPEE, bar.low / RUPEE, bar.close / RUPEE, float(bar.volume))


class Running:
    """One declared indicator, running. Not to be shared between instruments."""

    __slots__ = (
        "_function", "_handle", "_history", "_index", "_one", "_own", "_parameters", "_pick_from", "_single", "_state",
    )  # fmt: skip

    def __init__(self, declared: Indicator) -> None:
        self._parameters = dict(declared.parameters)
        self._function = describe(declared)
        picks = [COLUMNS.index(column) for column in self._function.columns]
        self._one = len(picks) == 1
        # Of one column the value itself, of several a tuple.
        self._pick_from: Callable[[Columns], Any] = itemgetter(*(picks or [0]))
        self._own = self._function.own
        self._index = self._function.output_index
        self._single = self._function.outputs == 1
        self._handle: Handle | None = None
        self._history: list[tuple[float, ...]] = []
        self._state = self._function.own.initial if self._function.own is not None else ()

    @property
    def of_session(self) -> bool:
        """It is to begin anew with every session."""
        return self._function.anchor == "session"

    @property
    def of_clock(self) -> bool:
        """It is told the minute that a bar ends in."""
        return self._own is not None

    def update(self, bar: Columns, minute: float = 0.0) -> float:
        """One closed bar in, its value out; NaN while there are too few bars.

        minute  minutes from the session's open to the bar's end, for own indicators that ask for it
        """
        own = self._own
        if own is not None:
            self._state, outputs = own.step(self._state, (*bar, minute), self._function.values)
            return outputs[self._index]
        taken, handle = self._pick_from(bar), self._handle
        if handle is not None:
            answer = handle.update(taken) if self._one else handle.update(*taken)
            return float(answer if self._single else answer[self._index])
        self._history.append((taken,) if self._one else taken)
        if len(self._history) <= self._function.lookback:
            return math.nan
        return self._open()

    def peek(self, bar: Columns, minute: float = 0.0) -> float:
        """What `update` would answer for a bar that is still forming; commits nothing."""
        own = self._own
        if own is not None:
            return own.step(self._state, (*bar, minute), self._function.values)[1][self._index]
        if self._handle is None:
            return math.nan
        taken = self._pick_from(bar)
        return self._pick(self._handle.peek(taken) if self._one else self._handle.peek(*taken))

    def reset(self) -> None:
        """Begin anew (a new session)."""
        self._handle = None
        self._history.clear()
        self._state = () if self._own is None else self._own.initial

    def _open(self) -> float:
        import talib

        assert self._function.open is not None, "an own indicator has no handle"
        arrays = [np.array(column, dtype=np.float64) for column in zip(*self._history, strict=True)]
        try:
            self._handle = self._function.open(*arrays, **self._parameters)
        except talib.InsufficientHistory:
            return math.nan  # some functions need a little more than their lookback to seed
        self._history.clear()
        return self._pick(self._handle.value)

    def _pick(self, answer: Any) -> float:  # noqa: ANN401 - a number or a tuple, by function
        return float(answer if self._single else answer[self._index])
