"""Orders of more than one part: after-market orders, cover orders, icebergs and sliced orders."""

from typing import TYPE_CHECKING

import msgspec

from sandbox import orders as status
from sandbox.orders import Iceberg, Order
from sandbox.phases import amo_waits_for_open
from sandbox.refusal import Refusal, order_refused
from sandbox.rms import reserve
from sandbox.rules import PlaceRequest, auto_protection, circuit_limits

if TYPE_CHECKING:
    from sandbox.engine import Engine

BUY, SELL = 1, -1
SLICES_MAX = 10
_COVER_REACH_PERCENT = 3


class Varieties:
    """What follows when a part of such an order fills, ends or is released."""

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine

    # After-market orders

    def release(self, *, at_open: bool) -> None:
        """Send the after-market orders whose time has come to the RMS."""
        for order in self._engine.live:
            if order.status != status.AMO_RECEIVED:
                continue
            waits = amo_waits_for_open(order.instrument, order.order_type, order.validity, order.disclosed_quantity)
            if waits == at_open:
                self._engine.validate(order)

    # What a fill or an end brings about

    def filled(self, order: Order, quantity: int) -> None:
        """A cover order's stop grows with its first leg; a complete leg of an iceberg is followed by the next."""
        if order.cover_trigger:
            self._grow_stop(order, quantity)
        if order.iceberg is not None and order.status == status.COMPLETE and order.iceberg.remaining > 0:
            self._next_leg(order, order.iceberg)

    def _next_leg(self, order: Order, before: Iceberg) -> None:
        engine = self._engine
        left = before.remaining - min(before.leg_quantity, before.remaining)
        leg = Iceberg(before.leg + 1, before.legs, before.leg_quantity, before.total, left)
        kind = order.order_type
        request = PlaceRequest(
            instrument=order.instrument,
            side=order.side,
            quantity=before.total,
            product=order.product,
            order_type=kind,
            validity=order.validity,
            validity_ttl=order.validity_ttl,
            price=order.price,
            trigger_price=0,
            disclosed_quantity=0,
            market_protection=order.market_protection,
            tag=order.tag,
            variety="iceberg",
        )
        try:
            engine.count_request()
        except Refusal:
            return  # every leg counts to the day's cap: the rest of the iceberg is not placed
        following = engine.new_order(request, engine.seen_or_now(), iceberg=leg)
        engine.after_validation_delay(following)

    def _grow_stop(self, first: Order, quantity: int) -> None:
        engine = self._engine
        leg = first.cover_leg
        if leg is not None and not leg.done:
            leg.quantity += quantity
            leg.record()
            return
        side = -first.side
        trigger = first.cover_trigger
        one = first.instrument
        reach = trigger * _COVER_REACH_PERCENT // 100 // one.tick * one.tick
        lower, upper = circuit_limits(one, engine.tape(one).previous_close)
        price = min(trigger + reach, upper) if side == BUY else max(trigger - reach, lower)
        request = PlaceRequest(
            one, side, quantity, "MIS", "SL", "DAY", 0, price, trigger, 0, 0.0, first.tag, variety="co"
        )
        leg = engine.new_order(request, engine.seen_or_now(), parent_order_id=first.order_id)
        first.cover_leg = leg
        engine.reach_exchange(leg, engine.seen_or_now())

    def exit_cover(self, leg: Order) -> None:
        """Cancelling a cover order's stop leaves the position at the market."""
        engine = self._engine
        engine.turn(leg, status.CANCEL_PENDING, tell=False)
        last = engine.quote(leg.instrument).last_price
        leg.order_type = "MARKET"
        leg.market_protection = auto_protection(leg.instrument, last)
        leg.trigger_price = 0
        reserve(leg, engine.portfolio, 0)
        engine.after_exchange_delay(lambda: self._exit_now(leg))

    def _exit_now(self, leg: Order) -> None:
        engine = self._engine
        if leg.done:
            return
        engine.matcher.remove(leg)
        leg.triggered = True
        now = engine.now()
        engine.matcher.enter_book(leg, now)
        engine.turn(leg, status.OPEN)
        engine.carry_on(leg, now)

    # Slices

    def place_sliced(self, request: PlaceRequest) -> dict[str, object]:
        """Place an order as several below the freeze quantity; the first is the parent."""
        one = request.instrument
        largest = one.freeze // one.lot * one.lot
        slices = -(-request.quantity // largest)
        if slices > SLICES_MAX:
            raise order_refused(f"Autoslice makes at most {SLICES_MAX} orders; {slices} would be needed.")
        engine = self._engine
        first = msgspec.structs.replace(request, quantity=min(request.quantity, largest))
        engine.check(first)
        parent = engine.accept(first, tags=["autoslice"] if slices > 1 else None)
        children: list[dict[str, object]] = []
        left = request.quantity - first.quantity
        while left:
            part = min(left, largest)
            left -= part
            try:
                engine.count_request()
                child = msgspec.structs.replace(request, quantity=part)
                engine.check(child)
                order = engine.accept(child, tags=["autoslice", f"autoslice:{parent.order_id}"])
                children.append({"order_id": order.order_id})
            except Refusal as refusal:
                error = {
                    "code": refusal.status,
                    "error_type": refusal.error_type,
                    "message": refusal.message,
                    "data": None,
                }
                children.append({"error": error})
        return {"order_id": parent.order_id, "children": children}
