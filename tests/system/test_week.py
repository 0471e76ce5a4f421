"""A week without a person, at speed: one program, five days, a weekend and a holiday, a login that ends each morning."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from msgspec import Struct

from tests.support.waiting import eventually
from tests.system.plant import Program

DAYS = ("2026-11-19", "2026-11-20", "2026-11-23", "2026-11-25", "2026-11-26")
"""Thursday to Thursday: a weekend between, and the holiday of the 24th."""
RSS_GROWTH_MAX = 0.10
"""Of the resident memory after the second day: the first one fills caches and pools."""


class Sample(Struct, frozen=True):
    """What the trader's process holds, in a night."""

    rss_kib: int
    threads: int
    descriptors: int


def sample(pid: int) -> Sample:
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":" in line)
    return Sample(
        rss_kib=int(status["VmRSS"].split()[0]),
        threads=int(status["Threads"]),
        descriptors=len(list(Path(f"/proc/{pid}/fd").iterdir())),
    )


@pytest.mark.long("week")
@pytest.mark.timeout(3_600)
def test_a_week_unattended_leaves_memory_descriptors_and_threads_flat(tmp_path: Path) -> None:
    words = ("--days", str(len(DAYS)), "--speed", "250")
    sets = (f"sandbox.date={DAYS[0]}", "drills.drop_feed_at=11:00", "drills.crash_strategy_at=13:00")
    nights: list[Sample] = []
    with Program(tmp_path, *sets, config=None, words=words) as program:
        for number in range(1, len(DAYS)):
            eventually(lambda: nights_of(program) >= number or not program.running, 900, f"night {number}")  # noqa: B023 - called at once
            assert program.running, program.said()[-3000:]
            # The former day is given back by then, the next one not begun: between them it holds least.
            nights.append(sample(program.process.pid))
        assert program.wait(900) == 0, program.said()[-3000:]
        said = program.said()

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


def nights_of(program: Program) -> int:
    return program.said().count("day.night")
