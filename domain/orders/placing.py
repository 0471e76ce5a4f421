"""From an approved intent to the orders that are journaled for it: one, or slices below the freeze quantity. Pure.

No autoslice (design: effectively once): each slice has a tag of its own, so each can be looked for by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.messages.broker import BrokerOrder, PlaceOrder
from domain.messages.journal import IntentAccepted, OrderAdopted, OrderRecord
from domain.messages.orders import ApprovedIntent, OrderIntent
from domain.orders.marketable import as_limit
from domain.orders.tags import tag_for
from domain.values import Instrument, InstrumentKind, Nanos, OrderKind, Variety

_EQUITY: Final = InstrumentKind.EQUITY
CASH_FREEZE_QUANTITY: Final = 100_000
"""Largest order in shares that the broker takes, where the instrument states none (kite-facts 3.4)."""


class PlacingSettings(Struct, frozen=True):
    """market_protection and market_as_limit in 1/100 percent, as of the order supervisor's settings.

    instruments  by key: their ticks, lots and freeze quantities
    """

    market_protection: int
    market_as_limit: int
    instruments: Mapping[str, Instrument]


def freeze_of(instrument: Instrument) -> int:
    """Largest quantity of one order, a multiple of the lot; 0: no limit is known."""
    freeze = instrument.freeze_quantity
    if not freeze and instrument.kind is _EQUITY:
        freeze = CASH_FREEZE_QUANTITY
    lot = instrument.lot_size
    return freeze // lot * lot if lot > 1 else freeze


def cut(quantity: int, largest: int) -> list[int]:
    """The quantity in as few parts as possible, none above `largest` (0: one part)."""
    if largest <= 0 or quantity <= largest:
        return [quantity]
    full, rest = divmod(quantity, largest)
    return [largest] * full + ([rest] if rest else [])


def accepted(approved: ApprovedIntent, settings: PlacingSettings, now: Nanos) -> tuple[IntentAccepted, ...]:
    """I of every order that the intent needs. Raises ValueError where no price can be made for one.

    The first slice bears the intent's own id, so that the same decision is still seen as one; it comes last, since with
    it the gate's hold of the whole ends.
    """
    intent = approved.intent
    instrument = settings.instruments.get(intent.instrument)
    # The parts of an iceberg are the broker's to cut.
    whole = instrument is None or intent.variety is Variety.ICEBERG
    parts = [intent.quantity] if whole or instrument is None else cut(intent.quantity, freeze_of(instrument))
    events = [
        _accepted(_part(intent, leg, quantity), approved, settings, instrument, now)
        for leg, quantity in enumerate(parts)
    ]
    return tuple(reversed(events))


def siblings(record: OrderRecord, others: tuple[OrderRecord, ...]) -> list[OrderRecord]:
    """The other slices of the same intent."""
    whole = record.intent.slice_of or record.intent.intent_id
    return [
        other
        for other in others
        if other.tag != record.tag and whole in (other.intent.slice_of, other.intent.intent_id)
    ]


def adopted_stop(parent: OrderRecord, row: BrokerOrder, now: Nanos) -> OrderAdopted | None:
    """The second leg of a cover order of ours, as an order of ours; None where the row is none."""
    if parent.order.variety is not Variety.COVER or row.parent_order_id != parent.order_id:
        return None
    if row.side is parent.order.side:
        return None
    tag = tag_for(f"{parent.intent.intent_id}/{row.order_id}")
    kind = row.kind if row.kind in (OrderKind.STOP_LIMIT, OrderKind.STOP_MARKET) else OrderKind.STOP_MARKET
    intent = replace(
        parent.intent,
        intent_id=f"{parent.intent.intent_id}/stop",
        side=row.side,
        quantity=row.quantity,
        kind=kind,
        price=row.price,
        trigger_price=row.trigger_price,
        reduce_only=True,
        protective=True,
        variety=Variety.REGULAR,  # what it amounts to: a stop; its order says how the broker holds it
        reason=f"stop of cover order {parent.tag}",
    )
    order = replace(
        parent.order,
        tag=tag,
        side=row.side,
        quantity=row.quantity,
        kind=kind,
        price=row.price,
        trigger_price=row.trigger_price,
    )
    return OrderAdopted(tag, parent.tag, row.order_id, intent.strategy, intent, order, now)


def _part(intent: OrderIntent, leg: int, quantity: int) -> OrderIntent:
    if quantity == intent.quantity:
        return intent
    return replace(
        intent,
        intent_id=intent.intent_id if leg == 0 else f"{intent.intent_id}/{leg}",
        slice_of=intent.intent_id,
        quantity=quantity,
        disclosed_quantity=min(intent.disclosed_quantity, quantity),
    )


def _accepted(
    intent: OrderIntent,
    approved: ApprovedIntent,
    settings: PlacingSettings,
    instrument: Instrument | None,
    now: Nanos,
) -> IntentAccepted:
    exchange, _, symbol = intent.instrument.partition(":")
    order = PlaceOrder(
        tag=tag_for(intent.intent_id),
        exchange=exchange,
        symbol=symbol,
        side=intent.side,
        quantity=intent.quantity,
        product=intent.product,
        kind=intent.kind,
        price=intent.price,
        trigger_price=intent.trigger_price,
        validity=intent.validity,
        variety=intent.variety,
        market_protection=settings.market_protection,
        ttl_minutes=intent.ttl_minutes,
        disclosed_quantity=intent.disclosed_quantity,
        iceberg_legs=intent.iceberg_legs,
    )
    if settings.market_as_limit:
        tick_size = 0 if instrument is None else instrument.tick_size
        order = as_limit(order, intent.reference_price, tick_size, settings.market_as_limit)
    return IntentAccepted(
        tag=order.tag,
        intent=intent,
        order=order,
        risk_epoch=approved.risk_epoch,
        margin_held=-(-approved.margin_held * intent.quantity // approved.intent.quantity),
        time=now,
        approved_time=approved.approved_time,
        bid=approved.bid,
        ask=approved.ask,
    )


def is_slice_last(intent: OrderIntent) -> bool:
    """Whether the hold of the whole intent ends with this one: it is the whole, or its last slice to be journaled."""
    return intent.slice_of in ("", intent.intent_id)
