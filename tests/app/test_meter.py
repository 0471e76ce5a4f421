"""Requests and commits are counted where they happen, and told with the status."""

from __future__ import annotations

import threading
from pathlib import Path

from adapters.meter import COMMIT_SECONDS, Meter
from adapters.store.enduring import EnduringJournal


def test_replies_count_by_call_and_status_and_no_id_makes_a_series() -> None:
    meter = Meter()
    for order in range(5):
        meter.replied("GET", f"/orders/{order}/trades", 200)
    meter.replied("POST", "/orders/regular", 429)
    meter.replied("GET", "/quote?i=NSE:INFY", 200)

    assert meter.taken().replies == {"GET /orders 200": 5, "POST /orders 429": 1, "GET /quote 200": 1}


def test_commits_fall_into_buckets_the_bound_included() -> None:
    meter = Meter()
    for seconds in (0.0001, COMMIT_SECONDS[0], 0.0006, 60.0):
        meter.committed(seconds)
    taken = meter.taken()

    assert (taken.commits[0], taken.commits[1], taken.commits[-1], sum(taken.commits)) == (2, 1, 1, 4)
    assert taken.commit_seconds > 60


def test_every_commit_of_a_journal_is_timed(tmp_path: Path) -> None:
    meter = Meter()
    journal = EnduringJournal(tmp_path / "journal.db", threading.Lock, committed=meter.committed)
    before = sum(meter.taken().commits)
    journal.set_flag("name", "text")
    journal.set_flag("name", "another")
    journal.close()

    assert sum(meter.taken().commits) == before + 2
