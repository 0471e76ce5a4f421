"""What is open and what it could come to: the journal folded for the risk gate, with our own holds on top.

Every open and unresolved order counts as if it filled. Positions are the provisional view: an order contributes the
larger of what cumulative updates showed (FillSeen) and what was booked (TradeBooked), so a fill is never counted twice.

Three things are not in the journal, and so not in a snapshot either: holds (approvals not yet journaled: a restart
voids them by raising the risk epoch), prices, and frozen strategies (whoever freezes one keeps that).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, Final, get_args

import msgspec
from msgspec import Struct

from domain.messages.adjustments import PositionAdjusted
from domain.messages.gtt import GttEvent, GttIntent
from domain.messages.journal import (
    DayOpened,
    DifferenceCleared,
    DifferenceFound,
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalRecord,
    ModifyRequested,
    OrderAcknowledged,
    OrderAdopted,
    OrderClosed,
    OrderModified,
    OrderQuarantined,
    OrderRejected,
    TradeBooked,
)
from domain.messages.market import PriceChanged
from domain.messages.orders import OrderIntent
from domain.portfolio.sequence import SnapshotUnreadable, is_next
from domain.risk.counts import OrderCounts
from domain.risk.differences import StandingDifferences
from domain.risk.exposure import LineKey, OpenOrder, Standing, Stated, nothing_stated, open_order
from domain.risk.guards import Guards, Row
from domain.risk.limits import RiskLimits, strikes
from domain.risk.lines import Lines, sortable
from domain.values import E4, Instrument, Nanos, Product, Side

_FORMAT: Final = 2
_EVER: Final[Nanos] = -(1 << 63)
_HELD: Final = Standing.HELD
_BUY: Final = Side.BUY
_SELL: Final = Side.SELL
_CNC: Final = Product.CNC


class _State(Struct, frozen=True):
    format: int
    seq: int
    day: str
    orders: tuple[OpenOrder, ...]
    positions: tuple[tuple[str, int, Product, int], ...]
    names: tuple[tuple[int, str, E4], ...]
    seen_ids: tuple[str, ...]
    day_orders: tuple[tuple[str, int], ...]
    recent: tuple[tuple[Nanos, str], ...]
    day_units: tuple[tuple[int, int, int], ...]
    differences: tuple[DifferenceFound, ...] = ()
    guards: tuple[Row, ...] = ()


class RiskBook(Lines):
    """Open orders, provisional positions, holds, and order counts.

    instruments  the day's list by `EXCHANGE:SYMBOL`, for multipliers; read on use, it may be filled later
    """

    def __init__(self, instruments: Mapping[str, Instrument] | None = None) -> None:
        super().__init__()
        self._instruments = {} if instruments is None else instruments
        self._seq = 0
        self._day = ""
        self._names: dict[int, tuple[str, E4]] = {}
        self._held_names: dict[int, tuple[str, E4]] = {}
        self._seen: set[str] = set()
        self._counts = OrderCounts()
        self._delivered: dict[int, tuple[int, int]] = {}  # by token: units bought and sold today for delivery
        self._marks: dict[int, E4] = {}
        self._frozen: dict[str, str] = {}
        self._frozen_instruments: dict[str, str] = {}
        self._differences = StandingDifferences()

    # What it is told

    @property
    def seq(self) -> int:
        """The last record applied."""
        return self._seq

    @property
    def day(self) -> str:
        """The trading day, YYYY-MM-DD; empty before the first one is opened."""
        return self._day

    def apply(self, record: JournalRecord) -> bool:
        """Fold one record: False if it was applied before. Raises SequenceGap where records are missing before it."""
        if not is_next(self._seq, record.seq):
            return False
        fold = self._FOLDS.get(type(record.event))
        if fold is not None:
            fold(self, record.event)
        self._seq = record.seq
        return True

    def apply_all(self, records: Iterable[JournalRecord]) -> int:
        """Fold records in order; how many were new."""
        return sum(self.apply(record) for record in records)

    def hold(self, intent: OrderIntent, margin: E4, now: Nanos) -> None:
        """Count an approved intent from here on, before anyone is told of it. Raises ValueError for a known id."""
        self.expire_holds(now)
        if self.is_known(intent.intent_id):
            raise ValueError(f"intent {intent.intent_id} is held or journaled already")
        self._put(open_order(intent, margin, now))
        self._counts.approved(intent, now)
        self._held_names[intent.token] = intent.instrument, intent.reference_price

    def hold_gtt(self, intent: GttIntent, now: Nanos) -> None:
        """Count an approved GTT from here on, before anyone is told of it."""
        self._dirty.add(self._guards.hold(intent, now))

    def knows_gtt(self, intent_id: str) -> bool:
        """Whether this GTT is held, or may still close something."""
        return self._guards.is_known(intent_id)

    def gtt_units(self, tag: str) -> int:
        """Units that a GTT may close."""
        return self._guards.of(tag)

    def release(self, intent_id: str, approved: Nanos) -> bool:
        """Give up a hold whose intent never reached the journal; False where it has, or is not known.

        approved  when what came to nothing was approved. That may be told twice, the second time when the intent was
                  approved anew: the later hold stays.
        """
        line = self._guards.release(intent_id, approved)
        if line is not None:
            self._dirty.add(line)
            return True
        order = self._orders.get(intent_id)
        if order is None or order.standing is not Standing.HELD or order.time > approved:
            return False
        self._forget(intent_id)
        self._counts.withdrawn(intent_id)
        return True

    def enlarge(self, tag: str, quantity: int, margin: E4) -> None:
        """Count an approved change of an order from here on, before anyone is told of it: the larger of both."""
        order = self._by_tag(tag)
        if order is not None:
            self._dirty.add(order.key)
            self._orders[order.intent_id] = msgspec.structs.replace(
                order, quantity=max(order.quantity, quantity), margin_held=max(order.margin_held, margin)
            )

    def state_margin(self, order_id: str, quantity: int, margin: E4) -> None:
        """The broker takes so much for so many units of this intent: an open order holds it where it is more."""
        order = self._orders.get(order_id)
        if order is not None and quantity > 0:
            share = -(-margin * order.quantity // quantity)
            if share > order.margin_held:
                self._orders[order_id] = msgspec.structs.replace(order, margin_held=share)

    def expire_holds(self, now: Nanos) -> list[str]:
        """Give up holds whose validity is over: nobody may send them any more. Returns their intent ids."""
        gone = [
            order.intent_id for order in self._orders.values() if order.standing is _HELD and order.valid_until <= now
        ]
        for intent_id in gone:
            self._forget(intent_id)
            self._counts.withdrawn(intent_id)
        self._dirty.update(self._guards.expire(now))
        return gone

    def mark(self, token: int, price: E4) -> None:
        """The newest price of an instrument, 1/10,000 rupee. One that is not positive is no price, and is ignored."""
        if price > 0:
            self._marks[token] = price

    def mark_all(self, prices: Mapping[int, PriceChanged]) -> None:
        """As `mark`, for all of them."""
        self._marks.update({token: price.last_price for token, price in prices.items() if price.last_price > 0})

    def freeze(self, strategy: str, why: str) -> None:
        """Deny this strategy's entries from here on."""
        self._frozen[strategy] = why

    def thaw(self, strategy: str) -> None:
        """Allow its entries again."""
        self._frozen.pop(strategy, None)

    def freeze_instrument(self, instrument: str, why: str) -> None:
        """Deny every strategy's entries in this `EXCHANGE:SYMBOL` from here on."""
        self._frozen_instruments[instrument] = why

    def thaw_instrument(self, instrument: str) -> None:
        """Allow entries in it again."""
        self._frozen_instruments.pop(instrument, None)

    # What it answers

    def frozen_instrument(self, instrument: str) -> str | None:
        """Why the `EXCHANGE:SYMBOL` is frozen, by a difference that stands or otherwise, or None."""
        return self._frozen_instruments.get(instrument) or self._differences.why_instrument(instrument)

    def repeated(self, intent: OrderIntent) -> Nanos | None:
        """When the same order (whatever its id) was approved last by this incarnation; None: not lately."""
        return self._counts.repeated(intent)

    def delivered_today(self, token: int) -> tuple[int, int]:
        """Units bought and sold for delivery today, over all strategies, by booked trades."""
        return self._delivered.get(token, (0, 0))

    def frozen(self, strategy: str) -> str | None:
        """Why the strategy is frozen, by a difference that stands or otherwise, or None."""
        return self._frozen.get(strategy) or self._differences.why_strategy(strategy)

    def is_known(self, intent_id: str) -> bool:
        """Whether the intent is held, or was journaled today."""
        return intent_id in self._orders or intent_id in self._seen

    def gross_exposure(self, leave_out: int | None = None) -> E4:
        """Worst-case value of all instruments at their newest prices, but for `leave_out`."""
        return sum(
            [
                line.worst() * self.price(token) * self.multiplier(token)
                for (_, token, _), line in self.exposures().items()
                if token != leave_out
            ]
        )

    def margin_used(self, limits: RiskLimits, stated: Stated = nothing_stated) -> E4:
        """Margin of provisional positions at the newest prices, and of what open orders still hold.

        Of a position the larger counts: by our own rates, or as the broker has stated it.
        """
        used = 0
        for (_, token, product), line in self.exposures().items():
            if line.position:
                used += self._margin_of(token, product, line.position, limits, stated)
        for order in self._orders.values():
            used += order.margin
        return used

    def _margin_of(self, token: int, product: Product, units: int, limits: RiskLimits, stated: Stated) -> E4:
        name, named_price = self._named(token)
        listed, price = self._instruments.get(name), self._marks.get(token) or named_price
        value = abs(units) * price * (1 if listed is None else listed.multiplier)
        own = limits.margin(value, product, strikes(listed, units))
        theirs = stated(name, product, _BUY if units > 0 else _SELL, abs(units))
        return own if theirs is None else max(own, theirs)

    def marked(self, token: int) -> E4:
        """Newest price that the market gave; 0 where there is none."""
        return self._marks.get(token, 0)

    def price(self, token: int) -> E4:
        """Newest price known: the market's, else that of the newest trade or intent; 0 where there is none."""
        return self._marks.get(token) or self._named(token)[1]

    def instrument(self, token: int) -> str:
        """`EXCHANGE:SYMBOL` of a token that orders or trades named; empty where none did."""
        return self._named(token)[0]

    def multiplier(self, token: int) -> int:
        """Rupees of value per unit and rupee of price; 1 where the instrument is not listed."""
        listed = self.listed(token)
        return 1 if listed is None else listed.multiplier

    def listed(self, token: int) -> Instrument | None:
        """The list's entry for a token that orders or trades named."""
        return self._instruments.get(self.instrument(token))

    def orders_since(self, start: Nanos, strategy: str | None = None) -> int:
        """Orders held or journaled after `start`, of one strategy or in all; exact for the last market minute."""
        return self._held_since(start, strategy) + self._counts.since(start, strategy)

    def orders_today(self, strategy: str | None = None) -> int:
        """Orders held or journaled this trading day, of one strategy or in all."""
        return self._counts.so_far_today(strategy) + self._held_since(_EVER, strategy)

    # Snapshots

    def encode(self) -> bytes:
        """What the journal says, no holds, prices or frozen strategies: equal journals, equal bytes."""
        live = [order for order in self._orders.values() if order.standing is not Standing.HELD]
        state = _State(
            format=_FORMAT,
            seq=self._seq,
            day=self._day,
            orders=tuple(sorted(live, key=lambda order: (order.time, order.intent_id))),
            positions=tuple(
                (*key, units) for key, units in sorted(self._positions.items(), key=lambda item: sortable(item[0]))
            ),
            names=tuple((token, *named) for token, named in sorted(self._names.items())),
            seen_ids=tuple(sorted(self._seen)),
            day_orders=tuple(sorted(self._counts.today.items())),
            recent=tuple(self._counts.recent),
            day_units=tuple((token, *units) for token, units in sorted(self._delivered.items())),
            differences=self._differences.all,
            guards=self._guards.rows(),
        )
        return msgspec.json.encode(state)

    @classmethod
    def decode(cls, body: bytes, instruments: Mapping[str, Instrument] | None = None) -> RiskBook:
        """The book that `encode` was called on. Raises SnapshotUnreadable for anything else."""
        try:
            state = msgspec.json.decode(body, type=_State)
        except msgspec.DecodeError as error:
            raise SnapshotUnreadable(f"not a snapshot of the risk book: {error}") from None
        if state.format != _FORMAT:
            raise SnapshotUnreadable(
                f"the risk book's snapshot has format {state.format}, this program reads {_FORMAT}"
            )
        book = cls(instruments)
        book._seq, book._day = state.seq, state.day
        for order in state.orders:
            book._put(order)
        book._positions = {(strategy, token, product): units for strategy, token, product, units in state.positions}
        book._dirty.update(book._positions)
        book._names = {token: (name, price) for token, name, price in state.names}
        book._seen = set(state.seen_ids)
        book._counts = OrderCounts(dict(state.day_orders), list(state.recent))
        book._guards = Guards(state.guards)
        book._delivered = {token: (bought, sold) for token, bought, sold in state.day_units}
        book._differences = StandingDifferences(state.differences)
        return book

    # Folding

    def _open_day(self, opened: DayOpened) -> None:
        if opened.day != self._day:
            self._day, self._seen, self._delivered = opened.day, set(), {}
            self._counts.open_day()
            self._seen.update(self._ids_journaled())

    def _accept(self, accepted: IntentAccepted) -> None:
        intent = accepted.intent
        self._seen.add(intent.intent_id)
        self._counts.made(intent.strategy, accepted.time)
        if intent.slice_of not in ("", intent.intent_id):
            self._slice(intent)
        self._forget(intent.intent_id)
        self._put(open_order(intent, accepted.margin_held, accepted.time, accepted.tag, Standing.LIVE))
        price = intent.reference_price or self._named(intent.token)[1]
        self._names[intent.token] = intent.instrument, price

    def _slice(self, part: OrderIntent) -> None:
        """A part of a held intent is journaled: what is held for the whole shrinks by it."""
        whole = self._orders.get(part.slice_of)
        if whole is not None and whole.standing is Standing.HELD and whole.quantity > part.quantity:
            left = whole.quantity - part.quantity
            margin = -(-whole.margin_held * left // whole.quantity)
            self._put(msgspec.structs.replace(whole, quantity=left, margin_held=margin))

    def _count_change(self, asked: ModifyRequested) -> None:
        order = self._by_tag(asked.tag)
        if order is not None:
            self._orders[order.intent_id] = msgspec.structs.replace(order, modifications=asked.number)
            self._counts.changed(asked.strategy, asked.time)

    def _modified(self, modified: OrderModified) -> None:
        order = self._by_tag(modified.tag)
        if order is not None:
            self._dirty.add(order.key)
            self._orders[order.intent_id] = msgspec.structs.replace(
                order,
                quantity=modified.quantity,
                kind=modified.kind,
                price=modified.price,
                trigger_price=modified.trigger_price,
            )

    def _adopt(self, adopted: OrderAdopted) -> None:
        intent = adopted.intent
        self._seen.add(intent.intent_id)
        self._put(open_order(intent, 0, adopted.time, adopted.tag, Standing.LIVE))
        self._names.setdefault(intent.token, (intent.instrument, intent.reference_price))

    def _book(self, trade: TradeBooked) -> None:
        key: LineKey = (trade.strategy, trade.token, trade.product)
        self._move(key, trade.side.sign * trade.quantity)
        if trade.product is _CNC:
            bought, sold = self.delivered_today(trade.token)
            buying = trade.side is _BUY
            self._delivered[trade.token] = (
                bought + trade.quantity * buying,
                sold + trade.quantity * (not buying),
            )
        self._names[trade.token] = trade.instrument, trade.price
        order = self._by_tag(trade.tag)
        if order is not None:
            self._change(trade.tag, booked=order.booked + trade.quantity)

    def _expire(self, expired: IntentExpired) -> None:
        self._seen.add(expired.intent_id)
        # Without a tag it is an approval of a former gate, whose holds went with it. What bears the same id here is
        # another one.
        if expired.tag:
            self._forget(expired.intent_id)
            self._counts.withdrawn(expired.intent_id)

    def _see(self, fill: FillSeen) -> None:
        order = self._by_tag(fill.tag)
        if order is not None:
            self._change(fill.tag, seen=max(order.seen, fill.filled))
            if fill.status.terminal or fill.filled >= order.quantity:
                self._counts.part_over(order.intent_id)

    def _end(self, ended: OrderRejected | OrderClosed) -> None:
        intent_id = self._ids.get(ended.tag, "")
        self._forget(intent_id)
        self._counts.part_over(intent_id)

    def _ask_change(self, asked: ModifyRequested) -> None:
        self.enlarge(asked.tag, asked.change.quantity, asked.margin_held)
        self._count_change(asked)

    def _adjust(self, adjusted: PositionAdjusted) -> None:
        for product, units in adjusted.moves():
            self._move((adjusted.strategy, adjusted.token, product), units)

    def _guard(self, event: GttEvent) -> None:
        line = self._guards.apply(event)
        if line is not None:
            self._dirty.add(line)

    def _acknowledge(self, event: OrderAcknowledged) -> None:
        self._change(event.tag, standing=Standing.LIVE)

    def _quarantine(self, event: OrderQuarantined) -> None:
        self._change(event.tag, standing=Standing.UNRESOLVED)

    def _differ(self, difference: DifferenceFound | DifferenceCleared) -> None:
        self._differences.apply(difference)

    def _named(self, token: int) -> tuple[str, E4]:
        """Instrument and newest price that the journal or a hold names for the token."""
        return self._names.get(token) or self._held_names.get(token, ("", 0))

    # What each event does to the book; others do nothing to it.
    _FOLDS: ClassVar[Mapping[type, Callable[[RiskBook, Any], None]]] = {
        DayOpened: _open_day,
        IntentAccepted: _accept,
        IntentExpired: _expire,
        OrderAcknowledged: _acknowledge,
        OrderQuarantined: _quarantine,
        FillSeen: _see,
        TradeBooked: _book,
        PositionAdjusted: _adjust,
        OrderAdopted: _adopt,
        ModifyRequested: _ask_change,
        OrderModified: _modified,
        OrderRejected: _end,
        OrderClosed: _end,
        DifferenceFound: _differ,
        DifferenceCleared: _differ,
        **dict.fromkeys(get_args(GttEvent), _guard),
    }
