"""Puts a period report on disk, in `<reports_dir>/period/<env>_<from>_<to>[_<strategy>]/`; and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

from adapters.report.period_page import render
from adapters.report.writer import replace_whole
from domain.report.period import PeriodReport
from domain.report.period_document import as_json, day_table, lot_table, trip_table


def write_period(reports_dir: Path, report: PeriodReport) -> tuple[Path, Path]:
    """Write the page and the JSON, each whole or not at all: their paths. Raises OSError."""
    of = re.sub(r"[^A-Za-z0-9_.-]", "-", report.strategy)
    folder = reports_dir / "period" / f"{report.env}_{report.start}_{report.end}{f'_{of}' if of else ''}"
    folder.mkdir(parents=True, exist_ok=True)
    html_path, json_path = folder / "period.html", folder / "period.json"
    replace_whole(json_path, as_json(report))
    replace_whole(html_path, render(report).encode())
    return html_path, json_path


def write_csv(path: Path, report: PeriodReport) -> tuple[Path, ...]:
    """The days into `path`, the round trips and closed lots beside it as `-trips` and `-lots`. Raises OSError."""
    tables = {
        path: day_table(report),
        path.with_name(f"{path.stem}-trips{path.suffix}"): trip_table(report),
        path.with_name(f"{path.stem}-lots{path.suffix}"): lot_table(report),
    }
    written = {target: rows for target, rows in tables.items() if rows}
    for target, rows in written.items():
        replace_whole(target, _csv(rows))
    return tuple(written)


def _csv(rows: Sequence[Sequence[str]]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    return out.getvalue().encode()
