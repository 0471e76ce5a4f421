"""The tape: at most one trade print per instrument per market second, and the bars that aggregate exactly those prints.

A `DayTape` is one instrument on one day, wholly decided by (seed, instrument, date); time only uncovers it. Prices are
1/10,000 rupee. The last print of a day is the close, and is the next day's previous close.

The prints of a tape may be dropped and drawn again: a tape keeps marks every `BLOCK` prints (running totals, and when
each block begins), so most questions about the present are answered without them.
"""

from bisect import bisect_right
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from datetime import date
from typing import Protocol, cast

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from sandbox.instruments import Instrument
from sandbox.paths import Paths
from sandbox.prints import Prints, close_price, draw, settlement_price
from sandbox.trading_days import NS, at, close_seconds, open_seconds, previous_trading_day

Ints = NDArray[np.int64]
Bars = NDArray[np.int64]
"""One row per minute that traded: minute of session, open, high, low, close, volume, open interest."""

BLOCK = 128
"""Prints between the marks of running totals."""
_STAGGER = 37
"""Where an instrument's blocks begin differs from one to the next, so that thousands never need their next at once."""

_LIVE_TAPES_KEPT = 8192
_DRAWN_KEPT = 512
"""Tapes whose prints are held in memory, about 150 kB each."""
_MINUTE_DAYS_KEPT = 640
_INTEREST_LOTS = 8_000
_INTEREST_LOTS_MIN = 100


class Running(Struct, frozen=True):
    """Running totals after each of a row of prints, as wide integers; `value` is price times quantity, summed."""

    volume: Ints
    value: Ints
    high: Ints
    low: Ints
    interest: Ints
    interest_high: Ints
    interest_low: Ints


class DayTape:
    """The prints of one instrument on one day, and the running totals that ticks carry."""

    def __init__(
        self, instrument: Instrument, day: date, previous_close: int, load: Callable[["DayTape"], Prints]
    ) -> None:
        self.instrument = instrument
        self.day = day
        self.previous_close = previous_close
        self.open_seconds = open_seconds(instrument.session)
        self.open_ns = at(day, self.open_seconds)
        self.session_seconds = close_seconds(instrument.session, day) - self.open_seconds
        self._load = load
        self._held: Prints | None = None
        prints = self._prints
        self.count = len(prints.second)
        """Prints of the whole day."""
        self.open = int(prints.price[0]) if self.count else previous_close
        """First price of the day; the previous close on a day without prints."""
        self._marks: Running | None = None
        # Views of plain integers: bisecting one takes less than a microsecond.
        self._shift = (instrument.token >> 8) * _STAGGER % BLOCK
        first = np.maximum(np.arange(0, self.count + self._shift, BLOCK) - self._shift, 0)
        self._block_first = first[first < self.count]
        self._block_starts = _view(prints.second[self._block_first])
        self._block = -1
        self._block_seconds = self._block_starts

    @property
    def _prints(self) -> Prints:
        held = self._held
        if held is None:
            held = self._held = self._load(self)
        return held

    def drop(self) -> None:
        """Forget the prints; they are drawn again when asked for."""
        self._held = None

    def _seconds_of(self, block: int) -> Sequence[int]:
        """Seconds of the prints of a block; the last one asked for is kept."""
        if block != self._block:
            self._block_seconds = _view(self._prints.second[slice(*self.block_rows(block))])
            self._block = block
        return self._block_seconds

    def block_of(self, index: int) -> int:
        """Which block holds a print."""
        return (index + self._shift) // BLOCK

    def block_rows(self, block: int) -> tuple[int, int]:
        """The prints [start, stop) of a block: BLOCK of them, but for the first and the last."""
        end = (block + 1) * BLOCK - self._shift
        return max(end - BLOCK, 0), min(end, self.count)

    @property
    def second(self) -> Ints:
        """Second of the session (0 is its opening) of each print, strictly increasing."""
        return self._prints.second.astype(np.int64)

    def second_of(self, start: int, stop: int) -> Ints:
        """Seconds of the session of the prints [start, stop)."""
        return self._prints.second[start:stop].astype(np.int64)

    @property
    def price(self) -> NDArray[np.int32]:
        """Price of each print."""
        return self._prints.price

    @property
    def quantity(self) -> NDArray[np.int32]:
        """Quantity of each print."""
        return self._prints.quantity

    @property
    def bid(self) -> NDArray[np.int32]:
        """Best bid right after each print."""
        return self.price - (self._prints.spread.astype(np.int32) * self._prints.at_ask) * self.instrument.tick

    @property
    def ask(self) -> NDArray[np.int32]:
        """Best ask right after each print."""
        return self.price + (self._prints.spread.astype(np.int32) * ~self._prints.at_ask) * self.instrument.tick

    @property
    def volume(self) -> Ints:
        """Running volume of the day."""
        return np.cumsum(self._prints.quantity, dtype=np.int64)

    @property
    def value(self) -> Ints:
        """Running price times quantity."""
        return np.cumsum(self._prints.quantity.astype(np.int64) * self._prints.price)

    @property
    def high(self) -> NDArray[np.int32]:
        """Running high."""
        return np.maximum.accumulate(self._prints.price)

    @property
    def low(self) -> NDArray[np.int32]:
        """Running low."""
        return np.minimum.accumulate(self._prints.price)

    @property
    def open_interest(self) -> Ints:
        """Quantity outstanding after each print (0 for cash)."""
        steps = self._prints.interest_step
        if steps is None:
            return np.zeros(self.count, dtype=np.int64)
        return self._interest(np.cumsum(steps, dtype=np.int64))

    def bid_ask(self, index: int) -> tuple[int, int]:
        """Best prices right after one print."""
        prints = self._prints
        price, gap = int(prints.price[index]), int(prints.spread[index]) * self.instrument.tick
        return (price - gap, price) if prints.at_ask[index] else (price, price + gap)

    def sides(self, start: int, stop: int) -> tuple[Ints, Ints]:
        """Best bids and asks right after the prints [start, stop)."""
        prints = self._prints
        price = prints.price[start:stop].astype(np.int64)
        gap = prints.spread[start:stop].astype(np.int64) * self.instrument.tick
        at_ask = prints.at_ask[start:stop]
        return price - gap * at_ask, price + gap * ~at_ask

    def running(self, start: int, stop: int) -> Running:
        """Running totals after each of the prints [start, stop)."""
        marks = self._marks or self._mark()
        block = self.block_of(start)
        first = self.block_rows(block)[0]
        prints = self._prints
        price = prints.price[first:stop].astype(np.int64)
        quantity = prints.quantity[first:stop].astype(np.int64)
        cut = start - first
        volume = np.cumsum(quantity) + marks.volume[block]
        value = np.cumsum(quantity * price) + marks.value[block]
        high = np.maximum(np.maximum.accumulate(price), marks.high[block])
        low = np.minimum(np.minimum.accumulate(price), marks.low[block])
        zero = np.zeros(stop - start, dtype=np.int64)
        interest = interest_high = interest_low = zero
        if prints.interest_step is not None:
            lots = np.cumsum(prints.interest_step[first:stop], dtype=np.int64) + marks.interest[block]
            interest = self._interest(lots[cut:])
            interest_high = self._interest(np.maximum(np.maximum.accumulate(lots), marks.interest_high[block])[cut:])
            interest_low = self._interest(np.minimum(np.minimum.accumulate(lots), marks.interest_low[block])[cut:])
        return Running(volume[cut:], value[cut:], high[cut:], low[cut:], interest, interest_high, interest_low)

    def printed(self, now_ns: int) -> int:
        """How many prints have happened at an instant: a print of second s happens at its very start."""
        elapsed = (now_ns - self.open_ns) // NS
        if elapsed < 0:
            return 0
        if elapsed >= self.session_seconds:
            return self.count
        block = bisect_right(self._block_starts, elapsed) - 1
        return self.block_rows(block)[0] + bisect_right(self._seconds_of(block), elapsed) if block >= 0 else 0

    def time_ns(self, index: int) -> int:
        """When a print happened."""
        block = self.block_of(index)
        return self.open_ns + self._seconds_of(block)[index - self.block_rows(block)[0]] * NS

    def minute_bars(self, printed: int | None = None) -> Bars:
        """Minute bars of the first `printed` prints (all of the day's by default)."""
        stop = self.count if printed is None else printed
        if stop == 0:
            return np.empty((0, 7), dtype=np.int64)
        minute = self._prints.second[:stop].astype(np.int64) // 60
        starts = np.flatnonzero(np.diff(minute, prepend=-1))
        ends = np.append(starts[1:], stop) - 1
        price = self.price[:stop]
        bars = np.empty((len(starts), 7), dtype=np.int64)
        bars[:, 0] = minute[starts]
        bars[:, 1] = price[starts]
        bars[:, 2] = np.maximum.reduceat(price, starts)
        bars[:, 3] = np.minimum.reduceat(price, starts)
        bars[:, 4] = price[ends]
        bars[:, 5] = np.add.reduceat(self.quantity[:stop].astype(np.int64), starts)
        bars[:, 6] = self.open_interest[ends]
        return bars

    def _interest(self, lots: Ints) -> Ints:
        return self.instrument.lot * np.maximum(_INTEREST_LOTS + lots, _INTEREST_LOTS_MIN)

    def _mark(self) -> Running:
        """Totals before each block: what `running` starts from."""
        prints = self._prints
        starts = self._block_first if self.count else np.zeros(1, dtype=np.int64)

        def before(totals: Ints, first: int) -> Ints:
            return np.concatenate([[first], totals[starts[1:] - 1]]).astype(np.int64)

        high, low = np.iinfo(np.int64).min, np.iinfo(np.int64).max
        none = np.zeros(len(starts), dtype=np.int64)
        interest = interest_high = interest_low = none
        if prints.interest_step is not None:
            lots = np.cumsum(prints.interest_step, dtype=np.int64)
            interest = before(lots, 0)
            interest_high = before(np.maximum.accumulate(lots), high)
            interest_low = before(np.minimum.accumulate(lots), low)
        self._marks = Running(
            before(self.volume, 0),
            before(self.value, 0),
            before(self.high.astype(np.int64), high),
            before(self.low.astype(np.int64), low),
            interest,
            interest_high,
            interest_low,
        )
        return self._marks


def _view(seconds: NDArray[np.uint16]) -> Sequence[int]:
    return cast("Sequence[int]", memoryview(np.array(seconds).data))


class TapeSource(Protocol):
    """Recorded prints that stand in for the generated ones."""

    def prints(self, instrument: Instrument, day: date) -> Prints | None:
        """The prints of a day, or None where nothing is recorded of the instrument at all."""

    def previous_close(self, instrument: Instrument, day: date) -> int | None:
        """The last price before `day`, or None where nothing is recorded of the instrument at all."""


class Market:
    """Every tape, made when first asked for and kept for a while.

    source  recorded prints that take the generator's place where they have the instrument
    busy    every instrument prints in every second
    """

    def __init__(self, seed: int, *, source: TapeSource | None = None, busy: bool = False) -> None:
        self.paths = Paths(seed)
        self._source = source
        self._busy = busy
        self._tapes: OrderedDict[tuple[int, date], DayTape] = OrderedDict()
        self._drawn: deque[DayTape] = deque()
        self._bars: OrderedDict[tuple[int, date], Bars] = OrderedDict()
        self._closes: dict[tuple[int, date], int] = {}
        self._day_bars: dict[tuple[int, date], tuple[int, ...] | None] = {}

    def use(self, source: TapeSource) -> None:
        """Let recorded prints take the generator's place from now on."""
        self._source = source

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

    def known(self, instrument: Instrument, day: date) -> bool:
        """Whether the tape of a day is there already, so that asking for it costs nothing."""
        return (instrument.token, day) in self._tapes

    def forget_before(self, day: date) -> None:
        """Drop the live tapes of earlier days."""
        for key in [key for key in self._tapes if key[1] < day]:
            del self._tapes[key]
        self._drawn = deque(tape for tape in self._drawn if tape.day >= day)

    def past_bars(self, instrument: Instrument, day: date) -> Bars:
        """Minute bars of a whole past day."""
        key = (instrument.token, day)
        bars = self._bars.get(key)
        if bars is None:
            live = self._tapes.get(key)
            bars = (live or DayTape(instrument, day, 0, self._prints)).minute_bars()
            self._bars[key] = bars
            while len(self._bars) > _MINUTE_DAYS_KEPT:
                self._bars.popitem(last=False)
        else:
            self._bars.move_to_end(key)
        return bars

    def past_day_bar(self, instrument: Instrument, day: date) -> tuple[int, ...] | None:
        """(0, open, high, low, close, volume, open interest) of a whole past day; None for a day without prints."""
        key = (instrument.token, day)
        if key in self._day_bars:
            return self._day_bars[key]
        bars = self._bars.get(key)
        if bars is None:
            bars = DayTape(instrument, day, 0, self._prints).minute_bars()
        bar = None
        if len(bars):
            low, high = int(bars[:, 3].min()), int(bars[:, 2].max())
            bar = (0, int(bars[0, 1]), high, low, int(bars[-1, 4]), int(bars[:, 5].sum()), int(bars[-1, 6]))
        self._day_bars[key] = bar
        return bar

    def close(self, instrument: Instrument, day: date) -> int:
        """The last price of a past day."""
        key = (instrument.token, day)
        found = self._closes.get(key)
        if found is None:
            if self._source is not None:
                found = self._source.previous_close(instrument, date.fromordinal(day.toordinal() + 1))
            found = close_price(self.paths, instrument, day) if found is None else found
            self._closes[key] = found
        return found

    def previous_close(self, instrument: Instrument, day: date) -> int:
        """The close of the trading day before `day`."""
        return self.close(instrument, previous_trading_day(day))

    def settlement(self, instrument: Instrument) -> int:
        """What a contract is worth at its end, 1/10,000 rupee."""
        return settlement_price(self.paths, instrument)

    def spot(self, instrument: Instrument, now_ns: int, day: date) -> float:
        """What a contract's underlying is worth now, 1/10,000 rupee."""
        path = instrument.path
        log_price = self.paths.seconds(path, day)
        elapsed = (now_ns - at(day, open_seconds(instrument.session))) // NS
        return float(np.exp(log_price[min(max(elapsed, 0), len(log_price) - 1)])) * path.base

    def _prints(self, tape: DayTape) -> Prints:
        instrument, day = tape.instrument, tape.day
        recorded = self._source.prints(instrument, day) if self._source is not None else None
        return draw(self.paths, instrument, day, busy=self._busy) if recorded is None else recorded

    def _held_prints(self, tape: DayTape) -> Prints:
        """The same for a live tape, of which only so many hold their prints."""
        self._drawn.append(tape)
        while len(self._drawn) > _DRAWN_KEPT:
            self._drawn.popleft().drop()
        return self._prints(tape)

    def _make(self, instrument: Instrument, day: date) -> DayTape:
        return DayTape(instrument, day, self.previous_close(instrument, day), self._held_prints)
