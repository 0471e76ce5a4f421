"""The portfolio: the books of the account, folded from the journal and marked at the newest prices."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.folding import Projection
from actors.routes import PORTFOLIO, Routes
from actors.runtime import Actor, Context
from domain.errors import JournalUnavailable
from domain.messages.adjustments import PeakReset, PositionAdjusted
from domain.messages.control import Alert, PortfolioSnapshot, Report
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.market import PricesChanged
from domain.portfolio import Book
from domain.portfolio.watermarks import Watermarks, measured_anew, observed
from domain.ports import Clock, Journal
from domain.values import SECOND, Instrument, Nanos

MARKS: Final = "portfolio.marks"
MARKS_EVERY: Final = 60 * SECOND
"""Market time between the peaks and prices that are kept."""


class _Publish(Struct, frozen=True, tag=True):
    """Own timer: tell the newest snapshot."""


class Portfolio(Actor):
    """Rebuilds from its snapshot and the journal; tells a PortfolioSnapshot whenever something changed.

    publish_seconds  wall seconds between snapshots told
    keep_every       journal records between snapshots kept on disk (they only shorten the next rebuild)
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        instruments: Mapping[str, Instrument],
        publish_seconds: float,
        keep_every: int = 500,
    ) -> None:
        super().__init__(context)
        self._journal = journal
        self._routes = routes
        self._clock = clock
        self._publish_seconds = publish_seconds
        self._projection = Projection(
            context,
            journal,
            PORTFOLIO,
            Book(instruments),
            decode=lambda body: Book.decode(body, instruments),
            encode=lambda book: book.encode(marks=False),
            applied=self._applied,
            keep_every=keep_every,
        )
        self._reader = self._projection.reader
        self._changed = True
        self._watermarks = Watermarks()
        self._marks_due: Nanos = 0

    def started(self) -> None:
        """Rebuild from the snapshot and the journal."""
        kept = self._projection.restore()
        self._recall()
        self.context.log("info", "portfolio.rebuilt", seq=self._projection.book.seq, from_snapshot=kept)
        self.context.every(self._publish_seconds, _Publish())

    def receive(self, message: object) -> object:
        """Fold, mark, tell."""
        match message:
            case PricesChanged(prices=prices):
                self._projection.book.mark_all(prices)
                self._changed = True
            case JournalRecord():
                self._projection.feed(message)
            case JournalAdvanced(seq=seq):
                self._projection.catch_up(seq)
            case _Publish() if self._changed:
                self._changed = False
                self._publish()
            case Report():
                self._projection.catch_up()
                snapshot = self._snapshot()
                return observed(self._watermarks, snapshot, self._projection.book.past)[1] if snapshot.day else snapshot
        return None

    def stopping(self) -> None:
        """Keep a snapshot for a quick next start, and where the results stand."""
        self._projection.keep()
        self._keep_marks()

    def _applied(self, record: JournalRecord) -> None:
        self._changed = True
        if isinstance(record.event, PeakReset):
            self._watermarks = measured_anew(self._watermarks)

    def _publish(self) -> None:
        snapshot = self._snapshot()
        if snapshot.day:
            book = self._projection.book
            self._watermarks, snapshot = observed(self._watermarks, snapshot, book.past)
            if snapshot.time >= self._marks_due:
                self._marks_due = snapshot.time + MARKS_EVERY
                self._keep_marks()
        self._routes.publish(self.context, snapshot)

    def _snapshot(self) -> PortfolioSnapshot:
        return self._projection.book.snapshot(self._clock.now_ns())

    def _recall(self) -> None:
        """The peaks, and the prices that the market gave last: a position is not worth again what it had cost."""
        kept = self._journal.load_snapshot(MARKS)
        if kept is None:
            return
        try:
            self._watermarks = Watermarks.decode(kept[1])
        except ValueError as error:
            # Drawdowns are measured anew from here: a person must know.
            text = f"the highest results cannot be read, drawdowns begin anew: {error}"
            self._routes.publish(self.context, Alert("critical", "portfolio.peaks_lost", text, self._clock.now_ns()))
            return
        since = [record.event for record in self._journal.read(kept[0])]
        # After a split or a bonus the former price is of other units.
        other = {event.token for event in since if isinstance(event, PositionAdjusted)}
        for token, price in self._watermarks.marks:
            if token not in other:
                self._projection.book.mark(token, price)
        if any(isinstance(event, PeakReset) for event in since):
            self._watermarks = measured_anew(self._watermarks)

    def _keep_marks(self) -> None:
        book = self._projection.book
        self._watermarks = replace(self._watermarks, marks=tuple(sorted(book.marks().items())))
        try:
            self._journal.save_snapshot(MARKS, book.seq, self._watermarks.encode())
        except JournalUnavailable as error:
            self.context.log("warning", "portfolio.peaks_not_kept", why=str(error))
