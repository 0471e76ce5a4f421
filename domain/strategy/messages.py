"""Messages of strategies that nobody else has a use for."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct


class SeriesWanted(Struct, frozen=True, tag=True):
    """Command, configuration to market data: from here on this instrument's prices and these bars are wanted as well.

    bars  interval in seconds -> bars of history; 0 where bars are wanted without
    """

    token: int
    bars: Mapping[int, int]


class WarmUpRequested(Struct, frozen=True, tag=True):
    """Command, strategy to market data: answer this strategy with BarsBackfilled for the series.

    Sent at every start of a strategy. Where the series' own warm-up is still on its way, that is the answer.
    """

    strategy: str
    token: int
    interval_seconds: int
