"""Which alerts are worth repeating: the rule of de-duplication, pure."""

from __future__ import annotations

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.messages.control import Alert
from domain.values import MINUTE, Nanos

REPEAT_AFTER: Final[Nanos] = 5 * MINUTE
KNOWN_MAX: Final = 1_000
"""Alerts remembered at once; beyond it the oldest are forgotten, and may then be said again too early."""


class Verdict(Struct, frozen=True):
    """say: pass it on; held: how many of the same were held back since it was last said."""

    say: bool
    held: int


class _Known(Struct, frozen=True):
    said: Nanos
    held: int


class Repeats:
    """Holds back an alert that was said less than `repeat_after` ago with the same level, name and text.

    The instants are the caller's (monotonic, so that a fast market clock does not shorten the quiet).
    """

    def __init__(self, repeat_after: Nanos = REPEAT_AFTER) -> None:
        self._repeat_after = repeat_after
        self._known: dict[tuple[str, str, str], _Known] = {}

    def judge(self, alert: Alert, now: Nanos) -> Verdict:
        """Whether to say it now."""
        key = (alert.level, alert.name, alert.text)
        known = self._known.pop(key, None)
        if known is not None and now - known.said < self._repeat_after:
            self._known[key] = replace(known, held=known.held + 1)
            return Verdict(say=False, held=known.held + 1)
        self._known[key] = _Known(said=now, held=0)
        if len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        return Verdict(say=True, held=0 if known is None else known.held)
