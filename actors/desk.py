"""What the order supervisor lends to its parts: they think and tell, the supervisor alone commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from actors.routes import Routes
from actors.runtime import Context
from domain.messages.journal import JournalEvent
from domain.ports import Clock, Journal
from domain.values import SECOND, Nanos

HAND_OUT_AGAIN_SECONDS: Final = 5.0
"""An exit, its change or its GTT that no worker has claimed for so long (wall) is handed out once more: nobody may be
about to send it.
"""


class Desk(NamedTuple):
    """commit          make durable, then tell; False where the disk refuses

    alert           call a person: (name, text)
    read_book_soon  read the order book within so many wall seconds
    """

    context: Context
    routes: Routes
    journal: Journal
    clock: Clock
    commit: Callable[[Sequence[JournalEvent]], bool]
    alert: Callable[[str, str], None]
    read_book_soon: Callable[[float], None]

    def now(self) -> Nanos:
        """Market time."""
        return self.clock.now_ns()

    def mono(self, after_seconds: float = 0.0) -> Nanos:
        """Monotonic time, so many seconds ahead."""
        return self.context.runtime.monotonic.now_ns() + int(after_seconds * SECOND)
