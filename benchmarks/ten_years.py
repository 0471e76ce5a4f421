"""Ten years of one-minute bars from a Parquet file: loaded and backtested warm, and the first result of a new process.

A process of its own does each cold start: with an empty folder of kernels (the first run after an installation, which
compiles), and with what that one left behind.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from benchmarks._bars import FAST, SLOW, bars, flat
from benchmarks._crossing import Crossing
from benchmarks._figures import Figure, Goal, judged, plain
from benchmarks._side_by_side import in_turns
from domain.calendar import SessionCalendar
from research.backtest import Backtest, backtest
from research.data.load import load

CALENDAR: Final = SessionCalendar(fallback_weekdays=True)
COUNT: Final = 930_000
_COLD: Final = """
import json, sys, time
began = time.perf_counter()
from pathlib import Path
from benchmarks.ten_years import once
done = once(Path(sys.argv[1]))
seconds = time.perf_counter() - began
print(json.dumps([seconds, done.seconds.compile, done.run.final_equity]))
"""


def run(quick: bool) -> dict[str, object]:
    """Seconds, each with its goal."""
    import polars as pl

    count = 20_000 if quick else COUNT
    candles = bars(count)
    root = Path(__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "NSE_WALK.minute.parquet"
        columns = {name: getattr(candles, name) for name in ("start", "open", "high", "low", "close", "volume")}
        frame = pl.DataFrame(columns).with_columns(pl.col("start").cast(pl.Datetime("ns", "UTC")))
        frame.write_parquet(path)
        warm = in_turns({"warm": lambda: once(path)}, quick=quick, rounds=5)["warm"].seconds
        done = once(path)
        environment = {**os.environ, "PATANG_KERNELS": str(Path(folder) / "kernels"), "PYTHONPATH": str(root)}
        cold = []
        for _ in range(2):
            said = subprocess.run(
                [sys.executable, "-c", _COLD, str(path)],
                capture_output=True, text=True, check=True, env=environment, cwd=root,
            ).stdout  # fmt: skip
            cold.append(json.loads(said.splitlines()[-1]))
    (first, compiling, equity), (later, _, _) = cold
    return {
        "bars": done.bars,
        "engine": done.engine,
        "fills": len(done.run.fills),
        "same equity in a new process": equity == done.run.final_equity,
        "of which loading": plain(done.seconds.load, "s"),
        "loaded and backtested, warm": _judged(warm, 0.3),
        "first run after an installation: compiling": _judged(compiling, 3.0),
        "first run after an installation: to the result": _judged(first, 3.0),
        "later runs: imports, loading, result": _judged(later, 0.6),
    }


def once(path: Path) -> Backtest:
    """Load and backtest."""
    import time

    began = time.perf_counter()
    (loaded,) = load(path, calendar=None)
    seconds = time.perf_counter() - began
    rule = Crossing(fast=FAST, slow=SLOW)
    return backtest(rule, [loaded.candles], flat(), CALENDAR, load_seconds=seconds)


def _judged(seconds: float, at_most: float) -> Figure:
    return judged(seconds, "s", Goal(at_most=at_most))
