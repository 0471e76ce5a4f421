"""How an order meets a packet of real prices. Pure functions.

The depth of a full packet is what an arriving order fills against, level by level. What it took is gone until the next
packet of that instrument: one displayed lot is not sold twice. An order that rests is filled when the other side's
depth reaches its limit, up to what is on offer there, or when trades print through its limit, up to what was traded. A
print exactly at the limit fills nothing: how much stood before us in the queue cannot be seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from adapters.paper.rows import Level, PaperOrder, Quote
from domain.values import E4, InstrumentKind, Side

PRINTS: Final[E4] = 0
"""In place of a level: taken from the trades that went through the limit."""


class Fill(NamedTuple):
    """Units at a price, taken from this level of the other side."""

    price: E4
    quantity: int
    level: E4


_BANDS: Final[tuple[tuple[E4, int], ...]] = ((1_000_000, 200), (5_000_000, 100))
"""Automatic protection of shares and futures (kite-facts 3.3): below this price, 1/100 percent; above all, 50."""

_OPTION_BANDS: Final[tuple[tuple[E4, int], ...]] = ((100_000, 500), (1_000_000, 300), (5_000_000, 200))
"""The same for options; above all, 100."""


def protection_price(side: Side, last_price: E4, tick_size: E4, kind: InstrumentKind, protection: int) -> E4:
    """The limit at which a market order goes to the exchange: `protection` in 1/100 percent, or -1 for the band."""
    if protection < 0:
        option = kind in (InstrumentKind.CALL, InstrumentKind.PUT)
        bands, above = (_OPTION_BANDS, 100) if option else (_BANDS, 50)
        protection = next((share for below, share in bands if last_price < below), above)
    if side is Side.BUY:
        return max(last_price, last_price * (10_000 + protection) // 10_000 // tick_size * tick_size)
    return max(tick_size, -(-last_price * (10_000 - protection) // (10_000 * tick_size)) * tick_size)


def offered(order: PaperOrder, quote: Quote) -> Sequence[Level]:
    """The other side's levels that the order's limit reaches."""
    levels = quote.asks if order.side is Side.BUY else quote.bids
    return [(price, quantity) for price, quantity in levels if (order.limit - price) * order.side.sign >= 0]


def fills(order: PaperOrder, quote: Quote, taken: Mapping[E4, int], printed: int) -> list[Fill]:
    """What the order gets from this packet, best first.

    taken    per level, what others of ours took from this same packet (`PRINTS`: of what was traded)
    printed  units traded since the packet before, while the order rested
    """
    wanted, found = order.pending, []
    for level, quantity in offered(order, quote):
        got = min(wanted, quantity - taken.get(level, 0))
        if got > 0:
            found.append(Fill(level if order.aggressor else order.limit, got, level))
            wanted -= got
    through = (order.limit - quote.last_price) * order.side.sign > 0
    left = min(wanted, printed - taken.get(PRINTS, 0))
    if not found and order.arrived and through and left > 0:
        found.append(Fill(order.limit, left, PRINTS))
    return found


def triggered(order: PaperOrder, last_price: E4) -> bool:
    """Whether a stop's trigger is reached."""
    return (last_price - order.trigger) * order.side.sign >= 0
