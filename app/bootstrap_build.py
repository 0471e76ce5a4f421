"""Make the virtual environment and fill it with hash-checked packages. Standard library only.

The folder is built beside its place (`.venv-new-…`), stamped, and moved in as the last step; development packages are
added to a whole environment, whose development stamp is taken away first. Whatever interrupts this leaves either the
former environment or none.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from app import bootstrap_pins as pins
from app.bootstrap import BootstrapError, Kind, fingerprint, is_whole, python_in, stamp_path

_NAMED = re.compile(r"^\s*(?:Collecting|\+)\s+([A-Za-z0-9._-]+)")
"""How pip (`Collecting name==1.2`) and uv (` + name==1.2`) name a package, once each."""
_NO_NETWORK = re.compile(
    r"NewConnectionError|Failed to establish a new connection|Temporary failure in name resolution|dns error|"
    r"error sending request|Network is unreachable|Connection refused|ProxyError|ConnectTimeout|Could not connect",
    re.IGNORECASE,
)
_NO_ROOM = re.compile(r"No space left on device|Errno 28", re.IGNORECASE)
_WRONG_HASH = re.compile(r"DO NOT MATCH THE HASHES|Hash mismatch", re.IGNORECASE)
_TAIL_LINES = 40


def make(root: Path, venv: Path, kind: Kind) -> None:
    """Leave a whole environment for `kind` at `venv`. Raises BootstrapError with one line; removes what it began."""
    sweep(root)
    if adopt(root, venv, kind):
        return
    with _terminate_as_interrupt():
        if kind is Kind.DEVELOPMENT and is_whole(venv, root, Kind.RUNTIME):
            stamp_path(venv, kind).unlink(missing_ok=True)
            say(f"adding the development tools to {venv}")
            install(root, venv, kind)
            stamp(root, venv, kind)
        else:
            build_aside(root, venv, kind)


def adopt(root: Path, venv: Path, kind: Kind) -> bool:
    """Stamp an environment that somebody else completed (by hand, or for the same pins). False if it lacks anything."""
    if not python_in(venv).exists() or not (venv / "pyvenv.cfg").exists():
        return False
    if not pins.satisfied(pins.read(root / kind.value), pins.installed(venv)):
        return False
    stamp(root, venv, kind)
    return True


def build_aside(root: Path, venv: Path, kind: Kind) -> None:
    """Build a new environment next to `venv` and put it in its place."""
    aside = root / f".venv-new-{os.getpid()}"
    former = root / f".venv-old-{os.getpid()}"
    started = time.monotonic()
    try:
        create(aside)
        install(root, aside, kind)
        for each in {Kind.RUNTIME, kind}:  # the development list contains the runtime list, pin for pin
            stamp(root, aside, each)
        point_scripts_at(aside, venv)
        if venv.exists() or venv.is_symlink():
            venv.rename(former)
        aside.rename(venv)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        shutil.rmtree(former, ignore_errors=True)
    say(f"environment ready in {time.monotonic() - started:.0f} s: {venv}")
    compile_ahead(root, venv)


def compile_ahead(root: Path, venv: Path) -> None:
    """Start to compile what every backtest needs, which nobody waits for and whose failure is nobody's."""
    say("compiling the backtester in the background, at the lowest priority; nothing waits for it")
    # By a process that ends at once: this one becomes the program, which knows of no child that it would have to bury.
    between = os.fork() if hasattr(os, "fork") else 0
    if between:
        os.waitpid(between, 0)
        return
    try:
        subprocess.Popen(
            [str(python_in(venv)), "-m", "research.kernel"], cwd=root, env=clean_environment(os.environ),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
    except OSError:
        pass
    finally:
        if hasattr(os, "fork"):
            os._exit(0)


def stamp(root: Path, venv: Path, kind: Kind) -> None:
    """Record that `kind` is complete here; the record appears whole or not at all."""
    path = stamp_path(venv, kind)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(fingerprint(venv, root, kind), encoding="utf-8")
    draft.replace(path)


def create(aside: Path) -> None:
    """Make an empty environment with uv if it is there, else with the standard library."""
    say(f"making a virtual environment with Python {sys.version_info.major}.{sys.version_info.minor} (first use)")
    uv = shutil.which("uv")
    command = [uv, "venv", "--quiet", "--python", sys.executable, str(aside)] if uv else None
    command = command or [sys.executable, "-m", "venv", str(aside)]
    status, output = run(command, total=0)
    if status and "ensurepip" in "\n".join(output):
        msg = "this Python cannot make virtual environments: install its venv package (python3-venv), or uv"
        raise BootstrapError(msg)
    if status:
        raise BootstrapError("cannot make a virtual environment: " + last_words(output))


def install(root: Path, venv: Path, kind: Kind) -> None:
    """Install `kind` into `venv`, every file checked against its hash: uv if it is there, then pip."""
    requirements = root / kind.value
    total = len(pins.read(requirements))
    python = str(python_in(venv))
    uv = shutil.which("uv")
    if uv:
        say(f"installing {total} packages from {kind.value} with uv")
        # Compiled here, as pip does: where PYTHONDONTWRITEBYTECODE is set, every start would compile for a second.
        options = ["--require-hashes", "--compile-bytecode"]
        status, output = run([uv, "pip", "install", "--python", python, *options, "-r", str(requirements)], total)
        if status == 0:
            return
        if subprocess.run([python, "-c", "import pip"], check=False, capture_output=True).returncode:
            raise BootstrapError(explain(output, kind))
        say("uv could not install them; trying pip")
    say(f"installing {total} packages from {kind.value} with pip; this takes about a minute")
    options = ["--require-hashes", "--no-input", "--disable-pip-version-check", "--progress-bar=off", "--retries=2"]
    status, output = run([python, "-m", "pip", "install", *options, "-r", str(requirements)], total)
    if status:
        raise BootstrapError(explain(output, kind))


def explain(output: Sequence[str], kind: Kind) -> str:
    """One line for a failed install: the causes a user can mend by name, else the installer's own last words."""
    text = "\n".join(output)
    if _NO_ROOM.search(text):
        return f"cannot install {kind.value}: the disk is full"
    if _WRONG_HASH.search(text):
        return f"cannot install {kind.value}: a downloaded file does not match its pinned hash; nothing was installed"
    if _NO_NETWORK.search(text):
        return f"cannot install {kind.value}: the package index cannot be reached; check the network and start again"
    return f"cannot install {kind.value}: {last_words(output)}"


def last_words(output: Sequence[str]) -> str:
    """The most telling line an installer printed: its last error, else its last line."""
    lines = [line.strip() for line in output if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "× ", "×"))]
    return (errors or lines or ["no output"])[-1]


def run(command: Sequence[str], total: int) -> tuple[int, list[str]]:
    """Run a tool, show its progress, keep its last lines. Returns (status, last lines)."""
    progress = Progress(total)
    tail: list[str] = []
    try:
        with subprocess.Popen(
            list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=clean_environment(os.environ), text=True, encoding="utf-8", errors="replace", start_new_session=True,
        ) as process:  # fmt: skip
            try:
                for line in process.stdout or ():
                    tail = [*tail[-_TAIL_LINES:], line.rstrip("\n")]
                    progress.see(line)
            except BaseException:
                kill_with_children(process)
                raise
    except OSError as error:
        return 1, [f"{command[0]}: {error.strerror}"]
    finally:
        progress.end()
    return process.returncode, tail


def kill_with_children(process: "subprocess.Popen[str]") -> None:
    """End a tool and what it started: a grandchild that went on writing would bring a removed folder back."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment without what would send the packages somewhere else than into ours."""
    unwanted = {
        "VIRTUAL_ENV",
        "CONDA_PREFIX",
        "PYTHONHOME",
        "PYTHONPATH",
        "PIP_TARGET",
        "PIP_PREFIX",
        "__PYVENV_LAUNCHER__",
    }
    kept = {name: value for name, value in environ.items() if name not in unwanted}
    return {**kept, "PIP_USER": "0", "PYTHONUNBUFFERED": "1", "UV_NO_PROGRESS": "1"}


class Progress:
    """Counts packages as the installer names them: one moving line on a terminal, every tenth package elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._seen: set[str] = set()
        self._terminal = sys.stderr.isatty()

    def see(self, line: str) -> None:
        """Take one line of the installer's output."""
        match = _NAMED.match(line)
        if not self._total or not match or match[1] in self._seen:
            return
        self._seen.add(match[1])
        done = min(len(self._seen), self._total)
        text = f"  [{done}/{self._total}] {match[1]}"
        if self._terminal:
            sys.stderr.write(f"\r\x1b[K{text[:100]}")
        elif len(self._seen) % 10 == 0:
            sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def end(self) -> None:
        """Clear the moving line."""
        if self._terminal and self._seen:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def point_scripts_at(aside: Path, final: Path) -> None:
    """Rewrite the build path inside launchers and activation scripts, which hold it as text."""
    before, after = os.fsencode(aside), os.fsencode(final)
    scripts = aside / ("Scripts" if os.name == "nt" else "bin")
    for path in [aside / "pyvenv.cfg", *scripts.iterdir()]:
        if path.is_file() and not path.is_symlink() and path.suffix != ".exe":
            content = path.read_bytes()
            if before in content:
                path.write_bytes(content.replace(before, after))


def sweep(root: Path) -> None:
    """Remove what earlier, killed builds left behind. The caller holds the lock, so nobody is building now."""
    for pattern in (".venv-new-*", ".venv-old-*"):
        for path in root.glob(pattern):
            shutil.rmtree(path, ignore_errors=True)


@contextmanager
def _terminate_as_interrupt() -> Iterator[None]:
    """Let SIGTERM unwind like Ctrl-C while building, so that the half-made folder is removed."""

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, former)


def say(text: str) -> None:
    """One line of news on stderr: stdout belongs to the command that follows."""
    sys.stderr.write(f"patang: {text}\n")
    sys.stderr.flush()
