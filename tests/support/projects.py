"""A folder with the delivered configuration in it, to add files to."""

import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def a_project(folder: Path, **files: str) -> Path:
    """`folder` as a project of its own; `files` replace or add `config/<name>.yaml`."""
    shutil.copytree(ROOT / "config", folder / "config", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name, text in files.items():
        (folder / "config" / f"{name}.yaml").write_text(text)
    return folder


def line_of(file: str, key: str) -> str:
    """`file:line` of the first line of a delivered file that states `key`."""
    lines = (ROOT / file).read_text().splitlines()
    return f"{file}:{next(n for n, line in enumerate(lines, start=1) if line.strip().startswith(f'{key}:'))}"
