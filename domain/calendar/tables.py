"""The exchanges' calendar as dated tables: holidays, special sessions, hours (kite-facts 9).

A new year is a new entry in HOLIDAYS; nothing else has to change. Days are IST dates, times of day are IST.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from domain.values import SessionClass

Hours = tuple[dt.time, dt.time]
"""Start and end of continuous trading; the end is the first moment outside it."""

_EQUITY_LIKE: Final = frozenset(
    {SessionClass.EQUITY, SessionClass.EQUITY_AUCTION, SessionClass.EQUITY_DERIVATIVE, SessionClass.INDEX}
)
"""Classes that keep the cash market's holidays and special sessions."""


def _days(year: int, text: str) -> frozenset[dt.date]:
    return frozenset(dt.date.fromisoformat(f"{year}-{day}") for day in text.split())


HOLIDAYS: Final[dict[int, frozenset[dt.date]]] = {
    # Two independent lists agree (kite-facts 9.4). 21 Oct had a Muhurat session, see SPECIAL_HOURS.
    2025: _days(2025, "02-26 03-14 03-31 04-10 04-14 04-18 05-01 08-15 08-27 10-02 10-21 10-22 11-05 12-25"),
    # NSE circular with its amendment: 15 Jan (municipal poll) was added late (kite-facts 9.4).
    2026: _days(
        2026, "01-15 01-26 03-03 03-26 03-31 04-03 04-14 05-01 05-28 06-26 09-14 10-02 10-20 11-10 11-24 12-25"
    ),
}
"""Weekdays on which the equity market is closed. Also taken as closed for commodities, whose own list (often with an
evening session) we do not have: not trading is the safe side of not knowing."""

SETTLEMENT_HOLIDAYS: Final[dict[int, frozenset[dt.date]]] = {
    2025: frozenset(),
    # Equity trades, settlement shifts (kite-facts 9.4); banks are shut, so currency is taken as closed.
    2026: _days(2026, "02-19 03-19 04-01 08-26"),
}

_FULL_DAY: Final[Hours] = (dt.time(9, 15), dt.time(15, 30))

SPECIAL_HOURS: Final[dict[dt.date, Hours | None]] = {
    # Union budget, on a weekend, ordinary hours (2025: kite-facts 9.4, general knowledge; 2026: circular).
    dt.date(2025, 2, 1): _FULL_DAY,
    dt.date(2026, 2, 1): _FULL_DAY,
    # Diwali Muhurat trading (kite-facts 9.4).
    dt.date(2025, 10, 21): (dt.time(13, 45), dt.time(14, 45)),
    # Muhurat 2026 is held on this Sunday, but its hour is not verified: no trading until it is.
    dt.date(2026, 11, 8): None,
}
"""Days on which the cash market and its derivatives keep hours of their own; None = closed to us."""

HOURS: Final[dict[SessionClass, tuple[tuple[dt.date, Hours], ...]]] = {
    SessionClass.EQUITY: ((dt.date.min, _FULL_DAY),),
    SessionClass.EQUITY_AUCTION: (
        (dt.date.min, _FULL_DAY),
        # Closing auction session for shares with derivatives (SEBI 16 Jan 2026; NSE CMTR73362, CMTR74466).
        (dt.date(2026, 8, 3), (dt.time(9, 15), dt.time(15, 15))),
    ),
    SessionClass.EQUITY_DERIVATIVE: (
        (dt.date.min, _FULL_DAY),
        # Prolonged with the closing auction (kite-facts 9.2).
        (dt.date(2026, 8, 3), (dt.time(9, 15), dt.time(15, 40))),
    ),
    SessionClass.CURRENCY: ((dt.date.min, (dt.time(9, 0), dt.time(17, 0))),),
    # The end is 23:55 while New York keeps winter time: see sessions.py.
    SessionClass.COMMODITY: ((dt.date.min, (dt.time(9, 0), dt.time(23, 30))),),
    SessionClass.INDEX: ((dt.date.min, _FULL_DAY),),
}
"""Ordinary hours by class, each row valid from its date until the next row's, oldest first."""

COMMODITY_WINTER_END: Final = dt.time(23, 55)
"""End of the commodity day while the United States keep standard time (kite-facts 9.2)."""

SQUARE_OFF: Final[dict[SessionClass, tuple[tuple[dt.date, dt.time], ...]]] = {
    # The broker's own times, published before the closing auction (kite-facts 9.3).
    SessionClass.EQUITY: ((dt.date.min, dt.time(15, 20)),),
    SessionClass.EQUITY_AUCTION: (
        (dt.date.min, dt.time(15, 20)),
        # Brokers cut at about 15:00 to 15:12 since then; the broker's own time is not verified, and MIS must be gone
        # before order entry stops at 15:15.
        (dt.date(2026, 8, 3), dt.time(15, 10)),
    ),
    SessionClass.EQUITY_DERIVATIVE: ((dt.date.min, dt.time(15, 25)),),
    SessionClass.CURRENCY: ((dt.date.min, dt.time(16, 45)),),
    SessionClass.COMMODITY: ((dt.date.min, dt.time(23, 5)),),
}
"""When the broker itself closes MIS positions, by class; the commodity row is for 23:30, 25 minutes before the end."""


def keeps_equity_specials(session: SessionClass) -> bool:
    """Whether SPECIAL_HOURS applies to the class."""
    return session in _EQUITY_LIKE
