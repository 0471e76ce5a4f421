"""Reading what is stored, also while a trader runs: the journal opened read-only, and the books folded from it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from adapters.store.journal import SqliteJournal
from app.options import ConfigFile, Env, Sets, load_settings
from app.world import Folders, folders
from domain.messages.control import PortfolioSnapshot
from domain.portfolio import Book
from domain.values import IST, ist, nanos


@contextmanager
def stored_journal(env: Env, config: ConfigFile, sets: Sets) -> Iterator[tuple[SqliteJournal | None, Folders]]:
    """The environment's journal, or None where nothing was ever traded."""
    loaded = load_settings(env, config, sets)
    where = folders(loaded)
    if not where.journal.exists():
        yield None, where
        return
    journal = SqliteJournal(where.journal, threading.Lock, read_only=True)
    try:
        yield journal, where
    finally:
        journal.close()


def stored_books(journal: SqliteJournal) -> PortfolioSnapshot:
    """The account as the journal says, valued at the last trade of each instrument."""
    book = Book()
    book.apply_all(journal.read(0))
    day = dt.date.fromisoformat(book.day) if book.day else ist(0).date()
    return book.snapshot(nanos(dt.datetime.combine(day, dt.time(15, 30), IST)))
