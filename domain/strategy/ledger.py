"""What a strategy holds and has under way, folded from the journal.

Fills are seen twice: provisionally as a cumulative figure (FillSeen), finally as trades (TradeBooked). Per order the
larger of the two counts, so neither order of arrival counts anything twice.

An intent is pending from the moment it is emitted. Where the journal takes it over (IntentAccepted), it is pending
until the journal ends it; where nobody ever journals it, until it may no longer be sent. An intent that is denied,
expired or rejected is over. A stop that rests to protect a position is no order under way: it may rest for hours.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from msgspec import Struct, field
from msgspec.structs import replace

from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.gtt import GttChanged, GttClosed, GttExpired, GttRefused, GttRequested, GttTriggered
from domain.messages.journal import (
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    OrderAdopted,
    OrderClosed,
    OrderModified,
    OrderRejected,
    TradeBooked,
)
from domain.messages.orders import OrderIntent
from domain.messages.plans import ExecutionEnded, ExecutionStarted
from domain.portfolio.lots import Lot, rescaled
from domain.strategy.asks import OwnGtt
from domain.strategy.holding import FLAT, Held, Holding
from domain.values import E4, Nanos


class _Order(Struct):
    """One order of ours. `filled` is the larger of what updates showed and what trades add up to."""

    intent_id: str
    token: int
    sign: int
    quantity: int
    filled: int = 0
    booked: int = 0
    over: bool = False

    @property
    def remaining(self) -> int:
        return 0 if self.over or self.filled > self.quantity else self.quantity - self.filled


class _Errand(Struct):
    """A decision that is carried out in parts. filled: units of those of its orders that are over."""

    intent: OrderIntent
    filled: int = 0
    tags: set[str] = field(default_factory=set)


class StrategyLedger:
    """Folds events of one strategy. The caller sees to it that each is applied once, in order of seq."""

    def __init__(self, strategy: str) -> None:
        self.strategy = strategy
        self._orders: dict[str, _Order] = {}
        self._open: dict[str, str] = {}  # intent id -> tag, while the order is not over
        self._known: set[str] = set()  # intent ids ever journaled
        self._emitted: dict[str, OrderIntent] = {}  # ours, not journaled yet
        self._errands: dict[str, _Errand] = {}  # by intent id, while it is carried out in parts
        self._holdings: dict[int, Holding] = {}
        self._gtts: dict[str, OwnGtt] = {}

    # -- what happens ------------------------------------------------------------------------------------------------

    def emitted(self, intent: OrderIntent) -> None:
        """The strategy has just sent this intent off."""
        self._emitted[intent.intent_id] = intent

    def knows(self, intent_id: str) -> bool:
        """The intent was sent off before, by this incarnation or an earlier one."""
        return intent_id in self._known or intent_id in self._emitted

    def denied(self, intent_id: str) -> int | None:
        """Refused before the journal saw it; the token it was for, or None where it was not pending.

        An intent that is journaled stays as it is: a denial then answers a repetition of it.
        """
        intent = self._emitted.pop(intent_id, None)
        return None if intent is None else intent.token

    def lapse(self, now: Nanos) -> list[str]:
        """Forget intents that nobody journaled and that may no longer be sent: their ids."""
        if not self._emitted:
            return []
        gone = [intent.intent_id for intent in self._emitted.values() if intent.valid_until < now]
        for intent_id in gone:
            del self._emitted[intent_id]
        return gone

    def apply(self, event: JournalEvent) -> int | None:
        """One journaled event. The token whose position or orders it changed, or None."""
        fold = self._FOLDS.get(type(event))
        return None if fold is None else fold(self, event)

    # -- what is so ----------------------------------------------------------------------------------------------------

    def quantity(self, token: int) -> int:
        """Signed units held, fills that are only seen included."""
        holding = self._holdings.get(token)
        return 0 if holding is None else holding.quantity + holding.provisional

    def confirmed(self, token: int) -> int:
        """Signed units by booked trades alone."""
        holding = self._holdings.get(token)
        return 0 if holding is None else holding.quantity

    def pending(self, token: int) -> int:
        """Signed units of orders under way, unjournaled intents included."""
        if not (self._emitted or self._open or self._errands):
            return 0
        total = 0
        for each in self._emitted.values():
            if each.token == token:
                total += each.side.sign * each.quantity
        parts = {tag for errand in self._errands.values() for tag in errand.tags} if self._errands else ()
        for tag in self._open.values():
            order = self._orders[tag]
            if order.token == token and tag not in parts:
                total += order.sign * order.remaining
        for errand in self._errands.values():
            if errand.intent.token == token:
                total += errand.intent.side.sign * self._left(errand)
        return total

    def busy(self, token: int) -> bool:
        """An order is under way, or may be."""
        if not (self._emitted or self._open or self._errands):
            return False
        for each in self._emitted.values():
            if each.token == token:
                return True
        for tag in self._open.values():
            if self._orders[tag].token == token:
                return True
        return any(errand.intent.token == token for errand in self._errands.values())

    def realised(self, token: int) -> E4:
        """What closed units made, before charges and without the multiplier."""
        holding = self._holdings.get(token)
        return 0 if holding is None else holding.realised

    def entry(self, token: int) -> float:
        """Average price of the open lots, 1/10,000 rupee; 0 where none is booked."""
        holding = self._holdings.get(token)
        return 0.0 if holding is None else holding.entry

    def opened(self, token: int) -> Nanos:
        """When the open position was opened, exchange time; 0 when flat."""
        holding = self._holdings.get(token)
        return 0 if holding is None else holding.opened

    def held_at(self, token: int, instant: Nanos) -> Held:
        """The position as the booked trades had made it by then."""
        holding = self._holdings.get(token)
        return FLAT if holding is None else holding.at(instant)

    def lots(self, token: int) -> tuple[tuple[int, E4], ...]:
        """Open lots by booked trades, first in first out: signed units and price."""
        holding = self._holdings.get(token)
        return () if holding is None else tuple((lot[0], lot[1]) for lot in holding.lots)

    def open_orders(self, token: int) -> tuple[tuple[str, str, int, int], ...]:
        """Orders not over: intent id, tag (empty: not journaled yet), signed quantity, signed rest."""
        sent = [
            (each.intent_id, "", each.side.sign * each.quantity, each.side.sign * each.quantity)
            for each in self._emitted.values()
            if each.token == token
        ]
        for intent_id, tag in self._open.items():
            order = self._orders[tag]
            if order.token == token:
                sent.append((intent_id, tag, order.sign * order.quantity, order.sign * order.remaining))
        return tuple(sent)

    def tokens(self) -> tuple[int, ...]:
        """Instruments ever held."""
        return tuple(self._holdings)

    def open_gtts(self, token: int) -> tuple[OwnGtt, ...]:
        """GTTs that rest at the broker, or may."""
        return tuple(each for each in self._gtts.values() if each.token == token)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _accepted(self, event: IntentAccepted) -> int | None:
        intent = event.intent
        if intent.strategy != self.strategy:
            return None
        self._journaled(intent)
        if intent.parent in self._errands:
            self._errands[intent.parent].tags.add(event.tag)
        return self._opened(event.tag, intent)

    def _adopted(self, event: OrderAdopted) -> int | None:
        if event.strategy != self.strategy:
            return None
        self._known.add(event.intent.intent_id)
        return self._opened(event.tag, event.intent)

    def _opened(self, tag: str, intent: OrderIntent) -> int:
        self._orders[tag] = _Order(intent.intent_id, intent.token, intent.side.sign, intent.quantity)
        if not intent.protective:
            self._open[intent.intent_id] = tag
        return intent.token

    def _begun(self, event: ExecutionStarted) -> int | None:
        intent = event.intent
        if intent.strategy != self.strategy:
            return None
        self._journaled(intent)
        self._errands[intent.intent_id] = _Errand(intent)
        return intent.token

    def _ended(self, event: ExecutionEnded) -> int | None:
        if event.strategy != self.strategy:
            return None
        self._errands.pop(event.intent_id, None)
        return event.token

    def _modified(self, event: OrderModified) -> int | None:
        return self._resized(event.tag, event.quantity) if event.strategy == self.strategy else None

    def _gtt_asked(self, event: GttRequested) -> int | None:
        if event.strategy != self.strategy:
            return None
        asked = event.intent
        self._gtts[event.tag] = OwnGtt(asked.token, asked.intent_id, event.tag, asked.legs)
        return asked.token

    def _gtt_changed(self, event: GttChanged) -> int | None:
        known = self._gtts.get(event.tag)
        if event.strategy != self.strategy or known is None:
            return None
        self._gtts[event.tag] = known._replace(legs=event.gtt.legs)
        return known.token

    def _gtt_over(self, event: GttRefused | GttExpired | GttTriggered | GttClosed) -> int | None:
        ended = self._gtts.pop(event.tag, None) if event.strategy == self.strategy else None
        return None if ended is None else ended.token

    def _expired(self, event: IntentExpired) -> int | None:
        if event.strategy != self.strategy:
            return None
        emitted = self._emitted.pop(event.intent_id, None)
        return self._over(event.tag) if event.tag else (None if emitted is None else emitted.token)

    def _rejected(self, event: OrderRejected) -> int | None:
        return self._over(event.tag) if event.strategy == self.strategy else None

    def _filled(self, event: FillSeen) -> int | None:
        return self._seen(event.tag, event.filled) if event.strategy == self.strategy else None

    def _closed(self, event: OrderClosed) -> int | None:
        if event.strategy != self.strategy:
            return None
        tag = event.tag
        self._seen(tag, event.filled)
        token = self._over(tag)
        order = self._orders.get(tag)
        if order is not None and order.booked >= order.filled:
            self._part_done(tag, order.filled)
            del self._orders[tag]  # all is booked: nothing more can come but what would be booked as it is
        return token

    def _journaled(self, intent: OrderIntent) -> None:
        """An intent, or a slice of it, is an order now; what is left of the whole is still on its way."""
        self._known.add(intent.intent_id)
        whole = self._emitted.pop(intent.slice_of or intent.intent_id, None)
        if whole is not None and intent.slice_of not in ("", intent.intent_id) and whole.quantity > intent.quantity:
            self._emitted[whole.intent_id] = replace(whole, quantity=whole.quantity - intent.quantity)

    def _seen(self, tag: str, filled: int) -> int | None:
        order = self._orders.get(tag)
        if order is None:
            return None
        holding, filled = self._holding(order.token), min(filled, order.quantity)
        if filled > order.filled:
            holding.provisional += order.sign * (filled - order.filled)
            order.filled = filled
        return order.token

    def _left(self, errand: _Errand) -> int:
        """Units of a decision that is carried out in parts which its orders have not filled."""
        filled = errand.filled + sum(self._orders[tag].filled for tag in errand.tags if tag in self._orders)
        return max(errand.intent.quantity - filled, 0)

    def _part_done(self, tag: str, filled: int) -> None:
        for errand in self._errands.values():
            if tag in errand.tags:
                errand.tags.discard(tag)
                errand.filled += filled

    def _resized(self, tag: str, quantity: int) -> int | None:
        order = self._orders.get(tag)
        if order is None:
            return None
        order.quantity = quantity
        return order.token

    def _adjusted(self, event: PositionAdjusted) -> int | None:
        """Other units at the same cost, or the end of a contract; products are all one here."""
        if event.strategy != self.strategy:
            return None
        if event.kind is AdjustmentKind.ASSIGNMENT:
            taking = self._holding(event.token)
            taking.book(event.becomes - event.quantity, event.price, event.time)
            return event.token
        holding = self._holdings.get(event.token)
        if holding is None:
            return None
        match event.kind:
            case AdjustmentKind.CORPORATE_ACTION if holding.quantity:
                lots = [Lot(quantity, price) for quantity, price in holding.lots]
                becomes = holding.quantity + event.becomes - event.quantity
                holding.lots = deque([lot.quantity, lot.price] for lot in rescaled(lots, becomes))
                holding.quantity = becomes
            case AdjustmentKind.SETTLEMENT:
                holding.book(-event.quantity, event.price, event.time)
            case _:
                return None
        return event.token

    def _booked(self, trade: TradeBooked) -> int | None:
        if trade.strategy != self.strategy:
            return None
        holding = self._holding(trade.token)
        order = self._orders.get(trade.tag) if trade.tag else None
        if order is not None:
            ahead = order.filled - order.booked
            order.booked += trade.quantity
            order.filled = max(order.filled, order.booked)
            # What was seen before is confirmed now and no longer provisional.
            holding.provisional += order.sign * ((order.filled - order.booked) - ahead)
        holding.book(trade.side.sign * trade.quantity, trade.price, trade.event_time)
        return trade.token

    def _over(self, tag: str) -> int | None:
        order = self._orders.get(tag)
        if order is None:
            return None
        order.over = True
        if self._open.get(order.intent_id) == tag:
            del self._open[order.intent_id]
        return order.token

    def _holding(self, token: int) -> Holding:
        holding = self._holdings.get(token)
        if holding is None:
            holding = self._holdings[token] = Holding()
        return holding

    # What each event does; others do nothing.
    _FOLDS: ClassVar[Mapping[type, Callable[[StrategyLedger, Any], int | None]]] = {
        IntentAccepted: _accepted,
        OrderAdopted: _adopted,
        ExecutionStarted: _begun,
        ExecutionEnded: _ended,
        OrderModified: _modified,
        GttRequested: _gtt_asked,
        GttChanged: _gtt_changed,
        **dict.fromkeys((GttRefused, GttExpired, GttTriggered, GttClosed), _gtt_over),
        IntentExpired: _expired,
        OrderRejected: _rejected,
        FillSeen: _filled,
        OrderClosed: _closed,
        TradeBooked: _booked,
        PositionAdjusted: _adjusted,
    }
