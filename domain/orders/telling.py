"""Journal events as log events: a fixed name, and the keys worth reading."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

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
    OrderRejected,
    OrderResolved,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.plans import ExecutionEnded, ExecutionStarted, ExitPlanEnded, ExitPlanned, PlanEvent
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
    DayOpened: "day.opened",
    DifferenceFound: "reconcile.difference",
    ExitPlanned: "exits.planned",
    ExitPlanEnded: "exits.ended",
    ExecutionStarted: "execution.started",
    ExecutionEnded: "execution.ended",
}


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
        case IntentExpired(tag=tag, strategy=strategy, why=why):
            return {"tag": tag, "strategy": strategy, "why": why}
        case SendingClaimed(tag=tag):
            return {"tag": tag}
        case OrderAcknowledged(tag=tag, strategy=strategy, order_id=order_id, found_by=found_by):
            return {"tag": tag, "strategy": strategy, "order_id": order_id, "found_by": found_by}
        case (
            OrderRejected(tag=tag, strategy=strategy, text=text)
            | OrderQuarantined(tag=tag, strategy=strategy, text=text)
        ):
            return {"tag": tag, "strategy": strategy, "text": text}
        case OrderResolved(tag=tag, strategy=strategy, order_id=order_id, who=who, why=why):
            found = order_id or "absent"
            return {"tag": tag, "strategy": strategy, "found": found, "who": who, "why": why}
        case FillSeen(tag=tag, strategy=strategy, filled=filled, status=status):
            return {"tag": tag, "strategy": strategy, "filled": filled, "status": status.value}
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
        case OrderClosed(tag=tag, strategy=strategy, state=state, filled=filled):
            return {"tag": tag, "strategy": strategy, "state": state.name, "filled": filled}
        case DayOpened(day=day, opening_cash=cash):
            return {"day": day, "opening_cash": rupees(cash)}
        case DifferenceFound(name=name, subject=subject, ours=ours, theirs=theirs):
            return {"name": name, "subject": subject, "ours": ours, "theirs": theirs}
        case ExitPlanned() | ExitPlanEnded() | ExecutionStarted() | ExecutionEnded():
            return _plan_keys(event)


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
