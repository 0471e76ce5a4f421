"""What the journal keeps of a change of the configuration."""

from __future__ import annotations

from msgspec import Struct

from domain.values import Nanos


class ConfigChange(Struct, frozen=True):
    """One key that differs, as a file would state it, secrets masked.

    old, new  JSON; empty where there was or is no such key
    mark      live, next session or restart
    where     file and line of the new value, or of the old one where the key is gone
    """

    path: str
    old: str
    new: str
    mark: str
    where: str = ""


class ConfigurationChanged(Struct, frozen=True, tag=True):
    """Journal event: from here on the configuration has this version.

    changes  what became different, live keys alone; at a start, all that differ from the last version
    """

    version: int
    changes: tuple[ConfigChange, ...]
    who: str
    why: str
    time: Nanos
