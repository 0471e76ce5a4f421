"""A guard's steps as messages: intents for the risk gate, cancels and plans for the order supervisor. Pure."""

from __future__ import annotations

from msgspec import Struct

from domain.exits.actions import (
    Cancelled,
    Change,
    Emergency,
    End,
    Keep,
    Leave,
    PartKind,
    Protect,
    Unprotected,
    Withdraw,
)
from domain.exits.book import ExitBook, exit_id
from domain.exits.levels import beyond
from domain.exits.values import ExitPlan, ExitRule
from domain.messages import broker
from domain.messages.control import Alert
from domain.messages.gtt import GttIntent, GttLeg, ModifyGttIntent
from domain.messages.orders import CancelIntent, ModifyIntent, OrderIntent
from domain.messages.plans import ExitPlanEnded, ExitPlanned, KeepPlan
from domain.values import E4, SECOND, Instrument, Nanos, OrderKind, Side

GTT_LIMIT_BPS = 100
"""How far a GTT's limit lies beyond its trigger where the rule does not say: it can place limits alone."""

Message = OrderIntent | ModifyIntent | GttIntent | ModifyGttIntent | CancelIntent | KeepPlan | Alert
Step = Protect | Leave | Change | Withdraw | Keep | End | Emergency | Cancelled | Unprotected


class Scene(Struct, frozen=True):
    """What the messages of one look rest on. price: the last one, 0 where none is known."""

    plan: ExitPlan
    rule: ExitRule
    instrument: Instrument
    book: ExitBook
    now: Nanos
    price: E4
    valid: Nanos

    @property
    def side(self) -> Side:
        """The side that closes the position."""
        return Side.SELL if self.plan.long else Side.BUY

    @property
    def reference(self) -> E4:
        """The price that a step is decided at."""
        return self.price or self.plan.stop or self.plan.levels.target


def message_of(step: Step, scene: Scene) -> Message | None:
    """The message that carries the step out; None where what it concerns is gone."""
    plan = scene.plan
    match step:
        case Protect(number=number, units=units, gtt=gtt):
            return _gtt(scene, number, units) if gtt else _stop(scene, number, units)
        case Leave(number=number, units=units, why=why):
            return _market(scene, number, units, why)
        case Change(part=part, left=left) if part.kind is PartKind.GTT:
            return _change_gtt(scene, part.tag, left)
        case Change(part=part, left=left):
            return _change_stop(scene, part.tag, left - part.left)
        case Withdraw(tag=tag, why=why):
            return CancelIntent(plan.strategy, tag, why)
        case Keep(plan=kept):
            return KeepPlan(ExitPlanned(kept, scene.now))
        case End(why=why):
            return KeepPlan(ExitPlanEnded(plan.id, plan.strategy, why, scene.now))
        case Emergency(why=why):
            return _alert(scene, "exits.emergency", f"{why}; it is left at the market")
        case Cancelled(released=True):
            text = "somebody cancelled its protection, and that stands: it is that person's to leave until it is flat"
            return _alert(scene, "exits.released", text)
        case Cancelled():
            text = "somebody cancelled its protection: it is placed again"
            return _alert(scene, "exits.cancelled", text, level="warning")
        case Unprotected(units=units, lasted=lasted):
            text = f"{units} units without protection for {lasted / SECOND:.1f} s"
            return _alert(scene, "exits.unprotected", text)


def _market(scene: Scene, number: int, units: int, why: str) -> OrderIntent:
    plan = scene.plan
    return OrderIntent(
        intent_id=exit_id(plan, number),
        strategy=plan.strategy,
        token=plan.token,
        instrument=plan.instrument,
        side=scene.side,
        quantity=units,
        product=plan.product,
        kind=OrderKind.MARKET,
        reference_price=scene.reference,
        valid_until=scene.now + scene.valid,
        event_time=scene.now,
        decided_time=scene.now,
        reduce_only=True,
        reason=why,
        parent=plan.id,
    )


def _stop(scene: Scene, number: int, units: int) -> OrderIntent:
    plan = scene.plan
    return OrderIntent(
        intent_id=exit_id(plan, number),
        strategy=plan.strategy,
        token=plan.token,
        instrument=plan.instrument,
        side=scene.side,
        quantity=units,
        product=plan.product,
        kind=OrderKind.STOP_LIMIT if scene.rule.limit_bps else OrderKind.STOP_MARKET,
        reference_price=plan.stop,
        valid_until=scene.now + scene.valid,
        event_time=scene.now,
        decided_time=scene.now,
        reduce_only=True,
        price=_stop_limit(scene),
        trigger_price=plan.stop,
        reason="stop",
        parent=plan.id,
        protective=True,
    )


def _stop_limit(scene: Scene) -> E4:
    if not scene.rule.limit_bps:
        return 0
    return beyond(scene.plan.stop, scene.rule.limit_bps, scene.instrument.tick_size, long=scene.plan.long)


def _change_stop(scene: Scene, tag: str, more: int) -> ModifyIntent | None:
    record = scene.book.order(tag)
    if record is None:
        return None
    return ModifyIntent(
        modify_id=f"{record.intent.intent_id}~{scene.now}",
        strategy=scene.plan.strategy,
        tag=tag,
        change=broker.Change(
            quantity=record.order.quantity + more if more else 0,
            price=_stop_limit(scene),
            trigger_price=scene.plan.stop,
        ),
        reference_price=scene.plan.stop,
        valid_until=scene.now + scene.valid,
        event_time=scene.now,
        decided_time=scene.now,
        why="the stop moves" if not more else "the position has changed",
    )


def _legs(scene: Scene, units: int) -> tuple[GttLeg, ...]:
    plan, tick = scene.plan, scene.instrument.tick_size
    bps = scene.rule.limit_bps or GTT_LIMIT_BPS
    legs = [
        GttLeg(trigger, scene.side, units, beyond(trigger, bps, tick, long=plan.long))
        for trigger in (plan.stop, plan.levels.target)
        if trigger
    ]
    return tuple(sorted(legs, key=lambda leg: leg.trigger))


def _gtt(scene: Scene, number: int, units: int) -> GttIntent:
    plan = scene.plan
    return GttIntent(
        intent_id=exit_id(plan, number),
        strategy=plan.strategy,
        token=plan.token,
        instrument=plan.instrument,
        product=plan.product,
        legs=_legs(scene, units),
        reference_price=scene.reference,
        valid_until=scene.now + scene.valid,
        event_time=scene.now,
        decided_time=scene.now,
        reason="stop and target" if plan.stop and plan.levels.target else "stop" if plan.stop else "target",
    )


def _change_gtt(scene: Scene, tag: str, units: int) -> ModifyGttIntent | None:
    record = scene.book.gtt(tag)
    if record is None:
        return None
    return ModifyGttIntent(
        modify_id=f"{record.intent.intent_id}~{scene.now}",
        strategy=scene.plan.strategy,
        tag=tag,
        legs=_legs(scene, units),
        reference_price=scene.reference,
        valid_until=scene.now + scene.valid,
        decided_time=scene.now,
        why="the position or its levels have changed",
    )


def _alert(scene: Scene, name: str, text: str, level: str = "critical") -> Alert:
    plan = scene.plan
    return Alert(level=level, name=name, text=f"{plan.strategy} in {plan.instrument}: {text}", time=scene.now)
