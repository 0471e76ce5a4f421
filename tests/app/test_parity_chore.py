"""The evening's parity as a process: what it prints is the line, whatever else comes of it is one clear reason."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from app import parity_chore
from app.options import ROOT
from app.parity_chore import ParityStudy
from domain.parity import DayParity
from tests.support.waiting import eventually

DAY = "2026-11-20"


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Another program in run.py's place; the test writes it."""
    monkeypatch.setattr(parity_chore, "ROOT", tmp_path)
    return tmp_path / "run.py"


def found(study: ParityStudy) -> DayParity:
    seen: list[DayParity] = []

    def ended() -> bool:
        outcome = study.outcome()
        seen.extend([] if outcome is None else [outcome])
        return bool(seen)

    eventually(ended, what="the outcome")
    return seen[0]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit('patang: no trading day is stored yet')", "failed (1): no trading day is stored yet"),
        ("raise SystemExit(2)", "failed (2): it said nothing"),
        ("print('{\"line\": 3}')", "failed (0): it said nothing"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "failed (-9): it said nothing"),
        ("import nothing_that_exists", "failed (1): ModuleNotFoundError: No module named 'nothing_that_exists'"),
    ],
    ids=["a complaint", "silence", "not a document", "killed", "a traceback"],
)
def test_what_is_no_line_is_a_reason(program: Path, code: str, why: str) -> None:
    program.write_text(code)

    assert found(ParityStudy((), DAY, 60)) == DayParity(DAY, why_not=f"the comparison {why}")


def test_the_line_is_what_the_process_says_and_it_hears_which_day_and_settings(program: Path) -> None:
    program.write_text(
        "import json, sys\n"
        "print(json.dumps({'line': '', 'day': {'day': sys.argv[3], 'matched': 4, 'parts': [['cost', 5]],\n"
        "    'left_out': [['it', ' '.join(sys.argv[4:])]]}, 'strategies': {'it': {}}}))\n"
        "sys.exit(1)"  # as where the two differ
    )

    assert found(ParityStudy(("--env", "paper"), DAY, 60)) == DayParity(
        DAY, matched=4, parts=(("cost", 5),), left_out=(("it", "--as-chore --json --env paper"),)
    )


def test_one_that_takes_too_long_is_ended(program: Path) -> None:
    program.write_text("import time\ntime.sleep(600)")
    study = ParityStudy((), DAY, 0.2)

    assert found(study).why_not == "it was not done within 0.2 s"
    assert study.process_id is None


def test_it_ends_with_the_process_that_began_it(tmp_path: Path) -> None:
    """Killed outright, a trader leaves none behind: the other end of its stdin is closed by the system."""
    written = tmp_path / "pid"
    chore = (
        "import os, time\nfrom pathlib import Path\nfrom app.parity_chore import begin_as_chore\n"
        f"begin_as_chore()\nPath({str(written)!r}).write_text(f'{{os.getpid()}} {{os.nice(0)}}')\ntime.sleep(600)"
    )
    trader = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-c', {chore!r}], stdin=subprocess.PIPE)\ntime.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", trader], cwd=ROOT)
    try:
        eventually(lambda: written.exists() and len(written.read_text().split()) == 2, what="it runs")
        pid, nice = map(int, written.read_text().split())
        assert nice >= parity_chore.NICE
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    eventually(gone, what="it has ended")


def test_nothing_that_research_needs_is_loaded_by_what_trades() -> None:
    """The evening's chore is part of the trader: it may begin research, and must not be research."""
    words = (
        "import sys, app.world, app.day; print(*sorted({'numba', 'optuna', 'polars', 'research'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", words], cwd=ROOT, check=True, capture_output=True, text=True, env=os.environ
    )

    assert done.stdout.strip() == ""
