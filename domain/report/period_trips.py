"""Round trips with what they cost and how far they went: what trade statistics are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from domain.costs import Line
from domain.messages.journal import TradeBooked
from domain.report.eod import EquityPoint
from domain.values import E4, Nanos, Product, Side


class Trip(Struct, frozen=True):
    """Flat, position, flat again, of one strategy in one instrument and product. Money in 1/10,000 rupee.

    quantity       units opened in all, and closed
    entry, exit    value of the trades that opened it and of those that closed it, multiplier included
    charges        its part of each day's note: in proportion to value among the trips of its line that day
    adverse, favourable  the worst and the best that it stood at before charges (0 at its entry), by samples of its
                   instrument's price, or else of the account's equity where nothing else was open; None without
    """

    strategy: str
    instrument: str
    product: Product
    side: Side
    quantity: int
    entry: E4
    exit: E4
    opened: Nanos
    closed: Nanos
    gross: E4
    charges: E4
    adverse: E4 | None = None
    favourable: E4 | None = None

    @property
    def net(self) -> E4:
        """Profit after charges."""
        return self.gross - self.charges

    @property
    def held(self) -> Nanos:
        """From its first trade to its last."""
        return self.closed - self.opened


class Samples(Struct, frozen=True):
    """What was sampled during a day, for excursions.

    curve   the account's equity
    prices  (time, price) by instrument
    """

    curve: tuple[EquityPoint, ...] = ()
    prices: Mapping[str, tuple[tuple[Nanos, E4], ...]] = {}


class _State(Struct, frozen=True):
    """A trip after one of its trades: signed position, money taken in less money paid out, the day's charges so far."""

    time: Nanos
    position: int
    taken: E4
    charges: E4


class _Open(Struct):
    """A trip in the making. `parts` is the value traded since the last note, `before` what it would have left alone.

    before   the flat account's equity and the day's charges before it, while nothing else was open
    states   the position held into the day, then one for each of the day's trades
    """

    line: Line
    side: Side
    opened: Nanos
    multiplier: int
    position: int = 0
    quantity: int = 0
    entry: E4 = 0
    exit: E4 = 0
    charges: E4 = 0
    parts: E4 = 0
    closed: Nanos = 0
    before: tuple[E4, E4] | None = None
    states: list[_State] = []
    levels: list[E4] = []
    sampled: bool = True

    @property
    def taken(self) -> E4:
        """Money taken in by its sales less money paid for its purchases."""
        return self.side.sign * (self.exit - self.entry)


class TripFold:
    """Turns trades into trips. A trip is told at the end of the day on which it closed: its charges are known then."""

    def __init__(self) -> None:
        self._open: dict[Line, _Open] = {}
        self._closed: list[_Open] = []

    @property
    def flat(self) -> bool:
        """Nothing is open anywhere."""
        return not self._open

    def trade(self, line: Line, trade: TradeBooked, multiplier: int, before: tuple[E4, E4] | None, charges: E4) -> None:
        """Count a trade.

        before   the account's equity and the day's charges before it, where nothing was open
        charges  the day's charges with it
        """
        left = trade.side.sign * trade.quantity
        standing = self._open.get(line)
        if standing is None:
            for other in self._open.values():
                other.before = None  # from now on the account's equity is not this trip's alone
        elif (standing.position > 0) != (left > 0):
            left = self._close(line, standing, trade, left, charges)
            if left == 0:
                return
            standing, before = None, None  # turned: what the account was worth between is not known
        if standing is None:
            standing = _Open(line, trade.side, trade.event_time, multiplier, before=before)
            self._open[line] = standing
        value = abs(left) * trade.price * multiplier
        standing.position += left
        standing.quantity += abs(left)
        standing.entry += value
        standing.parts += value
        standing.states.append(_State(trade.event_time, standing.position, standing.taken, charges))

    def end_day(self, charges: Mapping[Line, E4], samples: Samples) -> tuple[Trip, ...]:
        """The trips that closed today. `charges` is the day's note by line."""
        touched: dict[Line, list[_Open]] = {}
        for trip in (*self._closed, *self._open.values()):
            _sample(trip, samples)
            if trip.parts:
                touched.setdefault(trip.line, []).append(trip)
        for line, trips in touched.items():
            _share(charges.get(line, 0), trips)
        told = tuple(_trip(each) for each in self._closed)
        self._closed = []
        for trip in self._open.values():
            trip.parts, trip.before = 0, None  # tomorrow's equity begins at another level: the broker states the cash
            trip.states = [_State(0, trip.position, trip.taken, 0)]
        return told

    def _close(self, line: Line, standing: _Open, trade: TradeBooked, left: int, charges: E4) -> int:
        """Let the trade close what it can of the trip; what is left of the trade."""
        closing = min(abs(left), abs(standing.position))
        value = closing * trade.price * standing.multiplier
        standing.exit += value
        standing.parts += value
        sign = 1 if left > 0 else -1
        standing.position += sign * closing
        standing.states.append(_State(trade.event_time, standing.position, standing.taken, charges))
        if standing.position == 0:
            standing.closed = trade.event_time
            self._closed.append(standing)
            del self._open[line]
        return left - sign * closing


def _share(amount: E4, trips: Sequence[_Open]) -> None:
    """Split a line's charges by value; what rounding leaves goes to the last trip."""
    whole, left = sum(trip.parts for trip in trips), amount
    for trip in trips[:-1]:
        part = amount * trip.parts // whole
        trip.charges += part
        left -= part
    trips[-1].charges += left


def _trip(done: _Open) -> Trip:
    strategy, instrument, product = done.line
    levels = [*done.levels, done.taken, 0] if done.sampled else []
    return Trip(
        strategy=strategy,
        instrument=instrument,
        product=product,
        side=done.side,
        quantity=done.quantity,
        entry=done.entry,
        exit=done.exit,
        opened=done.opened,
        closed=done.closed,
        gross=done.taken,
        charges=done.charges,
        adverse=min(levels, default=None),
        favourable=max(levels, default=None),
    )


def _sample(trip: _Open, samples: Samples) -> None:
    """Add the day's levels; a day without any makes the trip's excursions unknown."""
    prices = samples.prices.get(trip.line[1], ())
    levels = []
    if prices:
        for time, price in prices:
            state = _standing(trip, time)
            if state is not None:  # once closed, it stands at what it made, whatever the price
                levels.append(state.taken + state.position * price * trip.multiplier)
    elif trip.before is not None:
        equity, charges = trip.before
        for point in samples.curve:
            state = _standing(trip, point.time)
            if state is not None and point.time <= (trip.closed or point.time):
                levels.append(point.equity - equity + state.charges - charges)
    trip.levels += levels
    trip.sampled &= bool(levels)


def _standing(trip: _Open, time: Nanos) -> _State | None:
    """The trip's state at a time; None before it opened."""
    return next((state for state in reversed(trip.states) if state.time <= time), None)
