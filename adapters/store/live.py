"""The picture of a running trader, for the dashboard: bars, curves, books and alerts in one small SQLite file.

The trader writes about once a second without waiting for the disk: a torn second is a torn picture, never a torn order.
Another process reads at the same time. A file that is no such table is set aside and begun anew: nothing in it counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import attrgetter
from pathlib import Path
from typing import Final

import apsw
import msgspec
from msgspec import Struct

from domain.bars import Bar
from domain.errors import JournalUnavailable
from domain.messages.control import PortfolioSnapshot
from domain.messages.limits import LimitsUsed
from domain.report.curve import CurvePoint
from domain.values import Nanos

SCHEMA_VERSION: Final = 3
_SCHEMA: Final = """
-- By time first: bars that end together stand together, and 27,000 of them are a few hundred pages, not 27,000.
CREATE TABLE bars (
    seconds INTEGER NOT NULL, start INTEGER NOT NULL, token INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (seconds, start, token)) STRICT, WITHOUT ROWID;
CREATE TABLE charted (
    token INTEGER NOT NULL, seconds INTEGER NOT NULL, PRIMARY KEY (token, seconds)) STRICT, WITHOUT ROWID;
CREATE TABLE curve (
    time INTEGER NOT NULL, strategy TEXT NOT NULL, realised INTEGER NOT NULL, unrealised INTEGER NOT NULL,
    charges INTEGER NOT NULL, PRIMARY KEY (strategy, time)) STRICT, WITHOUT ROWID;
CREATE TABLE instruments (token INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;
CREATE TABLE books (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL) STRICT;
CREATE TABLE limits (id INTEGER PRIMARY KEY CHECK (id = 1), body BLOB NOT NULL) STRICT;
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, level TEXT NOT NULL, name TEXT NOT NULL,
    text TEXT NOT NULL, seen_by TEXT NOT NULL DEFAULT '') STRICT;
"""
BARS_KEPT: Final = 2_000
"""So many ends of bars of each interval are kept: more than a screen shows, less than a disk minds."""
POINTS_KEPT: Final = 20_000
ALERTS_KEPT: Final = 1_000
ROWS_AT_ONCE: Final = 250
"""Rows in one statement: at each statement the interpreter is given up and asked for again."""
PRUNE_EVERY: Final = 600
"""Writes between prunings."""

_STARTS: Final = """
WITH RECURSIVE starts (start) AS (
    SELECT max(start) FROM bars WHERE seconds = :seconds
    UNION ALL
    SELECT (SELECT max(start) FROM bars WHERE seconds = :seconds AND start < starts.start) FROM starts
    WHERE start IS NOT NULL)
"""
"""When bars of an interval began, the newest first, without a look at every instrument's."""

_NEWEST_BARS: Final = f"""{_STARTS}
SELECT body FROM starts CROSS JOIN bars USING (start) WHERE seconds = :seconds AND token = :token
ORDER BY start DESC LIMIT :limit
"""  # noqa: S608 - a constant
_FORGET_BARS: Final = f"""
DELETE FROM bars
WHERE seconds = :seconds AND start <= ({_STARTS} SELECT start FROM starts LIMIT 1 OFFSET :kept)
"""  # noqa: S608 - a constant

_place = attrgetter("interval_seconds", "start", "token")
_encoder = msgspec.msgpack.Encoder()
_bars = msgspec.msgpack.Decoder(Bar)
_books = msgspec.msgpack.Decoder(PortfolioSnapshot)
_limits = msgspec.msgpack.Decoder(LimitsUsed)
_DISK: Final = (
    apsw.FullError,
    apsw.ReadOnlyError,
    apsw.IOError,
    apsw.BusyError,
    apsw.LockedError,
    apsw.CantOpenError,
    apsw.PermissionsError,
)


class StoredAlert(Struct, frozen=True):
    """One alert. time: wall nanoseconds UTC; seen_by: who acknowledged it, empty while nobody has."""

    id: int
    time: Nanos
    level: str
    name: str
    text: str
    seen_by: str


class LiveFile:
    """Writes and reads `live.db`; its folder is made with mode 0700, the file with 0600.

    Raises JournalUnavailable where the disk refuses, from every call.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writes = 0
        self._charted: set[tuple[int, int]] = set()
        self._file = (0, 0)
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            try:
                self._db = _opened(path)
            except (apsw.NotADBError, apsw.CorruptError, _OtherVersion):
                path.replace(path.with_suffix(".unreadable"))
                for beside in ("-wal", "-shm"):
                    Path(f"{path}{beside}").unlink(missing_ok=True)
                self._db = _opened(path)
            self._file = _identity(path)
        except (apsw.Error, OSError) as error:
            raise JournalUnavailable(f"{path}: cannot be opened: {error}") from error

    def is_current(self) -> bool:
        """Whether the path still leads to this file, and not to one that replaced it."""
        try:
            return _identity(self._path) == self._file
        except OSError:
            return False

    # -- the trader's side -----------------------------------------------------------------------------------------

    def write(
        self,
        bars: tuple[Bar, ...],
        points: tuple[CurvePoint, ...],
        books: PortfolioSnapshot | None,
        limits: LimitsUsed | None = None,
    ) -> None:
        """See actors.publisher.LiveStore."""
        bars = tuple(sorted(bars, key=_place))  # as they stand in the table: history comes by instrument
        new = {(bar.token, bar.interval_seconds) for bar in bars} - self._charted
        with self._guarded(), self._db:
            self._db.executemany("INSERT OR IGNORE INTO charted VALUES (?, ?)", new)
            for at in range(0, len(bars), ROWS_AT_ONCE):
                self._put(bars[at : at + ROWS_AT_ONCE])
            self._db.executemany(
                "INSERT OR REPLACE INTO curve VALUES (?, ?, ?, ?, ?)",
                ((each.time, each.strategy, each.realised, each.unrealised, each.charges) for each in points),
            )
            if books is not None:
                self._db.execute("INSERT OR REPLACE INTO books VALUES (1, ?)", (_encoder.encode(books),))
            if limits is not None:
                self._db.execute("INSERT OR REPLACE INTO limits VALUES (1, ?)", (_encoder.encode(limits),))
            self._writes += 1
            if self._writes % PRUNE_EVERY == 1:
                self._prune()
        self._charted |= new

    def _put(self, bars: Sequence[Bar]) -> None:
        rows = ", ".join(["(?, ?, ?, ?)"] * len(bars))
        values = [each for bar in bars for each in (bar.interval_seconds, bar.start, bar.token, _encoder.encode(bar))]
        self._db.execute(f"INSERT OR REPLACE INTO bars VALUES {rows}", values)  # noqa: S608 - question marks alone

    def name(self, instruments: Mapping[int, str]) -> None:
        """See actors.publisher.LiveStore."""
        with self._guarded(), self._db:
            self._db.executemany("INSERT OR REPLACE INTO instruments VALUES (?, ?)", instruments.items())

    def send(self, level: str, title: str, text: str, time: Nanos) -> None:
        """Keep an alert."""
        with self._guarded():
            self._db.execute(
                "INSERT INTO alerts (time, level, name, text) VALUES (?, ?, ?, ?)", (time, level, title, text)
            )

    # -- the dashboard's side --------------------------------------------------------------------------------------

    def books(self) -> PortfolioSnapshot | None:
        """The newest books."""
        with self._guarded():
            body = self._db.execute("SELECT body FROM books").get
            return None if body is None else _books.decode(_bytes(body))

    def limits(self) -> LimitsUsed | None:
        """How much of each limit was used when the gate told it last."""
        with self._guarded():
            body = self._db.execute("SELECT body FROM limits").get
            return None if body is None else _limits.decode(_bytes(body))

    def bars(self, token: int, seconds: int, limit: int) -> Sequence[Bar]:
        """The newest bars, oldest first."""
        with self._guarded():
            rows = self._db.execute(
                _NEWEST_BARS,
                {"token": token, "seconds": seconds, "limit": limit},
            ).fetchall()
        return [_bars.decode(_bytes(body)) for (body,) in reversed(rows)]

    def charted(self) -> Sequence[tuple[str, int, int]]:
        """(instrument, token, interval in seconds) of what there are bars of."""
        with self._guarded():
            rows = self._db.execute(
                "SELECT name, token, seconds FROM instruments JOIN charted USING (token) ORDER BY name, seconds"
            ).fetchall()
        return [(str(name), int(str(token)), int(str(seconds))) for name, token, seconds in rows]

    def curve(self, strategy: str, after: Nanos, limit: int) -> Sequence[CurvePoint]:
        """Points later than `after`, oldest first; the newest `limit` of them."""
        with self._guarded():
            rows = self._db.execute(
                "SELECT time, strategy, realised, unrealised, charges FROM curve "
                "WHERE strategy = ? AND time > ? ORDER BY time DESC LIMIT ?",
                (strategy, after, limit),
            ).fetchall()
        return [
            CurvePoint(int(str(time)), str(name), int(str(realised)), int(str(unrealised)), int(str(charges)))
            for time, name, realised, unrealised, charges in reversed(rows)
        ]

    def alerts(self, limit: int) -> Sequence[StoredAlert]:
        """The newest alerts, newest first."""
        with self._guarded():
            rows = self._db.execute(
                "SELECT id, time, level, name, text, seen_by FROM alerts ORDER BY id DESC LIMIT ?", (limit,)
            ).fetchall()
        return [
            StoredAlert(int(str(row[0])), int(str(row[1])), str(row[2]), str(row[3]), str(row[4]), str(row[5]))
            for row in rows
        ]

    def acknowledge(self, alert: int, who: str) -> bool:
        """A person has seen it; False where there is no such alert, or somebody had."""
        with self._guarded():
            self._db.execute("UPDATE alerts SET seen_by = ? WHERE id = ? AND seen_by = ''", (who, alert))
            return self._db.changes() == 1

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    # -- inside ----------------------------------------------------------------------------------------------------

    def _prune(self) -> None:
        for (seconds,) in self._db.execute("SELECT DISTINCT seconds FROM charted").fetchall():
            self._db.execute(_FORGET_BARS, {"seconds": seconds, "kept": BARS_KEPT})
        self._db.execute(
            "DELETE FROM curve WHERE (strategy, time) IN (SELECT strategy, time FROM (SELECT strategy, time, "
            "row_number() OVER (PARTITION BY strategy ORDER BY time DESC) AS age FROM curve) WHERE age > ?)",
            (POINTS_KEPT,),
        )
        self._db.execute("DELETE FROM alerts WHERE id <= (SELECT max(id) FROM alerts) - ?", (ALERTS_KEPT,))

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except _DISK as error:
            raise JournalUnavailable(f"{self._path}: {error}") from error


def _identity(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_dev, stat.st_ino


class _OtherVersion(Exception):
    """The file is of another version of this program."""


def _opened(path: Path) -> apsw.Connection:
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    db = apsw.Connection(str(path))
    try:
        db.set_busy_timeout(2_000)
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "off")
        with db:
            version = db.pragma("user_version")
            if version == 0:
                db.execute(_SCHEMA)
                db.pragma("user_version", SCHEMA_VERSION)
        if version not in (0, SCHEMA_VERSION):
            raise _OtherVersion
    except BaseException:
        db.close()
        raise
    return db


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes), "the table is strict"
    return value
