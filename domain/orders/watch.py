"""Which orders are overdue for something: pure filters over the open orders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from domain.messages.broker import BrokerStatus
from domain.messages.journal import OrderRecord, OrderState
from domain.values import Nanos, OrderKind, Variety


def overdue_intents(records: Iterable[OrderRecord], now: Nanos) -> list[OrderRecord]:
    """Orders whose decision has run out and that nobody may have sent: where one is SENDING, its claim says whether."""
    waiting = (OrderState.INTENT, OrderState.SENDING)
    return [r for r in records if r.state in waiting and r.intent.valid_until <= now]


def unclaimed_exits(
    records: Iterable[OrderRecord], now: Nanos, sent_mono: Mapping[str, Nanos], before_mono: Nanos
) -> list[OrderRecord]:
    """Exits that may still be sent, were handed to a worker before that moment (monotonic), and are not claimed."""
    return [
        r
        for r in records
        if r.state is OrderState.INTENT
        and r.intent.reduce_only
        and now < r.intent.valid_until
        and 0 < sent_mono.get(r.tag, 0) < before_mono
    ]


def overdue_sends(
    records: Iterable[OrderRecord], sent_mono: Mapping[str, Nanos], deadline_mono: Nanos
) -> list[OrderRecord]:
    """Claimed orders handed to a worker before the deadline (monotonic) of which nothing was heard."""
    never = 1 << 62
    return [r for r in records if r.state is OrderState.SENDING and sent_mono.get(r.tag, never) < deadline_mono]


def stuck_market_orders(
    records: Iterable[OrderRecord], updated_before: Callable[[OrderRecord], Nanos]
) -> list[OrderRecord]:
    """Market orders resting unfilled: with market protection they are limits at the broker, and may stay so.

    (kite-facts 3.3)
    """
    return [
        r
        for r in records
        if r.state is OrderState.ACKNOWLEDGED
        and r.intent.kind is OrderKind.MARKET
        and not r.seen_status.terminal
        and not (r.order.variety is Variety.AMO and r.seen_status is BrokerStatus.IN_FLIGHT)  # it waits for the session
        and r.updated < updated_before(r)
    ]
