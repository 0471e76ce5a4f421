"""Trails for tests: an order's whole life as messages, written by the real trail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from adapters.store.audit import AuditTrail
from domain.audit.entries import Draft, Told, draft, event_draft
from domain.messages.broker import Accepted, BrokerStatus
from domain.messages.journal import (
    FillSeen,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.orders import ApprovedIntent, OrderPosted
from domain.orders.tags import tag_for
from domain.values import SECOND, e4
from tests.support.orders import NOW, an_accepted, an_intent

ORDER_ID = "2611200000000000001"


def plain(text: str) -> str:
    """Nothing is secret."""
    return text


def a_life(intent_id: str = "ma:1", order_id: str = ORDER_ID) -> Iterator[Told | JournalEvent]:
    """Decided at 1500, filled 4 at 1500.50 and 6 at 1501, each step half a second after the one before."""
    intent, tag, half = an_intent(intent_id), tag_for(intent_id), SECOND // 2
    yield intent
    yield ApprovedIntent(intent, risk_epoch=1, margin_held=e4("3000"), approved_time=NOW + half)
    yield replace(an_accepted(intent), time=NOW + 2 * half, bid=e4("1499.95"), ask=e4("1500.05"))
    yield SendingClaimed(tag, NOW + 3 * half)
    yield OrderPosted(tag, Accepted(order_id), 2, 5_000_000, 47_000_000, NOW + 4 * half)
    yield OrderAcknowledged(tag, order_id, "ma", NOW + 5 * half)
    yield FillSeen(tag, order_id, "ma", 10, BrokerStatus.COMPLETE, NOW + 6 * half, event_time=NOW + 6 * half)
    for number, quantity, price in ((1, 4, "1500.50"), (2, 6, "1501")):
        yield TradeBooked(
            f"t{number}", order_id, tag, "ma", intent.token, intent.instrument, intent.side, intent.product,
            quantity, e4(price), NOW + (5 + number) * half, NOW + 9 * half,
        )  # fmt: skip
    yield OrderClosed(tag, order_id, "ma", OrderState.COMPLETE, 10, "", NOW + 10 * half)


def as_draft(message: Told | JournalEvent) -> Draft:
    """As the actor would."""
    return draft(message) if isinstance(message, Told) else event_draft(message)


def a_trail(folder: Path, lives: int = 1, *, start: int = 0, time: int = NOW) -> AuditTrail:
    """A trail with so many more lives in it, durable; still open."""
    trail = AuditTrail(folder, plain)
    trail.open(time)
    for number in range(start, start + lives):
        for message in a_life(f"ma:{number}", f"26112{number:014d}"):
            trail.append(as_draft(message), time, trail.head.journal)
    trail.flush()
    return trail


def the_file(folder: Path) -> Path:
    """The only file."""
    [path] = folder.glob("*.log")
    return path
