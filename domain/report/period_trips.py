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
    adverse, favourable  the worst and the best that it stood at (0 at its entry, charges so far included), by the
                   minute samples of equity; None where other positions were open too, or no samples are kept
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


class _Open(Struct):
    """A trip in the making. `parts` is the value traded since the last note, `before` the flat account's equity."""

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
    before: E4 | None = None


class TripFold:
    """Turns trades into trips. A trip is told at the end of the day on which it closed: its charges are known then."""

    def __init__(self) -> None:
        self._open: dict[Line, _Open] = {}
        self._closed: list[_Open] = []

    @property
    def flat(self) -> bool:
        """Nothing is open anywhere."""
        return not self._open

    def trade(self, line: Line, trade: TradeBooked, multiplier: int, equity_before: E4 | None) -> None:
        """Count a trade.

        equity_before  what the account was worth before it, where nothing was open: the level from which the trip's
                       excursions are measured
        """
        left = trade.side.sign * trade.quantity
        standing = self._open.get(line)
        if standing is None:
            for other in self._open.values():
                other.before = None  # from now on the account's equity is not this trip's alone
        elif (standing.position > 0) != (left > 0):
            left = self._close(line, standing, trade, left)
            if left == 0:
                return
            standing, equity_before = None, None  # turned: what the account was worth between is not known
        if standing is None:
            standing = _Open(line, trade.side, trade.event_time, multiplier, before=equity_before)
            self._open[line] = standing
        value = abs(left) * trade.price * multiplier
        standing.position += left
        standing.quantity += abs(left)
        standing.entry += value
        standing.parts += value

    def end_day(self, charges: Mapping[Line, E4], curve: Sequence[EquityPoint]) -> tuple[Trip, ...]:
        """The trips that closed today. `charges` is the day's note by line, `curve` its samples of equity."""
        touched: dict[Line, list[_Open]] = {}
        for trip in (*self._closed, *self._open.values()):
            if trip.parts:
                touched.setdefault(trip.line, []).append(trip)
        for line, trips in touched.items():
            _share(charges.get(line, 0), trips)
        told = tuple(_trip(each, curve) for each in self._closed)
        self._closed = []
        for trip in self._open.values():
            trip.parts, trip.before = 0, None  # tomorrow's equity begins at another level: the broker states the cash
        return told

    def _close(self, line: Line, standing: _Open, trade: TradeBooked, left: int) -> int:
        """Let the trade close what it can of the trip; what is left of the trade."""
        closing = min(abs(left), abs(standing.position))
        value = closing * trade.price * standing.multiplier
        standing.exit += value
        standing.parts += value
        sign = 1 if left > 0 else -1
        standing.position += sign * closing
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


def _trip(done: _Open, curve: Sequence[EquityPoint]) -> Trip:
    strategy, instrument, product = done.line
    gross = done.side.sign * (done.exit - done.entry)
    adverse, favourable = _excursion(done, curve, gross - done.charges)
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
        gross=gross,
        charges=done.charges,
        adverse=adverse,
        favourable=favourable,
    )


def _excursion(done: _Open, curve: Sequence[EquityPoint], net: E4) -> tuple[E4 | None, E4 | None]:
    if done.before is None:
        return None, None
    levels = [point.equity - done.before for point in curve if done.opened <= point.time <= done.closed]
    if not levels:
        return None, None
    return min(0, net, *levels), max(0, net, *levels)
