"""`python -m research.kernel`: compile ahead what is the same for every rule, at the lowest priority.

An installation starts it and does not wait. A backtest that begins meanwhile waits for it, up to a point.
"""

from __future__ import annotations

import os
import sys

from research.kernel.build import compile_loop


def main() -> int:
    """Exit status 0: it is there, if the disk takes it."""
    if hasattr(os, "nice"):
        os.nice(19)
    compile_loop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
