"""Compares a trader's journal with the exchange's own books: the exchange judges. Each finding is one line."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Set as AbstractSet
from pathlib import Path

from adapters.store.journal import SqliteJournal
from app.chaos.real_exchange import Exchange
from domain.messages.control import PortfolioSnapshot
from domain.messages.journal import OrderRecord, OrderState, TradeBooked
from domain.portfolio import Book
from domain.values import e4, rupees

Line = tuple[str, str]
"""A strategy and its instrument."""


def journaled(path: Path) -> tuple[list[OrderRecord], list[TradeBooked], PortfolioSnapshot]:
    """What a journal says, read from the disk: orders, trades, and the books folded anew."""
    journal = SqliteJournal(path, threading.Lock, read_only=True)
    try:
        records, events = list(journal.records()), list(journal.read(0))
    finally:
        journal.close()
    book = Book()
    book.apply_all(events)
    return records, [r.event for r in events if isinstance(r.event, TradeBooked)], book.snapshot(0)


def doubled(exchange: Exchange) -> list[str]:
    """Tags that stand on more than one order at the exchange."""
    counts = Counter(row.tag for row in exchange.orders())
    return [f"doubled: the tag {tag} is on {count} orders" for tag, count in counts.items() if count > 1]


def not_effectively_once(exchange: Exchange, path: Path) -> list[str]:
    """No tag twice at the exchange, every order of it journaled, every acknowledged one there, every trade once."""
    rows = exchange.orders()
    records, trades, _ = journaled(path)
    by_tag = {record.tag: record for record in records}
    wrong = doubled(exchange)
    wrong += [
        f"lost: order {row.order_id} {row.tag} {row.status} is journaled as {_state(by_tag.get(row.tag or ''))}"
        for row in rows
        if row.tag not in by_tag or by_tag[row.tag].order_id != row.order_id
    ]
    there = {row.order_id for row in rows}
    wrong += [
        f"order {record.order_id} of {record.tag} is acknowledged, yet not at the exchange"
        for record in records
        if record.order_id and record.order_id not in there
    ]
    ours, theirs = Counter(trade.trade_id for trade in trades), Counter(trade.trade_id for trade in exchange.trades())
    wrong += [f"lost: trade {trade_id} is not booked" for trade_id in theirs - ours]
    wrong += [f"doubled: trade {trade_id} is booked, and not at the exchange so often" for trade_id in ours - theirs]
    booked: Counter[str] = Counter()
    for trade in trades:
        booked[trade.order_id] += trade.quantity
    filled = {row.order_id: row.filled_quantity for row in rows if row.filled_quantity}
    wrong += [
        f"order {order_id}: {booked[order_id]} booked, {filled.get(order_id, 0)} filled"
        for order_id in sorted(booked.keys() | filled.keys())
        if booked[order_id] != filled.get(order_id, 0)
    ]
    return wrong


def books_unequal(exchange: Exchange, path: Path, but_for: AbstractSet[Line] = frozenset()) -> list[str]:
    """Cash and charges to the 1/10,000 rupee, positions to the unit; nothing held but for these lines.

    The realised result as well, where nothing is held.
    """
    books, (_, _, ours) = exchange.books(), journaled(path)
    held = {(view.strategy, view.instrument): view.quantity for view in ours.positions if view.quantity}
    wrong = [f"held: {line} {units}" for line, units in held.items() if line not in but_for]
    by_share: Counter[str] = Counter()
    for (_, instrument), quantity in held.items():
        by_share[instrument.partition(":")[2]] += quantity
    theirs = {row.tradingsymbol: row.quantity for row in books.positions if row.quantity}
    if {share: units for share, units in by_share.items() if units} != theirs:
        wrong.append(f"positions: ours {dict(by_share)}, the exchange's {theirs}")
    figures = [("cash", ours.cash, e4(books.cash)), ("charges", ours.charges, e4(books.charges["total"]))]
    if not held:
        figures.append(("realised", ours.realised, e4(books.realised)))
    wrong += [f"{name}: ours {rupees(a)}, the exchange's {rupees(b)}" for name, a, b in figures if a != b]
    return wrong


def unresolved_lines(exchange: Exchange, path: Path) -> tuple[set[Line], list[str]]:
    """Lines with an order that was claimed and never reached the exchange, and what is wrong with that.

    Nothing proves that to the trader, so it neither sends again nor counts on it, and leaves the position for a person.
    """
    records, _, _ = journaled(path)
    open_ones = [record for record in records if record.state is OrderState.QUARANTINED]
    there = {row.tag for row in exchange.orders()}
    wrong = [f"{record.tag} is unresolved, though the exchange has it" for record in open_ones if record.tag in there]
    return {(record.intent.strategy, record.intent.instrument) for record in open_ones}, wrong


def at_rest(exchange: Exchange, path: Path) -> bool:
    """Whether a squared-off trader has come to its end: every trade booked, nothing open or held but for persons."""
    records, trades, ours = journaled(path)
    waiting = {(r.intent.strategy, r.intent.instrument) for r in records if r.state is OrderState.QUARANTINED}
    moving = any(not record.state.final and record.state is not OrderState.QUARANTINED for record in records)
    held = {(view.strategy, view.instrument) for view in ours.positions if view.quantity}
    return not moving and held <= waiting and len(trades) == exchange.books().trades


def _state(record: OrderRecord | None) -> str:
    return "nothing" if record is None else f"{record.state.name} {record.order_id}"
