"""Sees that a configuration file was saved. Watches the folders: editors put a new file in the old one's place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from watchfiles import watch

from domain.ports import EventLog

DEBOUNCE_MS: Final = 200
"""Saving is several steps (write, rename, attributes): after the first, what comes within so long counts as one."""
STOP_SECONDS: Final = 2.0


class ConfigWatch:
    """Calls `saved(name)` on a thread of its own, some 0.2 s after one of the files was written, replaced or removed.

    files  absolute paths; they need not exist, their folders must
    """

    def __init__(self, files: Iterable[Path], saved: Callable[[str], None], log: EventLog) -> None:
        self._files = {path.resolve() for path in files}
        self._saved = saved
        self._log = log
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="config-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Watch no more."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _watch(self) -> None:
        folders = sorted({path.parent for path in self._files if path.parent.is_dir()})
        try:
            for seen in watch(
                *folders,
                watch_filter=lambda _change, path: Path(path) in self._files,
                debounce=DEBOUNCE_MS,
                step=50,
                stop_event=self._ending,
                rust_timeout=500,
                recursive=False,
                raise_interrupt=False,
            ):
                self._saved(", ".join(sorted({Path(path).name for _, path in seen})))
        except (OSError, RuntimeError) as error:
            # Too few watches left on this machine, say: `run.py reload` and SIGHUP still work.
            self._log("warning", "configuration.not_watched", why=str(error))
