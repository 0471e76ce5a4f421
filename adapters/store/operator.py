"""Where a person's commands wait for a trader: a small SQLite file that every terminal may write to."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import msgspec

from domain.errors import JournalCorrupt, JournalUnavailable
from domain.messages.operator import OperatorAnswered, OperatorCommand, OperatorRequest, WaitingRequest
from domain.values import Nanos

SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL, who TEXT NOT NULL, body TEXT NOT NULL,
    taken TEXT NOT NULL DEFAULT '', outcome TEXT) STRICT;
CREATE INDEX waiting ON requests (id) WHERE outcome IS NULL;
"""
OPEN_SECONDS: Final = 5.0
WITHDRAWN: Final = "withdrawn: no trader took it in time"

_encoder = msgspec.json.Encoder()
_commands: msgspec.json.Decoder[OperatorCommand] = msgspec.json.Decoder(OperatorCommand)
_outcomes = msgspec.json.Decoder(OperatorAnswered)


class OperatorDesk:
    """The table `requests(id, time, who, body, taken, outcome)`; every change is durable when the call returns.

    path  the file; its folder is made with mode 0700, the file with 0600
    Raises JournalUnavailable where the disk refuses, JournalCorrupt for a file that is no such table.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db, version = _opened(path)
        except (apsw.NotADBError, apsw.CorruptError) as error:
            raise JournalCorrupt(f"{path}: not a readable table of requests: {error}") from error
        except (apsw.Error, OSError) as error:
            raise JournalUnavailable(f"{path}: cannot be opened: {error}") from error
        if version not in (0, SCHEMA_VERSION):
            raise JournalCorrupt(f"{path}: requests of version {version}, this program reads {SCHEMA_VERSION}")

    def put(self, time: Nanos, who: str, command: OperatorCommand) -> int:
        """A new request; its id."""
        with self._guarded():
            self._db.execute(
                "INSERT INTO requests (time, who, body) VALUES (?, ?, ?)",
                (time, who, _encoder.encode(command).decode()),
            )
            return self._db.last_insert_rowid()

    def waiting(self) -> Sequence[WaitingRequest]:
        """See actors.operator.RequestDesk."""
        with self._guarded():
            rows = self._db.execute(
                "SELECT id, time, who, body, taken FROM requests WHERE outcome IS NULL ORDER BY id"
            ).fetchall()
            return [
                WaitingRequest(
                    OperatorRequest(int(str(row[0])), int(str(row[1])), str(row[2]), _commands.decode(str(row[3]))),
                    str(row[4]),
                )
                for row in rows
            ]

    def take(self, request: int, run: str) -> bool:
        """See actors.operator.RequestDesk."""
        with self._guarded():
            self._db.execute(
                "UPDATE requests SET taken = ? WHERE id = ? AND taken = '' AND outcome IS NULL", (run, request)
            )
            return self._db.changes() == 1

    def answer(self, answer: OperatorAnswered) -> None:
        """See actors.operator.RequestDesk."""
        with self._guarded():
            self._db.execute(
                "UPDATE requests SET outcome = ? WHERE id = ? AND outcome IS NULL",
                (_encoder.encode(answer).decode(), answer.request),
            )

    def outcome(self, request: int) -> OperatorAnswered | None:
        """What came of a request; None while nothing has."""
        with self._guarded():
            text = self._db.execute("SELECT outcome FROM requests WHERE id = ?", (request,)).get
            return None if text is None else _outcomes.decode(str(text))

    def withdraw(self, request: int) -> bool:
        """End a request that nobody took; False where somebody did."""
        with self._guarded():
            answer = OperatorAnswered(request, done=False, text=WITHDRAWN)
            self._db.execute(
                "UPDATE requests SET outcome = ? WHERE id = ? AND taken = '' AND outcome IS NULL",
                (_encoder.encode(answer).decode(), request),
            )
            return self._db.changes() == 1

    def close(self) -> None:
        """Give the file back."""
        self._db.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (apsw.FullError, apsw.ReadOnlyError, apsw.IOError, apsw.BusyError, apsw.LockedError) as error:
            raise JournalUnavailable(f"{self._path}: {error}") from error
        except msgspec.MsgspecError as error:
            raise JournalCorrupt(f"{self._path}: a request cannot be read: {error}") from error


def _opened(path: Path) -> tuple[apsw.Connection, object]:
    """The connection, and the version that was found. Two terminals may both find the file new.

    SQLite does not wait for the lock that changing to WAL takes: so this tries again.
    """
    deadline = time.monotonic() + OPEN_SECONDS
    while True:
        db = apsw.Connection(str(path))
        try:
            db.set_busy_timeout(5_000)
            db.pragma("journal_mode", "wal")
            db.pragma("synchronous", "full")
            db.execute("BEGIN IMMEDIATE")
            version = db.pragma("user_version")
            if version == 0:
                db.execute(_SCHEMA)
                db.pragma("user_version", SCHEMA_VERSION)
            db.execute("COMMIT")
        except (apsw.BusyError, apsw.LockedError):
            db.close()
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.01)
        except apsw.Error:
            db.close()
            raise
        else:
            return db, version
