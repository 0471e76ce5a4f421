"""The order journal beside a recording: a copy from the start, and what it came to in one line."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import apsw
import msgspec

from domain.messages.journal import JournalRecord


def copy_journal(source: Path, target: Path) -> None:
    """A copy of a journal that may be in use."""
    old, new = apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READONLY), apsw.Connection(str(target))
    try:
        with new.backup("main", old, "main") as backup:
            backup.step()
    finally:
        new.close()
        old.close()
    target.chmod(0o600)


def journal_hash(records: Iterable[JournalRecord]) -> str:
    """One line for a whole journal: the same records, the same line."""
    digest, encoder = hashlib.sha256(), msgspec.msgpack.Encoder()
    for record in records:
        digest.update(encoder.encode(record))
    return digest.hexdigest()
