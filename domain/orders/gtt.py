"""The life of a GTT: allowed moves, the fold, and what a reply or the broker's list proves. Pure.

The protocol is that of orders (I, S, A, R, Q), but for the tag, which the broker does not know: after an unresolved
POST the GTT is looked for in the list, by what it is and when it was made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from domain.errors import IllegalTransition
from domain.messages.broker import Accepted, NotSent, PlaceOrder, PostOutcome, Rejected
from domain.messages.gtt import (
    ApprovedGtt,
    BrokerGtt,
    Gtt,
    GttChanged,
    GttChangeRefused,
    GttChangeRequested,
    GttClaimed,
    GttClosed,
    GttDeleteRequested,
    GttEvent,
    GttExpired,
    GttPlaced,
    GttRecord,
    GttRefused,
    GttRequested,
    GttState,
    GttStatus,
    GttTriggered,
    GttUnresolved,
)
from domain.messages.journal import JournalEvent, OrderAdopted
from domain.messages.orders import OrderIntent
from domain.orders.tags import tag_for
from domain.values import MINUTE, SECOND, Nanos, OrderKind

_I, _S, _A, _Q = GttState.REQUESTED, GttState.SENDING, GttState.PLACED, GttState.UNRESOLVED
_R, _X, _T, _K = GttState.REFUSED, GttState.EXPIRED, GttState.TRIGGERED, GttState.CLOSED

GTT_TRANSITIONS: Final[Mapping[GttState, frozenset[GttState]]] = {
    _I: frozenset({_S, _X}),
    _S: frozenset({_A, _R, _Q, _X}),
    _Q: frozenset({_A, _R, _X}),
    _A: frozenset({_T, _K}),
    _R: frozenset(),
    _X: frozenset(),
    _T: frozenset(),
    _K: frozenset(),
}

CREATED_SLACK: Final[Nanos] = 5 * SECOND
"""The broker stamps in whole seconds by a clock of its own: a GTT made this much before our claim may be ours."""

CLOCK_AHEAD_MAX: Final[Nanos] = 15 * MINUTE
"""So far our clock may be ahead at worst; one that is more than ten seconds off fails the morning's checklist."""


def gtt_tag(intent_id: str) -> str:
    """Our own name for a GTT; the broker knows none."""
    return tag_for(intent_id, leg=-1)


def accept(approved: ApprovedGtt, now: Nanos) -> GttRequested:
    """I."""
    intent = approved.intent
    exchange, _, symbol = intent.instrument.partition(":")
    gtt = Gtt(exchange, symbol, intent.product, intent.reference_price, intent.legs)
    return GttRequested(gtt_tag(intent.intent_id), intent.strategy, intent, gtt, approved.risk_epoch, now)


def fold_gtt(record: GttRecord | None, event: GttEvent) -> GttRecord:
    """The GTT's state after one more event. Raises IllegalTransition."""
    if isinstance(event, GttRequested):
        if record is not None:
            raise IllegalTransition(f"GTT {event.tag} is journaled already ({record.state.name})")
        return GttRecord(event.tag, _I, event.intent, event.gtt, created=event.time, updated=event.time)
    if record is None:
        raise IllegalTransition(f"GTT {event.tag}: {type(event).__name__} for a tag that was never journaled")
    return replace(_folded(record, event), updated=event.time)


def _folded(record: GttRecord, event: GttEvent) -> GttRecord:
    match event:
        case GttClaimed():
            return replace(record, state=_move(record, _S))
        case GttPlaced(trigger_id=trigger_id):
            return replace(record, state=_move(record, _A), trigger_id=trigger_id, text="")
        case GttRefused(text=text, turned_away=away):
            return replace(record, state=_move(record, _R), text=text, turned_away=away)
        case GttUnresolved(text=text):
            return replace(record, state=_move(record, _Q), text=text)
        case GttExpired(why=why, was=was):
            return replace(record, state=_expired(record, was), text=why)
        case GttChangeRequested(gtt=gtt):
            _must_rest(record, "another definition was asked for")
            return replace(record, wanted=gtt)
        case GttChanged(gtt=gtt):
            _must_rest(record, "it was changed")
            return replace(record, gtt=gtt, wanted=None)
        case GttChangeRefused(text=text):
            _must_rest(record, "a change of it was refused")
            return replace(record, wanted=None, text=text)
        case GttDeleteRequested():
            _must_rest(record, "its deletion was asked for")
            return replace(record, deleting=True)
        case GttTriggered(leg=leg, text=text):
            return replace(record, state=_move(record, _T), fired=leg, text=text, wanted=None)
        case GttClosed(status=status, text=text):
            return replace(record, state=_move(record, _K), text=text or status.value, wanted=None)
        case _:
            raise IllegalTransition(f"GTT {record.tag}: {type(event).__name__} is no event of its life")


def _move(record: GttRecord, to: GttState) -> GttState:
    if to not in GTT_TRANSITIONS[record.state]:
        raise IllegalTransition(f"GTT {record.tag}: {record.state.name} cannot become {to.name}")
    return to


def _expired(record: GttRecord, was: GttState | None) -> GttState:
    if was is not None and was is not record.state:
        raise IllegalTransition(f"GTT {record.tag} is {record.state.name}: it was to expire as {was.name}")
    return _move(record, _X)


def _must_rest(record: GttRecord, what: str) -> None:
    if record.state is not _A:
        raise IllegalTransition(f"GTT {record.tag}: {what}, but it is {record.state.name} and does not rest")


# -- what is proved ----------------------------------------------------------------------------------------------------


def after_gtt_post(record: GttRecord, outcome: PostOutcome, now: Nanos) -> list[JournalEvent]:
    """What the outcome of the one POST adds to what is known."""
    tag, strategy = record.tag, record.intent.strategy
    if record.state not in (_I, _S, _Q):
        return []
    match outcome:
        case NotSent(text=text):
            return [GttExpired(tag, strategy, text, now, record.state)]
        case Accepted(order_id=trigger_id) if record.state is not _I:
            return [GttPlaced(tag, trigger_id, strategy, now)]
        case Rejected(text=text, turned_away=away) if record.state is not _I:
            return [GttRefused(tag, strategy, text, now, away)]
        case _ if record.state is _S:
            return [GttUnresolved(tag, strategy, getattr(outcome, "text", ""), now)]
        case _:
            return []


def after_gtt_change(record: GttRecord, put: Gtt, outcome: PostOutcome, now: Nanos) -> list[JournalEvent]:
    """What the outcome of a PUT adds: unresolved ones are concluded by the list, or put again."""
    if record.state is not _A or record.wanted != put:
        return []
    match outcome:
        case Accepted():
            return [GttChanged(record.tag, record.intent.strategy, put, now)]
        case Rejected(text=text):
            return [GttChangeRefused(record.tag, record.intent.strategy, text, now)]
        case _:
            return []


def after_restart_gtt(record: GttRecord, now: Nanos) -> list[JournalEvent]:
    """What a new process may conclude: I was certainly not sent, S is ambiguous."""
    if record.state is _I:
        return [GttExpired(record.tag, record.intent.strategy, "found unsent after a restart", now, _I)]
    if record.state is _S:
        why = "the process ended while it was being sent"
        return [GttUnresolved(record.tag, record.intent.strategy, why, now)]
    return []


def after_list(
    records: Iterable[GttRecord], rows: Iterable[BrokerGtt], known_ids: frozenset[str], quarantine: Nanos, now: Nanos
) -> list[JournalEvent]:
    """What the broker's list proves of GTTs of ours, with the orders that they fired.

    known_ids   trigger ids that are GTTs of ours already, so no unresolved one can be theirs
    quarantine  an unresolved one that a list does not show after so long is not there
    """
    listed = {row.trigger_id: row for row in rows}
    taken = set(known_ids)
    events: list[JournalEvent] = []
    for record in records:
        if record.state is _Q:
            row = _unresolved_row(record, listed.values(), taken)
            if row is None:
                if now - record.updated > quarantine:
                    why = "the broker's list does not show it"
                    events.append(GttExpired(record.tag, record.intent.strategy, why, now, _Q))
                continue
            taken.add(row.trigger_id)
            placed = GttPlaced(record.tag, row.trigger_id, record.intent.strategy, now, found_by="list")
            events.append(placed)
            events.extend(_of_row(fold_gtt(record, placed), row, now))
        elif record.state is _A:
            shown = listed.get(record.trigger_id)
            if shown is not None:
                events.extend(_of_row(record, shown, now))
    return events


def _unresolved_row(record: GttRecord, rows: Iterable[BrokerGtt], taken: set[str]) -> BrokerGtt | None:
    """The row that it could be: the same definition, nobody's yet, and the oldest that was made since it was asked for.

    Where there is none, the newest that was made before: our clock may be ahead of the broker's, and to believe that
    ours is not there would sell its units a second time. The price that the triggers were seen from is left out: the
    broker may show its own.
    """
    same = [
        row
        for row in rows
        if row.trigger_id not in taken and replace(row.gtt, last_price=record.gtt.last_price) == record.gtt
    ]
    since = [row for row in same if row.created >= record.created - CREATED_SLACK]
    if since:
        return min(since, key=_age)
    before = [row for row in same if row.created >= record.created - CLOCK_AHEAD_MAX]
    return max(before, key=_age, default=None)


def _age(row: BrokerGtt) -> tuple[Nanos, str]:
    return row.created, row.trigger_id


def _of_row(record: GttRecord, row: BrokerGtt, now: Nanos) -> list[JournalEvent]:
    events: list[JournalEvent] = []
    tag, strategy = record.tag, record.intent.strategy
    if record.wanted is not None and replace(row.gtt, last_price=record.wanted.last_price) == record.wanted:
        events.append(GttChanged(tag, strategy, record.wanted, now, found_by="list"))
        record = replace(record, gtt=record.wanted, wanted=None)
    if row.status is GttStatus.ACTIVE:
        return events
    if row.status is not GttStatus.TRIGGERED:
        text = next((result.text for result in row.results if result is not None and result.text), "")
        return [*events, GttClosed(tag, row.trigger_id, strategy, row.status, text, now)]
    if replace(row.gtt, last_price=record.gtt.last_price) != record.gtt:
        # It fired as it was then: a change of it had come, though its reply, or that to its repetition, said otherwise.
        events.append(GttChanged(tag, strategy, row.gtt, now, found_by="list"))
        record = replace(record, gtt=row.gtt)
    for leg, result in enumerate(row.results):
        if result is not None:
            fired = GttTriggered(tag, row.trigger_id, strategy, leg, result.order_id, result.text, now)
            adopted = (_adopted(record, leg, result.order_id, now),) if result.order_id else ()
            return [*events, *adopted, fired]
    # Fired, but the order's fate is not shown yet: the next list will.
    return events


def _adopted(record: GttRecord, leg: int, order_id: str, now: Nanos) -> OrderAdopted:
    intent, fired = record.intent, record.gtt.legs[leg]
    tag = tag_for(record.tag, leg)
    return OrderAdopted(
        tag=tag,
        parent=record.tag,
        order_id=order_id,
        strategy=intent.strategy,
        intent=OrderIntent(
            intent_id=f"{intent.intent_id}/fired{leg}",
            strategy=intent.strategy,
            token=intent.token,
            instrument=intent.instrument,
            side=fired.side,
            quantity=fired.quantity,
            product=intent.product,
            kind=OrderKind.LIMIT,
            reference_price=fired.trigger,
            valid_until=now,
            event_time=now,
            decided_time=intent.decided_time,
            reduce_only=True,
            price=fired.price,
            reason=f"GTT fired: {intent.reason}" if intent.reason else "GTT fired",
            config_version=intent.config_version,
        ),
        order=PlaceOrder(
            tag=tag,
            exchange=record.gtt.exchange,
            symbol=record.gtt.symbol,
            side=fired.side,
            quantity=fired.quantity,
            product=intent.product,
            kind=OrderKind.LIMIT,
            price=fired.price,
        ),
        time=now,
    )
