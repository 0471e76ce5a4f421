"""Whether the fields of an intent fit together: what the broker would refuse whatever the market does. Pure.

Sources: kite-facts 2.2 (fields), 3.2 (varieties), 3.5 (stops). What only the price decides is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from domain.messages.orders import OrderIntent
from domain.values import Instrument, InstrumentKind, OrderKind, Product, Validity, Variety, rupees

ICEBERG_LEGS: Final = range(2, 51)
_DAY: Final = Validity.DAY
_STOP_LIMIT: Final = OrderKind.STOP_LIMIT
_STOPS: Final = (_STOP_LIMIT, OrderKind.STOP_MARKET)


def misfit(intent: OrderIntent, instrument: Instrument, freeze: int) -> str | None:
    """What does not fit, with both sides of it; None where all does.

    freeze  largest quantity of one order at the exchange, 0: none is known
    """
    found = _slice(intent) or _validity(intent) or _disclosed(intent, instrument) or _stop(intent)
    return found or _VARIETIES[intent.variety](intent, instrument, freeze)


def _slice(intent: OrderIntent) -> str | None:
    return f"it says that it is a part of {intent.slice_of}: cutting is not the strategy's" if intent.slice_of else None


def _validity(intent: OrderIntent) -> str | None:
    if intent.validity is _DAY:
        return f"validity DAY with {intent.ttl_minutes} minutes to live" if intent.ttl_minutes else None
    if intent.validity is Validity.TTL and intent.ttl_minutes <= 0:
        return f"validity TTL with {intent.ttl_minutes} minutes"
    if intent.validity is Validity.IOC and intent.kind in _STOPS:
        return "a stop order cannot be immediate or cancelled"
    if intent.validity is not Validity.TTL and intent.ttl_minutes:
        return f"validity {intent.validity.value} with {intent.ttl_minutes} minutes to live"
    return None


def _disclosed(intent: OrderIntent, instrument: Instrument) -> str | None:
    shown = intent.disclosed_quantity
    if not shown:
        return None
    if instrument.kind is not InstrumentKind.EQUITY:
        return f"a disclosed quantity of {shown} in {instrument.key}: shares alone have one"
    if intent.validity is Validity.IOC:
        return "a disclosed quantity with validity IOC, which never rests"
    return None if 0 < shown <= intent.quantity else f"{shown} of {intent.quantity} disclosed"


def _stop(intent: OrderIntent) -> str | None:
    """A stop-limit's price lies where it can fill once triggered."""
    if intent.kind is not _STOP_LIMIT:
        return None
    beyond = (intent.price - intent.trigger_price) * intent.side.sign
    if beyond >= 0:
        return None
    limit, trigger = rupees(intent.price), rupees(intent.trigger_price)
    return f"a stop {intent.side.value} at {trigger} with its limit at {limit} could not fill"


def _regular(intent: OrderIntent, _instrument: Instrument, _freeze: int) -> str | None:
    return f"an order that is no iceberg with {intent.iceberg_legs} legs" if intent.iceberg_legs else None


def _amo(intent: OrderIntent, instrument: Instrument, freeze: int) -> str | None:
    if intent.validity is Validity.TTL:
        return "an after-market order that lives for minutes (TTL)"
    return _regular(intent, instrument, freeze)


def _cover(intent: OrderIntent, instrument: Instrument, freeze: int) -> str | None:
    if intent.kind in _STOPS or intent.product is not Product.MIS or intent.validity is not Validity.DAY:
        shape = f"{intent.kind.value}, {intent.product.value}, {intent.validity.value}"
        return f"a cover order is MARKET or LIMIT, MIS, DAY; not {shape}"
    if intent.reduce_only:
        return "a cover order opens a position with a stop of its own: it cannot be an exit"
    entry = intent.price if intent.kind is OrderKind.LIMIT else intent.reference_price
    if intent.trigger_price <= 0 or (entry - intent.trigger_price) * intent.side.sign <= 0:
        return f"the stop {rupees(intent.trigger_price)} is not on the losing side of {rupees(entry)}"
    if instrument.tick_size and intent.trigger_price % instrument.tick_size:
        return f"the stop {rupees(intent.trigger_price)} is no multiple of the tick {rupees(instrument.tick_size)}"
    return _regular(intent, instrument, freeze)


def _iceberg(intent: OrderIntent, instrument: Instrument, freeze: int) -> str | None:
    legs = intent.iceberg_legs
    if intent.kind in _STOPS or intent.disclosed_quantity:
        return "an iceberg is MARKET or LIMIT, and discloses nothing but its parts"
    if legs not in ICEBERG_LEGS:
        return f"an iceberg of {legs} legs: {ICEBERG_LEGS.start} to {ICEBERG_LEGS.stop - 1} are possible"
    size = -(-intent.quantity // legs)
    if (legs - 1) * size >= intent.quantity:
        return f"{intent.quantity} cannot be cut into {legs} legs of {size}"
    if size % max(instrument.lot_size, 1):
        return f"legs of {size} are no multiple of the lot {instrument.lot_size}"
    return f"legs of {size}, the freeze quantity is {freeze}" if freeze and size > freeze else None


_VARIETIES: Final[dict[Variety, Callable[[OrderIntent, Instrument, int], str | None]]] = {
    Variety.REGULAR: _regular,
    Variety.AMO: _amo,
    Variety.COVER: _cover,
    Variety.ICEBERG: _iceberg,
}
