"""What a strategy holds and has under way, folded from the journal.

Fills are seen twice: provisionally as a cumulative figure (FillSeen), finally as trades (TradeBooked). Per order the
larger of the two counts, so neither order of arrival counts anything twice.

An intent is pending from the moment it is emitted. Where the journal takes it over (IntentAccepted), it is pending
until the journal ends it; where nobody ever journals it, until it may no longer be sent. An intent that is denied,
expired or rejected is over. A stop that rests to protect a position is no order under way: it may rest for hours.
"""

from __future__ import annotations

import bisect
from collections import deque
from typing import Final, NamedTuple

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
from domain.values import E4, Nanos


class Held(NamedTuple):
    """A position: signed units, average price of the open lots (1/10,000 rupee, 0 when flat), when it was opened."""

    quantity: int
    entry: float
    opened: Nanos


FLAT: Final = Held(0, 0.0, 0)
PAST_KEPT: Final = 5_000
"""Trades back to which a position of then is known."""


class _Order(Struct):
    """One order of ours. `filled` is the larger of what updates showed and what trades add up to."""

    token: int
    sign: int
    quantity: int
    seen: int = 0
    booked: int = 0
    over: bool = False

    @property
    def filled(self) -> int:
        return max(self.seen, self.booked)

    @property
    def remaining(self) -> int:
        return 0 if self.over else max(0, self.quantity - self.filled)


class _Holding:
    """One instrument: signed quantity and the open lots, first in first out."""

    __slots__ = ("lots", "opened", "past", "provisional", "quantity", "realised")

    def __init__(self) -> None:
        self.quantity = 0
        self.provisional = 0  # filled beyond what is booked, signed
        self.realised: E4 = 0  # without multiplier
        self.lots: deque[list[int]] = deque()  # [signed units, price]
        self.opened: Nanos = 0
        self.past: list[tuple[Nanos, Held]] = []

    @property
    def entry(self) -> float:
        """Average price of the open lots; 0 where none is booked."""
        if not self.lots:
            return 0.0
        return sum(lot[0] * lot[1] for lot in self.lots) / sum(lot[0] for lot in self.lots)

    def book(self, signed: int, price: E4, time: Nanos) -> None:
        if self.quantity == 0:
            self.opened = time
        self.quantity += signed
        left = signed
        while left and self.lots and (self.lots[0][0] > 0) != (left > 0):
            lot = self.lots[0]
            taken = min(abs(lot[0]), abs(left)) * (1 if left > 0 else -1)
            lot[0] += taken
            left -= taken
            self.realised -= taken * (price - lot[1])
            if lot[0] == 0:
                self.lots.popleft()
        if left:
            if not self.lots:
                self.opened = time
            self.lots.append([left, price])
        if self.quantity == 0:
            self.opened = 0
        # Trades may be read out of their order by a little; what was known by then is known since.
        since = max(time, self.past[-1][0]) if self.past else time
        self.past.append((since, Held(self.quantity, self.entry, self.opened)))
        if len(self.past) > 2 * PAST_KEPT:
            del self.past[:-PAST_KEPT]

    def at(self, instant: Nanos) -> Held:
        index = bisect.bisect_right(self.past, instant, key=lambda each: each[0])
        return self.past[index - 1][1] if index else FLAT


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
        self._holdings: dict[int, _Holding] = {}
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

    def apply(self, event: JournalEvent) -> int | None:  # noqa: C901, PLR0912 - one case per event
        """One journaled event. The token whose position or orders it changed, or None."""
        match event:
            case IntentAccepted(tag=tag, intent=intent) if intent.strategy == self.strategy:
                self._journaled(intent)
                self._orders[tag] = _Order(intent.token, intent.side.sign, intent.quantity)
                if intent.parent in self._errands:
                    self._errands[intent.parent].tags.add(tag)
                if not intent.protective:
                    self._open[intent.intent_id] = tag
                return intent.token
            case OrderAdopted(tag=tag, intent=intent, strategy=self.strategy):
                self._known.add(intent.intent_id)
                self._orders[tag] = _Order(intent.token, intent.side.sign, intent.quantity)
                if not intent.protective:
                    self._open[intent.intent_id] = tag
                return intent.token
            case ExecutionStarted(intent=intent) if intent.strategy == self.strategy:
                self._journaled(intent)
                self._errands[intent.intent_id] = _Errand(intent)
                return intent.token
            case ExecutionEnded(intent_id=intent_id, token=of_errand, strategy=self.strategy):
                self._errands.pop(intent_id, None)
                return of_errand
            case OrderModified(tag=tag, strategy=self.strategy, quantity=quantity):
                return self._resized(tag, quantity)
            case GttRequested(tag=tag, strategy=self.strategy, intent=asked):
                self._gtts[tag] = OwnGtt(asked.token, asked.intent_id, tag, asked.legs)
                return asked.token
            case GttChanged(tag=tag, strategy=self.strategy, gtt=gtt) if tag in self._gtts:
                self._gtts[tag] = self._gtts[tag]._replace(legs=gtt.legs)
                return self._gtts[tag].token
            case (
                GttRefused(tag=tag, strategy=self.strategy)
                | GttExpired(tag=tag, strategy=self.strategy)
                | GttTriggered(tag=tag, strategy=self.strategy)
                | GttClosed(tag=tag, strategy=self.strategy)
            ):
                ended = self._gtts.pop(tag, None)
                return None if ended is None else ended.token
            case IntentExpired(tag=tag, intent_id=intent_id, strategy=self.strategy):
                emitted = self._emitted.pop(intent_id, None)
                return self._over(tag) if tag else (None if emitted is None else emitted.token)
            case OrderRejected(tag=tag, strategy=self.strategy):
                return self._over(tag)
            case FillSeen(tag=tag, strategy=self.strategy, filled=filled):
                return self._seen(tag, filled)
            case OrderClosed(tag=tag, strategy=self.strategy, filled=filled):
                self._seen(tag, filled)
                token = self._over(tag)
                order = self._orders.get(tag)
                if order is not None and order.booked >= order.filled:
                    self._part_done(tag, order.filled)
                    del self._orders[tag]  # all is booked: nothing more can come but what would be booked as it is
                return token
            case TradeBooked(strategy=self.strategy):
                return self._booked(event)
            case PositionAdjusted(strategy=self.strategy):
                return self._adjusted(event)
            case _:
                return None

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
        total = sum(each.side.sign * each.quantity for each in self._emitted.values() if each.token == token)
        parts = {tag for errand in self._errands.values() for tag in errand.tags}
        for tag in self._open.values():
            order = self._orders[tag]
            if order.token == token and tag not in parts:
                total += order.sign * order.remaining
        return total + sum(
            errand.intent.side.sign * self._left(errand)
            for errand in self._errands.values()
            if errand.intent.token == token
        )

    def busy(self, token: int) -> bool:
        """An order is under way, or may be."""
        if not (self._emitted or self._open or self._errands):
            return False
        return (
            any(each.token == token for each in self._emitted.values())
            or any(self._orders[tag].token == token for tag in self._open.values())
            or any(errand.intent.token == token for errand in self._errands.values())
        )

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
        before = order.filled
        order.seen = max(order.seen, min(filled, order.quantity))
        holding = self._holdings.setdefault(order.token, _Holding())
        holding.provisional += order.sign * (order.filled - before)
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
        if event.kind is AdjustmentKind.ASSIGNMENT:
            taking = self._holdings.setdefault(event.token, _Holding())
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

    def _booked(self, trade: TradeBooked) -> int:
        holding = self._holdings.setdefault(trade.token, _Holding())
        order = self._orders.get(trade.tag) if trade.tag else None
        if order is not None:
            ahead = order.filled - order.booked
            order.booked += trade.quantity
            # What was seen before is confirmed now and no longer provisional.
            holding.provisional += order.sign * ((order.filled - order.booked) - ahead)
        holding.book(trade.side.sign * trade.quantity, trade.price, trade.event_time)
        return trade.token

    def _over(self, tag: str) -> int | None:
        order = self._orders.get(tag)
        if order is None:
            return None
        order.over = True
        for intent_id, each in tuple(self._open.items()):
            if each == tag:
                del self._open[intent_id]
        return order.token
