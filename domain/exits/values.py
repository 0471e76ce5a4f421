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
    leave_at  market time at which it is left whatever the price is; 0: never
    best      best price known since it was opened, as of the last time it was kept; 0: none
    """

    id: str
    strategy: str
    token: int
    instrument: str
    product: Product
    long: bool
    hold: Hold
    levels: ExitLevels
    leave_at: Nanos = 0
    best: E4 = 0
