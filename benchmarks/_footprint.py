"""A start in a process of its own, its stages told as JSON lines.

`python -m benchmarks._footprint FOLDER URL STRATEGIES SHARES`: what each stage imports is imported in it, as `run.py
trade` does.
"""

from __future__ import annotations

import time

BEGAN = time.perf_counter()

import json  # noqa: E402 - the clock first
import sys  # noqa: E402 - as above
from contextlib import ExitStack  # noqa: E402 - as above
from pathlib import Path  # noqa: E402 - as above
from typing import Final  # noqa: E402 - as above

FOREIGN: Final = (
    "research",
    "numba",
    "llvmlite",
    "polars",
    "pandas",
    "optuna",
    "plotly",
    "litestar",
    "quantstats",
    "scipy",
)
"""Packages that trading has no use for: of research, and of the dashboard's server, which is a command of its own."""


def resident() -> float:
    """MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def reached(stage: str) -> None:
    """One line: the stage that is over, seconds since the start, MB, and what is there that should not be."""
    found = [name for name in FOREIGN if name in sys.modules]
    line = {"stage": stage, "seconds": time.perf_counter() - BEGAN, "megabytes": resident(), "foreign": found}
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def main(folder: Path, url: str, strategies: int, shares: int) -> None:
    """All of it, and an orderly end."""
    reached("the interpreter")
    import app.cli
    import app.commands.trade
    import app.day

    reached("imports of the trade command")
    from benchmarks._rig import BEGINS, Part, Rig, SteppedClock, account_at, cast_of, share
    from benchmarks._strategies import Crossover
    from benchmarks._system import no_log
    from domain.values import ist

    clock = SteppedClock(BEGINS)
    instruments = account_at(url, folder, clock, no_log).instruments()
    listed = instruments.load(ist(BEGINS).date())
    instruments.close()
    reached(f"{len(listed):,} instruments from the cache")
    parts = [
        Part(Crossover(), tuple(share(number * shares + each) for each in range(shares)))
        for number in range(strategies)
    ]
    with ExitStack() as stack:
        broker = _Elsewhere(url)
        up = Rig(folder, cast_of(parts), broker, stack, reached=reached)  # type: ignore[arg-type]  # only its url is read
        up.activate()
        reached(f"{strategies} strategies × {shares} instruments warm: trading")
        del listed, app


class _Elsewhere:
    """A broker that another process has."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.orders = 0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
