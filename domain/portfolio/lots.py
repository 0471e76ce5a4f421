"""First in, first out: which units a trade closes, and for how much."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from domain.values import E4


class Lot(Struct, frozen=True, array_like=True):
    """Units bought (positive) or sold short (negative) at one price, still open."""

    quantity: int
    price: E4


class Matched(Struct, frozen=True):
    """What a trade did to the lots.

    lots      what is open now, oldest first, all of one sign
    closed    units of former lots that it closed, >= 0
    realised  profit of the closed units before charges, per unit of multiplier
    """

    lots: tuple[Lot, ...]
    closed: int
    realised: E4


def match(lots: Sequence[Lot], quantity: int, price: E4) -> Matched:
    """Apply a trade of `quantity` (signed) to lots of one sign: it closes the oldest first, the rest opens."""
    remaining, realised, closed = quantity, 0, 0
    queue = list(lots)
    while remaining and queue and (queue[0].quantity > 0) != (remaining > 0):
        oldest = queue.pop(0)
        sign = 1 if oldest.quantity > 0 else -1
        units = min(abs(oldest.quantity), abs(remaining))
        realised += sign * units * (price - oldest.price)
        closed += units
        remaining += sign * units
        if abs(oldest.quantity) > units:
            queue.insert(0, Lot(oldest.quantity - sign * units, oldest.price))
    if remaining:
        queue.append(Lot(remaining, price))
    return Matched(tuple(queue), closed, realised)


def cost(lots: Sequence[Lot]) -> E4:
    """Signed value at which the lots were opened, per unit of multiplier."""
    return sum(lot.quantity * lot.price for lot in lots)
