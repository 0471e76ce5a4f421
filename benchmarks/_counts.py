"""Instructions of the hot paths, counted by callgrind, and the file that a reviewer compares across commits.

`python -m benchmarks._counts` counts and compares with benchmarks/counts.json; `--write` writes the file anew. A count
says nothing of waiting, caches or the disk: it says whether a change made a path longer, on any machine, at any load.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from benchmarks._hot import TIMES
from benchmarks._machine import machine

FILE: Final = Path(__file__).with_name("counts.json")
ROOT: Final = FILE.parent.parent
WITHIN: Final = 1.03
"""Addresses and hashes move a count by a percent or so; what moves it further is a change."""


class Counts(Struct, frozen=True):
    """Instructions of one call of each path, and what they were counted with."""

    python: str
    versions: dict[str, str]
    instructions: dict[str, int]


def is_countable() -> bool:
    """Whether valgrind is here."""
    return shutil.which("valgrind") is not None


def recorded() -> Counts:
    """What the file says."""
    return msgspec.json.decode(FILE.read_bytes(), type=Counts)


def count() -> Counts:
    """Count now. Raises RuntimeError with the program's last line where it fails."""
    with tempfile.TemporaryDirectory(prefix="patang-counts-") as folder:
        out = Path(folder) / "out"
        done = subprocess.run(
            [
                "valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={out}",
                sys.executable, "-m", "benchmarks._hot",
            ],
            cwd=ROOT, capture_output=True, text=True, check=False,
            env={**os.environ, "PYTHONHASHSEED": "0"},
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
        names = [line for line in done.stdout.splitlines() if line]
        # A dump holds what came since the one before: the first the start, then a path, what is between, a path, ...
        found = {name: _total(out.with_name(f"out.{2 * at + 2}")) // TIMES for at, name in enumerate(names)}
    here = machine()
    versions = {name: here.versions[name] for name in ("numpy", "msgspec", "pykka")}
    return Counts(here.python, versions, found)


def _total(dump: Path) -> int:
    line = next(each for each in dump.read_text(encoding="utf-8").splitlines() if each.startswith("totals:"))
    return int(line.partition(":")[2])


def main(argv: list[str]) -> int:
    """Count; compare, or write."""
    now = count()
    if "--write" in argv:
        FILE.write_bytes(msgspec.json.format(msgspec.json.encode(now), indent=2) + b"\n")
        return 0
    before = recorded().instructions
    longer = False
    for name, instructions in now.instructions.items():
        ratio = instructions / before[name] if name in before else 0.0
        longer |= ratio > WITHIN
        sys.stdout.write(f"{instructions:>12,}  {ratio:6.3f} × {before.get(name, 0):>12,}  {name}\n")
    return 1 if longer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
