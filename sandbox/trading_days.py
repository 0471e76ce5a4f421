"""The exchange's calendar as the sandbox sees it: trading days, and sessions per kind of instrument.

Times are seconds since IST midnight, or integer nanoseconds UTC. Dates are IST dates. A year without a holiday table
falls back to Monday to Friday, so that the sandbox always has a session to offer.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Literal

IST = timezone(timedelta(hours=5, minutes=30))
NS = 1_000_000_000
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
_IST_OFFSET_SECONDS = 19_800

SessionKind = Literal["cash", "auction", "derivative", "currency", "commodity"]
"""`cash`: shares without derivatives, indices; `auction`: shares with a closing auction; `derivative`: equity F&O."""

# NSE/BSE equity holidays on weekdays (kite-facts 9.4).
_HOLIDAYS = {
    2025: "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-21 10-22 11-05 12-25",
    2026: "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10 11-24 12-25",
}
HOLIDAYS = frozenset(date.fromisoformat(f"{year}-{day}") for year, days in _HOLIDAYS.items() for day in days.split())
SPECIAL_SESSIONS = frozenset({date(2025, 2, 1), date(2026, 2, 1)})
"""Weekend days with an ordinary session (the budget)."""

CLOSING_AUCTION_SINCE = date(2026, 8, 3)

OPEN_SECONDS = 9 * 3600 + 15 * 60
TOKEN_FLUSH_SECONDS = 6 * 3600


def is_trading_day(day: date) -> bool:
    """Whether the equity market trades on this IST date."""
    return day in SPECIAL_SESSIONS or (day.weekday() < 5 and day not in HOLIDAYS)


def previous_trading_day(day: date) -> date:
    """The last trading day strictly before `day`."""
    day -= timedelta(days=1)
    while not is_trading_day(day):
        day -= timedelta(days=1)
    return day


def next_trading_day(day: date) -> date:
    """The first trading day strictly after `day`."""
    day += timedelta(days=1)
    while not is_trading_day(day):
        day += timedelta(days=1)
    return day


def last_trading_day(day: date) -> date:
    """`day` itself when it trades, else the trading day before it."""
    return day if is_trading_day(day) else previous_trading_day(day)


def open_seconds(kind: SessionKind) -> int:
    """Start of continuous trading, in seconds since IST midnight."""
    return 9 * 3600 if kind in {"currency", "commodity"} else OPEN_SECONDS


def close_seconds(kind: SessionKind, day: date) -> int:
    """End of continuous trading (exclusive) on `day`, in seconds since IST midnight."""
    if kind == "currency":
        return 17 * 3600
    if kind == "commodity":
        return 23 * 3600 + (55 if _new_york_winter(day) else 30) * 60
    if day < CLOSING_AUCTION_SINCE or kind == "cash":
        return 15 * 3600 + 30 * 60
    if kind == "auction":
        return 15 * 3600 + 15 * 60
    return 15 * 3600 + 40 * 60


def square_off_seconds(kind: SessionKind, day: date) -> int:
    """When the broker closes intraday positions, in seconds since IST midnight."""
    if kind == "currency":
        return 16 * 3600 + 45 * 60
    if kind == "commodity":
        return close_seconds(kind, day) - 25 * 60
    if kind == "derivative":
        return 15 * 3600 + 25 * 60
    if kind == "auction" and day >= CLOSING_AUCTION_SINCE:
        return 15 * 3600 + 10 * 60
    return 15 * 3600 + 20 * 60


def _new_york_winter(day: date) -> bool:
    """Whether New York keeps standard time (the commodity day is longer then): before March's second Sunday, or from
    November's first on.
    """
    march, november = date(day.year, 3, 1), date(day.year, 11, 1)
    second_sunday = march + timedelta(days=(6 - march.weekday()) % 7 + 7)
    first_sunday = november + timedelta(days=(6 - november.weekday()) % 7)
    return not second_sunday <= day < first_sunday


def at(day: date, seconds: int) -> int:
    """Nanoseconds UTC of `seconds` after IST midnight of `day`."""
    return ((day.toordinal() - _EPOCH_ORDINAL) * 86_400 - _IST_OFFSET_SECONDS + seconds) * NS


def day_of(now_ns: int) -> date:
    """The IST date of an instant."""
    return date.fromordinal(_EPOCH_ORDINAL + (now_ns // NS + _IST_OFFSET_SECONDS) // 86_400)


def seconds_of(now_ns: int) -> int:
    """Whole seconds since IST midnight."""
    return (now_ns // NS + _IST_OFFSET_SECONDS) % 86_400


def text_of(now_ns: int) -> str:
    """`YYYY-MM-DD HH:MM:SS` in IST: the form of Kite's REST timestamps."""
    return datetime.fromtimestamp(now_ns // NS, UTC).astimezone(IST).strftime("%Y-%m-%d %H:%M:%S")


def iso_of(now_ns: int) -> str:
    """`YYYY-MM-DDTHH:MM:SS+05:30`."""
    return datetime.fromtimestamp(now_ns // NS, UTC).astimezone(IST).isoformat()
