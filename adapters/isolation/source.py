"""Code that was changed while it trades: a process that begins later must not run other code than the first ones.

This process holds what it has loaded, whatever becomes of the files. A fresh interpreter reads them again: half of an
edit, or the next version of the program, under a journal and a parent of this one.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable
from typing import Final, NamedTuple

_INSTALLED: Final = tuple(os.path.normpath(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib"))


class Stamp(NamedTuple):
    """By which a file is known to be as it was."""

    modified_ns: int
    size: int


def own_files() -> tuple[str, ...]:
    """Source files of what this interpreter has imported, but for Python's own and installed packages."""
    files = {str(getattr(module, "__file__", None) or "") for module in tuple(sys.modules.values())}
    return tuple(sorted(each for each in files if each.endswith(".py") and not each.startswith(_INSTALLED)))


class Sources:
    """How the files were when they were first asked for."""

    def __init__(self) -> None:
        self._known: dict[str, Stamp | None] = {}

    def begin(self) -> None:
        """The first time: all that has been imported by now."""
        if not self._known:
            self.know(own_files())

    def know(self, files: Iterable[str]) -> None:
        """From here on these are to stay as they are."""
        for each in files:
            if each not in self._known:
                self._known[each] = _stamp(each)

    def changed(self, files: Iterable[str]) -> list[str]:
        """Those of them that are not as they were; what is new is known from here on."""
        wanted = tuple(files)
        self.know(wanted)
        return [each for each in wanted if _stamp(each) != self._known[each]]


def _stamp(file: str) -> Stamp | None:
    try:
        status = os.stat(file)  # noqa: PTH116 - hundreds of them at a start
    except OSError:
        return None
    return Stamp(status.st_mtime_ns, status.st_size)
