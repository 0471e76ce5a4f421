"""One permanent Twisted reactor thread per process.

A reactor cannot run twice (kite-facts 10), so it is started once and ends with the process; connections come and go
inside it. Importing Twisted and `kiteconnect` takes about a second: that happens on this thread, while the program
does other things.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias, cast


class Reactor(Protocol):
    """What we use of Twisted's reactor.

    running  whether anybody in this process runs it
    """

    running: bool

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
        self._early: list[_Work] = []
        self._reactor: Reactor | None = None

    def start(self) -> None:
        """Begin importing and running, on a daemon thread. Returns at once; does nothing while that is under way."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="kite-reactor", daemon=True)
                self._thread.start()

    def call(self, work: Callable[[], None], failed: Callable[[str], None] = lambda _why: None) -> None:
        """Run `work` on the reactor's thread, in the order of calls; before the reactor is up, as soon as it is.

        `failed` is called in its place, with the reason, where the reactor cannot start; the next call tries again.
        """
        with self._lock:
            reactor = self._reactor
            if reactor is None:
                self._early.append((work, failed))
        if reactor is None:
            self.start()
        else:
            reactor.callFromThread(work)

    def _run(self) -> None:
        try:
            import kiteconnect.ticker  # noqa: F401  # its import chooses the reactor and is what takes long
            from twisted.internet import reactor as imported
        except Exception as error:  # noqa: BLE001  # whatever an import runs: the feeds are down, and are told why
            self._give_up(f"the ticker could not be loaded: {type(error).__name__}: {error}")
            return
        reactor = cast("Reactor", imported)
        reactor.callWhenRunning(lambda: self._begin(reactor))
        if not reactor.running:  # a program that embeds this one may run it already
            reactor.run(installSignalHandlers=False)

    def _begin(self, reactor: Reactor) -> None:
        """Hand over what was called before the reactor ran; order is kept against calls from now on."""
        with self._lock:
            early, self._early = self._early, []
            for work, _failed in early:
                reactor.callFromThread(work)
            self._reactor = reactor

    def _give_up(self, why: str) -> None:
        with self._lock:
            early, self._early = self._early, []
            self._thread = None
        for _work, failed in early:
            failed(why)


_Work: TypeAlias = tuple[Callable[[], None], Callable[[str], None]]

REACTOR: Final = ReactorThread()
"""The process's own. Made at import, started at first use."""
