"""The words of managed exits: levels, where they are held, and one position's plan."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.values import E4, Nanos, Product


class Hold(Enum):
    """Who holds the protection.

    CLIENT  we watch prices and issue an exit: nothing rests at the broker, and nothing is left when our process dies
    BROKER  a stop order (MIS) or a GTT (CNC, NRML) rests at the broker and outlives our process
    """

    CLIENT = "client"
    BROKER = "broker"


class TakenAway(Enum):
    """What is done where somebody else than we cancels the protection that rests at the broker (a person, in Kite).

    PUT_BACK       it is placed again, each time
    PUT_BACK_ONCE  the first time it may be a slip: placed again; a second time it is meant: as RELEASE
    RELEASE        the position is that person's to leave: nothing rests for it any more, and its stop, trail and target
                   hold no longer; its time, a square-off and a flatten do
    """

    PUT_BACK = "put_back"
    PUT_BACK_ONCE = "put_back_once"
    RELEASE = "release"


class ExitLevels(Struct, frozen=True):
    """Where a position is to be left. Prices in 1/10,000 rupee; 0: none.

    stop    at a loss: the price at which, or beyond which, it is left
    target  at a gain
    trail   how far the price may come back from its best since the position was opened
    """

    stop: E4 = 0
    target: E4 = 0
    trail: E4 = 0

    def __bool__(self) -> bool:
        return bool(self.stop or self.target or self.trail)


class ExitPlan(Struct, frozen=True):
    """How one position is protected.

    id        `<strategy>:<token>:<seq of the journal at which it opened>`: the same for every life of the process
    long      whether the position is a long one
    levels    where it is left, as they follow from the rule, the wish and the price it was opened at
    wished    what the strategy's decision said; the rule fills what it left open
    leave_at  market time at which it is left whatever the price is; 0: never
    best      best price known since it was opened, as of the last time it was kept; 0: none
    released  a person took its protection away, and that was respected: only the time holds
    """

    id: str
    strategy: str
    token: int
    instrument: str
    product: Product
    long: bool
    hold: Hold
    levels: ExitLevels
    wished: ExitLevels = ExitLevels()
    leave_at: Nanos = 0
    best: E4 = 0
    released: bool = False

    @property
    def sign(self) -> int:
        """+1 for a long position, -1 for a short one."""
        return 1 if self.long else -1

    @property
    def stop(self) -> E4:
        """The stop in force, the trail counted in as far as `best` is known; 0: none."""
        trailed = self.best - self.sign * self.levels.trail if self.levels.trail and self.best else 0
        both = [price for price in (self.levels.stop, trailed) if price > 0]
        if not both:
            return 0
        return max(both) if self.long else min(both)


class ExitRule(Struct, frozen=True):
    """How one strategy's positions are protected, as configured.

    stop_bps, target_bps, trail_bps  from the price at which the position was opened, where the decision says nothing
    minutes           market minutes after which it is left; 0: never
    limit_bps         how far a resting stop's limit lies beyond its trigger; 0: a stop that turns into a market order.
                      A GTT always places limits: 0 then means 1 %
    gap_seconds       wall seconds without protection after which an alert goes out
    patience_seconds  wall seconds that a resting stop may stay unfilled with the price beyond it, before it is
                      taken away and the position left at the market
    taken_away        what is done where somebody else cancels what rests
    """

    hold: Hold = Hold.CLIENT
    stop_bps: int = 0
    target_bps: int = 0
    trail_bps: int = 0
    minutes: float = 0.0
    limit_bps: int = 0
    gap_seconds: float = 5.0
    patience_seconds: float = 5.0
    taken_away: TakenAway = TakenAway.PUT_BACK_ONCE
