"""What every thread is doing, on request: SIGUSR1 writes all stacks to a file while trading goes on.

The signal is noted in C the moment it arrives and read by a thread of its own, so it works while an actor hangs, and
while the main thread does. Threads of actors carry their actor's name and incarnation. (Code that never gives up the
interpreter's lock holds this up like everything else.)
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Final, Self

from app.logs import EventLog, redactor
from domain.values import IST

REQUEST: Final = getattr(signal, "SIGUSR1", None)
"""None on systems without it: there nothing is installed."""
_END: Final = 0


class ThreadDumps:
    """Listens while it is entered. Signals are Python's main thread's business: elsewhere it listens to none."""

    def __init__(self, folder: Path, log: EventLog) -> None:
        self._folder = folder
        self._log = log
        self._thread: threading.Thread | None = None
        self._reading = self._writing = -1
        self._former: object = None
        self._former_descriptor = -1

    def __enter__(self) -> Self:
        """Listen from here on."""
        if REQUEST is None or threading.current_thread() is not threading.main_thread():
            return self
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._thread = threading.Thread(target=self._run, name="thread-dumps", daemon=True)
        self._thread.start()
        self._former_descriptor = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        self._former = signal.signal(REQUEST, _do_nothing)
        return self

    def __exit__(self, *_: object) -> None:
        """Put back what was there, and leave no thread behind."""
        if REQUEST is None or self._thread is None:
            return
        signal.signal(REQUEST, self._former)  # type: ignore[arg-type]  # what signal.signal returned
        signal.set_wakeup_fd(self._former_descriptor)
        os.write(self._writing, bytes([_END]))
        self._thread.join()
        os.close(self._reading)
        os.close(self._writing)
        self._thread = None

    def _run(self) -> None:
        while True:
            # Every signal that Python handles leaves its number here.
            numbers = os.read(self._reading, 64)
            if REQUEST is not None and REQUEST in numbers:
                self._dump()
            if _END in numbers:
                return

    def _dump(self) -> None:
        try:
            path = write_dump(self._folder)
        except OSError as error:
            self._log("error", "threads.not_written", why=str(error))
        else:
            self._log("warning", "threads.written", path=str(path), threads=threading.active_count())


def write_dump(folder: Path) -> Path:
    """Write all stacks to `threads-<wall time>.txt` in the folder; returns the file. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    now = datetime.fromtimestamp(time.time(), IST)
    path = folder / f"threads-{now:%Y%m%d-%H%M%S-%f}.txt"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        file.write(redactor.text(all_stacks(now)))
    return path


def all_stacks(now: datetime) -> str:
    """Every thread with its name and what it is doing, the innermost call last."""
    frames = sys._current_frames()  # noqa: SLF001 - documented for this very use
    named = {thread.ident: thread for thread in threading.enumerate()}
    parts = [f"{len(frames)} threads of process {os.getpid()} at {now.isoformat(timespec='milliseconds')}\n"]
    for ident, frame in sorted(frames.items(), key=lambda item: _name(named.get(item[0]), item[0])):
        parts.append(f"\n{_name(named.get(ident), ident)}\n{''.join(traceback.format_stack(frame))}")
    return "".join(parts)


def _name(thread: threading.Thread | None, ident: int) -> str:
    return f"thread {ident} (not of ours)" if thread is None else f"{thread.name} (native {thread.native_id})"


def _do_nothing(_number: int, _frame: FrameType | None) -> None:
    """Without a handler in Python the signal would end the process; the descriptor does the work."""
