"""The tax sheet: every closed lot under its head, the way an Indian accountant sorts a trader's year.

It states facts, not tax: turnover, profit and charges by head, and each closed lot with its dates. Lots are matched
first in, first out for the account as a whole (not per strategy): that is the law for shares in one depository
account, and harmless elsewhere. The rules:

- Shares bought and sold on one day are speculative (Income-tax Act 43(5)): no delivery. Within a day each product is
  matched by itself first. What is left over at the day's end was delivered, whatever its product was called.
- Shares delivered are capital assets: long-term when sold more than twelve months after the day of purchase (listed
  shares, sections 111A and 112A). STT is no deduction from a capital gain (section 48).
- Futures and options on exchanges are business, not speculation (43(5), provisos d and e).
- Turnover of speculation and of derivatives is the sum of profits and losses, each taken positive, by closed lot. The
  premium of options sold is not added again, since it is in the result already (ICAI guidance note on tax audit,
  revised 2022); it is stated apart for whoever follows the older reading.
- Charges belong to the trade that caused them, and count when its lot is closed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

from domain.costs import ChargeKind, Line
from domain.report.period_days import BookedTrade, DayResult
from domain.values import E4, Side


class Head(Enum):
    """Where a result belongs. The value is its name for people."""

    INTRADAY = "Intraday shares (speculative business)"
    FUTURES = "Futures on shares and indices (business)"
    OPTIONS = "Options on shares and indices (business)"
    CURRENCY = "Currency derivatives (business)"
    COMMODITY = "Commodity derivatives (business)"
    SHORT_TERM = "Shares held up to twelve months (short-term gains)"
    LONG_TERM = "Shares held longer than twelve months (long-term gains)"

    @property
    def is_business(self) -> bool:
        """Not a capital gain: all charges are expenses, and turnover is the sum of absolute results."""
        return self not in (Head.SHORT_TERM, Head.LONG_TERM)


_HEADS: Final = {
    ChargeKind.EQUITY_FUTURE: Head.FUTURES,
    ChargeKind.EQUITY_OPTION: Head.OPTIONS,
    ChargeKind.CURRENCY_FUTURE: Head.CURRENCY,
    ChargeKind.CURRENCY_OPTION: Head.CURRENCY,
    ChargeKind.COMMODITY_FUTURE: Head.COMMODITY,
    ChargeKind.COMMODITY_OPTION: Head.COMMODITY,
}
_OPTIONS: Final = frozenset({ChargeKind.EQUITY_OPTION, ChargeKind.CURRENCY_OPTION, ChargeKind.COMMODITY_OPTION})
"""What is sold for a premium."""


class ClosedLot(Struct, frozen=True):
    """A purchase and a sale that belong together. Money in 1/10,000 rupee.

    opened, closed  days of the earlier and the later of the two; a short sale opens with its sale
    charges         of both trades, without `tax` (STT or CTT)
    premium         of an option sold; 0 for anything else
    """

    head: Head
    instrument: str
    opened: dt.date
    closed: dt.date
    quantity: int
    cost: E4
    proceeds: E4
    charges: E4
    tax: E4
    premium: E4 = 0

    @property
    def gross(self) -> E4:
        """Proceeds less cost."""
        return self.proceeds - self.cost

    @property
    def days(self) -> int:
        """Days held."""
        return (self.closed - self.opened).days

    @property
    def result(self) -> E4:
        """What counts for tax: after charges, and after STT or CTT where that is an expense."""
        return self.gross - self.charges - (self.tax if self.head.is_business else 0)


class OpenLot(Struct, frozen=True):
    """What was open at the end of the period: signed units and their value when opened, multiplier included."""

    instrument: str
    opened: dt.date
    quantity: int
    value: E4
    days: int


class Unmatched(Struct, frozen=True):
    """Shares sold whose purchase the journal does not know: their cost, and so their gain, is for the accountant."""

    instrument: str
    sold: dt.date
    quantity: int
    proceeds: E4


class HeadTotal(Struct, frozen=True):
    """Sums of one head. `turnover`: absolute results for business, proceeds for capital gains.

    premium_sold  proceeds of options sold: what the older reading of options turnover adds
    """

    head: Head
    lots: int
    turnover: E4
    cost: E4
    proceeds: E4
    gross: E4
    charges: E4
    tax: E4
    result: E4
    profits: E4
    losses: E4
    premium_sold: E4 = 0


class TaxSheet(Struct, frozen=True):
    """A period's lots by head, and what is open or unknown at its end."""

    heads: tuple[HeadTotal, ...]
    lots: tuple[ClosedLot, ...]
    open_lots: tuple[OpenLot, ...]
    unmatched: tuple[Unmatched, ...]


def tax_sheet(days: Sequence[DayResult], start: dt.date, end: dt.date) -> TaxSheet:
    """The sheet of the lots closed from `start` to `end`, both counted.

    `days` is the whole journal: lots opened before the period are closed in it.
    """
    matching = _Matching()
    for day in days:
        if day.day <= end:
            matching.day(day)
    lots = tuple(lot for lot in matching.closed if start <= lot.closed)
    return TaxSheet(
        heads=tuple(_total(head, [lot for lot in lots if lot.head is head]) for head in Head),
        lots=lots,
        open_lots=tuple(matching.still_open(end)),
        unmatched=tuple(each for each in matching.unmatched if start <= each.sold),
    )


def is_long_term(bought: dt.date, sold: dt.date) -> bool:
    """More than twelve months: sold after the day one year on (29 February: after 28 February)."""
    try:
        anniversary = bought.replace(year=bought.year + 1)
    except ValueError:
        anniversary = dt.date(bought.year + 1, 2, 28)
    return sold > anniversary


def _head(opened: dt.date, closed: dt.date) -> Head:
    if opened == closed:
        return Head.INTRADAY  # of different products, but what was bought and sold on one day nobody delivered
    return Head.LONG_TERM if is_long_term(opened, closed) else Head.SHORT_TERM


class _Piece(Struct):
    """Part of a trade: positive units with what they were worth and bore."""

    day: dt.date
    side: Side
    quantity: int
    value: E4
    charges: E4
    tax: E4

    def take(self, quantity: int) -> _Piece:
        """Cut this many units off; the shares of money are rounded down, and what is left over stays here."""
        part = _Piece(
            self.day,
            self.side,
            quantity,
            self.value * quantity // self.quantity,
            self.charges * quantity // self.quantity,
            self.tax * quantity // self.quantity,
        )
        self.quantity -= part.quantity
        self.value -= part.value
        self.charges -= part.charges
        self.tax -= part.tax
        return part


class _Matching:
    """First in, first out, by instrument; shares delivered and derivatives wait here for what closes them."""

    def __init__(self) -> None:
        self.closed: list[ClosedLot] = []
        self.unmatched: list[Unmatched] = []
        self._delivered: dict[str, list[_Piece]] = defaultdict(list)
        self._contracts: dict[tuple[str, ChargeKind], list[_Piece]] = defaultdict(list)

    def day(self, result: DayResult) -> None:
        """One day's trades."""
        within: dict[tuple[str, str], list[_Piece]] = defaultdict(list)
        for booked, piece in _pieces(result):
            instrument = booked.trade.instrument
            head = _HEADS.get(booked.kind)
            if head is None:
                self._match(Head.INTRADAY, booked, within[instrument, booked.trade.product.value], piece)
            else:
                self._match(head, booked, self._contracts[instrument, booked.kind], piece)
        for (instrument, _), left in within.items():
            for piece in left:
                self._deliver(instrument, piece)

    def still_open(self, end: dt.date) -> Iterable[OpenLot]:
        """Every lot that nothing has closed."""
        waiting = [(instrument, pieces) for (instrument, _), pieces in self._contracts.items()]
        for instrument, pieces in sorted([*self._delivered.items(), *waiting], key=lambda each: each[0]):
            for piece in pieces:
                yield OpenLot(
                    instrument, piece.day, piece.side.sign * piece.quantity, piece.value, (end - piece.day).days
                )

    def _deliver(self, instrument: str, piece: _Piece) -> None:
        held = self._delivered[instrument]
        if piece.side is Side.BUY:
            held.append(piece)
            return
        while piece.quantity and held:
            self._close_first(None, instrument, held, piece)
        if piece.quantity:
            self.unmatched.append(Unmatched(instrument, piece.day, piece.quantity, piece.value))

    def _match(self, head: Head, booked: BookedTrade, waiting: list[_Piece], piece: _Piece) -> None:
        while piece.quantity and waiting and waiting[0].side is not piece.side:
            self._close_first(head, booked.trade.instrument, waiting, piece, option=booked.kind in _OPTIONS)
        if piece.quantity:
            waiting.append(piece)

    def _close_first(
        self, head: Head | None, instrument: str, waiting: list[_Piece], piece: _Piece, *, option: bool = False
    ) -> None:
        """Close what can be of the oldest lot. Without a head it is a delivered lot, and its age decides."""
        units = min(piece.quantity, waiting[0].quantity)
        first, last = waiting[0].take(units), piece.take(units)
        if not waiting[0].quantity:
            waiting.pop(0)
        bought, sold = (first, last) if first.side is Side.BUY else (last, first)
        if head is None:
            head = _head(first.day, last.day)
        self.closed.append(
            ClosedLot(
                head=head,
                instrument=instrument,
                opened=first.day,
                closed=last.day,
                quantity=units,
                cost=bought.value,
                proceeds=sold.value,
                charges=first.charges + last.charges,
                tax=first.tax + last.tax,
                premium=sold.value if option else 0,
            )
        )


def _pieces(result: DayResult) -> Iterable[tuple[BookedTrade, _Piece]]:
    """The day's trades with their parts of their line's charges, by value; what rounding leaves goes to the last."""
    by_line: dict[Line, list[BookedTrade]] = defaultdict(list)
    for booked in result.trades:
        by_line[_line(booked)].append(booked)
    shares: dict[int, tuple[E4, E4]] = {}
    for line, trades in by_line.items():
        whole, tax = result.charges_by_line.get(line, 0), result.tax_by_line.get(line, 0)
        others = _split(whole - tax, [each.value for each in trades])
        taxes = _split(tax, [each.value * _bears_tax(each) for each in trades])
        shares |= {id(each): pair for each, pair in zip(trades, zip(others, taxes, strict=True), strict=True)}
    for booked in result.trades:
        charges, tax = shares[id(booked)]
        trade = booked.trade
        yield booked, _Piece(result.day, trade.side, trade.quantity, booked.value, charges, tax)


def _bears_tax(booked: BookedTrade) -> int:
    """1 for a trade that pays STT or CTT: both sides of delivery, otherwise sales alone."""
    return int(booked.kind is ChargeKind.EQUITY_DELIVERY or booked.trade.side is Side.SELL)


def _split(amount: E4, weights: Sequence[int]) -> list[E4]:
    whole = sum(weights)
    if whole == 0:
        return [0 for _ in weights[:-1]] + [amount]
    parts = [amount * weight // whole for weight in weights]
    last = max(index for index, weight in enumerate(weights) if weight)
    parts[last] += amount - sum(parts)
    return parts


def _line(booked: BookedTrade) -> Line:
    return booked.trade.strategy, booked.trade.instrument, booked.trade.product


def _total(head: Head, lots: Sequence[ClosedLot]) -> HeadTotal:
    proceeds = sum(lot.proceeds for lot in lots)
    absolute = sum(abs(lot.gross) for lot in lots)
    results = [lot.result for lot in lots]
    return HeadTotal(
        head=head,
        lots=len(lots),
        turnover=absolute if head.is_business else proceeds,
        cost=sum(lot.cost for lot in lots),
        proceeds=proceeds,
        gross=sum(lot.gross for lot in lots),
        charges=sum(lot.charges for lot in lots),
        tax=sum(lot.tax for lot in lots),
        result=sum(results),
        profits=sum(each for each in results if each > 0),
        losses=sum(each for each in results if each < 0),
        premium_sold=sum(lot.premium for lot in lots),
    )
