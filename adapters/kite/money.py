"""From Kite's JSON numbers, which are floats, to integers of 1/10,000 rupee.

A JSON number of up to 15 significant digits survives the float: the nearest double to k/10,000 is what `k / 10000`
computes, so equality with it proves that the text said exactly k/10,000.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final

from domain.values import E4, RUPEE

_EXACT_BELOW: Final = 2.0**51
"""Below this many 1/10,000 rupee, `round(value * 10000)` finds the right integer (two roundings of 2**-53)."""

_SAID_BELOW: Final = 1e15
"""Below this many 1/10,000 rupee the float has room for every digit of the text that it was read from."""

_AMOUNT_BELOW: Final = 1e15
"""Rupees. A sum of this size is a defect, and Decimal's 28 digits are exact below it."""


def exact(rupees: float) -> E4:
    """The amount as 1/10,000 rupee. Raises ValueError where it is finer: a rounded price would be another price."""
    scaled = rupees * RUPEE
    if -_EXACT_BELOW < scaled < _EXACT_BELOW:
        whole = round(scaled)
        if whole / RUPEE == rupees:
            return whole
    raise ValueError(f"{rupees!r} rupees is finer than 1/10,000 rupee, or out of range")


def nearest(rupees: float) -> E4:
    """The amount rounded half to even: for the broker's averages and sums, which are compared, never booked.

    Raises ValueError for what is no amount (infinite, or beyond any account).
    """
    if not rupees:
        return 0
    scaled = rupees * RUPEE
    if -_SAID_BELOW < scaled < _SAID_BELOW:
        # Nearly all of them say so many 1/10,000 exactly: then there is nothing to round.
        whole = round(scaled)
        if whole / RUPEE == rupees:
            return whole
    if not abs(rupees) < _AMOUNT_BELOW:
        raise ValueError(f"{rupees!r} rupees is out of range")
    return int((Decimal(repr(rupees)) * RUPEE).to_integral_value(rounding=ROUND_HALF_EVEN))


def percent(hundredths: int) -> str:
    """A percentage given in 1/100 as Kite writes it: 200 is `2`, 250 is `2.5`; -1 (automatic) stays `-1`."""
    if hundredths < 0:
        return "-1"
    whole, rest = divmod(hundredths, 100)
    return f"{whole}.{rest:02d}".rstrip("0") if rest else str(whole)
