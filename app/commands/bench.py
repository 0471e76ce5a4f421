"""`bench`: the measurements of `benchmarks/`, listed or run by name."""

from __future__ import annotations

import importlib
import pkgutil
import platform
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from app.options import ROOT, Json
from app.output import DONE, UsageError, print_json, print_table

FOLDER = "benchmarks"

Name = Annotated[str, Parameter(help="What to measure; nothing lists what there is.")]
Quick = Annotated[
    bool, Parameter(name="--quick", negative=(), show_default=False, help="Small sizes: whether it runs at all.")
]


def run(*names: Name, quick: Quick = False, as_json: Json = False) -> int:
    """Measure on this machine; without names, list what can be measured."""
    known = available()
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageError(f"bench: found {unknown[0]!r}; allowed: {', '.join(known)}")
    if not names:
        if as_json:
            print_json(known)
        else:
            print_table("Benchmarks", ("name", "what it measures"), list(known.items()))
        return DONE
    machine = f"Python {platform.python_version()}, {platform.machine()}"
    figures = {name: importlib.import_module(f"{FOLDER}.{name}").run(quick) for name in names}
    if as_json:
        print_json({"machine": machine, "quick": quick, "figures": figures})
    else:
        for name, found in figures.items():
            _show(f"{name} ({machine})", found)
    return DONE


def _show(title: str, found: dict[str, object]) -> None:
    """Ours beside a peer has a column for each part; plain figures have one."""
    beside = {figure: parts for figure, parts in found.items() if isinstance(parts, dict)}
    plain = [(figure, value) for figure, value in found.items() if figure not in beside]
    if plain:
        print_table(title, ("figure", "value"), plain)
    if beside:
        columns = list(dict.fromkeys(part for parts in beside.values() for part in parts))
        rows = [(figure, *(parts.get(column, "") for column in columns)) for figure, parts in beside.items()]
        print_table(title, ("figure", *columns), rows)


def available() -> dict[str, str]:
    """Names and first lines of the measurements. None is imported."""
    folder = Path(ROOT) / FOLDER
    names = sorted(module.name for module in pkgutil.iter_modules([str(folder)]))
    return {name: _first_line(folder / f"{name}.py") for name in names if not name.startswith("_")}


def _first_line(path: Path) -> str:
    return path.read_text(encoding="utf-8").splitlines()[0].strip('" ')
