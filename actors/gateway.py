"""The workers that speak HTTP to the broker. Each owns its connection; what waits on the network waits only here.

A POST, in order: register with the Gate, wait for the pacer, claim the tag in the journal (I -> S, durable), pass the
Gate's second check as the request starts, post once, tell the order supervisor what came of it. The outcome is a fact
and is told whatever became of this incarnation meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from actors.routes import Routes
from actors.runtime import Actor, Context, EffectKind, GateRefused, Ticket
from domain.errors import BrokerError, BrokerRefusal, JournalUnavailable, LoginNeeded, NotPermitted
from domain.messages.broker import CancelOutcome, NotSent, PostOutcome, Rejected
from domain.messages.control import Alert, SessionLost
from domain.messages.figures import CostsRead, LimitsRead, MarginsRead, ReadCosts, ReadLimits, ReadMargins
from domain.messages.gtt import (
    ChangeGtt,
    DeleteGtt,
    GttChangePosted,
    GttDeletePosted,
    GttPosted,
    GttsRead,
    ReadGtts,
    SubmitGtt,
)
from domain.messages.orders import (
    AccountRead,
    CancelOrder,
    CancelPosted,
    ModifyOrder,
    ModifyPosted,
    OrderBookRead,
    OrderPosted,
    ReadAccount,
    ReadOrderBook,
    ReadTrades,
    SubmitOrder,
    TradesRead,
)
from domain.ports import Broker, Clock, Journal

T = TypeVar("T")


class OrderWorker(Actor):
    """Posts orders, modifications, cancels and GTTs."""

    def __init__(
        self,
        context: Context,
        routes: Routes,
        broker: Broker,
        journal: Journal,
        clock: Clock,
        pacing_deadline_seconds: float,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._broker = broker
        self._journal = journal
        self._clock = clock
        self._pacing_deadline_seconds = pacing_deadline_seconds

    def receive(self, message: object) -> object:
        """One command, one answer told."""
        match message:
            case SubmitOrder():
                self._submit(message)
            case ModifyOrder():
                self._modify(message)
            case CancelOrder():
                self._cancel(message)
            case SubmitGtt():
                self._submit_gtt(message)
            case ChangeGtt():
                self._change_gtt(message)
            case DeleteGtt():
                self._delete_gtt(message)
        return None

    def stopping(self) -> None:
        """Give the HTTP session back."""
        self._broker.close()

    def _submit(self, command: SubmitOrder) -> None:
        monotonic = self.context.runtime.monotonic
        started, claim_seq = monotonic.now_ns(), 0
        kind = EffectKind.EXIT if command.reduce_only_proof else EffectKind.ENTRY
        outcome: PostOutcome
        try:
            ticket = self.context.gate.register(
                self.context.name,
                self.context.incarnation,
                command.order.tag,
                kind,
                reduce_only=command.reduce_only_proof,
            )
        except GateRefused as refused:
            outcome = NotSent(text=str(refused))
        else:
            try:
                outcome, claim_seq = self._claim_and_post(command, ticket)
            finally:
                self.context.gate.finish(ticket)
        self._call_a_person(outcome)
        self._routes.publish(
            self.context,
            OrderPosted(
                tag=command.order.tag,
                outcome=outcome,
                claim_seq=claim_seq,
                started_mono=started,
                finished_mono=monotonic.now_ns(),
                finished_time=self._clock.now_ns(),
            ),
        )

    def _claim_and_post(self, command: SubmitOrder, ticket: Ticket) -> tuple[PostOutcome, int]:
        if not self._broker.pace(urgent=command.reduce_only_proof, timeout_seconds=self._pacing_deadline_seconds):
            return NotSent(text="no slot below the broker's order rate came in time"), 0
        try:
            claim = self._journal.claim(command.order.tag, self._clock.now_ns())
        except JournalUnavailable as error:
            return NotSent(text=str(error)), 0
        if claim is None:
            return NotSent(text="the decision is too old, or its order was claimed before"), 0
        if self._clock.now_ns() >= command.valid_until:
            # The claim was judged by the time before it waited for the disk.
            return NotSent(text="the decision became too old while its order was claimed"), claim.seq
        try:
            with self.context.gate.start(ticket) as edge:
                return self._broker.place(command.order, on_sent=edge), claim.seq
        except GateRefused as refused:
            return NotSent(text=str(refused)), claim.seq

    def _modify(self, command: ModifyOrder) -> None:
        """As a POST: claimed once, put once."""
        kind = EffectKind.EXIT if command.reduce_only_proof else EffectKind.ENTRY
        claimed = [False]

        def claim() -> str:
            if self._journal.claim_change(command.tag, command.number, self._clock.now_ns()) is None:
                return "the change is too old, or it is asked for no more"
            claimed[0] = True
            if self._clock.now_ns() >= command.valid_until:
                return "the change became too old while it was claimed"
            return ""

        outcome = self._effect(
            f"{command.tag}/{command.number}",
            kind,
            command.reduce_only_proof,
            claim,
            lambda edge: self._broker.modify(
                command.order_id, command.variety, command.change, command.parent_order_id, on_sent=edge
            ),
        )
        self._routes.publish(
            self.context,
            ModifyPosted(tag=command.tag, number=command.number, outcome=outcome, claimed=claimed[0]),
        )

    def _cancel(self, command: CancelOrder) -> None:
        def cancel(edge: Callable[[], None]) -> CancelOutcome:
            edge()
            return self._broker.cancel(command.order_id, command.variety, command.parent_order_id)

        outcome = self._effect(command.tag, EffectKind.CANCEL, False, _unclaimed, cancel)
        self._routes.publish(self.context, CancelPosted(tag=command.tag, order_id=command.order_id, outcome=outcome))

    # -- GTTs: exits all of them -----------------------------------------------------------------------------------

    def _submit_gtt(self, command: SubmitGtt) -> None:
        claimed = [False]

        def claim() -> str:
            if self._journal.claim_gtt(command.tag, self._clock.now_ns()) is None:
                return "the decision is too old, or its GTT was claimed before"
            claimed[0] = True
            if self._clock.now_ns() >= command.valid_until:
                return "the decision became too old while its GTT was claimed"
            return ""

        outcome = self._effect(
            command.tag,
            EffectKind.EXIT,
            True,
            claim,
            lambda edge: self._broker.place_gtt(command.gtt, on_sent=edge),
        )
        self._routes.publish(self.context, GttPosted(tag=command.tag, outcome=outcome, claimed=claimed[0]))

    def _change_gtt(self, command: ChangeGtt) -> None:
        outcome = self._effect(
            command.tag,
            EffectKind.EXIT,
            True,
            _unclaimed,
            lambda edge: self._broker.modify_gtt(command.trigger_id, command.gtt, on_sent=edge),
        )
        self._routes.publish(self.context, GttChangePosted(tag=command.tag, gtt=command.gtt, outcome=outcome))

    def _delete_gtt(self, command: DeleteGtt) -> None:
        def delete(edge: Callable[[], None]) -> PostOutcome:
            edge()
            return self._broker.delete_gtt(command.trigger_id)

        outcome = self._effect(command.tag, EffectKind.CANCEL, False, _unclaimed, delete)
        self._routes.publish(self.context, GttDeletePosted(tag=command.tag, outcome=outcome))

    def _effect(
        self,
        tag: str,
        kind: EffectKind,
        reduce_only: bool,
        claim: Callable[[], str],
        send: Callable[[Callable[[], None]], PostOutcome],
    ) -> PostOutcome:
        """Gate, turn, claim, gate again, one request. `claim` answers with why not; empty: go."""
        outcome = self._gated(tag, kind, reduce_only, claim, send)
        self._call_a_person(outcome)
        return outcome

    def _gated(
        self,
        tag: str,
        kind: EffectKind,
        reduce_only: bool,
        claim: Callable[[], str],
        send: Callable[[Callable[[], None]], PostOutcome],
    ) -> PostOutcome:
        gate = self.context.gate
        try:
            ticket = gate.register(self.context.name, self.context.incarnation, tag, kind, reduce_only=reduce_only)
        except GateRefused as refused:
            return NotSent(text=str(refused))
        urgent = kind is not EffectKind.ENTRY
        try:
            if not self._broker.pace(urgent=urgent, timeout_seconds=self._pacing_deadline_seconds):
                return NotSent(text="no slot below the broker's order rate came in time")
            why_not = claim()
            if why_not:
                return NotSent(text=why_not)
            with gate.start(ticket) as edge:
                return send(edge)
        except (GateRefused, JournalUnavailable) as refused:
            return NotSent(text=str(refused))
        finally:
            gate.finish(ticket)

    def _call_a_person(self, outcome: PostOutcome) -> None:
        """A refusal that meets every order (a static address, the plan) is no affair of one strategy alone."""
        if isinstance(outcome, Rejected) and outcome.person:
            now = self._clock.now_ns()
            alert = Alert(
                level="critical", name="broker.refuses", text=f"an order was refused: {outcome.text}", time=now
            )
            self._routes.publish(self.context, alert)


def _unclaimed() -> str:
    """Repeating it does no harm, so nothing is claimed."""
    return ""


class ReadWorker(Actor):
    """Reads order book, trades and account, and asks what the broker reckons.

    Retries live in the adapter; what still fails is told in words.
    """

    def __init__(self, context: Context, routes: Routes, broker: Broker, clock: Clock) -> None:
        super().__init__(context)
        self._routes = routes
        self._broker = broker
        self._clock = clock

    def receive(self, message: object) -> object:
        """One command, one answer told."""
        match message:
            case ReadOrderBook(request=request, with_trades=with_trades):
                self._read_order_book(request, with_trades)
            case ReadTrades(order_ids=order_ids):
                self._read_trades(order_ids)
            case ReadAccount():
                self._read_account(message)
            case ReadGtts(request=request):
                self._read_gtts(request)
            case ReadLimits(request=request, instruments=instruments):
                found, error, refused = self._reckoned(lambda: self._broker.limits(instruments))
                self._routes.publish(self.context, LimitsRead(request, tuple(found), error, refused))
            case ReadMargins(request=request, orders=orders):
                margins, error, refused = self._reckoned(lambda: self._broker.margins(orders))
                pairs = tuple(zip(orders, margins, strict=not error))
                self._routes.publish(self.context, MarginsRead(request, pairs, error, refused))
            case ReadCosts(request=request, orders=executed):
                costs, error, refused = self._reckoned(lambda: self._broker.costs(executed))
                self._routes.publish(self.context, CostsRead(request, tuple(costs), error, refused))
        return None

    def stopping(self) -> None:
        """Give the HTTP session back."""
        self._broker.close()

    def _read_order_book(self, request: int, with_trades: bool) -> None:
        begun = self._clock.now_ns()
        try:
            # Orders before trades: a trade made in between is then booked early, never missed.
            orders = tuple(self._broker.orders())
            trades = tuple(self._broker.trades()) if with_trades else ()
            reply = OrderBookRead(request=request, orders=orders, trades=trades, begun=begun)
        except BrokerError as error:
            reply = OrderBookRead(
                request=request, orders=(), trades=(), begun=begun, error=str(error), login_needed=self._lost(error)
            )
        self._routes.publish(self.context, reply)

    def _read_trades(self, order_ids: tuple[str, ...]) -> None:
        try:
            trades = self._broker.trades(order_ids[0]) if len(order_ids) == 1 else self._broker.trades()
            reply = TradesRead(order_ids=order_ids, trades=tuple(trades))
        except BrokerError as error:
            self._lost(error)
            reply = TradesRead(order_ids=order_ids, trades=(), error=str(error))
        self._routes.publish(self.context, reply)

    def _read_gtts(self, request: int) -> None:
        try:
            reply = GttsRead(request=request, rows=tuple(self._broker.gtts()))
        except BrokerError as error:
            self._lost(error)
            reply = GttsRead(request=request, rows=(), error=str(error))
        self._routes.publish(self.context, reply)

    def _reckoned(self, ask: Callable[[], Sequence[T]]) -> tuple[Sequence[T], str, bool]:
        """What the broker reckons, or why it did not: trading goes on without, so no person is called."""
        try:
            return ask(), "", False
        except BrokerError as error:
            self._lost(error, person=False)
            return (), str(error), isinstance(error, BrokerRefusal) and not isinstance(error, NotPermitted)

    def _read_account(self, read: ReadAccount) -> None:
        try:
            reply = AccountRead(
                request=read.request,
                positions=tuple(self._broker.positions()) if read.positions else None,
                holdings=tuple(self._broker.holdings()) if read.positions else None,
                funds=self._broker.funds() if read.funds else None,
            )
        except BrokerError as error:
            reply = AccountRead(
                request=read.request,
                positions=None,
                holdings=None,
                funds=None,
                error=str(error),
                login_needed=self._lost(error),
            )
        self._routes.publish(self.context, reply)

    def _lost(self, error: BrokerError, *, person: bool = True) -> bool:
        if person and isinstance(error, NotPermitted):
            now = self._clock.now_ns()
            self._routes.publish(
                self.context, Alert(level="critical", name="broker.refuses", text=str(error), time=now)
            )
        if not isinstance(error, LoginNeeded):
            return False
        self._routes.publish(self.context, SessionLost(why=str(error), time=self._clock.now_ns()))
        return True
