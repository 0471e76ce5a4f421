"""The classes of instruments that are traded, each with hours of its own."""

from __future__ import annotations

from typing import Final

from domain.values import SessionClass

TRADED_CLASSES: Final = (
    SessionClass.EQUITY,
    SessionClass.EQUITY_AUCTION,
    SessionClass.EQUITY_DERIVATIVE,
    SessionClass.CURRENCY,
    SessionClass.COMMODITY,
)
