"""The invented account that the pictures show: its books balance, and the period report adds up to them."""

import datetime as dt
import json
import threading
from decimal import Decimal
from pathlib import Path

from adapters.report.stored_days import StoredDays
from adapters.store.journal import SqliteJournal
from docs.tools.sample_year import OPENING, SampleYear
from domain.report.period import build_period
from domain.report.period_days import day_results
from domain.values import e4

START, END = dt.date(2026, 11, 2), dt.date(2026, 11, 6)


def test_a_week_of_it(tmp_path: Path) -> None:
    year = SampleYear(tmp_path, tmp_path / "reports", START, END)
    year.trade()
    written = [
        json.loads((tmp_path / "reports" / str(day) / "eod.json").read_text(), parse_float=Decimal)
        for day, _ in year.index
    ]

    journal = SqliteJournal(tmp_path / "journal.db", threading.Lock, read_only=True)
    report = build_period(
        day_results(journal.read(0), StoredDays(tmp_path / "reports", "sandbox")), START, END, "sandbox"
    )
    journal.close()

    assert all(eod["balanced"] for eod in written)
    assert len(report.days) == len(written) == 5
    last = written[-1]
    assert OPENING + report.net == e4(last["cash"]) + e4(last["positions_value"]), "from close to close, to the end"
    assert report.charges == sum(e4(eod["charges"]) for eod in written)
    assert report.trades == sum(eod["trades"] for eod in written) > 20
