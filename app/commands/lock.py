"""`lock`: compile requirements.in and requirements-dev.in into hashed files that hold for every system and Python."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from app.options import ROOT, Json
from app.output import DONE, FAILED, complain, print_json
from domain.errors import PatangError

PAIRS = (("requirements.in", "requirements.txt"), ("requirements-dev.in", "requirements-dev.txt"))
"""In this order: the development list is constrained by the compiled runtime list."""

_INDEX_LINE = re.compile(
    r"^(--index-url|--extra-index-url|--default-index|--index|--find-links|--trusted-host|-i|-f)\b.*\n", re.MULTILINE
)

Upgrade = Annotated[
    bool,
    Parameter(name="--upgrade", negative=(), show_default=False, help="Move every pin to the newest allowed version."),
]


def run(*, upgrade: Upgrade = False, as_json: Json = False) -> int:
    """Write requirements.txt and requirements-dev.txt: exact versions with hashes, for Python 3.11 and later."""
    uv = find_uv(ROOT)
    changed: list[str] = []
    for source, target in PAIRS:
        before = (ROOT / target).read_text(encoding="utf-8") if (ROOT / target).exists() else ""
        done = subprocess.run(
            command(uv, source, target, upgrade=upgrade), cwd=ROOT, check=False, capture_output=True, text=True
        )
        if done.returncode:
            complain(f"lock: {source}: {_reason(done.stderr)}")
            return FAILED
        after = without_indexes((ROOT / target).read_text(encoding="utf-8"))
        (ROOT / target).write_text(after, encoding="utf-8")
        if after != before:
            changed.append(target)
    if as_json:
        print_json({"changed": changed})
    else:
        print(f"written: {', '.join(changed)}" if changed else "nothing changed")
    return DONE


def command(uv: str, source: str, target: str, *, upgrade: bool) -> list[str]:
    """The compiler's command line. Where packages came from on this machine stays out of the file."""
    fixed = ["--universal", "--generate-hashes", "--python-version", "3.11", "--quiet"]
    silent = ["--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "python3 run.py lock"]
    return [uv, "pip", "compile", *fixed, *silent, *(["--upgrade"] if upgrade else []), source, "--output-file", target]


def without_indexes(text: str) -> str:
    """The text without options that name a package index: each machine has its own."""
    return _INDEX_LINE.sub("", text)


def find_uv(root: Path) -> str:
    """The `uv` on PATH, or one in an environment of its own, made on demand. Raises PatangError if none can be had."""
    found = shutil.which("uv")
    if found:
        return found
    venv = root / ".venv-lock"
    uv = venv / ("Scripts/uv.exe" if sys.platform == "win32" else "bin/uv")
    if not uv.exists():
        complain("installing uv into .venv-lock, which only this command uses")
        for step in (
            [sys.executable, "-m", "venv", str(venv)],
            [str(uv.with_name("python")), "-m", "pip", "install", "-q", "uv"],
        ):
            done = subprocess.run(step, check=False, capture_output=True, text=True)
            if done.returncode:
                raise PatangError(f"uv is needed to compile the requirements: {_reason(done.stderr)}")
    return str(uv)


def _reason(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"
