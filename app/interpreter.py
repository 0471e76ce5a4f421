"""How the threads of the trading process share the interpreter and its memory, and when it looks for garbage."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from typing import Final

SWITCH_SECONDS: Final = 0.0002
"""After so long a thread that computes is asked for the interpreter by one that waits for it (Python's own: 5 ms).

Chosen by measurement (`run.py bench contention`, docs/decisions/0020): beside a strategy that computes without a pause
each hop from actor to actor may wait for so long. Half of it gains little more, since handing over has a price too.
"""


def share_finely() -> None:
    """For a process that trades, as trading begins. (While it starts, many threads compute at once, and nobody is in a
    hurry: asking each other for the interpreter would take more than it gives.)
    """
    sys.setswitchinterval(SWITCH_SECONDS)


_M_TRIM_THRESHOLD: Final = -1
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
"""glibc's malloc.h."""

_KEPT_BYTES: Final = 32 << 20
"""More than the arrays of the largest frames (3,000 packets: 2 MB)."""


def keep_memory_together() -> None:
    """For a process that trades, before it has other threads: where their memory comes from.

    One pool for all threads. glibc gives each one of its own, and a day's threads leave theirs in pieces: that grew by
    6 MiB a day. Under the interpreter's lock they do not wait for each other here.

    What a frame's arrays took is kept for the next frame's. Given back to the system and taken again, page by page,
    it took longer than decoding a frame of 3,000 packets.
    """
    with suppress(OSError, AttributeError):  # another C library than glibc
        library = ctypes.CDLL(None)
        library.mallopt(_M_ARENA_MAX, 1)
        library.mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES)
        library.mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def collect_rarely() -> None:
    """For a process that trades, as it begins.

    Python counts objects made and looks for cycles among all of them; every thread waits meanwhile. Frames of thousands
    of prices made that happen many times a second, and a look at all that a day holds took a third of a second.
    """
    gc.set_threshold(50_000, 20, 20)


def keep_what_is_there() -> None:
    """What was made until now (instruments, bars, actors) stays for the day: no later look is at it."""
    gc.collect()
    gc.freeze()


def let_go() -> None:
    """The day is over: what `keep_what_is_there` has kept is looked at again."""
    gc.unfreeze()
