"""Managed exits and execution of one strategy: where positions are left, who watches that, and how orders are sent."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.types import Seconds

Distance = Annotated[float, Meta(ge=0, lt=100)]
"""Percent of a price; 0: none. Counted in hundredths of a percent."""
Minutes = Annotated[float, Meta(ge=0)]


class ExitSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How positions of one strategy are protected. What a decision says (stop, target, trail) goes before this.

    hold              client: we watch the prices; broker: a stop order (MIS) or a GTT (CNC, NRML) rests at the broker
                      and outlives our process
    stop_percent     how far below its opening price (above, of a short one) a position is left; 0: none
    target_percent   how far above its opening price (below, of a short one) it is left with a profit; 0: none
    trail_percent    how far below the highest price since then (above the lowest); 0: none
    minutes           market minutes after which it is left; 0: never
    limit_percent     how far a resting stop's limit lies beyond its trigger; 0: a stop at the market (a GTT: 1 %)
    gap_seconds       wall seconds without protection before an alert
    patience_seconds  wall seconds that a stop which was reached may stay unfilled before we leave at the market
    taken_away        what is done where a person cancels what rests: put_back: it is placed again, each time;
                      put_back_once: the second time as release; release: the position is theirs to leave, its stop,
                      trail and target hold no longer
    """

    hold: Literal["client", "broker"]
    stop_percent: Distance = 0
    target_percent: Distance = 0
    trail_percent: Distance = 0
    minutes: Minutes = 0
    limit_percent: Distance = 0
    gap_seconds: Seconds = 5
    patience_seconds: Seconds = 5
    taken_away: Literal["put_back", "put_back_once", "release"] = "put_back_once"


class ExecutionSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How decisions of one strategy become orders. Seconds and minutes are the market's.

    style             market: at once; limit: at the own side's best price, repriced; twap: in slices over some minutes
    slippage_percent  no entry's order goes further from the decision's price, in its disfavour; 0: no bound
    reprice_seconds   limit: market seconds between looks at the price
    patience_seconds  limit: market seconds until an entry's rest is given up, and an exit's goes at the market
    minutes           twap: market minutes over which the orders are spread
    slices            twap: how many orders
    """

    style: Literal["market", "limit", "twap"]
    slippage_percent: Distance = 0
    reprice_seconds: Seconds = 5
    patience_seconds: Seconds = 60
    minutes: Annotated[float, Meta(gt=0)] = 5
    slices: Annotated[int, Meta(ge=1, le=500)] = 5
