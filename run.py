#!/usr/bin/env python3
"""The one door: makes the virtual environment on first use, then hands the arguments to the application.

Nothing here may need more than the standard library, nor syntax newer than Python 3.6: an old Python must get as far
as the sentence that tells it so.
"""

import os
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))


def main():  # type: () -> int
    """Enter the environment (which may replace this process) and run the command; returns the exit status."""
    if sys.version_info < (3, 11):
        found = (sys.executable, sys.version_info[0], sys.version_info[1])
        sys.stderr.write("patang: Python 3.11 or newer is needed; %s is %d.%d\n" % found)
        return 1
    # The folder of a script comes first on the path by itself, but not under `python -P` or PYTHONSAFEPATH.
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    from app import bootstrap

    bootstrap.enter(ROOT, sys.argv[1:])
    from app import cli

    return cli.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
