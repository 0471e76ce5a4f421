"""The trader's own sandbox: a separate program on a free loopback port, started for a run and ended with it."""

from __future__ import annotations

import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Final, Self

import msgspec
from msgspec import Struct

from app.options import ROOT
from config.sections.connection import SandboxSettings
from domain.errors import BrokerUnavailable
from domain.values import RUPEE

START_SECONDS: Final = 20.0
STOP_SECONDS: Final = 2.0


class SandboxAddress(Struct, frozen=True):
    """What the sandbox says of itself in its first line (its token is not ours: we log in)."""

    rest: str
    ws: str
    login_url: str


class LocalSandbox:
    """A running sandbox process. Use as a context manager, or call `stop`.

    Raises BrokerUnavailable, with what it said on stderr, where it does not come up.
    """

    def __init__(self, settings: SandboxSettings) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        try:
            # Between the fork and the assignment nobody could end it.
            with signals_held():
                # Its stderr goes to a file of its own kind: the trader's terminal shows the trader's lines.
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "sandbox", *arguments(settings)],
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    # Ctrl-C in the terminal is the trader's to handle; it ends the sandbox last.
                    start_new_session=True,
                )
            self.address = self._first_line()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the process and wait for it. Idempotent."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _first_line(self) -> SandboxAddress:
        stdout = None if self._process is None else self._process.stdout
        assert stdout is not None, "opened as a pipe"
        deadline = time.monotonic() + START_SECONDS
        text = b""
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            while b"\n" not in text:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise BrokerUnavailable(f"the sandbox did not start within {START_SECONDS:.0f} s")
                piece = stdout.read1(65_536)  # type: ignore[attr-defined]  # a BufferedReader at run time
                if not piece:
                    raise BrokerUnavailable(f"the sandbox ended at its start: {self._last_words()}")
                text += piece
        return msgspec.json.decode(text.partition(b"\n")[0], type=SandboxAddress)

    def _last_words(self) -> str:
        stderr = None if self._process is None else self._process.stderr
        said = b"" if stderr is None else stderr.read()
        lines = said.decode("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


@contextmanager
def signals_held() -> Iterator[None]:
    """SIGINT and SIGTERM that come during the block are handled at its end, by whoever handled them before.

    They are not blocked in the system: a process made meanwhile would inherit that. On other threads than the main one
    nothing is done, since Python runs no handler there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    former = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])


def arguments(settings: SandboxSettings) -> Sequence[str]:
    """The sandbox's command line for these settings."""
    import os

    words = [
        "--port=0",
        f"--speed={settings.speed:g}",
        f"--seed={settings.seed}",
        f"--opening-cash={settings.opening_cash // RUPEE}",
        f"--market-protection={settings.market_protection}",
        f"--exit-with-parent={os.getpid()}",
    ]
    if settings.hold:
        words.append("--hold")
    if settings.date is not None:
        words.append(f"--date={settings.date.isoformat()}")
    if settings.relax:
        words.append(f"--relax={','.join(settings.relax)}")
    return words
