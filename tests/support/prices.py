"""Prices, as market data tells them."""

from __future__ import annotations

from domain.messages.market import PriceChanged, PricesChanged
from domain.values import RUPEE


def a_price(token: int, rupees: int, now: int = 0) -> PricesChanged:
    """One instrument has this price, without a book."""
    return prices_of(PriceChanged(token, rupees * RUPEE, 0, 0, 0, now, now))


def prices_of(*prices: PriceChanged) -> PricesChanged:
    """All of them in one message."""
    return PricesChanged({price.token: price for price in prices})
