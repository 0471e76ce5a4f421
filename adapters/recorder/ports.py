"""The doors to the world, with a recorder at each: what an actor is answered goes on the tape.

`Here` knows which actor runs on this thread. Clocks are read on the feed's thread and the main thread too: those
readings concern no actor and are not recorded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, TypeVar

from adapters.recorder.entries import Kind
from adapters.recorder.tape import Tape
from domain.bars import Bar
from domain.errors import JournalError
from domain.messages.broker import (
    BrokerHolding,
    BrokerOrder,
    BrokerPosition,
    BrokerTrade,
    CancelOutcome,
    Change,
    DayLimits,
    ExecutedOrder,
    Funds,
    ModifyOutcome,
    OrderCosts,
    PlaceOrder,
    PostOutcome,
    SessionFacts,
)
from domain.messages.gtt import BrokerGtt, Gtt, GttRecord
from domain.messages.journal import JournalEvent, JournalRecord, OrderRecord
from domain.ports import Broker, Clock, FeedListener, FeedPort, History, Journal, SessionPort
from domain.ticks import TickRows
from domain.values import E4, Instrument, Nanos, Variety

T = TypeVar("T")


class Here(threading.local):
    """Which actor runs on this thread: `name#incarnation`, or empty."""

    actor = ""


class Recorder:
    """The tape and who is heard on it."""

    def __init__(self, tape: Tape) -> None:
        self.tape: Final = tape
        self.here: Final = Here()
        self.journal_order: Final = threading.RLock()
        """Held while an actor uses the journal, so that the tape has those uses in their true order."""

    @contextmanager
    def acting(self, actor: str) -> Iterator[None]:
        """This thread runs that actor."""
        before, self.here.actor = self.here.actor, actor
        try:
            yield
        finally:
            self.here.actor = before

    def answer(self, what: str, ask: Callable[[], T]) -> T:
        """Ask the world, and put what it answers on the tape."""
        actor = self.here.actor
        if not actor:
            return ask()
        try:
            value = ask()
        except Exception as error:
            self.tape.put(Kind.RAISED, actor, what, error)
            raise
        self.tape.put(Kind.RESULT, actor, what, value)
        return value

    def ordered(self, what: str, use: Callable[[], T]) -> T:
        """Use the journal, and put on the tape that it was now. A full disk is an answer of the world."""
        actor = self.here.actor
        if not actor:
            return use()
        with self.journal_order:
            try:
                value = use()
            except JournalError as error:
                kind = Kind.RAISED if type(error).__name__ == "JournalUnavailable" else Kind.ORDERED
                self.tape.put(kind, actor, what, error if kind is Kind.RAISED else None)
                raise
            self.tape.put(Kind.ORDERED, actor, what)
            return value


class RecordedClock:
    """See domain.ports.Clock."""

    def __init__(self, inner: Clock, recorder: Recorder, what: str) -> None:
        self._inner = inner
        self._here = recorder.here
        self._put = recorder.tape.put
        self._what = what

    def now_ns(self) -> Nanos:
        """The inner clock's reading."""
        now = self._inner.now_ns()
        actor = self._here.actor
        if actor:
            self._put(Kind.RESULT, actor, self._what, now)
        return now


class RecordedSession:
    """See domain.ports.SessionPort."""

    def __init__(self, inner: SessionPort, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    def open(self) -> SessionFacts:
        """See SessionPort.open."""
        return self._recorder.answer("session.open", self._inner.open)

    def watch(self, doubted: Callable[[], None]) -> None:
        """See actors.session.WatchedSession."""
        watch = getattr(self._inner, "watch", None)
        if watch is not None:
            watch(doubted)


class RecordedBroker:
    """See domain.ports.Broker."""

    def __init__(self, inner: Broker, recorder: Recorder) -> None:
        self._inner = inner
        self._answer = recorder.answer

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """See Broker.pace."""
        return self._answer("broker.pace", lambda: self._inner.pace(urgent=urgent, timeout_seconds=timeout_seconds))

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place."""
        return self._answer("broker.place", lambda: self._inner.place(order, on_sent))

    def modify(
        self,
        order_id: str,
        variety: Variety,
        change: Change,
        parent_order_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> ModifyOutcome:
        """See Broker.modify."""
        return self._answer(
            "broker.modify", lambda: self._inner.modify(order_id, variety, change, parent_order_id, on_sent)
        )

    def cancel(self, order_id: str, variety: Variety, parent_order_id: str = "") -> CancelOutcome:
        """See Broker.cancel."""
        return self._answer("broker.cancel", lambda: self._inner.cancel(order_id, variety, parent_order_id))

    def place_gtt(self, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place_gtt."""
        return self._answer("broker.place_gtt", lambda: self._inner.place_gtt(gtt, on_sent))

    def modify_gtt(self, trigger_id: str, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.modify_gtt."""
        return self._answer("broker.modify_gtt", lambda: self._inner.modify_gtt(trigger_id, gtt, on_sent))

    def delete_gtt(self, trigger_id: str) -> PostOutcome:
        """See Broker.delete_gtt."""
        return self._answer("broker.delete_gtt", lambda: self._inner.delete_gtt(trigger_id))

    def gtts(self) -> Sequence[BrokerGtt]:
        """See Broker.gtts."""
        return self._answer("broker.gtts", lambda: tuple(self._inner.gtts()))

    def orders(self) -> Sequence[BrokerOrder]:
        """See Broker.orders."""
        return self._answer("broker.orders", lambda: tuple(self._inner.orders()))

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """See Broker.trades."""
        return self._answer("broker.trades", lambda: tuple(self._inner.trades(order_id)))

    def positions(self) -> Sequence[BrokerPosition]:
        """See Broker.positions."""
        return self._answer("broker.positions", lambda: tuple(self._inner.positions()))

    def holdings(self) -> Sequence[BrokerHolding]:
        """See Broker.holdings."""
        return self._answer("broker.holdings", lambda: tuple(self._inner.holdings()))

    def funds(self) -> Funds:
        """See Broker.funds."""
        return self._answer("broker.funds", self._inner.funds)

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """See Broker.limits."""
        return self._answer("broker.limits", lambda: tuple(self._inner.limits(instruments)))

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """See Broker.margins."""
        return self._answer("broker.margins", lambda: tuple(self._inner.margins(orders)))

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """See Broker.costs."""
        return self._answer("broker.costs", lambda: tuple(self._inner.costs(orders)))

    def close(self) -> None:
        """See Broker.close."""
        self._inner.close()


class RecordedHistory:
    """See domain.ports.History."""

    def __init__(self, inner: History, recorder: Recorder) -> None:
        self._inner = inner
        self._answer = recorder.answer

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        """See History.bars."""
        return self._answer("history.bars", lambda: tuple(self._inner.bars(instrument, interval_seconds, start, end)))


class RecordedFeed:
    """See domain.ports.FeedPort. Frames and texts reach the tape with the messages that carry them."""

    def __init__(self, inner: FeedPort, recorder: Recorder) -> None:
        self._inner = inner
        self._answer = recorder.answer

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """See FeedPort.connect."""
        self._inner.connect(epoch, listener)

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """See FeedPort.subscribe."""
        self._inner.subscribe(epoch, tokens, mode)

    def disconnect(self, epoch: int) -> None:
        """See FeedPort.disconnect."""
        self._inner.disconnect(epoch)

    def decode(self, payload: bytes) -> TickRows:
        """See FeedPort.decode. What it drops depends on the clock, so what it kept goes on the tape."""
        rows = self._inner.decode(payload)
        self._answer("feed.decode", lambda: len(rows))
        return rows

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """See FeedPort.decode_text."""
        return self._answer("feed.decode_text", lambda: self._inner.decode_text(payload))

    def close(self) -> None:
        """See FeedPort.close."""
        self._inner.close()


class RecordedJournal:
    """See domain.ports.Journal: real uses, whose order is on the tape."""

    def __init__(self, inner: Journal, recorder: Recorder) -> None:
        self._inner = inner
        self._ordered = recorder.ordered

    def commit(
        self, events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
    ) -> Sequence[JournalRecord]:
        """See Journal.commit."""
        return self._ordered(
            "journal.commit", lambda: self._inner.commit(events, risk_epoch=risk_epoch, claim_at=claim_at)
        )

    def claim(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim."""
        return self._ordered("journal.claim", lambda: self._inner.claim(tag, now))

    def withdraw(self, tag: str) -> bool:
        """See Journal.withdraw."""
        return self._ordered("journal.withdraw", lambda: self._inner.withdraw(tag))

    def claim_change(self, tag: str, number: int, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_change."""
        return self._ordered("journal.claim_change", lambda: self._inner.claim_change(tag, number, now))

    def claim_gtt(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_gtt."""
        return self._ordered("journal.claim_gtt", lambda: self._inner.claim_gtt(tag, now))

    def gtt(self, tag: str) -> GttRecord | None:
        """See Journal.gtt."""
        return self._ordered("journal.gtt", lambda: self._inner.gtt(tag))

    def gtts(self) -> Sequence[GttRecord]:
        """See Journal.gtts."""
        return self._ordered("journal.gtts", self._inner.gtts)

    def read(self, after: int, upto: int | None = None) -> Sequence[JournalRecord]:
        """See Journal.read."""
        return self._ordered("journal.read", lambda: tuple(self._inner.read(after, upto)))

    def last_seq(self) -> int:
        """See Journal.last_seq."""
        return self._ordered("journal.last_seq", self._inner.last_seq)

    def record(self, tag: str) -> OrderRecord | None:
        """See Journal.record."""
        return self._ordered("journal.record", lambda: self._inner.record(tag))

    def record_of(self, order_id: str) -> OrderRecord | None:
        """See Journal.record_of."""
        return self._ordered("journal.record_of", lambda: self._inner.record_of(order_id))

    def records(self) -> Sequence[OrderRecord]:
        """See Journal.records."""
        return self._ordered("journal.records", self._inner.records)

    def open_records(self) -> Sequence[OrderRecord]:
        """See Journal.open_records."""
        return self._ordered("journal.open_records", self._inner.open_records)

    def trade_ids(self, tag: str) -> frozenset[str]:
        """See Journal.trade_ids."""
        return self._ordered("journal.trade_ids", lambda: self._inner.trade_ids(tag))

    def raise_risk_epoch(self) -> int:
        """See Journal.raise_risk_epoch."""
        return self._ordered("journal.raise_risk_epoch", self._inner.raise_risk_epoch)

    def save_snapshot(self, name: str, seq: int, body: bytes) -> None:
        """See Journal.save_snapshot."""
        self._ordered("journal.save_snapshot", lambda: self._inner.save_snapshot(name, seq, body))

    def load_snapshot(self, name: str) -> tuple[int, bytes] | None:
        """See Journal.load_snapshot."""
        return self._ordered("journal.load_snapshot", lambda: self._inner.load_snapshot(name))

    def set_flag(self, name: str, value: str) -> None:
        """See Journal.set_flag."""
        self._ordered("journal.set_flag", lambda: self._inner.set_flag(name, value))

    def flag(self, name: str) -> str | None:
        """See Journal.flag."""
        return self._ordered("journal.flag", lambda: self._inner.flag(name))

    def close(self) -> None:
        """See Journal.close."""
        self._inner.close()


def recorded_books(
    books: Callable[[], Mapping[str, object] | None], recorder: Recorder
) -> Callable[[], Mapping[str, object] | None]:
    """The exchange's own books, as JSON on the tape."""
    return lambda: recorder.answer("books", books)
