"""The books of one account, folded from the journal.

Only TradeBooked moves a ledger: cumulative updates (FillSeen) never do. Whatever happens,
cash + positions_value = opening_cash + realised + unrealised - charges, exactly.

All figures are the trading day's. A position carried into the day is counted at what it had cost: `opening_cash` is the
broker's stated cash plus that cost (`carried_cost`), as if the day had begun with buying it again; `realised` and
`unrealised` are against that cost.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

from domain.costs import ChargeableTrade, ContractNote, Line, NoteBuilder, charge_kind, charge_kind_of_symbol
from domain.costs.note import NoteState
from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.control import PortfolioSnapshot, PositionView, StrategyResult
from domain.messages.journal import DayOpened, JournalRecord, TradeBooked
from domain.messages.market import PriceChanged
from domain.portfolio.ledger import Ledger, RoundTrip, carried, converted, rescale, settled, traded
from domain.portfolio.positions import NetPosition, net_positions
from domain.portfolio.sequence import SnapshotUnreadable, is_next
from domain.values import E4, Instrument, Nanos, Product, ist

_FORMAT: Final = 2
"""Raised whenever the snapshot's layout changes: an older one is refused, and the journal is folded from the start."""

SETTLEMENT_TAX: Final = "settlement_tax"
"""A component of the day's charges that comes of no trade."""


class _State(Struct, frozen=True):
    """Everything of a Book but the instruments."""

    format: int
    seq: int
    day: str
    stated: bool
    opening_cash: E4
    carried_cost: E4
    ledgers: tuple[Ledger, ...]
    round_trips: tuple[RoundTrip, ...]
    note: NoteState | None
    past: tuple[tuple[str, E4], ...]
    taxes: tuple[tuple[str, E4], ...]
    marks: tuple[tuple[int, E4], ...]


class Book:
    """Ledgers per (strategy, instrument, product), cash, charges, and the newest prices.

    instruments  the day's list by `EXCHANGE:SYMBOL`, read when a trade comes (it may be filled later). A trade in one
                 that is not listed is accounted by its symbol where that is safe, else refused (UnknownInstrument).
    """

    def __init__(self, instruments: Mapping[str, Instrument] | None = None) -> None:
        self._instruments = {} if instruments is None else instruments
        self._seq = 0
        self._day = ""
        self._stated = False
        self._opening_cash = 0
        self._carried_cost = 0
        self._ledgers: dict[Line, Ledger] = {}
        self._round_trips: list[RoundTrip] = []
        self._notes: NoteBuilder | None = None
        self._marks: dict[int, E4] = {}
        self._shares: dict[Line, E4] | None = None
        self._past: dict[str, E4] = {}
        self._taxes: dict[str, E4] = {}

    @property
    def seq(self) -> int:
        """The last record applied."""
        return self._seq

    @property
    def day(self) -> str:
        """The trading day, YYYY-MM-DD; empty before the first event."""
        return self._day

    @property
    def carried_cost(self) -> E4:
        """What the positions carried into the day had cost: the part of `opening_cash` that is not cash."""
        return self._carried_cost

    @property
    def round_trips(self) -> tuple[RoundTrip, ...]:
        """The day's finished round trips, in the order they ended."""
        return tuple(self._round_trips)

    @property
    def ledgers(self) -> tuple[Ledger, ...]:
        """Lines with a position or with trades today, ordered by strategy, instrument and product."""
        return tuple(self._ledgers[line] for line in sorted(self._ledgers, key=_order) if not self._ledgers[line].idle)

    def apply(self, record: JournalRecord) -> bool:
        """Fold one record: False if it was applied before.

        Raises SequenceGap where records are missing before it, RatesUnknown for a day before the charges tables,
        UnknownInstrument for a trade that cannot be accounted. After any of them the book is unchanged.
        """
        if not is_next(self._seq, record.seq):
            return False
        match record.event:
            case DayOpened() as opened:
                self._open_day(opened)
            case TradeBooked() as trade:
                self._book(trade)
            case PositionAdjusted() as adjusted:
                self._adjust(adjusted)
            case _:
                pass
        self._seq = record.seq
        return True

    def apply_all(self, records: Iterable[JournalRecord]) -> int:
        """Fold records in order; how many were new."""
        return sum(self.apply(record) for record in records)

    def mark(self, token: int, price: E4) -> None:
        """The newest price of an instrument, 1/10,000 rupee. One that is not positive is no price, and is ignored."""
        if price > 0:
            self._marks[token] = price

    def mark_all(self, prices: Mapping[int, PriceChanged]) -> None:
        """As `mark`, for all of them."""
        self._marks.update({token: price.last_price for token, price in prices.items() if price.last_price > 0})

    def note(self) -> ContractNote | None:
        """The day's contract note as it would stand now; None before the first day."""
        return None if self._notes is None else self._notes.note()

    def net(self) -> dict[tuple[str, Product], int]:
        """Signed quantity by (instrument, product) over all strategies, for comparing with the broker's positions."""
        total: dict[tuple[str, Product], int] = {}
        for ledger in self.ledgers:
            key = ledger.instrument, ledger.product
            total[key] = total.get(key, 0) + ledger.quantity
        return total

    def net_positions(self) -> tuple[NetPosition, ...]:
        """Positions over all strategies with the broker's formulas."""
        return net_positions(self.ledgers)

    def snapshot(self, now: Nanos) -> PortfolioSnapshot:
        """The account as it stands, valued at the newest prices (the last trade's where there is none)."""
        shares = self._charge_shares()
        views = tuple(self._view(ledger, shares) for ledger in self.ledgers)
        note = self.note()
        charges = (0 if note is None else note.total) + sum(self._taxes.values())
        bought = sum(ledger.day_buy_value for ledger in self._ledgers.values())
        sold = sum(ledger.day_sell_value for ledger in self._ledgers.values())
        return PortfolioSnapshot(
            seq=self._seq,
            time=now,
            day=self._day,
            opening_cash=self._opening_cash + self._carried_cost,
            cash=self._opening_cash - bought + sold - charges,
            positions_value=sum(ledger.value(self._price(ledger)) for ledger in self._ledgers.values()),
            realised=sum(view.realised for view in views),
            unrealised=sum(view.unrealised for view in views),
            charges=charges,
            round_trips=len(self._round_trips),
            turnover=bought + sold,
            positions=views,
            charge_components=self._components(note),
            total=sum(self._past.values()) + sum(view.realised + view.unrealised for view in views) - charges,
            strategies=tuple(self._results(views)),
        )

    def _components(self, note: ContractNote | None) -> tuple[tuple[str, E4], ...]:
        noted = () if note is None else note.components
        return (*noted, (SETTLEMENT_TAX, sum(self._taxes.values()))) if self._taxes else noted

    def _results(self, views: Iterable[PositionView]) -> Iterator[StrategyResult]:
        """Each strategy's day, its carried positions counted since they were opened: see `watermarks`."""
        nets: dict[str, E4] = dict.fromkeys(self._past, 0)
        for view in views:
            nets[view.strategy] = nets.get(view.strategy, 0) + view.realised + view.unrealised - view.charges
        opened: dict[str, int] = {}
        for ledger in self._ledgers.values():
            opened[ledger.strategy] = opened.get(ledger.strategy, 0) + ledger.day_opened
        for strategy in sorted(nets):
            losses, last = _losing(trip for trip in self._round_trips if trip.strategy == strategy)
            net = nets[strategy] - self._taxes.get(strategy, 0)
            yield StrategyResult(strategy, net, opened.get(strategy, 0), losses, last)

    @property
    def past(self) -> Mapping[str, E4]:
        """What closed days made, by strategy: realised - charges."""
        return self._past

    def marks(self) -> Mapping[int, E4]:
        """The newest prices by token."""
        return self._marks

    def encode(self, *, marks: bool = True) -> bytes:
        """The whole state. Without marks it depends on the journal alone: equal journals, equal bytes."""
        state = _State(
            format=_FORMAT,
            seq=self._seq,
            day=self._day,
            stated=self._stated,
            opening_cash=self._opening_cash,
            carried_cost=self._carried_cost,
            ledgers=tuple(self._ledgers[line] for line in sorted(self._ledgers, key=_order)),
            round_trips=tuple(self._round_trips),
            note=None if self._notes is None else self._notes.state(),
            past=tuple(sorted(self._past.items())),
            taxes=tuple(sorted(self._taxes.items())),
            marks=tuple(sorted(self._marks.items())) if marks else (),
        )
        return msgspec.json.encode(state)

    @classmethod
    def decode(cls, body: bytes, instruments: Mapping[str, Instrument] | None = None) -> Book:
        """The book that `encode` was called on. Raises SnapshotUnreadable for anything else."""
        try:
            state = msgspec.json.decode(body, type=_State)
        except msgspec.DecodeError as error:
            raise SnapshotUnreadable(f"not a snapshot of the books: {error}") from None
        if state.format != _FORMAT:
            raise SnapshotUnreadable(f"the books' snapshot has format {state.format}, this program reads {_FORMAT}")
        book = cls(instruments)
        book._seq, book._day, book._stated = state.seq, state.day, state.stated
        book._opening_cash, book._carried_cost = state.opening_cash, state.carried_cost
        book._ledgers = {_line(ledger): ledger for ledger in state.ledgers}
        book._round_trips = list(state.round_trips)
        book._notes = None if state.note is None else NoteBuilder.restore(state.note)
        book._past, book._taxes = dict(state.past), dict(state.taxes)
        book._marks = dict(state.marks)
        return book

    def _open_day(self, opened: DayOpened) -> None:
        if opened.day == self._day:
            # A restart says the day again; the first statement of its cash stands, later ones have trades in them.
            if not self._stated:
                self._opening_cash, self._stated = opened.opening_cash, True
            return
        self._begin(opened.day)
        self._opening_cash, self._stated = opened.opening_cash, True

    def _begin(self, day: str) -> None:
        notes = NoteBuilder(dt.date.fromisoformat(day))  # refuses a day before the tables, and then nothing has moved
        shares = self._charge_shares()
        for line, ledger in self._ledgers.items():
            made = ledger.day_realised - shares.get(line, 0)
            self._past[ledger.strategy] = self._past.get(ledger.strategy, 0) + made
        for strategy, tax in self._taxes.items():
            self._past[strategy] = self._past.get(strategy, 0) - tax
        self._taxes = {}
        self._notes = notes
        self._day, self._stated, self._opening_cash = day, False, 0
        self._ledgers = {line: carried(ledger) for line, ledger in self._ledgers.items() if ledger.lots}
        self._carried_cost = sum(ledger.cost for ledger in self._ledgers.values())
        self._round_trips = []
        self._shares = None

    def _book(self, trade: TradeBooked) -> None:
        if trade.quantity <= 0 or trade.price <= 0:
            raise ValueError(f"trade {trade.trade_id}: {trade.quantity} @ {trade.price} is no execution")
        if self._notes is None:
            self._begin(ist(trade.event_time).date().isoformat())
        assert self._notes is not None
        line: Line = (trade.strategy, trade.instrument, trade.product)
        listed = self._instruments.get(trade.instrument)
        ledger = self._ledgers.get(line) or self._fresh(line, trade.token)
        # Charged first: it is what may refuse, and then nothing has moved.
        self._notes.add(
            ChargeableTrade(
                trade_id=trade.trade_id,
                order_id=trade.order_id,
                # A broker gives trades of its own day alone, so one read late still belongs on the open note.
                day=self._notes.day,
                instrument=trade.instrument,
                exchange=trade.instrument.partition(":")[0],
                kind=(
                    charge_kind_of_symbol(trade.instrument, trade.product)
                    if listed is None
                    else charge_kind(listed, trade.product)
                ),
                product=trade.product,
                side=trade.side,
                quantity=trade.quantity,
                price=trade.price,
                strategy=trade.strategy,
                multiplier=ledger.multiplier,
                squared_off_by_broker=trade.squared_off_by_broker,
                time=trade.event_time,
            )
        )
        self._ledgers[line], trip = traded(ledger, trade)
        if trip is not None:
            self._round_trips.append(trip)
        self._shares = None

    def _adjust(self, adjusted: PositionAdjusted) -> None:
        line: Line = (adjusted.strategy, adjusted.instrument, adjusted.product)
        ledger = self._ledgers.get(line)
        if ledger is None and adjusted.kind is AdjustmentKind.ASSIGNMENT:
            ledger = self._fresh(line, adjusted.token)
        if ledger is None:
            raise ValueError(f"{adjusted.kind.value}: {' '.join(map(str, line))} has no position")
        match adjusted.kind:
            case AdjustmentKind.ASSIGNMENT:
                goes = adjusted.quantity - adjusted.becomes
                self._ledgers[line], trip = settled(ledger, goes, adjusted.price, adjusted.time)
                if trip is not None:
                    self._round_trips.append(trip)
            case AdjustmentKind.CORPORATE_ACTION:
                self._ledgers[line] = rescale(ledger, adjusted.becomes)
                self._marks.pop(adjusted.token, None)  # the former price is of other units
            case AdjustmentKind.CONVERSION:
                to: Line = (adjusted.strategy, adjusted.instrument, adjusted.to_product)
                target = self._ledgers.get(to) or Ledger(
                    strategy=ledger.strategy,
                    instrument=ledger.instrument,
                    token=ledger.token,
                    product=adjusted.to_product,
                    multiplier=ledger.multiplier,
                )
                self._ledgers[line], self._ledgers[to] = converted(ledger, target, adjusted.quantity)
            case AdjustmentKind.SETTLEMENT:
                self._ledgers[line], trip = settled(ledger, adjusted.quantity, adjusted.price, adjusted.time)
                self._taxes[adjusted.strategy] = self._taxes.get(adjusted.strategy, 0) + adjusted.tax
                if trip is not None:
                    self._round_trips.append(trip)

    def _fresh(self, line: Line, token: int) -> Ledger:
        strategy, instrument, product = line
        listed = self._instruments.get(instrument)
        multiplier = 1 if listed is None else listed.multiplier
        return Ledger(strategy=strategy, instrument=instrument, token=token, product=product, multiplier=multiplier)

    def _price(self, ledger: Ledger) -> E4:
        return self._marks.get(ledger.token, ledger.last_trade)

    def _charge_shares(self) -> dict[Line, E4]:
        if self._shares is None:
            self._shares = {} if self._notes is None else self._notes.allocate()
        return self._shares

    def _view(self, ledger: Ledger, shares: Mapping[Line, E4]) -> PositionView:
        price = self._price(ledger)
        return PositionView(
            strategy=ledger.strategy,
            instrument=ledger.instrument,
            token=ledger.token,
            product=ledger.product,
            quantity=ledger.quantity,
            cost=ledger.cost,
            realised=ledger.day_realised,
            last_price=price,
            unrealised=ledger.unrealised(price),
            charges=shares.get(_line(ledger), 0),
            round_trips=ledger.day_round_trips,
        )


def _losing(trips: Iterable[RoundTrip]) -> tuple[int, Nanos]:
    """Losing round trips since the last that did not lose, and when the last of them ended."""
    losses, last = 0, 0
    for trip in trips:
        losses, last = (losses + 1, trip.closed) if trip.gross < 0 else (0, 0)
    return losses, last


def _line(ledger: Ledger) -> Line:
    return ledger.strategy, ledger.instrument, ledger.product


def _order(line: Line) -> tuple[str, str, str]:
    return line[0], line[1], line[2].value
