"""What the backtest benchmarks share: drawn bars, the rules of their runs, and loops written by hand as floors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numba import njit

from domain.risk.limits import RiskLimits
from domain.strategy.sizing import FixedQuantity
from domain.values import RUPEE, SECOND, Instrument, InstrumentKind
from research.data.candles import Candles
from research.fills import FillModel
from research.settings import Charges, RunSettings, no_limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

FAST: Final = 20
SLOW: Final = 100
COMMISSION: Final = 20 * RUPEE
UNITS: Final = 10
CASH: Final = 100_000_000 * RUPEE
START: Final = 1_767_239_100 * SECOND


def bars(count: int, seed: int = 7, symbol: str = "WALK") -> Candles:
    """A walk on the grid of ticks, a bar each minute, around the clock."""
    rng = np.random.default_rng(seed)
    close = 30_000 + np.cumsum(rng.integers(-12, 13, count))
    close = np.abs(close - 2_000) + 2_000
    opened = np.append(30_000, close[:-1]) + rng.integers(-2, 3, count)
    high = np.maximum(opened, close) + rng.integers(0, 8, count)
    low = np.minimum(opened, close) - rng.integers(0, 8, count)
    share = Instrument(token=seed, exchange="NSE", symbol=symbol, kind=InstrumentKind.EQUITY, tick_size=500)
    start = START + np.arange(count, dtype=np.int64) * 60 * SECOND
    columns = tuple(np.ascontiguousarray(each.astype(np.int64) * 500) for each in (opened, high, low, close))
    opens, highs, lows, closes = columns
    return Candles(share, 60, start, opens, highs, lows, closes, rng.integers(100, 10_000, count))


def flat() -> RunSettings:
    """No sessions, no limits, so much an order: what the others know."""
    return RunSettings(
        cash=CASH, sizing=FixedQuantity(UNITS), charges=Charges(flat=COMMISSION), limits=no_limits(), sessions=False
    )


def in_india() -> RunSettings:
    """The day's note, the gate's limits."""
    return RunSettings(
        cash=CASH,
        sizing=FixedQuantity(UNITS),
        limits=RiskLimits(orders_per_day=5_000, strategy_orders_per_day=5_000, drawdown_max=10**13),
        fill=FillModel(spread_bps=2.0),
        sessions=False,
    )


def exact_floor(candles: Candles) -> tuple[int, int]:
    """(fills, profit) of the loop written by hand for this one rule: exact integer sums, no rows, no checks."""
    fills, cash = _exact(candles.open, candles.close, FAST, SLOW, UNITS, COMMISSION)
    return int(fills), int(cash)


def floor_on(candles: Candles, fast: Floats, slow: Floats, warm: int) -> tuple[int, int]:
    """The same on averages that are there already: only where the exact sums tie do the two differ."""
    fills, cash = _on(candles.open, fast, slow, warm, UNITS, COMMISSION)
    return int(fills), int(cash)


@njit(cache=True, nogil=True)
def _exact(opens: Ints, closes: Ints, fast: int, slow: int, units: int, commission: int) -> tuple[int, int]:
    held = 0
    cash = 0
    fills = 0
    wanted = 0
    fast_sum = 0
    slow_sum = 0
    for i in range(len(closes)):
        if wanted != held:
            # Two orders turn a position, one opens it: each pays.
            cash -= (wanted - held) * opens[i]
            cash -= commission * (2 if held != 0 else 1)
            fills += 2 if held != 0 else 1
            held = wanted
        fast_sum += closes[i]
        slow_sum += closes[i]
        if i >= fast:
            fast_sum -= closes[i - fast]
        if i >= slow:
            slow_sum -= closes[i - slow]
        if i > slow:  # the rule is warm a bar after its slower average
            ahead = fast_sum * slow - slow_sum * fast
            if ahead > 0:
                wanted = units
            elif ahead < 0:
                wanted = -units
    return fills, cash


@njit(cache=True, nogil=True)
def _on(opens: Ints, fast: Floats, slow: Floats, warm: int, units: int, commission: int) -> tuple[int, int]:
    held = 0
    cash = 0
    fills = 0
    wanted = 0
    for i in range(len(opens)):
        if wanted != held:
            cash -= (wanted - held) * opens[i]
            cash -= commission * (2 if held != 0 else 1)
            fills += 2 if held != 0 else 1
            held = wanted
        if i > warm:
            if fast[i] > slow[i]:
                wanted = units
            elif fast[i] < slow[i]:
                wanted = -units
    return fills, cash


def bare_loop(candles: Candles) -> int:
    """The least that a loop over events in Python does: an event for each bar, and a handler that is called with it.

    The handler keeps two running sums and compares them. There are no orders, no account and no checks.
    """
    closes = candles.close.tolist()
    handler = _Handler(closes)
    for event in zip(candles.start.tolist(), candles.open.tolist(), closes, strict=True):
        handler.on_bar(event)
    return handler.turns


class _Handler:
    def __init__(self, closes: list[int]) -> None:
        self.closes = closes
        self.seen = self.fast = self.slow = self.held = self.turns = 0

    def on_bar(self, event: tuple[int, int, int]) -> None:
        """Two sums, and a side."""
        close, seen = event[2], self.seen
        self.fast += close - (self.closes[seen - FAST] if seen >= FAST else 0)
        self.slow += close - (self.closes[seen - SLOW] if seen >= SLOW else 0)
        self.seen = seen + 1
        if seen < SLOW:
            return
        wanted = 1 if self.fast * SLOW > self.slow * FAST else -1
        if wanted != self.held:
            self.turns += 1
            self.held = wanted
