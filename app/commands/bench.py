"""`bench`: the measurements of `benchmarks/`, listed or run by name."""

from __future__ import annotations

import datetime as dt
import importlib
import pkgutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from app.options import ROOT, Json
from app.output import DONE, FAILED, UsageError, print_json, print_table

FOLDER = "benchmarks"
ALL = "all"

Name = Annotated[str, Parameter(help="What to measure, or `all`; nothing lists what there is.")]
Quick = Annotated[
    bool, Parameter(name="--quick", negative=(), show_default=False, help="Small sizes: whether it runs at all.")
]
Long = Annotated[
    bool, Parameter(name="--long", negative=(), show_default=False, help="An hour for those that have more to say.")
]
Write = Annotated[
    bool, Parameter(name="--write", negative=(), show_default=False, help="Write docs/performance.md from the figures.")
]


def run(*names: Name, quick: Quick = False, long: Long = False, write: Write = False, as_json: Json = False) -> int:
    """Measure on this machine; without names, list what can be measured."""
    known = available()
    unknown = [name for name in names if name not in known and name != ALL]
    if unknown:
        raise UsageError(f"bench: found {unknown[0]!r}; allowed: {ALL}, {', '.join(known)}")
    if write and (ALL not in names or quick):
        raise UsageError("bench: --write goes with `all`, and without --quick: the page holds every figure")
    if not names:
        if as_json:
            print_json(known)
        else:
            print_table("Benchmarks", ("name", "what it measures"), list(known.items()))
        return DONE
    when = dt.datetime.fromtimestamp(time.time(), dt.UTC).isoformat(timespec="minutes")
    # By name: nothing of the program depends on what measures it.
    runner = importlib.import_module(f"{FOLDER}._run")
    found = runner.document(list(known) if ALL in names else names, when, quick=quick, long=long)
    if write:
        importlib.import_module(f"{FOLDER}._page").write(found, Path(ROOT))
    if as_json:
        print_json(found)
    else:
        _show(found, known)
    return FAILED if any(row.figure.ours == "failed" for row in found.figures) else DONE


def _show(found: Any, known: dict[str, str]) -> None:  # noqa: ANN401 - a benchmarks._run.Document, see there
    """A table for each measurement; columns that none of its figures fills are left out."""
    here = found.machine
    for name in known:
        rows = [_cells(row) for row in found.figures if row.benchmark == name]
        if rows:
            columns = ("figure", "ours", "unit", "peer", "floor", "ratio", "spread", "goal", "met", "note")
            kept = [at for at in range(len(columns)) if any(row[at] != "" for row in rows)]
            title = f"{name} ({here.python}, {here.cores} × {here.cpu}, load {here.load:g})"
            print_table(title, [columns[at] for at in kept], [[row[at] for at in kept] for row in rows])


def _cells(row: Any) -> Sequence[object]:  # noqa: ANN401 - a benchmarks._figures.Row
    figure = row.figure
    spread = "" if figure.spread is None else f"{figure.spread[0]:g}–{figure.spread[1]:g}"
    met = "" if figure.met is None else "yes" if figure.met else "NO"
    parts = (figure.ours, figure.unit, figure.peer, figure.floor, figure.ratio, spread, figure.goal, met, figure.note)
    return (row.name, *("" if part is None else part for part in parts))


def available() -> dict[str, str]:
    """Names and first lines of the measurements. None is imported."""
    folder = Path(ROOT) / FOLDER
    names = sorted(module.name for module in pkgutil.iter_modules([str(folder)]))
    return {name: _first_line(folder / f"{name}.py") for name in names if not name.startswith("_")}


def _first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].strip('" ')
