"""Price paths before any trade: a daily chain of closes and, inside a day, a fair value per second.

Everything is drawn from (seed, path name, date) alone, so the same seed gives the same market whatever is asked first.
Log prices are floats; they turn into integer ticks in `tape`.
"""

import zlib
from collections import OrderedDict
from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sandbox.trading_days import CLOSING_AUCTION_SINCE, OPEN_SECONDS, SessionKind, close_seconds, previous_trading_day

Floats = NDArray[np.float64]

FIRST_DAY = date(2015, 1, 1)
LAST_DAY = date(2039, 12, 31)
MINUTES = 385
"""Minutes of the longest session, 09:15 to 15:40."""
SECONDS = MINUTES * 60

_MARKET = "\x00market"
_DAILY_PULL = 0.985
_DAILY_SIGMA_MARKET = 0.0065
_DAILY_SIGMA_OWN = 0.0085
_GAP_SHARE = 0.35
# (half-life in minutes, standard deviation of the log price): quick swings, swings, and trends of about an hour.
_SWINGS = ((3.0, 0.00055), (12.0, 0.0011), (45.0, 0.0028))
_SECOND_SIGMA = 0.000035
_MARKET_SHARE = 0.45
_PATHS_KEPT = 192


def rng(seed: int, name: str, day: date, purpose: int) -> np.random.Generator:
    """A generator for one purpose of one path on one day; no two purposes share their draws."""
    return np.random.Generator(np.random.SFC64([seed, zlib.crc32(name.encode()), day.toordinal(), purpose]))


def time_of_day_profile() -> Floats:
    """Activity per minute of the session, U-shaped, about 1 on average."""
    minute = np.arange(MINUTES, dtype=np.float64)
    return 0.7 + 1.3 * np.exp(-minute / 18.0) + 0.6 * np.exp(-np.abs(370.0 - minute) / 30.0)


@lru_cache(maxsize=1)
def _kernels() -> list[Floats]:
    """For each swing, the lower-triangular matrix that turns white noise into an AR(1) path on minute knots."""
    lag = np.subtract.outer(np.arange(MINUTES + 1), np.arange(MINUTES + 1))
    kernels = []
    for half_life, sigma in _SWINGS:
        phi = 0.5 ** (1.0 / half_life)
        kernels.append(np.where(lag >= 0, sigma * np.sqrt(1 - phi * phi) * phi ** np.maximum(lag, 0), 0.0))
    return kernels


@lru_cache(maxsize=1)
def _profile_knots() -> Floats:
    profile = np.sqrt(time_of_day_profile())
    return np.append(profile, profile[-1])


class Paths:
    """Fair prices of every path for one seed, cached."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._levels: dict[tuple[str, float, float], Floats] = {}
        self._swings: OrderedDict[tuple[str, date, int], Floats] = OrderedDict()

    def close_level(self, name: str, beta: float, volatility: float, day: date) -> float:
        """log(close of `day` / base price)."""
        key = (name, beta, volatility)
        levels = self._levels.get(key)
        if levels is None:
            levels = beta * self._chain(_MARKET, _DAILY_SIGMA_MARKET) + self._chain(name, _DAILY_SIGMA_OWN * volatility)
            self._levels[key] = levels
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValueError(f"the sandbox market spans {FIRST_DAY} to {LAST_DAY}, found {day}")
        return float(levels[day.toordinal() - FIRST_DAY.toordinal()])

    def seconds(self, name: str, beta: float, volatility: float, session: SessionKind, day: date) -> Floats:
        """log(fair price / base) for each second from 09:15:00 to 15:40, ending the path's own session at its close."""
        anchor = self._anchor_minute(session, day)
        before = self.close_level(name, beta, volatility, previous_trading_day(day))
        close = self.close_level(name, beta, volatility, day)
        gap = float(rng(self.seed, name, day, 1).standard_normal()) * 0.0015 * volatility
        start = before + _GAP_SHARE * (close - before) + gap
        drift = start + (close - start) * np.arange(SECONDS) / (anchor * 60 - 1)
        moves = _MARKET_SHARE * beta * self._swing(_MARKET, day, anchor)
        moves = moves + volatility * self._swing(name, day, anchor)
        return np.asarray(drift + moves, dtype=np.float64)

    def _anchor_minute(self, session: SessionKind, day: date) -> int:
        if session == "derivative":
            session = "auction" if day >= CLOSING_AUCTION_SINCE else "cash"
        return (close_seconds(session, day) - OPEN_SECONDS) // 60

    def _chain(self, name: str, sigma: float) -> Floats:
        """A mean-reverting walk over every calendar day; single steps are clipped at three sigma."""
        days = LAST_DAY.toordinal() - FIRST_DAY.toordinal() + 1
        steps = np.clip(rng(self.seed, name, FIRST_DAY, 0).standard_normal(days), -3.0, 3.0) * sigma * 0.83
        level = 0.0
        levels = []
        for step in steps.tolist():
            level = level * _DAILY_PULL + step
            levels.append(level)
        return np.asarray(levels, dtype=np.float64)

    def _swing(self, name: str, day: date, anchor: int) -> Floats:
        """Moves around the day's drift, zero at the open and at the close (the second before minute `anchor`)."""
        key = (name, day, anchor)
        cached = self._swings.get(key)
        if cached is not None:
            self._swings.move_to_end(key)
            return cached
        draws = rng(self.seed, name, day, 2)
        knots = np.zeros(MINUTES + 1)
        for kernel in _kernels():
            knots += kernel @ draws.standard_normal(MINUTES + 1)
        knots *= _profile_knots()
        noise = np.cumsum(draws.standard_normal((MINUTES, 60)), axis=1)
        part = np.arange(1, 61) / 60.0
        noise -= noise[:, -1:] * part
        path = (knots[:-1, None] + np.diff(knots)[:, None] * part + _SECOND_SIGMA * noise).ravel()
        path -= path[0]
        path -= path[anchor * 60 - 1] * np.arange(SECONDS) / (anchor * 60 - 1)
        self._swings[key] = path
        if len(self._swings) > _PATHS_KEPT:
            self._swings.popitem(last=False)
        return path
