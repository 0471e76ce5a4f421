"""Puts a report on disk: `<reports_dir>/<date>/eod.json` and `eod.html`."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from adapters.report.page import render
from domain.messages.control import ReportWritten
from domain.report.document import as_json
from domain.report.eod import EodReport


class EodWriter:
    """Writes both files, each whole or not at all: a reader never meets half a report."""

    def __init__(self, reports_dir: Path) -> None:
        self._reports_dir = reports_dir

    def write(self, report: EodReport) -> ReportWritten:
        """Write, or write anew. Raises OSError where the folder cannot be made or written."""
        html_path, json_path = report_paths(self._reports_dir, report.date)
        html_path.parent.mkdir(parents=True, exist_ok=True)
        replace_whole(json_path, as_json(report))
        replace_whole(html_path, render(report).encode())
        return ReportWritten(str(html_path), str(json_path))


def report_paths(reports_dir: Path, date: str) -> tuple[Path, Path]:
    """Where the day's page and its JSON lie."""
    folder = reports_dir / date
    return folder / "eod.html", folder / "eod.json"


def read_json(reports_dir: Path, date: str) -> bytes | None:
    """The day's report as it was written, or None where there is none. Raises OSError."""
    try:
        return report_paths(reports_dir, date)[1].read_bytes()
    except FileNotFoundError:
        return None


def replace_whole(path: Path, body: bytes) -> None:
    """Replace a file's content atomically and durably. Raises OSError, and then leaves what was there."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner alone; a report is for whoever may read the folder.
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
