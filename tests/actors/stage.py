"""Where actors are played on the test's own strand: clocks set by hand, a real journal, and a record of what is told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TypeVar

from actors.routes import Routes, Topology
from actors.runtime import DetachedContext, Lane, Runtime, ThreadRuntime
from adapters.store.journal import SqliteJournal
from domain.errors import JournalUnavailable
from domain.messages.journal import JournalEvent, JournalRecord
from domain.values import SECOND, Nanos
from tests.timetable.market_clocks import SetClock

T = TypeVar("T")

TOPOLOGY = Topology(strategies=("ma", "s1", "s2"), by_token={408065: ("ma", "s1")})


class Disk(SqliteJournal):
    """The real journal on a disk that can be full."""

    full = False

    def __init__(self, path: Path) -> None:
        super().__init__(path, threading.Lock)
        # What is committed is read by other connections all the same; only a power cut would tell the difference.
        self._db.pragma("synchronous", "off")

    def commit(
        self, events: Sequence[JournalEvent], *, risk_epoch: int | None = None, claim_at: Nanos = 0
    ) -> Sequence[JournalRecord]:
        self._must_have_room()
        return super().commit(events, risk_epoch=risk_epoch, claim_at=claim_at)

    def claim(self, tag: str, now: Nanos) -> JournalRecord | None:
        self._must_have_room()
        return super().claim(tag, now)

    def set_flag(self, name: str, value: str) -> None:
        self._must_have_room()
        super().set_flag(name, value)

    def save_snapshot(self, name: str, seq: int, body: bytes) -> None:
        self._must_have_room()
        super().save_snapshot(name, seq, body)

    def _must_have_room(self) -> None:
        if self.full:
            raise JournalUnavailable("journal.db: nothing can be made durable: disk full")


class Told(DetachedContext):
    """A context that also lets a test look at the world at the very moment something is told."""

    def __init__(self, runtime: Runtime, name: str, incarnation: int = 1) -> None:
        super().__init__(runtime, name, incarnation)
        self.observe: Callable[[str, object], None] = lambda _to, _message: None

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        self.observe(name, message)
        super().tell(name, message, lane, key)

    def of(self, kind: type[T]) -> list[T]:
        """Messages of one kind told to anybody, each once, in order."""
        found: list[T] = []
        for told in self.told:
            if isinstance(told.message, kind) and not any(told.message is one for one in found):
                found.append(told.message)
        return found

    def events(self) -> list[JournalEvent]:
        """The journal events told to the risk gate."""
        return [m.event for m in self.told_to("risk") if isinstance(m, JournalRecord)]

    def words(self) -> list[str]:
        """Names of the log events."""
        return [event for _, event, _ in self.logged]

    def afresh(self) -> None:
        """From here on."""
        self.told.clear()
        self.timers.clear()
        self.logged.clear()


class Stage:
    """Clocks, runtime, journal, routes. `path` is the journal's file."""

    def __init__(self, folder: Path, now: Nanos) -> None:
        self.clock = SetClock(now)
        self.mono = SetClock(1_000 * SECOND)
        self.runtime = ThreadRuntime(self.mono, seed=1)
        self.path = folder / "journal.db"
        self.journal = Disk(self.path)
        self.routes = Routes(TOPOLOGY)

    def context(self, name: str, incarnation: int = 1) -> Told:
        """A fresh context."""
        return Told(self.runtime, name, incarnation)

    def passes(self, seconds: float) -> None:
        """Both clocks move."""
        self.clock.now += int(seconds * SECOND)
        self.mono.now += int(seconds * SECOND)

    def restart_process(self) -> None:
        """The journal is closed and opened again, as another process would."""
        self.journal.close()
        self.journal = Disk(self.path)

    def durable(self) -> int:
        """The newest seq that another process would find in the file."""
        other = SqliteJournal(self.path, threading.Lock, read_only=True)
        try:
            return other.last_seq()
        finally:
            other.close()

    def close(self) -> None:
        self.journal.close()
        self.runtime.close()


def own(context: DetachedContext, name: str) -> object:
    """The message of the actor's own timer of this class name (the newest one)."""
    return next(t.message for t in reversed(context.timers) if type(t.message).__name__ == name)
