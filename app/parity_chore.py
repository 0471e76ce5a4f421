"""The evening's parity: `run.py parity` as a process of its own, so that what trades never loads what research needs.

It is of low priority, has a time limit, and ends with the process that began it: its stdin is a pipe of ours, which the
system closes when we end, however that happens.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import IO, Final

import msgspec
from msgspec import Struct

from app.logs import redactor
from app.options import ROOT
from domain.parity import DayParity

NICE: Final = 15
STOP_SECONDS: Final = 1.0
WORDS_MAX: Final = 300
"""Characters of a reason in the report."""


class _Said(Struct):
    """What the command prints, as far as it matters here."""

    day: DayParity


class ParityStudy:
    """One run of the command for one day. May be used by one thread at a time. Raises OSError where none can start.

    words  what the command is told beside the day: `--env`, `--config`, `--set`
    """

    def __init__(self, words: Sequence[str], day: str, seconds: float) -> None:
        self.day: Final = day
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        # Files, not pipes: nobody reads while it runs, and a full pipe would stop it.
        self._files = ExitStack()
        try:
            self._out, self._err = (self._files.enter_context(_a_file()) for _ in range(2))
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "run.py"), "parity", "--day", day, "--as-chore", "--json", *words],
                env=_environment(os.environ),
                stdin=subprocess.PIPE,
                stdout=self._out,
                stderr=self._err,
                # Ctrl-C in the terminal is the trader's to handle.
                start_new_session=True,
                creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
            )
        except BaseException:
            self._files.close()
            raise

    def outcome(self) -> DayParity | None:
        """What it found, or why nothing; None while it runs. Once it has answered, there is nothing left to close."""
        status = self._process.poll()
        if status is None and time.monotonic() < self._deadline:
            return None
        self.cancel()
        try:
            if status is None:
                return DayParity(self.day, why_not=f"it was not done within {self._seconds:g} s")
            self._out.seek(0)
            return msgspec.json.decode(redactor.text(self._out.read().decode("utf-8", "replace")), type=_Said).day
        except msgspec.MsgspecError:
            return DayParity(self.day, why_not=self._last_words())
        finally:
            self._files.close()

    @property
    def process_id(self) -> int | None:
        """Of the process, while it runs."""
        return self._process.pid if self._process.poll() is None else None

    def cancel(self) -> None:
        """End it at once: what it reads stays as it is, and nobody waits for what it would have said. Idempotent."""
        if self._process.poll() is None:
            self._process.kill()
            with suppress(subprocess.TimeoutExpired):  # it hangs in the kernel: the next process that is begun reaps it
                self._process.wait(STOP_SECONDS)
        if self._process.stdin is not None:
            self._process.stdin.close()

    def _last_words(self) -> str:
        self._err.seek(0)
        lines = redactor.text(self._err.read().decode("utf-8", "replace")).strip().splitlines()
        said = lines[-1].removeprefix("patang: ")[:WORDS_MAX] if lines else "it said nothing"
        return f"the comparison failed ({self._process.returncode}): {said}"


def _a_file() -> IO[bytes]:
    """Gone by itself as it is closed."""
    return tempfile.TemporaryFile()


def begin_as_chore() -> None:
    """In the process itself: step back behind everybody else, and end as soon as nobody holds stdin's other end."""
    if hasattr(os, "nice"):
        os.nice(NICE)
    threading.Thread(target=_end_with_stdin, name="stdin", daemon=True).start()


def _end_with_stdin() -> None:
    # Not through sys.stdin: a thread that waits in it would be in the way of the interpreter's own end.
    while os.read(0, 4_096):
        pass
    # Nobody is there to hear how it came out.
    os._exit(1)


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """One thread each: the machine is the trader's."""
    return {**ours, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}
