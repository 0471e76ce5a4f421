"""Messages of strategies that nobody else has a use for."""

from __future__ import annotations

from msgspec import Struct


class WarmUpRequested(Struct, frozen=True, tag=True):
    """Command, strategy to market data: answer this strategy with BarsBackfilled for the series.

    Sent at every start of a strategy. Where the series' own warm-up is still on its way, that is the answer.
    """

    strategy: str
    token: int
    interval_seconds: int
