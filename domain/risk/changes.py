"""Verdicts on changes of what rests, and on GTTs. Pure.

A modification is asked as the intent that its order would be then. A GTT may only protect.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from domain.messages.gtt import GttIntent, GttLeg, GttRecord, GttState, ModifyGttIntent
from domain.messages.journal import OrderRecord
from domain.messages.orders import Denied, DenyReason, ModifyIntent
from domain.orders.changing import CannotChange, must_be_changeable, must_rest
from domain.orders.transitions import changed
from domain.risk.book import RiskBook
from domain.risk.checks import MODIFY_CHECKS, Question
from domain.risk.facts import Approval, MarketFacts
from domain.risk.limits import RiskLimits
from domain.values import Nanos, Product


class Allowed(Struct, frozen=True):
    """A change that may go: the margin of the whole order as it would be, and whether it is an exit."""

    approval: Approval
    reduce_only: bool


def check_change(
    asked: ModifyIntent, record: OrderRecord | None, book: RiskBook, limits: RiskLimits, facts: MarketFacts
) -> Denied | Allowed:
    """The verdict on a modification. record: the order of that tag."""
    try:
        resting = must_rest(asked.strategy, asked.tag, record)
        must_be_changeable(resting, asked.change)
    except CannotChange as refusal:
        return Denied(asked.modify_id, asked.strategy, DenyReason.NO_OPEN_ORDER, str(refusal), facts.now)
    order = changed(resting.order, asked.change)
    intent = replace(
        resting.intent,
        intent_id=asked.modify_id,
        quantity=order.quantity,
        kind=order.kind,
        price=order.price,
        trigger_price=order.trigger_price,
        reference_price=asked.reference_price,
        valid_until=asked.valid_until,
    )
    question = Question(intent, book, limits, facts, replaces=book.order(asked.tag))
    for reason, check in MODIFY_CHECKS:
        text = check(question)
        if text is not None:
            return Denied(asked.modify_id, asked.strategy, reason, text, facts.now)
    return Allowed(Approval(max(question.margin, resting.margin_held)), intent.reduce_only)


def check_gtt(asked: GttIntent, book: RiskBook, facts: MarketFacts) -> Denied | None:
    """Why a GTT may not be placed; None: it may."""
    line = asked.strategy, asked.token, asked.product
    refusal: tuple[DenyReason, str] | None = DenyReason.DUPLICATE_INTENT, f"{asked.intent_id} was asked for already"
    if not book.knows_gtt(asked.intent_id):
        refusal = _gtt_refusal(asked.instrument, asked.legs, asked.product, line, book, facts, asked.valid_until)
    return None if refusal is None else Denied(asked.intent_id, asked.strategy, *refusal, facts.now)


def check_gtt_change(
    asked: ModifyGttIntent, record: GttRecord | None, book: RiskBook, facts: MarketFacts
) -> Denied | None:
    """The same for another definition of one that rests."""
    refusal: tuple[DenyReason, str] | None
    if record is None or record.intent.strategy != asked.strategy or record.state is not GttState.PLACED:
        refusal = DenyReason.NO_OPEN_ORDER, f"{asked.strategy} has no GTT with the tag {asked.tag} that rests"
    elif len(asked.legs) != len(record.gtt.legs):
        refusal = DenyReason.NO_OPEN_ORDER, f"it has {len(record.gtt.legs)} legs, {len(asked.legs)} are wanted"
    else:
        was = record.intent
        line = was.strategy, was.token, was.product
        own = book.gtt_units(asked.tag)
        refusal = _gtt_refusal(was.instrument, asked.legs, was.product, line, book, facts, asked.valid_until, own)
    return None if refusal is None else Denied(asked.modify_id, asked.strategy, *refusal, facts.now)


def _gtt_refusal(
    instrument: str,
    legs: tuple[GttLeg, ...],
    product: Product,
    line: tuple[str, int, Product],
    book: RiskBook,
    facts: MarketFacts,
    valid_until: Nanos,
    own: int = 0,
) -> tuple[DenyReason, str] | None:
    """own: units that the one which is changed may close already."""
    listed = facts.instrument
    if listed is None or listed.key != instrument:
        return DenyReason.UNKNOWN_INSTRUMENT, f"{instrument} is not in today's list"
    if product is Product.MIS:
        return DenyReason.PRODUCT_NOT_ALLOWED, "a GTT is for CNC, NRML and MTF; a resting stop protects MIS"
    if valid_until <= facts.now:
        return DenyReason.INTENT_EXPIRED, "the decision is too old"
    if len(legs) not in (1, 2) or (len(legs) == 2 and legs[0].trigger >= legs[1].trigger):
        return DenyReason.BAD_TERMS, "a GTT has one leg, or two, the lower trigger first"
    exposure = book.exposure(*line)
    held, left = exposure.position, min(exposure.exits() + own, abs(exposure.position))
    for leg in legs:
        if leg.quantity <= 0 or leg.quantity % listed.lot_size:
            return DenyReason.LOT_SIZE, f"{leg.quantity} is not a positive multiple of the lot {listed.lot_size}"
        for price in (leg.trigger, leg.price):
            if price <= 0 or price % listed.tick_size:
                return DenyReason.TICK_SIZE, f"{price} is not a positive multiple of the tick {listed.tick_size}"
        if leg.side.sign * held >= 0:
            return DenyReason.NOT_REDUCING, f"{leg.side.value} {leg.quantity} of a position of {held}"
        if leg.quantity > left:
            why = f"{leg.side.value} {leg.quantity} of a position of {held}: others may close all but {left} of it"
            return DenyReason.NOT_REDUCING, why
    return None
