"""The words of execution: the style in which a decision is carried out."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class Style(Enum):
    """How a decision becomes orders.

    MARKET  one order, at once
    LIMIT   a limit at the own side's best price, repriced as it moves
    TWAP    equal slices over some minutes
    """

    MARKET = "market"
    LIMIT = "limit"
    TWAP = "twap"


class ExecutionRule(Struct, frozen=True):
    """How one strategy's decisions are carried out. Seconds are market seconds.

    slippage_bps    no order of an entry goes further from the decision's price than that, in its disfavour; 0: no bound
    reprice_seconds LIMIT: how often the price is looked at again
    patience_seconds  LIMIT: after that an entry's rest is given up, and an exit's goes at the market
    minutes, slices TWAP: so many orders over so many minutes
    """

    style: Style = Style.MARKET
    slippage_bps: int = 0
    reprice_seconds: float = 5.0
    patience_seconds: float = 60.0
    minutes: float = 5.0
    slices: int = 5
