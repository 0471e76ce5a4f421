"""Where a position is to be left: the rule and the wish made prices, and whether a price says so. Exact integers."""

from __future__ import annotations

from domain.exits.values import ExitLevels, ExitPlan, ExitRule
from domain.values import E4, Nanos

STOP, TRAIL, TARGET, TIME = "stop", "trail", "target", "time"
TRAIL_STEPS = 10
"""A trailing stop is moved when the best price has gained a tenth of the distance: each move is a request."""
_WHOLE = 10_000


def levels_for(rule: ExitRule, wished: ExitLevels, entry: E4, *, long: bool, tick: E4) -> ExitLevels:
    """The levels of a position opened at `entry`: what the decision wished, else what the rule says, on the tick.

    A stop is rounded towards the entry and a target away from the market's reach never beyond it: both by the nearest
    tick that leaves the position no later than meant.
    """
    sign = 1 if long else -1
    stop = wished.stop or _away(entry, -sign * rule.stop_bps)
    target = wished.target or _away(entry, sign * rule.target_bps)
    trail = wished.trail or entry * rule.trail_bps // _WHOLE
    return ExitLevels(
        # Long: the stop up, the target down. Short: the other way round. Either leaves no later than meant.
        stop=on_tick(stop, tick, up=long),
        target=on_tick(target, tick, up=not long),
        trail=max(trail // tick * tick, tick) if trail else 0,
    )


def on_tick(price: E4, tick: E4, *, up: bool) -> E4:
    """The price itself if it is a multiple of the tick, else the next one up or down; 0 stays 0."""
    if price <= 0:
        return 0
    return -(-price // tick) * tick if up else price // tick * tick


def beyond(trigger: E4, bps: int, tick: E4, *, long: bool) -> E4:
    """The limit of a stop's order: so far beyond its trigger that it fills, and at least a tick above nothing."""
    price = _away(trigger, -bps if long else bps)
    return max(on_tick(price, tick, up=not long), tick)


def better(best: E4, price: E4, *, long: bool) -> E4:
    """The best price so far, this one counted in; `best` 0 means none yet."""
    if not best:
        return price
    return max(best, price) if long else min(best, price)


def kept_best(plan: ExitPlan, best: E4) -> E4:
    """The best price as it is worth keeping (and moving a resting stop for): in steps of the trail."""
    if not plan.levels.trail:
        return 0
    step = max(plan.levels.trail // TRAIL_STEPS, 1)
    return best if not plan.best or plan.sign * (best - plan.best) >= step else plan.best


def due(plan: ExitPlan, price: E4, best: E4, now: Nanos, *, stop: bool = True, target: bool = True) -> str:
    """Why the position is to be left now; empty: it may stay. A loss is looked for before a gain.

    price, best  the last price and the best since it was opened; 0: none known
    stop, target  whether these are watched here (and not by an order at the broker)
    """
    if plan.leave_at and now >= plan.leave_at:
        return TIME
    if not price:
        return ""
    sign, levels = plan.sign, plan.levels
    if stop and levels.stop and sign * (price - levels.stop) <= 0:
        return STOP
    if stop and levels.trail and best and sign * (best - price) >= levels.trail:
        return TRAIL
    if target and levels.target and sign * (price - levels.target) >= 0:
        return TARGET
    return ""


def crossed(plan: ExitPlan, price: E4) -> bool:
    """Whether the price is at the plan's stop or beyond it."""
    return bool(plan.stop and price) and plan.sign * (price - plan.stop) <= 0


def _away(price: E4, bps: int) -> E4:
    """The price moved by so many 1/100 percent; 0 for no distance."""
    return price * (_WHOLE + bps) // _WHOLE if bps else 0
