"""The commands in the pages: those marked as runnable are run, all of them are held against the program's own options.

A block is run where its fence says `sh run`, or `console run` with `$ ` before each command. `sh run background` is
started, and interrupted when its page is through. All pages share one throw-away copy of the repository, the README
first, so that a page may speak of the data that the demo has left.

    .venv/bin/python -m docs.tools.commands [PAGE…]
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

from msgspec import Struct

from app.cli import COMMANDS, GROUPS, build
from docs.tools.markdown import ROOT, Block, blocks, pages, prose

BLOCK_SECONDS: Final = 3600.0
OF_THE_TOP: Final = {".git", ".cache", ".env", "data", "reports", "strategies"}
CACHES: Final = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"}
SHELLS: Final = frozenset({"sh", "bash", "console"})
STARTED: Final = re.compile(r"^(?:python3?|\S*/python) (?:\S*/)?run\.py(?: |$)|^run\.py ")
INLINE: Final = re.compile(r"`((?:python3? )?run\.py [^`]*)`")
PLACEHOLDER: Final = re.compile(r"[<>…|]|\.\.\.|^[A-Z][A-Z_]*$|^@")


class Refused(Exception):
    """A block that must not be run, or that failed. The text names page and line."""


class Marked(Struct, frozen=True):
    """A block that is to be run. where: page and line."""

    where: str
    commands: str
    background: bool


def marked(page: Path, root: Path = ROOT) -> list[Marked]:
    """The blocks of a page that are to be run, in their order. Raises Refused for one that would run the tests."""
    found = []
    for block in blocks(page.read_text(encoding="utf-8")):
        language, *words = block.info.split() or [""]
        if words[:1] != ["run"]:
            continue
        where = f"{page.relative_to(root)}:{block.line}"
        commands = shell_of(block)
        if language not in SHELLS or set(words) - {"run", "background"}:
            raise Refused(f"{where}: found {block.info!r}; allowed: sh run, console run, sh run background")
        if re.search(r"run\.py test|pytest|docs\.tools\.commands", commands):
            raise Refused(f"{where}: a page's commands are run by the tests, and must not run them")
        found.append(Marked(where, commands, "background" in words))
    return found


def shell_of(block: Block) -> str:
    """What the shell is given: the block, or of a `console` the lines behind a `$ `."""
    if not block.info.startswith("console"):
        return block.body
    return "".join(f"{line[2:]}\n" for line in block.body.splitlines() if line.startswith("$ "))


def copy_of_the_repository(folder: Path) -> None:
    """Everything but data, caches and history; the environment by a link."""

    def unwanted(where: str, names: list[str]) -> set[str]:
        kept_out = OF_THE_TOP if Path(where) == ROOT else set()
        return {name for name in names if name in kept_out or name.startswith(".venv") or name in CACHES}

    shutil.copytree(ROOT, folder, ignore=unwanted, dirs_exist_ok=True)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())


def environment(home: Path) -> dict[str, str]:
    """A newcomer's: this Python first on the path, no setting of whoever runs the tests, and no browser to open."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PATANG_", "PYTHON"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}"
    return {**kept, "PATH": path, "HOME": str(home), "BROWSER": "true", "COLUMNS": "160", "VIRTUAL_ENV": sys.prefix}


def run_page(page: Path, folder: Path, home: Path, root: Path = ROOT) -> Iterator[tuple[str, str]]:
    """Run a page's blocks; (where, what they said) of each that ended well. Raises Refused for the first that fails."""
    waiting: list[tuple[subprocess.Popen[str], threading.Thread]] = []
    try:
        for each in marked(page, root):
            if each.background:
                waiting.append(_started(each, folder, home))
                continue
            try:
                done = subprocess.run(
                    ["bash", "-euo", "pipefail", "-c", each.commands],
                    cwd=folder, env=environment(home), text=True, check=False, timeout=BLOCK_SECONDS,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                )  # fmt: skip
            except subprocess.TimeoutExpired:
                raise Refused(f"{each.where}: did not end within {BLOCK_SECONDS:g} s") from None
            if done.returncode:
                raise Refused(f"{each.where}: exit status {done.returncode}\n{each.commands}\n{done.stdout[-3000:]}")
            yield each.where, done.stdout
    finally:
        for process, reader in waiting:
            process.send_signal(signal.SIGINT)
            process.wait(60)
            reader.join(60)


def _started(each: Marked, folder: Path, home: Path) -> tuple[subprocess.Popen[str], threading.Thread]:
    """Running, and past its first line. `exec` makes the shell the program itself, so that a signal reaches it."""
    process = subprocess.Popen(
        ["bash", "-euc", f"exec {each.commands.strip()}"], cwd=folder, env=environment(home), text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    first = threading.Event()
    reader = threading.Thread(target=_read, args=(process, first), daemon=True)
    reader.start()
    if not first.wait(60) or process.poll() is not None:
        process.kill()
        raise Refused(f"{each.where}: said nothing within a minute, or ended at once")
    return process, reader


def _read(process: subprocess.Popen[str], first: threading.Event) -> None:
    """Until it ends: a full pipe would stop it."""
    assert process.stdout is not None
    with process.stdout as stdout:
        for _ in stdout:
            first.set()


def mistakes(page: Path, root: Path = ROOT) -> Iterator[str]:
    """Commands of ours on a page that the program does not know, and options that a command does not have."""
    text = page.read_text(encoding="utf-8")
    for line, command in spoken(text):
        wrong = wrong_in(command)
        if wrong:
            yield f"{page.relative_to(root)}:{line}: {command.strip()}: {wrong}"


def spoken(text: str) -> Iterator[tuple[int, str]]:
    """(line, command) of each command line of ours: in shell blocks, and between backticks."""
    for block in blocks(text):
        language = block.info.partition(" ")[0]
        if language in SHELLS or not language:
            joined = block.body.replace("\\\n", "  ")
            for number, line in enumerate(joined.splitlines(), start=block.line + 1):
                command = line.strip().removeprefix("$ ").removeprefix("sudo -u patang ")
                if STARTED.match(command):
                    yield number, command
    bare = prose(text)
    for found in INLINE.finditer(bare):
        yield bare.count("\n", 0, found.start()) + 1, " ".join(found[1].split())


def wrong_in(command: str) -> str:
    """What the program would not understand, in words; empty where all is well."""
    try:
        words = shlex.split(command.partition(" #")[0].partition(" < ")[0].partition(" && ")[0], comments=True)
    except ValueError:
        words = command.split()
    while words and not words[0].endswith("run.py"):
        words.pop(0)
    words = words[1:]
    if not words or words[0].startswith("-"):
        words = ["trade", *words]
    if words[0] in GROUPS and len(words) == 1:
        return ""
    name = " ".join(words[:2]) if words[0] in GROUPS else words[0]
    known = {each.words: each for each in COMMANDS}
    if words[0] in GROUPS and PLACEHOLDER.search(words[1]):
        return ""
    if name not in known:
        return "" if PLACEHOLDER.search(name) else f"there is no command {name!r}"
    if known[name].verbatim:
        return ""
    allowed = options_of(name)
    asked = [word.partition("=")[0] for word in words if word.startswith("--") and word != "--"]
    unknown = [word for word in asked if word not in allowed]
    return f"{name} has no option {', '.join(unknown)}" if unknown else ""


@cache
def options_of(name: str) -> frozenset[str]:
    """The options of one command, with their dashes."""
    app = build()
    for word in name.split():
        app = app[word]
    found = {each for argument in app.assemble_argument_collection() for each in argument.names}
    return frozenset(found | {"--help", "--version"})


def main(argv: list[str]) -> int:
    """Run the marked blocks of the pages (all of them, without any); the exit status."""
    chosen = [Path(each).resolve() for each in argv] or in_order()
    with tempfile.TemporaryDirectory(prefix="patang-docs-", ignore_cleanup_errors=True) as work:
        folder, home = Path(work) / "patang", Path(work) / "home"
        home.mkdir()
        copy_of_the_repository(folder)
        for page in chosen:
            for where, _ in run_page(page, folder, home):
                sys.stdout.write(f"ok      {where}\n")
                sys.stdout.flush()
    return 0


def in_order() -> list[Path]:
    """The README, then all others that have a block to run."""
    readme = ROOT / "README.md"
    return [each for each in (readme, *(page for page in pages() if page != readme)) if marked(each)]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
