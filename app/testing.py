"""The `test` command: format, lint, types, import contracts, then pytest, whose summary is the last thing printed.

Exit status 0 when all is well, 1 when a check or a test failed, 2 for bad usage.
"""

import argparse
import ast
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from app.output import DONE, FAILED, USAGE, complain

ROOT = Path(__file__).resolve().parent.parent
PYTEST = ("-n", "3", "--dist", "worksteal", "--timeout", "300", "-q")
"""Three workers: tests of a whole trader wait for the market more than they compute. One that takes five minutes hangs.
Random order is a plugin's, the rest is in pyproject.toml.
"""


class Check(NamedTuple):
    """One check: its name, and the module that does it with its arguments."""

    name: str
    command: tuple[str, ...]


CHECKS = (
    Check("format", ("ruff", "format", "--check", "--quiet", ".")),
    Check("lint", ("ruff", "check", "--quiet", ".")),
    Check("types", ("mypy",)),
    Check("import contracts", ("importlinter.cli", "--no-logo")),
)


def main(arguments: Sequence[str]) -> int:
    """Run what the arguments ask for; returns the exit status."""
    options = _parser().parse_args(arguments)
    if options.fast and options.long is not None:
        complain("test: --fast and --long exclude each other")
        return USAGE
    names = long_names(ROOT / "tests")
    if options.long == "":
        print("\n".join(names) if names else "there are no long suites yet")
        return DONE
    if options.long is not None and options.long not in names:
        complain(
            f"test: --long: found {options.long!r}; allowed: {', '.join(names) or 'none: there are no long suites yet'}"
        )
        return USAGE
    failed = [check.name for check in CHECKS if not passes(check)] if options.long is None else []
    if failed:
        print(f"checks failed: {', '.join(failed)}; the tests still run", flush=True)
    status = run_pytest(pytest_arguments(options.fast, options.long, options.rest))
    if status == USAGE + 2:  # pytest's word for bad usage is 4
        return USAGE
    return FAILED if status or failed else DONE


def pytest_arguments(fast: bool, long: str | None, rest: Sequence[str]) -> list[str]:
    """What pytest is told: which tests by their marks, then whatever the user added."""
    chosen = ["-m", "not slow and not long and not live"] if fast else []
    if long is not None:
        # With a blank between, pytest takes the name of a folder (docs) for what is to be tested.
        chosen = ["-m", "long", f"--long={long}", "--timeout", "0"]
    return [*PYTEST, *chosen, *rest]


def passes(check: Check) -> bool:
    """Run one check; one line when it passes, all its output when it does not."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", *check.command],
        cwd=ROOT,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
    )
    seconds = time.monotonic() - started
    if done.returncode == 0:
        print(f"ok      {check.name} ({seconds:.1f} s)", flush=True)
        return True
    print(done.stdout.rstrip())
    print(f"FAILED  {check.name} ({seconds:.1f} s)", flush=True)
    return False


def run_pytest(arguments: Sequence[str]) -> int:
    """Run pytest in the project's folder, its output straight through."""
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], cwd=ROOT, check=False, env=environment)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode


def long_names(tests: Path) -> list[str]:
    """The names in `@pytest.mark.long("name")` under a folder, read without importing anything."""
    names: set[str] = set()
    for path in tests.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "mark.long(" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "long":
                names.update(
                    arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
                )
    return sorted(names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="run.py test",
        description="Format, lint, types, import contracts, then the tests (random order, three at a time).",
        allow_abbrev=False,
    )
    parser.add_argument("--fast", action="store_true", help="leave out the tests that are marked slow")
    parser.add_argument(
        "--long", nargs="?", const="", metavar="NAME", help="run one long suite; without NAME, list them"
    )
    parser.add_argument("rest", nargs="*", metavar="-- ARGS", help="handed to pytest")
    return parser
