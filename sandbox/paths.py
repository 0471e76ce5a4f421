"""Price paths before any trade: a daily chain of closes and, inside a day, a fair value per second.

Everything is drawn from (seed, path name, date) alone, so the same seed gives the same market whatever is asked first.
A path takes a share of the market's moves, a share of its sector's, and moves of its own, so prices move together.
Log prices are floats; they turn into integer ticks in `tape`.
"""

import zlib
from collections import OrderedDict
from datetime import date
from functools import lru_cache
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from sandbox.trading_days import (
    CLOSING_AUCTION_SINCE,
    SessionKind,
    close_seconds,
    open_seconds,
    previous_trading_day,
)

Floats = NDArray[np.float64]
Group = Literal["equity", "currency", "commodity"]

FIRST_DAY = date(2015, 1, 1)
LAST_DAY = date(2039, 12, 31)
MINUTES: dict[Group, int] = {"equity": 385, "currency": 480, "commodity": 895}
"""Minutes of a group's longest session: 09:15 to 15:40, 09:00 to 17:00, 09:00 to 23:55."""

_MARKET = "\x00market"
_DAILY_PULL = 0.985
_DAILY_SIGMA_MARKET = 0.0065
_DAILY_SIGMA_SECTOR = 0.0055
_DAILY_SIGMA_OWN = 0.0085
_GAP_SHARE = 0.35
# (half-life in minutes, standard deviation of the log price): quick swings, swings, and trends of about an hour.
_SWINGS = ((3.0, 0.00055), (12.0, 0.0011), (45.0, 0.0028))
_SECOND_SIGMA = 0.000035
_MARKET_SHARE = 0.45
_SECTOR_SHARE = 0.6
_SWINGS_KEPT = 768
_SECONDS_KEPT = 24


class Path(Struct, frozen=True):
    """What a family of instruments follows: a share or an index, and all its contracts.

    name          the NSE symbol, index or commodity; also the seed of its draws
    base          long-run price, 1/10,000 rupee
    beta          how much of the market's moves it takes
    volatility    scale of its own moves
    sector        whose common moves it takes too, by `sector_beta`; empty for none
    anchor        the session whose end is its daily close
    carry         yearly growth of a contract's price over the spot's
    implied       yearly volatility at which its options are priced
    is_index      whether the underlying is an index
    """

    name: str
    base: int
    beta: float
    volatility: float
    sector: str = ""
    sector_beta: float = 0.0
    anchor: SessionKind = "cash"
    group: Group = "equity"
    carry: float = 0.065
    implied: float = 0.28
    is_index: bool = False


def rng(seed: int, name: str, day: date, purpose: int) -> np.random.Generator:
    """A generator for one purpose of one path on one day; no two purposes share their draws."""
    return np.random.Generator(np.random.SFC64([seed, zlib.crc32(name.encode()), day.toordinal(), purpose]))


@lru_cache(maxsize=3)
def time_of_day_profile(group: Group) -> Floats:
    """Activity per minute of the session, about 1 on average: U-shaped, but commodities wake up in the evening."""
    minute = np.arange(MINUTES[group], dtype=np.float64)
    if group == "commodity":
        return 0.6 + 0.5 * np.exp(-minute / 25.0) + 1.1 * np.exp(-(((minute - 640.0) / 130.0) ** 2))
    late = {"equity": 370.0, "currency": 450.0}[group]
    return 0.7 + 1.3 * np.exp(-minute / 18.0) + 0.6 * np.exp(-np.abs(late - minute) / 30.0)


@lru_cache(maxsize=16)
def _powers(pull: float, count: int) -> Floats:
    return np.asarray(pull ** np.arange(count, dtype=np.float64), dtype=np.float64)


def _pulled(steps: Floats, pull: float) -> Floats:
    """level[t] = pull x level[t-1] + steps[t], by one scaled sum (its scale stays far inside a float's range)."""
    scale = _powers(pull, len(steps))
    return np.asarray(np.cumsum(steps / scale) * scale, dtype=np.float64)


class Paths:
    """Fair prices of every path for one seed, cached."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._levels: dict[str, Floats] = {}
        self._chains: dict[tuple[str, float], Floats] = {}
        self._swings: OrderedDict[tuple[str, date, int], NDArray[np.float32]] = OrderedDict()
        self._seconds: OrderedDict[tuple[str, date], Floats] = OrderedDict()

    def close_level(self, path: Path, day: date) -> float:
        """log(close of `day` / base price)."""
        levels = self._levels.get(path.name)
        if levels is None:
            levels = path.volatility * self._chain(path.name, _DAILY_SIGMA_OWN)
            if path.beta:
                levels = path.beta * self._chain(_MARKET, _DAILY_SIGMA_MARKET) + levels
            if path.sector_beta:
                levels = levels + path.sector_beta * self._chain("\x00" + path.sector, _DAILY_SIGMA_SECTOR)
            self._levels[path.name] = levels
        if not FIRST_DAY <= day <= LAST_DAY:
            raise ValueError(f"the sandbox market spans {FIRST_DAY} to {LAST_DAY}, found {day}")
        return float(levels[day.toordinal() - FIRST_DAY.toordinal()])

    def close(self, path: Path, day: date) -> float:
        """The path's close of a day, 1/10,000 rupee, not on any tick."""
        return float(np.exp(self.close_level(path, day))) * path.base

    def seconds(self, path: Path, day: date) -> Floats:
        """log(fair price / base) for each second of the group's longest session, at its close when its session ends."""
        key = (path.name, day)
        cached = self._seconds.get(key)
        if cached is not None:
            self._seconds.move_to_end(key)
            return cached
        anchor = self._anchor_seconds(path, day)
        before = self.close_level(path, previous_trading_day(day))
        close = self.close_level(path, day)
        gap = float(rng(self.seed, path.name, day, 1).standard_normal()) * 0.0015 * path.volatility
        start = before + _GAP_SHARE * (close - before) + gap
        moves = path.volatility * self._swing(path.name, path.group, day, anchor)
        if path.beta:
            moves = moves + (_MARKET_SHARE * path.beta) * self._swing(_MARKET, path.group, day, anchor)
        if path.sector_beta:
            sector = self._swing("\x00" + path.sector, path.group, day, anchor)
            moves = moves + (_SECTOR_SHARE * path.sector_beta) * sector
        drift = start + (close - start) * np.arange(MINUTES[path.group] * 60) / (anchor - 1)
        found = np.asarray(drift + moves, dtype=np.float64)
        self._seconds[key] = found
        if len(self._seconds) > _SECONDS_KEPT:
            self._seconds.popitem(last=False)
        return found

    def anchor_second(self, path: Path, day: date) -> int:
        """The last second of the underlying's own session, counted from its opening."""
        return self._anchor_seconds(path, day) - 1

    def implied(self, path: Path, day: date) -> float:
        """The yearly volatility of a day's option prices: the path's own, a little higher or lower each day."""
        return path.implied * float(np.exp(0.06 * rng(self.seed, path.name, day, 4).standard_normal()))

    def _anchor_seconds(self, path: Path, day: date) -> int:
        kind = path.anchor
        if kind == "auction" and day < CLOSING_AUCTION_SINCE:
            kind = "cash"
        return close_seconds(kind, day) - open_seconds(kind)

    def _chain(self, name: str, sigma: float) -> Floats:
        """A mean-reverting walk over every calendar day; single steps are clipped at three sigma."""
        cached = self._chains.get((name, sigma))
        if cached is None:
            days = LAST_DAY.toordinal() - FIRST_DAY.toordinal() + 1
            steps = np.clip(rng(self.seed, name, FIRST_DAY, 0).standard_normal(days), -3.0, 3.0) * sigma * 0.83
            cached = _pulled(steps, _DAILY_PULL)
            if name.startswith("\x00"):
                self._chains[name, sigma] = cached
        return cached

    def _swing(self, name: str, group: Group, day: date, anchor: int) -> NDArray[np.float32]:
        """Moves around the day's drift, zero at the open and at the last second of the anchor's session."""
        key = (name, day, anchor)
        cached = self._swings.get(key)
        if cached is not None:
            self._swings.move_to_end(key)
            return cached
        minutes = MINUTES[group]
        draws = rng(self.seed, name, day, 2)
        knots = np.zeros(minutes + 1)
        for half_life, sigma in _SWINGS:
            phi = 0.5 ** (1.0 / half_life)
            knots += _pulled(draws.standard_normal(minutes + 1) * (sigma * np.sqrt(1 - phi * phi)), phi)
        profile = np.sqrt(time_of_day_profile(group))
        knots *= np.append(profile, profile[-1])
        noise = np.cumsum(draws.standard_normal((minutes, 60)), axis=1)
        part = np.arange(1, 61) / 60.0
        noise -= noise[:, -1:] * part
        path = (knots[:-1, None] + np.diff(knots)[:, None] * part + _SECOND_SIGMA * noise).ravel()
        path -= path[0]
        path -= path[anchor - 1] * np.arange(minutes * 60) / (anchor - 1)
        # A swing is a per cent or so: its error in 32 bits is far below a tick.
        kept = path.astype(np.float32)
        self._swings[key] = kept
        if len(self._swings) > _SWINGS_KEPT:
            self._swings.popitem(last=False)
        return kept
