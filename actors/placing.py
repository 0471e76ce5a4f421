"""The order supervisor's part for orders on their way: an approval becomes orders, each goes to a worker once, or ends.

The thinking is in domain/orders/placing. What is handed out and not heard of again is quarantined after its deadline.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from actors.desk import HAND_OUT_AGAIN_SECONDS, Desk
from actors.routes import gateway_entry
from domain.errors import DuplicateIntent, JournalUnavailable, StaleApproval
from domain.messages.journal import (
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    JournalRecord,
    OrderQuarantined,
    OrderRecord,
    OrderRejected,
    OrderState,
)
from domain.messages.orders import ApprovedIntent, SubmitOrder
from domain.orders.placing import PlacingSettings, accepted, is_slice_last, siblings
from domain.orders.watch import overdue_intents, overdue_sends, unclaimed_exits
from domain.values import Nanos


class Placing:
    """settings        by the version of the configuration that an intent was decided under

    entry_workers          how many workers post entries
    send_deadline_seconds  a claimed order without an outcome for so long (wall) is unresolved
    tell                   tell records that were committed
    has_ended              whether a decision that is carried out in parts is over
    """

    def __init__(
        self,
        desk: Desk,
        settings: Callable[[int], PlacingSettings],
        entry_workers: int,
        send_deadline_seconds: float,
        tell: Callable[[Sequence[JournalRecord]], None],
        has_ended: Callable[[str], bool],
    ) -> None:
        self._desk = desk
        self._settings = settings
        self._entry_workers = entry_workers
        self._deadline_seconds = send_deadline_seconds
        self._tell = tell
        self._has_ended = has_ended
        self._next_worker = 0
        self._sent: dict[str, Nanos] = {}
        self._entry_workers_of: dict[str, int] = {}

    def accept(self, approved: ApprovedIntent) -> None:
        """Commit every order of it at once, then hand them out.

        An entry in one piece is claimed in the same commit where the worker that gets it has nothing to do: that spares
        it a wait for the disk. Not an exit: one whose worker fails before it takes the claim up is handed out again.
        """
        desk, intent, now = self._desk, approved.intent, self._desk.now()
        if desk.refuse_again(intent.intent_id, intent.strategy, approved.approved_time):
            return
        if self._has_ended(intent.parent):
            # It was asked for by a former life of whoever carried the decision out, and overtaken by its end.
            desk.context.log("info", "order.of_an_ended_decision", intent=intent.intent_id, strategy=intent.strategy)
            desk.void(intent.intent_id, intent.strategy, approved.approved_time, f"{intent.parent} has ended")
            return
        try:
            orders = accepted(approved, self._settings(intent.config_version), now)
        except ValueError as error:
            self._void(approved, str(error), "order.no_limit_price")
            return
        try:
            ahead = len(orders) == 1 and not intent.reduce_only and self._is_next_idle()
            claim_at = desk.now() if ahead else 0
            records = desk.journal.commit(orders, risk_epoch=approved.risk_epoch, claim_at=claim_at)
            # Claims are told by nobody: readers find them in the journal.
            self._tell(records[: len(orders)])
        except DuplicateIntent as error:
            desk.context.log("info", "order.duplicate_intent", intent=intent.intent_id, why=str(error))
            return
        except StaleApproval as error:
            why = str(error)
            desk.commit(
                [IntentExpired(tag="", intent_id=intent.intent_id, strategy=intent.strategy, why=why, time=now)]
            )
            return
        except JournalUnavailable as error:
            self._void(approved, str(error), "journal.unavailable")
            return
        for each in reversed(orders):
            self.submit(each)

    def submit(self, order: IntentAccepted | OrderRecord) -> None:
        """Hand a journaled order to a worker."""
        intent, context = order.intent, self._desk.context
        command = SubmitOrder(
            order=order.order,
            strategy=intent.strategy,
            reduce_only_proof=intent.reduce_only,
            valid_until=intent.valid_until,
        )
        # Exits have workers of their own, which never wait behind entries. Slices stay in their order.
        if intent.reduce_only:
            context.tell(self._desk.routes.topology.exit_worker(intent.instrument), command)
        else:
            context.tell(gateway_entry(self._next_worker), command)
            self._entry_workers_of[order.tag] = self._next_worker
            if is_slice_last(intent):
                self._next_worker = (self._next_worker + 1) % self._entry_workers
        self._sent[order.tag] = self._desk.mono()

    def heard(self, tag: str, events: Sequence[JournalEvent]) -> None:
        """A worker said what came of it."""
        self._forget(tag)
        self.stop_slices(events)

    def may_be_out(self, tag: str, since: Nanos) -> None:
        """Found at a start: some worker may have had it since (monotonic; 0: it is overdue at once)."""
        self._sent[tag] = since

    def stop_slices(self, events: Sequence[JournalEvent]) -> None:
        """An entry whose slice was refused or is unresolved goes no further: its other slices would fare no better."""
        for event in events:
            if not isinstance(event, OrderRejected | OrderQuarantined):
                continue
            record = self._desk.journal.record(event.tag)
            if record is None or not record.intent.slice_of or record.intent.reduce_only:
                continue
            for other in siblings(record, tuple(self._desk.journal.open_records())):
                if other.state is OrderState.INTENT:
                    self.expire(other, self._desk.now(), f"slice {event.tag} of it was not taken")

    def look(self, open_records: Iterable[OrderRecord]) -> None:
        """End what was not claimed in time; quarantine what was, and was not heard of again."""
        desk, now = self._desk, self._desk.now()
        open_records = tuple(open_records)
        for record in open_records:
            if record.state is OrderState.SENDING:
                # Claimed for a former life of the order supervisor, say: nobody waits for its outcome yet.
                self._sent.setdefault(record.tag, desk.mono())
        for record in overdue_intents(open_records, now):
            if record.state is OrderState.INTENT or desk.journal.withdraw(record.tag):
                self.expire(record, now, "not sent while the decision was valid")
        for record in unclaimed_exits(open_records, now, self._sent, desk.mono(-HAND_OUT_AGAIN_SECONDS)):
            # Its worker failed before it claimed it, say. Whoever claims it first sends it; the other does nothing.
            desk.context.log("info", "order.handed_out_again", tag=record.tag, strategy=record.intent.strategy)
            self.submit(record)
        for record in overdue_sends(open_records, self._sent, desk.mono(-self._deadline_seconds)):
            if desk.journal.withdraw(record.tag):
                self.expire(record, now, "no worker took it up")
                continue
            text = "no outcome of the request became known"
            event = OrderQuarantined(tag=record.tag, strategy=record.intent.strategy, text=text, time=now)
            if desk.commit([event]):
                # Only then: on a full disk it stays overdue, and is tried again.
                self._forget(record.tag)
                self.stop_slices([event])
            desk.read_book_soon(0.0)

    def expire(self, record: OrderRecord, now: Nanos, why: str) -> None:
        """Where the journal takes this, the intent can no longer be claimed; where it was claimed, this is refused.

        Of an order that is SENDING the claim must have been withdrawn.
        """
        intent = record.intent
        expired = IntentExpired(
            tag=record.tag,
            intent_id=intent.intent_id,
            strategy=intent.strategy,
            why=why,
            time=now,
            # A worker may claim it while this waits for the disk: then it is on its way to the broker.
            was=record.state,
        )
        self._desk.commit([expired])
        after = self._desk.journal.record(record.tag)
        if after is None or after.state is not OrderState.SENDING:
            self._forget(record.tag)

    def _forget(self, tag: str) -> None:
        self._sent.pop(tag, None)
        self._entry_workers_of.pop(tag, None)

    def _is_next_idle(self) -> bool:
        """Whether the next entry's worker has none of ours: a guess, which only decides how long an order takes."""
        return self._next_worker not in self._entry_workers_of.values()

    def _void(self, approved: ApprovedIntent, why: str, alert: str) -> None:
        self._desk.void(approved.intent.intent_id, approved.intent.strategy, approved.approved_time, why)
        self._desk.alert(alert, why)
