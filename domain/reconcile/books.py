"""What reconciliation holds the broker's word against: the journal, folded by instrument and product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.journal import (
    DayOpened,
    DifferenceCleared,
    DifferenceFound,
    FillSeen,
    IntentAccepted,
    JournalRecord,
    OrderClosed,
    OrderRejected,
    TradeBooked,
)
from domain.reconcile.names import Difference, Policy
from domain.reconcile.pro_rata import base_trade_id
from domain.values import E4, Product

Line = tuple[str, Product]
"""`EXCHANGE:SYMBOL` and product: what the broker nets."""

EXTERNAL: Final = ""
"""The owner of what no strategy of ours did."""

CARRIED: Final = frozenset({Product.NRML, Product.MTF})
"""Products whose positions are shown as such on the next day; delivery becomes a holding, intraday ends."""


class DayTrades(Struct):
    """A line's trades of the day, without multiplier."""

    buy_quantity: int = 0
    buy_value: E4 = 0
    sell_quantity: int = 0
    sell_value: E4 = 0

    @property
    def net(self) -> int:
        """Signed units."""
        return self.buy_quantity - self.sell_quantity

    def give(self, to: DayTrades, units: int) -> None:
        """So many units (signed: bought or sold) become another line's, at their average, as a broker does it."""
        if units > 0 and self.buy_quantity:
            quantity = min(units, self.buy_quantity)
            value = self.buy_value * quantity // self.buy_quantity
            self.buy_quantity, self.buy_value = self.buy_quantity - quantity, self.buy_value - value
            to.buy_quantity, to.buy_value = to.buy_quantity + quantity, to.buy_value + value
        elif units < 0 and self.sell_quantity:
            quantity = min(-units, self.sell_quantity)
            value = self.sell_value * quantity // self.sell_quantity
            self.sell_quantity, self.sell_value = self.sell_quantity - quantity, self.sell_value - value
            to.sell_quantity, to.sell_value = to.sell_quantity + quantity, to.sell_value + value


class Books:
    """Fold every record once, in order.

    seq           the newest applied
    day           of the trading day; empty before the first
    opening_cash  as the day was opened with
    standing      differences found and not cleared, by name and subject
    accepted      those that a person accepted as they are, by name and subject
    named         (name, subject) of every difference ever found today: an order is named once
    activity      by instrument, how much was journaled of it: what has moved meanwhile cannot be compared
    """

    def __init__(self) -> None:
        self.seq = 0
        self.day = ""
        self.opening_cash: E4 = 0
        self.today: dict[Line, DayTrades] = {}
        self.standing: dict[tuple[str, str], DifferenceFound] = {}
        self.accepted: dict[tuple[str, str], DifferenceFound] = {}
        self.named: set[tuple[str, str]] = set()
        self.activity: Counter[str] = Counter()
        self._instruments: dict[str, str] = {}
        self._held: dict[Line, dict[str, int]] = {}
        self._carried: dict[Line, dict[str, int]] = {}
        self._adopted: dict[Line, int] = {}
        self._assigned: dict[Line, int] = {}
        self._external_trades: set[tuple[str, str]] = set()

    def apply(self, record: JournalRecord) -> None:
        """One more record."""
        self.seq = record.seq
        match record.event:
            case DayOpened(day=day, opening_cash=cash):
                if day != self.day:
                    self._new_day(day, cash)
            case IntentAccepted(tag=tag, intent=intent):
                self._instruments[tag] = intent.instrument
                self.activity[intent.instrument] += 1
            case FillSeen(tag=tag):
                self.activity[self._instruments.get(tag, "")] += 1
            case OrderClosed(tag=tag) | OrderRejected(tag=tag):
                self.activity[self._instruments.pop(tag, "")] += 1
            case TradeBooked() as trade:
                self.activity[trade.instrument] += 1
                self._book(trade)
            case PositionAdjusted() as adjusted:
                self.activity[adjusted.instrument] += 1
                self._adjust(adjusted)
            case DifferenceFound() as found:
                self.standing[found.name, found.subject] = found
                self.accepted.pop((found.name, found.subject), None)
                self.named.add((found.name, found.subject))
                if found.policy is Policy.ADOPT and found.name == Difference.EXTERNAL_POSITION.value and found.units:
                    line = (found.instrument, Product(found.product))
                    self._adopted[line] = self._adopted.get(line, 0) + found.units
            case DifferenceCleared() as cleared:
                self._clear(cleared)
            case _:
                pass

    # -- what is held ------------------------------------------------------------------------------------------------

    def lines(self) -> set[Line]:
        """Every line that has, or today had, anything."""
        return {*self._held, *self.today, *self._adopted}

    def owners(self, line: Line) -> Mapping[str, int]:
        """Who holds how much of a line, signed; EXTERNAL with what was adopted. Nobody with nothing."""
        held = dict(self._held.get(line, {}))
        adopted = self._adopted.get(line, 0)
        if adopted:
            held[EXTERNAL] = held.get(EXTERNAL, 0) + adopted
        return {owner: units for owner, units in held.items() if units}

    def position(self, line: Line) -> int:
        """What the broker's positions should show: for delivery the day's trades alone."""
        if line[1] is Product.CNC:
            today = self.today.get(line)
            return (0 if today is None else today.net) + self._adopted.get(line, 0) + self._assigned.get(line, 0)
        return sum(self.owners(line).values())

    def adopted(self, line: Line) -> int:
        """Signed units of the external ledger that no trade explains."""
        return self._adopted.get(line, 0)

    def carried(self, line: Line) -> Mapping[str, int]:
        """Who carried how much into the day."""
        return self._carried.get(line, {})

    def strategies(self, instrument: str) -> tuple[str, ...]:
        """Those of ours that hold something of the instrument, or did today's trades in it."""
        found = {
            owner
            for line in self.lines()
            if line[0] == instrument
            for owner in (*self._held.get(line, {}), *self._carried.get(line, {}))
            if owner
        }
        return tuple(sorted(found))

    @property
    def flat(self) -> bool:
        """Nothing is held, and nothing was carried into the day."""
        return not self._carried and not any(self.owners(line) for line in self.lines())

    @property
    def cash_flow(self) -> E4 | None:
        """What today's trades left, before charges; None where a multiplier or delivery makes it another figure."""
        if any(line[0].partition(":")[0] not in ("NSE", "BSE") or line[1] is not Product.MIS for line in self.today):
            return None
        return sum(day.sell_value - day.buy_value for day in self.today.values())

    def has_external_trade(self, order_id: str, trade_id: str) -> bool:
        """Whether a trade that no order of ours made is booked."""
        return (order_id, trade_id) in self._external_trades

    # -- folding -----------------------------------------------------------------------------------------------------

    def _new_day(self, day: str, cash: E4) -> None:
        self.day, self.opening_cash, self.today = day, cash, {}
        self.named = set(self.standing)
        # Prices and money begin anew with each day; what lacks units goes on lacking them.
        self.accepted = {key: found for key, found in self.accepted.items() if found.units}
        self._assigned = {}
        self._adopted = {line: units for line, units in self._adopted.items() if line[1] in CARRIED and units}
        self._held = {
            line: {owner: units for owner, units in owners.items() if units} for line, owners in self._held.items()
        }
        self._held = {line: owners for line, owners in self._held.items() if owners}
        self._carried = {line: dict(owners) for line, owners in self._held.items()}

    def _adjust(self, adjusted: PositionAdjusted) -> None:
        """By hand: other units, another product, or the end of a contract. A conversion moves the day's trades too."""
        for product, units in adjusted.moves():
            owners = self._held.setdefault((adjusted.instrument, product), {})
            owners[adjusted.strategy] = owners.get(adjusted.strategy, 0) + units
        if adjusted.kind is AdjustmentKind.ASSIGNMENT:
            self._assign(adjusted)
        if adjusted.kind is not AdjustmentKind.CONVERSION:
            return
        day = self.today.get((adjusted.instrument, adjusted.product))
        if day is not None:
            to = self.today.setdefault((adjusted.instrument, adjusted.to_product), DayTrades())
            day.give(to, adjusted.quantity)

    def _assign(self, adjusted: PositionAdjusted) -> None:
        line = (adjusted.instrument, adjusted.product)
        units = adjusted.becomes - adjusted.quantity
        if adjusted.adopted:
            self._adopted[line] = self._adopted.get(line, 0) - adjusted.adopted
        if adjusted.of_holdings:
            carried = self._carried.setdefault(line, {})
            carried[adjusted.strategy] = carried.get(adjusted.strategy, 0) + units
        elif adjusted.product is Product.CNC:
            self._assigned[line] = self._assigned.get(line, 0) + units

    def _clear(self, cleared: DifferenceCleared) -> None:
        key = cleared.name, cleared.subject
        found, accepted = self.standing.pop(key, None), cleared.accepted
        self.accepted.pop(key, None)
        if found is None or accepted is None:
            return
        if accepted.stays:
            self.accepted[key] = found
        if accepted.adopted:
            line = (found.instrument, Product(found.product))
            self._adopted[line] = self._adopted.get(line, 0) + accepted.adopted

    def _book(self, trade: TradeBooked) -> None:
        line = (trade.instrument, trade.product)
        owners = self._held.setdefault(line, {})
        owners[trade.strategy] = owners.get(trade.strategy, 0) + trade.side.sign * trade.quantity
        day = self.today.setdefault(line, DayTrades())
        value = trade.quantity * trade.price
        if trade.side.sign > 0:
            day.buy_quantity += trade.quantity
            day.buy_value += value
        else:
            day.sell_quantity += trade.quantity
            day.sell_value += value
        if not trade.tag:
            self._external_trades.add((trade.order_id, base_trade_id(trade.trade_id)))
