"""What systemd is told (sd_notify): that trading began, that it stops, and, again and again, that supervision answers.

Without NOTIFY_SOCKET in the environment nothing is sent. Where the watchdog hears nothing for its time, systemd ends
the process and starts it again, and the journal does the rest.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Final

from domain.ports import Clock

SHARE: Final = 3
"""So many beats within the watchdog's time: one may be late."""


class ServiceManager:
    """Speaks to the service manager that started this process, if one did. Never raises: it is a courtesy.

    clock  monotonic
    """

    def __init__(self, environ: Mapping[str, str], clock: Clock) -> None:
        self._clock = clock
        self._address = environ.get("NOTIFY_SOCKET", "")
        micros = environ.get("WATCHDOG_USEC", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every = int(micros) * 1_000 // SHARE if micros.isdecimal() and for_us else 0
        self._beaten: int | None = None

    def ready(self) -> None:
        """Everything is up."""
        self._send("READY=1\nSTATUS=trading")

    def stopping(self, why: str) -> None:
        """It comes to rest."""
        self._send(f"STOPPING=1\nSTATUS=stopping: {why}")

    def alive(self) -> None:
        """Supervision has just answered. Cheap to call often."""
        now = self._clock.now_ns()
        if self._every and (self._beaten is None or now - self._beaten >= self._every):
            self._beaten = now
            self._send("WATCHDOG=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        # An address with @ is of the abstract kind, which begins with a zero byte.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.sendto(text.encode(), address)
        except (OSError, AttributeError):  # gone, or a system without such sockets
            return
