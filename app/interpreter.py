"""How the threads of the trading process share the interpreter."""

from __future__ import annotations

import sys
from typing import Final

SWITCH_SECONDS: Final = 0.0002
"""After so long a thread that computes is asked for the interpreter by one that waits for it (Python's own: 5 ms).

Chosen by measurement (`run.py bench contention`, docs/decisions/0020): beside a strategy that computes without a pause
each hop from actor to actor may wait for so long. Half of it gains little more, since handing over has a price too.
"""


def share_finely() -> None:
    """For a process that trades, as it begins."""
    sys.setswitchinterval(SWITCH_SECONDS)
