"""The portfolio: the books of the account, folded from the journal and marked at the newest prices."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from actors.folding import JournalReader
from actors.routes import PORTFOLIO, Routes
from actors.runtime import Actor, Context
from domain.errors import PatangError
from domain.messages.control import PortfolioSnapshot, Report
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.market import PriceChanged
from domain.portfolio import Book
from domain.ports import Clock, Journal
from domain.values import Instrument


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
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._publish_seconds = publish_seconds
        self._keep_every = keep_every
        self._book = Book(instruments)
        self._instruments = instruments
        self._reader = JournalReader(journal, self._apply)
        self._kept_seq = 0
        self._changed = True

    def started(self) -> None:
        """Rebuild from the snapshot and the journal."""
        kept = self._journal.load_snapshot(PORTFOLIO)
        if kept is not None:
            try:
                self._book = Book.decode(kept[1], self._instruments)
                self._reader.last_seq = self._kept_seq = self._book.seq
            except PatangError as error:
                # The snapshot only saves time: the journal has everything.
                self.context.log("warning", "portfolio.snapshot_unread", why=str(error))
        self._reader.catch_up()
        self.context.log("info", "portfolio.rebuilt", seq=self._book.seq, from_snapshot=self._kept_seq)
        self.context.every(self._publish_seconds, _Publish())

    def receive(self, message: object) -> object:
        """Fold, mark, tell."""
        match message:
            case PriceChanged(token=token, last_price=price):
                self._book.mark(token, price)
                self._changed = True
            case JournalRecord():
                self._reader.feed(message)
            case JournalAdvanced(seq=seq):
                self._reader.catch_up(seq)
            case _Publish() if self._changed:
                self._changed = False
                self._routes.publish(self.context, self._snapshot())
            case Report():
                self._reader.catch_up()
                return self._snapshot()
        return None

    def stopping(self) -> None:
        """Keep a snapshot for a quick next start."""
        self._keep()

    def _apply(self, record: JournalRecord) -> None:
        self._book.apply(record)
        self._changed = True
        if record.seq - self._kept_seq >= self._keep_every:
            self._keep()

    def _keep(self) -> None:
        try:
            self._journal.save_snapshot(PORTFOLIO, self._book.seq, self._book.encode(marks=False))
            self._kept_seq = self._book.seq
        except PatangError as error:
            self.context.log("warning", "portfolio.snapshot_not_kept", why=str(error))

    def _snapshot(self) -> PortfolioSnapshot:
        return self._book.snapshot(self._clock.now_ns())
