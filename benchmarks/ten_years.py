"""Ten years of one-minute bars from a Parquet file: loaded and backtested warm, and by `run.py backtest` as users do.

A process of its own does each of those: what an installation compiles by itself, the first run after it (the rule is
compiled, the file is read), and later ones with what that one left behind. Their time is from the start of the process
to its end, table on the screen and all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks._bars import CASH, FAST, SLOW, UNITS, bars, flat
from benchmarks._crossing import Crossing
from benchmarks._figures import Figure, Goal, judged, plain
from benchmarks._side_by_side import in_turns
from domain.calendar import SessionCalendar
from domain.values import RUPEE, e4
from research.backtest import Backtest, backtest
from research.data.load import load

CALENDAR: Final = SessionCalendar(fallback_weekdays=True)
COUNT: Final = 930_000
_RULE: Final = "benchmarks._crossing:Crossing"
_OPTIONS: Final = (
    "--session", "none", "--charges", "flat:20", "--no-limits", "--quantity", str(UNITS), "--cash", str(CASH // RUPEE),
    "--no-page",
)  # fmt: skip


def run(quick: bool) -> dict[str, object]:
    """Seconds, each with its goal."""
    import polars as pl

    count = 20_000 if quick else COUNT
    candles = bars(count)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "NSE_WALK.minute.parquet"
        columns = {name: getattr(candles, name) for name in ("start", "open", "high", "low", "close", "volume")}
        frame = pl.DataFrame(columns).with_columns(pl.col("start").cast(pl.Datetime("ns", "UTC")))
        frame.write_parquet(path)
        warm = in_turns({"warm": lambda: once(path)}, quick=quick, rounds=5)["warm"].seconds
        done = once(path)
        program = _Program(Path(folder))
        installing = program.seconds("-m", "research.kernel")
        command = ("run.py", "backtest", "--strategy", _RULE, "--data", str(path), *_OPTIONS)
        first = program.seconds(*command)
        later = median(program.seconds(*command) for _ in range(3 if quick else 7))
        said = json.loads(program.said(*command, "--json"))
    return {
        "bars": done.bars,
        "engine": done.engine,
        "fills": len(done.run.fills),
        "same equity in a new process": e4(str(said["final_equity"])) == done.run.final_equity,
        "of which loading": plain(done.seconds.load, "s"),
        "loaded and backtested, warm": _judged(warm, 0.3),
        "compiled by the installation, in the background": plain(installing, "s"),
        "first run after an installation: to the result": _judged(first, 3.0),
        "later runs: to the result": _judged(later, 0.6),
    }


class _Program:
    """Processes that have an empty folder for what is kept."""

    def __init__(self, folder: Path) -> None:
        self._root = Path(__file__).resolve().parent.parent
        kept = {"PATANG_KERNELS": str(folder / "kernels"), "PATANG_BARS": str(folder / "bars")}
        self._environment = {**os.environ, **kept, "PYTHONPATH": str(self._root)}

    def said(self, *words: str) -> str:
        """What it wrote, once it has ended well."""
        command = [sys.executable, *words]
        return subprocess.run(
            command, capture_output=True, text=True, check=True, env=self._environment, cwd=self._root
        ).stdout

    def seconds(self, *words: str) -> float:
        """How long it took."""
        began = time.perf_counter()
        self.said(*words)
        return time.perf_counter() - began


def once(path: Path) -> Backtest:
    """Load and backtest."""
    began = time.perf_counter()
    (loaded,) = load(path, calendar=None)
    seconds = time.perf_counter() - began
    rule = Crossing(fast=FAST, slow=SLOW)
    return backtest(rule, [loaded.candles], flat(), CALENDAR, load_seconds=seconds)


def _judged(seconds: float, at_most: float) -> Figure:
    return judged(seconds, "s", Goal(at_most=at_most))
