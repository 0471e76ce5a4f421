"""When a position is to be left between two decisions: stop, trail, target. Prices in rupees."""

from __future__ import annotations

from domain.strategy.rule import Targets
from domain.values import E4, RUPEE


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


def stop_level(sign: int, stop: float, tick: E4) -> E4:
    """The first tick, coming from the good side, at which `exit_reason` says `stop`. Plain numbers: kernels compile it.

    sign  +1 for a long position, -1 for a short one
    """
    price = int(stop * RUPEE / tick + 0.5) * tick
    while sign * (price / RUPEE - stop) > 0:
        price -= sign * tick
    while sign * ((price + sign * tick) / RUPEE - stop) <= 0:
        price += sign * tick
    return price


def trail_level(sign: int, best: float, trail: float, tick: E4) -> E4:
    """The same for `trail`."""
    price = int((best - sign * trail) * RUPEE / tick + 0.5) * tick
    while sign * (best - price / RUPEE) < trail:
        price -= sign * tick
    while sign * (best - (price + sign * tick) / RUPEE) >= trail:
        price += sign * tick
    return price


def target_level(sign: int, target: float, tick: E4) -> E4:
    """The same for `target`, coming from below it (long)."""
    price = int(target * RUPEE / tick + 0.5) * tick
    while sign * (price / RUPEE - target) < 0:
        price += sign * tick
    while sign * ((price - sign * tick) / RUPEE - target) >= 0:
        price -= sign * tick
    return price


def levels(quantity: int, best: float, targets: Targets, tick: E4) -> tuple[E4, ...]:
    """Ticks at which a position is to be left, those that lie beyond the first of their kind included."""
    if quantity == 0 or tick <= 0:
        return ()
    sign = 1 if quantity > 0 else -1
    found = []
    if targets.stop > 0:
        found.append(stop_level(sign, targets.stop, tick))
    if targets.trail > 0 and best > 0:
        found.append(trail_level(sign, best, targets.trail, tick))
    if targets.target > 0:
        found.append(target_level(sign, targets.target, tick))
    return tuple(found)
