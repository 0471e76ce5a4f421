"""The audit trail on disk: one file of lines for each day, appended to and never changed, made durable in batches."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from domain.audit.chain import ChainBroken, Head, Proof, TornLine, is_whole, seal, torn, verify
from domain.audit.entries import Draft, Entry, JournalBehind, TrailOpened, body_bytes, own_draft
from domain.errors import JournalUnavailable
from domain.values import Nanos, ist

SUFFIX: Final = ".log"
_BLOCK: Final = 1 << 16
_STARTS_OVER: Final = (TrailOpened, JournalBehind)
"""Entries that say anew how far the journal is kept."""

_entries: msgspec.json.Decoder[Entry] = msgspec.json.Decoder(Entry)
_encoder = msgspec.json.Encoder()


class _Start(msgspec.Struct):
    """The fields of an entry before its place in the chain."""

    seq: int
    time: Nanos
    kind: str
    tag: str
    order_id: str
    strategy: str
    journal: int
    body: msgspec.Raw


class AuditTrail:
    """Appends to `<folder>/<date>.log`. The files are the market's days; a clock that goes back goes on in the newest.

    redact  masks secrets in the text of an entry, whatever wrote them there
    Nothing is read or written before `open`. One strand at a time.
    """

    def __init__(self, folder: Path, redact: Callable[[str], str]) -> None:
        self._folder = folder
        self._redact = redact
        self._head = Head()
        self._file: int | None = None
        self._name = ""
        self._size = 0
        self._unsure = False
        self._waiting: list[tuple[Draft, Nanos, int]] = []

    @property
    def head(self) -> Head:
        """The newest entry that is durable."""
        return self._head

    @property
    def waiting(self) -> int:
        """Entries that are not durable yet."""
        return len(self._waiting)

    def open(self, now: Nanos) -> Head:
        """Find the end of the chain; a torn line there is named by the next entry.

        Raises JournalUnavailable where the disk refuses, ChainBroken where the end is no entry: writing goes on after
        the last one that is, and `verify` will say where the chain is broken.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            paths = trail_files(self._folder)
            self._head, end, torn_line = _end_of(paths)
            if not paths:
                return self._head
            self._continue(paths[-1].name)
            if torn_line:
                if is_whole(torn_line + b"\n"):  # all but the end of the line was written
                    self._write(b"\n")
                    self._head = _head_of(torn_line + b"\n")
                else:
                    self._waiting.insert(0, (own_draft(torn(torn_line)), now, 0))
        except OSError as error:
            raise JournalUnavailable(f"{self._folder}: {error.strerror or error}") from error
        if end:
            raise ChainBroken(f"{end}: its last line is no entry")
        return self._head

    def append(self, draft: Draft, time: Nanos, journal: int = 0) -> None:
        """Put an entry after those that wait. journal: the seq of a journaled event, else 0."""
        self._waiting.append((draft, time, journal))

    def flush(self) -> None:
        """Make what waits durable. Raises JournalUnavailable; it waits on then."""
        while self._waiting:
            name = max(self._name, f"{ist(self._waiting[0][1]).date().isoformat()}{SUFFIX}")
            count = 1
            while count < len(self._waiting) and self._belongs(name, self._waiting[count][1]):
                count += 1
            try:
                self._put(name, self._waiting[:count])
            except OSError as error:
                raise JournalUnavailable(f"{self._folder / name}: {error.strerror or error}") from error
            del self._waiting[:count]

    def close(self) -> None:
        """Give the file back, without what waits."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._name = None, ""

    def _belongs(self, name: str, time: Nanos) -> bool:
        return f"{ist(time).date().isoformat()}{SUFFIX}" <= name

    def _put(self, name: str, waiting: Iterable[tuple[Draft, Nanos, int]]) -> None:
        if name != self._name:
            self._continue(name)
        lines: list[bytes] = []
        seq, prev, journal = self._head.seq, self._head.hash.encode(), self._head.journal
        for draft, time, own in waiting:
            if isinstance(draft.body, TornLine):
                lines.append(b"\n")  # the end of the torn line, in one piece with what names it
            seq, journal = seq + 1, own if isinstance(draft.body, _STARTS_OVER) else max(journal, own)
            line, prev = seal(self._body(draft, time, seq, journal), prev)
            lines.append(line)
        self._write(b"".join(lines))
        self._head = Head(seq, prev.decode(), journal)

    def _body(self, draft: Draft, time: Nanos, seq: int, journal: int) -> bytes:
        body = body_bytes(draft)
        if self._redact(text := body.decode()) != text:
            # Inside its texts alone: a short secret must not cut a number in two.
            body = _encoder.encode(_within(msgspec.json.decode(body), self._redact))
        start = _Start(seq, time, draft.kind, draft.tag, draft.order_id, draft.strategy, journal, msgspec.Raw(body))
        return _encoder.encode(start)[:-1]

    def _continue(self, name: str) -> None:
        self.close()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._folder / name, flags, 0o600)
        self._name, self._size, self._unsure = name, os.fstat(self._file).st_size, False
        if self._size == 0 and sys.platform != "win32":  # a new file's name is made durable as well
            directory = os.open(self._folder, os.O_RDONLY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)

    def _write(self, content: bytes) -> None:
        """All of it durable, or none of it there: what a full disk took of it is taken back."""
        assert self._file is not None
        if self._unsure:
            os.ftruncate(self._file, self._size)
        self._unsure = True
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(content)
        self._unsure = False


def trail_files(folder: Path) -> list[Path]:
    """The files of a trail, oldest first."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def prove(folder: Path) -> Proof:
    """Verify the whole chain. Raises ChainBroken, naming file and entry; OSError."""
    return verify(_lines(trail_files(folder)))


def read(folder: Path, first: str = "", last: str = "~", containing: bytes = b"") -> Iterator[Entry]:
    """Entries of the days from `first` to `last` (YYYY-MM-DD) whose line contains these bytes; torn lines are left out.

    Raises OSError. Proves nothing: see `prove`.
    """
    for path in trail_files(folder):
        if not first <= path.stem <= last:
            continue
        with path.open("rb") as lines:
            for line in lines:
                if containing in line:
                    try:
                        yield _entries.decode(line)
                    except msgspec.MsgspecError:
                        continue


def _lines(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        name = path.name
        with path.open("rb", buffering=1 << 20) as lines:
            for line in lines:
                yield name, line


def _end_of(paths: list[Path]) -> tuple[Head, str, bytes]:
    """The newest whole entry; the file whose last line is finished and yet no entry (or empty); the torn line."""
    broken, torn_line = "", b""
    for path in reversed(paths):
        for line in _backwards(path):
            if line.endswith(b"\n") and is_whole(line):
                return _head_of(line), broken, torn_line
            if line.endswith(b"\n"):
                broken = broken or path.name
            elif path == paths[-1]:
                torn_line = line
    return Head(), broken, torn_line


def _head_of(line: bytes) -> Head:
    entry = _entries.decode(line)
    return Head(entry.seq, entry.hash, entry.journal)


def _backwards(path: Path) -> Iterator[bytes]:
    """The file's lines, last one first, read in blocks from its end."""
    with path.open("rb") as file:
        left = file.seek(0, os.SEEK_END)
        rest = b""
        while left:
            size = min(_BLOCK, left)
            left -= size
            file.seek(left)
            *whole, last = (file.read(size) + rest).split(b"\n")
            lines = [line + b"\n" for line in whole] + ([last] if last else [])
            if left:
                rest, lines = lines[0], lines[1:]
            yield from reversed(lines)


def _within(value: object, redact: Callable[[str], str]) -> object:
    """The value with secrets masked inside its texts, at any depth."""
    match value:
        case str():
            return redact(value)
        case list():
            return [_within(each, redact) for each in value]
        case dict():
            return {key: _within(each, redact) for key, each in value.items()}
        case _:
            return value
