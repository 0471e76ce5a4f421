"""Every door to the world, one page: what the inside needs, stated as protocols. Adapters supply them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from domain.bars import Bar
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
from domain.ticks import TickRows
from domain.values import E4, Instrument, Nanos, SessionClass, Variety


class Clock(Protocol):
    """A source of time: MarketClock (sessions, bars, validity, jobs) or MonotonicClock (timeouts, pacing)."""

    def now_ns(self) -> Nanos:
        """Nanoseconds: since 1970 UTC for market time, since an arbitrary start for monotonic time."""
        ...


class EventLog(Protocol):
    """Where log events go: a fixed name and keys, never a sentence."""

    def __call__(self, level: str, event: str, /, **keys: object) -> None:
        """Record one event. Never raises."""
        ...


class SessionPort(Protocol):
    """The broker's login session."""

    def open(self) -> SessionFacts:
        """Reuse the stored token if the broker still accepts it, else log in where that may be done unattended.

        Raises LoginNeeded where a person must log in, BrokerUnavailable where the broker cannot be reached.
        """
        ...


class Broker(Protocol):
    """Orders and books at the broker. Each instance serves one worker: it owns its HTTP session."""

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """Take the turn for the next place or cancel below the broker's rates, exits first; False: none in time."""
        ...

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """One POST, never retried. Never raises for what the broker or the network did: that is the outcome.

        on_sent  called once, when the request's bytes have left; from there on only the reply is awaited
        """
        ...

    def modify(
        self,
        order_id: str,
        variety: Variety,
        change: Change,
        parent_order_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> ModifyOutcome:
        """One PUT, never retried. Never raises, as `place`. The order's row tells what came of it.

        parent_order_id  of a cover order's second leg
        """
        ...

    def cancel(self, order_id: str, variety: Variety, parent_order_id: str = "") -> CancelOutcome:
        """Ask for a cancel; the order book tells what came of it. A cover order's second leg exits at the market."""
        ...

    def place_gtt(self, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """One POST, never retried. Never raises, as `place`. Accepted bears the trigger's id."""
        ...

    def modify_gtt(self, trigger_id: str, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """One PUT of the whole definition, never retried. Never raises, as `place`."""
        ...

    def delete_gtt(self, trigger_id: str) -> PostOutcome:
        """One DELETE, never retried. Never raises, as `place`."""
        ...

    def gtts(self) -> Sequence[BrokerGtt]:
        """Active GTTs, and what became of others in the last days. Raises BrokerError; retried inside."""
        ...

    def orders(self) -> Sequence[BrokerOrder]:
        """Today's order book. Raises BrokerError; retried inside."""
        ...

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """Today's trades, of one order or of all. Raises BrokerError."""
        ...

    def positions(self) -> Sequence[BrokerPosition]:
        """Net positions, flat rows included. Raises BrokerError."""
        ...

    def holdings(self) -> Sequence[BrokerHolding]:
        """Delivery holdings. Raises BrokerError."""
        ...

    def funds(self) -> Funds:
        """Equity segment funds. Raises BrokerError."""
        ...

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """The day's price limits of at most 500 `EXCHANGE:SYMBOL`; what has none is left out. Raises BrokerError."""
        ...

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """What each order would take by itself, in the order asked. A tag is not needed. Raises BrokerError."""
        ...

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """The broker's virtual contract note of executed orders, one by one. Raises BrokerError."""
        ...

    def close(self) -> None:
        """Give the HTTP session back."""
        ...


class InstrumentSource(Protocol):
    """The day's list of instruments."""

    def load(self, day: dt.date) -> Sequence[Instrument]:
        """All instruments of the day, from the cache where it is of today. Raises BrokerError."""
        ...


class History(Protocol):
    """Finished candles."""

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        """Bars whose start lies in [start, end), oldest first, the unfinished one left out. Raises BrokerError."""
        ...


class FeedListener(Protocol):
    """What a feed connection reports. Called on the feed's own thread: must only enqueue."""

    def connected(self, epoch: int) -> None:
        """The socket of this epoch is open."""
        ...

    def frame(self, epoch: int, payload: bytes, received_ns: Nanos) -> None:
        """One raw binary frame (1-byte heartbeats included)."""
        ...

    def text(self, epoch: int, payload: bytes, received_ns: Nanos) -> None:
        """One raw text frame."""
        ...

    def disconnected(self, epoch: int, reason: str, login_needed: bool) -> None:
        """The socket of this epoch is gone, or never opened."""
        ...


class PostbackPort(Protocol):
    """Order updates that the broker posts to us."""

    def listen(self, heard: Callable[[BrokerOrder], None]) -> None:
        """Begin to listen; each believed update is told to `heard`, on a thread of the receiver's: it only enqueues.

        Raises BrokerUnavailable where the port cannot be listened on.
        """
        ...

    def close(self) -> None:
        """Listen no more. Idempotent."""
        ...


class FeedPort(Protocol):
    """One WebSocket to the broker at a time. Every call returns at once; results come to the listener."""

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """Open a fresh connection and forget any older one (its callbacks are fenced by epoch)."""
        ...

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """Subscribe the tokens in mode `ltp`, `quote` or `full`."""
        ...

    def disconnect(self, epoch: int) -> None:
        """Close this epoch's connection."""
        ...

    def decode(self, payload: bytes) -> TickRows:
        """All packets of a frame as one structured array; bad packets are counted, not raised."""
        ...

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """An order update, a broker's message or error as text, or None for what is to be ignored."""
        ...

    def close(self) -> None:
        """Close for good."""
        ...


class Journal(Protocol):
    """The durable order journal. Every event has a `seq`; commit order is seq order."""

    def commit(
        self, events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
    ) -> Sequence[JournalRecord]:
        """Make the events durable in one transaction and number them.

        DuplicateIntent where an IntentAccepted repeats an intent_id or a tag, whatever its epoch, or a decision that is
        carried out in parts would begin or end again. With `risk_epoch`, refuses (StaleApproval) where a newer epoch
        has been raised. Raises JournalUnavailable for a full or read-only disk.

        claim_at  not 0: the one event is an IntentAccepted, and its order is claimed in the same transaction, if it is
                  valid then; the claim stands in this process until `claim` takes it up or `withdraw` takes it back
        """
        ...

    def claim(self, tag: str, now: Nanos) -> JournalRecord | None:
        """I -> S for the tag if it is in I and valid_until is later than `now`: the record, or None (do not post).

        Where a claim was committed with the intent, it is taken up instead: once, and before valid_until as well.
        """
        ...

    def withdraw(self, tag: str) -> bool:
        """Whether the claim that was committed with that intent was taken up by nobody, and never will be now."""
        ...

    def claim_change(self, tag: str, number: int, now: Nanos) -> JournalRecord | None:
        """The same for a modification: only while it is the one asked for, and before its `valid_until`."""
        ...

    def claim_gtt(self, tag: str, now: Nanos) -> JournalRecord | None:
        """The same for a GTT."""
        ...

    def gtt(self, tag: str) -> GttRecord | None:
        """The current state of one GTT of ours."""
        ...

    def gtts(self) -> Sequence[GttRecord]:
        """Every GTT of ours, oldest first."""
        ...

    def read(self, after: int, upto: int | None = None) -> Iterable[JournalRecord]:
        """Records with after < seq <= upto (or the end), in order."""
        ...

    def last_seq(self) -> int:
        """The newest seq; 0 for an empty journal."""
        ...

    def record(self, tag: str) -> OrderRecord | None:
        """The current state of one tag."""
        ...

    def record_of(self, order_id: str) -> OrderRecord | None:
        """The current state of the order with this broker id."""
        ...

    def records(self) -> Sequence[OrderRecord]:
        """Every tag's current state, oldest first."""
        ...

    def open_records(self) -> Sequence[OrderRecord]:
        """The orders that are not final, oldest first."""
        ...

    def trade_ids(self, tag: str) -> frozenset[str]:
        """The trade ids booked for one tag (the empty tag: external trades)."""
        ...

    def raise_risk_epoch(self) -> int:
        """Durably raise and return the risk epoch: approvals of older ones are void from here on."""
        ...

    def save_snapshot(self, name: str, seq: int, body: bytes) -> None:
        """Keep the newest snapshot of a projection."""
        ...

    def load_snapshot(self, name: str) -> tuple[int, bytes] | None:
        """The newest snapshot: (seq, body)."""
        ...

    def set_flag(self, name: str, value: str) -> None:
        """Durably keep one small fact (the kill latch, say) across restarts."""
        ...

    def flag(self, name: str) -> str | None:
        """The fact kept under this name."""
        ...

    def close(self) -> None:
        """Checkpoint and close."""
        ...


class Notifier(Protocol):
    """Where alerts go."""

    def send(self, level: str, title: str, text: str) -> None:
        """Deliver; may raise NotifyFailed."""
        ...


class Calendar(Protocol):
    """Trading days and hours, from dated tables."""

    def is_trading_day(self, day: dt.date, session: SessionClass) -> bool:
        """Whether the class trades on that day. Raises CalendarUnknown for a year without a table."""
        ...

    def hours(self, day: dt.date, session: SessionClass) -> tuple[Nanos, Nanos] | None:
        """Start and end of continuous trading, or None where the class does not trade that day."""
        ...

    def previous_trading_day(self, day: dt.date, session: SessionClass) -> dt.date:
        """The last trading day before `day`."""
        ...


class Scheduler(Protocol):
    """Jobs at market times, fired by wall time."""

    def at(self, instant: Nanos, name: str, job: Callable[[], None]) -> None:
        """Run the job once when the market clock reaches the instant (at once if it has)."""
        ...

    def stop(self) -> None:
        """Forget all jobs and end the thread."""
        ...
