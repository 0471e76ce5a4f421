"""What a file of candles said, kept as plain arrays: the next process reads them in a tenth of the time, without polars.

Nothing is ever taken on trust: what is kept is of a source with the same place, size, times, inode and ends, was written
by this program as it is now, and has the checksum that it had. Otherwise the source is read. No rule has been applied to
it yet (`research.data.checked`).
"""

from __future__ import annotations

import hashlib
import os
import secrets
import zlib
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from msgspec import Struct

from research.data.checked import Raw

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER: Final = Path(__file__).resolve().parents[2] / ".cache" / "bars"
"""Where it is kept unless PATANG_BARS says otherwise."""
BYTES_MAX: Final = 1 << 30
"""Of all that is kept; what was not used for longest goes first. A file of more than a quarter of it is not kept."""

_MAGIC: Final = b"patang bars 1\n"
_NAMES: Final = ("start", "open", "high", "low", "close", "volume")
_ENDS: Final = 1 << 16
_SETTLED_NS: Final = 2_000_000_000
"""A file that changed less long ago may change again within one step of its times."""


class _Source(Struct, frozen=True):
    """One state of a file."""

    path: str
    size: int
    changed: int
    touched: int
    inode: int
    device: int
    ends: int


class _Head(Struct, frozen=True):
    """What stands before the arrays."""

    source: _Source
    reader: str
    rows: int
    exact: bool
    checksum: int


_DECODER: Final = msgspec.msgpack.Decoder(_Head)


def raw_of(path: Path, read: Callable[[Path], Raw]) -> Raw:
    """What the file says: as it was kept, or by `read`, and then it is kept. Raises what `read` raises."""
    try:
        source = _source(path)
        place = _place(source)
        found = _kept(place, source)
    except OSError:
        return read(path)
    if found is not None:
        return found
    raw = read(path)
    # Where the disk refuses it is read again next time.
    with suppress(OSError):
        if _source(path) == source:
            _keep(place, source, raw)
    return raw


def _source(path: Path) -> _Source:
    whole = path.resolve(strict=True)
    with whole.open("rb") as file:
        found = os.fstat(file.fileno())
        ends = zlib.crc32(file.read(_ENDS))
        if found.st_size > _ENDS:
            # A Parquet file says at its end what is in it.
            file.seek(-_ENDS, os.SEEK_END)
            ends = zlib.crc32(file.read(_ENDS), ends)
    return _Source(
        str(whole), found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev, ends
    )


def _place(source: _Source) -> Path:
    folder = Path(os.environ.get("PATANG_BARS") or FOLDER)
    return folder / f"{hashlib.blake2b(source.path.encode(), digest_size=10).hexdigest()}.bars"


@lru_cache(maxsize=1)
def _reader() -> str:
    """Who read it: the program as it is now."""
    texts = (Path(__file__), Path(__file__).with_name("load.py"), Path(__file__).with_name("checked.py"))
    return hashlib.blake2b(b"\0".join(each.read_bytes() for each in texts), digest_size=10).hexdigest()


def _kept(place: Path, source: _Source) -> Raw | None:
    with suppress(FileNotFoundError), place.open("rb") as file:
        if not _ours(os.fstat(file.fileno())) or file.read(len(_MAGIC)) != _MAGIC:
            return None
        try:
            head = _DECODER.decode(file.read(int.from_bytes(file.read(4), "little")))
        except msgspec.DecodeError:
            return None
        if head.source != source or head.reader != _reader():
            return None
        words = np.fromfile(file, dtype=np.int64)
        if len(words) != head.rows * len(_NAMES) or zlib.crc32(words.data) != head.checksum:
            return None
        with suppress(OSError):
            os.utime(place)  # used now
        columns = words.reshape(len(_NAMES), head.rows)
        start, opened, high, low, close, volume = columns if head.exact else _prices(columns)
        return Raw(start, opened, high, low, close, volume, head.exact)
    return None


def _prices(columns: Any) -> Any:  # noqa: ANN401 - arrays of either kind
    return [columns[0], *(each.view(np.float64) for each in columns[1:])]


def _keep(place: Path, source: _Source, raw: Raw) -> None:
    kind = np.int64 if raw.exact else np.float64
    columns = [np.ascontiguousarray(getattr(raw, name)) for name in _NAMES]
    if any(each.dtype != kind for each in columns[1:]) or sum(each.nbytes for each in columns) > BYTES_MAX // 4:
        return
    checksum = 0
    for each in columns:
        checksum = zlib.crc32(each.view(np.int64).data, checksum)
    head = msgspec.msgpack.encode(_Head(source, _reader(), len(raw.start), raw.exact, checksum))
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{secrets.token_hex(4)}")
    try:
        with open(aside, "xb", opener=partial(os.open, mode=0o600)) as file:
            if os.fstat(file.fileno()).st_mtime_ns - max(source.changed, source.touched) < _SETTLED_NS:
                return
            file.write(_MAGIC + len(head).to_bytes(4, "little") + head)
            for each in columns:
                file.write(each.data)
        aside.replace(place)
    finally:
        aside.unlink(missing_ok=True)
    _tidy(place)


def _tidy(newest: Path) -> None:
    """Within the bound: the rest goes, oldest use first."""
    found = []
    for each in newest.parent.iterdir():
        with suppress(FileNotFoundError):
            state = each.stat()
            found.append((each != newest, -state.st_mtime_ns, state.st_size, each))
    total = 0
    for _, _, size, each in sorted(found):
        total += size
        if total > BYTES_MAX:
            with suppress(OSError):
                each.unlink()


def _ours(found: os.stat_result) -> bool:
    """Nobody but its owner could write it, who is this user or root."""
    return os.name != "posix" or (found.st_uid in (os.geteuid(), 0) and not found.st_mode & 0o022)
