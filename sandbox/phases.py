"""What the exchange does at a moment: call auctions at the open and the close, continuous trading, and when orders may
wait for the next day (kite-facts 9.1, 9.2, 3.2).
"""

from datetime import date
from functools import lru_cache
from typing import Literal

from sandbox.instruments import Instrument
from sandbox.paths import rng
from sandbox.trading_days import (
    CLOSING_AUCTION_SINCE,
    OPEN_SECONDS,
    close_seconds,
    is_trading_day,
    open_seconds,
)

Phase = Literal["closed", "pre-open", "pre-open limit", "continuous", "auction", "auction limit"]
"""`... limit`: limit orders alone are taken."""

PRE_OPEN_SECONDS = 9 * 3600
PRE_OPEN_MATCH_SECONDS = 9 * 3600 + 10 * 60
REFERENCE_START_SECONDS = 15 * 3600
REFERENCE_SECONDS = 15 * 3600 + 15 * 60
AUCTION_SECONDS = 15 * 3600 + 20 * 60
AUCTION_LIMIT_SECONDS = 15 * 3600 + 25 * 60
AUCTION_MATCH_SECONDS = 15 * 3600 + 30 * 60
AUCTION_END_SECONDS = 15 * 3600 + 35 * 60
AUCTION_BAND_PERCENT = 3
_PRE_OPEN_SPLIT_SINCE = date(2026, 9, 7)


def phase_of(instrument: Instrument, day: date, second: int) -> Phase:
    """The phase of an instrument's market, by IST day and second of the day."""
    kind = instrument.session
    if not is_trading_day(day):
        return "closed"
    if open_seconds(kind) <= second < close_seconds(kind, day):
        return "continuous"
    if kind in {"cash", "auction"} and PRE_OPEN_SECONDS <= second < OPEN_SECONDS:
        split, end = _pre_open_end(day)
        if second < split:
            return "pre-open"
        return "pre-open limit" if second < end else "closed"
    if has_auction(instrument, day) and AUCTION_SECONDS <= second < _auction_end(day):
        return "auction" if second < AUCTION_LIMIT_SECONDS else "auction limit"
    return "closed"


def has_auction(instrument: Instrument, day: date) -> bool:
    """Whether the day's close is found by an auction."""
    return instrument.session == "auction" and day >= CLOSING_AUCTION_SINCE


def is_call(phase: Phase) -> bool:
    """Whether orders are collected and matched later, at one price."""
    return phase not in {"closed", "continuous"}


@lru_cache(maxsize=64)
def _pre_open_end(day: date) -> tuple[int, int]:
    """(last moment of market orders, random end of entry)."""
    draw = int(rng(0, "pre-open", day, 7).integers(0, 60))
    if day >= _PRE_OPEN_SPLIT_SINCE:
        return 9 * 3600 + 5 * 60, 9 * 3600 + 8 * 60 + 2 * draw
    return 9 * 3600 + 7 * 60 + draw, 9 * 3600 + 7 * 60 + draw


@lru_cache(maxsize=64)
def _auction_end(day: date) -> int:
    """Random end of entry, 15:28 to 15:30."""
    return 15 * 3600 + 28 * 60 + int(rng(0, "auction", day, 7).integers(0, 120))


def amo_window(instrument: Instrument, day: date, second: int) -> bool:
    """Whether after-market orders are taken; any time on days without trading."""
    if not is_trading_day(day):
        return True
    kind = instrument.session
    if kind == "currency":
        return second >= 17 * 3600 or second < 9 * 3600 - 60
    if kind == "commodity":
        return second >= close_seconds(kind, day) or second < 9 * 3600 - 120
    if kind == "derivative":
        return second >= 15 * 3600 + 45 * 60 or second < 9 * 3600 + 10 * 60
    return second >= 16 * 3600 or second < 9 * 3600 - 120


def amo_waits_for_open(instrument: Instrument, order_type: str, validity: str, disclosed: int) -> bool:
    """Whether an after-market order is released at 09:15 rather than at 09:00."""
    if instrument.session == "derivative":
        return True
    return instrument.session in {"cash", "auction"} and (
        order_type.startswith("SL") or validity == "IOC" or disclosed > 0
    )
