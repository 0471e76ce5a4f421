"""One measurement in a process of its own: `python -m benchmarks NAME [--quick] [--long]`; JSON on the last line."""

from __future__ import annotations

import sys

import msgspec

from benchmarks._run import measured


def main(argv: list[str]) -> int:
    """Measure what the first argument names."""
    rows = measured(argv[0], quick="--quick" in argv, long="--long" in argv)
    sys.stdout.write(msgspec.json.encode(rows).decode() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
