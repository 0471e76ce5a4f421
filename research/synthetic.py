"""Pretend prices by a seed: to try a strategy on, to show what a check catches, for pictures in the docs.

They are no market: what earns on them proves nothing, what fails on them is broken.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from domain.market.buckets import DAY_SECONDS
from domain.values import IST, RUPEE, SECOND, Instrument, InstrumentKind, SessionClass, nanos
from research.data.candles import Candles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from domain.ports import Calendar

LAST_DAY: Final = dt.date(2026, 11, 20)
TICK: Final = 500


def trading_days(count: int, calendar: Calendar, last: dt.date = LAST_DAY) -> list[dt.date]:
    """The `count` trading days up to the last one, oldest first."""
    found: list[dt.date] = []
    day = last
    while len(found) < count:
        if calendar.is_trading_day(day, SessionClass.EQUITY):
            found.append(day)
        day -= dt.timedelta(days=1)
    return found[::-1]


def starts(
    days: Sequence[dt.date], interval_seconds: int, calendar: Calendar, session: SessionClass
) -> NDArray[np.int64]:
    """Starts of every bar of those days."""
    if interval_seconds >= DAY_SECONDS:
        return np.array([nanos(dt.datetime.combine(day, dt.time(), IST)) for day in days], dtype=np.int64)
    parts = []
    for day in days:
        hours = calendar.hours(day, session)
        if hours is not None:
            parts.append(np.arange(hours[0], hours[1], interval_seconds * SECOND, dtype=np.int64))
    return np.concatenate(parts)


def shares(
    count: int,
    days: int,
    calendar: Calendar,
    *,
    seed: int = 1,
    interval_seconds: int = 60,
    trend: float = 0.0,
    drift: float = 0.0,
) -> list[Candles]:
    """Random walks that share a part of their moves, and swing around slow cycles of their own.

    trend  how much a move carries on into the next bar (0: not at all; below 0: it turns back)
    drift  mean move per bar, as a share of a bar's deviation
    """
    begin = starts(trading_days(days, calendar), interval_seconds, calendar, SessionClass.EQUITY)
    draw = np.random.default_rng(seed)
    size = 0.0005 * float(np.sqrt(interval_seconds / 60)) if interval_seconds < DAY_SECONDS else 0.012
    common = draw.normal(0, size, len(begin))
    made = []
    for number in range(count):
        own = 0.6 * common + 0.8 * draw.normal(0, size, len(begin)) + drift * size
        for at in range(1, len(own)):
            own[at] += trend * own[at - 1]
        cycle = 0.01 * np.sin(np.arange(len(begin)) / draw.integers(60, 200) + draw.random() * 6)
        prices = (500 + 400 * number) * np.exp(np.cumsum(own) + cycle)
        share = Instrument(
            1_000 + number, "NSE", f"SHARE{number + 1}", InstrumentKind.EQUITY, TICK, session=SessionClass.EQUITY
        )
        made.append(candles(share, interval_seconds, begin, prices, draw))
    return made


def options(days: int, calendar: Calendar, *, seed: int = 1, width: int = 12) -> list[Candles]:
    """One NIFTY expiry: calls and puts at strikes around 25,000, priced from a random walk of the index."""
    session = SessionClass.EQUITY_DERIVATIVE
    dates = trading_days(days, calendar)
    begin = starts(dates, 60, calendar, session)
    draw = np.random.default_rng(seed)
    index = 25_000 * np.exp(np.cumsum(draw.normal(0, 0.00025, len(begin))))
    left = np.linspace(days + 1, 1, len(begin)) / 365
    made = []
    for step in range(-width, width + 1):
        strike = 25_000 + 100 * step
        spread = index * 0.13 * np.sqrt(left)
        for kind in (InstrumentKind.CALL, InstrumentKind.PUT):
            sign = 1 if kind is InstrumentKind.CALL else -1
            away = sign * (index - strike)
            # Bachelier's price with an approximate normal distribution: smooth, above what exercise is worth.
            ratio = away / spread
            chance = 1 / (1 + np.exp(-1.702 * ratio))
            value = away * chance + spread * np.exp(-(ratio**2) / 2) / np.sqrt(2 * np.pi)
            option = Instrument(
                2_000 + 2 * (step + width) + (kind is InstrumentKind.PUT), "NFO",
                f"NIFTY{strike}{'CE' if sign > 0 else 'PE'}", kind, TICK, 65, name="NIFTY", session=session,
                expiry=dates[-1], strike=strike * RUPEE,
            )  # fmt: skip
            made.append(candles(option, 60, begin, np.maximum(value, 0.5), draw))
    return made


def candles(
    instrument: Instrument,
    interval_seconds: int,
    begin: NDArray[np.int64],
    prices: NDArray[np.float64],
    draw: np.random.Generator,
) -> Candles:
    """Bars that open where the last one closed, on the tick, with wicks and volumes that are drawn."""
    close = np.maximum(np.rint(prices * RUPEE / TICK).astype(np.int64), 1) * TICK
    opens = np.append(close[:1], close[:-1])
    wick = np.rint(close * 0.0003 / TICK).astype(np.int64) + 1
    high = np.maximum(opens, close) + draw.integers(0, 2, len(close)) * wick * TICK
    low = np.maximum(np.minimum(opens, close) - draw.integers(0, 2, len(close)) * wick * TICK, TICK)
    volume = draw.integers(100, 20_000, len(close)).astype(np.int64)
    return Candles(instrument, interval_seconds, begin, opens, high, low, close, volume)
