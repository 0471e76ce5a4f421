"""How the threads of the trading process share the interpreter, and when it looks for garbage."""

from __future__ import annotations

import gc
import sys
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
