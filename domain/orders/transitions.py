"""One table of allowed moves, and the fold from journal events to an order's current state.

A fill may be seen or booked in any state that can be at the broker, final ones included: the broker's books win over
our view of the order's life.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from domain.errors import IllegalTransition
from domain.messages.broker import BrokerStatus
from domain.messages.journal import (
    DayOpened,
    DifferenceFound,
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRecord,
    OrderRejected,
    OrderResolved,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.plans import ExecutionEnded, ExecutionStarted, ExitPlanEnded, ExitPlanned

_I, _S, _A, _Q = OrderState.INTENT, OrderState.SENDING, OrderState.ACKNOWLEDGED, OrderState.QUARANTINED
_R, _X, _C, _K = OrderState.REJECTED, OrderState.EXPIRED, OrderState.COMPLETE, OrderState.CANCELLED

TRANSITIONS: Final[Mapping[OrderState, frozenset[OrderState]]] = {
    _I: frozenset({_S, _X}),
    # S -> X: only the worker itself may say so, where the gate stopped it before the request began.
    _S: frozenset({_A, _R, _Q, _X}),
    # Q -> X: likewise, where its word came after we had stopped waiting for it; or a person, after looking.
    _Q: frozenset({_A, _R, _X}),
    # A -> R: accepted by the OMS, then refused by risk management or the exchange.
    _A: frozenset({_C, _K, _R}),
    _R: frozenset(),
    _X: frozenset(),
    _C: frozenset(),
    _K: frozenset(),
}

AT_BROKER: Final = frozenset({_S, _A, _Q, _R, _C, _K})
"""States in which the broker may know the order: fills are facts in all of them."""


def move(record: OrderRecord, to: OrderState) -> OrderState:
    """The new state. Raises IllegalTransition naming both states where the table does not allow the move."""
    if to not in TRANSITIONS[record.state]:
        raise IllegalTransition(f"order {record.tag}: {record.state.name} cannot become {to.name}")
    return to


TAGLESS: Final = (DayOpened, DifferenceFound, ExitPlanned, ExitPlanEnded, ExecutionStarted, ExecutionEnded)
"""Events that concern no single order of ours."""


def tag_of(event: JournalEvent) -> str:
    """The tag an event concerns; empty for events that concern no order of ours."""
    return "" if isinstance(event, TAGLESS) else event.tag


def strategy_of(event: JournalEvent) -> str:
    """The strategy an event concerns; empty where none."""
    if isinstance(event, IntentAccepted):
        return event.intent.strategy
    return "" if isinstance(event, DayOpened | DifferenceFound | SendingClaimed) else event.strategy


def fold(record: OrderRecord | None, event: JournalEvent) -> OrderRecord | None:  # noqa: C901, PLR0912 - one case per event
    """The order's state after one more event; None for events that concern no order of ours.

    Raises IllegalTransition for a move that the table does not allow, an unknown tag, or a second IntentAccepted.
    """
    if isinstance(event, TAGLESS) or not event.tag:
        return None
    if isinstance(event, IntentAccepted):
        if record is not None:
            raise IllegalTransition(f"order {event.tag} is journaled already ({record.state.name})")
        return OrderRecord(
            tag=event.tag,
            state=OrderState.INTENT,
            intent=event.intent,
            order=event.order,
            margin_held=event.margin_held,
            created=event.time,
            updated=event.time,
        )
    if record is None:
        raise IllegalTransition(f"order {event.tag}: {type(event).__name__} for a tag that was never journaled")
    match event:
        case IntentExpired(why=why, time=time, was=was):
            if was is not None and was is not record.state:
                raise IllegalTransition(f"order {event.tag} is {record.state.name}: it was to expire as {was.name}")
            return replace(record, state=move(record, _X), text=why, updated=time)
        case SendingClaimed(time=time):
            return replace(record, state=move(record, _S), updated=time)
        case OrderAcknowledged(order_id=order_id, time=time):
            return replace(record, state=move(record, _A), order_id=order_id, text="", updated=time)
        case OrderRejected(order_id=order_id, text=text, time=time):
            return replace(
                record, state=move(record, _R), order_id=order_id or record.order_id, text=text, updated=time
            )
        case OrderQuarantined(text=text, time=time):
            return replace(record, state=move(record, _Q), text=text, updated=time)
        case OrderResolved(who=who, why=why, time=time):
            if record.state is not _Q:
                raise IllegalTransition(f"order {record.tag}: it is {record.state.name}, there is nothing to resolve")
            return replace(record, text=f"resolved by {who}: {why}", updated=time)
        case FillSeen(filled=filled, status=status, time=time):
            _must_be_at_broker(record, "a fill was seen")
            return replace(
                record,
                filled_seen=max(filled, record.filled_seen),
                seen_status=further(record.seen_status, status),
                updated=time,
            )
        case TradeBooked(quantity=quantity, booked_time=time):
            _must_be_at_broker(record, "a trade was booked")
            return replace(record, booked=record.booked + quantity, updated=time)
        case OrderClosed(state=state, text=text, time=time):
            return replace(record, state=move(record, state), text=text, updated=time)


def further(known: BrokerStatus, news: BrokerStatus) -> BrokerStatus:
    """The status further along: a terminal one is never left, and nothing goes back to IN_FLIGHT."""
    if known.terminal or news is BrokerStatus.IN_FLIGHT:
        return known
    return news


def _must_be_at_broker(record: OrderRecord, what: str) -> None:
    if record.state not in AT_BROKER:
        raise IllegalTransition(f"order {record.tag}: {what}, but it is {record.state.name} and was never sent")
