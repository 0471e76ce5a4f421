"""Following the journal: what portfolio, risk gate and strategies share.

A reader ignores a `seq` it has applied and reads a gap from the journal, so that a rebuild plus a surviving mailbox
never counts anything twice and never misses anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from actors.runtime import Context
from domain.errors import PatangError
from domain.messages.journal import JournalRecord
from domain.ports import Journal


class JournalReader:
    """Calls `apply` once for every record after `last_seq`, in order.

    last_seq  the newest seq that has been applied
    """

    def __init__(self, journal: Journal, apply: Callable[[JournalRecord], None], last_seq: int = 0) -> None:
        self._journal = journal
        self._apply = apply
        self.last_seq = last_seq

    def feed(self, record: JournalRecord) -> None:
        """One record as it was told."""
        if record.seq <= self.last_seq:
            return
        if record.seq > self.last_seq + 1:
            self.catch_up(record.seq - 1)
        self._take(record)

    def catch_up(self, upto: int | None = None) -> None:
        """Everything the journal has beyond what was applied."""
        if upto is not None and upto <= self.last_seq:
            return
        for record in self._journal.read(self.last_seq, upto):
            self._take(record)

    def _take(self, record: JournalRecord) -> None:
        self._apply(record)
        self.last_seq = record.seq


class Foldable(Protocol):
    """What is folded from the journal: the risk gate's book, the portfolio's."""

    @property
    def seq(self) -> int:
        """The last record applied."""
        ...

    def apply(self, record: JournalRecord) -> bool:
        """Fold one record."""
        ...


B = TypeVar("B", bound=Foldable)


class Projection(Generic[B]):
    """A book that follows the journal, and a snapshot of it now and then, which only shortens a rebuild.

    book      as it stands; it is replaced by a snapshot's in `restore`
    reader    how far it has read
    name      of the snapshot, and of the log events
    applied   called after each record
    keep_every  journal records between snapshots kept
    """

    def __init__(
        self,
        context: Context,
        journal: Journal,
        name: str,
        book: B,
        *,
        decode: Callable[[bytes], B],
        encode: Callable[[B], bytes],
        applied: Callable[[JournalRecord], None],
        keep_every: int = 500,
    ) -> None:
        self.book = book
        self._context = context
        self._journal = journal
        self._name = name
        self._decode = decode
        self._encode = encode
        self._applied = applied
        self._keep_every = keep_every
        self._kept_seq = 0
        self.reader = JournalReader(journal, self._apply)

    def restore(self) -> int:
        """Rebuild from the snapshot and the journal; the snapshot's seq, 0 where there was none that could be read."""
        kept = self._journal.load_snapshot(self._name)
        if kept is not None:
            try:
                self.book = self._decode(kept[1])
                self.reader.last_seq = self._kept_seq = self.book.seq
            except (PatangError, ValueError) as error:
                # The snapshot only saves time: the journal has everything.
                self._context.log("warning", f"{self._name}.snapshot_unread", why=str(error))
        self.reader.catch_up()
        return self._kept_seq

    def feed(self, record: JournalRecord) -> None:
        """One record as it was told."""
        self.reader.feed(record)

    def catch_up(self, upto: int | None = None) -> None:
        """Everything the journal has beyond what was applied."""
        self.reader.catch_up(upto)

    def keep(self) -> None:
        """Keep a snapshot for a quick next start."""
        try:
            self._journal.save_snapshot(self._name, self.book.seq, self._encode(self.book))
            self._kept_seq = self.book.seq
        except PatangError as error:
            self._context.log("warning", f"{self._name}.snapshot_not_kept", why=str(error))

    def _apply(self, record: JournalRecord) -> None:
        self.book.apply(record)
        self._applied(record)
        if record.seq - self._kept_seq >= self._keep_every:
            self.keep()
