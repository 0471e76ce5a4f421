"""The tape: at most one trade print per instrument per market second, and the bars that aggregate exactly those prints.

A `DayTape` is one instrument on one day, wholly drawn in advance from (seed, instrument, date); time only uncovers it.
Prices are 1/10,000 rupee. The last print of a day is the close, and is the next day's previous close.
"""

from collections import OrderedDict
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sandbox.instruments import Instrument
from sandbox.paths import SECONDS, Paths, rng, time_of_day_profile
from sandbox.trading_days import NS, OPEN_SECONDS, at, close_seconds, previous_trading_day

Ints = NDArray[np.int64]
Bars = NDArray[np.int64]
"""One row per minute that traded: minute of session, open, high, low, close, volume, open interest."""

_LIVE_TAPES_KEPT = 4096
_MINUTE_DAYS_KEPT = 640
_CARRY_RATE = 0.065
_VOLUME_MAX = 4_000_000_000


@lru_cache(maxsize=1)
def _activity_seconds() -> NDArray[np.float64]:
    return np.repeat(time_of_day_profile(), 60)


class DayTape:
    """The prints of one instrument on one day, and the running totals that ticks carry.

    second           second of the session (0 is 09:15:00) of each print, strictly increasing
    price, quantity  of each print
    bid, ask         best prices right after each print
    volume, value    running totals of the day
    high, low        running extremes
    open_interest    contracts' quantity outstanding after each print (0 for cash)
    """

    def __init__(self, paths: Paths, instrument: Instrument, day: date, previous_close: int) -> None:
        self.instrument = instrument
        self.day = day
        self.previous_close = previous_close
        self.open_ns = at(day, OPEN_SECONDS)
        self.session_seconds = close_seconds(instrument.session, day) - OPEN_SECONDS
        name = instrument.key
        draws = rng(paths.seed, name, day, 3)
        seconds = self.session_seconds
        if instrument.is_index:
            second = np.arange(seconds)
        else:
            chance = np.minimum(instrument.liquidity * _activity_seconds()[:seconds], 0.985)
            traded = draws.random(seconds) < chance
            traded[0] = traded[-1] = True
            second = np.flatnonzero(traded)
        count = len(second)
        fair = paths.seconds(instrument.path, instrument.beta, instrument.volatility, instrument.session, day)[second]
        scale = instrument.base / instrument.tick
        if instrument.expiry is not None:
            scale *= float(np.exp(_CARRY_RATE * max(0, (instrument.expiry - day).days) / 365.0))
        middle = np.exp(fair) * scale
        bid, ask, last, quantity = _quotes(instrument, middle, draws, _activity_seconds()[second])
        if not instrument.is_index and instrument.expiry is None:
            last[-1] = bid[-1] = round(close_price(paths, instrument, day) / instrument.tick)
            ask[-1] = last[-1] + 1
        self.second: Ints = second
        self.price: Ints = last * instrument.tick
        self.bid: Ints = bid * instrument.tick
        self.ask: Ints = ask * instrument.tick
        self.quantity: Ints = quantity
        self.volume: Ints = np.cumsum(quantity)
        if int(self.volume[-1]) > _VOLUME_MAX:
            raise AssertionError(f"{name}: a day's volume must fit the wire")
        self.value: Ints = np.cumsum(quantity * self.price)
        self.high: Ints = np.maximum.accumulate(self.price)
        self.low: Ints = np.minimum.accumulate(self.price)
        if instrument.is_future:
            drift = np.cumsum(draws.integers(-2, 3, count))
            self.open_interest: Ints = instrument.lot * np.maximum(8_000 + drift, 100)
        else:
            self.open_interest = np.zeros(count, dtype=np.int64)
        self._count_by_second: list[int] | None = None

    @property
    def count(self) -> int:
        """Prints of the whole day."""
        return len(self.second)

    @property
    def open(self) -> int:
        """First price of the day."""
        return int(self.price[0])

    def printed(self, now_ns: int) -> int:
        """How many prints have happened at an instant: a print of second s happens at its very start."""
        elapsed = (now_ns - self.open_ns) // NS
        if elapsed < 0:
            return 0
        if elapsed >= self.session_seconds:
            return self.count
        counts = self._count_by_second
        if counts is None:
            counts = np.searchsorted(self.second, np.arange(self.session_seconds), side="right").tolist()
            self._count_by_second = counts
        return counts[elapsed]

    def time_ns(self, index: int) -> int:
        """When a print happened."""
        return self.open_ns + int(self.second[index]) * NS

    def minute_bars(self, printed: int | None = None) -> Bars:
        """Minute bars of the first `printed` prints (all of the day's by default)."""
        stop = self.count if printed is None else printed
        if stop == 0:
            return np.empty((0, 7), dtype=np.int64)
        minute = self.second[:stop] // 60
        starts = np.flatnonzero(np.diff(minute, prepend=-1))
        ends = np.append(starts[1:], stop) - 1
        price = self.price[:stop]
        bars = np.empty((len(starts), 7), dtype=np.int64)
        bars[:, 0] = minute[starts]
        bars[:, 1] = price[starts]
        bars[:, 2] = np.maximum.reduceat(price, starts)
        bars[:, 3] = np.minimum.reduceat(price, starts)
        bars[:, 4] = price[ends]
        bars[:, 5] = np.add.reduceat(self.quantity[:stop], starts)
        bars[:, 6] = self.open_interest[ends]
        return bars


def _quotes(
    instrument: Instrument, middle: NDArray[np.float64], draws: np.random.Generator, activity: NDArray[np.float64]
) -> tuple[Ints, Ints, Ints, Ints]:
    """Bid, ask and last in ticks, and quantity, of each print around the fair price `middle` (in ticks)."""
    count = len(middle)
    if instrument.is_index:
        last = np.rint(middle).astype(np.int64)
        return last, last, last, np.zeros(count, dtype=np.int64)
    spread = 1 + (draws.random(count) > 0.62).astype(np.int64) + (draws.random(count) > 0.9)
    bid = np.maximum(np.rint(middle - spread / 2).astype(np.int64), 1)
    ask = bid + spread
    last = np.where(draws.random(count) < 0.5, bid, ask)
    size = draws.standard_exponential(count) ** 1.5 * activity
    quantity = instrument.lot * (1 + (size * instrument.print_quantity / instrument.lot).astype(np.int64))
    return bid, ask, last, quantity


def close_price(paths: Paths, instrument: Instrument, day: date) -> int:
    """The close of a share or an index by the daily chain (futures close at their own last print)."""
    level = paths.close_level(instrument.path, instrument.beta, instrument.volatility, day)
    return round(float(np.exp(level)) * instrument.base / instrument.tick) * instrument.tick


class Market:
    """Every tape, made when first asked for and kept for a while."""

    def __init__(self, seed: int) -> None:
        self.paths = Paths(seed)
        self._tapes: OrderedDict[tuple[int, date], DayTape] = OrderedDict()
        self._bars: OrderedDict[tuple[int, date], Bars] = OrderedDict()
        self._future_closes: dict[tuple[int, date], int] = {}
        self._day_bars: dict[tuple[int, date], tuple[int, ...]] = {}

    def tape(self, instrument: Instrument, day: date) -> DayTape:
        """The tape of a day that is being traded."""
        key = (instrument.token, day)
        tape = self._tapes.get(key)
        if tape is None:
            tape = self._make(instrument, day)
            self._tapes[key] = tape
            while len(self._tapes) > _LIVE_TAPES_KEPT:
                self._tapes.popitem(last=False)
        return tape

    def forget_before(self, day: date) -> None:
        """Drop the live tapes of earlier days."""
        for key in [key for key in self._tapes if key[1] < day]:
            del self._tapes[key]

    def past_bars(self, instrument: Instrument, day: date) -> Bars:
        """Minute bars of a whole past day."""
        key = (instrument.token, day)
        bars = self._bars.get(key)
        if bars is None:
            live = self._tapes.get(key)
            bars = (live or self._make(instrument, day)).minute_bars()
            self._bars[key] = bars
            while len(self._bars) > _MINUTE_DAYS_KEPT:
                self._bars.popitem(last=False)
        else:
            self._bars.move_to_end(key)
        return bars

    def past_day_bar(self, instrument: Instrument, day: date) -> tuple[int, ...]:
        """(0, open, high, low, close, volume, open interest) of a whole past day."""
        key = (instrument.token, day)
        bar = self._day_bars.get(key)
        if bar is None:
            bars = self._bars.get(key)
            if bars is None:
                bars = self._make(instrument, day).minute_bars()
            low, high = int(bars[:, 3].min()), int(bars[:, 2].max())
            bar = (0, int(bars[0, 1]), high, low, int(bars[-1, 4]), int(bars[:, 5].sum()), int(bars[-1, 6]))
            self._day_bars[key] = bar
        return bar

    def close(self, instrument: Instrument, day: date) -> int:
        """The last price of a past day."""
        if not instrument.is_future:
            return close_price(self.paths, instrument, day)
        key = (instrument.token, day)
        if key not in self._future_closes:
            self._future_closes[key] = int(DayTape(self.paths, instrument, day, 0).price[-1])
        return self._future_closes[key]

    def previous_close(self, instrument: Instrument, day: date) -> int:
        """The close of the trading day before `day`."""
        return self.close(instrument, previous_trading_day(day))

    def _make(self, instrument: Instrument, day: date) -> DayTape:
        return DayTape(self.paths, instrument, day, self.previous_close(instrument, day))


assert close_seconds("derivative", date(2026, 8, 3)) - OPEN_SECONDS <= SECONDS
