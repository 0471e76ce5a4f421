"""Deliberate breakages, one method or two each. A checker that misses one of them for 500 seeds proves nothing.

Each is a context manager that puts the defect in and takes it out again. They break our code, never the checker or the
models.
"""

# ruff: noqa: SLF001, ARG001 - they reach into what they break, and have its signatures
from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from msgspec.structs import replace

import actors.orders as orders_module
import adapters.store.journal as journal_module
import domain.orders.transitions as transitions_module
import domain.orders.updates as updates_module
from actors.folding import JournalReader
from actors.gateway import OrderWorker
from actors.orders import OrderSupervisor
from actors.routes import ROUTES, gateway_entry
from actors.runtime import GateRefused
from actors.runtime.cell import Cell, Failure
from actors.runtime.gate import Gate, Ticket, TradingLevel, _Stage
from actors.runtime.node import Node
from actors.runtime.supervisor import Supervisor
from actors.shards import ShardRoutes
from adapters.store.journal import SqliteJournal
from domain.errors import JournalUnavailable
from domain.messages.broker import BrokerStatus, NotSent, PostOutcome
from domain.messages.journal import (
    FillSeen,
    IntentExpired,
    JournalEvent,
    JournalRecord,
    OrderClosed,
    OrderRecord,
    OrderRejected,
    OrderState,
    SendingClaimed,
)
from domain.messages.orders import OrderBookRead, SubmitOrder
from domain.risk import RiskBook

if TYPE_CHECKING:
    from domain.values import Nanos


@contextmanager
def patched(owner: Any, name: str, replacement: object) -> Iterator[None]:  # noqa: ANN401 - a class or a module
    """The attribute replaced for as long as the context lasts."""
    former = owner.__dict__[name]
    setattr(owner, name, replacement)
    try:
        yield
    finally:
        setattr(owner, name, former)


class Mutant(Struct, frozen=True):
    """One breakage.

    breaks   what a reader should understand it to do
    shown_by kinds of fault that bring it to light quickest; none: it shows without any
    """

    name: str
    breaks: str
    patches: tuple[tuple[object, str, object], ...]
    shown_by: tuple[str, ...] = ()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The defect is in."""
        with ExitStack() as stack:
            for owner, attribute, replacement in self.patches:
                stack.enter_context(patched(owner, attribute, replacement))
            yield


# -- the gate --------------------------------------------------------------------------------------------------------


def _check_without_fence(gate: Gate, ticket: Ticket) -> None:
    former = gate._admitted.get(ticket.name)
    gate._admitted[ticket.name] = ticket.incarnation
    try:
        _CHECK(gate, ticket)
    finally:
        if former is None:
            del gate._admitted[ticket.name]
        else:
            gate._admitted[ticket.name] = former


def _fence_nothing(gate: Gate, name: str, incarnation: int) -> None:
    with gate._condition:
        if gate._admitted.get(name) == incarnation:
            del gate._admitted[name]


def _check_without_latch(gate: Gate, ticket: Ticket) -> None:
    level, gate._level = gate._level, TradingLevel.OPEN
    try:
        _CHECK(gate, ticket)
    finally:
        gate._level = level


@contextmanager
def _start_unchecked(gate: Gate, ticket: Ticket) -> Iterator[Callable[[], None]]:
    with gate._condition:
        ticket.stage = _Stage.STARTING

    def edge() -> None:
        with gate._condition:
            if ticket.stage is _Stage.STARTING:
                ticket.stage = _Stage.ON_THE_WIRE
                gate._condition.notify_all()

    try:
        yield edge
    finally:
        edge()


# -- the journal -----------------------------------------------------------------------------------------------------


def _claim_writes_nothing(journal: SqliteJournal, tag: str, now: Nanos) -> JournalRecord | None:
    record = journal.record(tag)
    if record is None or record.state is not OrderState.INTENT or record.intent.valid_until <= now:
        return None
    return JournalRecord(seq=journal.last_seq(), event=SendingClaimed(tag=tag, time=now))


def _claim_in_two_steps(journal: SqliteJournal, tag: str, now: Nanos) -> JournalRecord | None:
    record = journal.record(tag)
    if record is None or record.state is not OrderState.INTENT or record.intent.valid_until <= now:
        return None
    journal.flag("risk_epoch")  # anything that takes the lock: others may come in between
    with journal._lock:
        event = SendingClaimed(tag=tag, time=now)
        with journal._transaction():
            seq = journal._insert(event, record.intent.strategy)
            journal._db.execute("UPDATE orders SET state = 'S' WHERE tag = ?", (tag,))
        journal._orders[tag] = replace(journal._orders[tag], state=OrderState.SENDING)
        journal._open[tag] = None
        return JournalRecord(seq=seq, event=event)


def _withdraw_anything(journal: SqliteJournal, tag: str) -> bool:
    journal._standing.pop(tag, None)
    return True


def _commit_any_epoch(
    journal: SqliteJournal, events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
) -> Sequence[JournalRecord]:
    return _COMMIT(journal, events, claim_at=claim_at)


# -- the gateway -----------------------------------------------------------------------------------------------------


def _post_then_claim(worker: OrderWorker, command: SubmitOrder, ticket: Ticket) -> tuple[PostOutcome, int]:
    if not worker._broker.pace(urgent=command.reduce_only_proof, timeout_seconds=worker._pacing_deadline_seconds):
        return NotSent(text="no slot"), 0
    try:
        with worker.context.gate.start(ticket) as edge:
            outcome = worker._broker.place(command.order, on_sent=edge)
    except GateRefused as refused:
        return NotSent(text=str(refused)), 0
    try:
        worker._journal.claim(command.order.tag, worker._clock.now_ns())
    except JournalUnavailable:
        pass
    return outcome, 0


def _clock_read_before_pacing(worker: OrderWorker, command: SubmitOrder, ticket: Ticket) -> tuple[PostOutcome, int]:
    now = worker._clock.now_ns()
    if not worker._broker.pace(urgent=command.reduce_only_proof, timeout_seconds=worker._pacing_deadline_seconds):
        return NotSent(text="no slot"), 0
    try:
        claim = worker._journal.claim(command.order.tag, now)
    except JournalUnavailable as error:
        return NotSent(text=str(error)), 0
    if claim is None:
        return NotSent(text="too old"), 0
    try:
        with worker.context.gate.start(ticket) as edge:
            return worker._broker.place(command.order, on_sent=edge), claim.seq
    except GateRefused as refused:
        return NotSent(text=str(refused)), claim.seq


# -- the order supervisor --------------------------------------------------------------------------------------------


def _resend_what_is_absent(supervisor: OrderSupervisor, read: OrderBookRead) -> None:
    _BOOK_READ(supervisor, read)
    if read.error:
        return
    shown = {tag for row in read.orders for tag in row.tags}
    for record in supervisor._unresolved():
        if record.tag not in shown:
            order = SubmitOrder(record.order, record.intent.strategy, record.intent.reduce_only, 1 << 62)
            supervisor.context.tell(gateway_entry(0), order)


def _claim_what_is_unresolved(journal: SqliteJournal, tag: str, now: Nanos) -> JournalRecord | None:
    record = journal.record(tag)
    if record is not None and record.state is OrderState.QUARANTINED:
        return JournalRecord(seq=journal.last_seq(), event=SendingClaimed(tag=tag, time=now))
    return _CLAIM(journal, tag, now)


def _absent_means_rejected(supervisor: OrderSupervisor, read: OrderBookRead) -> None:
    _BOOK_READ(supervisor, read)
    if read.error:
        return
    shown = {tag for row in read.orders for tag in row.tags}
    for record in supervisor._unresolved():
        if record.tag not in shown:
            event = OrderRejected(record.tag, "", record.intent.strategy, "not in the book", supervisor._clock.now_ns())
            supervisor._commit([event])


def _restart_forgets_sent(record: OrderRecord, now: Nanos) -> list[JournalEvent]:
    if record.state in (OrderState.INTENT, OrderState.SENDING):
        return [IntentExpired(record.tag, record.intent.intent_id, record.intent.strategy, "restart", now)]
    return []


def _commit_and_keep_quiet(supervisor: OrderSupervisor, events: Sequence[JournalEvent]) -> bool:
    if not events:
        return True
    records = [JournalRecord(seq=supervisor._journal.last_seq() + 1 + n, event=event) for n, event in enumerate(events)]
    supervisor._tell(records)  # told first
    try:
        supervisor._journal.commit(events)
    except JournalUnavailable:
        return False
    return True


def _closed_at_first_word(
    record: OrderRecord, events: Sequence[JournalEvent], now: Nanos, text: str
) -> list[JournalEvent]:
    out = _WITH_CLOSING(record, events, now, text)
    after = record
    for event in out:
        after = _FOLD(after, event) or after
    if after.state is OrderState.ACKNOWLEDGED and after.seen_status.terminal:
        state = OrderState.COMPLETE if after.seen_status is BrokerStatus.COMPLETE else OrderState.CANCELLED
        strategy = after.intent.strategy
        out.append(OrderClosed(after.tag, after.order_id, strategy, state, after.booked, text, now))
    return out


def _fold_at_face_value(record: OrderRecord | None, event: JournalEvent) -> OrderRecord | None:
    if record is None or not isinstance(event, FillSeen):
        return _FOLD(record, event)
    reopened = not event.status.terminal and record.state in (OrderState.COMPLETE, OrderState.CANCELLED)
    state = OrderState.ACKNOWLEDGED if reopened else record.state
    return replace(record, state=state, filled_seen=event.filled, seen_status=event.status)


def _newest(known: BrokerStatus, news: BrokerStatus) -> BrokerStatus:
    return news


# -- readers ---------------------------------------------------------------------------------------------------------


def _feed_without_seq(reader: JournalReader, record: JournalRecord) -> None:
    if record.seq > reader.last_seq + 1:
        reader.catch_up(record.seq - 1)
    reader._take(record)


def _feed_without_gap(reader: JournalReader, record: JournalRecord) -> None:
    if record.seq > reader.last_seq:
        reader._take(record)


def _publish_conflating(routes: ShardRoutes, sender: Any, message: object) -> None:  # noqa: ANN401 - a Sender
    if isinstance(message, JournalRecord):
        for name in ROUTES[JournalRecord].to(routes.topology, message):
            sender.tell(name, message, key="record")
    else:
        _PUBLISH(routes, sender, message)


def _publish_twice(routes: ShardRoutes, sender: Any, message: object) -> None:  # noqa: ANN401 - a Sender
    _PUBLISH(routes, sender, message)
    if isinstance(message, JournalRecord):
        _PUBLISH(routes, sender, message)


# -- risk ------------------------------------------------------------------------------------------------------------


def _hold_nothing(book: RiskBook, intent: object, margin: int, now: Nanos) -> None:
    return


def _release_nothing(book: RiskBook, intent_id: str, approved: Nanos) -> bool:
    return False


def _expire_nothing(book: RiskBook, now: Nanos) -> list[str]:
    return []


# -- the runtime -----------------------------------------------------------------------------------------------------


def _revoke_nothing(cell: Cell, lease: Any, policy: Any, error: Any) -> None:  # noqa: ANN401 - as in Cell
    _REVOKE(cell, lease, policy, error)
    lease.revoked = False


def _tear_off(supervisor: Supervisor, child: Node, failure: Failure | None) -> None:
    child.wanted = False  # it failed, and nobody starts it again
    _RESTART(supervisor, child, failure)


_CHECK: Final = Gate._check
_COMMIT: Final = SqliteJournal.commit
_CLAIM: Final = SqliteJournal.claim
_BOOK_READ: Final = OrderSupervisor._book_read
_PUBLISH: Final = ShardRoutes.publish
_REVOKE: Final = Cell.revoke
_RESTART: Final = Supervisor._restart
_FOLD: Final = transitions_module.fold
_WITH_CLOSING: Final = updates_module._with_closing

MUTANTS: Final = (
    Mutant(
        "no fence",
        "a hung incarnation that wakes up may still act",
        ((Gate, "_check", _check_without_fence), (Gate, "fence", _fence_nothing)),
        shown_by=("hang", "crowded", "unfilled", "operator"),
    ),
    Mutant(
        "gate checked only once",
        "an effect is checked when it registers, not when it starts",
        ((Gate, "start", _start_unchecked),),
        shown_by=("operator", "slow_disk", "crowded", "hang"),
    ),
    Mutant(
        "kill latch ignored",
        "the gate never looks at its level",
        ((Gate, "_check", _check_without_latch),),
        shown_by=("operator", "slow_disk", "crowded"),
    ),
    Mutant("no S record", "a claim leaves nothing on the disk", ((SqliteJournal, "claim", _claim_writes_nothing),)),
    Mutant(
        "claim not atomic",
        "a claim looks first and writes later",
        ((SqliteJournal, "claim", _claim_in_two_steps),),
        shown_by=("slow_disk", "crowded"),
    ),
    Mutant(
        "risk epoch ignored",
        "approvals of a former risk gate are journaled",
        ((SqliteJournal, "commit", _commit_any_epoch),),
        shown_by=("crash", "domino", "slow_disk"),
    ),
    Mutant(
        "journal after send",
        "an order is posted first and claimed afterwards",
        ((OrderWorker, "_claim_and_post", _post_then_claim),),
    ),
    Mutant(
        "clock read twice",
        "a claim is judged by a time read before the wait for its turn",
        ((OrderWorker, "_claim_and_post", _clock_read_before_pacing),),
        shown_by=("crowded",),
    ),
    Mutant(
        "resend if absent",
        "an unresolved order that the book does not show is posted again",
        ((OrderSupervisor, "_book_read", _resend_what_is_absent), (SqliteJournal, "claim", _claim_what_is_unresolved)),
        shown_by=("request_lost", "late_order"),
    ),
    Mutant(
        "taken back after it was taken up",
        "a claim that a worker took up still counts as one that nobody did",
        ((SqliteJournal, "withdraw", _withdraw_anything),),
        shown_by=("hang", "slow_network", "crash"),
    ),
    Mutant(
        "absent means rejected",
        "an unresolved order that the book does not show is given up",
        ((OrderSupervisor, "_book_read", _absent_means_rejected),),
        shown_by=("late_order", "reply_lost"),
    ),
    Mutant(
        "restart forgets what was sent",
        "after a restart S counts as unsent",
        ((orders_module, "after_restart", _restart_forgets_sent),),
        shown_by=("kill", "reply_lost", "slow_network"),
    ),
    Mutant(
        "told before it is durable",
        "records are told, then committed",
        ((OrderSupervisor, "_commit", _commit_and_keep_quiet),),
        shown_by=("disk_full", "kill"),
    ),
    Mutant(
        "closed before its trades",
        "an order ends with its first terminal update",
        ((updates_module, "_with_closing", _closed_at_first_word),),
        shown_by=("partial_fill",),
    ),
    Mutant(
        "update order ignored",
        "an order's state follows whichever update came last",
        (
            (journal_module, "fold", _fold_at_face_value),
            (updates_module, "fold", _fold_at_face_value),
            (updates_module, "further", _newest),
        ),
        shown_by=("update_overtaken", "update_doubled", "partial_fill"),
    ),
    Mutant(
        "seq ignored on rebuild",
        "a record that was applied is applied again",
        ((JournalReader, "feed", _feed_without_seq),),
        shown_by=("crash", "domino"),
    ),
    Mutant(
        "conflating fills",
        "a newer record replaces an older one in the mailbox, and the gap is not read",
        ((ShardRoutes, "publish", _publish_conflating), (JournalReader, "feed", _feed_without_gap)),
    ),
    Mutant("double fan-out", "every record is told twice", ((ShardRoutes, "publish", _publish_twice),)),
    Mutant(
        "hold not released",
        "an approval that came to nothing keeps its hold",
        ((RiskBook, "release", _release_nothing), (RiskBook, "expire_holds", _expire_nothing)),
        shown_by=("crash", "disk_full"),
    ),
    Mutant("hold released early", "an approval counts only once it is journaled", ((RiskBook, "hold", _hold_nothing),)),
    Mutant(
        "lease not revoked",
        "an incarnation that is over still takes messages",
        ((Cell, "revoke", _revoke_nothing),),
        shown_by=("crash", "hang"),
    ),
    Mutant(
        "left down",
        "a child that failed is not started again",
        ((Supervisor, "_restart", _tear_off),),
        shown_by=("crash",),
    ),
)
"""In the order of the page: gate, journal, gateway, order supervisor, readers, risk, runtime."""
