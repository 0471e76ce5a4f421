"""One durable intent before a POST: our journal's commit, against a preallocated file and fdatasync; commits in groups.

The journal is the one that trading uses, on a file beside the floor's, and both write as much: the event's own bytes.
An order that is sent has two commits, the intent's and the claim's, or one for both: each is measured.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw
import msgspec

from adapters.store.enduring import EnduringJournal
from benchmarks._figures import Goal, judged, plain
from benchmarks._orders import NOW, accepted
from benchmarks._side_by_side import figure, in_turns

PREALLOCATED: Final = 8 << 20
GROUPS: Final = (1, 8, 64)


def run(quick: bool = False) -> dict[str, object]:
    """Microseconds a commit, and intents a second by the size of a group."""
    with tempfile.TemporaryDirectory(prefix="patang-durable-") as name:
        folder = Path(name)
        journal = EnduringJournal(folder / "journal.db", threading.Lock)
        try:
            with _floor(folder / "floor") as floor, _bare(folder / "bare.db") as bare:

                def commit() -> str:
                    intent = accepted()
                    journal.commit([intent], risk_epoch=0)
                    return intent.tag

                ways = {
                    "floor": floor,
                    "bare": bare,
                    "intent": commit,
                    "both": lambda: journal.claim(commit(), NOW),
                    "at once": lambda: journal.commit([accepted()], risk_epoch=0, claim_at=NOW),
                }
                measured = in_turns(ways, quick=quick, rounds=15)
            found: dict[str, object] = {
                "one intent / floor": figure(
                    measured["intent"], measured["floor"], Goal(at_most=3), faster=False, floor=True
                ),
                "a bare insert of SQLite (WAL, FULL)": plain(measured["bare"].seconds * 1e6, "µs"),
                "intent and claim in one commit / floor": figure(
                    measured["at once"], measured["floor"], Goal(at_most=3), faster=False, floor=True
                ),
                "intent and claim / two floors": figure(
                    measured["both"], measured["floor"], Goal(at_most=6), faster=False, floor=True
                ),
            }
            for size in GROUPS:
                goal = Goal(at_least=5_000) if size == max(GROUPS) else None
                rate = _rate(journal, size, 1 if quick else 9)
                found[f"intents a second, {size} in a commit"] = (
                    judged(rate, "intents/s", goal) if goal else plain(round(rate), "intents/s")
                )
        finally:
            journal.close()
    return found


def _rate(journal: EnduringJournal, size: int, rounds: int) -> float:
    commits = max(1, 128 // size)
    rates = []
    for _ in range(rounds):
        groups = [[accepted() for _ in range(size)] for _ in range(commits)]
        began = time.perf_counter()
        for group in groups:
            journal.commit(group, risk_epoch=0)
        rates.append(size * commits / (time.perf_counter() - began))
    return statistics.median(rates)


@contextmanager
def _floor(path: Path) -> Iterator[Callable[[], object]]:
    """The least that durable means here: bytes written over a file's own blocks, and its data flushed."""
    body = msgspec.msgpack.encode(accepted())
    file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    try:
        for _ in range(PREALLOCATED >> 20):
            os.write(file, bytes(1 << 20))
        os.fsync(file)
        at = 0

        def write() -> None:
            nonlocal at
            os.pwrite(file, body, at)
            os.fdatasync(file)
            at = (at + len(body)) % (PREALLOCATED - len(body))

        yield write
    finally:
        os.close(file)


@contextmanager
def _bare(path: Path) -> Iterator[Callable[[], object]]:
    """One row of the same bytes into one table: what SQLite itself takes."""
    body = msgspec.msgpack.encode(accepted())
    db = apsw.Connection(str(path))
    try:
        db.pragma("journal_mode", "wal")
        db.pragma("synchronous", "full")
        db.execute("CREATE TABLE events (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")

        def write() -> None:
            db.execute("INSERT INTO events (body) VALUES (?)", (body,))

        yield write
    finally:
        db.close()
