"""The user's own program that supplies access tokens: their lawful way to be logged in, whatever it is.

Its standard output is the token, or a JSON object with `access_token`. Nothing that it prints is ever logged, shown or
kept in an error: either may hold a secret.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from domain.errors import LoginNeeded

OUTPUT_BYTES_MAX: Final = 65_536
AGAIN_SECONDS: Final = 30.0
"""It may cost its user something (a prompt on a telephone): no oftener than this."""


class _Answer(Struct):
    """JSON output. Has no useful repr: it holds a secret."""

    access_token: str

    def __repr__(self) -> str:
        return "_Answer()"


class TokenCommand:
    """Runs the command, at most once in `again_seconds`."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        timeout_seconds: float = 30.0,
        again_seconds: float = AGAIN_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._argv = list(argv)
        self._timeout_seconds = timeout_seconds
        self._again_seconds = again_seconds
        self._monotonic = monotonic
        self._due = 0.0

    def token(self) -> str:
        """The token; empty where it is too soon to ask again. Raises LoginNeeded, in words without its output."""
        now = self._monotonic()
        if now < self._due:
            return ""
        self._due = now + self._again_seconds
        output, problem = self._run()
        if problem:  # raised here, outside any handler: the caught exception holds the command's output
            raise LoginNeeded(f"kite.token_command: {self._argv[0]} {problem}")
        return _parse(output, self._argv[0])

    def _run(self) -> tuple[bytes, str]:
        """What it printed, and what went wrong in words."""
        try:
            ended = subprocess.run(
                self._argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                timeout=self._timeout_seconds,
                check=False,
                start_new_session=True,
            )
        except subprocess.TimeoutExpired:
            return b"", f"took over {self._timeout_seconds:g} s"
        except OSError as error:
            return b"", f"cannot be run: {error.strerror}"
        if ended.returncode != 0:
            return b"", f"ended with status {ended.returncode}"
        return ended.stdout[:OUTPUT_BYTES_MAX], ""


def _parse(output: bytes, name: str) -> str:
    text = output.decode("utf-8", "replace").strip()
    if text.startswith("{"):
        try:
            text = msgspec.json.decode(text, type=_Answer).access_token
        except msgspec.MsgspecError:
            text = ""
        if not text:
            raise LoginNeeded(f"kite.token_command: {name} printed JSON without access_token")
    if not text or len(text.split()) != 1:
        raise LoginNeeded(f"kite.token_command: {name} must print the access token alone, or JSON with access_token")
    return text
