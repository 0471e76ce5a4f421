"""A person's finding about an unresolved order, held against the broker's order book: what may be believed. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from domain.errors import PatangError
from domain.messages.broker import BrokerOrder, BrokerTrade
from domain.messages.journal import (
    IntentExpired,
    JournalEvent,
    OrderAcknowledged,
    OrderRecord,
    OrderResolved,
    OrderState,
)
from domain.messages.operator import Resolve
from domain.reconcile.pro_rata import base_trade_id
from domain.values import SECOND, Nanos, Product, Side

FOUND_BY: Final = "operator"


class CannotResolve(PatangError):
    """The finding contradicts what is known. One line: what, and what would be right."""


def must_be_unresolved(tag: str, record: OrderRecord | None) -> OrderRecord:
    """The record, if a person may speak of it. Raises CannotResolve."""
    if record is None:
        raise CannotResolve(f"no order has the tag {tag}; `run.py journal` lists them")
    if record.state is not OrderState.QUARANTINED:
        known = f" as order {record.order_id}" if record.order_id else ""
        raise CannotResolve(
            f"order {tag} is {record.state.name.lower()}{known}: only an unresolved one can be resolved"
        )
    return record


def resolution(
    finding: Resolve,
    who: str,
    record: OrderRecord | None,
    owner: OrderRecord | None,
    rows: Iterable[BrokerOrder],
    quarantine: Nanos,
    now: Nanos,
    by_hand: Collection[str] = (),
) -> list[JournalEvent]:
    """The events that make the finding so. Raises CannotResolve where the broker's book says otherwise.

    record      the order of that tag
    owner       the order of ours that has the broker's id already, if one has
    rows        the broker's order book of today
    by_hand     ids of orders whose trades are booked as made by hand
    quarantine  so long an order may still turn up at the broker: before that, nobody may call it absent
    """
    tag = finding.tag
    unresolved = must_be_unresolved(tag, record)
    book = {row.order_id: row for row in rows}
    tagged = next((row.order_id for row in book.values() if tag in row.tags), "")
    strategy = unresolved.intent.strategy
    resolved = OrderResolved(tag=tag, order_id=finding.order_id, strategy=strategy, who=who, why=finding.why, time=now)
    if finding.order_id:
        row = book.get(finding.order_id)
        if row is None:
            raise CannotResolve(f"the broker knows no order {finding.order_id} today")
        _must_fit(row, unresolved, owner, tagged)
        if row.order_id in by_hand:
            raise CannotResolve(
                f"order {row.order_id} is in the books as made by hand, since before {tag} was unresolved: call {tag} "
                f"absent, then say whose the units are (`run.py accept --help`)"
            )
        found = OrderAcknowledged(tag=tag, order_id=row.order_id, strategy=strategy, time=now, found_by=FOUND_BY)
        return [resolved, found]
    if tagged:
        raise CannotResolve(f"order {tag} is not absent: the broker shows it as order {tagged}")
    left = unresolved.updated + quarantine - now
    if left > 0:
        raise CannotResolve(
            f"order {tag} may still turn up at the broker: it can be called absent in {-(-left // SECOND)} s"
        )
    expired = IntentExpired(
        tag=tag,
        intent_id=unresolved.intent.intent_id,
        strategy=strategy,
        why=f"absent at the broker, says {who}: {finding.why}",
        time=now,
    )
    return [resolved, expired]


def booked_by_hand(trades: Iterable[BrokerTrade], external: Collection[str]) -> set[str]:
    """Ids of the orders whose trades are among these. external: trade ids in the ledger of what no strategy made."""
    booked = set(map(base_trade_id, external))
    return {trade.order_id for trade in trades if base_trade_id(trade.trade_id) in booked}


def _must_fit(row: BrokerOrder, record: OrderRecord, owner: OrderRecord | None, tagged: str) -> None:
    order = record.order
    if owner is not None:
        raise CannotResolve(f"order {row.order_id} is ours already, with the tag {owner.tag}")
    if tagged and tagged != row.order_id:
        raise CannotResolve(f"the broker shows the tag {record.tag} on order {tagged}, not on {row.order_id}")
    ours = (order.exchange, order.symbol, order.side, order.product, order.quantity)
    theirs = (row.exchange, row.symbol, row.side, row.product, row.quantity)
    if ours != theirs:
        raise CannotResolve(f"order {row.order_id} is another one: {_words(*theirs)}; {record.tag} is {_words(*ours)}")


def _words(exchange: str, symbol: str, side: Side, product: Product, quantity: int) -> str:
    return f"{side.value} {quantity} {exchange}:{symbol} {product.value}"
