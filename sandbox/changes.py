"""Modifications: what may be changed, and how an order takes it (kite-facts 3.5)."""

from typing import TYPE_CHECKING

from sandbox import orders as status
from sandbox.forms import ModifyRequest
from sandbox.orders import Order
from sandbox.refusal import Refusal, order_refused
from sandbox.rules import CLOSED, NO_PROTECTION, check_prices, check_quantity

if TYPE_CHECKING:
    from sandbox.engine import Engine


class Changes:
    """Checks modifications and applies them when they reach the exchange."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    def check(self, order: Order, change: ModifyRequest) -> None:
        """Refuse a change that would make a wrong order of this one."""
        instrument = order.instrument
        order_type = change.order_type or order.order_type
        if order.triggered and order_type in {"SL", "SL-M"} and not order.order_type.startswith("SL"):
            raise Refusal("Invalid `order_type`.")
        turns_market = order_type in {"MARKET", "SL-M"} and order_type != order.order_type
        if turns_market and self._engine.protect and not change.market_protection:
            raise Refusal(NO_PROTECTION)
        quantity = order.quantity if change.quantity is None else change.quantity
        check_quantity(instrument, quantity, self._engine.relaxed)
        if order.iceberg is not None and quantity != order.quantity:
            raise order_refused("Quantity of an iceberg order cannot be modified.")
        if quantity <= order.filled:
            raise Refusal("Invalid `quantity`. It should be more than the quantity already traded.")
        price = 0 if order_type in {"MARKET", "SL-M"} else (change.price or order.price)
        trigger = (change.trigger_price or order.trigger_price) if order_type.startswith("SL") else 0
        if order_type in {"LIMIT", "SL"} and not price:
            raise Refusal("Missing or empty field `price`")
        if order_type.startswith("SL") and not trigger:
            raise Refusal("Missing or empty field `trigger_price`")
        stop = order_type if not order.triggered else "LIMIT"
        check_prices(instrument, order.side, stop, price, trigger, self._engine.quote(instrument), self._engine.relaxed)
        if not self._engine.acting(order):
            raise order_refused(CLOSED)

    def apply(self, order: Order, change: ModifyRequest) -> None:
        """The exchange takes a modification, unless the order has traded meanwhile."""
        if order.done:
            return
        now = self._engine.now()
        back_to = status.OPEN if order.triggered else status.TRIGGER_PENDING
        quantity = order.quantity if change.quantity is None else change.quantity
        if quantity <= order.filled:
            order.status_message = "Order modification was rejected: the quantity has been traded meanwhile."
            self._engine.turn(order, back_to)
            return
        self._engine.turn(order, status.MODIFIED, tell=False)
        order.exchange_update_ns = now
        loses_priority = self.rewrite(order, change)
        if order.triggered:
            back_to = status.OPEN
            if order.call:
                order.limit = order.price
            elif loses_priority:
                self._engine.matcher.enter_book(order, now)
        self._engine.reserve_again(order)
        order.record_status(back_to)
        self._engine.tell(order, status.UPDATE)
        if order.triggered and not order.call:
            self._engine.matcher.meet_book(order, now)

    def rewrite(self, order: Order, change: ModifyRequest) -> bool:
        """Put a change's fields into an order; whether it loses its place in the queue."""
        quantity = order.quantity if change.quantity is None else change.quantity
        loses_priority = quantity > order.quantity or bool(change.price and change.price != order.price)
        old_quantity, order.quantity = order.quantity, quantity
        order.validity = change.validity or order.validity
        if change.disclosed_quantity is not None:
            order.disclosed_quantity = min(change.disclosed_quantity, quantity)
        if change.trigger_price and not order.triggered:
            order.trigger_price = change.trigger_price
        if change.trigger_price and order.cover_trigger:
            order.cover_trigger = change.trigger_price
        if change.order_type is not None and change.order_type != order.order_type:
            order.order_type = change.order_type
            order.market_protection = change.market_protection or 0
            order.triggered = not order.order_type.startswith("SL")
            loses_priority = True
        if change.price and order.order_type in {"LIMIT", "SL"}:
            order.price = change.price
        order.extra_quantity = max(order.extra_quantity + quantity - old_quantity, 0)
        if order.claimed_quantity:
            order.claimed = order.claimed * quantity // old_quantity
            order.claimed_quantity = order.claimed_quantity * quantity // old_quantity
        return loses_priority
