"""The broker's order book and trades against our journal: what is not ours, what is missing, what nobody told. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final, Protocol

from msgspec import Struct

from domain.costs.kinds import UnknownInstrument, charge_kind, charge_kind_of_symbol
from domain.messages.broker import BrokerOrder, BrokerTrade
from domain.messages.gtt import GttRecord, GttState
from domain.messages.journal import OrderClosed, OrderRecord, OrderState, TradeBooked
from domain.orders.tags import is_ours
from domain.reconcile.books import EXTERNAL, Books, Line
from domain.reconcile.findings import Finding
from domain.reconcile.names import Difference
from domain.reconcile.pro_rata import pro_rata, share_trade_id
from domain.values import SECOND, Instrument, Nanos, Product, Side, ist

FOREIGN_NAMES: Final = (Difference.EXTERNAL_ORDER, Difference.UNKNOWN_ORDER, Difference.BROKER_SQUARE_OFF)
MISSING_NAMES: Final = (Difference.MISSING_ORDER,)
ROW_LATE_AT_MOST: Final = 120 * SECOND
"""A row has been seen to come 83 s after its request (docs/kite.md)."""


class Own(Protocol):
    """What the journal knows of orders (domain.ports.Journal)."""

    def record(self, tag: str) -> OrderRecord | None:
        """By tag."""
        ...

    def record_of(self, order_id: str) -> OrderRecord | None:
        """By the broker's id."""
        ...


class Foreign(Struct, frozen=True):
    """What the book shows that is not ours.

    findings  each order once, and what is over
    gone      keys of orders that are final and booked, or no longer in the book
    trades    what of it is not booked yet
    """

    findings: tuple[Finding, ...]
    gone: tuple[tuple[str, str], ...]
    trades: tuple[TradeBooked, ...]


def record_of(row: BrokerOrder, own: Own) -> OrderRecord | None:
    """Our order that the row is of: by its id, as a child of one of ours, or by a tag (which alone is no proof)."""
    record = own.record_of(row.order_id)
    if record is None and row.parent_order_id:
        record = own.record_of(row.parent_order_id)
    if record is not None:
        return record
    for tag in row.tags:
        tagged = own.record(tag)
        if tagged is not None and (tagged.order.side, tagged.order.symbol) == (row.side, row.symbol):
            return tagged
    return None


def foreign_orders(
    books: Books,
    rows: Sequence[BrokerOrder],
    trades: Iterable[BrokerTrade],
    own: Own,
    user_id: str,
    instruments: Mapping[str, Instrument],
    now: Nanos,
    spared: Collection[str] = (),
) -> Foreign:
    """Everything in the book that no order of ours made.

    spared   ids of orders that may still turn out to be ours (a GTT's; one that a person placed in the stead of ours)
    user_id  the account's: an order that somebody else placed and that closes what is held is the broker's square-off
    """
    ours = {row.order_id for row in rows if record_of(row, own) is not None} | set(spared)
    foreign = [row for row in rows if row.order_id not in ours]
    names = {row.order_id: _name(books, row, user_id) for row in foreign}
    for row in foreign:
        # Once a square-off, always one: by now it may have nothing left to close.
        for name in FOREIGN_NAMES:
            if (name.value, _subject(row.order_id)) in books.named:
                names[row.order_id] = name
    booked: list[TradeBooked] = []
    held: dict[Line, dict[str, int]] = {}
    for trade in trades:
        # Of an order that the book does not show yet nothing is known: it may be ours, its reply still on the way.
        if trade.order_id not in names:
            continue
        if not books.has_external_trade(trade.order_id, trade.trade_id):
            name = names[trade.order_id]
            booked += _booked(books, trade, name, held, instruments, now)
    findings = tuple(
        Finding(
            name=names[row.order_id],
            subject=_subject(row.order_id),
            ours="none",
            theirs=f"{row.side.value} {row.quantity} {row.exchange}:{row.symbol} {row.product.value}",
            instrument=f"{row.exchange}:{row.symbol}",
            strategies=books.strategies(f"{row.exchange}:{row.symbol}"),
        )
        for row in foreign
        if (names[row.order_id].value, _subject(row.order_id)) not in books.named
    )
    return Foreign(findings, _gone(books, {row.order_id: row for row in foreign}, booked), tuple(booked))


def perhaps_placed(rows: Iterable[BrokerOrder], open_records: Iterable[OrderRecord]) -> list[str]:
    """Ids of orders without a tag of ours that are what an unresolved order of ours would be.

    A person may have placed it in its stead, and is about to say so: booked as made by hand, it could not be ours.
    """
    unresolved = {
        (order.exchange, order.symbol, order.side, order.product, order.quantity)
        for order in (record.order for record in open_records if record.state is OrderState.QUARANTINED)
    }
    return [
        row.order_id
        for row in rows
        if not any(map(is_ours, row.tags))
        and (row.exchange, row.symbol, row.side, row.product, row.quantity) in unresolved
    ]


def missing_orders(
    books: Books, rows: Iterable[BrokerOrder], open_records: Iterable[OrderRecord], begun: Nanos, now: Nanos
) -> tuple[list[Finding], list[OrderRecord]]:
    """Orders of ours that the broker acknowledged and shows no more: of today, and those that outlived their day.

    A broker's book has its own day alone, so the latter have lapsed. A reading that was begun before the newest thing
    known of an order says nothing of it: it may have waited behind a reader that hung.
    """
    there = {row.order_id for row in rows}
    missing, lapsed = [], []
    for record in open_records:
        if record.state is not OrderState.ACKNOWLEDGED or not record.order_id or record.order_id in there:
            continue
        if books.day and ist(record.created).date().isoformat() < books.day:
            lapsed.append(record)
            continue
        if now - record.created < ROW_LATE_AT_MOST or record.updated >= begun:
            continue
        missing.append(
            Finding(
                name=Difference.MISSING_ORDER,
                subject=_subject(record.order_id),
                ours=f"{record.tag} {record.seen_status.value.lower()}",
                theirs="none",
                instrument=record.intent.instrument,
                strategies=(record.intent.strategy,),
            )
        )
    return missing, lapsed


def lapse(record: OrderRecord, now: Nanos) -> OrderClosed:
    """The end of an order that outlived its day."""
    return OrderClosed(
        tag=record.tag,
        order_id=record.order_id,
        strategy=record.intent.strategy,
        state=OrderState.CANCELLED,
        filled=record.booked,
        text="its day is over",
        time=now,
    )


def missed_fill(record: OrderRecord, filled: int, told: int) -> Finding:
    """The book showed `filled` units, updates told of `told`."""
    return Finding(
        name=Difference.MISSED_FILL,
        subject=_subject(record.order_id),
        ours=f"{told} told",
        theirs=f"{filled} filled",
        instrument=record.intent.instrument,
        strategies=(record.intent.strategy,),
    )


def external_shorts(books: Books) -> list[Finding]:
    """Lines in which more was sold from outside than was bought there."""
    found = []
    for line in sorted(books.lines(), key=lambda each: (each[0], each[1].value)):
        units = books.owners(line).get(EXTERNAL, 0)
        if units < 0:
            instrument, product = line
            found.append(
                Finding(
                    name=Difference.EXTERNAL_SHORT,
                    subject=f"{instrument} {product.value}",
                    ours="none",
                    theirs=str(units),
                    instrument=instrument,
                    strategies=books.strategies(instrument),
                    product=product.value,
                    units=units,
                )
            )
    return found


def moving_instruments(
    rows: Iterable[BrokerOrder],
    open_records: Iterable[OrderRecord],
    own: Own,
    needs: Callable[[OrderRecord], bool],
    gtts: Iterable[GttRecord] = (),
) -> set[str]:
    """Instruments of which something is on its way: a request, or fills that are not booked yet.

    A GTT of which nothing is known yet may have been placed, and may have fired.
    """
    moving = {
        record.intent.instrument
        for record in open_records
        if record.state is not OrderState.ACKNOWLEDGED or needs(record)
    }
    moving |= {each.intent.instrument for each in gtts if each.state in (GttState.SENDING, GttState.UNRESOLVED)}
    for row in rows:
        record = record_of(row, own)
        if record is not None and row.order_id == record.order_id and row.filled > record.booked:
            moving.add(record.intent.instrument)
    return moving


def _subject(order_id: str) -> str:
    return f"order {order_id}"


def _name(books: Books, row: BrokerOrder, user_id: str) -> Difference:
    if any(is_ours(tag) for tag in row.tags):
        return Difference.UNKNOWN_ORDER
    if user_id and row.placed_by and row.placed_by != user_id and _holders(books, row, {}):
        return Difference.BROKER_SQUARE_OFF
    return Difference.EXTERNAL_ORDER


def _holders(books: Books, of: BrokerOrder | BrokerTrade, held: dict[Line, dict[str, int]]) -> dict[str, int]:
    """Who holds what an order or trade of that side could close: positive units by owner."""
    line = (f"{of.exchange}:{of.symbol}", of.product)
    owners = held.get(line) or books.owners(line)
    return {owner: abs(units) for owner, units in owners.items() if units * of.side.sign < 0}


def _booked(
    books: Books,
    trade: BrokerTrade,
    name: Difference,
    held: dict[Line, dict[str, int]],
    instruments: Mapping[str, Instrument],
    now: Nanos,
) -> list[TradeBooked]:
    """The trade, or the shares of it, as events; nothing where it cannot be accounted."""
    key = f"{trade.exchange}:{trade.symbol}"
    if not _accountable(key, trade.product, instruments):
        return []
    squared_off = name is Difference.BROKER_SQUARE_OFF
    line = (key, trade.product)
    owners = held.setdefault(line, dict(books.owners(line)))
    shares = pro_rata(trade.quantity, _holders(books, trade, held)) if squared_off else {EXTERNAL: trade.quantity}
    events = []
    for owner, units in sorted(shares.items()):
        owners[owner] = owners.get(owner, 0) + trade.side.sign * units
        listed = instruments.get(key)
        events.append(
            TradeBooked(
                trade_id=share_trade_id(trade.trade_id, owner, alone=len(shares) == 1),
                order_id=trade.order_id,
                tag="",
                strategy=owner,
                token=_token_of(key) if listed is None else listed.token,
                instrument=key,
                side=Side(trade.side),
                product=trade.product,
                quantity=units,
                price=trade.price,
                event_time=trade.event_time,
                booked_time=now,
                reduce_only=squared_off,
                squared_off_by_broker=squared_off,
            )
        )
    return events


def _token_of(key: str) -> int:
    """For an instrument that is not among the traded ones: below zero, so that it is nobody's real one."""
    return -1 - zlib.crc32(key.encode())


def _accountable(key: str, product: Product, instruments: Mapping[str, Instrument]) -> bool:
    listed = instruments.get(key)
    try:
        if listed is None:
            charge_kind_of_symbol(key, product)
        else:
            charge_kind(listed, product)
    except UnknownInstrument:
        return False
    return True


def _gone(
    books: Books, foreign: Mapping[str, BrokerOrder], booking: Sequence[TradeBooked]
) -> tuple[tuple[str, str], ...]:
    """Standing differences of orders that are over: their trades are booked before that is said."""
    under_way = {trade.order_id for trade in booking}
    gone = []
    for name, subject in books.standing:
        if name not in {each.value for each in FOREIGN_NAMES}:
            continue
        row = foreign.get(subject.removeprefix("order "))
        # An order with a tag of ours that is not ours stands for as long as the broker shows it.
        over = row is not None and row.status.terminal and name != Difference.UNKNOWN_ORDER.value
        if row is None or (over and row.order_id not in under_way):
            gone.append((name, subject))
    return tuple(gone)
