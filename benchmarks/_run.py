"""Measurements by name: in this process, or each in one of its own, so that none meets what another left behind."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks._figures import Figure, Row, rows
from benchmarks._machine import Machine, machine

ROOT: Final = Path(__file__).resolve().parent.parent
LONGEST_SECONDS: Final = 900.0
LONGEST_SECONDS_LONG: Final = 3 * 3_600.0


class Document(Struct, frozen=True):
    """What `bench --json` prints. when: UTC, by the caller's clock."""

    machine: Machine
    when: str
    quick: bool
    long: bool
    figures: tuple[Row, ...]


def measured(name: str, *, quick: bool = False, long: bool = False) -> list[Row]:
    """One measurement, here. long: those that have more to say in an hour say it."""
    run = importlib.import_module(f"benchmarks.{name}").run
    found = run(quick=quick, long=long) if "long" in inspect.signature(run).parameters else run(quick=quick)
    # One call each says nothing about a goal; what must be so is so at every size.
    return [_unjudged(row) if quick else row for row in rows(name, found)]


def document(names: Sequence[str], when: str, *, quick: bool = False, long: bool = False) -> Document:
    """All of these, each in a process of its own. One that fails says so in its row; the others are measured."""
    here = machine()
    found: list[Row] = []
    for name in names:
        found += apart(name, quick=quick, long=long)
    return Document(here, when, quick, long, tuple(found))


def apart(name: str, *, quick: bool = False, long: bool = False) -> list[Row]:
    """One measurement in a process of its own."""
    flags = [flag for flag, wanted in (("--quick", quick), ("--long", long)) if wanted]
    seconds = LONGEST_SECONDS_LONG if long else LONGEST_SECONDS
    try:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks", name, *flags],
            capture_output=True, text=True, check=False, cwd=ROOT, timeout=seconds,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return [_failed(name, f"not over in {seconds:.0f} seconds")]
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return [_failed(name, f"exit status {done.returncode}: {last}")]
    return msgspec.json.decode(done.stdout.strip().splitlines()[-1], type=list[Row])


def _unjudged(row: Row) -> Row:
    figure = row.figure
    return row if isinstance(figure.ours, bool) else replace(row, figure=replace(figure, met=None))


def _failed(name: str, why: str) -> Row:
    return Row(name, "the measurement", Figure("failed", goal="runs", met=False, note=why))
