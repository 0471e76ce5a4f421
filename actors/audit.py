"""The audit trail's own actor: it hears what is decided, sent, answered and done, and never holds anybody up.

Journaled events cannot be lost: what the journal has beyond the trail's end is appended at the start, and whenever
there was a gap. What only travels in messages (decisions, denials, approvals, replies) is durable a quarter of a second
later; a killed process loses what it had not written of that.
"""

from __future__ import annotations

from typing import Final, Protocol

from msgspec import Struct

from actors.folding import JournalReader
from actors.routes import Routes
from actors.runtime import Actor, Context
from domain.audit.chain import ChainBroken, Head
from domain.audit.entries import (
    Draft,
    EntriesLost,
    JournalBehind,
    Told,
    TrailOpened,
    draft,
    event_draft,
    own_draft,
)
from domain.errors import JournalUnavailable
from domain.messages.control import Alert, Report
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.orders import OrderPosted
from domain.ports import Clock, Journal
from domain.values import Nanos

AUDIT_FLAG: Final = "audited_as"
"""In the journal: whose life first wrote it into the trail. A journal without it is new to the trail."""

FLUSH_SECONDS: Final = 0.25
BATCH_MAX: Final = 1_000
WAITING_MAX: Final = 20_000
"""While the disk refuses: more than that is not kept; what the journal has is read from there afterwards."""


class Trail(Protocol):
    """Where entries go (adapters/store/audit.py)."""

    @property
    def head(self) -> Head:
        """The newest entry that is durable."""
        ...

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet."""
        ...

    def open(self, now: Nanos) -> Head:
        """Find the end of the chain. Raises JournalUnavailable, ChainBroken (writing may go on after that)."""
        ...

    def append(self, draft: Draft, time: Nanos, journal: int = 0) -> None:
        """Put an entry after those that wait. journal: the seq of a journaled event, else 0."""
        ...

    def flush(self) -> None:
        """Make what waits durable. Raises JournalUnavailable."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class TrailKeeper:
    """Brings a trail and a journal together: also for a command that acts while no trader runs."""

    def __init__(self, trail: Trail, journal: Journal, clock: Clock, run: str) -> None:
        self.trail = trail
        self._journal = journal
        self._clock = clock
        self._run = run
        self._opened = False
        self._start: int | None = None
        self.reader = JournalReader(journal, self._event)

    def begin(self) -> None:
        """Open the trail, and append what the journal has beyond it.

        Raises JournalUnavailable: begin again then, it goes on where it was. Raises ChainBroken once, where the trail's
        end is no entry: begin again then as well, writing goes on after the last whole one.
        """
        now = self._clock.now_ns()
        if self._start is None:
            if not self._opened:
                try:
                    self.trail.open(now)
                except ChainBroken:
                    self._opened = True
                    raise
                self._opened = True
            self._start = self._open_journal(now)
        self.trail.flush()
        if self._journal.flag(AUDIT_FLAG) is None:
            self._journal.set_flag(AUDIT_FLAG, self._run)
        self.reader.last_seq = max(self.reader.last_seq, self._start)
        self.reader.catch_up()
        self.trail.flush()

    def _open_journal(self, now: Nanos) -> int:
        """Say who writes from here on, and whose journal; the seq after which its events are missing."""
        known, last = self.trail.head.journal, self._journal.last_seq()
        start = 0 if self._journal.flag(AUDIT_FLAG) is None else known
        account = self._journal.flag("account") or ""
        self.trail.append(own_draft(TrailOpened(run=self._run, account=account)), now, start)
        if start > last:
            self.trail.append(own_draft(JournalBehind(trail=start, journal=last)), now, last)
        return min(start, last)

    def append(self, entry: Draft) -> None:
        """An entry that the journal does not have."""
        self.trail.append(entry, self._clock.now_ns())

    def _event(self, record: JournalRecord) -> None:
        self.trail.append(event_draft(record.event), self._clock.now_ns(), record.seq)


class _Flush(Struct, frozen=True, tag=True):
    """Own timer: make it durable."""


class Audit(Actor):
    """See the module. A disk that refuses is a state: it is told once, and trading goes on."""

    def __init__(
        self, context: Context, routes: Routes, trail: Trail, journal: Journal, clock: Clock, run: str
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._clock = clock
        self._keeper = TrailKeeper(trail, journal, clock, run)
        self._trail = trail
        self._begun = False
        self._refused = False
        self._lost = 0

    def started(self) -> None:
        """Find the end of the trail, and bring it up to the journal."""
        self._flush()
        self.context.every(FLUSH_SECONDS, _Flush())

    def stopping(self) -> None:
        """The last entries of the day."""
        if self._begun:
            self._keeper.reader.catch_up()
        self._flush()
        self._trail.close()

    def receive(self, message: object) -> object:
        """Keep what is to be kept."""
        match message:
            case _Flush():
                self._flush()
            case Report():
                return {"seq": self._trail.head.seq, "waiting": self._trail.waiting, "lost": self._lost}
            case _ if not self._begun or self._trail.waiting >= WAITING_MAX:
                self._lost += not isinstance(message, JournalRecord | JournalAdvanced)
            case JournalRecord():
                self._keeper.reader.feed(message)
            case JournalAdvanced(seq=seq):
                self._keeper.reader.catch_up(seq)
            case OrderPosted(claim_seq=claim_seq):
                # The worker's claim is told by nobody: it stands in the journal, before the reply.
                self._keeper.reader.catch_up(claim_seq)
                self._keeper.append(draft(message))
            case _ if isinstance(message, Told):
                self._keeper.append(draft(message))
        if self._trail.waiting >= BATCH_MAX and not self._refused:
            self._flush()
        return None

    def _flush(self) -> None:
        try:
            if not self._begun:
                self._begin()
            self._trail.flush()
            if self._refused:
                # What was not kept meanwhile: the journal has it, or it is lost and counted.
                self._keeper.reader.catch_up()
                if self._lost:
                    self._keeper.append(own_draft(EntriesLost(count=self._lost)))
                self._trail.flush()
                self._lost = 0
                self.context.log("warning", "audit.durable_again", seq=self._trail.head.seq)
            self._refused = False
        except JournalUnavailable as error:
            if not self._refused:
                self._alert("audit.unavailable", str(error))
            self._refused = True

    def _begin(self) -> None:
        try:
            self._keeper.begin()
        except ChainBroken as error:
            self._alert("audit.broken", str(error))
            self._keeper.begin()
        self._begun = True
        self.context.log("info", "audit.opened", seq=self._trail.head.seq, journal=self._trail.head.journal)

    def _alert(self, name: str, text: str) -> None:
        self.context.log("error", name, why=text)
        alert = Alert(level="critical", name=name, text=text, time=self._clock.now_ns())
        self._routes.publish(self.context, alert)
