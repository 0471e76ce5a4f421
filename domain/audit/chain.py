"""The chain: each line names the hash of the one before, so that no byte of it can change unnoticed.

A line is one JSON object. Its `hash` is the SHA-256, in hex, of the 64 characters of `prev` followed by the bytes of
the line before `,"prev"`:

    {"seq":7,"time":…,…,"body":{…},"prev":"<64 hex>","hash":"<64 hex>"}

`prev` of the first entry is 64 zeros. The lines of all files, in the order of the files' names, are one chain. A line
that a crash has torn is no entry; the entry after it (`audit.torn`) names its length and hash, and so it is proved too.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final

import msgspec
from msgspec import Struct

from domain.errors import PatangError

GENESIS: Final = b"0" * 64
_PREV: Final = b',"prev":"'
_HASH: Final = b'","hash":"'
_END: Final = b'"}\n'
TAIL: Final = len(_PREV) + 64 + len(_HASH) + 64 + len(_END)
"""Bytes of a line after its body."""


class ChainBroken(PatangError):
    """The trail does not prove itself. One line: where, and what is wrong."""


class TornLine(Struct, frozen=True, tag=True):
    """Entry: the line before this one was torn when the process died."""

    length: int
    sha256: str


class Head(Struct, frozen=True):
    """Where a chain stands: its newest entry.

    seq      0: nothing has been written
    journal  the newest seq of the journal that the trail holds
    """

    seq: int = 0
    hash: str = GENESIS.decode()
    journal: int = 0


class Proof(Struct, frozen=True):
    """A chain that was read and found whole.

    torn       lines that a crash had torn, each named by the entry after it
    torn_tail  bytes of a torn line at the very end, which the next start will name; 0: none
    """

    entries: int
    hash: str
    torn: int
    torn_tail: int


class _Torn(Struct):
    kind: str
    body: TornLine


def seal(body: bytes, prev: bytes) -> tuple[bytes, bytes]:
    """The line for a body (a JSON object without its closing brace), and its hash."""
    digest = sha256(prev + body).hexdigest().encode()
    return body + _PREV + prev + _HASH + digest + _END, digest


def torn(line: bytes) -> TornLine:
    """What the next entry says of a torn line (without its end of line)."""
    return TornLine(len(line), sha256(line).hexdigest())


def is_whole(line: bytes) -> bool:
    """Whether the line is an entry whose hash fits; whether it follows the one before is not asked."""
    body, prev = line[:-TAIL], line[-TAIL + len(_PREV) : -TAIL + len(_PREV) + 64]
    return len(line) > TAIL and line == seal(body, prev)[0]


def verify(lines: Iterable[tuple[str, bytes]]) -> Proof:
    """Prove the chain of lines, each with its end of line, with the name of its file. Raises ChainBroken."""
    seq, prev, torn_lines = 1, GENESIS, 0
    suspect: tuple[str, bytes] | None = None
    for name, line in lines:
        body = line[:-TAIL]
        digest = sha256(prev + body).hexdigest().encode()
        if line != body + _PREV + prev + _HASH + digest + _END or not body.startswith(b'{"seq":%d,' % seq):
            if suspect is not None:
                raise _broken(suspect, seq)
            suspect = name, line
            continue
        if suspect is not None:
            if not _names(body, suspect[1]):
                raise _broken(suspect, seq)
            suspect, torn_lines = None, torn_lines + 1
        prev = digest
        seq += 1
    tail = 0
    if suspect is not None:
        if not _may_be_torn(suspect[1], prev):
            raise _broken(suspect, seq)
        tail = len(suspect[1])
    return Proof(entries=seq - 1, hash=prev.decode(), torn=torn_lines, torn_tail=tail)


def _names(body: bytes, line: bytes) -> bool:
    """Whether this entry says that the line before it was torn, and it was this line."""
    if not line.endswith(b"\n"):
        return False
    try:
        entry = msgspec.json.decode(body + b"}", type=_Torn)
    except msgspec.MsgspecError:
        return False
    return entry.kind == "audit.torn" and entry.body == torn(line[:-1])


def _may_be_torn(line: bytes, prev: bytes) -> bool:
    """Whether a last line is the beginning of one: unfinished, and no whole entry with something wrong at its end."""
    if line.endswith(b"\n"):
        return False
    start = line.rfind(_HASH)
    length = start + len(_HASH) + 64 + len(_END) - 1
    if start < 0 or len(line) < length:
        return True
    return len(line) == length and line + b"\n" == seal(line[: 1 - TAIL], prev)[0]


def _broken(suspect: tuple[str, bytes], seq: int) -> ChainBroken:
    name, line = suspect
    return ChainBroken(f"{name}: entry {seq} does not follow from the one before it: {_why(line, seq)}")


def _why(line: bytes, seq: int) -> str:
    if not is_whole(line):
        return "its hash does not fit what it says"
    if not line.startswith(b'{"seq":%d,' % seq):
        return f"found entry {line[7 : line.find(b',')].decode(errors='replace')} in its place"
    return "it names another one as the one before"
