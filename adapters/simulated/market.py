"""Prices by the second, and the market clocks: the exchange's own, and ours, which may jump."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

import numpy as np

from adapters.simulated.seam import Time
from domain.bars import Bar
from domain.ticks import MODE_FULL, TICK_DTYPE, TickRows
from domain.values import E4, RUPEE, SECOND, Instrument, InstrumentKind, Nanos

HISTORY_SECONDS: Final = 900
"""Prices exist from so long before the run on, for warm-ups."""

TICK: Final[E4] = 500


def share(number: int) -> Instrument:
    """A pretend share, told by its number."""
    return Instrument(
        token=1000 + number, exchange="NSE", symbol=f"SIM{number}", kind=InstrumentKind.EQUITY, tick_size=TICK
    )


class Tape:
    """A seeded random walk per instrument, a price for every second of market time.

    start  the market second at which the run begins
    """

    def __init__(self, seed: int, instruments: Sequence[Instrument], start: int) -> None:
        self.instruments = tuple(instruments)
        self._origin = start - HISTORY_SECONDS
        self._random = {each.token: Random(seed * 7919 + each.token) for each in instruments}  # noqa: S311 - a pretend market
        self._paths: dict[int, list[E4]] = {each.token: [(100 + 50 * n) * RUPEE] for n, each in enumerate(instruments)}

    def price(self, token: int, second: int) -> E4:
        """The price in that second of market time."""
        path = self._paths[token]
        index = max(0, second - self._origin)
        if len(path) <= index:
            draw = self._random[token].randrange
            while len(path) <= index:
                path.append(max(20 * RUPEE, path[-1] + (draw(5) - 2) * TICK))
        return path[index]

    def rows(self, second: int) -> TickRows:
        """One frame: a full-mode packet per instrument."""
        rows = np.zeros(len(self.instruments), TICK_DTYPE)
        volume = (second - self._origin) * 10
        for index, each in enumerate(self.instruments):
            row = rows[index]
            row["token"], row["mode"], row["tradable"] = each.token, MODE_FULL, 1
            row["last_price"] = self.price(each.token, second)
            row["last_quantity"], row["volume"] = 10, volume
            row["last_trade_time"] = row["exchange_time"] = second
        return rows

    def bars(self, token: int, interval: int, start: Nanos, end: Nanos, now: Nanos) -> list[Bar]:
        """Finished candles whose start lies in [start, end)."""
        first = max(-(-start // SECOND), self._origin)
        first += -first % interval
        found = []
        for opens in range(first, min(-(-end // SECOND), now // SECOND - interval + 1), interval):
            prices = [self.price(token, second) for second in range(opens, opens + interval)]
            bar = Bar(
                token, interval, opens * SECOND, prices[0], max(prices), min(prices), prices[-1], volume=10 * interval
            )
            found.append(bar)
        return found


class ExchangeClock:
    """The market's true time, at `rate` market seconds per virtual second."""

    def __init__(self, time: Time, start: Nanos, rate: int) -> None:
        self._time = time
        self._began = time.now
        self._start = start
        self.rate = rate

    def now_ns(self) -> Nanos:
        """Nanoseconds since 1970 UTC."""
        return self._start + (self._time.now - self._began) * self.rate


class OurClock:
    """Market time as our machine has it: the exchange's, plus its jumps. Implements `adapters.clock.MarketTime`."""

    def __init__(self, exchange: ExchangeClock) -> None:
        self._exchange = exchange
        self.off: Nanos = 0

    @property
    def rate(self) -> float:
        """Market seconds per virtual second."""
        return float(self._exchange.rate)

    def now_ns(self) -> Nanos:
        """Nanoseconds since 1970 UTC."""
        return self._exchange.now_ns() + self.off

    def wall_seconds_until(self, instant: Nanos) -> float:
        """Virtual seconds until this clock reads `instant`; 0 if it has."""
        return max(0.0, (instant - self.now_ns()) / SECOND / self.rate)
