"""Journal events as log events: a fixed name, and the keys worth reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.messages.adjustments import PeakReset, PositionAdjusted
from domain.messages.broker import Change
from domain.messages.gtt import (
    GttChanged,
    GttChangeRefused,
    GttChangeRequested,
    GttClaimed,
    GttClosed,
    GttDeleteRequested,
    GttExpired,
    GttLeg,
    GttPlaced,
    GttRefused,
    GttRequested,
    GttTriggered,
    GttUnresolved,
)
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
    ModifyClaimed,
    ModifyDropped,
    ModifyRefused,
    ModifyRequested,
    ModifyUnresolved,
    OrderAcknowledged,
    OrderAdopted,
    OrderClosed,
    OrderModified,
    OrderQuarantined,
    OrderRejected,
    OrderResolved,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.plans import ExecutionEnded, ExecutionStarted, ExitPlanEnded, ExitPlanned, PlanEvent
from domain.messages.versions import ConfigurationChanged
from domain.orders.transitions import strategy_of, tag_of
from domain.values import rupees

EVENT_NAMES: Final[Mapping[type, str]] = {
    IntentAccepted: "order.intent",
    IntentExpired: "order.expired",
    SendingClaimed: "order.sending",
    OrderAcknowledged: "order.acknowledged",
    OrderRejected: "order.rejected",
    OrderQuarantined: "order.unresolved",
    OrderResolved: "order.resolved",
    FillSeen: "order.fill_seen",
    TradeBooked: "order.trade",
    OrderClosed: "order.closed",
    OrderAdopted: "order.adopted",
    ModifyRequested: "order.modify",
    ModifyClaimed: "order.modify_sending",
    OrderModified: "order.modified",
    ModifyRefused: "order.modify_refused",
    ModifyUnresolved: "order.modify_unresolved",
    ModifyDropped: "order.modify_dropped",
    CancelRequested: "order.cancel",
    CancelRefused: "order.cancel_refused",
    GttRequested: "gtt.intent",
    GttClaimed: "gtt.sending",
    GttPlaced: "gtt.placed",
    GttRefused: "gtt.refused",
    GttUnresolved: "gtt.unresolved",
    GttExpired: "gtt.expired",
    GttChangeRequested: "gtt.modify",
    GttChanged: "gtt.modified",
    GttChangeRefused: "gtt.modify_refused",
    GttDeleteRequested: "gtt.delete",
    GttTriggered: "gtt.triggered",
    GttClosed: "gtt.closed",
    DayOpened: "day.opened",
    DifferenceFound: "reconcile.difference",
    DifferenceCleared: "reconcile.cleared",
    PositionAdjusted: "books.adjusted",
    PeakReset: "books.peak_reset",
    ConfigurationChanged: "configuration.changed",
    ExitPlanned: "exits.planned",
    ExitPlanEnded: "exits.ended",
    ExecutionStarted: "execution.started",
    ExecutionEnded: "execution.ended",
}


_SAID: Final = frozenset(
    {"order_id", "found_by", "text", "why", "filled", "who", "number", "quantity", "parent", "trigger_id", "leg"}
)
"""Fields that a log line shows as they are."""


def log_keys(event: JournalEvent) -> dict[str, object]:
    """What a reader of the log wants to see of it."""
    match event:
        case IntentAccepted(tag=tag, intent=intent):
            return {
                "tag": tag,
                "strategy": intent.strategy,
                "instrument": intent.instrument,
                "side": intent.side.value,
                "quantity": intent.quantity,
                "why": intent.reason,
                "intent": intent.intent_id,
            }
        case TradeBooked():
            return {
                "tag": event.tag,
                "strategy": event.strategy,
                "instrument": event.instrument,
                "side": event.side.value,
                "quantity": event.quantity,
                "price": rupees(event.price),
                "trade_id": event.trade_id,
            }
        case DayOpened(day=day, opening_cash=cash):
            return {"day": day, "opening_cash": rupees(cash)}
        case DifferenceFound() | DifferenceCleared():
            return _difference_keys(event)
        case PositionAdjusted() | PeakReset():
            return _books_keys(event)
        case ConfigurationChanged(version=version, changes=changes, who=who, why=why):
            return {"version": version, "changed": [each.path for each in changes], "who": who, "why": why}
        case ExitPlanned() | ExitPlanEnded() | ExecutionStarted() | ExecutionEnded():
            return _plan_keys(event)
        case _:
            return _of_order(event)


def _books_keys(event: PositionAdjusted | PeakReset) -> dict[str, object]:
    keys: dict[str, object] = {"who": event.who, "why": event.why}
    if isinstance(event, PositionAdjusted):
        line = f"{event.instrument} {event.product.value}"
        keys |= {"kind": event.kind.value, "strategy": event.strategy, "line": line}
        keys |= {"quantity": event.quantity, "becomes": event.becomes, "to": event.to_product.value}
    return keys


def change_words(change: Change) -> str:
    """A modification in words: `quantity 10, price 100.00`."""
    said = [f"quantity {change.quantity}"] if change.quantity else []
    said += [f"price {rupees(change.price)}"] if change.price else []
    said += [f"trigger {rupees(change.trigger_price)}"] if change.trigger_price else []
    said += [change.kind.value.lower()] if change.kind is not None else []
    return ", ".join(said) or "nothing"


def legs_words(legs: tuple[GttLeg, ...]) -> str:
    """A GTT in words: `SELL 10 at 95.00 when 96.00, SELL 10 at 110.00 when 109.00`."""
    return ", ".join(
        f"{leg.side.value} {leg.quantity} at {rupees(leg.price)} when {rupees(leg.trigger)}" for leg in legs
    )


def _of_order(event: JournalEvent) -> dict[str, object]:
    keys: dict[str, object] = {"tag": tag_of(event)}
    if strategy_of(event):
        keys["strategy"] = strategy_of(event)
    match event:
        case OrderResolved(order_id=order_id):
            keys["found"] = order_id or "absent"
        case FillSeen(status=status):
            keys["status"] = status.value
        case OrderClosed(state=state):
            keys["state"] = state.name
        case ModifyRequested(change=change):
            keys["change"] = change_words(change)
        case OrderModified(price=price, trigger_price=trigger):
            keys |= {"price": rupees(price), "trigger": rupees(trigger)}
        case OrderAdopted(intent=intent):
            keys |= {"instrument": intent.instrument, "side": intent.side.value, "quantity": intent.quantity}
        case GttRequested(gtt=gtt) | GttChangeRequested(gtt=gtt) | GttChanged(gtt=gtt):
            keys |= {"instrument": f"{gtt.exchange}:{gtt.symbol}", "legs": legs_words(gtt.legs)}
        case GttClosed(status=status):
            keys["status"] = status.value
        case _:
            pass
    keys |= {name: getattr(event, name) for name in event.__struct_fields__ if name in _SAID}
    return keys


def _plan_keys(event: PlanEvent) -> dict[str, object]:
    match event:
        case ExitPlanned(plan=plan):
            return {
                "plan": plan.id,
                "strategy": plan.strategy,
                "hold": plan.hold.value,
                "stop": rupees(plan.levels.stop),
                "target": rupees(plan.levels.target),
                "trail": rupees(plan.levels.trail),
            }
        case ExitPlanEnded(id=plan_id, strategy=strategy, why=why):
            return {"plan": plan_id, "strategy": strategy, "why": why}
        case ExecutionStarted(intent=intent, rule=rule):
            return {"intent": intent.intent_id, "strategy": intent.strategy, "style": rule.style.value}
        case ExecutionEnded(intent_id=intent_id, strategy=strategy, filled=filled, why=why):
            return {"intent": intent_id, "strategy": strategy, "filled": filled, "why": why}


def _difference_keys(event: DifferenceFound | DifferenceCleared) -> dict[str, object]:
    match event:
        case DifferenceFound(name=name, subject=subject, ours=ours, theirs=theirs, policy=policy):
            return {"name": name, "subject": subject, "ours": ours, "theirs": theirs, "policy": policy.value}
        case DifferenceCleared(name=name, subject=subject, why=why, accepted=accepted):
            by = {} if accepted is None else {"who": accepted.who}
            return {"name": name, "subject": subject, "why": why, **by}
