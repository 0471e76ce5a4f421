"""Any day again from the journal: what `report eod --date` shows when the day is long over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from domain.messages.control import PortfolioSnapshot
from domain.messages.journal import DayOpened, JournalRecord, TradeBooked
from domain.report.books import ExchangeBooks
from domain.report.eod import DayFacts, EodReport, EquityPoint, build
from domain.report.memory import DayMemory
from domain.report.orders import OrderFacts
from domain.values import Nanos


class Folding(Protocol):
    """A fold of the journal into the account's books (`domain.portfolio.Book`)."""

    def apply(self, record: JournalRecord) -> object:
        """Fold one record."""
        ...

    def snapshot(self, now: Nanos) -> PortfolioSnapshot:
        """The books as they stand."""
        ...


def days(records: Iterable[JournalRecord]) -> tuple[str, ...]:
    """Every day the journal knows, in order."""
    return tuple(dict.fromkeys(each.event.day for each in records if isinstance(each.event, DayOpened)))


def past_day(
    records: Iterable[JournalRecord],
    book: Folding,
    day: str,
    env: str,
    strategies: Sequence[str] = (),
    memory: DayMemory | None = None,
    exchange_books: ExchangeBooks | None = None,
) -> EodReport | None:
    """The day's report from the whole journal, or None where the journal has no such day.

    memory  what the reporter kept, if it is of that day: restarts, reconnects and the curve by the minute. Without it
            the curve has a point per trade, marked at the last trades' prices, and the counts are 0

    Restoring `book` from a snapshot first saves time where the snapshot is older than the day.
    """
    orders = OrderFacts()
    curve: list[EquityPoint] = []
    opened = last = 0
    snapshot: PortfolioSnapshot | None = None
    for record in records:
        event = record.event
        if isinstance(event, DayOpened) and orders.day == day and event.day != day:
            break
        orders.apply(record)
        book.apply(record)
        if orders.day != day:
            continue
        if not opened and isinstance(event, DayOpened):
            opened = last = event.time
            snapshot = book.snapshot(event.time)
            curve.append(_point(snapshot))
        elif isinstance(event, TradeBooked):
            last = max(last, event.event_time)
            snapshot = book.snapshot(last)
            curve.append(_point(snapshot))
    if snapshot is None:
        return None
    if memory is not None and memory.day == day:
        facts = memory.facts(env, last)
    else:
        facts = DayFacts(env=env, date=day, started=opened, finished=last, equity_curve=tuple(curve))
    return build(snapshot, orders, facts, strategies, exchange_books)


def _point(snapshot: PortfolioSnapshot) -> EquityPoint:
    return EquityPoint(snapshot.time, snapshot.cash + snapshot.positions_value)
