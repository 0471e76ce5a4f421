"""One table of allowed moves, and the fold from journal events to an order's current state.

A fill may be seen or booked in any state that can be at the broker, final ones included: the broker's books win over
our view of the order's life.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from domain.errors import IllegalTransition
from domain.messages.adjustments import PeakReset, PositionAdjusted
from domain.messages.broker import BrokerStatus, Change, PlaceOrder
from domain.messages.gtt import GttEvent, GttRequested
from domain.messages.journal import (
    CancelRefused,
    CancelRequested,
    DayOpened,
    DifferenceCleared,
    DifferenceFound,
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    Modification,
    ModifyClaimed,
    ModifyDropped,
    ModifyRefused,
    ModifyRequested,
    ModifyState,
    ModifyUnresolved,
    OrderAcknowledged,
    OrderAdopted,
    OrderClosed,
    OrderModified,
    OrderQuarantined,
    OrderRecord,
    OrderRejected,
    OrderResolved,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.plans import ExecutionEnded, ExecutionStarted, ExitPlanEnded, ExitPlanned
from domain.messages.versions import ConfigurationChanged
from domain.values import Variety

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

MODIFYING: Final[Mapping[ModifyState | None, frozenset[ModifyState | None]]] = {
    None: frozenset({ModifyState.REQUESTED}),
    # Dropped before it was claimed; or concluded by a cancel and a new order, which needs no claim.
    ModifyState.REQUESTED: frozenset({ModifyState.CLAIMED, None}),
    ModifyState.CLAIMED: frozenset({ModifyState.UNRESOLVED, None}),
    ModifyState.UNRESOLVED: frozenset({None}),
}
"""Moves of a modification within an order that rests; None: none is under way. An end of the order ends it, too."""

AT_BROKER: Final = frozenset({_S, _A, _Q, _R, _C, _K})
"""States in which the broker may know the order: fills are facts in all of them."""


def move(record: OrderRecord, to: OrderState) -> OrderState:
    """The new state. Raises IllegalTransition naming both states where the table does not allow the move."""
    if to not in TRANSITIONS[record.state]:
        raise IllegalTransition(f"order {record.tag}: {record.state.name} cannot become {to.name}")
    return to


TAGLESS: Final = (
    DayOpened,
    DifferenceFound,
    DifferenceCleared,
    ExitPlanned,
    ExitPlanEnded,
    ExecutionStarted,
    ExecutionEnded,
    PositionAdjusted,
    PeakReset,
    ConfigurationChanged,
)
"""Events that concern no single order of ours."""


def tag_of(event: JournalEvent) -> str:
    """The tag of the order or GTT that an event concerns; empty for events that concern none of ours."""
    return "" if isinstance(event, TAGLESS) else event.tag


def strategy_of(event: JournalEvent) -> str:
    """The strategy an event concerns; empty where none, or where only the tag says so (claims)."""
    if isinstance(event, IntentAccepted | GttRequested):
        return event.intent.strategy
    return str(getattr(event, "strategy", ""))


def fold(record: OrderRecord | None, event: JournalEvent) -> OrderRecord | None:
    """The order's state after one more event; None for events that concern no order of ours.

    Raises IllegalTransition for a move that the tables do not allow, an unknown tag, or a tag that is journaled twice.
    """
    if isinstance(event, GttEvent):
        return None
    if isinstance(event, TAGLESS) or not event.tag:
        return None
    if isinstance(event, IntentAccepted | OrderAdopted):
        if record is not None:
            raise IllegalTransition(f"order {event.tag} is journaled already ({record.state.name})")
        return _first(event)
    if record is None:
        raise IllegalTransition(f"order {event.tag}: {type(event).__name__} for a tag that was never journaled")
    match event:
        case FillSeen() | TradeBooked() | OrderClosed():
            return _filled(record, event)
        case ModifyRequested() | ModifyClaimed() | ModifyUnresolved() | ModifyRefused() | ModifyDropped():
            return _modifying(record, event)
        case OrderModified():
            return _modified(record, event)
        case CancelRequested(why=why, time=time):
            _must_rest(record, "a cancel was asked for")
            return replace(record, cancel_why=why, updated=time)
        case CancelRefused(text=text, time=time):
            return replace(record, text=text, updated=time)
        case _:
            return _moved(record, event)


def _first(event: IntentAccepted | OrderAdopted) -> OrderRecord:
    adopted = isinstance(event, OrderAdopted)
    return OrderRecord(
        tag=event.tag,
        state=_A if adopted else _I,
        intent=event.intent,
        order=event.order,
        order_id=event.order_id if isinstance(event, OrderAdopted) else "",
        margin_held=event.margin_held if isinstance(event, IntentAccepted) else 0,
        created=event.time,
        updated=event.time,
        parent=event.parent if isinstance(event, OrderAdopted) else "",
    )


def _moved(record: OrderRecord, event: JournalEvent) -> OrderRecord:
    match event:
        case IntentExpired(why=why, time=time, was=was):
            if was is not None and was is not record.state:
                raise IllegalTransition(f"order {event.tag} is {record.state.name}: it was to expire as {was.name}")
            return replace(record, state=move(record, _X), text=why, updated=time)
        case SendingClaimed(time=time):
            return replace(record, state=move(record, _S), updated=time)
        case OrderAcknowledged(order_id=order_id, time=time):
            return replace(record, state=move(record, _A), order_id=order_id, text="", updated=time)
        case OrderRejected(order_id=order_id, text=text, time=time, turned_away=away):
            state, known = move(record, _R), order_id or record.order_id
            return replace(
                record, state=state, order_id=known, text=text, updated=time, modifying=None, turned_away=away
            )
        case OrderQuarantined(text=text, time=time):
            return replace(record, state=move(record, _Q), text=text, updated=time)
        case OrderResolved(who=who, why=why, time=time):
            if record.state is not _Q:
                raise IllegalTransition(f"order {record.tag}: it is {record.state.name}, there is nothing to resolve")
            return replace(record, text=f"resolved by {who}: {why}", updated=time)
        case _:
            raise IllegalTransition(f"order {record.tag}: {type(event).__name__} is no event of an order")


def _filled(record: OrderRecord, event: FillSeen | TradeBooked | OrderClosed) -> OrderRecord:
    match event:
        case FillSeen(filled=filled, status=status, time=time):
            _must_be_at_broker(record, "a fill was seen")
            return replace(
                record,
                filled_seen=max(filled, record.filled_seen),
                seen_status=further(record.seen_status, status),
                legs=_leg_filled(record, event),
                updated=time,
            )
        case TradeBooked(quantity=quantity, booked_time=time):
            _must_be_at_broker(record, "a trade was booked")
            return replace(record, booked=record.booked + quantity, updated=time)
        case OrderClosed(state=state, text=text, time=time):
            return replace(record, state=move(record, state), text=text, updated=time, modifying=None)


def _leg_filled(record: OrderRecord, event: FillSeen) -> tuple[tuple[str, int], ...]:
    if record.order.variety is not Variety.ICEBERG:
        return ()
    legs = dict(record.legs)
    legs[event.order_id] = max(event.leg_filled, legs.get(event.order_id, 0))
    return tuple(legs.items())


def _modifying(
    record: OrderRecord, event: ModifyRequested | ModifyClaimed | ModifyUnresolved | ModifyRefused | ModifyDropped
) -> OrderRecord:
    match event:
        case ModifyRequested(number=number, time=time):
            _must_rest(record, f"modification {number} was asked for")
            if number != record.modifications + 1:
                raise IllegalTransition(f"order {record.tag}: modification {number} after {record.modifications}")
            _step(record, number, ModifyState.REQUESTED)
            under_way = Modification(
                number=number,
                change=event.change,
                state=ModifyState.REQUESTED,
                reduce_only=event.reduce_only,
                valid_until=event.valid_until,
                since=time,
                replacing=event.replacing,
            )
            held = max(event.margin_held, record.margin_held)
            return replace(record, modifying=under_way, modifications=number, margin_held=held, updated=time)
        case ModifyClaimed(number=number, time=time):
            under_way = _step(record, number, ModifyState.CLAIMED)
            return replace(record, modifying=replace(under_way, state=ModifyState.CLAIMED, since=time), updated=time)
        case ModifyUnresolved(number=number, time=time):
            under_way = _step(record, number, ModifyState.UNRESOLVED)
            return replace(record, modifying=replace(under_way, state=ModifyState.UNRESOLVED), updated=time)
        case ModifyRefused(number=number, text=text, time=time) | ModifyDropped(number=number, why=text, time=time):
            under_way, was = _step(record, number, None), getattr(event, "was", None)
            if was is not None and was is not under_way.state:
                here = under_way.state.value
                raise IllegalTransition(
                    f"order {record.tag}: modification {number} is {here}, not {was.value} any more"
                )
            return replace(record, modifying=None, text=text, updated=time)


def _modified(record: OrderRecord, event: OrderModified) -> OrderRecord:
    if event.number:
        _step(record, event.number, None)
    order = replace(
        record.order,
        quantity=event.quantity,
        price=event.price,
        trigger_price=event.trigger_price,
        kind=event.kind,
    )
    return replace(
        record,
        order=order,
        modifying=None if event.number else record.modifying,
        updated=event.time,
    )


def _step(record: OrderRecord, number: int, to: ModifyState | None) -> Modification:
    """The modification under way, where it may move there. Raises IllegalTransition."""
    under_way = record.modifying
    at = None if under_way is None else under_way.state
    if to not in MODIFYING[at] or (under_way is not None and under_way.number != number):
        here = "none is under way" if under_way is None else f"{under_way.number} is {under_way.state.value}"
        there = "concluded" if to is None else to.value
        raise IllegalTransition(f"order {record.tag}: modification {number} cannot be {there}, {here}")
    return under_way or Modification(number, Change(), ModifyState.REQUESTED, False, 0, 0)


def changed(order: PlaceOrder, change: Change) -> PlaceOrder:
    """The order with the change made."""
    return replace(
        order,
        quantity=change.quantity or order.quantity,
        price=change.price or order.price,
        trigger_price=change.trigger_price or order.trigger_price,
        kind=change.kind or order.kind,
    )


def filled(record: OrderRecord) -> int:
    """Units filled as far as is known: trades may be read before the update that shows them, or after it."""
    return max(record.filled_seen, record.booked)


def is_change_unknown(record: OrderRecord) -> bool:
    """Whether nobody knows what became of a change of it: until that is known it may have either shape."""
    return record.modifying is not None and record.modifying.state is ModifyState.UNRESOLVED


def worst_quantity(record: OrderRecord) -> int:
    """The most that may fill of it: of a change under way, the larger of both quantities."""
    under_way = record.modifying
    return max(record.order.quantity, under_way.change.quantity if under_way is not None else 0)


def further(known: BrokerStatus, news: BrokerStatus) -> BrokerStatus:
    """The status further along: a terminal one is never left, and nothing goes back to IN_FLIGHT."""
    if known.terminal or news is BrokerStatus.IN_FLIGHT:
        return known
    return news


def _must_rest(record: OrderRecord, what: str) -> None:
    if record.state is not _A:
        raise IllegalTransition(f"order {record.tag}: {what}, but it is {record.state.name} and does not rest")


def _must_be_at_broker(record: OrderRecord, what: str) -> None:
    if record.state not in AT_BROKER:
        raise IllegalTransition(f"order {record.tag}: {what}, but it is {record.state.name} and was never sent")
