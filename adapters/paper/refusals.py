"""What the broker refuses before an order is in its book, in its own words (kite-facts 3.3, 3.6)."""

from __future__ import annotations

from adapters.paper.rows import Quote
from domain.messages.broker import PlaceOrder
from domain.values import Instrument, InstrumentKind, OrderKind, Side, Validity, Variety, rupees


class Refused(Exception):
    """The order is refused at once. The text is the broker's."""


def check(order: PlaceOrder, instrument: Instrument | None, quote: Quote | None) -> Instrument:
    """The instrument of an order that may be taken. Raises Refused."""
    if instrument is None:
        raise Refused(f"The instrument {order.exchange}:{order.symbol} does not exist. (InputException)")
    if instrument.kind is InstrumentKind.INDEX:
        raise Refused("An index cannot be traded. (InputException)")
    if order.variety is not Variety.REGULAR:
        raise Refused(f"Paper trading takes regular orders only, not {order.variety.value}. (InputException)")
    if order.validity is Validity.TTL:
        raise Refused("Paper trading takes no orders that live for minutes (TTL). (InputException)")
    _quantity(order, instrument)
    _prices(order, instrument)
    if order.kind in (OrderKind.MARKET, OrderKind.STOP_MARKET) and order.market_protection == 0:
        raise Refused(
            "Market orders without market protection are not allowed via API. Please set market protection or use a "
            "Limit order. (InputException)"
        )
    if order.kind is OrderKind.MARKET and (quote is None or quote.last_price <= 0):
        raise Refused("No price of this instrument has been seen yet. (InputException)")
    if order.trigger_price and quote is not None:
        _trigger_side(order, quote)
    return instrument


def _quantity(order: PlaceOrder, instrument: Instrument) -> None:
    if order.quantity <= 0:
        raise Refused("Quantity should be more than 0. (InputException)")
    if order.quantity % instrument.lot_size:
        raise Refused(f"Quantity should be a multiple of the lot size {instrument.lot_size}. (InputException)")
    if instrument.freeze_quantity and order.quantity > instrument.freeze_quantity:
        raise Refused(f"Quantity is above the freeze quantity {instrument.freeze_quantity}. (InputException)")


def _prices(order: PlaceOrder, instrument: Instrument) -> None:
    priced = order.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT)
    stopped = order.kind in (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET)
    for name, price, wanted in (("Price", order.price, priced), ("Trigger price", order.trigger_price, stopped)):
        if not wanted:
            continue
        if price <= 0:
            raise Refused(f"{name} should be more than 0. (InputException)")
        if price % instrument.tick_size:
            raise Refused(
                f"Tick size for this script is {rupees(instrument.tick_size)}. Kindly enter price in the multiple of "
                "tick size for this script (InputException)"
            )


def _trigger_side(order: PlaceOrder, quote: Quote) -> None:
    if (order.trigger_price - quote.last_price) * order.side.sign < 0:
        side = "above" if order.side is Side.BUY else "below"
        raise Refused(f"Trigger price should be {side} the last price {rupees(quote.last_price)}. (InputException)")
    if order.kind is OrderKind.STOP_LIMIT and (order.price - order.trigger_price) * order.side.sign < 0:
        side = "below" if order.side is Side.BUY else "above"
        raise Refused(f"Price should not be {side} the trigger price. (InputException)")
