"""The account as the order supervisor sees it: a day begins with the broker's opening cash."""

from __future__ import annotations

from collections.abc import Iterable

from domain.messages.broker import Funds
from domain.messages.journal import DayOpened, JournalEvent, JournalRecord
from domain.values import Nanos


def day_open(records: Iterable[JournalRecord]) -> str:
    """The day that was opened last; empty before the first."""
    day = ""
    for record in records:
        if isinstance(record.event, DayOpened):
            day = record.event.day
    return day


def day_opening(records: Iterable[JournalRecord], day: str, funds: Funds, now: Nanos) -> list[JournalEvent]:
    """DayOpened for a day that the journal has not opened yet, with the broker's opening cash."""
    for record in records:
        if isinstance(record.event, DayOpened) and record.event.day == day:
            return []
    return [DayOpened(day=day, opening_cash=funds.cash, time=now)]
