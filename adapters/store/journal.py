"""The order journal on SQLite: WAL, synchronous=FULL, one transaction per commit, one `seq` for every event.

Two kinds of caller write: the order supervisor commits events, a gateway worker claims a tag. SQLite gives them one
order; the lock here keeps the in-memory fold of the orders in step with it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol

import apsw
import msgspec

from domain.errors import DuplicateIntent, IllegalTransition, JournalCorrupt, JournalUnavailable, StaleApproval
from domain.messages.gtt import GttClaimed, GttEvent, GttRecord, GttRequested, GttState
from domain.messages.journal import (
    IntentAccepted,
    JournalEvent,
    JournalRecord,
    ModifyClaimed,
    ModifyState,
    OrderAdopted,
    OrderRecord,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.plans import ExecutionEnded, ExecutionStarted
from domain.orders.gtt import fold_gtt
from domain.orders.transitions import fold, strategy_of, tag_of
from domain.values import Nanos

SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, tag TEXT NOT NULL, strategy TEXT NOT NULL,
    body BLOB NOT NULL) STRICT;
CREATE INDEX events_by_tag ON events (tag) WHERE tag <> '';
CREATE TABLE orders (
    tag TEXT PRIMARY KEY, intent_id TEXT NOT NULL UNIQUE, state TEXT NOT NULL, valid_until INTEGER NOT NULL) STRICT;
CREATE TABLE trades (key TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
CREATE TABLE snapshots (name TEXT PRIMARY KEY, seq INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE flags (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
INSERT INTO flags VALUES ('risk_epoch', '0');
"""
_ADDED: Final = "CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY) STRICT"
"""What may happen once: claims of modifications and GTTs, beginning and end of a decision in parts.

Of this version's journals, older ones have no such table yet.
"""

_DISK_ERRORS: Final = (
    apsw.FullError,
    apsw.ReadOnlyError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.PermissionsError,
)

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[JournalEvent] = msgspec.msgpack.Decoder(JournalEvent)


class Lock(Protocol):
    """A mutual exclusion lock: the runtime's, so that a simulation can schedule it."""

    def __enter__(self) -> object: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None, /
    ) -> object: ...


def trade_key(trade: TradeBooked) -> str:
    """What makes a trade the same trade: exchanges number them per day, so the order's id is part of it."""
    exchange = trade.instrument.partition(":")[0]
    return f"{exchange}|{trade.trade_id}|{trade.order_id}"


def _claim_with(events: Sequence[JournalEvent], claim_at: Nanos) -> SendingClaimed | None:
    """The claim to be committed with the one intent."""
    if not claim_at:
        return None
    (event,) = events
    assert isinstance(event, IntentAccepted), "only an intent is claimed"
    return SendingClaimed(tag=event.tag, time=claim_at) if claim_at < event.intent.valid_until else None


class SqliteJournal:
    """The Journal port (domain/ports.py) on one SQLite file.

    path  the file; its folder is made with mode 0700, the file with 0600
    Raises JournalUnavailable where the file cannot be opened, JournalCorrupt where what it holds contradicts itself.
    """

    def __init__(self, path: Path, make_lock: Callable[[], Lock], *, read_only: bool = False) -> None:
        self._path = path
        self._lock = make_lock()
        self._orders: dict[str, OrderRecord] = {}
        self._open: dict[str, None] = {}
        self._by_order_id: dict[str, str] = {}
        self._trades: dict[str, set[str]] = {}
        self._gtts: dict[str, GttRecord] = {}
        self._standing: dict[str, JournalRecord] = {}
        self._withdrawn: set[str] = set()
        self._db = self._connect(path, read_only)
        self._epoch = int(self.flag("risk_epoch") or 0)
        self._replay()

    def commit(
        self, events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
    ) -> Sequence[JournalRecord]:
        """See Journal.commit. All or none: an event that may not happen takes the others back with it."""
        claim = _claim_with(events, claim_at)
        if claim is not None:
            events = (*events, claim)
        with self._lock:
            folded: dict[str, OrderRecord] = {}
            gtts: dict[str, GttRecord] = {}
            for event in events:
                tag = tag_of(event)
                if isinstance(event, GttEvent):
                    if isinstance(event, GttRequested) and tag in self._gtts:
                        raise DuplicateIntent(f"intent {event.intent.intent_id} is journaled already as {tag}")
                    gtts[tag] = fold_gtt(gtts.get(tag) or self._gtts.get(tag), event)
                    continue
                if isinstance(event, IntentAccepted) and tag in self._orders:
                    raise DuplicateIntent(f"intent {event.intent.intent_id} is journaled already as {tag}")
                after = fold(folded.get(tag) or self._orders.get(tag), event)
                if after is not None:
                    folded[tag] = after
            # After the repeated ones: of an order that is journaled already nothing may be said to be void.
            if risk_epoch is not None and risk_epoch < self._epoch:
                raise StaleApproval(f"approved under risk epoch {risk_epoch}; it is {self._epoch} now")
            records = self._write(events, folded, risk_epoch)
            self._remember(folded, gtts, events)
            if claim is not None:
                self._standing[claim.tag] = records[-1]
            return records

    def claim(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim: one conditional update, so two workers can never both hold a tag."""
        with self._lock:
            record = self._orders.get(tag)
            if record is None:
                return None
            if tag in self._standing:
                sendable = record.state is OrderState.SENDING and now < record.intent.valid_until
                return self._standing.pop(tag) if sendable else None
            event = SendingClaimed(tag=tag, time=now)
            seq = self._write_claim(record, event)
            if seq is None:
                return None
            folded = fold(record, event)
            assert folded is not None, "a claim concerns an order"
            self._orders[tag] = folded
            return JournalRecord(seq=seq, event=event)

    def withdraw(self, tag: str) -> bool:
        """See Journal.withdraw. The same lock as for a claim: it is taken up or taken back, never both."""
        with self._lock:
            if self._standing.pop(tag, None) is not None:
                self._withdrawn.add(tag)
            return tag in self._withdrawn

    def claim_change(self, tag: str, number: int, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_change."""
        with self._lock:
            record = self._orders.get(tag)
            wanted = None if record is None else record.modifying
            if record is None or wanted is None or wanted.number != number or now >= wanted.valid_until:
                return None
            if wanted.state is not ModifyState.REQUESTED or wanted.replacing or record.cancel_why:
                return None
            event = ModifyClaimed(tag=tag, number=number, time=now)
            seq = self._insert_claim(f"{tag}/{number}", event, record.intent.strategy, exit_of=wanted.reduce_only)
            if seq is None:
                return None
            folded = fold(record, event)
            assert folded is not None, "a claim concerns an order"
            self._orders[tag] = folded
            return JournalRecord(seq=seq, event=event)

    def claim_gtt(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_gtt."""
        with self._lock:
            record = self._gtts.get(tag)
            if record is None or record.state is not GttState.REQUESTED or now >= record.intent.valid_until:
                return None
            event = GttClaimed(tag=tag, time=now)
            seq = self._insert_claim(tag, event, record.intent.strategy, exit_of=True)
            if seq is None:
                return None
            self._gtts[tag] = fold_gtt(record, event)
            return JournalRecord(seq=seq, event=event)

    def gtt(self, tag: str) -> GttRecord | None:
        """See Journal.gtt."""
        return self._gtts.get(tag)

    def gtts(self) -> Sequence[GttRecord]:
        """See Journal.gtts."""
        with self._lock:
            return list(self._gtts.values())

    def read(self, after: int, upto: int | None = None) -> Iterable[JournalRecord]:
        """See Journal.read."""
        last = upto if upto is not None else (1 << 62)
        with self._lock:
            return self._between(after, last)

    def last_seq(self) -> int:
        """See Journal.last_seq."""
        with self._lock:
            return self._newest()

    def record(self, tag: str) -> OrderRecord | None:
        """See Journal.record."""
        return self._orders.get(tag)

    def record_of(self, order_id: str) -> OrderRecord | None:
        """See Journal.record_of."""
        tag = self._by_order_id.get(order_id)
        return None if tag is None else self._orders.get(tag)

    def records(self) -> Sequence[OrderRecord]:
        """See Journal.records."""
        with self._lock:
            return list(self._orders.values())

    def open_records(self) -> Sequence[OrderRecord]:
        """See Journal.open_records."""
        with self._lock:
            return [self._orders[tag] for tag in self._open if not self._orders[tag].state.final]

    def trade_ids(self, tag: str) -> frozenset[str]:
        """See Journal.trade_ids."""
        with self._lock:
            return frozenset(self._trades.get(tag, ()))

    def raise_risk_epoch(self) -> int:
        """See Journal.raise_risk_epoch."""
        with self._lock:
            self._set_flag("risk_epoch", str(self._epoch + 1))
            self._epoch += 1
            return self._epoch

    def save_snapshot(self, name: str, seq: int, body: bytes) -> None:
        """See Journal.save_snapshot."""
        with self._lock:
            self._execute("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?)", (name, seq, body))

    def load_snapshot(self, name: str) -> tuple[int, bytes] | None:
        """See Journal.load_snapshot."""
        with self._lock:
            row = self._db.execute("SELECT seq, body FROM snapshots WHERE name = ?", (name,)).fetchone()
        return None if row is None else (int(str(row[0])), bytes(row[1]))

    def set_flag(self, name: str, value: str) -> None:
        """See Journal.set_flag."""
        with self._lock:
            self._set_flag(name, value)

    def flag(self, name: str) -> str | None:
        """See Journal.flag."""
        with self._lock:
            value = self._db.execute("SELECT value FROM flags WHERE name = ?", (name,)).get
        return None if value is None else str(value)

    def close(self) -> None:
        """Checkpoint the write-ahead log into the file and close."""
        with self._lock:
            self._db.close()

    def _connect(self, path: Path, read_only: bool) -> apsw.Connection:
        try:
            if read_only:
                db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            else:
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
                db = apsw.Connection(str(path))
            db.set_busy_timeout(5_000)
            db.pragma("foreign_keys", True)
            if not read_only:
                db.pragma("journal_mode", "wal")
                db.pragma("synchronous", "full")
            version = db.pragma("user_version")
            if version == 0 and not read_only:
                with db:
                    db.execute(_SCHEMA)
                    db.pragma("user_version", SCHEMA_VERSION)
            elif version != SCHEMA_VERSION:
                raise JournalCorrupt(f"{path}: journal of version {version}, this program reads {SCHEMA_VERSION}")
            if not read_only:
                db.execute(_ADDED)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise JournalCorrupt(f"{path}: not a readable journal: {error}") from error
        except (*_DISK_ERRORS, OSError) as error:
            raise JournalUnavailable(f"{path}: cannot be opened: {error}") from error
        return db

    def _newest(self) -> int:
        value = self._db.execute("SELECT coalesce(max(seq), 0) FROM events").get
        assert isinstance(value, int), "coalesce of an integer"
        return value

    def _between(self, after: int, last: int) -> list[JournalRecord]:
        rows = self._db.execute(
            "SELECT seq, body FROM events WHERE seq > ? AND seq <= ? ORDER BY seq", (after, last)
        ).fetchall()
        return [JournalRecord(seq=int(str(seq)), event=self._decode(int(str(seq)), body)) for seq, body in rows]

    def _replay(self) -> None:
        for record in self.read(0):
            event = record.event
            tag = tag_of(event)
            try:
                if isinstance(event, GttEvent):
                    self._gtts[tag] = fold_gtt(self._gtts.get(tag), event)
                    continue
                after = fold(self._orders.get(tag), event)
            except IllegalTransition as error:
                raise JournalCorrupt(f"{self._path}: seq {record.seq}: {error}") from error
            self._remember({tag: after} if after is not None else {}, {}, (event,))

    def _remember(
        self, folded: dict[str, OrderRecord], gtts: dict[str, GttRecord], events: Iterable[JournalEvent]
    ) -> None:
        self._orders.update(folded)
        self._gtts.update(gtts)
        for tag, record in folded.items():
            if record.order_id:
                self._by_order_id[record.order_id] = tag
            for order_id, _ in record.legs:
                self._by_order_id[order_id] = tag
            if record.state.final:
                self._open.pop(tag, None)
            else:
                self._open[tag] = None
        for event in events:
            if isinstance(event, TradeBooked):
                self._trades.setdefault(event.tag, set()).add(event.trade_id)

    def _write(
        self, events: Sequence[JournalEvent], folded: dict[str, OrderRecord], risk_epoch: int | None
    ) -> list[JournalRecord]:
        records: list[JournalRecord] = []
        with self._transaction():
            if risk_epoch is not None:
                self._refuse_stale(risk_epoch)
            for event in events:
                # A claim does not say whose it is; its order does.
                order = folded.get(event.tag) if isinstance(event, SendingClaimed) else None
                seq = self._insert(event, strategy_of(event) if order is None else order.intent.strategy)
                records.append(JournalRecord(seq=seq, event=event))
                if isinstance(event, IntentAccepted | OrderAdopted):
                    self._insert_order(event)
                elif isinstance(event, TradeBooked):
                    self._insert_trade(event, seq)
                elif isinstance(event, ExecutionStarted | ExecutionEnded):
                    self._insert_once(event)
            for tag, record in folded.items():
                self._db.execute("UPDATE orders SET state = ? WHERE tag = ?", (record.state.value, tag))
        return records

    def _refuse_stale(self, risk_epoch: int) -> None:
        stored = self._db.execute("SELECT value FROM flags WHERE name = 'risk_epoch'").get
        if risk_epoch < int(str(stored)):
            raise StaleApproval(f"approved under risk epoch {risk_epoch}; it is {stored} now")

    def _insert(self, event: JournalEvent, strategy: str, seq: int | None = None) -> int:
        """seq: where it is a given one."""
        self._db.execute(
            "INSERT INTO events (seq, kind, tag, strategy, body) VALUES (?, ?, ?, ?, ?)",
            (seq, type(event).__name__, tag_of(event), strategy, _encoder.encode(event)),
        )
        return self._db.last_insert_rowid()

    def _write_claim(self, record: OrderRecord, event: SendingClaimed) -> int | None:
        """I -> S, once: the claim's seq, or None where it may not be."""
        with self._transaction():
            self._db.execute(
                "UPDATE orders SET state = 'S' WHERE tag = ? AND state = 'I' AND valid_until > ?",
                (record.tag, event.time),
            )
            return self._insert(event, record.intent.strategy) if self._db.changes() == 1 else None

    def _insert_claim(self, key: str, event: ModifyClaimed | GttClaimed, strategy: str, *, exit_of: bool) -> int | None:
        """One claim for each key, ever: its seq, or None where there was one. exit_of: it makes a position smaller."""
        del exit_of
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO claims VALUES (?)", (key,))
            return self._insert(event, strategy) if self._db.changes() == 1 else None

    def _insert_order(self, event: IntentAccepted | OrderAdopted) -> None:
        intent = event.intent
        try:
            self._db.execute(
                "INSERT INTO orders VALUES (?, ?, 'I', ?)", (event.tag, intent.intent_id, intent.valid_until)
            )
        except apsw.ConstraintError:
            raise DuplicateIntent(f"intent {intent.intent_id} is journaled already") from None

    def _insert_trade(self, event: TradeBooked, seq: int) -> None:
        try:
            self._db.execute("INSERT INTO trades VALUES (?, ?)", (trade_key(event), seq))
        except apsw.ConstraintError:
            raise DuplicateIntent(f"trade {event.trade_id} of order {event.order_id} is booked already") from None

    def _insert_once(self, event: ExecutionStarted | ExecutionEnded) -> None:
        """A decision begins and ends once, also where a former life of the writer wakes up within a commit."""
        intent_id = event.intent.intent_id if isinstance(event, ExecutionStarted) else event.intent_id
        self._db.execute("INSERT OR IGNORE INTO claims VALUES (?)", (f"{intent_id}/{type(event).__name__}",))
        if self._db.changes() != 1:
            raise DuplicateIntent(f"{type(event).__name__} of {intent_id} is journaled already")

    def _set_flag(self, name: str, value: str) -> None:
        self._execute("INSERT OR REPLACE INTO flags VALUES (?, ?)", (name, value))

    def _execute(self, sql: str, values: tuple[str | int | bytes, ...]) -> None:
        with self._transaction():
            self._db.execute(sql, values)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """Everything inside, durable at the end, or nothing. Raises JournalUnavailable where the disk refuses."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._make_durable()
        except _DISK_ERRORS as error:
            raise JournalUnavailable(self._disk_text(error)) from error
        finally:
            # SQLite has rolled back by itself on a full disk; on our own errors it has not.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def _make_durable(self) -> None:
        self._db.execute("COMMIT")

    def _disk_text(self, error: Exception) -> str:
        return f"{self._path}: nothing can be made durable: {error}"

    def _decode(self, seq: int, body: object) -> JournalEvent:
        assert isinstance(body, bytes), "the column is a BLOB"
        try:
            return _decoder.decode(body)
        except msgspec.MsgspecError as error:
            raise JournalCorrupt(f"{self._path}: seq {seq} cannot be read: {error}") from error
