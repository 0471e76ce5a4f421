"""The demo day, a short stretch of it: drills, round trips, square-off, a report equal to the exchange's books."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path
from typing import Final

from adapters.kite.reactor import REACTOR
from domain.values import IST, nanos
from tests.support.waiting import child_processes, eventually, nothing_left_behind
from tests.system.plant import Program, Trader, alive, times

STRETCH: Final = (
    *times("09:40"),
    "drills.drop_feed_at=09:22",
    "drills.crash_strategy_at=09:28",
    "sandbox.speed=200",
    "sandbox.date=2026-11-20",
)


def test_a_stretch_with_drills_ends_flat_with_equal_books_and_nothing_left_behind(tmp_path: Path) -> None:
    started = threading.Event()
    REACTOR.call(started.set)  # it is permanent by design, so it is here before we count
    assert started.wait(60)
    until = nanos(dt.datetime(2026, 11, 20, 9, 43, tzinfo=IST))

    with nothing_left_behind():
        trader = Trader(tmp_path, *STRETCH, config=None, paced=True, until=until)
        report = trader.wait(60)

    assert report is not None
    assert (report.balanced, report.books_agree, report.open_positions, report.differences) == (True, True, (), ())
    assert report.round_trips > 0
    assert (report.restarts, report.reconnects) == (1, 1)
    drills = [str(row["text"]) for row in trader.events("alert.drill")]
    assert len(drills) == 2
    assert "ma_crossover" in drills[1]


def test_the_program_prints_its_report_and_leaves_no_process(tmp_path: Path) -> None:
    words = ("--until", "09:25", "--speed", "200", "--json")
    with Program(tmp_path, config=None, words=words) as program:
        program.says("day.trading", 60)
        children = child_processes(program.process.pid)
        assert children, "the sandbox is its child"
        assert program.wait(60) == 0
        report = program.report()
        assert (report["balanced"], report["books_agree"]) == (True, True)
        assert '"opening_cash"' in program.said()
        eventually(lambda: not any(alive(child) for child in children), what="the sandbox has ended")
