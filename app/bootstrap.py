"""The virtual environment: found, judged, made on first use, and entered. Standard library only.

Which environment runs the program, first that fits:

1. the active one (this interpreter's, or `VIRTUAL_ENV`), if what is installed there satisfies the pinned requirements;
2. `.venv` beside `run.py`, if its stamp says that it was completed for these requirements and this interpreter;
3. a new `.venv`: built aside, stamped last, then moved into place, so that a broken install is never taken for whole.

A second start costs two small file reads and a hash.
"""

import hashlib
import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import NoReturn

from app import bootstrap_pins as pins

GUARD = "PATANG_ENTERED"
"""Set across the hand-over, so that an environment that fails to start as itself ends in a sentence, not in a loop."""

DEVELOPMENT_COMMANDS = frozenset({"test", "bench"})


class BootstrapError(Exception):
    """The environment cannot be made or entered; the text is one line for the user."""


class Kind(Enum):
    """What an environment must hold; the value is the file that lists it."""

    RUNTIME = "requirements.txt"
    DEVELOPMENT = "requirements-dev.txt"


def enter(root: str, argv: Sequence[str]) -> None:
    """Return when this interpreter is the right one; otherwise replace the process by one that is.

    Ends the process with status 1 and one line on stderr when no environment can be had, 130 when interrupted.
    """
    try:
        prefix = environment_for(Path(root), kind_for(argv), os.environ)
        if same_folder(prefix, Path(sys.prefix)):
            os.environ.pop(GUARD, None)
            return
        hand_over(prefix, Path(root), argv)
    except BootstrapError as error:
        raise SystemExit(complain(str(error), 1)) from None
    except OSError as error:
        raise SystemExit(complain(f"cannot prepare the environment: {error}", 1)) from None
    except KeyboardInterrupt:
        raise SystemExit(complain("interrupted; nothing half-made was kept", 130)) from None


def kind_for(argv: Sequence[str]) -> Kind:
    """The command's own name decides: tests and benchmarks need the development tools, all else does not."""
    words = [word for word in argv if not word.startswith("-")]
    asks_for_help = "--help" in argv or "-h" in argv
    return Kind.DEVELOPMENT if words and words[0] in DEVELOPMENT_COMMANDS and not asks_for_help else Kind.RUNTIME


def environment_for(root: Path, kind: Kind, environ: Mapping[str, str]) -> Path:
    """The prefix of an environment that holds `kind`, made if need be. Raises BootstrapError."""
    venv = root / ".venv"
    wanted = pins.read(root / kind.value)
    for prefix in active_prefixes(environ):
        if not same_folder(prefix, venv) and pins.satisfied(wanted, pins.installed(prefix)):
            return prefix
    if not is_whole(venv, root, kind):
        from app.bootstrap_build import make  # only needed when something is missing, and slow to import

        with exclusive(root / Kind.RUNTIME.value):
            if not is_whole(venv, root, kind):  # another start may have made it while this one waited
                make(root, venv, kind)
    return venv


def active_prefixes(environ: Mapping[str, str]) -> Iterator[Path]:
    """The environments that the user has activated: this interpreter's own first, then `VIRTUAL_ENV`."""
    if sys.prefix != sys.base_prefix:
        yield Path(sys.prefix)
    named = environ.get("VIRTUAL_ENV")
    if named and not same_folder(Path(named), Path(sys.prefix)):
        yield Path(named)


def is_whole(venv: Path, root: Path, kind: Kind) -> bool:
    """Whether `venv` was completed for these requirements by an interpreter that still stands where it stood."""
    try:
        return stamp_path(venv, kind).read_text(encoding="utf-8") == fingerprint(venv, root, kind)
    except (OSError, UnicodeDecodeError):
        return False


def stamp_path(venv: Path, kind: Kind) -> Path:
    """Where `kind` is recorded as completely installed."""
    return venv / f"patang-{kind.name.lower()}.stamp"


def fingerprint(venv: Path, root: Path, kind: Kind) -> str:
    """What a stamp must say: the hash of the requirements and the interpreter at the end of the links.

    Raises OSError when either cannot be read.
    """
    interpreter = os.path.realpath(python_in(venv), strict=True)
    return f"{hashlib.sha256((root / kind.value).read_bytes()).hexdigest()}\n{interpreter}\n"


def python_in(prefix: Path) -> Path:
    """The interpreter of the environment at `prefix`."""
    return prefix / "Scripts" / "python.exe" if os.name == "nt" else prefix / "bin" / "python"


def same_folder(one: Path, other: Path) -> bool:
    """Whether both name the same place, links followed."""
    return os.path.realpath(one) == os.path.realpath(other)


def hand_over(prefix: Path, root: Path, argv: Sequence[str]) -> NoReturn:
    """Replace this process (same process id, so signals and supervisors still reach it) by the environment's Python."""
    python = str(python_in(prefix))
    if os.environ.get(GUARD) == str(prefix):
        msg = f"{python} does not run as part of {prefix}; remove that folder and start again"
        raise BootstrapError(msg)
    os.environ[GUARD] = str(prefix)
    command = [python, str(root / "run.py"), *argv]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "nt":  # exec there returns to the shell at once, with the new process running on
        import subprocess

        raise SystemExit(subprocess.run(command, check=False).returncode)
    os.execv(python, command)  # noqa: S606 — an argument list of our own; no shell is wanted


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold an advisory lock on an existing file, so that two first starts do not build at once (POSIX only)."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            complain("another start is making the environment; waiting for it", 0)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def complain(text: str, status: int) -> int:
    """One line on stderr; gives `status` back."""
    one_line = re.sub(r"\s*\n\s*", "; ", text.strip())
    sys.stderr.write(f"patang: {one_line}\n")
    sys.stderr.flush()
    return status
