"""A benchmark's daily closes from a CSV file, such as history saved from a chart or an index provider."""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Iterator
from pathlib import Path

from domain.report.period import BenchmarkCloses


class BenchmarkUnreadable(ValueError):
    """The file is not what it should be. The text is one line: where, what was found, what is allowed."""


def read_benchmark(path: Path) -> BenchmarkCloses:
    """Closes by day from the columns `date` and `close` (any case; others are ignored), oldest first.

    Dates are YYYY-MM-DD, or times that begin so. Raises BenchmarkUnreadable.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise BenchmarkUnreadable(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise BenchmarkUnreadable(f"{path}: is not UTF-8 text") from None
    try:
        return BenchmarkCloses(path.stem, _closes(path, csv.reader(text.splitlines())))
    except csv.Error as error:
        raise BenchmarkUnreadable(f"{path}: is no table of cells: {error}") from None


def _closes(path: Path, rows: Iterator[list[str]]) -> tuple[tuple[dt.date, float], ...]:
    heads = [head.strip().lower() for head in next(rows, [])]
    if "date" not in heads or "close" not in heads:
        raise BenchmarkUnreadable(f"{path}:1: found {','.join(heads)[:60]!r}; allowed: a head with date and close")
    date_at, close_at = heads.index("date"), heads.index("close")
    closes: list[tuple[dt.date, float]] = []
    for line, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        where = f"{path}:{line}"
        if len(row) <= max(date_at, close_at):
            raise BenchmarkUnreadable(f"{where}: found {len(row)} cells; allowed: one for each head")
        closes.append((_day(where, row[date_at]), _close(where, row[close_at])))
        if len(closes) > 1 and closes[-2][0] >= closes[-1][0]:
            raise BenchmarkUnreadable(f"{where}: found {closes[-1][0]} after {closes[-2][0]}; allowed: days in order")
    return tuple(closes)


def _day(where: str, cell: str) -> dt.date:
    try:
        return dt.date.fromisoformat(cell.strip()[:10])
    except ValueError:
        raise BenchmarkUnreadable(f"{where}: found {cell[:40]!r}; allowed: a day YYYY-MM-DD") from None


def _close(where: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise BenchmarkUnreadable(f"{where}: found {cell[:40]!r}; allowed: a close above 0")
    return value
