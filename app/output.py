"""What a command shows: one JSON document on stdout for programs, tables on stdout for people, trouble on stderr."""

import sys
from collections.abc import Iterable, Sequence

import msgspec

DONE = 0
FAILED = 1
USAGE = 2
GAVE_UP = 3
"""Exit statuses: done; the work failed; bad usage or configuration; supervision gave up."""

WIDE = 240
_ENCODER = msgspec.json.Encoder(enc_hook=str, decimal_format="number")


class UsageError(Exception):
    """Options that do not fit together. The text is one line for the user; exit status 2."""


def print_json(document: object) -> None:
    """One JSON document and a newline on stdout, flushed. Takes what msgspec can encode, and Decimal as a number."""
    encoded = _ENCODER.encode(document)
    sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on stdout; columns whose cells are all numbers are aligned right. Says so when there are no rows."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=title, title_justify="left")
    cells = [[_cell(value) for value in row] for row in rows]
    for index, column in enumerate(columns):
        numeric = bool(cells) and all(_looks_numeric(row[index]) for row in cells)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in cells:
        table.add_row(*row)
    # Into a file or a pipe, a row stays on its line.
    console = Console(highlight=False, markup=False, width=None if sys.stdout.isatty() else WIDE)
    console.print(table if cells else f"{title}: none")


def complain(text: str) -> None:
    """One line on stderr, with the program's name."""
    one_line = " ".join(text.split())
    sys.stderr.write(f"patang: {one_line}\n")
    sys.stderr.flush()


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _looks_numeric(text: str) -> bool:
    return not text or text.replace(",", "").replace(".", "", 1).lstrip("+-−₹").isdigit()
