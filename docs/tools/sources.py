"""The code, parsed once for all who read it."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]


@cache
def files(folder: str) -> tuple[Path, ...]:
    """Every file of Python below a folder of the repository, in the order of their names."""
    return tuple(sorted((ROOT / folder).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    """The syntax of one file. Nobody changes it."""
    return ast.parse(path.read_text(encoding="utf-8"))
