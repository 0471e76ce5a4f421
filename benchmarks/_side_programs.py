"""Other programs, in an environment of their own: started once, asked in turns with ours.

PATANG_PEERS names a python that has them, or says `install`: then `.cache/peers` is made and each of them installed
into it, those that cannot be are left out by name. Unset, `.cache/peers` is used where it is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from msgspec import Struct

from benchmarks import _figures as figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROOT: Final = Path(__file__).resolve().parent
OWN: Final = ROOT.parent / ".cache" / "peers"
PACKAGES: Final = ("vectorbt", "backtesting", "backtrader", "nautilus_trader")
ROUNDS: Final = 3


class Answer(Struct, frozen=True):
    """What a program did. failed: why there is nothing else."""

    seconds: float = 0.0
    fills: list[tuple[int, float]] = []
    equity: float = 0.0
    bars: int = 0
    failed: str = ""


class Programs:
    """The process that runs them."""

    def __init__(self, process: subprocess.Popen[str], packages: Sequence[str]) -> None:
        self._process = process
        self.packages = packages

    def ask(self, package: str, kind: str) -> Answer:
        """Have one of them do a task, its preparations left out of the seconds."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(f"{package} {kind}\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            return Answer(failed="the process of the other programs ended")
        found: dict[str, Any] = json.loads(line)
        return Answer(**found)


@contextmanager
def programs(arrays: Mapping[str, NDArray[Any]]) -> Iterator[Programs | None]:
    """The programs on these arrays; None where there is no environment of theirs."""
    python = _python()
    if python is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "arrays.npz"
        np.savez(path, **dict(arrays))  # type: ignore[arg-type]  # its stubs take the names for options
        with subprocess.Popen(
            [python, str(ROOT / "_peers.py"), str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as process:
            try:
                yield Programs(process, [each for each in PACKAGES if _has(python, each)])
            finally:
                assert process.stdin is not None
                process.stdin.close()
                process.terminate()


def missing(found: Programs | None) -> dict[str, object]:
    """Which are not measured, and why."""
    if found is None:
        return {"other programs": figures.missing("PATANG_PEERS=install makes an environment with them")}
    return {each: figures.missing("not installed") for each in PACKAGES if each not in found.packages}


def _python() -> str | None:
    said = os.environ.get("PATANG_PEERS", "")
    own = OWN / "bin" / "python"
    if said and said != "install":
        return said
    if said == "install" and not own.exists():
        venv.create(OWN, with_pip=True)
        for package in PACKAGES:
            done = subprocess.run([str(own), "-m", "pip", "install", "-q", package], check=False)
            if done.returncode:
                print(f"{package}: cannot be installed here, and is not measured", file=sys.stderr)  # noqa: T201 - a program's own words
    return str(own) if own.exists() else None


def _has(python: str, package: str) -> bool:
    test = f"import importlib.util as u, sys; sys.exit(u.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", test], check=False).returncode == 0
