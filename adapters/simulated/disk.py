"""The journal on a disk that is slow, fills up, and is found as it was when the process was killed.

It is the real SqliteJournal on a real file (in memory-backed storage); only the disk under it is bent. Every commit has
four edges: before, being written, durable, and told to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random

import apsw

from adapters.simulated.seam import Hazard, Process, SimLock, Watcher, Weather
from adapters.store.journal import SqliteJournal
from domain.messages.journal import JournalEvent, JournalRecord, OrderRecord
from domain.orders.transitions import tag_of
from domain.values import Nanos


class SimJournal(SqliteJournal):
    """See the module. `open_on` makes one for a process."""

    def __init__(
        self,
        path: Path,
        make_lock: Callable[[], SimLock],
        process: Process,
        weather: Weather,
        watcher: Watcher,
        hazard: Hazard,
    ) -> None:
        self._process = process
        self._weather = weather
        self._watcher = watcher
        self._hazard = hazard
        self._ready = False
        super().__init__(path, make_lock)
        # A kill leaves what was written, a power cut is not modelled: waiting for the platter would only cost time.
        self._db.pragma("synchronous", "off")
        self._ready = True

    def commit(
        self, events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
    ) -> Sequence[JournalRecord]:
        """See Journal.commit."""
        if claim_at:
            self._watcher.claiming(tag_of(events[0]))
        self._hazard("journal.commit")
        records = super().commit(events, risk_epoch=risk_epoch, claim_at=claim_at)
        self._hazard("journal.committed")
        return records

    def claim(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim."""
        stands = tag in self._standing
        if not stands:
            self._watcher.claiming(tag)
        record = super().claim(tag, now)
        if record is not None and not stands:
            self._watcher.committed((record,))
        self._hazard("journal.claimed")
        return record

    def claim_change(self, tag: str, number: int, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_change."""
        return self._claimed(super().claim_change(tag, number, now))

    def claim_gtt(self, tag: str, now: Nanos) -> JournalRecord | None:
        """See Journal.claim_gtt."""
        return self._claimed(super().claim_gtt(tag, now))

    def _claimed(self, record: JournalRecord | None) -> JournalRecord | None:
        if record is not None:
            self._watcher.committed((record,))
        self._hazard("journal.claimed")
        return record

    def abandon(self) -> None:
        """What the system does with a dead process's files: whatever was not committed is taken back."""
        self._db.close(force=True)

    def _write(
        self, events: Sequence[JournalEvent], folded: dict[str, OrderRecord], risk_epoch: int | None
    ) -> list[JournalRecord]:
        records = super()._write(events, folded, risk_epoch)
        self._watcher.committed(records)
        return records

    def _set_flag(self, name: str, value: str) -> None:
        super()._set_flag(name, value)
        self._watcher.flag_kept(name, value)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with super()._transaction():
            if self._ready:
                self._disk_is_busy()
            yield

    def _disk_is_busy(self) -> None:
        if self._weather.strikes("disk_full"):
            raise apsw.FullError("database or disk is full")
        if self._weather.strikes("slow_disk"):
            self._process.sleep(0.1 if self._weather.random.random() < 0.8 else 0.5)


class Disk:
    """The folder that outlives our processes."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.path = folder / "journal.db"
        self._random = random
        self._seized: dict[Path, bytes] | None = None

    def seize(self) -> None:
        """What lies there at this moment is what the next crash leaves."""
        self._seized = self._content()

    def crash(self, journal: SimJournal) -> None:
        """The process that had it open is dead: leave on the disk what lay there at that moment, its torn tail too."""
        kept = self._content() if self._seized is None else self._seized
        self._seized = None
        journal.abandon()
        for path, content in kept.items():
            tail = self._random.randbytes(self._random.randrange(6000)) if path == self._wal else b""
            path.write_bytes(content + tail)
        self.path.with_name(self.path.name + "-shm").unlink(missing_ok=True)

    @property
    def _wal(self) -> Path:
        return self.path.with_name(self.path.name + "-wal")

    def _content(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in (self.path, self._wal) if path.exists()}

    def content_hash(self) -> int:
        """Of what lies there now; comparable within one run of Python."""
        return hash(tuple(sorted(self._content().items())))

    def clean(self) -> None:
        """Remove everything."""
        for path in (self.path, *(self.path.with_name(self.path.name + end) for end in ("-wal", "-shm"))):
            path.unlink(missing_ok=True)
