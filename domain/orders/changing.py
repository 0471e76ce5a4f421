"""Modifications and cancels of orders that rest: what may be asked, and what a reply or a row proves of it. Pure.

A modification is claimed and put once, as an order is posted once. Its reply proves only that it was taken; the order's
row decides. While that is open no other change is taken: a PUT that comes late would undo the newer one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from domain.errors import PatangError
from domain.messages.broker import (
    Accepted,
    BrokerOrder,
    BrokerStatus,
    CancelOutcome,
    Change,
    ModifyOutcome,
    NotSent,
    Rejected,
)
from domain.messages.journal import (
    CancelRefused,
    CancelRequested,
    IntentAccepted,
    JournalEvent,
    ModifyDropped,
    ModifyRefused,
    ModifyRequested,
    ModifyState,
    ModifyUnresolved,
    OrderClosed,
    OrderModified,
    OrderRecord,
    OrderState,
)
from domain.messages.orders import ApprovedModify
from domain.orders.tags import tag_for
from domain.orders.transitions import changed, filled
from domain.values import Nanos, OrderKind, Variety

MODIFICATIONS_MAX: Final = 25
"""Per order (kite-facts 3.5). After that it is cancelled, and what is left is placed anew."""


class CannotChange(PatangError):
    """The order cannot be changed so, now. One line: which order, and why."""


def must_rest(strategy: str, tag: str, record: OrderRecord | None) -> OrderRecord:
    """The record, if it is an order of that strategy that rests at the broker. Raises CannotChange."""
    if record is None or record.intent.strategy != strategy:
        raise CannotChange(f"{strategy} has no order with the tag {tag}")
    if record.state is not OrderState.ACKNOWLEDGED or record.seen_status.terminal:
        raise CannotChange(f"order {tag} is {_standing(record)}: only one that rests can be changed")
    return record


def must_be_changeable(record: OrderRecord, change: Change) -> None:
    """Raises CannotChange where the broker would refuse, or where the outcome could not be known."""
    if record.order.variety is Variety.ICEBERG:
        raise CannotChange(f"order {record.tag} is an iceberg: cancel it and place it anew")
    if record.modifying is not None:
        raise CannotChange(f"order {record.tag}: a modification is {record.modifying.state.value} already")
    if record.cancel_why:
        raise CannotChange(f"order {record.tag} is being cancelled")
    if changed(record.order, change) == record.order:
        raise CannotChange(f"order {record.tag}: nothing would change")
    if change.quantity and change.quantity <= filled(record):
        raise CannotChange(f"order {record.tag}: {record.filled_seen} of it are filled, {change.quantity} are wanted")


def requested(record: OrderRecord | None, approved: ApprovedModify, now: Nanos) -> ModifyRequested:
    """M. Raises CannotChange."""
    intent = approved.intent
    resting = must_rest(intent.strategy, intent.tag, record)
    must_be_changeable(resting, intent.change)
    return ModifyRequested(
        tag=intent.tag,
        number=resting.modifications + 1,
        strategy=intent.strategy,
        modify_id=intent.modify_id,
        change=intent.change,
        reduce_only=approved.reduce_only,
        risk_epoch=approved.risk_epoch,
        margin_held=approved.margin_held,
        valid_until=intent.valid_until,
        why=intent.why,
        time=now,
        replacing=resting.modifications >= MODIFICATIONS_MAX,
    )


def after_modify(record: OrderRecord, number: int, outcome: ModifyOutcome, now: Nanos) -> list[JournalEvent]:
    """What the outcome of the one PUT adds to what is known."""
    tag, strategy, under_way = record.tag, record.intent.strategy, record.modifying
    if under_way is None or under_way.number != number:
        return []
    match outcome:
        case NotSent(text=text):
            return [ModifyDropped(tag, number, strategy, text, now, under_way.state)]
        case Rejected(text=text):
            return [ModifyRefused(tag, number, strategy, text, now)]
        case Accepted():
            return [] if _comparable(record) else [_modified(record, now, "reply")]
        case _ if under_way.state is ModifyState.CLAIMED:
            return [ModifyUnresolved(tag, number, strategy, outcome.text, now)]
        case _:
            return []


def after_row(
    record: OrderRecord, row: BrokerOrder, now: Nanos, found_by: str, *, conclusive: bool
) -> list[JournalEvent]:
    """What a row of the order proves about the modification under way.

    conclusive  the row was asked for so long after the request that, where it shows the order as it was, the change was
                refused: a row that was on its way before proves nothing
    """
    under_way = record.modifying
    if under_way is None or under_way.state is ModifyState.REQUESTED:
        return []
    if _comparable(record) and _shows(record, row):
        return [_modified(record, now, found_by)]
    rests = row.status in (BrokerStatus.OPEN, BrokerStatus.TRIGGER_PENDING)
    if conclusive and rests and _comparable(record):
        text = row.text or "the order's row shows it as it was"
        return [ModifyRefused(record.tag, under_way.number, record.intent.strategy, text, now)]
    return []


def dropped(record: OrderRecord, why: str, now: Nanos) -> list[JournalEvent]:
    """A modification that was never claimed, and cannot be any more."""
    under_way = record.modifying
    if under_way is None or under_way.state is not ModifyState.REQUESTED:
        return []
    return [ModifyDropped(record.tag, under_way.number, record.intent.strategy, why, now, ModifyState.REQUESTED)]


def after_restart_modify(record: OrderRecord, now: Nanos) -> list[JournalEvent]:
    """What a new process may conclude: REQUESTED was not put; CLAIMED is ambiguous, its row decides."""
    under_way = record.modifying
    if under_way is None or under_way.replacing:
        return []
    if under_way.state is ModifyState.CLAIMED:
        why = "the process ended while it was being sent"
        return [ModifyUnresolved(record.tag, under_way.number, record.intent.strategy, why, now)]
    return dropped(record, "found unsent after a restart", now)


# -- cancels -----------------------------------------------------------------------------------------------------------


def cancel_requested(record: OrderRecord, why: str, now: Nanos) -> list[JournalEvent]:
    """The request, once; it is sent again until a row shows the order's end."""
    if record.state is not OrderState.ACKNOWLEDGED or record.cancel_why:
        return []
    request = CancelRequested(record.tag, record.live_id, record.intent.strategy, why or "cancelled", now)
    return [*([] if _replacing(record) else dropped(record, "the order is being cancelled", now)), request]


def after_cancel(record: OrderRecord, outcome: CancelOutcome, now: Nanos) -> list[JournalEvent]:
    """A refusal, where it says something new."""
    if not isinstance(outcome, Rejected) or record.state.final or record.text == outcome.text:
        return []
    return [CancelRefused(record.tag, record.live_id, record.intent.strategy, outcome.text, now)]


def with_replacement(record: OrderRecord, events: Sequence[JournalEvent], now: Nanos) -> list[JournalEvent]:
    """Where these events end an order that is being replaced: the order for what is left, in the same commit.

    It stands before the end of the old one, so that whoever counts sees both for a moment and never neither.
    """
    under_way = record.modifying
    closed = next((event for event in events if isinstance(event, OrderClosed)), None)
    if under_way is None or not under_way.replacing or closed is None or closed.state is not OrderState.CANCELLED:
        return list(events)
    wanted = changed(record.order, under_way.change)
    left = wanted.quantity - closed.filled
    if left <= 0 or now >= under_way.valid_until:
        return list(events)
    intent = replace(
        record.intent,
        intent_id=f"{record.intent.intent_id}~{under_way.number}",
        quantity=left,
        kind=wanted.kind,
        price=wanted.price,
        trigger_price=wanted.trigger_price,
        valid_until=under_way.valid_until,
        slice_of="",
        reason=f"replaces {record.tag}",
    )
    tag = tag_for(intent.intent_id)
    accepted = IntentAccepted(
        tag=tag,
        intent=intent,
        order=replace(wanted, tag=tag, quantity=left),
        risk_epoch=0,
        margin_held=-(-record.margin_held * left // wanted.quantity),
        time=now,
    )
    return [each for event in events for each in ((accepted, event) if event is closed else (event,))]


def _replacing(record: OrderRecord) -> bool:
    return record.modifying is not None and record.modifying.replacing


def _modified(record: OrderRecord, now: Nanos, found_by: str) -> OrderModified:
    under_way = record.modifying
    assert under_way is not None, "only a modification under way is concluded"
    order = changed(record.order, under_way.change)
    return OrderModified(
        tag=record.tag,
        number=under_way.number,
        strategy=record.intent.strategy,
        quantity=order.quantity,
        price=order.price,
        trigger_price=order.trigger_price,
        kind=order.kind,
        found_by=found_by,
        time=now,
    )


def _expected(record: OrderRecord) -> list[tuple[str, int]]:
    """(field of a row, value) for each value that the change gives and that a row shows as it was asked for.

    A protected market order is shown as a limit at a price of the broker's, so its price says nothing (kite-facts 3.3).
    """
    under_way = record.modifying
    assert under_way is not None, "only a modification under way is looked for"
    change, order = under_way.change, changed(record.order, under_way.change)
    fields = [("quantity", change.quantity, record.order.quantity)]
    if order.kind in (OrderKind.LIMIT, OrderKind.STOP_LIMIT):
        fields.append(("price", change.price, record.order.price))
    if order.kind in (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET):
        fields.append(("trigger_price", change.trigger_price, record.order.trigger_price))
    return [(name, wanted) for name, wanted, was in fields if wanted and wanted != was]


def _comparable(record: OrderRecord) -> bool:
    return bool(_expected(record))


def _shows(record: OrderRecord, row: BrokerOrder) -> bool:
    return all(getattr(row, name) == wanted for name, wanted in _expected(record))


def _standing(record: OrderRecord) -> str:
    over = record.state is OrderState.ACKNOWLEDGED and record.seen_status.terminal
    return (record.seen_status.value if over else record.state.name).lower()
