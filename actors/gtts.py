"""The order supervisor's part for GTTs: requested, claimed, placed; looked for in the list; fired orders adopted.

The thinking is in domain/orders/gtt. While one may rest at the broker the list is read, oftener while something is
open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from msgspec.structs import replace

from actors.desk import HAND_OUT_AGAIN_SECONDS, Desk
from actors.trades import ANSWER_PATIENCE_SECONDS
from domain.errors import DuplicateIntent, JournalUnavailable, StaleApproval
from domain.messages.broker import BrokerOrder, NotSent, Rejected, Unresolved
from domain.messages.gtt import (
    ApprovedGtt,
    ApprovedGttModify,
    ChangeGtt,
    DeleteGtt,
    GttChangePosted,
    GttChangeRequested,
    GttDeletePosted,
    GttDeleteRequested,
    GttExpired,
    GttPosted,
    GttRecord,
    GttRequested,
    GttsRead,
    GttState,
    GttTriggered,
    ReadGtts,
    SubmitGtt,
)
from domain.messages.journal import JournalRecord
from domain.messages.orders import CancelIntent
from domain.orders.gtt import accept, after_gtt_change, after_gtt_post, after_list, after_restart_gtt
from domain.values import SECOND, Nanos

READ_SECONDS: Final = 10.0
"""How often (wall) the list is read while a GTT of ours rests."""

OPEN_SECONDS: Final = 2.0
"""And while one is unresolved, being changed or deleted, or an order without a tag has appeared."""

SEND_DEADLINE_SECONDS: Final = 15.0


class Gtts:
    """quarantine  so long (market time) an unresolved GTT may still turn up in the list

    tell        tell records that were committed
    """

    def __init__(self, desk: Desk, quarantine: Nanos, tell: Callable[[Sequence[JournalRecord]], None]) -> None:
        self._desk = desk
        self._quarantine = quarantine
        self._tell = tell
        # Numbers of its own for each life, as the supervisor's reads have.
        self._request = desk.context.incarnation * 1_000_000
        self._due: Nanos = 0
        self._awaited_until: Nanos = 0
        self._sent: dict[str, Nanos] = {}
        self._asked: dict[str, Nanos] = {}

    def started(self) -> None:
        """Conclude what a restart allows; the list decides the rest."""
        desk = self._desk
        for record in desk.journal.gtts():
            if desk.context.incarnation == 1:
                desk.commit(after_restart_gtt(record, desk.now()))
            elif not record.state.final:
                self._sent[record.tag] = desk.mono()

    def take(
        self, message: ApprovedGtt | ApprovedGttModify | GttPosted | GttChangePosted | GttDeletePosted | GttsRead
    ) -> None:
        """What the supervisor is told of GTTs."""
        match message:
            case ApprovedGtt():
                self.place(message)
            case ApprovedGttModify():
                self.change(message)
            case GttPosted():
                self.posted(message)
            case GttChangePosted():
                self.change_posted(message)
            case GttDeletePosted():
                self.delete_posted(message)
            case GttsRead():
                self.read(message)

    # -- what is asked for -----------------------------------------------------------------------------------------

    def place(self, approved: ApprovedGtt) -> None:
        """I, then a worker."""
        desk, intent = self._desk, approved.intent
        if desk.refuse_again(intent.intent_id, intent.strategy, approved.approved_time):
            return
        event = accept(approved, desk.now())
        try:
            self._tell(desk.journal.commit((event,), risk_epoch=approved.risk_epoch))
        except DuplicateIntent as error:
            desk.context.log("info", "gtt.duplicate_intent", intent=intent.intent_id, why=str(error))
            return
        except (StaleApproval, JournalUnavailable) as error:
            self._void(intent.intent_id, approved, str(error))
            return
        self._hand_out(event)

    def change(self, approved: ApprovedGttModify) -> None:
        """Journal the new definition, then put it; it is put again until the list shows it."""
        desk, intent = self._desk, approved.intent
        if desk.refuse_again(intent.modify_id, intent.strategy, approved.approved_time):
            return
        record = desk.journal.gtt(intent.tag)
        why = _why_not(record, intent.strategy, intent.tag)
        if record is None or why:
            self._void(intent.modify_id, approved, why)
            return
        gtt = replace(record.gtt, legs=intent.legs, last_price=intent.reference_price)
        event = GttChangeRequested(record.tag, intent.strategy, gtt, intent.why, desk.now())
        if not desk.commit([event]):
            self._void(intent.modify_id, approved, "nothing can be made durable now")
            return
        self._put(replace(record, wanted=gtt))

    def delete(self, intent: CancelIntent) -> None:
        """It is to go: asked of the broker until the list shows it gone. An unsent one just ends."""
        desk = self._desk
        record = desk.journal.gtt(intent.tag)
        if record is None or record.intent.strategy != intent.strategy or record.state.final or record.deleting:
            return
        if record.state is GttState.REQUESTED:
            desk.commit([GttExpired(record.tag, intent.strategy, intent.why, desk.now(), record.state)])
        elif record.state is GttState.PLACED:
            # Where the disk refuses it is deleted all the same: that makes nothing worse.
            desk.commit([GttDeleteRequested(record.tag, intent.strategy, intent.why, desk.now())])
            self._delete(record)

    # -- what is told ----------------------------------------------------------------------------------------------

    def posted(self, posted: GttPosted) -> None:
        """What came of a POST."""
        desk = self._desk
        record = desk.journal.gtt(posted.tag)
        if record is None:
            return
        if isinstance(posted.outcome, NotSent) and not posted.claimed and record.state is not GttState.REQUESTED:
            return  # handed out twice: what becomes of it is told by whoever claimed it
        if not desk.commit(after_gtt_post(record, posted.outcome, desk.now())):
            desk.context.after(1.0, posted)
            return
        self._sent.pop(posted.tag, None)
        if isinstance(posted.outcome, Rejected):
            desk.alert("gtt.refused", f"a GTT of {record.intent.strategy} was refused: {posted.outcome.text}")
        if isinstance(posted.outcome, Unresolved):
            text = f"a GTT of {record.intent.strategy} is unresolved: {posted.outcome.text}"
            desk.alert("gtt.unresolved", text)
            self._read_soon()

    def change_posted(self, posted: GttChangePosted) -> None:
        """What came of a PUT."""
        record = self._desk.journal.gtt(posted.tag)
        if record is None:
            return
        self._desk.commit(after_gtt_change(record, posted.gtt, posted.outcome, self._desk.now()))
        self._read_soon()

    def delete_posted(self, posted: GttDeletePosted) -> None:
        """What came of a DELETE: the list tells, for it may have fired first."""
        outcome = type(posted.outcome).__name__
        self._desk.context.log("info", "gtt.delete_answered", tag=posted.tag, outcome=outcome)
        self._read_soon()

    def read(self, read: GttsRead) -> None:
        """The broker's list."""
        desk = self._desk
        self._awaited_until = 0
        if read.error:
            desk.context.log("warning", "gtt.list_unread", why=read.error)
            return
        records = desk.journal.gtts()
        known = frozenset(record.trigger_id for record in records if record.trigger_id)
        events = after_list(records, read.rows, known, self._quarantine, desk.now())
        if not events or not desk.commit(events):
            return
        for event in events:
            if isinstance(event, GttTriggered):
                if not event.order_id:
                    text = f"GTT {event.trigger_id} of {event.strategy} fired, its order was refused: {event.text}"
                    desk.alert("gtt.order_refused", text)
                # Its fills may have come before it was known whose they are.
                desk.read_book_soon(0.0)

    def unknown_order(self, row: BrokerOrder) -> None:
        """An order that nobody knows: a GTT of ours may have fired it."""
        resting = (r for r in self._desk.journal.gtts() if r.state in (GttState.PLACED, GttState.UNRESOLVED))
        if any((r.gtt.exchange, r.gtt.symbol) == (row.exchange, row.symbol) for r in resting):
            self._read_soon(0.0)

    # -- time ------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the list when it is due; ask again for what has shown no effect."""
        desk, mono = self._desk, self._desk.mono()
        records = [record for record in desk.journal.gtts() if not record.state.final]
        if not records:
            return
        open_ones = False
        for record in records:
            open_ones = open_ones or record.state is GttState.UNRESOLVED or record.deleting or bool(record.wanted)
            sent = self._sent.get(record.tag)
            unclaimed = sent is not None and mono - sent > HAND_OUT_AGAIN_SECONDS * SECOND
            if record.state is GttState.REQUESTED and record.intent.valid_until <= desk.now():
                why = "not sent while the decision was valid"
                desk.commit([GttExpired(record.tag, record.intent.strategy, why, desk.now(), record.state)])
            elif record.state is GttState.REQUESTED and unclaimed:
                # Its worker failed before it claimed it, say. Whoever claims it first sends it; the other does nothing.
                desk.context.log("info", "gtt.handed_out_again", tag=record.tag, strategy=record.intent.strategy)
                self._hand_out(record)
            if record.state is GttState.SENDING and sent is not None and mono - sent > SEND_DEADLINE_SECONDS * SECOND:
                self.posted(GttPosted(record.tag, Unresolved("no outcome of the request became known"), claimed=True))
            if record.state is GttState.PLACED and self._asked.get(record.tag, 0) <= mono:
                if record.deleting:
                    self._delete(record)
                elif record.wanted is not None:
                    self._put(record)
        if open_ones:
            self._read_soon()
        if mono >= self._due and mono >= self._awaited_until:
            self._due = desk.mono(READ_SECONDS)
            self._awaited_until = desk.mono(ANSWER_PATIENCE_SECONDS)
            self._request += 1
            desk.routes.publish(desk.context, ReadGtts(request=self._request))

    def _read_soon(self, seconds: float = OPEN_SECONDS) -> None:
        self._due = min(self._due, self._desk.mono(seconds))

    def _hand_out(self, asked: GttRequested | GttRecord) -> None:
        desk = self._desk
        self._sent[asked.tag] = desk.mono()
        command = SubmitGtt(tag=asked.tag, gtt=asked.gtt, valid_until=asked.intent.valid_until)
        desk.routes.publish(desk.context, command)

    def _put(self, record: GttRecord) -> None:
        assert record.wanted is not None, "there is something to put"
        desk = self._desk
        self._asked[record.tag] = desk.mono(3 * OPEN_SECONDS)
        command = ChangeGtt(tag=record.tag, trigger_id=record.trigger_id, gtt=record.wanted)
        desk.routes.publish(desk.context, command)

    def _delete(self, record: GttRecord) -> None:
        self._asked[record.tag] = self._desk.mono(3 * OPEN_SECONDS)
        command = DeleteGtt(record.tag, record.trigger_id, record.intent.instrument)
        self._desk.routes.publish(self._desk.context, command)

    def _void(self, intent_id: str, approved: ApprovedGtt | ApprovedGttModify, why: str) -> None:
        self._desk.context.log("warning", "gtt.void", intent=intent_id, why=why)
        self._desk.void(intent_id, approved.intent.strategy, approved.approved_time, why)


def _why_not(record: GttRecord | None, strategy: str, tag: str) -> str:
    if record is None or record.intent.strategy != strategy:
        return f"{strategy} has no GTT with the tag {tag}"
    if record.state is not GttState.PLACED or record.deleting:
        return f"GTT {tag} does not rest, or is being deleted"
    return f"GTT {tag} is being changed already" if record.wanted is not None else ""
