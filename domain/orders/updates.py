"""What a reply, an update or a trade proves about an order of ours: facts in, journal events out. Pure.

Updates are cumulative and may be duplicated, late or out of order, so every rule here is monotonic: what is already
known yields no event.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from domain.messages.broker import (
    Accepted,
    BrokerOrder,
    BrokerStatus,
    BrokerTrade,
    NotSent,
    PostOutcome,
    Rejected,
)
from domain.messages.journal import (
    FillSeen,
    IntentExpired,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderModified,
    OrderQuarantined,
    OrderRecord,
    OrderRejected,
    OrderState,
    TradeBooked,
)
from domain.orders.transitions import fold, further
from domain.values import Nanos, Variety


def after_post(record: OrderRecord, outcome: PostOutcome, now: Nanos) -> list[JournalEvent]:
    """What the outcome of the one POST adds to what is known."""
    tag, strategy, state = record.tag, record.intent.strategy, record.state
    if isinstance(outcome, Accepted):
        if state in (OrderState.SENDING, OrderState.QUARANTINED):
            return [OrderAcknowledged(tag=tag, order_id=outcome.order_id, strategy=strategy, time=now)]
        return []
    if isinstance(outcome, Rejected):
        if state in (OrderState.SENDING, OrderState.QUARANTINED):
            return [OrderRejected(tag, "", strategy, outcome.text, now, outcome.turned_away)]
        return []
    if isinstance(outcome, NotSent):
        if state in (OrderState.INTENT, OrderState.SENDING, OrderState.QUARANTINED):
            intent_id = record.intent.intent_id
            why = outcome.text
            return [IntentExpired(tag=tag, intent_id=intent_id, strategy=strategy, why=why, time=now, was=state)]
        return []
    if state is OrderState.SENDING:
        return [OrderQuarantined(tag=tag, strategy=strategy, text=outcome.text, time=now)]
    return []


def after_update(record: OrderRecord, row: BrokerOrder, now: Nanos, found_by: str) -> list[JournalEvent]:
    """What one cumulative update adds to what is known of an order (matched by order id or by tag)."""
    events: list[JournalEvent] = []
    tag, strategy = record.tag, record.intent.strategy
    iceberg = record.order.variety is Variety.ICEBERG
    if record.state in (OrderState.SENDING, OrderState.QUARANTINED):
        events.append(OrderAcknowledged(tag=tag, order_id=row.order_id, strategy=strategy, time=now, found_by=found_by))
    elif record.order_id and record.order_id != row.order_id and not iceberg:
        return []
    filled, news = _of_iceberg(record, row) if iceberg else (row.filled, row.status)
    if news is BrokerStatus.REJECTED and filled == 0:
        if not record.state.final:
            events.append(OrderRejected(tag=tag, order_id=row.order_id, strategy=strategy, text=row.text, time=now))
        return events
    if record.parent and record.order.variety is Variety.COVER and row.quantity > record.order.quantity:
        events.append(_grown(record, row, now, found_by))
    status = further(record.seen_status, news)
    unseen_leg = iceberg and (row.order_id, row.filled) not in record.legs and row.filled >= _leg(record, row)
    if filled > record.filled_seen or status is not record.seen_status or unseen_leg:
        events.append(
            FillSeen(
                tag=tag,
                order_id=row.order_id,
                strategy=strategy,
                filled=max(filled, record.filled_seen),
                status=news,
                time=now,
                event_time=row.event_time,
                found_by=found_by,
                leg_filled=row.filled if iceberg else 0,
            )
        )
    return _with_closing(record, events, now, row.text)


def order_ids(record: OrderRecord) -> tuple[str, ...]:
    """Every id that the broker has for it: of an iceberg, one for each part that has appeared."""
    legs = tuple(order_id for order_id, _ in record.legs)
    return legs if record.order_id in legs or not record.order_id else (record.order_id, *legs)


def _leg(record: OrderRecord, row: BrokerOrder) -> int:
    return dict(record.legs).get(row.order_id, 0)


def _of_iceberg(record: OrderRecord, row: BrokerOrder) -> tuple[int, BrokerStatus]:
    """Filled of the whole, and its status, as the row of one part shows them.

    A part that is complete is followed by the next; one that is cancelled or rejected ends the whole (kite-facts 3.2).
    """
    legs = {**dict(record.legs), row.order_id: max(row.filled, _leg(record, row))}
    filled = sum(legs.values())
    if row.status is BrokerStatus.COMPLETE:
        return filled, BrokerStatus.COMPLETE if filled >= record.order.quantity else BrokerStatus.OPEN
    if row.status is BrokerStatus.REJECTED and filled:
        return filled, BrokerStatus.CANCELLED
    return filled, row.status


def _grown(record: OrderRecord, row: BrokerOrder, now: Nanos, found_by: str) -> OrderModified:
    """A cover order's stop grows with what its first leg fills."""
    return OrderModified(
        tag=record.tag,
        number=0,
        strategy=record.intent.strategy,
        quantity=row.quantity,
        price=record.order.price,
        trigger_price=record.order.trigger_price,
        kind=record.order.kind,
        found_by=found_by,
        time=now,
    )


def after_trades(
    record: OrderRecord, trades: Iterable[BrokerTrade], booked_ids: AbstractSet[str], now: Nanos
) -> list[JournalEvent]:
    """The trades that are not booked yet, and the closing that they complete."""
    events: list[JournalEvent] = []
    seen, ours = set(booked_ids), order_ids(record)
    for trade in trades:
        if trade.order_id not in ours or trade.trade_id in seen:
            continue
        seen.add(trade.trade_id)
        events.append(
            TradeBooked(
                trade_id=trade.trade_id,
                order_id=trade.order_id,
                tag=record.tag,
                strategy=record.intent.strategy,
                token=record.intent.token,
                instrument=record.intent.instrument,
                side=trade.side,
                product=trade.product,
                quantity=trade.quantity,
                price=trade.price,
                event_time=trade.event_time,
                booked_time=now,
                reduce_only=record.intent.reduce_only,
            )
        )
    return _with_closing(record, events, now, record.text)


def needs_trades(record: OrderRecord) -> bool:
    """More is filled than booked: the trades must be read."""
    return bool(record.order_id) and record.filled_seen > record.booked


def after_restart(record: OrderRecord, now: Nanos) -> list[JournalEvent]:
    """What a new process may conclude of an order it finds in the journal (design: effectively once).

    I was never claimed, so it is certainly unsent: it expires, since the decision's moment has passed. S is ambiguous:
    it is quarantined until the order book shows its tag. Everything else is followed by its order id.
    """
    intent = record.intent
    if record.state is OrderState.INTENT:
        why = "found unsent after a restart"
        return [
            IntentExpired(
                tag=record.tag,
                intent_id=intent.intent_id,
                strategy=intent.strategy,
                why=why,
                time=now,
                was=record.state,
            )
        ]
    if record.state is OrderState.SENDING:
        why = "the process ended while it was being sent"
        return [OrderQuarantined(tag=record.tag, strategy=intent.strategy, text=why, time=now)]
    return []


def _with_closing(record: OrderRecord, events: Sequence[JournalEvent], now: Nanos, text: str) -> list[JournalEvent]:
    """The events, and OrderClosed after them where they leave the order terminal with every fill booked."""
    after: OrderRecord = record
    for event in events:
        folded = fold(after, event)
        assert folded is not None, "order events always concern an order"
        after = folded
    out = list(events)
    if after.state is OrderState.ACKNOWLEDGED and after.seen_status.terminal and after.booked >= after.filled_seen:
        complete = after.booked >= after.order.quantity or after.seen_status is BrokerStatus.COMPLETE
        out.append(
            OrderClosed(
                tag=after.tag,
                order_id=after.order_id,
                strategy=after.intent.strategy,
                state=OrderState.COMPLETE if complete else OrderState.CANCELLED,
                filled=after.booked,
                text=text,
                time=now,
            )
        )
    return out
