"""The day's contract note, added up exactly while the day goes on and rounded once; and who bears which part of it.

The rule. One note per day, with a group per exchange (cash and derivatives are exchanges of their own). In each group
brokerage (per executed order), exchange charge with IPFT, SEBI fee and GST are summed exactly and rounded once, half
up, to the paisa; stamp duty is summed and rounded once, half up, to the rupee; STT is summed for each instrument, kind
and side, and each sum rounded half up to the rupee. The depository charge counts once per instrument sold out of
holdings, the square-off fee once per order of the broker's. An option exercised bears STT on its intrinsic value,
summed for each instrument and rounded half up to the rupee. The table of all this is `tables.fees.ROUNDING`.

Sums are kept as integers of 1/10,000 rupee times RATE_UNIT, so nothing is lost however many trades there are.
"""

from __future__ import annotations

import datetime as dt
from bisect import insort
from collections.abc import Iterable, Mapping
from operator import itemgetter
from typing import Final

from msgspec import Struct

from domain.costs.kinds import ChargeKind
from domain.costs.order import brokerage_scaled, stamp_rate, tax_rate
from domain.costs.rates import RATE_UNIT, Rates, exercise_rate_on, fees_on, rates_on
from domain.costs.tables.fees import ROUNDING
from domain.values import E4, Nanos, Product, Side

Line = tuple[str, str, Product]
"""(strategy, instrument key, product): who bears a charge. The strategy is empty for trades made outside."""

_Taxed = tuple[str, ChargeKind, Side | None]
"""What tax is rounded over: instrument, kind and side; no side for exercises."""

_UNITS: Final = {component: rounding.unit for component, rounding in ROUNDING.items()}
_DELIVERY: Final = ChargeKind.EQUITY_DELIVERY

_FULL: Final = 100 * RATE_UNIT
"""Scale of weights: room for GST's hundredths on top of RATE_UNIT."""


class ChargeableTrade(Struct, frozen=True):
    """One execution as the tariff sees it.

    instrument             `EXCHANGE:SYMBOL`
    quantity, price        units (positive) and 1/10,000 rupee
    multiplier             rupees of value per unit and rupee of price
    strategy               who bears the charge; empty for a trade made outside
    squared_off_by_broker  the broker closed the position itself, and charges for it
    value                  what it was worth, 1/10,000 rupee, where the price is a rounded average; 0: by the price
    time                   of the execution at the exchange; 0: after all that were counted before
    """

    order_id: str
    day: dt.date
    instrument: str
    exchange: str
    kind: ChargeKind
    product: Product
    side: Side
    quantity: int
    price: E4
    strategy: str
    multiplier: int = 1
    squared_off_by_broker: bool = False
    trade_id: str = ""
    value: E4 = 0
    time: Nanos = 0

    @property
    def turnover(self) -> E4:
        """Value traded."""
        return self.value or self.quantity * self.price * self.multiplier


class Exercise(Struct, frozen=True):
    """Options held to expiry and exercised: what the tax on it rests on.

    intrinsic_value  what the options were worth against the settlement price, 1/10,000 rupee, positive
    """

    day: dt.date
    instrument: str
    kind: ChargeKind
    product: Product
    strategy: str
    intrinsic_value: E4


class ContractNote(Struct, frozen=True):
    """A day's charges, rounded, in 1/10,000 rupee. `exchange` includes IPFT; `dp` and `square_off` include GST."""

    day: dt.date
    brokerage: E4 = 0
    stt: E4 = 0
    exchange: E4 = 0
    sebi: E4 = 0
    gst: E4 = 0
    stamp: E4 = 0
    dp: E4 = 0
    square_off: E4 = 0

    @property
    def total(self) -> E4:
        """The sum of the components."""
        return self.brokerage + self.stt + self.exchange + self.sebi + self.gst + self.stamp + self.dp + self.square_off

    @property
    def components(self) -> tuple[tuple[str, E4], ...]:
        """(name, amount) of every component, in the note's order."""
        return (
            ("brokerage", self.brokerage),
            ("stt", self.stt),
            ("exchange", self.exchange),
            ("sebi", self.sebi),
            ("gst", self.gst),
            ("stamp", self.stamp),
            ("dp", self.dp),
            ("square_off", self.square_off),
        )


COMPONENTS: Final = tuple(name for name, _ in ContractNote(dt.date.min).components)
"""Names of the components, in the note's order."""


class NoteEntry(Struct, frozen=True, array_like=True):
    """What one order did for one line: all that has to be kept of a day, for a snapshot."""

    exchange: str
    order_id: str
    instrument: str
    kind: ChargeKind
    product: Product
    side: Side
    strategy: str
    quantity: int
    turnover: E4
    squared_off: bool


class NoteState(Struct, frozen=True):
    """A note in progress, for a snapshot.

    holdings_sold  instruments that bear the depository charge
    deliveries     (instrument, time, signed units) of each delivery trade, in the order of execution
    """

    day: dt.date
    entries: tuple[NoteEntry, ...]
    holdings_sold: tuple[str, ...]
    exercises: tuple[Exercise, ...] = ()
    deliveries: tuple[tuple[str, Nanos, int], ...] = ()


class _Group(Struct):
    """Running sums of one exchange, in 1/10,000 rupee times RATE_UNIT."""

    brokerage: int = 0
    exchange: int = 0
    ipft: int = 0
    sebi: int = 0
    stamp: int = 0


class _Order(Struct):
    """Turnover of one order so far, and by the line that bears it (one line, but for allocated broker exits)."""

    turnover: E4 = 0
    brokerage: int = 0
    by_line: dict[Line, E4] = {}


class NoteBuilder:
    """A day's contract note in the making. Adding a trade costs the same however many came before, but for delivery."""

    def __init__(self, day: dt.date) -> None:
        """Raises RatesUnknown for a day before the tables."""
        self._fees = fees_on(day)
        self.day = day
        self._rates: dict[tuple[str, ChargeKind], Rates] = {}
        self._groups: dict[str, _Group] = {}
        self._orders: dict[tuple[str, str], _Order] = {}
        self._square_offs: set[tuple[str, str]] = set()
        self._deliveries: dict[str, list[tuple[Nanos, int]]] = {}
        self._sold: dict[str, dict[Line, int]] = {}
        self._holdings_sold: set[str] = set()
        self._weights: dict[Line, int] = {}
        self._tax: dict[_Taxed, dict[Line, int]] = {}
        self._exercises: list[Exercise] = []
        self._entries: dict[tuple[str, str, Line, Side], NoteEntry] = {}

    def add(self, trade: ChargeableTrade) -> None:
        """Count one trade, once. Raises ValueError for another day's, RatesUnknown where there is no tariff."""
        if trade.day != self.day:
            raise ValueError(f"a trade of {trade.day} does not belong on the note of {self.day}")
        if trade.quantity <= 0 or trade.price <= 0:
            raise ValueError(f"a trade needs a positive quantity and price: {trade.quantity} @ {trade.price}")
        entry = NoteEntry(
            exchange=trade.exchange,
            order_id=trade.order_id,
            instrument=trade.instrument,
            kind=trade.kind,
            product=trade.product,
            side=trade.side,
            strategy=trade.strategy,
            quantity=trade.quantity,
            turnover=trade.turnover,
            squared_off=trade.squared_off_by_broker,
        )
        self._count(entry)
        if entry.kind is _DELIVERY:
            self._note_delivery(entry.instrument, trade.time, trade.side.sign * trade.quantity)

    def exercise(self, exercised: Exercise) -> None:
        """Count an exercise, once. Raises ValueError for another day's, RatesUnknown for what bears no such tax."""
        if exercised.day != self.day:
            raise ValueError(f"an exercise on {exercised.day} does not belong on the note of {self.day}")
        if exercised.intrinsic_value <= 0:
            raise ValueError(f"{exercised.instrument}: an option without value is not exercised")
        tax = exercise_rate_on(self.day, exercised.kind) * exercised.intrinsic_value
        line: Line = (exercised.strategy, exercised.instrument, exercised.product)
        self._bear_tax((exercised.instrument, exercised.kind, None), line, tax)
        self._weights[line] = self._weights.get(line, 0) + 100 * tax
        self._exercises.append(exercised)

    def note(self) -> ContractNote:
        """The note as it would stand now."""
        brokerage = exchange = sebi = gst = stamp = 0
        for group in self._groups.values():
            brokerage += _rounded("brokerage", group.brokerage)
            exchange += _rounded("exchange", group.exchange + group.ipft)
            sebi += _rounded("sebi", group.sebi)
            base = group.brokerage + group.exchange + group.sebi
            gst += _rounded("gst", self._fees.gst_percent * base, 100)
            stamp += _rounded("stamp", group.stamp)
        return ContractNote(
            day=self.day,
            brokerage=brokerage,
            stt=sum([_rounded("stt", sum(bearers.values())) for bearers in self._tax.values()]),
            exchange=exchange,
            sebi=sebi,
            gst=gst,
            stamp=stamp,
            dp=self._fees.dp * len(self._holdings_sold),
            square_off=self._fees.square_off * len(self._square_offs),
        )

    def allocate(self) -> dict[Line, E4]:
        """The note's total by line, in proportion to unrounded charges; the parts sum exactly to the total."""
        weights = dict(self._weights)
        fees = [(self._fees.square_off, self._orders[order].by_line) for order in self._square_offs]
        fees += [(self._fees.dp, self._sold[instrument]) for instrument in self._holdings_sold]
        for fee, bearers in fees:
            whole = sum(bearers.values())
            for line, part in bearers.items():
                weights[line] = weights.get(line, 0) + fee * _FULL * part // whole
        return _largest_remainder(self.note().total, weights)

    def tax_by_line(self) -> dict[Line, E4]:
        """The note's STT and CTT by line, in proportion to what each owes unrounded; the parts sum exactly to it."""
        shares: dict[Line, E4] = {}
        for bearers in self._tax.values():
            whole = _rounded("stt", sum(bearers.values()))
            for line, amount in _largest_remainder(whole, bearers).items():
                shares[line] = shares.get(line, 0) + amount
        return shares

    def by_strategy(self) -> dict[str, E4]:
        """The note's total by strategy: the sums of `allocate`."""
        shares: dict[str, E4] = {}
        for (strategy, _, _), amount in self.allocate().items():
            shares[strategy] = shares.get(strategy, 0) + amount
        return shares

    def state(self) -> NoteState:
        """All that has to be kept; the same trades in whatever order give the same state."""
        entries = sorted(
            self._entries.values(),
            key=lambda e: (e.exchange, e.order_id, e.strategy, e.instrument, e.product.value, e.side.value),
        )
        exercises = sorted(
            self._exercises, key=lambda e: (e.instrument, e.strategy, e.product.value, e.intrinsic_value)
        )
        deliveries = [(name, *each) for name in sorted(self._deliveries) for each in self._deliveries[name]]
        sold = tuple(sorted(self._holdings_sold))
        return NoteState(self.day, tuple(entries), sold, tuple(exercises), tuple(deliveries))

    @classmethod
    def restore(cls, state: NoteState) -> NoteBuilder:
        """A builder that goes on where `state` was taken."""
        builder = cls(state.day)
        for entry in state.entries:
            builder._count(entry)
        for exercised in state.exercises:
            builder.exercise(exercised)
        for instrument, time, signed in state.deliveries:
            builder._note_delivery(instrument, time, signed)
        builder._holdings_sold |= set(state.holdings_sold)  # of a snapshot that did not have the deliveries
        return builder

    def _count(self, entry: NoteEntry) -> None:
        of = entry.exchange, entry.kind
        rates = self._rates.get(of)
        if rates is None:
            rates = self._rates[of] = rates_on(self.day, *of)
        group = self._groups.get(entry.exchange)
        if group is None:
            group = self._groups[entry.exchange] = _Group()
        line: Line = (entry.strategy, entry.instrument, entry.product)
        value = entry.turnover

        own, ipft, sebi = rates.exchange * value, rates.ipft * value, rates.sebi * value
        stamp, tax = stamp_rate(rates, entry.side) * value, tax_rate(rates, entry.side) * value
        group.exchange += own
        group.ipft += ipft
        group.sebi += sebi
        group.stamp += stamp
        if tax:
            self._bear_tax((entry.instrument, entry.kind, entry.side), line, tax)
        weight = 100 * (own + ipft + sebi + stamp + tax) + self._fees.gst_percent * (own + sebi)
        self._weights[line] = self._weights.get(line, 0) + weight

        order = self._orders.get((entry.exchange, entry.order_id))
        if order is None:
            order = self._orders[entry.exchange, entry.order_id] = _Order()
        else:
            self._weigh_brokerage(order, -1)
            group.brokerage -= order.brokerage
        order.turnover += value
        order.by_line[line] = order.by_line.get(line, 0) + value
        order.brokerage = brokerage_scaled(rates, order.turnover)
        group.brokerage += order.brokerage
        self._weigh_brokerage(order, +1)

        if entry.squared_off:
            self._square_offs.add((entry.exchange, entry.order_id))
        if entry.kind is _DELIVERY and entry.side is Side.SELL:
            sellers = self._sold.setdefault(entry.instrument, {})
            sellers[line] = sellers.get(line, 0) + entry.quantity
        self._keep(entry, line)

    def _bear_tax(self, taxed: _Taxed, line: Line, tax: int) -> None:
        bearers = self._tax.setdefault(taxed, {})
        bearers[line] = bearers.get(line, 0) + tax

    def _weigh_brokerage(self, order: _Order, sign: int) -> None:
        """Add or take away an order's brokerage, with its GST, from the lines that share it."""
        for line, value in order.by_line.items():
            share = (100 + self._fees.gst_percent) * order.brokerage * value // order.turnover
            self._weights[line] = self._weights.get(line, 0) + sign * share

    def _note_delivery(self, instrument: str, time: Nanos, signed: int) -> None:
        """A delivery sale beyond what was bought before it on the day comes out of holdings, and stays so for the day.

        By the time of the executions: a trade may be told of before an earlier one.
        """
        of_day = self._deliveries.setdefault(instrument, [])
        time = time or (of_day[-1][0] if of_day else 0)
        insort(of_day, (time, signed), key=itemgetter(0))
        held, least = 0, 0
        for _, units in of_day:
            held += units
            least = min(least, held)
        if least < 0:
            self._holdings_sold.add(instrument)
        else:
            self._holdings_sold.discard(instrument)

    def _keep(self, entry: NoteEntry, line: Line) -> None:
        key = (entry.exchange, entry.order_id, line, entry.side)
        known = self._entries.get(key)
        if known is None:
            self._entries[key] = entry
        else:
            self._entries[key] = NoteEntry(
                *key[:2],
                entry.instrument,
                entry.kind,
                entry.product,
                entry.side,
                entry.strategy,
                known.quantity + entry.quantity,
                known.turnover + entry.turnover,
                known.squared_off or entry.squared_off,
            )


def contract_note(trades: Iterable[ChargeableTrade], day: dt.date) -> ContractNote:
    """The note of one day's trades. Raises ValueError for a trade of another day, RatesUnknown where none are known."""
    builder = NoteBuilder(day)
    for trade in trades:
        builder.add(trade)
    return builder.note()


def allocate(note: ContractNote, trades: Iterable[ChargeableTrade]) -> dict[str, E4]:
    """The note's total by strategy. Raises ValueError where the note is not the note of these trades."""
    builder = NoteBuilder(note.day)
    for trade in trades:
        builder.add(trade)
    if builder.note() != note:
        raise ValueError(f"the note of {note.day} was not made from these trades")
    return builder.by_strategy()


def _rounded(component: str, amount: int, divisor: int = 1) -> E4:
    """`amount` (1/10,000 rupee times RATE_UNIT and `divisor`) by the component's rule, halves up; never negative."""
    unit = _UNITS[component]
    whole = RATE_UNIT * divisor * unit
    return (2 * amount + whole) // (2 * whole) * unit


def _line_order(line: Line) -> tuple[str, str, str]:
    return line[0], line[1], line[2].value


def _largest_remainder(total: E4, weights: Mapping[Line, int]) -> dict[Line, E4]:
    """Split `total` in proportion to the weights, to the last unit; ties go to the line that sorts first."""
    whole = sum(weights.values())
    if whole == 0:
        if total:
            raise ValueError(f"a note of {total} has no line to bear it")
        return dict.fromkeys(weights, 0)
    shares, remainders = {}, []
    for line, weight in weights.items():
        shares[line], remainder = divmod(total * weight, whole)
        remainders.append((-remainder, _line_order(line), line))
    missing = total - sum(shares.values())
    for _, _, line in sorted(remainders)[:missing]:
        shares[line] += 1
    return shares
