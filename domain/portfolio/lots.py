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
    if not lots or (lots[0].quantity > 0) == (quantity > 0):
        return Matched((*lots, Lot(quantity, price)) if quantity else tuple(lots), 0, 0)
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


def taken(lots: Sequence[Lot], quantity: int) -> tuple[tuple[Lot, ...], tuple[Lot, ...]]:
    """(what stays, what goes): the oldest `quantity` (signed, of the lots' sign) units go, each at what it cost.

    Raises ValueError where there are not so many.
    """
    sign, left = (1 if quantity > 0 else -1), abs(quantity)
    stays, goes = [], []
    for lot in lots:
        units = min(left, lot.quantity * sign)
        if units < 0:
            break
        left -= units
        if units:
            goes.append(Lot(sign * units, lot.price))
        if lot.quantity != sign * units:
            stays.append(Lot(lot.quantity - sign * units, lot.price))
    if left:
        raise ValueError(f"{quantity} units of a position of {sum(lot.quantity for lot in lots)}")
    return tuple(stays), tuple(goes)


def merged(lots: Sequence[Lot], more: Sequence[Lot]) -> Matched:
    """Lots that come in at what they cost: against an opposite position they close, the oldest first."""
    matched = Matched(tuple(lots), 0, 0)
    for lot in more:
        step = match(matched.lots, lot.quantity, lot.price)
        matched = Matched(step.lots, matched.closed + step.closed, matched.realised + step.realised)
    return matched


def rescaled(lots: Sequence[Lot], becomes: int) -> tuple[Lot, ...]:
    """The same cost over other units (signed): a split, a bonus, a consolidation. Exact: where a price is none of whole
    1/10,000 rupees, a lot is told apart into two.

    Raises ValueError where the position would end or turn.
    """
    units = sum(lot.quantity for lot in lots)
    if units * becomes <= 0:
        raise ValueError(f"a position of {units} cannot become {becomes}")
    sign = 1 if units > 0 else -1
    found: list[Lot] = []
    before = given = value = 0
    for lot in lots:
        before += abs(lot.quantity)
        value += abs(lot.quantity) * lot.price
        whole = before * abs(becomes) // abs(units) - given
        if whole == 0:
            continue  # its cost goes with the next
        given += whole
        price, rest = divmod(value, whole)
        found += [Lot(sign * n, at) for n, at in ((whole - rest, price), (rest, price + 1)) if n]
        value = 0
    return tuple(found)
