"""The ports of domain/ports.py out of a recording.

`Ask` stops the actor that asks until the recording comes to its question, and returns what the world answered then (or
raises what it raised). The journal alone is real: it is a copy from the day's start, used again in the day's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Protocol, TypeVar, cast

from adapters.kite import wire
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
from domain.ports import FeedListener, Journal
from domain.ticks import TickRows
from domain.values import E4, SECOND, Instrument, Nanos, Variety

T = TypeVar("T")


class Ask(Protocol):
    """What the world answered to this question of this actor."""

    def __call__(self, what: str) -> object:
        """Wait for the recording to come to it. Raises what the world raised."""
        ...


class Diverged(Exception):
    """The replay does something else than the day did. One line, says what."""


class ReplayClock:
    """See domain.ports.Clock."""

    def __init__(self, ask: Ask, what: str) -> None:
        self._ask = ask
        self._what = what

    def now_ns(self) -> Nanos:
        """The reading of the day."""
        return cast("Nanos", self._ask(self._what))


class ReplayRandom(Random):
    """Draws of the day."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(0)
        self._ask = ask

    def random(self) -> float:
        """The draw of the day."""
        return cast("float", self._ask("random"))


class ReplaySession:
    """See domain.ports.SessionPort."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def open(self) -> SessionFacts:
        """See SessionPort.open."""
        return cast("SessionFacts", self._ask("session.open"))


class ReplayBroker:
    """See domain.ports.Broker. `placed` is told every order that a worker posts."""

    def __init__(self, ask: Ask, placed: Callable[[PlaceOrder], None]) -> None:
        self._ask = ask
        self._placed = placed

    def pace(self, *, urgent: bool, timeout_seconds: float) -> bool:
        """See Broker.pace."""
        return cast("bool", self._ask("broker.pace"))

    def place(self, order: PlaceOrder, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place."""
        self._placed(order)
        return cast("PostOutcome", self._ask("broker.place"))

    def modify(
        self,
        order_id: str,
        variety: Variety,
        change: Change,
        parent_order_id: str = "",
        on_sent: Callable[[], None] | None = None,
    ) -> ModifyOutcome:
        """See Broker.modify."""
        return cast("ModifyOutcome", self._ask("broker.modify"))

    def cancel(self, order_id: str, variety: Variety, parent_order_id: str = "") -> CancelOutcome:
        """See Broker.cancel."""
        return cast("CancelOutcome", self._ask("broker.cancel"))

    def place_gtt(self, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.place_gtt."""
        return cast("PostOutcome", self._ask("broker.place_gtt"))

    def modify_gtt(self, trigger_id: str, gtt: Gtt, on_sent: Callable[[], None] | None = None) -> PostOutcome:
        """See Broker.modify_gtt."""
        return cast("PostOutcome", self._ask("broker.modify_gtt"))

    def delete_gtt(self, trigger_id: str) -> PostOutcome:
        """See Broker.delete_gtt."""
        return cast("PostOutcome", self._ask("broker.delete_gtt"))

    def gtts(self) -> Sequence[BrokerGtt]:
        """See Broker.gtts."""
        return cast("Sequence[BrokerGtt]", self._ask("broker.gtts"))

    def orders(self) -> Sequence[BrokerOrder]:
        """See Broker.orders."""
        return cast("Sequence[BrokerOrder]", self._ask("broker.orders"))

    def trades(self, order_id: str | None = None) -> Sequence[BrokerTrade]:
        """See Broker.trades."""
        return cast("Sequence[BrokerTrade]", self._ask("broker.trades"))

    def positions(self) -> Sequence[BrokerPosition]:
        """See Broker.positions."""
        return cast("Sequence[BrokerPosition]", self._ask("broker.positions"))

    def holdings(self) -> Sequence[BrokerHolding]:
        """See Broker.holdings."""
        return cast("Sequence[BrokerHolding]", self._ask("broker.holdings"))

    def funds(self) -> Funds:
        """See Broker.funds."""
        return cast("Funds", self._ask("broker.funds"))

    def limits(self, instruments: Sequence[str]) -> Sequence[DayLimits]:
        """See Broker.limits."""
        return cast("Sequence[DayLimits]", self._ask("broker.limits"))

    def margins(self, orders: Sequence[PlaceOrder]) -> Sequence[E4]:
        """See Broker.margins."""
        return cast("Sequence[E4]", self._ask("broker.margins"))

    def costs(self, orders: Sequence[ExecutedOrder]) -> Sequence[OrderCosts]:
        """See Broker.costs."""
        return cast("Sequence[OrderCosts]", self._ask("broker.costs"))

    def close(self) -> None:
        """Nothing to give back."""


class ReplayHistory:
    """See domain.ports.History."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    def bars(self, instrument: Instrument, interval_seconds: int, start: Nanos, end: Nanos) -> Sequence[Bar]:
        """See History.bars."""
        return cast("Sequence[Bar]", self._ask("history.bars"))


class ReplayFeed:
    """See domain.ports.FeedPort. Frames come as messages; here they are decoded anew.

    received  when the frame in hand was received
    """

    def __init__(self, ask: Ask, received: Callable[[], Nanos]) -> None:
        self._ask = ask
        self._received = received
        self._counts = wire.DecodeCounts()

    def connect(self, epoch: int, listener: FeedListener) -> None:
        """Nobody to connect to."""

    def subscribe(self, epoch: int, tokens: Sequence[int], mode: str) -> None:
        """Nobody to subscribe at."""

    def disconnect(self, epoch: int) -> None:
        """Nobody to leave."""

    def decode(self, payload: bytes) -> TickRows:
        """See FeedPort.decode. Raises Diverged where the decoder of today keeps more or fewer packets."""
        rows = wire.decode(payload, self._counts, self._received() // SECOND)
        then = self._ask("feed.decode")
        if len(rows) != then:
            raise Diverged(f"a frame gave {then} packets on the day and gives {len(rows)} now")
        return rows

    def decode_text(self, payload: bytes) -> BrokerOrder | str | None:
        """See FeedPort.decode_text."""
        return cast("BrokerOrder | str | None", self._ask("feed.decode_text"))

    def close(self) -> None:
        """Nothing to close."""


class ReplayScheduler:
    """See domain.ports.Scheduler: the day's jobs come as messages."""

    def at(self, instant: Nanos, name: str, job: Callable[[], None]) -> None:
        """Nothing: see the class."""

    def stop(self) -> None:
        """Nothing to stop."""


class ReplayJournal:
    """See domain.ports.Journal: the real one, whose uses wait for their place in the day's order."""

    def __init__(self, inner: Journal, ask: Ask) -> None:
        self._inner = inner
        self._ask = ask

    def commit(
        self, events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
    ) -> Sequence[JournalRecord]:
        """See Journal.commit."""
        return self._in_turn(
            "journal.commit", lambda: self._inner.commit(events, risk_epoch=risk_epoch, claim_at=claim_at)
        )

    def claim(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim."""
        return self._in_turn("journal.claim", lambda: self._inner.claim(tag, now))

    def withdraw(self, tag: str) -> bool:
        """See Journal.withdraw."""
        return self._in_turn("journal.withdraw", lambda: self._inner.withdraw(tag))

    def claim_change(self, tag: str, number: int, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_change."""
        return self._in_turn("journal.claim_change", lambda: self._inner.claim_change(tag, number, now))

    def claim_gtt(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_gtt."""
        return self._in_turn("journal.claim_gtt", lambda: self._inner.claim_gtt(tag, now))

    def gtt(self, tag: str) -> GttRecord | None:
        """See Journal.gtt."""
        return self._in_turn("journal.gtt", lambda: self._inner.gtt(tag))

    def gtts(self) -> Sequence[GttRecord]:
        """See Journal.gtts."""
        return self._in_turn("journal.gtts", self._inner.gtts)

    def read(self, after: int, upto: int | None = None) -> Sequence[JournalRecord]:
        """See Journal.read."""
        return self._in_turn("journal.read", lambda: tuple(self._inner.read(after, upto)))

    def last_seq(self) -> int:
        """See Journal.last_seq."""
        return self._in_turn("journal.last_seq", self._inner.last_seq)

    def record(self, tag: str) -> OrderRecord | None:
        """See Journal.record."""
        return self._in_turn("journal.record", lambda: self._inner.record(tag))

    def record_of(self, order_id: str) -> OrderRecord | None:
        """See Journal.record_of."""
        return self._in_turn("journal.record_of", lambda: self._inner.record_of(order_id))

    def records(self) -> Sequence[OrderRecord]:
        """See Journal.records."""
        return self._in_turn("journal.records", self._inner.records)

    def open_records(self) -> Sequence[OrderRecord]:
        """See Journal.open_records."""
        return self._in_turn("journal.open_records", self._inner.open_records)

    def trade_ids(self, tag: str) -> frozenset[str]:
        """See Journal.trade_ids."""
        return self._in_turn("journal.trade_ids", lambda: self._inner.trade_ids(tag))

    def raise_risk_epoch(self) -> int:
        """See Journal.raise_risk_epoch."""
        return self._in_turn("journal.raise_risk_epoch", self._inner.raise_risk_epoch)

    def save_snapshot(self, name: str, seq: int, body: bytes) -> None:
        """See Journal.save_snapshot."""
        self._in_turn("journal.save_snapshot", lambda: self._inner.save_snapshot(name, seq, body))

    def load_snapshot(self, name: str) -> tuple[int, bytes] | None:
        """See Journal.load_snapshot."""
        return self._in_turn("journal.load_snapshot", lambda: self._inner.load_snapshot(name))

    def set_flag(self, name: str, value: str) -> None:
        """See Journal.set_flag."""
        self._in_turn("journal.set_flag", lambda: self._inner.set_flag(name, value))

    def flag(self, name: str) -> str | None:
        """See Journal.flag."""
        return self._in_turn("journal.flag", lambda: self._inner.flag(name))

    def close(self) -> None:
        """See Journal.close."""
        self._inner.close()

    def _in_turn(self, what: str, use: Callable[[], T]) -> T:
        self._ask(what)
        return use()


def replayed_books(ask: Ask) -> Callable[[], Mapping[str, object] | None]:
    """The exchange's own books as they were stated."""
    return lambda: cast("Mapping[str, object] | None", ask("books"))
