"""The log's file: a line at a time, turned over by size or by the timetable; what is old is packed, then goes.

`patang.jsonl` is written; `patang-20261123-153000-123456.jsonl.gz` was turned over then (IST). A thread packs it, so
that nobody who logs waits. What a death has left unpacked is packed by the next life.
"""

import gzip
import os
import shutil
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from domain.values import IST

PACKED: Final = ".gz"
UNFINISHED: Final = ".part"
STOP_SECONDS: Final = 5.0
"""So long an end waits for what is being packed; the next start finishes it."""
_DAY_SECONDS: Final = 86_400
_MICROSECOND: Final = 1_000


class Retention(NamedTuple):
    """file_bytes: size at which a file is turned over. total_bytes, days: of those turned over, packed, at most."""

    file_bytes: int
    total_bytes: int
    days: int


class LogFile:
    """Writes lines to one file. Raises OSError where the file cannot be opened.

    failed  told of each file that could not be packed or removed: the log goes on
    """

    def __init__(self, path: Path, retention: Retention, failed: Callable[[], None]) -> None:
        self._path = path
        self._retention = retention
        self._failed = failed
        self._lock = threading.Lock()
        self._tidying = threading.Lock()
        self._thread: threading.Thread | None = None
        self._open()
        self._tidy_soon()

    def write(self, line: bytes) -> None:
        """Append a whole line, at once. Raises OSError."""
        with self._lock:
            if self._size and self._size + len(line) > self._retention.file_bytes:
                self._turn_over()
            self._file.write(line)
            self._size += len(line)

    def rotate(self) -> None:
        """Begin a new file, unless this one is new."""
        with self._lock:
            if self._size:
                self._turn_over()

    def stop(self) -> None:
        """Close the file; wait a little for what is being packed."""
        with self._lock:
            self._file.close()
            thread = self._thread
        if thread is not None:
            thread.join(STOP_SECONDS)

    def _open(self) -> None:
        self._file = self._path.open("ab", buffering=0)
        self._size = self._file.tell()

    def _turn_over(self) -> None:
        self._file.close()
        self._try(lambda: self._path.rename(self._free_name()))  # where that fails, the old one grows on
        self._open()
        self._tidy_soon()

    def _free_name(self) -> Path:
        now = time.time_ns()
        while True:
            seconds, rest = divmod(now, 1_000_000_000)
            stamp = f"{datetime.fromtimestamp(seconds, IST):%Y%m%d-%H%M%S}-{rest // _MICROSECOND:06d}"
            name = self._path.with_name(f"{self._path.stem}-{stamp}{self._path.suffix}")
            if not name.exists() and not name.with_name(name.name + PACKED).exists():
                return name
            now += _MICROSECOND

    # -- packing and forgetting ----------------------------------------------------------------------------------------

    def _turned_over(self, ending: str = "") -> list[Path]:
        """The files turned over, oldest first."""
        return sorted(self._path.parent.glob(f"{self._path.stem}-*{self._path.suffix}{ending}"))

    def _tidy_soon(self) -> None:
        if self._turned_over() or self._turned_over(PACKED):
            self._thread = threading.Thread(target=self._tidy, name="log-packer", daemon=True)
            self._thread.start()

    def _tidy(self) -> None:
        with self._tidying:
            for file in self._turned_over():
                self._try(partial(_pack, file))
            total, now = 0, time.time()
            for file in reversed(self._turned_over(PACKED)):
                try:
                    facts = file.stat()
                except OSError:
                    continue
                total += facts.st_size
                if total > self._retention.total_bytes or now - facts.st_mtime > self._retention.days * _DAY_SECONDS:
                    self._try(file.unlink)

    def _try(self, work: Callable[[], object]) -> None:
        try:
            work()
        except OSError:
            self._failed()


def _pack(file: Path) -> None:
    """Replace the file by a packed one of the same age; a failure leaves it as it is."""
    unfinished = file.with_name(file.name + UNFINISHED)
    try:
        with file.open("rb") as source, gzip.open(unfinished, "wb", compresslevel=6) as target:
            shutil.copyfileobj(source, target)
        facts = file.stat()
        unfinished.chmod(facts.st_mode)
        os.utime(unfinished, ns=(facts.st_atime_ns, facts.st_mtime_ns))
        unfinished.replace(file.with_name(file.name + PACKED))
    finally:
        unfinished.unlink(missing_ok=True)
    file.unlink()
