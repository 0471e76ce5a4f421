"""A week without a person, at speed: one program, five days, a weekend and a holiday, a login that ends each morning."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.system.plant import Program

DAYS = ("2026-11-19", "2026-11-20", "2026-11-23", "2026-11-25", "2026-11-26")
"""Thursday to Thursday: a weekend between, and the holiday of the 24th."""
RSS_GROWTH_MAX = 0.10
"""Of the resident memory after the second day: the first one fills caches and pools."""


class Night(NamedTuple):
    """What the trader's process holds then."""

    threads: int
    rss_kib: int
    descriptors: int


@pytest.mark.long("week")
@pytest.mark.timeout(3_600)
def test_a_week_unattended_leaves_memory_descriptors_and_threads_flat(tmp_path: Path) -> None:
    words = ("--days", str(len(DAYS)), "--speed", "250")
    sets = (f"sandbox.date={DAYS[0]}", "drills.drop_feed_at=11:00", "drills.crash_strategy_at=13:00")
    with Program(tmp_path, *sets, config=None, words=words) as program:
        assert program.wait(3_000) == 0, program.said()[-3000:]
        said = program.said()

    # What it says of itself between two days, when the former is given back and the next not begun.
    nights = [
        Night(*map(int, found))
        for found in re.findall(r"day\.night .*threads=(\d+) rss_kib=(\d+) descriptors=(\d+)", said)
    ]
    assert len(nights) == len(DAYS) - 1

    for night in nights:
        sys.stdout.write(f"{night}\n")  # the figures of docs/reliability.md
    reports = {path.parent.name: json.loads(path.read_text()) for path in (tmp_path / "reports").glob("*/eod.json")}
    assert tuple(sorted(reports)) == DAYS
    for day, report in reports.items():
        assert (report["balanced"], report["books_agree"]) == (True, True), (day, report["differences"])
        assert report["trades"] > 0, day
    assert said.count("session.opened") >= len(DAYS), "a login for each day"
    assert "alert.report.books_differ" not in said
    assert "chore_failed" not in said and "chore.failed" not in said
    assert len(list((tmp_path / "data" / "sandbox" / "backups").iterdir())) == len(DAYS)
    weeks = sorted(path.name for path in (tmp_path / "reports" / "period").iterdir())
    assert weeks == ["sandbox_2026-11-16_2026-11-20"], "the second week is not over"

    second, last = nights[1], nights[-1]
    assert last.rss_kib <= second.rss_kib * (1 + RSS_GROWTH_MAX), nights
    assert len({night.threads for night in nights[1:]}) == 1, nights
    assert len({night.descriptors for night in nights[1:]}) == 1, nights
