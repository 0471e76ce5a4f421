"""A market order where the broker takes LIMIT orders alone: a limit that reaches through the book, and not too far."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from domain.messages.broker import PlaceOrder
from domain.values import E4, OrderKind, Side

BAND_MAX: Final = 200
"""1/100 percent: Zerodha's hosted sandbox refuses prices further than about 2 % from the last (kite-facts 1)."""

_WHOLE: Final = 10_000
"""1/100 percent in the whole."""


def marketable_price(side: Side, last_price: E4, tick_size: E4, reach: int) -> E4:
    """The limit price of an order that should fill at once: `reach` (1/100 percent) beyond the last price.

    Rounded to the tick towards the last price, so that it stays within the reach. Raises ValueError where no such
    price exists: no last price, a reach outside (0, 2 %], a sell that would be at zero.
    """
    if last_price <= 0 or tick_size <= 0:
        raise ValueError(f"a last price of {last_price} and a tick of {tick_size} make no limit price")
    if not 0 < reach <= BAND_MAX:
        raise ValueError(f"a reach of {reach} hundredths of a percent; allowed: above 0, at most {BAND_MAX}")
    if side is Side.BUY:
        return last_price * (_WHOLE + reach) // _WHOLE // tick_size * tick_size
    price = -(-last_price * (_WHOLE - reach) // (_WHOLE * tick_size)) * tick_size
    if price <= 0:
        raise ValueError(f"a last price of {last_price} leaves no price to sell at")
    return price


def as_limit(order: PlaceOrder, last_price: E4, tick_size: E4, reach: int) -> PlaceOrder:
    """A MARKET order as a marketable LIMIT; any other order as it is. Raises ValueError as `marketable_price`."""
    if order.kind is not OrderKind.MARKET:
        return order
    price = marketable_price(order.side, last_price, tick_size, reach)
    return replace(order, kind=OrderKind.LIMIT, price=price)
