"""When a position is to be left between two decisions: stop, trail, target. Prices in rupees."""

from __future__ import annotations

from domain.strategy.rule import Targets


def exit_reason(quantity: int, price: float, best: float, targets: Targets) -> str:
    """`stop`, `trail` or `target` where the price says so; empty where the position may stay.

    quantity  signed units held, not 0
    best      best price since entry: the highest for a long position, the lowest for a short one

    A loss is looked for before a gain: where both would fit, the worse one is true.
    """
    sign = 1 if quantity > 0 else -1
    if targets.stop > 0 and sign * (price - targets.stop) <= 0:
        return "stop"
    if targets.trail > 0 and sign * (best - price) >= targets.trail:
        return "trail"
    if targets.target > 0 and sign * (price - targets.target) >= 0:
        return "target"
    return ""


def better(quantity: int, price: float, best: float) -> float:
    """The best price since entry, this one included; 0 for `best` means none yet."""
    if best == 0:
        return price
    return max(price, best) if quantity > 0 else min(price, best)
