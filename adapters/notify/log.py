"""A notifier for machines without any other: the alert stands in the log as a notification."""

from __future__ import annotations

from domain.ports import EventLog


class LogNotifier:
    """Implements `domain.ports.Notifier`. Never fails."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    def send(self, level: str, title: str, text: str) -> None:
        """Log the notification at its level."""
        self._log(level, "notify.sent", title=title, text=text)
