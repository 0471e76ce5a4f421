"""The order supervisor's part for orders that rest: modifications, cancels, and cancel-replace.

The thinking is in domain/orders/changing. What is asked for is journaled first; a cancel goes out even where the disk
refuses, since it makes nothing worse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from actors.desk import HAND_OUT_AGAIN_SECONDS, Desk
from actors.routes import gateway_entry
from domain.messages.broker import Accepted, BrokerOrder, NotSent, Unresolved
from domain.messages.journal import (
    Modification,
    ModifyRequested,
    ModifyState,
    ModifyUnresolved,
    OrderRecord,
    OrderState,
)
from domain.messages.orders import (
    ApprovedModify,
    CancelIntent,
    CancelOrder,
    CancelPosted,
    ModifyOrder,
    ModifyPosted,
)
from domain.orders.changing import (
    CannotChange,
    after_cancel,
    after_modify,
    after_row,
    cancel_requested,
    dropped,
    must_rest,
    requested,
)
from domain.values import SECOND, Nanos

ASK_AGAIN_SECONDS: Final = (2.0, 4.0, 8.0, 16.0, 30.0)
"""Wall seconds until a cancel that has shown no effect is asked for again."""

ROW_PATIENCE_SECONDS: Final = 3.0
"""A row asked for so long (wall) after an accepted modification, and showing the order as it was, is a refusal."""


class Changing:
    """quarantine            so long (market time) an unresolved modification may still come about

    send_deadline_seconds  a claimed modification without an outcome for so long (wall) is unresolved
    """

    def __init__(self, desk: Desk, quarantine: Nanos, send_deadline_seconds: float) -> None:
        self._desk = desk
        self._quarantine = quarantine
        self._deadline = int(send_deadline_seconds * SECOND)
        self._claimed: dict[tuple[str, int], Nanos] = {}  # (tag, number) -> when it was first seen as claimed
        self._handed: dict[tuple[str, int], Nanos] = {}  # (tag, number) -> when it was handed out, or first seen
        self._asked: dict[str, tuple[Nanos, int]] = {}  # tag -> when a cancel is asked for again, how often it was
        # (tag, number) -> the last read asked for before the change was taken, when it was taken
        self._taken: dict[tuple[str, int], tuple[int, Nanos]] = {}

    def take(self, message: ApprovedModify | ModifyPosted | CancelPosted, last_request: int) -> None:
        """What the supervisor is told of changes. last_request: the newest read of the order book asked for so far."""
        match message:
            case ApprovedModify():
                self.modify(message)
            case ModifyPosted():
                self.posted(message, last_request)
            case CancelPosted():
                self.cancel_posted(message)

    # -- modifications ---------------------------------------------------------------------------------------------

    def modify(self, approved: ApprovedModify) -> None:
        """Journal the change, then hand it to a worker; or cancel first, where the broker takes no more changes."""
        desk, intent = self._desk, approved.intent
        if desk.refuse_again(intent.modify_id, intent.strategy, approved.approved_time):
            return
        record = desk.journal.record(intent.tag)
        try:
            event = requested(record, approved, desk.now())
        except CannotChange as refusal:
            self._void(approved, str(refusal))
            return
        assert record is not None, "only a known order can be changed"
        if not desk.commit([event]):
            self._void(approved, "nothing can be made durable now")
            return
        if event.replacing:
            self.cancel(record, "the broker takes no more modifications: it is placed anew")
            return
        self._hand_out(record, event)

    def posted(self, posted: ModifyPosted, last_request: int) -> None:
        """What came of a PUT. last_request: the newest read of the order book asked for so far."""
        desk = self._desk
        record = desk.journal.record(posted.tag)
        if record is None:
            return
        under_way = record.modifying
        untouched = isinstance(posted.outcome, NotSent) and not posted.claimed
        if untouched and under_way is not None and under_way.state is not ModifyState.REQUESTED:
            return  # handed out twice: what becomes of it is told by whoever claimed it
        events = after_modify(record, posted.number, posted.outcome, desk.now())
        if not desk.commit(events):
            # Told this once, like a refusal of a POST: keep it until it can be made durable.
            desk.context.after(1.0, posted)
            return
        if isinstance(posted.outcome, Accepted):
            # Of this change alone: a row may have concluded it before, and says nothing of the next one.
            self._taken[posted.tag, posted.number] = last_request, desk.mono()
        if isinstance(posted.outcome, Accepted | Unresolved):
            desk.read_book_soon(ROW_PATIENCE_SECONDS)

    def row(self, record: OrderRecord, row: BrokerOrder, found_by: str, request: int) -> OrderRecord | None:
        """Hold a row against the change under way: the record after it. request: the read that brought the row; 0: an
        update. None where the disk refuses what the row proves: then nothing else may be concluded from this row, or
        the order would end without it.
        """
        desk = self._desk
        conclusive = bool(request) and self._is_conclusive(record, request)
        events = after_row(record, row, desk.now(), found_by, conclusive=conclusive)
        if not events:
            return record
        return desk.journal.record(record.tag) if desk.commit(events) else None

    # -- cancels ---------------------------------------------------------------------------------------------------

    def cancel_of(self, intent: CancelIntent) -> None:
        """A strategy withdraws an order of its own."""
        desk = self._desk
        try:
            record = must_rest(intent.strategy, intent.tag, desk.journal.record(intent.tag))
        except CannotChange as refusal:
            desk.context.log("info", "order.cancel_idle", tag=intent.tag, strategy=intent.strategy, why=str(refusal))
            return
        self.cancel(record, intent.why)

    def cancel(self, record: OrderRecord, why: str) -> None:
        """Ask the broker to cancel, unless it was asked just now."""
        desk = self._desk
        due, times = self._asked.get(record.tag, (0, 0))
        if record.state is not OrderState.ACKNOWLEDGED or due > desk.mono():
            return
        for _ in range(2):
            # Where the disk refuses, the order is withdrawn all the same; an alert has been told. Where a worker has
            # claimed a change meanwhile, which is then not dropped, the second look knows.
            desk.commit(cancel_requested(record, why, desk.now()))
            record = desk.journal.record(record.tag) or record
            if record.cancel_why:
                break
        self._asked[record.tag] = desk.mono(ASK_AGAIN_SECONDS[min(times, len(ASK_AGAIN_SECONDS) - 1)]), times + 1
        desk.context.log("info", "order.cancelling", tag=record.tag, order_id=record.live_id, why=why)
        parent = desk.journal.record(record.parent) if record.parent else None
        desk.routes.publish(
            desk.context,
            CancelOrder(
                tag=record.tag,
                order_id=record.live_id,
                variety=record.order.variety,
                parent_order_id="" if parent is None else parent.order_id,
                instrument=record.intent.instrument,
            ),
        )

    def cancel_posted(self, posted: CancelPosted) -> None:
        """What came of a DELETE: the order's row tells what became of it."""
        desk = self._desk
        text = "" if isinstance(posted.outcome, Accepted) else posted.outcome.text
        outcome = type(posted.outcome).__name__
        desk.context.log("info", "order.cancel_answered", tag=posted.tag, outcome=outcome, text=text)
        record = desk.journal.record(posted.tag)
        if record is not None:
            desk.commit(after_cancel(record, posted.outcome, desk.now()))
        if not isinstance(posted.outcome, NotSent):
            desk.read_book_soon(1.0)

    # -- time ------------------------------------------------------------------------------------------------------

    def look(self, open_records: Iterable[OrderRecord]) -> None:
        """Ask again for cancels without effect; drop changes that came too late, name those that are lost."""
        desk, now = self._desk, self._desk.now()
        resting, claimed, under_ways = set(), set(), set()
        for record in open_records:
            resting.add(record.tag)
            if record.cancel_why and not record.seen_status.terminal:
                self.cancel(record, record.cancel_why)
            under_way = record.modifying
            if under_way is not None:
                under_ways.add((record.tag, under_way.number))
            late = under_way is not None and not under_way.replacing and under_way.valid_until <= now
            if late and under_way is not None and under_way.state is ModifyState.REQUESTED:
                desk.commit(dropped(record, "not sent while the decision was valid", now))
            elif under_way is not None and under_way.state is ModifyState.REQUESTED:
                self._look_for_worker(record, under_way)
            if under_way is not None and under_way.state is ModifyState.CLAIMED:
                claimed.add((record.tag, under_way.number))
                self._look_for(record, under_way.number)
        self._claimed = {key: since for key, since in self._claimed.items() if key in claimed}
        self._handed = {key: since for key, since in self._handed.items() if key in under_ways}
        self._asked = {tag: asked for tag, asked in self._asked.items() if tag in resting}
        self._taken = {key: taken for key, taken in self._taken.items() if key in under_ways}

    def _look_for_worker(self, record: OrderRecord, asked: Modification) -> None:
        """Its worker may have failed before it claimed it. Whoever claims it first sends it; the other does nothing."""
        mono = self._desk.mono()
        since = self._handed.setdefault((record.tag, asked.number), mono)
        if asked.reduce_only and not asked.replacing and mono - since > HAND_OUT_AGAIN_SECONDS * SECOND:
            tag, strategy = record.tag, record.intent.strategy
            self._desk.context.log("info", "order.change_handed_out_again", tag=tag, strategy=strategy)
            self._hand_out(record, asked)

    def _look_for(self, record: OrderRecord, number: int) -> None:
        """The worker may have died with it: then nobody will say what came of it."""
        desk, mono = self._desk, self._desk.mono()
        if mono - self._claimed.setdefault((record.tag, number), mono) <= self._deadline:
            return
        text = "no outcome of the request became known"
        desk.commit([ModifyUnresolved(record.tag, number, record.intent.strategy, text, desk.now())])
        desk.read_book_soon(0.0)

    def _is_conclusive(self, record: OrderRecord, request: int) -> bool:
        under_way = record.modifying
        if under_way is None:
            return False
        asked_before, replied = self._taken.get((record.tag, under_way.number), (1 << 62, 0))
        if request > asked_before and self._desk.mono() - replied >= int(ROW_PATIENCE_SECONDS * SECOND):
            return True
        return self._desk.now() - under_way.since > self._quarantine

    def _hand_out(self, record: OrderRecord, asked: ModifyRequested | Modification) -> None:
        desk = self._desk
        parent = desk.journal.record(record.parent) if record.parent else None
        command = ModifyOrder(
            tag=record.tag,
            number=asked.number,
            order_id=record.order_id,
            variety=record.order.variety,
            change=asked.change,
            reduce_only_proof=asked.reduce_only,
            valid_until=asked.valid_until,
            parent_order_id="" if parent is None else parent.order_id,
        )
        self._handed[record.tag, asked.number] = desk.mono()
        exits = desk.routes.topology.exit_worker(record.intent.instrument)
        desk.context.tell(exits if asked.reduce_only else gateway_entry(0), command)

    def _void(self, approved: ApprovedModify, why: str) -> None:
        intent = approved.intent
        self._desk.context.log("info", "order.modify_void", tag=intent.tag, strategy=intent.strategy, why=why)
        self._desk.void(intent.modify_id, intent.strategy, approved.approved_time, why)
