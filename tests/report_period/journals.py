"""Journals of trades for period reports: days, and trades given as short rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from domain.messages.journal import DayOpened, JournalRecord, TradeBooked
from domain.report.period_days import DayResult, StoredDay, day_results
from domain.values import IST, RUPEE, Nanos, Product, Side, nanos

TOKENS = {"NSE:INFY": 408065, "NSE:SBIN": 779521, "NSE:TCS": 2953217, "NFO:NIFTY26NOVFUT": 9000002}


def day_of(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def at(day: str, clock: str) -> Nanos:
    """`HH:MM[:SS]` of the day, IST."""
    return nanos(dt.datetime.combine(day_of(day), dt.time.fromisoformat(clock), IST))


def opened(day: str, cash: int | Decimal) -> DayOpened:
    """The day, with rupees of cash as the broker states them."""
    return DayOpened(day, int(cash * RUPEE), at(day, "09:10"))


class Trades:
    """Makes trades with ids of their own. Prices in rupees, quantities signed."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(
        self,
        day: str,
        clock: str,
        quantity: int,
        price: float,
        instrument: str = "NSE:INFY",
        product: Product = Product.MIS,
        strategy: str = "s1",
    ) -> TradeBooked:
        self._count += 1
        time = at(day, clock)
        return TradeBooked(
            trade_id=str(self._count),
            order_id=f"o{self._count}",
            tag="",
            strategy=strategy,
            token=TOKENS.get(instrument, abs(hash(instrument)) % 10**6),
            instrument=instrument,
            side=Side.BUY if quantity > 0 else Side.SELL,
            product=product,
            quantity=abs(quantity),
            price=round(price * RUPEE),
            event_time=time,
            booked_time=time,
        )


def journal(events: Iterable[Any]) -> list[JournalRecord]:
    """The events with their numbers."""
    return [JournalRecord(seq, event) for seq, event in enumerate(events, start=1)]


def results(events: Iterable[Any], stored: dict[str, StoredDay] | None = None) -> tuple[DayResult, ...]:
    """The days of these events."""
    return day_results(journal(events), (stored or {}).get)
