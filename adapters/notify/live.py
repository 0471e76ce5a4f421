"""A notifier that keeps alerts where the dashboard shows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from domain.ports import Clock
from domain.values import Nanos


class AlertStore(Protocol):
    """Where alerts are kept (adapters/store/live.py)."""

    def send(self, level: str, title: str, text: str, time: Nanos) -> None:
        """Keep one. Raises JournalUnavailable."""
        ...

    def close(self) -> None:
        """Give the file back."""
        ...


class LiveNotifier:
    """Implements `domain.ports.Notifier`.

    opened  opens the store, when the first alert comes
    wall    the clock of the alerts' times: a person asks when it was by the clock on the wall
    """

    def __init__(self, opened: Callable[[], AlertStore], wall: Clock) -> None:
        self._opened = opened
        self._store: AlertStore | None = None
        self._wall = wall

    def send(self, level: str, title: str, text: str) -> None:
        """Keep the alert. Raises JournalUnavailable, which the alerts' actor logs."""
        self._store = self._store or self._opened()
        self._store.send(level, title, text, self._wall.now_ns())

    def close(self) -> None:
        """Give the file back."""
        if self._store is not None:
            self._store.close()
