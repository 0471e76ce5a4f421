"""`report period`: a tear sheet and a tax sheet of any stretch of the journal."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from adapters.report.benchmark_csv import BenchmarkUnreadable, read_benchmark
from adapters.report.period_tables import tables
from adapters.report.period_writer import write_csv, write_period
from adapters.report.tables import show
from app.options import ConfigFile, Env, Json, Sets
from app.output import DONE, FAILED, UsageError, complain
from app.report_of_period import days_of
from app.stores import stored_journal
from domain.report.period import PeriodReport, build_period

From = Annotated[str | None, Parameter(name="--from", help="First day YYYY-MM-DD; the journal's first if not given.")]
To = Annotated[str | None, Parameter(name="--to", help="Last day YYYY-MM-DD; the journal's last if not given.")]
Strategy = Annotated[str, Parameter(name="--strategy", help="One strategy alone.", show_default=False)]
BenchmarkFile = Annotated[
    Path | None, Parameter(name="--benchmark", help="CSV file with columns date and close, to compare with.")
]
CsvFile = Annotated[
    Path | None,
    Parameter(name="--csv", help="Write the days as CSV, and beside them -trips and -lots."),
]


def run(
    *,
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    start: From = None,
    end: To = None,
    strategy: Strategy = "",
    benchmark: BenchmarkFile = None,
    csv: CsvFile = None,
    as_json: Json = False,
) -> int:
    """Figures of a period from the journal and the stored days' reports, as a page, JSON and CSV."""
    first, last = _day("--from", start), _day("--to", end)
    if first and last and first > last:
        raise UsageError(f"--from: found {first}, after --to {last}; allowed: a day up to it")
    try:
        closes = None if benchmark is None else read_benchmark(benchmark)
    except BenchmarkUnreadable as error:
        raise UsageError(f"--benchmark: {error}") from None
    with stored_journal(env, config, sets) as (journal, where):
        if journal is None:
            complain("there is nothing to report on yet: no trading day is stored")
            return FAILED
        results = days_of(journal, where.reports, env)
    if not results:
        complain("there is nothing to report on yet: no trading day is stored")
        return FAILED
    try:
        report = build_period(results, first or results[0].day, last or results[-1].day, env, strategy, closes)
    except ValueError as error:
        raise UsageError(f"--benchmark: {error}") from None
    html_path, json_path = write_period(where.reports, report)
    written = () if csv is None else _written(csv, report)
    if as_json:
        sys.stdout.write(json_path.read_text(encoding="utf-8"))
        return DONE
    show(tables(report))
    print(f"\nreport: {html_path}")
    for path in written:
        print(f"table: {path}")
    return DONE


def _written(path: Path, report: PeriodReport) -> tuple[Path, ...]:
    try:
        return write_csv(path, report)
    except OSError as error:
        raise UsageError(f"--csv: {path}: cannot be written: {error.strerror or error}") from None


def _day(option: str, text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise UsageError(f"{option}: found {text!r}; allowed: a day YYYY-MM-DD")
    return day
