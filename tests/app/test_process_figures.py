"""What a process takes of the machine, read from /proc."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

from app.process_figures import disk_free_bytes, process_figures

needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")


@needs_proc
def test_our_own() -> None:
    before = process_figures(os.getpid())
    done = threading.Event()
    thread = threading.Thread(target=done.wait)
    thread.start()
    with Path(__file__).open():
        after = process_figures(os.getpid())
    done.set()
    thread.join()

    assert before is not None
    assert after is not None
    assert after.threads == before.threads + 1
    assert after.open_files == before.open_files + 1
    assert 5e6 < after.resident_bytes < 64e9
    assert after.cpu_seconds >= before.cpu_seconds > 0


@needs_proc
def test_a_name_with_blanks_and_brackets_moves_no_field(tmp_path: Path) -> None:
    (tmp_path / "7" / "fd").mkdir(parents=True)
    (tmp_path / "7" / "fd" / "0").touch()
    rest = " ".join(str(number) for number in range(3, 53))
    (tmp_path / "7" / "stat").write_text(f"7 (a ) b ( c) {rest}\n")
    found = process_figures(7, tmp_path)

    assert found is not None
    assert found.resident_bytes == 24 * os.sysconf("SC_PAGE_SIZE")
    assert found.cpu_seconds == (14 + 15) / os.sysconf("SC_CLK_TCK")
    assert (found.threads, found.open_files) == (20, 1)


def test_one_that_is_gone_has_none(tmp_path: Path) -> None:
    assert process_figures(7, tmp_path) is None
    assert disk_free_bytes(tmp_path / "gone") is None
    assert (disk_free_bytes(tmp_path) or 0) > 0
