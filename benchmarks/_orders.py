"""Orders as the measurements write and read them."""

from __future__ import annotations

from itertools import count
from typing import Final

from domain.messages.broker import PlaceOrder
from domain.messages.journal import IntentAccepted
from domain.messages.orders import OrderIntent
from domain.values import SECOND, OrderKind, Product, Side

NOW: Final = 1_790_000_000 * SECOND
_NUMBERS = count(1)


def accepted() -> IntentAccepted:
    """An approved intent that the journal has never seen."""
    number = next(_NUMBERS)
    tag = f"P{number:019d}"
    intent = OrderIntent(
        intent_id=f"bench-{number}",
        strategy="bench",
        token=256_265,
        instrument="NSE:INFY",
        side=Side.BUY,
        quantity=10,
        product=Product.MIS,
        kind=OrderKind.LIMIT,
        reference_price=15_000_000,
        valid_until=NOW + 60 * SECOND,
        event_time=NOW,
        decided_time=NOW,
        price=15_000_000,
    )
    order = PlaceOrder(tag, "NSE", "INFY", Side.BUY, 10, Product.MIS, OrderKind.LIMIT, price=15_000_000)
    return IntentAccepted(tag=tag, intent=intent, order=order, risk_epoch=0, margin_held=30_000_000, time=NOW)


UPDATE: Final = (
    b'{"type":"order","id":"","data":{"account_id":"AB1234","unfilled_quantity":0,"checksum":"","placed_by":"AB1234",'
    b'"order_id":"220303000308932","exchange_order_id":"1000000001482421","parent_order_id":null,"status":"COMPLETE",'
    b'"status_message":null,"status_message_raw":null,"order_timestamp":"2026-03-03 09:24:25",'
    b'"exchange_update_timestamp":"2026-03-03 09:24:25","exchange_timestamp":"2026-03-03 09:24:25","variety":"regular",'
    b'"exchange":"NSE","tradingsymbol":"SBIN","instrument_token":779521,"order_type":"MARKET","transaction_type":"BUY",'
    b'"validity":"DAY","product":"CNC","quantity":10,"disclosed_quantity":0,"price":0,"trigger_price":0,'
    b'"average_price":470.05,"filled_quantity":10,"pending_quantity":0,"cancelled_quantity":0,"market_protection":0,'
    b'"meta":{},"tag":"P0000000000000000001","guid":"XXXXXX"}}'
)
"""An order update with the fields of the documentation (kite-facts 6), its values invented."""
