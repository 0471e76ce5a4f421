"""Start a sandbox as a child process, for tests and demos.

with launch(speed=125, hold=True) as sandbox:
    KiteConnect(sandbox.info["api_key"], root=sandbox.info["rest"])
"""

import os
import select
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

START_SECONDS = 60.0
STOP_SECONDS = 5.0
_ROOT = Path(__file__).resolve().parent.parent


class SandboxInfo(msgspec.Struct, frozen=True):
    """The first line a sandbox prints."""

    rest: str
    ws: str
    login_url: str
    api_key: str
    api_secret: str
    user_id: str
    access_token: str
    pid: int
    date: str


class RunningSandbox:
    """A sandbox process; `info` is its first line as a dict. Use it as a context manager, or call `stop()`."""

    def __init__(self, process: subprocess.Popen[bytes], line: bytes) -> None:
        self.process = process
        self.details = msgspec.json.decode(line, type=SandboxInfo)
        self.info: dict[str, str | int] = msgspec.to_builtins(self.details)

    @property
    def rest(self) -> str:
        """Root of the REST API, without a trailing slash."""
        return self.details.rest

    @property
    def ws(self) -> str:
        """Root of the WebSocket."""
        return self.details.ws

    @property
    def access_token(self) -> str:
        """A token that works already."""
        return self.details.access_token

    def stop(self) -> int:
        """Ask it to end, wait, and give its exit status; kills it when it does not end in time."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()


def launch(
    *,
    speed: float = 1.0,
    seed: int = 1,
    hold: bool = False,
    relax: Sequence[str] = (),
    extra: Sequence[str] = (),
) -> RunningSandbox:
    """Start `python -m sandbox` on a free loopback port and wait for its first line; it ends when this process does.

    Raises RuntimeError when it does not come up.
    """
    command = [sys.executable, "-m", "sandbox", "--speed", str(speed), "--seed", str(seed)]
    command += ["--exit-with-parent", str(os.getpid())]
    if hold:
        command.append("--hold")
    if relax:
        command += ["--relax", ",".join(relax)]
    command += extra
    process = subprocess.Popen(command, cwd=_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    line = _first_line(process)
    if not line.endswith(b"\n"):
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        raise RuntimeError(f"the sandbox did not come up: {' '.join(command)}")
    return RunningSandbox(process, line)


def _first_line(process: subprocess.Popen[bytes]) -> bytes:
    stream = process.stdout
    if stream is None:
        raise RuntimeError("no pipe to the sandbox")
    deadline = time.monotonic() + START_SECONDS
    line = b""
    while not line.endswith(b"\n"):
        ready, _, _ = select.select([stream], [], [], max(deadline - time.monotonic(), 0))
        if not ready:
            break
        part = os.read(stream.fileno(), 4096)
        if not part:
            break
        line += part
    return line
