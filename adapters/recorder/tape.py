"""The recording's files: appended by any thread in no time, written by one, in compressed blocks, within bounds.

A folder per life of the process: `header.json`, `journal.db` (the order journal as it was at the start), and parts
`part-000.rec` on. A part is a sequence of blocks: four bytes of length, then zlib over a msgpack array of entries. A
torn last block (the process was killed) is left out when read.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from adapters.recorder.codec import Unrecordable, encode, fingerprint
from adapters.recorder.entries import Entry, Header, Kind
from domain.ports import EventLog

WAIT_SECONDS: Final = 0.2
ENTRIES_WAITING_MAX: Final = 400_000
"""About a hundred megabytes. Beyond it entries are dropped and counted: trading goes on."""

BLOCK_ENTRIES: Final = 20_000
PART_BYTES_MAX: Final = 64 * 1024 * 1024
_LENGTH: Final = struct.Struct(">I")

_encoder: Final = msgspec.msgpack.Encoder()
_decoder: Final = msgspec.msgpack.Decoder(list[Entry])

Raw = tuple[Kind, str, str, object]
"""An entry before it is encoded: (kind, actor, what, value)."""


class Tape:
    """Records until `close`. `dropped` counts what could not be kept.

    derived  types of messages that a replay makes by itself: of these only the fingerprint is kept
    """

    def __init__(self, folder: Path, header: Header, derived: frozenset[type], bytes_max: int, log: EventLog) -> None:
        folder.mkdir(parents=True, mode=0o700)
        write_private(folder / "header.json", msgspec.json.encode(header))
        self._folder = folder
        self._derived = derived
        self._bytes_left = bytes_max
        self._log = log
        self._waiting: deque[Raw] = deque()
        self._wake = threading.Event()
        self._closing = False
        self._full = False
        self._parts = 0
        self._file: BinaryIO | None = None
        self._written_in_part = 0
        self.dropped = 0
        self._dropped_told = 0
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self._thread.start()

    def put(self, kind: Kind, actor: str, what: str, value: object = None) -> None:
        """Append, from any thread. The value must not change afterwards. Never waits, never raises."""
        if self._full or len(self._waiting) >= ENTRIES_WAITING_MAX:
            self.dropped += 1
            return
        self._waiting.append((kind, actor, what, value))

    def close(self) -> None:
        """Write what waits, and end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join()
        if self._file is not None:
            self._file.close()
            self._file = None
        if self.dropped:
            self._log("warning", "recorder.dropped", entries=self.dropped, folder=str(self._folder))

    # On the recorder's thread from here on.

    def _run(self) -> None:
        while True:
            self._wake.wait(WAIT_SECONDS)
            closing = self._closing
            try:
                while self._waiting:
                    self._write_block()
            except OSError as error:
                self._full = True
                self._waiting.clear()
                self._log("error", "recorder.stopped", why=str(error))
            if closing:
                return

    def _write_block(self) -> None:
        count = min(BLOCK_ENTRIES, len(self._waiting))
        entries = [self._encoded(*self._waiting.popleft()) for _ in range(count)]
        if self.dropped != self._dropped_told:
            entries.append(Entry(Kind.LOST, "", value=self.dropped - self._dropped_told))
            self._dropped_told = self.dropped
        block = zlib.compress(_encoder.encode(entries), 1)
        if len(block) > self._bytes_left:
            self._full = True
            self.dropped += len(entries) + len(self._waiting)
            self._waiting.clear()
            self._log("warning", "recorder.full", folder=str(self._folder))
            return
        self._bytes_left -= len(block)
        file = self._part()
        file.write(_LENGTH.pack(len(block)) + block)
        file.flush()
        self._written_in_part += len(block)

    def _part(self) -> BinaryIO:
        if self._file is None or self._written_in_part >= PART_BYTES_MAX:
            if self._file is not None:
                self._file.close()
            path = self._folder / f"part-{self._parts:03d}.rec"
            self._file = os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")
            self._parts += 1
            self._written_in_part = 0
        return self._file

    def _encoded(self, kind: Kind, actor: str, what: str, value: object) -> Entry:
        try:
            if kind is Kind.HANDLED:
                kept = None if type(value) in self._derived else encode(value)
                return Entry(kind, actor, type(value).__qualname__, fingerprint(value), kept)
            return Entry(kind, actor, what, b"", encode(value))
        except (Unrecordable, TypeError, ValueError, msgspec.MsgspecError) as error:
            self._log("error", "recorder.unrecordable", what=what or type(value).__qualname__, why=str(error))
            return Entry(Kind.LOST, actor, type(value).__qualname__, value=1)


def write_private(path: Path, content: bytes) -> None:
    """A new file for its owner alone."""
    with os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)


def read_header(folder: Path) -> Header:
    """The header of one life. Raises OSError, msgspec.MsgspecError."""
    return msgspec.json.decode((folder / "header.json").read_bytes(), type=Header)


def read_entries(folder: Path, damaged: Callable[[str], None] = lambda _why: None) -> Iterator[Entry]:
    """The entries of one life, in order; `damaged` is told where a part ends in a torn block."""
    for path in sorted(folder.glob("part-*.rec")):
        content = path.read_bytes()
        at = 0
        while at + _LENGTH.size <= len(content):
            (length,) = _LENGTH.unpack_from(content, at)
            block = content[at + _LENGTH.size : at + _LENGTH.size + length]
            at += _LENGTH.size + length
            try:
                yield from _decoder.decode(zlib.decompress(block))
            except (zlib.error, msgspec.MsgspecError) as error:
                damaged(f"{path.name}: a block cannot be read ({type(error).__name__})")
                return
