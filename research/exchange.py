"""The pretend exchange of the event engine: what rests, and what a bar does to it (rules: `research.fills`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from domain.bars import Bar
from domain.messages.orders import OrderIntent
from domain.values import E4, Instrument, Nanos, OrderKind
from research.fills import FillModel, Inside, capacity, draw, moved_price, worse_price

_LATENCY: Final = 2
"""Salt of the draws of latencies."""
_MILLISECOND: Final = 1_000_000
_UNBOUNDED: Final = 1 << 62
_MARKET: Final = OrderKind.MARKET


class Resting(Struct):
    """One order at the exchange.

    arrives   when it gets there
    at_close  it was made while a bar was running: the first price known after it is that bar's close
    triggered a stop's price has been reached
    """

    number: int
    order_id: str
    intent: OrderIntent
    where: int
    instrument: Instrument
    placed: Nanos
    arrives: Nanos = 0
    filled: int = 0
    at_close: bool = False
    triggered: bool = False

    @property
    def remaining(self) -> int:
        """Units that may still fill."""
        return self.intent.quantity - self.filled

    @property
    def sign(self) -> int:
        """+1 buys, -1 sells."""
        return self.intent.side.sign


class Execution(Struct):
    """Units of an order at a price; or, without an order, where inside a bar the next one would be executed.

    end   the end of the stretch of the bar's way that the price lies on
    time  0: the present
    """

    where: int
    price: E4
    resting: Resting | None = None
    quantity: int = 0
    end: E4 = 0
    time: Nanos = 0

    @classmethod
    def inside(cls, where: int, price: E4, end: E4) -> Execution:
        """A point on the way of the bar of this instrument."""
        return cls(where, price, end=end)


class _Bar(Struct):
    """The newest bar of an instrument. `left`: units that orders may still take of it."""

    start: Nanos
    end: Nanos
    open: E4
    high: E4
    low: E4
    close: E4
    left: int
    running: bool = True


class Exchange:
    """See the module. Methods answer with executions, each of which the caller books at once."""

    def __init__(self, model: FillModel) -> None:
        self._model = model
        self._parts = model.parts
        self._takes = model.takes
        self._worsened = bool(model.parts or model.slippage_ticks)
        self._bars: dict[int, _Bar] = {}
        self._resting: list[Resting] = []

    @property
    def resting(self) -> bool:
        """Something does."""
        return bool(self._resting)

    def begin(self, where: int, bar: Bar, instrument: Instrument) -> None:
        """A bar begins."""
        self._bars[where] = _Bar(
            bar.start,
            bar.end,
            bar.open,
            bar.high,
            bar.low,
            bar.close,
            capacity(bar.volume, self._takes, instrument.lot_size) if self._takes else _UNBOUNDED,
        )

    def place(self, resting: Resting, inside: Execution | None) -> list[Execution]:
        """An order arrives, perhaps answering a price inside the running bar."""
        late = self._late(resting.number) if self._model.latency_ms else 0
        resting.arrives = resting.placed + late * _MILLISECOND
        bar = self._bars.get(resting.where)
        self._resting.append(resting)
        if bar is None or not bar.running or resting.intent.kind is not _MARKET:
            return []
        resting.at_close = bar.start < resting.placed < bar.end
        if inside is None:
            return []
        resting.at_close = True
        if resting.arrives >= bar.end:
            resting.at_close = False
            return []
        price = inside.price
        if late:
            price = moved_price(resting.sign, price, self._extreme(bar, resting.sign), late, _ms(bar))
        elif self._model.inside is Inside.PESSIMISTIC:
            price = max(price, inside.end) if resting.sign > 0 else min(price, inside.end)
        return self._take(resting, bar, price, market=True)

    def at_open(self, where: int) -> list[Execution]:
        """What meets the open; asked again until nothing does."""
        bar = self._bars[where]
        found: list[Execution] = []
        for resting in self._of(where):
            if resting.at_close:
                resting.at_close = False
            if resting.arrives >= bar.end:
                continue
            price, market = self._price_at(resting, bar.open, bar.open)
            if not price:
                continue
            time = 0
            if resting.arrives > bar.start:
                late = (resting.arrives - bar.start) // _MILLISECOND
                extreme = self._extreme(bar, resting.sign)
                moved = moved_price(resting.sign, bar.open, extreme, late, _ms(bar))
                if not market and resting.sign * (moved - resting.intent.price) > 0:
                    continue
                price, time = moved, resting.arrives
            found += self._take(resting, bar, price, market=market, time=time)
        return found

    def touched(self, where: int) -> list[Execution]:
        """Limits and stops that the bar's way reaches."""
        bar = self._bars[where]
        found: list[Execution] = []
        passed = self._model.inside is Inside.PESSIMISTIC
        for resting in self._of(where):
            intent, sign = resting.intent, resting.sign
            if intent.kind is _MARKET or resting.arrives >= bar.end:
                continue
            good = bar.low if sign > 0 else bar.high
            bad = bar.high if sign > 0 else bar.low
            if intent.kind is not OrderKind.LIMIT and not resting.triggered:
                if sign * (bad - intent.trigger_price) < 0:
                    continue
                resting.triggered = True
                at = bad if passed else intent.trigger_price
                if intent.kind is OrderKind.STOP_MARKET:
                    found += self._take(resting, bar, at, market=True)
                elif sign * (at - intent.price) <= 0:
                    found += self._take(resting, bar, at, market=False)
                continue
            room = resting.instrument.tick_size if passed else 0
            if intent.kind is not OrderKind.STOP_MARKET and sign * (intent.price - good) >= room:
                found += self._take(resting, bar, intent.price, market=False)
        return found

    def at_close(self, where: int) -> list[Execution]:
        """The bar is over: orders made while it ran meet its close."""
        bar = self._bars[where]
        bar.running = False
        found: list[Execution] = []
        for resting in self._of(where):
            if resting.at_close:
                resting.at_close = False
                found += self._take(resting, bar, bar.close, market=True)
        return found

    def by_force(self, where: int) -> list[Execution]:
        """The day is over: what must leave is closed at the last price, whatever there was to take."""
        bar = self._bars.get(where)
        if bar is None:
            return []
        bar.left = _UNBOUNDED
        return [
            done
            for resting in self._of(where)
            if resting.intent.reduce_only
            for done in self._take(resting, bar, bar.close, market=True)
        ]

    def withdraw(self, places: Iterable[int]) -> list[Resting]:
        """Entries that rest in these instruments, taken away."""
        wanted = set(places)
        gone = [each for each in self._resting if each.where in wanted and not each.intent.reduce_only]
        self._resting = [each for each in self._resting if each not in gone]
        return gone

    def lapse(self) -> list[Resting]:
        """Everything that rests but what must leave, taken away."""
        gone = [each for each in self._resting if each.remaining]
        self._resting = []
        return gone

    # -- inside --------------------------------------------------------------------------------------------------------

    def _of(self, where: int) -> list[Resting]:
        if not self._resting:
            return []
        return [each for each in self._resting if each.where == where]

    def _price_at(self, resting: Resting, price: E4, opened: E4) -> tuple[E4, bool]:
        """The price at which the order meets this one, 0 for not at all; and whether as a market order."""
        intent, sign = resting.intent, resting.sign
        if intent.kind is _MARKET:
            return price, True
        if intent.kind is not OrderKind.LIMIT and not resting.triggered:
            if sign * (opened - intent.trigger_price) < 0:
                return 0, False
            resting.triggered = True
        if intent.kind is OrderKind.STOP_MARKET:
            return price, True
        return (price, False) if sign * (price - intent.price) <= 0 else (0, False)

    def _take(self, resting: Resting, bar: _Bar, price: E4, *, market: bool, time: Nanos = 0) -> list[Execution]:
        remaining = resting.remaining
        units = min(remaining, bar.left)
        if units <= 0:
            return []
        bar.left -= units
        if units == remaining:
            self._resting = [each for each in self._resting if each is not resting]
        if market and self._worsened:
            price = worse_price(
                resting.sign, price, self._parts, self._model.slippage_ticks, resting.instrument.tick_size
            )
        return [Execution(resting.where, price, resting, units, time=time)]

    def _late(self, number: int) -> int:
        choices = self._model.latency_ms
        return choices[draw(self._model.seed, number, _LATENCY, len(choices))] if choices else 0

    @staticmethod
    def _extreme(bar: _Bar, sign: int) -> E4:
        return bar.high if sign > 0 else bar.low


def _ms(bar: _Bar) -> int:
    return (bar.end - bar.start) // _MILLISECOND
