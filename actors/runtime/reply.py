"""The future behind an `ask`: the first answer stands."""

from __future__ import annotations

import sys
from types import TracebackType

import pykka

from actors.runtime.seam import Condition

ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


class Reply(pykka.Future[object]):
    """An answer that several may try to give: the actor, its crash, or the supervisor that fences it.

    Pykka's own future raises `queue.Full` on the second answer, inside the actor's loop, where it would kill the
    thread. Here later answers are ignored.
    """

    def __init__(self, condition: Condition) -> None:
        super().__init__()
        self._condition = condition
        self._answered = False
        self._value: object = None
        self._error: BaseException | None = None

    def get(self, *, timeout: float | None = None) -> object:
        """Return the answer or raise the failure; `pykka.Timeout` after `timeout` monotonic seconds."""
        with self._condition:
            if not self._condition.wait_for(lambda: self._answered, timeout):
                raise pykka.Timeout(f"{timeout} seconds")
        if self._error is not None:
            raise self._error
        return self._value

    def set(self, value: object = None) -> None:
        """Answer, unless somebody has."""
        self._answer(value, None)

    def set_exception(self, exc_info: ExcInfo | None = None) -> None:
        """Fail, unless somebody has answered."""
        kind, error, _ = sys.exc_info() if exc_info is None else exc_info
        if error is None:
            error = kind() if kind is not None else RuntimeError("an actor failed without an exception")
        self._answer(None, error)

    def _answer(self, value: object, error: BaseException | None) -> None:
        with self._condition:
            if self._answered:
                return
            self._answered, self._value, self._error = True, value, error
            self._condition.notify_all()
