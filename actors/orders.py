"""The order supervisor: the only writer of order events. It commits, *then* tells.

The thinking is in domain/orders; here are the order of steps, the worker that gets each order, and the timers that go
and look where an answer is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import asdict, replace

from actors.by_hand import ByHand, Hands
from actors.changing import Changing
from actors.desk import Desk
from actors.executions import Executions
from actors.gtts import Gtts
from actors.placing import Placing
from actors.routes import Routes
from actors.runtime import Actor, Context
from actors.trades import ANSWER_PATIENCE_SECONDS, Trades
from actors.versions import Versions, taken
from domain.errors import DuplicateIntent, IllegalTransition, JournalUnavailable
from domain.messages.broker import BrokerOrder, NotSent
from domain.messages.configuration import Known, PrepareConfiguration, Terms
from domain.messages.control import Alert, Report, TradingState, TradingStateChanged
from domain.messages.gtt import (
    ApprovedGtt,
    ApprovedGttModify,
    GttChangePosted,
    GttDeletePosted,
    GttPosted,
    GttsRead,
)
from domain.messages.journal import (
    IntentAccepted,
    JournalAdvanced,
    JournalEvent,
    JournalRecord,
    ModifyUnresolved,
    OrderQuarantined,
    OrderRecord,
    OrderState,
)
from domain.messages.market import FeedConnected
from domain.messages.operator import OperatorRequest
from domain.messages.orders import (
    AccountRead,
    ApprovedIntent,
    ApprovedModify,
    CancelIntent,
    CancelOpenOrders,
    CancelPosted,
    ModifyPosted,
    OrderBookRead,
    OrderPosted,
    OrderUpdateReceived,
    ReadAccount,
    ReadOrderBook,
    TradesRead,
)
from domain.messages.plans import KeepPlan
from domain.messages.reconcile import DifferencesTaken, JournalDifferences, UpdateHeard
from domain.orders.account import day_open, day_opening
from domain.orders.changing import after_restart_modify, with_replacement
from domain.orders.placing import PlacingSettings, adopted_stop
from domain.orders.telling import EVENT_NAMES, log_keys
from domain.orders.updates import after_post, after_restart, after_update, needs_trades
from domain.orders.watch import stuck_market_orders
from domain.ports import Clock, Journal
from domain.reconcile.accepting import was_journaled
from domain.values import SECOND, Instrument, Nanos, ist


class OrderSettings(Struct, frozen=True):
    """How the order supervisor behaves. Seconds are wall seconds but where market time is named.

    poll_seconds                  the order book is read this often when all is well
    unresolved_poll_seconds       and this often while an order is unresolved
    trades_retry_seconds          trades that do not yet cover the fills seen are read again after this
    send_deadline_seconds         a claimed order without an outcome for so long is unresolved
    market_order_patience_seconds what a market order left unfilled for so long (market time) is cancelled
    entry_workers                 how many workers post entries
    market_protection             1/100 percent, or -1 for the broker's own band
    market_as_limit               1/100 percent that a market order sent as a limit reaches beyond the price it was
                                  decided at; 0: market orders are sent as such
    quarantine_seconds            market seconds during which nobody may call an unresolved order absent
    instruments                   the traded ones by key: ticks for those limits, lots and freeze quantities for slices
    """

    poll_seconds: float
    unresolved_poll_seconds: float
    trades_retry_seconds: float
    send_deadline_seconds: float
    market_order_patience_seconds: float
    entry_workers: int
    market_protection: int
    market_as_limit: int = 0
    quarantine_seconds: float = 120.0
    instruments: Mapping[str, Instrument] = {}

    def as_of(self, terms: Terms) -> OrderSettings:
        """With what those terms change."""
        return replace(self, **asdict(terms.orders))

    @property
    def placing(self) -> PlacingSettings:
        """How orders are placed."""
        return PlacingSettings(self.market_protection, self.market_as_limit, self.instruments)


class _Tick(Struct, frozen=True, tag=True):
    """Own timer: look for what is overdue."""


class _AccountAgain(Struct, frozen=True, tag=True):
    """Own timer: the account could not be read; read it again."""


class OrderSupervisor(Actor):
    """See the module."""

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        settings: OrderSettings,
        known: Known | None = None,
        refused: set[tuple[str, Nanos]] | None = None,
    ) -> None:
        """refused: what any life of it has refused in this process, the same for all of them"""
        super().__init__(context)
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._versions = Versions(settings, settings.as_of, (known or Known()).terms)
        # Numbers of its own for each life: an answer to a former one's question is no answer to this one's.
        self._request = context.incarnation * 1_000_000
        self._account_request = 0
        self._book_awaited_until: Nanos = 0
        self._book_due: Nanos = 0
        self._reconciled = False
        self._account_read = False
        self._day = ""
        desk = Desk(
            context,
            routes,
            journal,
            clock,
            self._commit,
            self._alert,
            self._read_book_soon,
            set() if refused is None else refused,
        )
        quarantine = int(settings.quarantine_seconds * SECOND)
        self._executions = Executions(journal)
        self._placing = Placing(
            desk,
            lambda version: self._versions.of(version).placing,
            settings.entry_workers,
            settings.send_deadline_seconds,
            self._tell,
            self._executions.has_ended,
        )
        self._trades = Trades(desk, settings.trades_retry_seconds, self._conclude, self._is_day_open)
        self._changing = Changing(desk, quarantine, settings.send_deadline_seconds)
        self._gtts = Gtts(desk, quarantine, self._tell)
        hands = Hands(self._commit, self._changing.cancel, self._placing.expire, self._read_book_at_once, self._updated)
        self._by_hand = ByHand(context, routes, journal, clock, quarantine, hands)

    def started(self) -> None:
        """Conclude what a restart allows, tell the readers how far the journal reaches, and read the order book."""
        now, mono = self._clock.now_ns(), self.context.runtime.monotonic.now_ns()
        self._day = day_open(self._journal.read(0))
        for record in self._journal.open_records():
            if self.context.incarnation == 1:
                if not self._commit([*after_restart(record, now), *after_restart_modify(record, now)]):
                    self._placing.may_be_out(record.tag, 0)  # overdue: concluded as soon as the disk allows
            else:
                # The workers live on: one of them may hold this order, and its outcome is still to come.
                self._placing.may_be_out(record.tag, mono)
        self._gtts.started()
        # What an earlier incarnation committed but did not live to tell is read from the journal by its readers.
        self._routes.publish(self.context, JournalAdvanced(seq=self._journal.last_seq()))
        self._read_book()
        self.context.every(0.25, _Tick())

    def receive(self, message: object) -> object:  # noqa: C901, PLR0912 - one line per message: the table of what it handles
        """Commands, facts from the broker, and the own timers."""
        match message:
            case ApprovedIntent():
                self._placing.accept(message)
            case OrderPosted():
                self._posted(message)
            case OrderUpdateReceived(order=order):
                # It came past the routes, straight from the socket's thread.
                self._routes.note(self.context, message)
                self._updated(order, "update" if message.source == "socket" else message.source)
            case TradesRead():
                self._trades.read(message)
            case OrderBookRead():
                self._book_read(message)
            case AccountRead():
                self._account(message)
            case ApprovedModify() | ModifyPosted() | CancelPosted():
                self._changing.take(message, self._request)
            case CancelIntent():
                self._changing.cancel_of(message)
                self._gtts.delete(message)
            case ApprovedGtt() | ApprovedGttModify() | GttPosted() | GttChangePosted() | GttDeletePosted() | GttsRead():
                self._gtts.take(message)
            case JournalDifferences(number=number, events=events, request=asked):
                if not (asked and was_journaled(self._journal.read(0), asked)):
                    self._commit(events)
                self._routes.publish(self.context, DifferencesTaken(number=number))
            case CancelOpenOrders():
                self._cancel_open(message)
            case KeepPlan(event=event):
                # Where the disk refuses, whoever plans sees that it was not told, and asks again.
                if self._executions.is_news(event):
                    self._commit([event])
            case OperatorRequest():
                self._by_hand.take(message)
            case FeedConnected():
                # Updates are never replayed after a reconnect (kite-facts 5): read the book instead.
                self._read_book()
            case TradingStateChanged(state=state, why=why):
                if state is TradingState.HALTED:
                    self._cancel_open(CancelOpenOrders(why=why))
            case PrepareConfiguration(terms=terms):
                self._versions.prepare(terms)
                taken(self._routes, self.context, message)
            case Report():
                return tuple(self._journal.open_records())
            case _Tick():
                self._look()
            case _AccountAgain():
                self._read_account()
        return None

    # -- facts -----------------------------------------------------------------------------------------------------

    def _posted(self, posted: OrderPosted) -> None:
        record = self._journal.record(posted.tag)
        if record is None:
            self.context.log("error", "order.outcome_of_unknown_tag", tag=posted.tag)
            return
        unclaimed = isinstance(posted.outcome, NotSent) and not posted.claim_seq
        if unclaimed and record.state is not OrderState.INTENT and not self._journal.withdraw(posted.tag):
            return  # handed out twice: what becomes of it is told by whoever claimed it
        events = after_post(record, posted.outcome, self._clock.now_ns())
        if not self._commit(events):
            # A refusal is told this once and stands in no order book: keep it until it can be made durable.
            self.context.after(1.0, posted)
            return
        self._placing.heard(posted.tag, events)
        self.context.log(
            "debug" if not isinstance(posted.outcome, NotSent) else "info",
            "order.posted",
            tag=posted.tag,
            outcome=type(posted.outcome).__name__,
            text=getattr(posted.outcome, "text", ""),
            milliseconds=(posted.finished_mono - posted.started_mono) // 1_000_000,
        )
        if self._unresolved():
            self._read_book_soon(self._versions.newest.unresolved_poll_seconds)

    def _updated(self, row: BrokerOrder, found_by: str, request: int = 0) -> None:
        record = self._match(row) or self._adopted(row)
        if record is None:
            self._gtts.unknown_order(row)
            return  # not ours: the reconciler sees to it
        if found_by in ("update", "postback") and row.filled:
            self._routes.publish(self.context, UpdateHeard(tag=record.tag, filled=row.filled))
        changed = self._changing.row(record, row, found_by, request)
        if changed is None:
            return  # the order book is read again, and says it once more
        try:
            self._conclude(changed, after_update(changed, row, self._clock.now_ns(), found_by))
        except IllegalTransition as error:
            # The broker shows more than ours allows (a journal put back from a copy, say): a person must look.
            self._alert("order.illegal_transition", f"the broker shows order {row.order_id}: {error}")
            return
        after = self._journal.record(record.tag)
        if after is not None and needs_trades(after):
            self._trades.want((after,))

    def _conclude(self, record: OrderRecord, events: Sequence[JournalEvent]) -> None:
        """Commit what an update or a trade proves, and go on where it ends an order that others wait for."""
        events = with_replacement(record, events, self._clock.now_ns())
        if not self._commit(events):
            return
        for event in events:
            if isinstance(event, IntentAccepted):
                self._placing.submit(event)
        self._placing.stop_slices(events)

    def _adopted(self, row: BrokerOrder) -> OrderRecord | None:
        """The stop of a cover order of ours, which the broker made."""
        parent = self._journal.record_of(row.parent_order_id) if row.parent_order_id else None
        event = None if parent is None else adopted_stop(parent, row, self._clock.now_ns())
        if event is None or not self._commit([event]):
            return None
        return self._journal.record(event.tag)

    def _match(self, row: BrokerOrder) -> OrderRecord | None:
        by_id = self._journal.record_of(row.order_id)
        if by_id is not None:
            return by_id
        for tag in row.tags:
            record = self._journal.record(tag)
            if record is not None and record.order.side is row.side and record.order.symbol == row.symbol:
                return record
        return None

    # -- reconciliation --------------------------------------------------------------------------------------------

    def _read_book(self) -> None:
        self._book_due = self._mono_after(self._versions.newest.poll_seconds)
        if self.context.runtime.monotonic.now_ns() < self._book_awaited_until:
            return
        self._book_awaited_until = self._mono_after(ANSWER_PATIENCE_SECONDS)
        self._read_book_at_once()

    def _read_book_at_once(self) -> int:
        """Read the order book now, whatever else is awaited; the number of the request."""
        self._request += 1
        self._routes.publish(self.context, ReadOrderBook(request=self._request, with_trades=True))
        return self._request

    def _read_book_soon(self, seconds: float) -> None:
        self._book_due = min(self._book_due, self._mono_after(seconds))

    def _book_read(self, read: OrderBookRead) -> None:
        self._book_awaited_until = 0
        if read.error:
            self.context.log("warning", "order.book_unread", why=read.error)
            self._book_due = self._mono_after(1.0)
            self._by_hand.judge(read)
            return
        for row in read.orders:
            self._updated(row, "order book", read.request)
        self._trades.book(read.trades)
        self._by_hand.judge(read)
        if self._unresolved():
            self._read_book_soon(self._versions.newest.unresolved_poll_seconds)
        if not self._reconciled:
            self._reconciled = True
            self._read_account()

    def _read_account(self) -> None:
        self._request += 1
        self._account_request = self._request
        self._routes.publish(self.context, ReadAccount(request=self._request, positions=False))

    def _is_day_open(self) -> bool:
        return self._day in ("", ist(self._clock.now_ns()).date().isoformat())

    def _account(self, read: AccountRead) -> None:
        """Whoever asked: the first funds of a day open it."""
        if read.funds is None:
            if not self._account_read and read.request == self._account_request:
                self.context.log("warning", "order.account_unread", why=read.error)
                self.context.after(1.0, _AccountAgain())
            return
        now = self._clock.now_ns()
        day = ist(now).date().isoformat()
        if day != self._day:
            if not self._commit(day_opening(self._journal.read(0), day, read.funds, now)):
                # Without its opening cash the day has no funds, and every entry would be denied.
                self.context.after(1.0, _AccountAgain())
                return
            self._day = day
            self._trades.day_opened()
        if not self._account_read:
            self._account_read = True
            self.context.log(
                "info",
                "order.followed",
                orders=len(self._journal.records()),
                unresolved=len(self._unresolved()),
                seq=self._journal.last_seq(),
            )
            self.context.ready()

    # -- timers ----------------------------------------------------------------------------------------------------

    def _look(self) -> None:
        mono, now = self.context.runtime.monotonic.now_ns(), self._clock.now_ns()
        if mono >= self._book_due:
            self._read_book()
        self._trades.look()
        open_records = self._journal.open_records()
        self._placing.look(open_records)
        for record in stuck_market_orders(open_records, lambda record: now - self._patience(record)):
            self._changing.cancel(record, "a market order was left unfilled")
        self._changing.look(open_records)
        self._gtts.look()

    def _patience(self, record: OrderRecord) -> Nanos:
        return int(self._versions.of(record.intent.config_version).market_order_patience_seconds * SECOND)

    def _cancel_open(self, command: CancelOpenOrders) -> None:
        for record in self._journal.open_records():
            wanted = not command.strategy or record.intent.strategy == command.strategy
            wanted = wanted and command.instrument in ("", record.intent.instrument)
            stays = record.intent.reduce_only and (record.intent.protective or not command.include_exits)
            if wanted and not stays:
                self._changing.cancel(record, command.why)

    # -- commit, then tell -----------------------------------------------------------------------------------------

    def _commit(self, events: Sequence[JournalEvent]) -> bool:
        """False where nothing could be made durable; an alert has been told then."""
        if not events:
            return True
        try:
            self._tell(self._journal.commit(events))
        except (IllegalTransition, DuplicateIntent) as error:
            # Two facts crossed (an outcome and the poll that found the order first): what is journaled stands.
            self.context.log("warning", "order.illegal_transition", why=str(error))
        except JournalUnavailable as error:
            self._alert("journal.unavailable", str(error))
            # What the broker's books show is not lost: the next read of the book brings it again.
            self._read_book_soon(1.0)
            return False
        return True

    def _tell(self, records: Sequence[JournalRecord]) -> None:
        for record in records:
            self._log(record)
            self._routes.publish(self.context, record)
            match record.event:
                case OrderQuarantined(tag=tag, strategy=strategy, text=text):
                    self._alert("order.unresolved", f"order {tag} of {strategy} is unresolved: {text}")
                case ModifyUnresolved(tag=tag, strategy=strategy, text=text):
                    self._alert(
                        "order.modify_unresolved", f"a change of order {tag} of {strategy} is unresolved: {text}"
                    )

    def _alert(self, name: str, text: str) -> None:
        alert = Alert(level="critical", name=name, text=text, time=self._clock.now_ns())
        self._routes.publish(self.context, alert)

    def _log(self, record: JournalRecord) -> None:
        event = record.event
        self.context.log("info", EVENT_NAMES[type(event)], seq=record.seq, **log_keys(event))

    def _unresolved(self) -> list[OrderRecord]:
        return [r for r in self._journal.open_records() if r.state is OrderState.QUARANTINED]

    def _mono_after(self, seconds: float) -> Nanos:
        return self.context.runtime.monotonic.now_ns() + int(seconds * SECOND)
