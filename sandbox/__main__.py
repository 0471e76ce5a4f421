"""`python -m sandbox`: run the sandbox exchange until a signal ends it."""

import sys

from sandbox.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
