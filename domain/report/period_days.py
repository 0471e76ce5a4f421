"""The journal as a series of days: what the account was worth when each began, what it made, and who made it.

A day's result is measured from close to close. Positions carried into it count at the former close, so that a gap
overnight belongs to the day on which it showed. What was paid in or out between days is in the next day's capital and
in nobody's result.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping

from msgspec import Struct

from domain.costs import (
    ChargeableTrade,
    ChargeKind,
    Line,
    NoteBuilder,
    charge_kind,
    charge_kind_of_symbol,
)
from domain.messages.control import PortfolioSnapshot, PositionView
from domain.messages.journal import DayOpened, JournalRecord, TradeBooked
from domain.portfolio import Book
from domain.report.period_trips import Samples, Trip, TripFold
from domain.values import E4, Instrument, Product

_FUTURES = frozenset({ChargeKind.EQUITY_FUTURE, ChargeKind.CURRENCY_FUTURE, ChargeKind.COMMODITY_FUTURE})


class StoredDay(Struct, frozen=True):
    """What is kept of a day besides the journal: its end-of-day report, or the reporter's memory of it.

    closes   last price by instrument of the positions open at the end, 1/10,000 rupee
    samples  what was sampled by the minute
    """

    closes: tuple[tuple[str, E4], ...] = ()
    samples: Samples = Samples()


class LineDay(Struct, frozen=True):
    """One ledger's day. gross: profit before charges, carried positions from the former close."""

    strategy: str
    instrument: str
    product: Product
    gross: E4
    charges: E4
    turnover: E4
    trades: int


class BookedTrade(Struct, frozen=True):
    """A trade with what the tax sheet needs of its instrument."""

    trade: TradeBooked
    kind: ChargeKind
    value: E4


class DayResult(Struct, frozen=True):
    """One trading day. Money in 1/10,000 rupee.

    capital         what the account was worth when the day opened: stated cash and carried positions at the former
                    close (carried futures count nothing: their profit is in the cash already)
    exposure_max    the largest sum of absolute position values at any time, at trade prices
    closes_known    whether every position open at the end was valued at a stored closing price
    lines           ledgers that traded or held anything
    trades          all trades in order; charges and tax (STT, CTT) are by line in `charges` and `tax`
    trips           round trips that closed today
    """

    day: dt.date
    capital: E4
    gross: E4
    charges: E4
    turnover: E4
    exposure_max: E4
    closes_known: bool
    components: tuple[tuple[str, E4], ...]
    lines: tuple[LineDay, ...]
    trades: tuple[BookedTrade, ...]
    charges_by_line: Mapping[Line, E4]
    tax_by_line: Mapping[Line, E4]
    trips: tuple[Trip, ...]

    @property
    def net(self) -> E4:
        """What the day made."""
        return self.gross - self.charges

    @property
    def share(self) -> float | None:
        """The day's return: net over capital; None without capital."""
        return self.net / self.capital if self.capital > 0 else None


Stored = Callable[[str], StoredDay | None]
"""What is kept of a day (YYYY-MM-DD), if anything."""


def day_results(
    records: Iterable[JournalRecord], stored: Stored, instruments: Mapping[str, Instrument] | None = None
) -> tuple[DayResult, ...]:
    """Every day of the journal, which must be whole, from its first record.

    Raises UnknownInstrument for a trade whose multiplier is not known, RatesUnknown for a day before the tables.
    """
    fold = _Days(stored, instruments or {})
    for record in records:
        fold.apply(record)
    fold.end_day()
    return tuple(fold.results)


class _Days:
    """The fold: the real books, and beside them what a period wants and they do not keep."""

    def __init__(self, stored: Stored, instruments: Mapping[str, Instrument]) -> None:
        self.results: list[DayResult] = []
        self._stored = stored
        self._instruments = instruments
        self._book = Book(instruments)
        self._trips = TripFold()
        self._carried: dict[Line, E4] = {}
        self._note: NoteBuilder | None = None
        self._trades: list[BookedTrade] = []
        self._counts: dict[Line, tuple[E4, int]] = {}
        self._exposed: dict[str, dict[Line, tuple[int, int]]] = {}
        self._prices: dict[str, E4] = {}
        self._exposure = self._exposure_max = 0

    def apply(self, record: JournalRecord) -> None:
        event = record.event
        if isinstance(event, DayOpened) and event.day != self._book.day:
            self.end_day()
        if isinstance(event, TradeBooked):
            self._trade(record, event)
        else:
            self._book.apply(record)

    def end_day(self) -> None:
        """Close the day that is open, if one is."""
        if not self._book.day:
            return
        day = dt.date.fromisoformat(self._book.day)
        kept = self._stored(self._book.day) or StoredDay()
        closes = dict(kept.closes)
        ledgers = self._book.ledgers
        for ledger in ledgers:
            if ledger.instrument in closes:
                self._book.mark(ledger.token, closes[ledger.instrument])
        snapshot = self._book.snapshot(0)
        charges = {_line(view): view.charges for view in snapshot.positions}
        lines = tuple(self._line_day(view) for view in snapshot.positions)
        self.results.append(
            DayResult(
                day=day,
                capital=self._capital(snapshot),
                gross=sum(line.gross for line in lines),
                charges=snapshot.charges,
                turnover=snapshot.turnover,
                exposure_max=self._exposure_max,
                closes_known=all(view.instrument in closes for view in snapshot.positions if view.quantity),
                components=snapshot.charge_components,
                lines=lines,
                trades=tuple(self._trades),
                charges_by_line=charges,
                tax_by_line={} if self._note is None else self._note.tax_by_line(),
                trips=self._trips.end_day(charges, kept.samples),
            )
        )
        self._carried = {_line(view): view.unrealised for view in snapshot.positions if view.quantity}
        self._note, self._trades, self._counts = None, [], {}
        self._exposure_max = self._exposure

    def _trade(self, record: JournalRecord, trade: TradeBooked) -> None:
        before = self._flat_equity()
        if not self._book.apply(record):
            return
        self._book.mark(trade.token, trade.price)
        listed = self._instruments.get(trade.instrument)
        kind = (
            charge_kind_of_symbol(trade.instrument, trade.product)
            if listed is None
            else charge_kind(listed, trade.product)
        )
        multiplier = 1 if listed is None else listed.multiplier
        line: Line = (trade.strategy, trade.instrument, trade.product)
        booked = BookedTrade(trade, kind, trade.quantity * trade.price * multiplier)
        self._trades.append(booked)
        value, count = self._counts.get(line, (0, 0))
        self._counts[line] = value + booked.value, count + 1
        self._charge(booked, multiplier)
        note = self._book.note()
        self._trips.trade(line, trade, multiplier, before, 0 if note is None else note.total)
        self._expose(line, trade, multiplier)

    def _charge(self, booked: BookedTrade, multiplier: int) -> None:
        """A note beside the book's own, for who owes the tax in it."""
        trade = booked.trade
        if self._note is None:
            self._note = NoteBuilder(dt.date.fromisoformat(self._book.day))
        self._note.add(
            ChargeableTrade(
                order_id=trade.order_id,
                day=self._note.day,
                instrument=trade.instrument,
                exchange=trade.instrument.partition(":")[0],
                kind=booked.kind,
                product=trade.product,
                side=trade.side,
                quantity=trade.quantity,
                price=trade.price,
                strategy=trade.strategy,
                multiplier=multiplier,
                time=trade.event_time,
            )
        )

    def _flat_equity(self) -> tuple[E4, E4] | None:
        """What the account is worth now and the day's charges so far, where that needs no prices: nothing is open."""
        if not self._trips.flat:
            return None
        snapshot = self._book.snapshot(0)
        return snapshot.cash + snapshot.positions_value, snapshot.charges

    def _expose(self, line: Line, trade: TradeBooked, multiplier: int) -> None:
        held = self._exposed.setdefault(trade.instrument, {})
        former = self._prices.get(trade.instrument, 0)
        before = sum(abs(quantity) * units for quantity, units in held.values()) * former
        quantity = held.get(line, (0, multiplier))[0] + trade.side.sign * trade.quantity
        held[line] = quantity, multiplier
        self._prices[trade.instrument] = trade.price
        after = sum(abs(each) * units for each, units in held.values()) * trade.price
        self._exposure += after - before
        self._exposure_max = max(self._exposure_max, self._exposure)

    def _line_day(self, view: PositionView) -> LineDay:
        line = _line(view)
        turnover, trades = self._counts.get(line, (0, 0))
        return LineDay(
            strategy=view.strategy,
            instrument=view.instrument,
            product=view.product,
            gross=view.realised + view.unrealised - self._carried.get(line, 0),
            charges=view.charges,
            turnover=turnover,
            trades=trades,
        )

    def _capital(self, snapshot: PortfolioSnapshot) -> E4:
        stated = snapshot.opening_cash - self._book.carried_cost
        carried = sum(
            ledger.carried_cost + self._carried.get((ledger.strategy, ledger.instrument, ledger.product), 0)
            for ledger in self._book.ledgers
            if ledger.carried_quantity and not self._is_future(ledger.instrument, ledger.product)
        )
        return stated + carried

    def _is_future(self, instrument: str, product: Product) -> bool:
        listed = self._instruments.get(instrument)
        kind = charge_kind_of_symbol(instrument, product) if listed is None else charge_kind(listed, product)
        return kind in _FUTURES


def _line(view: PositionView) -> Line:
    return view.strategy, view.instrument, view.product
