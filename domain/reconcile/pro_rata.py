"""An order of the broker's that closes what several of ours hold together: to whom its trades belong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SHARE_MARK: Final = "/"
"""Between a trade's id and the owner of a share of it: no exchange uses it."""


def pro_rata(quantity: int, held: Mapping[str, int]) -> dict[str, int]:
    """Units for each holder in proportion to what it holds: whole, adding up to `quantity` exactly.

    held  positive units by holder. What goes beyond all of them is nobody's: the empty name's

    Remainders go to the largest fractions, ties by name, so that equal books give equal shares.
    """
    whole = sum(held.values())
    closing = min(quantity, whole)
    shares = {holder: closing * units // whole for holder, units in held.items()} if whole else {}
    left = closing - sum(shares.values())
    order = sorted(held, key=lambda holder: (-(closing * held[holder] % whole), holder)) if whole else []
    for holder in order[:left]:
        shares[holder] += 1
    if quantity > closing:
        shares[""] = shares.get("", 0) + quantity - closing
    return {holder: units for holder, units in shares.items() if units}


def share_trade_id(trade_id: str, holder: str, *, alone: bool) -> str:
    """The id of a holder's share of a trade; the trade's own where there is but one."""
    return trade_id if alone else f"{trade_id}{SHARE_MARK}{holder}"


def base_trade_id(trade_id: str) -> str:
    """The broker's id of the trade that this is a share of."""
    return trade_id.partition(SHARE_MARK)[0]
