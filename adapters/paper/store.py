"""The paper account on disk: one SQLite file, so that a restart finds the books as they were."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import apsw
import msgspec

from adapters.paper.rows import Day, Kept, PaperOrder
from domain.errors import JournalUnavailable
from domain.messages.gtt import BrokerGtt

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS days (date TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS orders (date TEXT NOT NULL, order_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS trades (
    date TEXT NOT NULL, number INTEGER PRIMARY KEY AUTOINCREMENT, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS gtts (trigger_id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
"""

_encoder: Final = msgspec.msgpack.Encoder()
_order: Final = msgspec.msgpack.Decoder(PaperOrder)
_trade: Final = msgspec.msgpack.Decoder(Kept)
_gtt: Final = msgspec.msgpack.Decoder(BrokerGtt)
_day: Final = msgspec.msgpack.Decoder(Day)


class PaperStore:
    """Raises JournalUnavailable where the disk is full or cannot be written."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        try:
            self._db = apsw.Connection(str(path))
            self._db.set_busy_timeout(2000)
            self._db.pragma("journal_mode", "wal")
            # Pretend money: a power cut may cost the last moments, a crash of the program nothing.
            self._db.pragma("synchronous", "normal")
            self._db.execute(_SCHEMA)
        except apsw.Error as error:
            raise JournalUnavailable(f"{path}: {error}") from None
        self._path = path

    def name(self) -> str:
        """Names this account's life; another file is another account."""
        found = self._db.execute("SELECT value FROM facts WHERE name = 'name'").fetchone()
        if found is not None:
            return str(found[0])
        name = uuid.uuid4().hex
        self._db.execute("INSERT INTO facts VALUES ('name', ?)", (name,))
        return name

    def newest_day(self) -> Day | None:
        """The day that was last begun."""
        found = self._db.execute("SELECT body FROM days ORDER BY date DESC LIMIT 1").fetchone()
        return None if found is None else _day.decode(found[0])

    def orders(self, date: str) -> list[PaperOrder]:
        """The day's orders, oldest first."""
        rows = self._db.execute("SELECT body FROM orders WHERE date = ? ORDER BY rowid", (date,))
        return [_order.decode(body) for (body,) in rows]

    def trades(self, date: str) -> list[Kept]:
        """The day's trades, oldest first."""
        rows = self._db.execute("SELECT body FROM trades WHERE date = ? ORDER BY number", (date,))
        return [_trade.decode(body) for (body,) in rows]

    def begin(self, day: Day) -> None:
        """A new day."""
        self._write([("INSERT OR REPLACE INTO days VALUES (?, ?)", (day.date, _encoder.encode(day)))])

    def gtts(self) -> list[BrokerGtt]:
        """All GTTs, whatever day, oldest first."""
        return [_gtt.decode(body) for (body,) in self._db.execute("SELECT body FROM gtts ORDER BY rowid")]

    def keep(
        self, date: str, orders: Iterable[PaperOrder], trades: Iterable[Kept] = (), gtts: Iterable[BrokerGtt] = ()
    ) -> None:
        """Orders and GTTs as they stand now, and new trades, in one transaction."""
        changes: list[tuple[str, tuple[object, ...]]] = [
            (
                "INSERT INTO orders VALUES (?, ?, ?) ON CONFLICT (order_id) DO UPDATE SET body = excluded.body",
                (date, order.order_id, _encoder.encode(order)),
            )
            for order in orders
        ]
        changes += [("INSERT INTO trades (date, body) VALUES (?, ?)", (date, _encoder.encode(each))) for each in trades]
        changes += [
            (
                "INSERT INTO gtts VALUES (?, ?) ON CONFLICT (trigger_id) DO UPDATE SET body = excluded.body",
                (row.trigger_id, _encoder.encode(row)),
            )
            for row in gtts
        ]
        self._write(changes)

    def close(self) -> None:
        """Checkpoint and close."""
        self._db.close()

    def _write(self, changes: Iterable[tuple[str, tuple[object, ...]]]) -> None:
        try:
            with self._db:
                for statement, values in changes:
                    self._db.execute(statement, values)
        except apsw.Error as error:
            raise JournalUnavailable(f"{self._path}: nothing can be kept: {error}") from None
