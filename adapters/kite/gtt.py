"""Between Kite's GTT rows and forms and our values (kite-facts 2.6)."""

from __future__ import annotations

import msgspec

from adapters.kite import money, translate
from adapters.kite.rows import GttOrderRow, GttRow
from domain.messages.gtt import BrokerGtt, Gtt, GttLeg, GttResult, GttStatus
from domain.values import E4, RUPEE


def gtt_form(gtt: Gtt) -> dict[str, str]:
    """The form of POST and PUT /gtt/triggers. Raises Untranslatable for a GTT that has no form."""
    if len(gtt.legs) not in (1, 2):
        raise translate.Untranslatable(f"a GTT has one leg or two, not {len(gtt.legs)}")
    if any(leg.trigger <= 0 or leg.price <= 0 or leg.quantity <= 0 for leg in gtt.legs) or gtt.last_price <= 0:
        raise translate.Untranslatable("a GTT's triggers, prices, quantities and last price are positive")
    condition = {
        "exchange": gtt.exchange,
        "tradingsymbol": gtt.symbol,
        "trigger_values": [_rupees(leg.trigger) for leg in gtt.legs],
        "last_price": _rupees(gtt.last_price),
    }
    orders = [
        {
            "exchange": gtt.exchange,
            "tradingsymbol": gtt.symbol,
            "transaction_type": leg.side.value,
            "quantity": leg.quantity,
            "order_type": "LIMIT",
            "product": gtt.product.value,
            "price": _rupees(leg.price),
        }
        for leg in gtt.legs
    ]
    return {
        "type": "two-leg" if len(gtt.legs) == 2 else "single",
        "condition": msgspec.json.encode(condition).decode(),
        "orders": msgspec.json.encode(orders).decode(),
    }


def gtt(row: GttRow) -> BrokerGtt:
    """A row of the list. Raises Untranslatable."""
    condition = row.condition
    if not row.orders or len(condition.trigger_values) != len(row.orders):
        raise translate.Untranslatable(
            f"GTT {row.id}: {len(condition.trigger_values)} triggers, {len(row.orders)} orders"
        )
    return BrokerGtt(
        trigger_id=str(row.id),
        status=_status(row.status),
        gtt=Gtt(
            exchange=condition.exchange,
            symbol=condition.tradingsymbol,
            product=translate.product(row.orders[0].product),
            last_price=money.nearest(condition.last_price),
            legs=tuple(map(_leg, condition.trigger_values, row.orders)),
        ),
        results=tuple(_result(order) for order in row.orders),
        created=translate.instant(row.created_at),
        updated=translate.instant(row.updated_at),
    )


def _leg(trigger: float, order: GttOrderRow) -> GttLeg:
    return GttLeg(
        trigger=money.nearest(trigger),
        side=translate.side(order.transaction_type),
        quantity=order.quantity,
        price=money.nearest(order.price),
    )


def _result(order: GttOrderRow) -> GttResult | None:
    result = None if order.result is None else order.result.order_result
    if result is None:
        return None
    return GttResult(result.order_id or "", result.rejection_reason or "")


def _status(word: str) -> GttStatus:
    try:
        return GttStatus(word)
    except ValueError:
        return GttStatus.ACTIVE


def _rupees(amount: E4) -> float:
    """The nearest float, which JSON writes with the digits that were meant."""
    return amount / RUPEE
