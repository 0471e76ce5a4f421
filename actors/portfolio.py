"""The portfolio: the books of the account, folded from the journal and marked at the newest prices."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from actors.folding import Projection
from actors.routes import PORTFOLIO, Routes
from actors.runtime import Actor, Context
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

    def started(self) -> None:
        """Rebuild from the snapshot and the journal."""
        kept = self._projection.restore()
        self.context.log("info", "portfolio.rebuilt", seq=self._projection.book.seq, from_snapshot=kept)
        self.context.every(self._publish_seconds, _Publish())

    def receive(self, message: object) -> object:
        """Fold, mark, tell."""
        match message:
            case PriceChanged(token=token, last_price=price):
                self._projection.book.mark(token, price)
                self._changed = True
            case JournalRecord():
                self._projection.feed(message)
            case JournalAdvanced(seq=seq):
                self._projection.catch_up(seq)
            case _Publish() if self._changed:
                self._changed = False
                self._routes.publish(self.context, self._snapshot())
            case Report():
                self._projection.catch_up()
                return self._snapshot()
        return None

    def stopping(self) -> None:
        """Keep a snapshot for a quick next start."""
        self._projection.keep()

    def _applied(self, _record: JournalRecord) -> None:
        self._changed = True

    def _snapshot(self) -> PortfolioSnapshot:
        return self._projection.book.snapshot(self._clock.now_ns())
