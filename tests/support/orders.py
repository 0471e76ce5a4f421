"""Builders for orders, updates and trades: a test names only what matters to it."""

from __future__ import annotations

from domain.messages.broker import BrokerOrder, BrokerStatus, BrokerTrade, PlaceOrder
from domain.messages.journal import IntentAccepted, JournalEvent, OrderRecord
from domain.messages.orders import OrderIntent
from domain.orders.tags import tag_for
from domain.orders.transitions import fold
from domain.values import MINUTE, OrderKind, Product, Side, e4

NOW = 1_790_000_000_000_000_000


def an_intent(
    intent_id: str = "ma:1:entry",
    *,
    strategy: str = "ma",
    instrument: str = "NSE:INFY",
    token: int = 408065,
    side: Side = Side.BUY,
    quantity: int = 10,
    reduce_only: bool = False,
    valid_until: int = NOW + MINUTE,
) -> OrderIntent:
    """A market intent in INFY."""
    return OrderIntent(
        intent_id=intent_id,
        strategy=strategy,
        token=token,
        instrument=instrument,
        side=side,
        quantity=quantity,
        product=Product.MIS,
        kind=OrderKind.MARKET,
        reference_price=e4("1500"),
        valid_until=valid_until,
        event_time=NOW,
        decided_time=NOW,
        reduce_only=reduce_only,
    )


def an_accepted(intent: OrderIntent | None = None, *, risk_epoch: int = 1) -> IntentAccepted:
    """The I event of an intent."""
    intent = intent or an_intent()
    exchange, _, symbol = intent.instrument.partition(":")
    return IntentAccepted(
        tag=tag_for(intent.intent_id),
        intent=intent,
        order=PlaceOrder(
            tag=tag_for(intent.intent_id),
            exchange=exchange,
            symbol=symbol,
            side=intent.side,
            quantity=intent.quantity,
            product=intent.product,
            kind=intent.kind,
        ),
        risk_epoch=risk_epoch,
        margin_held=0,
        time=NOW,
    )


def folded(*events: JournalEvent) -> OrderRecord:
    """The order's state after these events."""
    record: OrderRecord | None = None
    for event in events:
        record = fold(record, event)
    assert record is not None
    return record


def a_row(
    record: OrderRecord, status: BrokerStatus, filled: int = 0, *, order_id: str = "2611200000000000001", text: str = ""
) -> BrokerOrder:
    """The broker's row for an order of ours."""
    order = record.order
    return BrokerOrder(
        order_id=order_id,
        tags=(record.tag,),
        status=status,
        status_word=status.value,
        exchange=order.exchange,
        symbol=order.symbol,
        side=order.side,
        product=order.product,
        quantity=order.quantity,
        filled=filled,
        pending=order.quantity - filled,
        cancelled=0,
        average_price=0,
        text=text,
        event_time=NOW,
        received_time=NOW,
    )


def a_trade(
    record: OrderRecord, trade_id: str, quantity: int, *, order_id: str = "2611200000000000001", price: str = "1500"
) -> BrokerTrade:
    """One execution of an order of ours."""
    order = record.order
    return BrokerTrade(
        trade_id=trade_id,
        order_id=order_id,
        exchange=order.exchange,
        symbol=order.symbol,
        side=order.side,
        product=order.product,
        quantity=quantity,
        price=e4(price),
        event_time=NOW,
    )
