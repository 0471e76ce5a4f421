"""Whether a level is reached, on numbers alone: a part of the loop, and of what each rule has of it."""

from __future__ import annotations

from domain.values import RUPEE
from research.kernel.layout import STOP, TARGET, TRAIL
from research.kernel.slots import compiled


@compiled
def exit_of(sign: int, price: float, best: float, stop: float, target: float, trail: float) -> int:
    """`domain.strategy.exits.exit_reason` as a number; -1 for none."""
    if stop > 0 and sign * (price - stop) <= 0:
        return STOP
    if trail > 0 and sign * (best - price) >= trail:
        return TRAIL
    if target > 0 and sign * (price - target) >= 0:
        return TARGET
    return -1


@compiled
def may_leave(
    sign: int,
    inside: int,
    opened: int,
    high: int,
    low: int,
    close: int,
    best: float,
    stop: float,
    target: float,
    trail: float,
    tick: int,
) -> tuple[bool, float]:
    """Whether a level may be met in this bar, and the best price after it where none is.

    Inside bars it is asked of the two ends alone, and of the trail as if the best price had come first: what is met on
    the way is met there.
    """
    good, bad = (high, low) if sign > 0 else (low, high)
    if inside == 2:
        good -= sign * tick
    if inside == 0:
        good = bad = close
    else:
        # Compared by hand: numba compiles a `max` anew for each rule, and takes longer for it than for this function.
        for price in (opened, close):
            good = price if sign * price > sign * good else good
            bad = price if sign * price < sign * bad else bad
    highest = good / RUPEE
    if best == 0 or sign * highest > sign * best:
        best = highest
    met = exit_of(sign, bad / RUPEE, best, stop, 0.0, trail) >= 0
    return met or (target > 0 and sign * (highest - target) >= 0), best
