"""The prints of a day as the generator draws them, and what an instrument is worth: what tapes are made of.

Futures and options are priced from their underlying's path. Prices are 1/10,000 rupee.
"""

from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from sandbox.instruments import Instrument
from sandbox.option_prices import YEAR_SECONDS, option_value
from sandbox.paths import Group, Paths, rng, time_of_day_profile
from sandbox.trading_days import close_seconds, open_seconds

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_VOLUME_MAX = 4_000_000_000


class Prints(Struct):
    """The prints of a day as drawn or read: all arrays of one length.

    second           second of the session of each print, strictly increasing
    price, quantity  1/10,000 rupee, and units of quantity
    spread           ask less bid in ticks (0 for an index)
    at_ask           whether the print was at the ask; otherwise at the bid
    interest_step    change of open interest in lots
    """

    second: NDArray[np.uint16]
    price: NDArray[np.int32]
    quantity: NDArray[np.int32]
    spread: NDArray[np.uint8]
    at_ask: NDArray[np.bool_]
    interest_step: NDArray[np.int8] | None = None


@lru_cache(maxsize=3)
def _activity_seconds(group: Group) -> Floats:
    return np.repeat(time_of_day_profile(group), 60)


def draw(paths: Paths, instrument: Instrument, day: date, *, busy: bool = False) -> Prints:
    """The generated prints of one instrument on one day; `busy`: one in every second."""
    seconds = close_seconds(instrument.session, day) - open_seconds(instrument.session)
    name = instrument.key
    draws = rng(paths.seed, name, day, 3)
    activity = _activity_seconds(instrument.path.group)
    if instrument.is_index or busy:
        second = np.arange(seconds)
    else:
        traded = draws.random(seconds) < np.minimum(instrument.liquidity * activity[:seconds], 0.985)
        traded[0] = traded[-1] = True
        second = np.flatnonzero(traded)
    count = len(second)
    middle = fair_price(paths, instrument, day, second) / instrument.tick
    if instrument.is_index:
        last = np.rint(middle)
        spread = np.zeros(count, dtype=np.uint8)
        at_ask = np.ones(count, dtype=np.bool_)
        quantity: NDArray[np.int32] = np.zeros(count, dtype=np.int32)
    else:
        wide = draws.random(count)
        spread = (1 + (wide > 0.62) + (wide > 0.95)).astype(np.uint8)
        bid = np.maximum(np.rint(middle - spread / 2), 1)
        at_ask = draws.random(count) >= 0.5
        last = bid + spread * at_ask
        size = draws.standard_exponential(count) ** 1.5 * activity[second]
        lots = 1 + (size * instrument.print_quantity / instrument.lot).astype(np.int32)
        # A day's volume must fit the wire's 32 bits, also where a print comes every second.
        lots = lots // (1 + int(lots.sum(dtype=np.int64)) * instrument.lot // _VOLUME_MAX)
        quantity = (instrument.lot * np.maximum(lots, 1)).astype(np.int32)
        last[-1] = max(round(close_price(paths, instrument, day) / instrument.tick), 1)
        spread[-1], at_ask[-1] = 1, False
    steps = draws.integers(-2, 3, count, dtype=np.int8) if instrument.is_derivative else None
    return Prints(second.astype(np.uint16), (last * instrument.tick).astype(np.int32), quantity, spread, at_ask, steps)


def fair_price(paths: Paths, instrument: Instrument, day: date, second: Ints) -> Floats:
    """What an instrument is worth at seconds of its session: the underlying's path, carried, or an option's value.

    On the last day the underlying's close is final: contracts end at it, or at their intrinsic value.
    """
    path = instrument.path
    log_price = paths.seconds(path, day)
    expiry = instrument.expiry
    if expiry is not None and day >= expiry:
        second = np.minimum(second, paths.anchor_second(path, day))
    spot: Floats = np.exp(log_price[second]) * path.base
    if expiry is None:
        return spot
    years = _years_left(instrument, expiry, day, second)
    if not instrument.is_option:
        return np.asarray(spot * np.exp(path.carry * years), dtype=np.float64)
    return option_value(
        is_call=instrument.option == "CE",
        spot=spot,
        strike=instrument.strike,
        years=years,
        sigma=paths.implied(path, day),
        carry=path.carry,
    )


def _years_left(instrument: Instrument, expiry: date, day: date, second: Ints) -> Floats:
    """Calendar time to the expiry session's end; none is left once the underlying has closed on the last day."""
    last = close_seconds(instrument.session, expiry)
    left: NDArray[np.floating[Any]] = (
        (expiry - day).days * 86_400.0 + last - open_seconds(instrument.session) - second - 1
    )
    if day >= expiry:
        anchor = close_seconds(instrument.path.anchor, day) - open_seconds(instrument.session) - 1
        left = np.where(second >= anchor, 0.0, left)
    return np.asarray(np.maximum(left, 0.0) / YEAR_SECONDS, dtype=np.float64)


def close_price(paths: Paths, instrument: Instrument, day: date) -> int:
    """The last price of a day: of a share or index by the daily chain, of a contract its worth at the session's end."""
    if instrument.expiry is None:
        worth = paths.close(instrument.path, day)
    else:
        last = close_seconds(instrument.session, day) - open_seconds(instrument.session) - 1
        worth = float(fair_price(paths, instrument, day, np.array([last]))[0])
    tick = instrument.tick
    return max(round(worth / tick), 1) * tick


def settlement_price(paths: Paths, instrument: Instrument) -> int:
    """What a contract is worth at its end, 1/10,000 rupee: the underlying's close, or the intrinsic value."""
    expiry = instrument.expiry
    if expiry is None:
        raise ValueError(f"{instrument.key} never expires")
    close = round(paths.close(instrument.path, expiry) / instrument.tick) * instrument.tick
    if not instrument.is_option:
        return close
    return max(close - instrument.strike if instrument.option == "CE" else instrument.strike - close, 0)
