"""What runs over the same bars share: the arrays of the market, the tariffs, and every indicator computed once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.costs.kinds import charge_kind
from domain.costs.rates import fees_on, rates_on
from domain.indicators.batch import column
from domain.indicators.declaration import Indicator
from domain.market.buckets import DAY_SECONDS
from domain.ports import Calendar
from research.columns import bar_arrays
from research.data.candles import Candles
from research.data.days import date_of, days_of
from research.hours import cutoff_at, square_off_at
from research.kernel import layout
from research.kernel.layout import Market
from research.kernel.own import drive
from research.settings import RunSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMN_BYTES_MAX: Final = 128 << 20
"""Indicators beyond that are computed again when they are asked for again."""


class Ground:
    """See the module. Runs with other parameters may use it at the same time, each in a thread of its own.

    settings  the same for all of them, but for money, sizes, limits and fills
    """

    def __init__(self, candles: Candles, settings: RunSettings, calendar: Calendar) -> None:
        self.candles = candles
        self.sessions = settings.sessions and candles.interval_seconds < DAY_SECONDS
        self.market, self.rates = market_of(candles, settings, calendar if self.sessions else None)
        self._columns: dict[Indicator, NDArray[np.float64]] = {}

    def column(self, declared: Indicator) -> NDArray[np.float64]:
        """The indicator at every bar."""
        found = self._columns.get(declared)
        if found is None:
            arrays = bar_arrays(self.candles, self.market, (declared,))
            found = column(declared, arrays, self.candles.interval_seconds, drive)
            if (len(self._columns) + 1) * found.nbytes <= COLUMN_BYTES_MAX:
                self._columns[declared] = found
        return found


def market_of(candles: Candles, settings: RunSettings, calendar: Calendar | None) -> tuple[Market, NDArray[np.int64]]:
    """The arrays of the market, and the rows of the rates that its days name."""
    one = candles.instrument
    days = days_of(candles.start, candles.interval_seconds, one.session, calendar)
    opens, closes = days.opens, days.closes
    numbers = days.number.tolist()
    square_off = [square_off_at(number, one.session, settings, calendar) for number in numbers]
    cutoff = [cutoff_at(number, one.session, settings, calendar) for number in numbers]
    tariff, rates = _tariff(candles, settings, numbers)
    return (
        Market(
            candles.start,
            candles.open,
            candles.high,
            candles.low,
            candles.close,
            candles.volume,
            days.number,
            days.first,
            opens,
            closes,
            np.array([-1 if each is None else each for each in cutoff], dtype=np.int64),
            np.array(square_off, dtype=np.int64),
            tariff,
            _even(candles, days.first),
        ),
        rates,
    )


def _even(candles: Candles, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """1 for each day without a gap between its bars."""
    gaps = np.flatnonzero(np.diff(candles.start) != candles.interval)
    inside = np.searchsorted(gaps, first[1:] - 1) - np.searchsorted(gaps, first[:-1])
    return (inside <= 0).astype(np.int64)


def _tariff(
    candles: Candles, settings: RunSettings, numbers: Sequence[int]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The row of the rates for each day, and the rows."""
    if settings.charges.flat is not None:
        return np.zeros(len(numbers), dtype=np.int64), np.zeros((1, len(layout.RATES)), dtype=np.int64)
    one = candles.instrument
    kind = charge_kind(one, settings.product)
    rows: dict[tuple[int, ...], int] = {}
    places = []
    for number in numbers:
        day = settings.charges.on(date_of(number))
        rates, fees = rates_on(day, one.exchange, kind), fees_on(day)
        row = (
            -1 if rates.brokerage is None else rates.brokerage,
            rates.tax_buy,
            rates.tax_sell,
            rates.exchange,
            rates.ipft,
            rates.sebi,
            rates.stamp_buy,
            rates.brokerage_cap,
            fees.gst_percent,
            fees.dp,
        )
        places.append(rows.setdefault(row, len(rows)))
    return np.array(places, dtype=np.int64), np.array(list(rows), dtype=np.int64).reshape(-1, len(layout.RATES))
