"""What the trader's process takes of the machine: read from outside, so that nothing is counted on its own paths."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from adapters.web.metrics import ProcessFigures


def process_figures(pid: int, proc: Path = Path("/proc")) -> ProcessFigures | None:
    """Memory, processor time, threads and open files of a process; None where it is gone, or there is no /proc."""
    try:
        # The name stands in brackets and may hold blanks: the fields are counted from behind it.
        fields = (proc / str(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
        files = len(list((proc / str(pid) / "fd").iterdir()))
    except OSError:
        return None
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    return ProcessFigures(
        resident_bytes=int(fields[21]) * page,
        cpu_seconds=(int(fields[11]) + int(fields[12])) / ticks,
        threads=int(fields[17]),
        open_files=files,
    )


def disk_free_bytes(folder: Path) -> int | None:
    """What is left where the data lie, for who is not root; None where it cannot be asked."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None
