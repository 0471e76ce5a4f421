"""One permanent Twisted reactor thread per process.

A reactor cannot run twice (kite-facts 10), so it is started once and ends with the process; connections come and go
inside it. Importing Twisted and `kiteconnect` takes about a second: that happens on this thread, while the program
does other things.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol, cast


class Reactor(Protocol):
    """What we use of Twisted's reactor."""

    def run(self, installSignalHandlers: bool) -> None:  # noqa: N803  # Twisted's own spelling
        """Serve until the process ends."""

    def callFromThread(self, work: Callable[[], None]) -> None:  # noqa: N802  # Twisted's own spelling
        """Run `work` on the reactor's thread, soon."""

    def callWhenRunning(self, work: Callable[[], None]) -> object:  # noqa: N802  # Twisted's own spelling
        """Run `work` once the reactor runs."""


class ReactorThread:
    """Starts the reactor at first use, and hands work to it from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._early: list[Callable[[], None]] | None = []
        self._reactor: Reactor | None = None

    def start(self) -> None:
        """Begin importing and running, on a daemon thread. Returns at once; later calls do nothing."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kite-reactor", daemon=True)
                self._thread.start()

    def call(self, work: Callable[[], None]) -> None:
        """Run `work` on the reactor's thread, in the order of calls; before the reactor is up, as soon as it is."""
        self.start()
        with self._lock:
            if self._early is not None:
                self._early.append(work)
                return
        assert self._reactor is not None, "the list of early work ends only when the reactor runs"
        self._reactor.callFromThread(work)

    def _run(self) -> None:
        import kiteconnect.ticker  # noqa: F401  # its import chooses the reactor and is what takes long
        from twisted.internet import reactor as imported

        reactor = cast("Reactor", imported)
        self._reactor = reactor
        reactor.callWhenRunning(self._do_early)
        reactor.run(installSignalHandlers=False)

    def _do_early(self) -> None:
        """Hand over what was called before the reactor ran; order is kept against calls from now on."""
        with self._lock:
            early, self._early = self._early or [], None
            for work in early:
                assert self._reactor is not None, "it is set before it runs"
                self._reactor.callFromThread(work)


REACTOR: ReactorThread = ReactorThread()
"""The process's own. Made at import, started at first use."""
