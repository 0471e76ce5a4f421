"""The trader as users start it: `run.py trade`, a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Self

from app.options import ROOT

STRESS: Final = ROOT / "config" / "examples" / "stress.yaml"


class Program:
    """A running trader.

    folder  where it keeps its data and reports: the next life finds there what this one leaves
    sets    settings as `--set` takes them
    """

    def __init__(self, folder: Path, *sets: str, config: Path | None = STRESS, words: Sequence[str] = ()) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, str(ROOT / "run.py"), "trade", *words]
        command += [] if config is None else ["--config", str(config)]
        for each in (*sets, f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}"):
            command += ["--set", each]
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        with self.output.open("wb") as out:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def journal_path(self) -> Path:
        """Its journal."""
        return journal_in(self.folder)

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.process.poll() is None

    def said(self) -> str:
        """All its output."""
        return self.output.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone."""
        os.kill(self.process.pid, number)

    def lives(self, seconds: float) -> None:
        """Watch it live for so long: a moment that nothing else marks. AssertionError where it ends before."""
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return
        raise AssertionError(f"it ended by itself with {status}: {self.said()[-2000:]}")

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait()

    def wait(self, seconds: float = 60.0) -> int:
        """Its exit status."""
        return self.process.wait(seconds)

    def report(self) -> dict[str, object]:
        """The end-of-day report it has written."""
        [path] = (self.folder / "reports").glob("*/eod.json")
        found = json.loads(path.read_text(encoding="utf-8"))
        assert isinstance(found, dict), "a report is an object"
        return found

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left running."""
        if self.running:
            self.kill()


def journal_in(folder: Path) -> Path:
    """The journal of the programs that were given this folder."""
    return folder / "data" / "sandbox" / "journal.db"


def square_off_at(time_of_day: str) -> tuple[str, ...]:
    """Settings that end the intraday day of shares at this time (HH:MM)."""
    hours, minutes = time_of_day.split(":")
    before = f"{hours}:{int(minutes) - 1:02d}"
    return tuple(
        f"{key}.{each}={at}"
        for each in ("equity", "equity_auction")
        for key, at in (
            ("schedule.square_off", time_of_day),
            ("schedule.square_off_warning", before),
            ("risk.mis_cutoff", before),
        )
    )
