"""Following the journal: what portfolio, risk gate and strategies share.

A reader ignores a `seq` it has applied and reads a gap from the journal, so that a rebuild plus a surviving mailbox
never counts anything twice and never misses anything.
"""

from __future__ import annotations

from collections.abc import Callable

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
