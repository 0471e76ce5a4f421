"""The order journal that still lets positions be left where the disk takes nothing: full, or read-only.

What concerns an exit is then kept in memory, numbered as it would have been, and written before anything else as soon
as the disk takes it again. Entries are refused in words, as ever. A process that dies meanwhile has not kept these
events: at its next start the broker's books show orders and a position that the journal does not: named differences.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from adapters.store.journal import Lock, SqliteJournal
from domain.errors import JournalUnavailable
from domain.messages.gtt import GttClaimed, GttEvent
from domain.messages.journal import (
    IntentAccepted,
    JournalEvent,
    JournalRecord,
    ModifyClaimed,
    ModifyRequested,
    OrderAdopted,
    OrderRecord,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.orders.transitions import strategy_of, tag_of

KEPT_MAX: Final = 10_000
"""Events in memory: more than the exits of a day. Beyond them the disk's refusal stands."""


class EnduringJournal(SqliteJournal):
    """See the module.

    told       hears in words of every change between disk and memory
    committed  hears how many wall seconds each commit took
    """

    def __init__(
        self,
        path: Path,
        make_lock: Callable[[], Lock],
        *,
        told: Callable[[str, int], None] = lambda _event, _kept: None,
        committed: Callable[[float], None] = lambda _seconds: None,
    ) -> None:
        self._kept: list[JournalRecord] = []
        self._committed = committed
        self._told = told
        super().__init__(path, make_lock)

    @property
    def kept(self) -> int:
        """Events that are in memory alone."""
        return len(self._kept)

    def close(self) -> None:
        """See Journal.close. What is in memory alone is written if the disk takes it now."""
        if self._kept:
            with self._lock:
                try:
                    with self._transaction():
                        pass
                except JournalUnavailable:
                    self._told("journal.lost", len(self._kept))
        super().close()

    def _write(
        self, events: Sequence[JournalEvent], folded: dict[str, OrderRecord], risk_epoch: int | None
    ) -> list[JournalRecord]:
        try:
            return super()._write(events, folded, risk_epoch)
        except JournalUnavailable:
            if not self._concern_exits(events, folded):
                raise
            return self._keep(events)

    def _write_claim(self, record: OrderRecord, event: SendingClaimed) -> int | None:
        try:
            return super()._write_claim(record, event)
        except JournalUnavailable:
            if not record.intent.reduce_only or len(self._kept) >= KEPT_MAX:
                raise
            if record.state is not OrderState.INTENT or event.time >= record.intent.valid_until:
                return None
            return self._keep((event,))[0].seq

    def _insert_claim(self, key: str, event: ModifyClaimed | GttClaimed, strategy: str, *, exit_of: bool) -> int | None:
        try:
            return super()._insert_claim(key, event, strategy, exit_of=exit_of)
        except JournalUnavailable:
            # The caller has seen in the fold that it was not claimed before.
            if not exit_of or len(self._kept) >= KEPT_MAX:
                raise
            return self._keep((event,))[0].seq

    def _concern_exits(self, events: Sequence[JournalEvent], folded: dict[str, OrderRecord]) -> bool:
        return len(self._kept) < KEPT_MAX and all(self._concerns_an_exit(event, folded) for event in events)

    def _concerns_an_exit(self, event: JournalEvent, folded: dict[str, OrderRecord]) -> bool:
        if isinstance(event, GttEvent):
            return True  # a GTT only ever protects
        if isinstance(event, IntentAccepted | OrderAdopted):
            return event.intent.reduce_only
        if isinstance(event, ModifyRequested):
            return event.reduce_only
        record = folded.get(tag_of(event))
        return record is not None and record.intent.reduce_only

    def _keep(self, events: Sequence[JournalEvent]) -> list[JournalRecord]:
        if not self._kept:
            self._told("journal.in_memory", len(events))
        newest = self._newest()
        records = [JournalRecord(seq=newest + number, event=event) for number, event in enumerate(events, start=1)]
        self._kept.extend(records)
        return records

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """What is in memory goes first, so that the numbers on the disk have no gap."""
        kept = tuple(self._kept)
        with super()._transaction():
            for record in kept:
                self._put(record)
            yield
        if kept:
            del self._kept[: len(kept)]
            self._told("journal.on_disk_again", len(kept))

    def _make_durable(self) -> None:
        began = time.perf_counter()
        try:
            super()._make_durable()
        finally:
            self._committed(time.perf_counter() - began)

    def _put(self, record: JournalRecord) -> None:
        event = record.event
        self._insert(event, strategy_of(event) or self._strategy_by_tag(event), seq=record.seq)
        if isinstance(event, IntentAccepted | OrderAdopted):
            self._insert_order(event)
        elif isinstance(event, TradeBooked):
            self._insert_trade(event, record.seq)
        elif isinstance(event, ModifyClaimed):
            self._db.execute("INSERT OR IGNORE INTO claims VALUES (?)", (f"{event.tag}/{event.number}",))
        elif isinstance(event, GttClaimed):
            self._db.execute("INSERT OR IGNORE INTO claims VALUES (?)", (event.tag,))
        order = self._orders.get(tag_of(event))
        if order is not None:
            self._db.execute("UPDATE orders SET state = ? WHERE tag = ?", (order.state.value, order.tag))

    def _strategy_by_tag(self, event: JournalEvent) -> str:
        order = self._orders.get(tag_of(event))
        return "" if order is None else order.intent.strategy

    def _newest(self) -> int:
        return self._kept[-1].seq if self._kept else super()._newest()

    def _between(self, after: int, last: int) -> list[JournalRecord]:
        kept = [record for record in self._kept if after < record.seq <= last]
        return [*super()._between(after, last), *kept]
