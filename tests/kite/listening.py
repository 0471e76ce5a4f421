"""A feed's listener that remembers what it heard, and time-outs short enough for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from adapters.kite.ticker import FeedTimes

WAIT = 60.0
PATIENT = FeedTimes(
    connect_seconds=WAIT, handshake_seconds=WAIT, close_seconds=0.5, ping_every_seconds=1.0, ping_answer_seconds=WAIT
)
"""For what is no test of a time-out: on a busy machine a handshake takes its time."""
QUICK = FeedTimes(
    connect_seconds=2.0, handshake_seconds=1.0, close_seconds=0.5, ping_every_seconds=1.0, ping_answer_seconds=1.0
)


class Listener:
    """Remembers what it heard; `wait` returns when a condition on it holds."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.connected_epochs: list[int] = []
        self.frames: list[tuple[int, bytes]] = []
        self.texts: list[tuple[int, bytes]] = []
        self.lost: list[tuple[int, str, bool]] = []
        self.raising = False

    def connected(self, epoch: int) -> None:
        self._note(self.connected_epochs, epoch)

    def frame(self, epoch: int, payload: bytes, received_ns: int) -> None:
        assert received_ns == 77
        self._note(self.frames, (epoch, payload))

    def text(self, epoch: int, payload: bytes, received_ns: int) -> None:
        self._note(self.texts, (epoch, payload))

    def disconnected(self, epoch: int, reason: str, login_needed: bool) -> None:
        self._note(self.lost, (epoch, reason, login_needed))

    def _note(self, where: list[Any], what: object) -> None:
        with self._changed:
            where.append(what)
            self._changed.notify_all()
        if self.raising:
            raise RuntimeError("a listener's defect")

    def wait(self, condition: Callable[[], bool]) -> bool:
        with self._changed:
            return self._changed.wait_for(condition, WAIT)
