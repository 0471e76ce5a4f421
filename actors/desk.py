"""What the order supervisor lends to its parts: they think and tell, the supervisor alone commits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from actors.routes import Routes
from actors.runtime import Context
from domain.messages.journal import JournalEvent
from domain.messages.orders import IntentVoided
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
    refused         approvals that any life of the supervisor in this process has refused: (id, when it was approved)
    """

    context: Context
    routes: Routes
    journal: Journal
    clock: Clock
    commit: Callable[[Sequence[JournalEvent]], bool]
    alert: Callable[[str, str], None]
    read_book_soon: Callable[[float], None]
    refused: set[tuple[str, Nanos]]

    def void(self, intent_id: str, strategy: str, approved: Nanos, why: str) -> None:
        """An approval comes to nothing, for good: its hold is let go. A failed life's message may bring it again."""
        self.refused.add((intent_id, approved))
        self.routes.publish(self.context, IntentVoided(intent_id, strategy, approved, why))

    def refuse_again(self, intent_id: str, strategy: str, approved: Nanos) -> bool:
        """Whether it was refused before: then that is said once more, as not everybody may have heard."""
        if (intent_id, approved) not in self.refused:
            return False
        self.context.log("info", "order.refused_before", intent=intent_id, strategy=strategy)
        self.void(intent_id, strategy, approved, "it was refused before")
        return True

    def now(self) -> Nanos:
        """Market time."""
        return self.clock.now_ns()

    def mono(self, after_seconds: float = 0.0) -> Nanos:
        """Monotonic time, so many seconds ahead."""
        return self.context.runtime.monotonic.now_ns() + int(after_seconds * SECOND)
