"""One actor for each channel of alerts (mail, a phone, a webhook): a dead one holds nobody up, not even the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from actors.runtime import Actor, Context
from domain.alerting import ChannelRules, Note, Speaker
from domain.errors import PatangError
from domain.messages.control import Report
from domain.ports import Clock, Notifier

RETRY_SECONDS: Final = (2.0, 10.0, 60.0, 300.0)
"""Wall seconds until what was not delivered is tried again; after the last one it is given up."""
LOOK_SECONDS: Final = 15.0


class _Again(Struct, frozen=True, tag=True):
    """Own timer: what was not delivered, and how often it was tried."""

    note: Note
    tried: int


class _Look(Struct, frozen=True, tag=True):
    """Own timer: is a digest due?"""


class AlertChannel(Actor):
    """Delivers notes by its own rules. wall: quiet hours are a person's, by the clock on the wall."""

    def __init__(
        self, context: Context, name: str, opened: Callable[[], Notifier], rules: ChannelRules, wall: Clock
    ) -> None:
        super().__init__(context)
        self._name = name
        self._notifier = opened()
        self._speaker = Speaker(rules)
        self._wall = wall
        self._delivered = self._given_up = 0

    def started(self) -> None:
        """Look for digests."""
        self.context.every(LOOK_SECONDS, _Look())

    def receive(self, message: object) -> object:
        """Say it, hold it, or try again."""
        match message:
            case Note():
                said = self._speaker.offer(message, self._wall.now_ns())
                if said is not None:
                    self._deliver(said, 0)
            case _Again(note=note, tried=tried):
                self._deliver(note, tried)
            case _Look():
                digest = self._speaker.digest(self._wall.now_ns())
                if digest is not None:
                    self._deliver(digest, 0)
            case Report():
                return {"delivered": self._delivered, "given_up": self._given_up, "held": self._speaker.held}
        return None

    def _deliver(self, note: Note, tried: int) -> None:
        try:
            self._notifier.send(note.level, note.name, note.text)
        except (PatangError, OSError) as error:
            if tried < len(RETRY_SECONDS):
                self.context.after(RETRY_SECONDS[tried], _Again(note, tried + 1))
            else:
                self._given_up += 1
            level = "warning" if tried < len(RETRY_SECONDS) else "error"
            self.context.log(
                level, "alert.not_delivered", channel=self._name, alert=note.name, tried=tried + 1, error=str(error)
            )
        else:
            self._delivered += 1
            self.context.log("debug", "alert.delivered", channel=self._name, alert=note.name, tried=tried + 1)


class _Beat(Struct, frozen=True, tag=True):
    """Own timer."""


class Heartbeat(Actor):
    """Tells a dead man's switch elsewhere that this process lives: where beats stop, somebody else raises the alarm.

    beat  one beat; raises PatangError or OSError where it did not arrive
    """

    def __init__(self, context: Context, beat: Callable[[], None], seconds: float) -> None:
        super().__init__(context)
        self._beat = beat
        self._seconds = seconds
        self._failing = False

    def started(self) -> None:
        """Begin."""
        self.context.every(self._seconds, _Beat())

    def receive(self, message: object) -> object:
        """Beat."""
        match message:
            case _Beat():
                try:
                    self._beat()
                except (PatangError, OSError) as error:
                    if not self._failing:
                        self.context.log("warning", "alert.heartbeat_failed", error=str(error))
                    self._failing = True
                else:
                    self._failing = False
            case Report():
                return {"failing": self._failing}
        return None
