"""What happened, line by line; two runs of a seed are the same if and only if their traces are."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final

_NS: Final = 1_000_000_000


class Trace:
    """Collects lines. `note` is part of the run's hash; `say` (the program's own log) is kept only when asked for.

    verbose  keep what is said
    """

    def __init__(self, now_ns: Callable[[], int], *, verbose: bool) -> None:
        self._now_ns = now_ns
        self._notes: list[tuple[int, str]] = []
        self._lines: list[tuple[int, str]] = []
        self._verbose = verbose

    def note(self, text: str) -> None:
        """Something happened in the world."""
        line = (self._now_ns(), text)
        self._notes.append(line)
        if self._verbose:
            self._lines.append(line)

    def say(self, level: str, event: str, /, **keys: object) -> None:
        """The program logged something. Implements `EventLog`."""
        if not self._verbose:
            return
        rest = " ".join(f"{key}={value}" for key, value in keys.items() if key != "traceback" or not value)
        self._lines.append((self._now_ns(), f"  {level} {event} {rest}"))
        trace = keys.get("traceback")
        if trace:
            self._lines.append((self._now_ns(), str(trace)))

    @property
    def length(self) -> int:
        """How many notes so far."""
        return len(self._notes)

    def hash(self) -> str:
        """Of all notes."""
        digest = hashlib.blake2b(digest_size=16)
        for at, text in self._notes:
            digest.update(f"{at} {text}\n".encode())
        return digest.hexdigest()

    def lines(self) -> list[str]:
        """The whole trace for people."""
        return [f"{at / _NS:12.6f}  {text}" for at, text in (self._lines if self._verbose else self._notes)]
