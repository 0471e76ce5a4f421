"""The account of the event engine: ledgers, cash and charges by the same domain functions as the live books."""

from __future__ import annotations

from collections.abc import Mapping

from domain.costs.kinds import charge_kind
from domain.costs.note import ChargeableTrade, NoteBuilder
from domain.messages.journal import TradeBooked
from domain.portfolio.ledger import Ledger, carried, traded
from domain.risk.facts import StrategyStands
from domain.values import E4, Instrument, Nanos, Product
from research.data.days import date_of
from research.records import DayRow
from research.settings import STRATEGY, Charges


class Account:
    """Cash, one ledger per instrument, and the day's charges."""

    def __init__(self, cash: E4, product: Product, charges: Charges, instruments: Mapping[int, Instrument]) -> None:
        self._product = product
        self._charges = charges
        self._instruments = instruments
        self._kinds = (
            {token: charge_kind(each, product) for token, each in instruments.items()} if charges.flat is None else {}
        )
        self._ledgers: dict[int, Ledger] = {}
        self._marks: dict[int, E4] = {}
        self._units: dict[int, int] = {}  # signed units times multiplier, of what is held
        self._opening = cash
        self._carried_cost = 0
        self._flow = 0  # sold less bought today
        self._note: NoteBuilder | None = None
        self._owed: E4 | None = 0
        self._flat_orders: set[str] = set()
        self._trades = 0
        self._losses = 0
        self._last_loss: Nanos = 0

    def open_day(self, number: int) -> None:
        """A new day: former figures are settled into the opening cash."""
        self._opening = self.cash
        self._flow = 0
        self._ledgers = {token: carried(each) for token, each in self._ledgers.items() if each.lots}
        self._carried_cost = sum(each.cost for each in self._ledgers.values())
        self._flat_orders.clear()
        self._trades = self._losses = self._last_loss = 0
        self._owed = 0
        self._note = NoteBuilder(self._charges.on(date_of(number))) if self._charges.flat is None else None

    def book(self, trade: TradeBooked) -> int:
        """One execution, once; answers with the signed units held after it."""
        instrument = self._instruments[trade.token]
        if self._note is None:
            self._flat_orders.add(trade.order_id)
        else:
            self._note.add(
                ChargeableTrade(
                    order_id=trade.order_id,
                    day=self._note.day,
                    instrument=trade.instrument,
                    exchange=instrument.exchange,
                    kind=self._kinds[trade.token],
                    product=self._product,
                    side=trade.side,
                    quantity=trade.quantity,
                    price=trade.price,
                    strategy=STRATEGY,
                    multiplier=instrument.multiplier,
                )
            )
        self._owed = None
        ledger = self._ledgers.get(trade.token) or Ledger(
            strategy=STRATEGY,
            instrument=trade.instrument,
            token=trade.token,
            product=self._product,
            multiplier=instrument.multiplier,
        )
        after, trip = traded(ledger, trade)
        self._ledgers[trade.token] = after
        held = after.quantity
        if held:
            self._units[trade.token] = held * instrument.multiplier
        else:
            self._units.pop(trade.token, None)
        self._flow -= trade.side.sign * trade.quantity * trade.price * instrument.multiplier
        if not ledger.lots:
            self._trades += 1
        if trip is not None:
            self._losses = self._losses + 1 if trip.gross < 0 else 0
            self._last_loss = trip.closed if trip.gross < 0 else self._last_loss
        return held

    def mark(self, token: int, price: E4) -> None:
        """The newest price."""
        self._marks[token] = price

    def quantity(self, token: int) -> int:
        """Signed units held."""
        units = self._units.get(token)
        return 0 if units is None else units // self._instruments[token].multiplier

    @property
    def held(self) -> bool:
        """Something is."""
        return bool(self._units)

    @property
    def charges(self) -> E4:
        """The day's, as its note would stand now."""
        if self._owed is None:
            self._owed = (
                (self._charges.flat or 0) * len(self._flat_orders) if self._note is None else self._note.note().total
            )
        return self._owed

    @property
    def cash(self) -> E4:
        """What the account has, charges of the day taken off."""
        return self._opening + self._flow - self.charges

    @property
    def worth(self) -> E4:
        """Cash and positions at the newest prices: what may carry margin."""
        owed = self._owed
        total = self._opening + self._flow - (self.charges if owed is None else owed)
        for token, units in self._units.items():
            total += units * self._marks[token]
        return total

    def result(self, worth: E4) -> E4:
        """The day's, the account being worth so much: realised + unrealised - charges; what was carried into the day
        counts at what it had cost.
        """
        return worth - self._opening - self._carried_cost

    @property
    def settled(self) -> E4:
        """The day's result without what is held."""
        return self.result(self.cash)

    def stands(self, day_pnl: E4) -> StrategyStands:
        """What the risk gate is told of the one strategy, whose result of the day is the account's."""
        return StrategyStands(day_pnl=day_pnl, trades=self._trades, losses=self._losses, last_loss=self._last_loss)

    def row(self, number: int) -> DayRow:
        """The day as it stands."""
        return DayRow(number, self.cash, self.worth, self.charges)
