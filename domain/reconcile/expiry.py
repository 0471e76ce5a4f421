"""Contracts that end while they are held: settled in our books at the exchange's price, where the broker shows it.

A broker closes what is held in a contract at its last session's end without an order and without a trade: its row goes
flat, and the value of the closing side grows by the settlement. What grew, divided by the units, is the price. Where
it does not come out so (another size, a side that carried units stand on, a price that is not whole), nothing is
settled: the difference is named like any other, and a person says the price (`adjust settle`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple

from msgspec import Struct

from domain.costs import NoteBuilder, charge_kind
from domain.costs.note import Exercise
from domain.errors import CalendarUnknown, RatesUnknown
from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.broker import BrokerPosition
from domain.ports import Calendar
from domain.reconcile.books import Books, DayTrades, Line
from domain.values import E4, Instrument, InstrumentKind, Nanos, Product, rupees

DERIVATIVES: Final = ("NFO", "BFO", "CDS", "BCD", "MCX")
WHO: Final = "exchange"


Ends = Callable[[Instrument], Nanos | None]
"""When the last session of a contract is over, market time; None: it has no end, or its day's table is missing."""


class Contracts(NamedTuple):
    """What is known of contracts that end.

    listed  `EXCHANGE:SYMBOL` of every contract on today's list; empty: not known
    """

    ends: Ends
    listed: frozenset[str]


UNKNOWN_CONTRACTS: Final = Contracts(lambda _instrument: None, frozenset())


def ends_by(calendar: Calendar) -> Ends:
    """By the calendar of sessions."""

    def ends(instrument: Instrument) -> Nanos | None:
        try:
            hours = None if instrument.expiry is None else calendar.hours(instrument.expiry, instrument.session)
        except CalendarUnknown:
            return None
        return None if hours is None else hours[1]

    return ends


class Settlement(Struct, frozen=True):
    """What the broker's row says of one line: so many signed units have ended at this price."""

    instrument: Instrument
    product: Product
    units: int
    price: E4

    @property
    def line(self) -> Line:
        """Whose it is."""
        return self.instrument.key, self.product


def settlements(
    books: Books,
    rows: Iterable[BrokerPosition],
    instruments: Mapping[str, Instrument],
    ends: Ends,
    moving: AbstractSet[str],
    now: Nanos,
) -> list[Settlement]:
    """Lines of ours whose contract has ended and whose settlement the broker's row shows."""
    theirs = {(f"{row.exchange}:{row.symbol}", row.product): row for row in rows}
    found = []
    for line in sorted(books.lines(), key=lambda each: (each[0], each[1].value)):
        instrument, row, held = instruments.get(line[0]), theirs.get(line), books.position(line)
        if not held or instrument is None or row is None:
            continue
        over = ends(instrument)
        if over is not None and now >= over:
            price = _price(books, line, row, instrument, held)
            if price is not None and line[0] not in moving:
                found.append(Settlement(instrument, line[1], held, price))
    return found


def settled(books: Books, settlement: Settlement, day: dt.date, now: Nanos) -> list[PositionAdjusted]:
    """The line's ledgers are closed at the price, each with its share of the tax on an exercise."""
    instrument = settlement.instrument
    owners = books.owners(settlement.line)
    taxes = _taxes(settlement, owners, day)
    return [
        PositionAdjusted(
            kind=AdjustmentKind.SETTLEMENT,
            strategy=owner,
            instrument=instrument.key,
            token=instrument.token,
            product=settlement.product,
            quantity=units,
            becomes=0,
            to_product=settlement.product,
            who=WHO,
            why=f"the contract has ended at {rupees(settlement.price)}, as the broker's positions show it",
            time=now,
            price=settlement.price,
            tax=taxes.get(owner, 0),
        )
        for owner, units in sorted(owners.items())
    ]


def has_gone(line: Line, listed: AbstractSet[str]) -> bool:
    """Whether a contract is not on today's list: it has expired. An unknown (empty) list says nothing."""
    return bool(listed) and line[0].partition(":")[0] in DERIVATIVES and line[0] not in listed


def _price(books: Books, line: Line, row: BrokerPosition, instrument: Instrument, held: int) -> E4 | None:
    today, carried = books.today.get(line, DayTrades()), sum(books.carried(line).values())
    if row.quantity or carried * held < 0 or books.adopted(line):
        return None  # adopted units are in no ledger that could be closed
    if held > 0:
        units, value = row.sell_quantity - today.sell_quantity, row.sell_value - today.sell_value * row.multiplier
    else:
        units, value = row.buy_quantity - today.buy_quantity, row.buy_value - today.buy_value * row.multiplier
    if units != abs(held) or value < 0 or row.multiplier != instrument.multiplier:
        return None
    price, rest = divmod(value, units * row.multiplier)
    return None if rest else price


def _taxes(settlement: Settlement, owners: Mapping[str, int], day: dt.date) -> dict[str, E4]:
    """The holder of an option pays on its intrinsic value; futures, and options sold, bear none."""
    instrument, note = settlement.instrument, NoteBuilder(day)
    if instrument.kind not in (InstrumentKind.CALL, InstrumentKind.PUT) or not settlement.price:
        return {}
    try:
        for owner, units in owners.items():
            if units > 0:
                value = units * settlement.price * instrument.multiplier
                kind = charge_kind(instrument, settlement.product)
                note.exercise(Exercise(day, instrument.key, kind, settlement.product, owner, value))
    except RatesUnknown:  # commodities and currencies: no such tax
        return {}
    return {line[0]: tax for line, tax in note.tax_by_line().items()}
