"""Good-till-triggered orders: they watch the prints, fire once, and place a limit order (kite-facts 2.6).

Prices are 1/10,000 rupee inside. Nothing is blocked until a trigger fires; "triggered" does not mean that the order was
taken: that is what the result says.
"""

from collections.abc import Mapping
from datetime import date
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from msgspec import Struct

from sandbox.instruments import Instrument
from sandbox.money import UNITS_PER_RUPEE, to_rupees
from sandbox.refusal import Refusal, order_refused
from sandbox.rules import PlaceRequest
from sandbox.trading_days import NS, text_of

if TYPE_CHECKING:
    from sandbox.engine import Engine

BUY, SELL = 1, -1
ACTIVE_MAX = 500
LIFE_DAYS = 365
SHOWN_DAYS = 7
_PRODUCTS = frozenset({"CNC", "NRML", "MTF"})
_FIRST_ID = 100_000


class GttOrder(Struct, frozen=True):
    """The order that a trigger places."""

    side: int
    quantity: int
    product: str
    price: int


class GttRequest(Struct, frozen=True):
    """A well-formed GTT: one trigger and order, or two for whichever comes first."""

    two_leg: bool
    instrument: Instrument
    triggers: tuple[int, ...]
    last_price: int
    orders: tuple[GttOrder, ...]


class Gtt:
    """One GTT and what became of it."""

    def __init__(self, number: int, request: GttRequest, now: int, next_print: int) -> None:
        self.number = number
        self.request = request
        self.status = "active"
        self.created_ns = self.updated_ns = now
        self.expires_ns = now + LIFE_DAYS * 86_400 * NS
        self.next_print = next_print
        self.results: list[dict[str, object] | None] = [None] * len(request.orders)

    def fires(self, prices: np.ndarray[tuple[int], np.dtype[np.int32]]) -> tuple[int, int] | None:
        """(leg, which of the prices) of the first print that reaches a trigger, if any does."""
        hits: list[tuple[int, int]] = []
        for leg, trigger in enumerate(self.request.triggers):
            up = leg == 1 if self.request.two_leg else trigger > self.request.last_price
            reached = np.flatnonzero(prices >= trigger if up else prices <= trigger)
            if len(reached):
                hits.append((int(reached[0]), leg))
        if not hits:
            return None
        place, leg = min(hits)
        return leg, place

    def row(self, user_id: str) -> dict[str, object]:
        """The wire row."""
        one = self.request.instrument
        orders = [
            {
                "exchange": one.exchange,
                "tradingsymbol": one.tradingsymbol,
                "product": order.product,
                "order_type": "LIMIT",
                "transaction_type": "BUY" if order.side == BUY else "SELL",
                "quantity": order.quantity,
                "price": to_rupees(order.price),
                "result": result,
            }
            for order, result in zip(self.request.orders, self.results, strict=True)
        ]
        return {
            "id": self.number,
            "user_id": user_id,
            "parent_trigger": None,
            "type": "two-leg" if self.request.two_leg else "single",
            "created_at": text_of(self.created_ns),
            "updated_at": text_of(self.updated_ns),
            "expires_at": text_of(self.expires_ns),
            "status": self.status,
            "condition": {
                "exchange": one.exchange,
                "last_price": to_rupees(self.request.last_price),
                "tradingsymbol": one.tradingsymbol,
                "trigger_values": [to_rupees(trigger) for trigger in self.request.triggers],
                "instrument_token": one.token,
            },
            "orders": orders,
            "meta": {},
        }


class Gtts:
    """The account's GTTs."""

    def __init__(self, engine: "Engine", user_id: str, *, cap: bool) -> None:
        self._engine = engine
        self._user_id = user_id
        self._cap = cap
        self._all: dict[int, Gtt] = {}
        self._active: dict[int, Gtt] = {}
        self._last_id = _FIRST_ID

    def place(self, request: GttRequest) -> int:
        """A new trigger; its id."""
        self._check(request)
        if self._cap and len(self._active) >= ACTIVE_MAX:
            raise Refusal(f"Maximum of {ACTIVE_MAX} active GTTs reached.")
        self._last_id += 1
        now = self._engine.now()
        gtt = Gtt(self._last_id, request, now, self._engine.tape(request.instrument).printed(now))
        self._all[gtt.number] = self._active[gtt.number] = gtt
        return gtt.number

    def modify(self, number: int, request: GttRequest) -> int:
        """Change an active trigger."""
        gtt = self._working(number)
        if request.instrument is not gtt.request.instrument or request.two_leg != gtt.request.two_leg:
            raise Refusal("The instrument or type of a GTT cannot be changed.")
        self._check(request)
        now = self._engine.now()
        gtt.request, gtt.updated_ns = request, now
        gtt.next_print = self._engine.tape(request.instrument).printed(now)
        return number

    def delete(self, number: int) -> int:
        """Delete an active trigger."""
        gtt = self._working(number)
        self._end(gtt, "deleted")
        return number

    def row(self, number: int) -> dict[str, object]:
        """One trigger's row."""
        return self._find(number).row(self._user_id)

    def rows(self) -> list[dict[str, object]]:
        """Active ones, and what became of others in the last seven days."""
        since = self._engine.now() - SHOWN_DAYS * 86_400 * NS
        shown = [gtt for gtt in self._all.values() if gtt.status == "active" or gtt.updated_ns >= since]
        return [gtt.row(self._user_id) for gtt in shown]

    def watch_to(self, now_ns: int) -> None:
        """Show every active trigger the prints up to an instant."""
        for gtt in list(self._active.values()):
            tape = self._engine.tape(gtt.request.instrument)
            printed = tape.printed(now_ns)
            if printed <= gtt.next_print:
                continue
            start, gtt.next_print = gtt.next_print, printed
            hit = gtt.fires(tape.price[start:printed])
            if hit is not None:
                leg, place = hit
                self._fire(gtt, leg, int(tape.price[start + place]), tape.time_ns(start + place))

    def start_day(self, day: date) -> None:
        """A new tape to watch; triggers a year old, or of contracts that are gone, expire."""
        del day
        now = self._engine.seen_ns
        for gtt in list(self._active.values()):
            gtt.next_print = 0
            if gtt.expires_ns <= now or gtt.request.instrument.key not in self._engine.universe.by_key:
                self._end(gtt, "expired")

    def _fire(self, gtt: Gtt, leg: int, price: int, now: int) -> None:
        one, order = gtt.request.instrument, gtt.request.orders[leg]
        request = PlaceRequest(
            one, order.side, order.quantity, order.product, "LIMIT", "DAY", 0, order.price, 0, 0, 0.0, None
        )
        outcome = {"status": "success", "order_id": "", "rejection_reason": ""}
        try:
            self._engine.count_request()
            outcome["order_id"] = self._engine.place(request)
        except Refusal as refusal:
            outcome.update(status="failed", rejection_reason=refusal.message)
        gtt.results[leg] = {
            "account_id": self._user_id,
            "exchange": one.exchange,
            "tradingsymbol": one.tradingsymbol,
            "validity": "DAY",
            "product": order.product,
            "order_type": "LIMIT",
            "transaction_type": "BUY" if order.side == BUY else "SELL",
            "quantity": order.quantity,
            "price": to_rupees(order.price),
            "meta": f'{{"app_id":1,"gtt":{gtt.number}}}',
            "timestamp": text_of(now),
            "triggered_at": to_rupees(price),
            "order_result": outcome,
        }
        self._end(gtt, "triggered")

    def _end(self, gtt: Gtt, status: str) -> None:
        gtt.status = status
        gtt.updated_ns = self._engine.now()
        self._active.pop(gtt.number, None)

    def _find(self, number: int) -> Gtt:
        gtt = self._all.get(number)
        if gtt is None:
            raise Refusal("Trigger not found.", "GeneralException", 404)
        return gtt

    def _working(self, number: int) -> Gtt:
        gtt = self._find(number)
        if gtt.status != "active":
            raise Refusal(f"The trigger is already {gtt.status}.")
        return gtt

    def _check(self, request: GttRequest) -> None:
        """The triggers lie where they can be reached: not where the price is, and on both sides for two legs."""
        quote = self._engine.quote(request.instrument)
        for trigger in request.triggers:
            if trigger == quote.last_price:
                raise Refusal("Trigger price cannot be equal to the last traded price.")
        if request.two_leg and not request.triggers[0] < quote.last_price < request.triggers[1]:
            raise Refusal("Trigger prices of a two-leg GTT lie on both sides of the last traded price.")
        one = request.instrument
        for order in request.orders:
            if order.price % one.tick or order.quantity % one.lot:
                raise order_refused(f"Price and quantity are multiples of {to_rupees(one.tick):g} and {one.lot}.")


def parse_gtt(form: Mapping[str, str], by_key: Mapping[str, Instrument]) -> GttRequest:
    """A request from the form of POST and PUT /gtt/triggers."""
    kind = form.get("type")
    if kind not in {"single", "two-leg"}:
        raise Refusal("Invalid `type`.")
    condition, orders = _json(form, "condition"), _json(form, "orders")
    if not isinstance(condition, dict) or not isinstance(orders, list):
        raise Refusal("Invalid `condition` or `orders`.")
    instrument = by_key.get(f"{condition.get('exchange')}:{condition.get('tradingsymbol')}")
    if instrument is None or instrument.is_index:
        raise Refusal("Invalid `tradingsymbol`.")
    values = condition.get("trigger_values")
    count = 2 if kind == "two-leg" else 1
    if not isinstance(values, list) or len(values) != count or len(orders) != count:
        raise Refusal(f"A GTT of type {kind} has {count} `trigger_values` and {count} `orders`.")
    return GttRequest(
        two_leg=kind == "two-leg",
        instrument=instrument,
        triggers=tuple(_units(value, "trigger_values") for value in values),
        last_price=_units(condition.get("last_price"), "last_price"),
        orders=tuple(_order(order, instrument) for order in orders),
    )


def _order(body: object, instrument: Instrument) -> GttOrder:
    if not isinstance(body, dict):
        raise Refusal("Invalid `orders`.")
    side = {"BUY": BUY, "SELL": SELL}.get(str(body.get("transaction_type")))
    if side is None or body.get("order_type", "LIMIT") != "LIMIT":
        raise Refusal("Invalid `transaction_type` or `order_type`: GTT orders are LIMIT.")
    product = str(body.get("product"))
    if product not in _PRODUCTS or (product == "NRML") != instrument.is_derivative:
        raise Refusal("Invalid `product`.")
    for name in ("exchange", "tradingsymbol"):
        if body.get(name, getattr(instrument, name)) != getattr(instrument, name):
            raise Refusal(f"Invalid `{name}`: an order of a GTT is in the condition's instrument.")
    quantity = body.get("quantity")
    if not isinstance(quantity, int) or isinstance(quantity, bool) or not 0 < quantity < 10**9:
        raise Refusal("Invalid `quantity`.")
    return GttOrder(side, quantity, product, _units(body.get("price"), "price"))


def _units(value: object, name: str) -> int:
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 10**8:
        raise Refusal(f"Invalid `{name}`.")
    return round(value * UNITS_PER_RUPEE)


def _json(form: Mapping[str, str], name: str) -> object:
    try:
        return msgspec.json.decode(form.get(name, ""))
    except (msgspec.DecodeError, RecursionError):
        raise Refusal(f"Invalid `{name}`.") from None
