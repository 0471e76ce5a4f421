"""`report eod`: a day's report from what is stored."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Annotated

from cyclopts import Parameter

from actors.reporter import MEMORY
from adapters.report.tables import show, summary
from adapters.report.writer import EodWriter, read_json, report_paths
from app.options import ConfigFile, Env, Json, Sets
from app.output import DONE, FAILED, complain
from app.stores import stored_journal
from config.errors import ConfigError
from domain.portfolio import Book
from domain.report.memory import DayMemory
from domain.report.replay import days, past_day

Date = Annotated[str | None, Parameter(name="--date", help="Trading day YYYY-MM-DD; the newest one if not given.")]


def run(
    *, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), date: Date = None, as_json: Json = False
) -> int:
    """The end-of-day report: the one that was written, or else one made now from the journal."""
    if date is not None:
        _check(date)
    with stored_journal(env, config, sets) as (journal, where):
        records = [] if journal is None else list(journal.read(0))
        known = days(records)
        day = date or (known[-1] if known else None)
        if day is None:
            complain("there is nothing to report on yet: no trading day is stored")
            return FAILED
        kept = None if journal is None else journal.load_snapshot(MEMORY)
        memory = None if kept is None else DayMemory.decode(kept[1])
        report = past_day(records, Book(), day, env, memory=memory)
        body = read_json(where.reports, day)
        if body is None and report is not None:
            EodWriter(where.reports).write(report)
            body = read_json(where.reports, day)
        if body is None:
            complain(f"no trading day {day} is stored; known: {', '.join(known) or 'none'}")
            return FAILED
    if as_json:
        sys.stdout.write(body.decode())
        return DONE
    if report is not None:
        show(summary(report))
    print(f"\nreport: {report_paths(where.reports, day)[0]}")
    return DONE


def _check(date: str) -> None:
    try:
        dt.date.fromisoformat(date)
    except ValueError:
        raise ConfigError(f"--date: found {date!r}; allowed: a day YYYY-MM-DD") from None
