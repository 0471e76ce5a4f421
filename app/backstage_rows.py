"""One row of each kind as the dashboard shows it: rupees as numbers, times in IST. The books stay integers."""

from __future__ import annotations

from typing import Any

from domain.messages.control import PositionView
from domain.messages.journal import JournalRecord, OrderRecord
from domain.messages.limits import LimitUse, Unit
from domain.orders.telling import EVENT_NAMES, log_keys
from domain.orders.transitions import filled
from domain.values import E4, Nanos, ist


def money(value: E4) -> float:
    """Rupees, for showing."""
    return value / 10_000


def clock(at: Nanos) -> str:
    """ISO 8601 in IST."""
    return ist(at).isoformat(timespec="seconds")


def word(record: OrderRecord) -> str:
    """The state as a word."""
    return record.state.name.lower()


def order_row(record: OrderRecord) -> dict[str, Any]:
    """One order."""
    intent = record.intent
    return {
        "tag": record.tag,
        "order_id": record.order_id or None,
        "time": clock(record.created),
        "updated": clock(record.updated),
        "strategy": intent.strategy,
        "instrument": intent.instrument,
        "side": intent.side.value,
        "kind": intent.kind.value,
        "product": intent.product.value,
        "quantity": intent.quantity,
        "filled": filled(record),
        "price": money(intent.price) if intent.price else None,
        "reference_price": money(intent.reference_price),
        "state": word(record),
        "exit": intent.reduce_only,
        "reason": intent.reason,
        "text": record.text,
    }


def step_row(record: JournalRecord) -> dict[str, Any]:
    """One step of an order's life."""
    keys = log_keys(record.event)
    time_ns = getattr(record.event, "time", 0) or getattr(record.event, "booked_time", 0)
    said = {name: value for name, value in keys.items() if name not in ("tag", "strategy") and value not in ("", None)}
    return {"seq": record.seq, "time": clock(time_ns), "event": EVENT_NAMES[type(record.event)], "keys": said}


def position_row(line: PositionView) -> dict[str, Any]:
    """One line of the books."""
    return {
        "strategy": line.strategy,
        "instrument": line.instrument,
        "product": line.product.value,
        "quantity": line.quantity,
        "average": money(line.cost // line.quantity) if line.quantity else None,
        "last_price": money(line.last_price),
        "realised": money(line.realised),
        "unrealised": money(line.unrealised),
        "charges": money(line.charges),
        "net": money(line.realised + line.unrealised - line.charges),
        "round_trips": line.round_trips,
    }


def limit_row(use: LimitUse) -> dict[str, Any]:
    """One limit with what is used of it."""
    in_rupees = use.unit is Unit.RUPEES
    return {
        "name": use.title,
        "key": use.key,
        "subject": use.subject,
        "used": money(use.used) if in_rupees else use.used,
        "limit": money(use.limit) if in_rupees else use.limit,
        "unit": "₹" if in_rupees else "",
    }
