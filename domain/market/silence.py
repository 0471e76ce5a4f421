"""Notices a connection that lives and says nothing of prices: heartbeats come, and ticks do not.

The feed's own watchdog is fed by every message, as it must be outside of market hours. Here is the other half: while
an instrument of the socket has its session, prices come; where none does for a while, the connection is replaced.
"""

from __future__ import annotations

from typing import Final

from domain.values import SECOND, Nanos

ANSWER: Final[Nanos] = 5 * SECOND
"""Ticks so soon after a subscription are its answer, the last prices again: they prove nothing yet."""

LONGEST: Final = 32
"""How many times the first patience the longest one is, where replacing the connection has brought nothing."""


class Silence:
    """One socket's. Times are monotonic; the patience is in wall seconds.

    Where nothing but silence follows a replacement (a portfolio of options that nobody trades), the next one takes
    twice as long to come.
    """

    def __init__(self, patience_seconds: float) -> None:
        self._first = int(patience_seconds * SECOND)
        self._patience = self._first
        self._connected: Nanos | None = None
        self._heard: Nanos = 0

    def connected(self, mono: Nanos) -> None:
        """A fresh connection."""
        self._connected = self._heard = mono

    def lost(self) -> None:
        """No connection: whoever connects again knows already."""
        self._connected = None

    def ticks(self, mono: Nanos) -> None:
        """Prices came."""
        self._heard = mono
        if self._connected is not None and mono - self._connected > ANSWER:
            self._patience = self._first

    def overdue(self, mono: Nanos, *, trading: bool) -> float:
        """Seconds of silence where it has lasted too long, once; else 0. `trading`: some session is open now."""
        if not trading:
            # The patience begins with the session.
            self._heard = mono
        if self._connected is None or mono - self._heard < self._patience:
            return 0.0
        silent = (mono - self._heard) / SECOND
        self._connected = None
        self._patience = min(2 * self._patience, LONGEST * self._first)
        return silent
