"""How many units one position has."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from domain.values import E4


class FixedQuantity(Struct, frozen=True, tag=True):
    """Always so many units; for derivatives a multiple of the lot."""

    quantity: Annotated[int, Meta(ge=1)]


class FixedValue(Struct, frozen=True, tag=True):
    """As many units as the amount buys at the last price (1/10,000 rupee)."""

    value: Annotated[int, Meta(ge=1)]


Sizing = FixedQuantity | FixedValue


def size(sizing: Sizing, price: E4, lot_size: int, capital: E4 = 0) -> int:
    """Units of one position, whole lots, rounded down; 0 where not even one lot is affordable.

    capital  most that the position may be worth; 0 for no such limit
    """
    if price <= 0 or lot_size <= 0:
        return 0
    units = sizing.quantity if isinstance(sizing, FixedQuantity) else sizing.value // price
    if capital:
        units = min(units, capital // price)
    return units // lot_size * lot_size
