"""Whether the intent makes sense in itself."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from domain.orders.placing import freeze_of
from domain.orders.shape import misfit
from domain.risk.checks.question import Question, clock, entries_only
from domain.risk.limits import ratio
from domain.values import SECOND, Variety, rupees

_ICEBERG: Final = Variety.ICEBERG


def intent_expired(question: Question) -> str | None:
    """A decision about a market that is gone."""
    if question.intent.valid_until > question.facts.now:
        return None
    return f"it was valid until {clock(question.intent.valid_until)}, it is {clock(question.facts.now)}"


def duplicate_intent(question: Question) -> str | None:
    """A repeated decision is one decision."""
    known = question.book.is_known(question.intent.intent_id)
    return f"intent {question.intent.intent_id} was approved before" if known else None


@entries_only
def repeated_intent(question: Question) -> str | None:
    """The same order under another id so soon is taken for a defect."""
    when = question.book.repeated(question.intent)
    if when is None:
        return None
    age = question.facts.now - when
    seconds, parts = ratio(question.limits.repeat_seconds)
    if age * parts >= seconds * SECOND:
        return None
    return f"the same order was approved {age / SECOND:.3f} s ago, {question.limits.repeat_seconds:g} s are required"


def bad_quantity(question: Question) -> str | None:
    """A defect of the strategy."""
    return None if question.intent.quantity > 0 else f"the quantity is {question.intent.quantity}"


def bad_terms(question: Question) -> str | None:
    """Terms that the broker would refuse as a whole (kite-facts 2.2, 3)."""
    listed = question.instrument
    if listed is None:
        return None
    intent = question.intent if question.replaces is None else replace(question.intent, slice_of="")
    return misfit(intent, listed, freeze_of(listed))


def lot_size(question: Question) -> str | None:
    """The exchange trades whole lots."""
    lot = 1 if question.instrument is None else question.instrument.lot_size
    return f"{question.intent.quantity} is not a multiple of the lot {lot}" if question.intent.quantity % lot else None


def freeze_quantity(question: Question) -> str | None:
    """The exchange's largest order, times the orders that one intent may be cut into."""
    listed = question.instrument
    if listed is None or question.intent.variety is _ICEBERG:
        return None  # an iceberg is cut at the broker: its parts are judged with its terms
    freeze = freeze_of(listed)
    slices = question.limits.slices_max
    if not freeze or question.intent.quantity <= freeze * slices:
        return None
    times = f" ({slices} orders of it may be made of one intent)" if slices > 1 else ""
    return f"{question.intent.quantity} in one order, the freeze quantity is {freeze}{times}"


def tick_size(question: Question) -> str | None:
    """Prices lie on the exchange's grid."""
    tick = 1 if question.instrument is None else question.instrument.tick_size
    for name, price in question.own_prices:
        if price <= 0 or price % tick:
            return f"{name} {rupees(price)} is not a positive multiple of the tick {rupees(tick)}"
    return None
