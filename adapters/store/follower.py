"""Reading a journal that another process writes: what came since the last look, without disturbing the writer."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path

import apsw
import msgspec

from domain.errors import JournalCorrupt, JournalUnavailable
from domain.messages.journal import JournalEvent, JournalRecord

_decoder: msgspec.msgpack.Decoder[JournalEvent] = msgspec.msgpack.Decoder(JournalEvent)


class JournalFollower:
    """Follows the journal file at `path`, which may not be there yet, or be replaced by a new one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db: apsw.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._seq = 0

    def look(self) -> tuple[bool, Sequence[JournalRecord]]:
        """(whether this is another file than before, its records that were not seen yet).

        Raises JournalUnavailable where it cannot be read now, JournalCorrupt where it holds what this program does
        not know.
        """
        anew = self._reopen()
        if self._db is None:
            return anew, ()
        try:
            rows = self._db.execute("SELECT seq, body FROM events WHERE seq > ? ORDER BY seq", (self._seq,)).fetchall()
            records = [JournalRecord(int(str(seq)), _decoder.decode(_bytes(body))) for seq, body in rows]
        except msgspec.MsgspecError as error:
            raise JournalCorrupt(f"{self._path}: an event cannot be read: {error}") from error
        except apsw.Error as error:
            raise JournalUnavailable(f"{self._path}: {error}") from error
        if records:
            self._seq = records[-1].seq
        return anew, records

    def flag(self, name: str) -> str | None:
        """A fact that the journal keeps, as it is now. Raises JournalUnavailable."""
        if not self._path.exists():
            return None
        try:
            # A connection of its own: `look` alone says when the file is another one.
            with closing(apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
                db.set_busy_timeout(2_000)
                value = db.execute("SELECT value FROM flags WHERE name = ?", (name,)).get
        except apsw.Error as error:
            raise JournalUnavailable(f"{self._path}: {error}") from error
        return None if value is None else str(value)

    def close(self) -> None:
        """Give the file back."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _reopen(self) -> bool:
        found: tuple[int, int] | None = None
        with suppress(FileNotFoundError):
            stat = self._path.stat()
            found = (stat.st_dev, stat.st_ino)
        if found == self._file:
            return False
        self.close()
        self._file, self._seq = found, 0
        if found is None:
            return True
        try:
            self._db = apsw.Connection(str(self._path), flags=apsw.SQLITE_OPEN_READONLY)
            self._db.set_busy_timeout(2_000)
        except apsw.Error as error:
            self._file = None
            raise JournalUnavailable(f"{self._path}: cannot be opened: {error}") from error
        return True


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes), "the table is strict"
    return value
