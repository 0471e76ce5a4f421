"""The days of a journal with their results: what figures of a period are made of."""

from __future__ import annotations

from pathlib import Path

from actors.reporter import MEMORY
from adapters.report.stored_days import StoredDays
from adapters.store.journal import SqliteJournal
from domain.report.memory import DayMemory
from domain.report.period_days import DayResult, day_results


def days_of(journal: SqliteJournal, reports: Path, env: str) -> tuple[DayResult, ...]:
    """Every stored day of the environment, oldest first; empty where none is."""
    kept = journal.load_snapshot(MEMORY)
    memory = None if kept is None else DayMemory.decode(kept[1])
    return day_results(journal.read(0), StoredDays(reports, env, memory))
