"""A log file that is being written, read by whole lines: what stands behind the last newline is not there yet."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

import msgspec


class LogLines:
    """The JSON lines of a file as it grows, each read once. From any thread.

    A file that is not there yet has no lines. Raises AssertionError where it became shorter: it was rotated, and lines
    may have been missed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offset = 0
        self._rows: list[dict[str, object]] = []
        self._lock = threading.Lock()

    def rows(self) -> Sequence[dict[str, object]]:
        """Every whole line since the beginning, or since the last `forget`."""
        with self._lock:
            self._read()
            return tuple(self._rows)

    def named(self, event: str) -> list[dict[str, object]]:
        """Those of one event."""
        return [row for row in self.rows() if row["event"] == event]

    def forget(self) -> None:
        """From here on."""
        with self._lock:
            self._read()
            self._rows.clear()

    def _read(self) -> None:
        try:
            with self.path.open("rb") as file:
                assert file.seek(0, 2) >= self._offset, f"{self.path} became shorter"
                file.seek(self._offset)
                whole, newline, _ = file.read().rpartition(b"\n")
        except FileNotFoundError:
            return
        self._offset += len(whole) + len(newline)
        self._rows += [msgspec.json.decode(line) for line in whole.splitlines()]
