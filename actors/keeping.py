"""Small facts that a process keeps for its own next incarnations, in flags of the journal."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import msgspec

from domain.errors import JournalUnavailable
from domain.ports import Journal

T = TypeVar("T")


class Flags:
    """Keeps values by name. What is in force does not wait for the disk: what it refuses is tried again.

    run    names this process's life: another process's values are none of ours
    alarm  tells a person: (name, text)
    """

    def __init__(self, journal: Journal, run: str, alarm: Callable[[str, str], None]) -> None:
        self._journal = journal
        self._run = run
        self._alarm = alarm
        self._unkept: dict[str, str] = {}

    def text(self, name: str) -> str | None:
        """As it stands in the journal, whoever kept it."""
        return self._journal.flag(name)

    def read(self, name: str, kind: type[T]) -> T | None:
        """What this process kept under the name; None where nothing was, or by another process."""
        text = self._journal.flag(name)
        if text is None:
            return None
        try:
            run, value = msgspec.json.decode(text, type=tuple[str, msgspec.Raw])
            return msgspec.json.decode(value, type=kind) if run == self._run else None
        except msgspec.MsgspecError as error:
            # Dying of it again and again would stop the exits as well.
            self._alarm("risk.state_unreadable", f"{name}: {error}")
            return None

    def keep(self, name: str, value: object) -> None:
        """For the next incarnation of this process."""
        self.keep_text(name, msgspec.json.encode((self._run, value)).decode())

    def keep_text(self, name: str, text: str) -> None:
        """Where the disk refuses it is tried again: a restarted actor would go by what was kept before."""
        try:
            self._journal.set_flag(name, text)
            self._unkept.pop(name, None)
        except JournalUnavailable as error:
            if name not in self._unkept:
                self._alarm("risk.state_not_kept", str(error))
            self._unkept[name] = text

    def again(self) -> None:
        """Try what the disk refused."""
        for name, text in tuple(self._unkept.items()):
            self.keep_text(name, text)
