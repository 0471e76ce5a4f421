"""The order supervisor's answers to a person: cancel these, and what became of an unresolved one.

The thinking is in domain/orders (`cancelling`, `resolving`); the supervisor alone commits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from actors.routes import Routes
from actors.runtime import Context
from domain.messages.broker import BrokerOrder
from domain.messages.journal import JournalEvent, OrderRecord, OrderState
from domain.messages.operator import Cancel, OperatorAnswered, OperatorRequest, Resolve
from domain.messages.orders import OrderBookRead
from domain.orders.cancelling import BY_HAND, cancellable, left_alone, why_none
from domain.orders.resolving import CannotResolve, booked_by_hand, must_be_unresolved, resolution
from domain.ports import Clock, Journal
from domain.values import Nanos


class Hands(NamedTuple):
    """What the order supervisor does for this.

    commit     make durable, then tell; False where the disk refuses
    cancel     ask the broker to cancel
    expire     end an order that was not claimed
    read_book  read the order book now; the number of the request
    updated    take in one row of the broker's, found by
    """

    commit: Callable[[Sequence[JournalEvent]], bool]
    cancel: Callable[[OrderRecord, str], None]
    expire: Callable[[OrderRecord, Nanos, str], None]
    read_book: Callable[[], int]
    updated: Callable[[BrokerOrder, str], None]


class ByHand:
    """Answers each request once.

    quarantine  so long (market time) nobody may call an unresolved order absent
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        quarantine: Nanos,
        hands: Hands,
    ) -> None:
        self._context = context
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._quarantine = quarantine
        self._hands = hands
        self._findings: dict[int, tuple[OperatorRequest, Resolve]] = {}

    def take(self, request: OperatorRequest) -> None:
        """Cancel at once; a finding is judged when the order book has been read."""
        match request.command:
            case Cancel() as command:
                self._cancel(request.id, command)
            case Resolve() as finding:
                self._look_into(request, finding)
            case _:
                pass  # the risk gate's

    def judge(self, read: OrderBookRead) -> None:
        """Hold the finding that asked for this reading against it. Call it when the reading has been taken in."""
        if read.request not in self._findings:
            return
        request, finding = self._findings.pop(read.request)
        try:
            self._make_so(request, finding, read)
        except CannotResolve as refusal:
            self._answer(request.id, str(refusal), done=False)
            return
        found = f"order {finding.order_id}" if finding.order_id else "absent"
        self._answer(request.id, f"{finding.tag} is resolved: {found}", done=True, tags=(finding.tag,))

    def _cancel(self, request: int, command: Cancel) -> None:
        open_records, now = self._journal.open_records(), self._clock.now_ns()
        refusal = why_none(command, self._journal.record(command.tag))
        if refusal is not None:
            self._answer(request, refusal, done=False)
            return
        wanted = cancellable(command, open_records)
        for record in wanted:
            if record.state is OrderState.INTENT:
                self._hands.expire(record, now, f"cancelled by a person: {command.why}")
            else:
                self._hands.cancel(record, f"{BY_HAND}{command.why}")
        text = f"{len(wanted)} being cancelled" if wanted else "nothing rests that could be cancelled"
        left = left_alone(command, open_records)
        tags = tuple(record.tag for record in wanted)
        self._answer(request, f"{text}; {left}" if left else text, done=True, tags=tags)

    def _look_into(self, request: OperatorRequest, finding: Resolve) -> None:
        try:
            must_be_unresolved(finding.tag, self._journal.record(finding.tag))
        except CannotResolve as refusal:
            self._answer(request.id, str(refusal), done=False)
            return
        # One that was asked for before the person looked would prove nothing.
        self._findings[self._hands.read_book()] = (request, finding)

    def _make_so(self, request: OperatorRequest, finding: Resolve, read: OrderBookRead) -> None:
        if read.error:
            raise CannotResolve(f"the broker's order book cannot be read now: {read.error}")
        owner = self._journal.record_of(finding.order_id) if finding.order_id else None
        record, now = self._journal.record(finding.tag), self._clock.now_ns()
        by_hand = booked_by_hand(read.trades, self._journal.trade_ids(""))
        events = resolution(finding, request.who, record, owner, read.orders, self._quarantine, now, by_hand)
        if not self._hands.commit(events):
            raise CannotResolve("nothing can be made durable now")
        for row in read.orders:
            if row.order_id == finding.order_id:
                # Its fills as well: their trades are read next.
                self._hands.updated(row, "operator")

    def _answer(self, request: int, text: str, *, done: bool, tags: tuple[str, ...] = ()) -> None:
        self._routes.publish(self._context, OperatorAnswered(request, done, text, tags))
