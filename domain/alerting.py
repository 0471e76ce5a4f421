"""When a channel says an alert: at once, later in a digest, or not in the night. Pure; the times are the caller's.

A critical alert is an emergency: it is said in quiet hours too, and only a flood of them is held back.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, deque
from typing import Final

from msgspec import Struct

from domain.values import MINUTE, Nanos, ist

LEVELS: Final = ("info", "warning", "critical")
HOUR: Final[Nanos] = 60 * MINUTE
FLOOD: Final = 4
"""Emergencies may come so many times as often as anything else before they, too, are held back."""
DIGEST_LINES: Final = 20
HELD_MAX: Final = 1_000


class ChannelRules(Struct, frozen=True):
    """How one channel speaks.

    least           alerts below this level are not for it
    quiet           India's times from and until which only emergencies are said; None: never quiet
    per_hour        alerts at most within an hour; the rest waits for the digest
    digest_minutes  how often what was held back is said in one piece
    """

    least: str = "warning"
    quiet: tuple[dt.time, dt.time] | None = None
    per_hour: int = 30
    digest_minutes: int = 15


class Note(Struct, frozen=True, tag=True):
    """One thing to say. `time` is wall time."""

    level: str
    name: str
    text: str
    time: Nanos


class Speaker:
    """What one channel has said lately and what it holds back."""

    def __init__(self, rules: ChannelRules) -> None:
        self._rules = rules
        self._said: deque[Nanos] = deque()
        self._held: deque[Note] = deque(maxlen=HELD_MAX)
        self._lost = 0
        self._digest_at: Nanos | None = None

    @property
    def held(self) -> int:
        """How many wait for the digest."""
        return len(self._held)

    def offer(self, note: Note, now: Nanos) -> Note | None:
        """The note if it is to be said now; None where it is held back, or not for this channel."""
        rules = self._rules
        if LEVELS.index(note.level) < LEVELS.index(rules.least):
            return None
        emergency = note.level == LEVELS[-1]
        room = rules.per_hour * (FLOOD if emergency else 1)
        if self._in_the_last_hour(now) >= room or (self._is_quiet(now) and not emergency):
            self._lost += len(self._held) == HELD_MAX
            self._held.append(note)
            if self._digest_at is None:
                self._digest_at = now + rules.digest_minutes * MINUTE
            return None
        self._said.append(now)
        return note

    def digest(self, now: Nanos) -> Note | None:
        """What was held back, in one piece, when its time has come and it is not quiet; else None."""
        if self._digest_at is None or now < self._digest_at or self._is_quiet(now):
            return None
        held, lost = list(self._held), self._lost
        self._held.clear()
        self._lost, self._digest_at = 0, None
        level = max((each.level for each in held), key=LEVELS.index)
        counts = Counter((each.level, each.name, each.text) for each in held)
        lines = [
            f"{name}: {text}" + (f" ({count} times)" if count > 1 else "") for (_, name, text), count in counts.items()
        ]
        more = len(lines) - DIGEST_LINES
        shown = lines[:DIGEST_LINES] + ([f"and {more} more kinds"] if more > 0 else [])
        said = f"{len(held) + lost} alerts were held back"
        return Note(level, "digest", "\n".join((said, *shown)), now)

    def _in_the_last_hour(self, now: Nanos) -> int:
        while self._said and self._said[0] <= now - HOUR:
            self._said.popleft()
        return len(self._said)

    def _is_quiet(self, now: Nanos) -> bool:
        if self._rules.quiet is None:
            return False
        begin, end = self._rules.quiet
        at = ist(now).time()
        return begin <= at < end if begin <= end else at >= begin or at < end
