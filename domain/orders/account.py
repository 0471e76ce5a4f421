"""Ours against the broker's: what the account shows that our journal does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from domain.messages.broker import BrokerPosition, BrokerTrade, Funds
from domain.messages.journal import DayOpened, DifferenceFound, JournalEvent, JournalRecord, TradeBooked
from domain.values import Nanos, Product


def net_positions(records: Iterable[JournalRecord]) -> dict[tuple[str, Product], int]:
    """Signed units per (instrument, product) over all booked trades, flat ones left out."""
    net: dict[tuple[str, Product], int] = {}
    for record in records:
        event = record.event
        if isinstance(event, TradeBooked):
            key = (event.instrument, event.product)
            net[key] = net.get(key, 0) + event.side.sign * event.quantity
    return {key: quantity for key, quantity in net.items() if quantity}


def position_differences(
    ours: Mapping[tuple[str, Product], int], theirs: Sequence[BrokerPosition], now: Nanos
) -> list[DifferenceFound]:
    """A row for each (instrument, product) whose net quantity differs, both sides in it."""
    broker = {(f"{row.exchange}:{row.symbol}", row.product): row.quantity for row in theirs}
    found = []
    for key in sorted(ours.keys() | broker.keys(), key=lambda k: (k[0], k[1].value)):
        here, there = ours.get(key, 0), broker.get(key, 0)
        if here != there:
            instrument, product = key
            found.append(
                DifferenceFound(
                    name="position",
                    subject=f"{instrument} {product.value}",
                    ours=str(here),
                    theirs=str(there),
                    time=now,
                )
            )
    return found


def external_differences(
    trades: Sequence[BrokerTrade], known_order_ids: Iterable[str], now: Nanos
) -> list[DifferenceFound]:
    """A row for each order at the broker that traded and is not ours (made by hand, or by another program)."""
    ours = frozenset(known_order_ids)
    foreign: dict[str, list[BrokerTrade]] = {}
    for trade in trades:
        if trade.order_id not in ours:
            foreign.setdefault(trade.order_id, []).append(trade)
    return [
        DifferenceFound(
            name="external order",
            subject=f"{of[0].exchange}:{of[0].symbol}",
            ours="none",
            theirs=f"order {order_id}: {of[0].side.value} {sum(t.quantity for t in of)}",
            time=now,
        )
        for order_id, of in foreign.items()
    ]


def day_opening(records: Iterable[JournalRecord], day: str, funds: Funds, now: Nanos) -> list[JournalEvent]:
    """DayOpened for a day that the journal has not opened yet, with the broker's opening cash."""
    for record in records:
        if isinstance(record.event, DayOpened) and record.event.day == day:
            return []
    return [DayOpened(day=day, opening_cash=funds.cash, time=now)]
