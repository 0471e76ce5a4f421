"""Compares a trader's journal with the exchange's own books: the exchange judges."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Set as AbstractSet
from pathlib import Path

from adapters.store.journal import SqliteJournal
from domain.messages.control import PortfolioSnapshot
from domain.messages.journal import OrderRecord, TradeBooked
from domain.portfolio import Book
from domain.values import e4
from tests.system.plant import Exchange

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


def assert_effectively_once(exchange: Exchange, path: Path) -> None:
    """No tag twice at the exchange, every order of it journaled, every acknowledged one there, every trade booked once."""
    rows = exchange.orders()
    records, trades, _ = journaled(path)
    by_tag = {record.tag: record for record in records}

    twice = {tag: count for tag, count in Counter(row.tag for row in rows).items() if count > 1}
    assert not twice, f"tags used more than once: {twice}"
    strange = [
        f"{row.order_id} {row.tag} {row.status}: journaled as {_state(by_tag.get(row.tag or ''))}"
        for row in rows
        if row.tag not in by_tag or by_tag[row.tag].order_id != row.order_id
    ]
    assert not strange, f"at the exchange and not followed by us: {strange}"
    there = {row.order_id for row in rows}
    assert {record.order_id for record in records if record.order_id} <= there, "acknowledged, yet not there"
    assert sorted(t.trade_id for t in trades) == sorted(t.trade_id for t in exchange.trades())
    filled = {row.order_id: row.filled_quantity for row in rows if row.filled_quantity}
    booked: Counter[str] = Counter()
    for trade in trades:
        booked[trade.order_id] += trade.quantity
    assert dict(booked) == filled


def _state(record: OrderRecord | None) -> str:
    return "nothing" if record is None else f"{record.state.name} {record.order_id}"


def assert_books_equal(exchange: Exchange, path: Path, but_for: AbstractSet[Line] = frozenset()) -> None:
    """Cash and charges to the 1/10,000 rupee, positions to the unit; nothing held but for these lines.

    The realised result as well, where nothing is held.
    """
    books, (_, _, ours) = exchange.books(), journaled(path)
    held = {(view.strategy, view.instrument): view.quantity for view in ours.positions if view.quantity}
    assert held.keys() <= but_for, f"held: {held}; expected at most {but_for}"
    by_share: Counter[str] = Counter()
    for (_, instrument), quantity in held.items():
        by_share[instrument.partition(":")[2]] += quantity
    assert dict(by_share) == {row.tradingsymbol: row.quantity for row in books.positions if row.quantity}
    assert (ours.cash, ours.charges) == (e4(books.cash), e4(books.charges["total"]))
    if not held:
        assert ours.realised == e4(books.realised)
