"""Bars of one instrument in rupees, as indicators take them over whole arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from domain.indicators.batch import BarArrays
from domain.indicators.declaration import COLUMNS, Indicator, describe
from domain.values import RUPEE, SECOND
from research.data.candles import Candles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from research.data.days import Days
    from research.kernel.layout import Market


def bar_arrays(candles: Candles, days: Days | Market, wanted: Iterable[Indicator]) -> BarArrays:
    """Bars in rupees for these indicators; columns that none of them reads stay as they are."""
    found = [(each, describe(each)) for each in wanted]
    of_own_bars = all(
        function.own is None and each.interval_seconds in {0, candles.interval_seconds} for each, function in found
    )
    read = {column for _, function in found for column in function.columns} if of_own_bars else set(COLUMNS)

    def rupees(name: str, values: NDArray[np.int64]) -> Any:  # noqa: ANN401 - integers where nobody looks
        if name not in read:
            return values
        return values.astype(np.float64) if name == "volume" else values / RUPEE

    lengths = np.diff(days.first)
    opens, closes = days.opens // SECOND, days.closes // SECOND
    return BarArrays(
        start=candles.start,
        end=candles.start if of_own_bars else candles.start + candles.interval,
        opens=opens if of_own_bars else np.repeat(opens, lengths),
        closes=closes if of_own_bars else np.repeat(closes, lengths),
        open=rupees("open", candles.open),
        high=rupees("high", candles.high),
        low=rupees("low", candles.low),
        close=rupees("close", candles.close),
        volume=rupees("volume", candles.volume),
    )
