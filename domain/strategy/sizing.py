"""The two sizings that need nothing but a price: what research compiles. All of them are in domain/risk/sizing."""

from __future__ import annotations

from domain.risk.sizing import FixedQuantity, FixedValue, Situation
from domain.risk.sizing import size as sized
from domain.values import E4

__all__ = ["FixedQuantity", "FixedValue", "Sizing", "size"]

Sizing = FixedQuantity | FixedValue


def size(sizing: Sizing, price: E4, lot_size: int, capital: E4 = 0) -> int:
    """Units of one position, whole lots, rounded down; 0 where not even one lot is affordable.

    capital  most that the position may be worth; 0 for no such limit
    """
    return sized(sizing, Situation(price=price, lot_size=lot_size, capital=capital)).units
