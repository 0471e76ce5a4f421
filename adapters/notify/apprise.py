"""Delivers alerts through apprise: mail, Telegram, webhooks and a hundred services more, each by one URL.

The URL holds the secret, so no error of ours shows it.
"""

from __future__ import annotations

import urllib.request
from typing import Final
from urllib.error import URLError

from domain.errors import PatangError

TIMEOUT_SECONDS: Final = 10.0
_TYPES: Final = {"info": "info", "warning": "warning", "critical": "failure"}


class NotDelivered(PatangError):
    """A channel did not take an alert. The text names the channel, never its address."""


class AppriseNotifier:
    """Implements `domain.ports.Notifier`. name: the channel's, for errors. url: apprise's address of the service.

    Raises NotDelivered for an address that apprise does not know.
    """

    def __init__(self, name: str, url: str) -> None:
        import apprise  # here: it takes a third of a second, and most runs have no channel

        self._name = name
        self._service = apprise.Apprise()
        if not self._service.add(url):
            raise NotDelivered(f"channel {name}: apprise knows no such address; allowed: those of its list of services")

    def send(self, level: str, title: str, text: str) -> None:
        """Deliver. Raises NotDelivered."""
        try:
            taken = self._service.notify(body=text, title=f"Patang: {title}", notify_type=_TYPES[level])
        except Exception as error:  # noqa: BLE001 - a plugin's defect must not show its address, nor end the channel
            raise NotDelivered(f"channel {self._name}: {type(error).__name__}") from None
        if not taken:
            raise NotDelivered(f"channel {self._name}: the service did not take it")


def beat(url: str) -> None:
    """One GET of a dead man's switch. Raises NotDelivered."""
    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as reply:  # noqa: S310 - the scheme is checked with the settings
            if reply.status >= 400:
                raise NotDelivered(f"heartbeat: HTTP {reply.status}")
    except (URLError, TimeoutError, ValueError) as error:
        raise NotDelivered(f"heartbeat: {type(error).__name__}") from None
