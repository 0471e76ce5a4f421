"""Reporter, timetable and alerts on real threads: crashed with messages queued, they carry on and count once."""

import datetime as dt
from pathlib import Path

import msgspec

from actors.alerts import Alerts
from actors.reporter import Reporter, ReporterSettings
from actors.routes import ALERTS, REPORTER, TIMETABLE, Routes, Topology
from actors.runtime import (
    Backoff,
    ChildSpec,
    Crash,
    Lane,
    LifecycleEvent,
    SupervisorSpec,
    System,
    ThreadRuntime,
)
from actors.timetable import Timetable
from adapters.clock import MonotonicClock
from adapters.report import EodWriter, report_paths
from adapters.schedule import MarketScheduler
from adapters.store.journal import SqliteJournal
from domain.calendar import SessionCalendar
from domain.messages.control import Report
from domain.report.eod import EodReport
from domain.timetable import Job, TimetableSettings, plan
from domain.values import SessionClass
from tests.report.sample_day import DAY, at, journal_events, snapshot, stated_books
from tests.support.waiting import eventually, nothing_left_behind
from tests.timetable.market_clocks import FastClock


def test_the_day_s_report_is_written_by_the_clock_though_everybody_was_crashed(tmp_path: Path) -> None:
    # Ten market minutes before the report; a market minute lasts 0.05 s.
    clock = FastClock(at("15:35"), 1_200)
    routes = Routes(Topology((), {}))
    settings = TimetableSettings({}, {SessionClass.EQUITY: dt.time(15, 15)})
    logged: list[str] = []

    def log(_level: str, event: str, /, **_keys: object) -> None:
        logged.append(event)

    with nothing_left_behind():
        runtime = ThreadRuntime(MonotonicClock())
        journal = SqliteJournal(tmp_path / "journal.sqlite", runtime.lock)
        scheduler = MarketScheduler(clock)
        reporter = ReporterSettings("sandbox", ("ma_cross",), "run 1")

        def a_plan(day: dt.date) -> tuple[Job, ...]:
            return plan(SessionCalendar(), day, (SessionClass.EQUITY,), settings)

        backoff = Backoff(min_seconds=0.0, max_seconds=0.01)
        children = (
            ChildSpec(ALERTS, lambda context: Alerts(context, log), backoff=backoff),
            ChildSpec(
                REPORTER,
                lambda context: Reporter(context, routes, journal, clock, EodWriter(tmp_path), reporter, stated_books),
                backoff=backoff,
            ),
            ChildSpec(TIMETABLE, lambda context: Timetable(context, routes, scheduler, clock, a_plan), backoff=backoff),
        )

        def listener(event: LifecycleEvent) -> None:
            system.address(REPORTER).tell(event)

        system = System(runtime, SupervisorSpec("root", children=children, intensity=20), log, listener)
        system.start()
        try:
            address = system.address(REPORTER)
            for index, record in enumerate(journal.commit(journal_events())):
                address.tell(record)
                if index % 10 == 5:
                    address.tell(Crash("a drill"), lane=Lane.CONTROL)
            for name in (TIMETABLE, ALERTS):
                system.address(name).tell(Crash("a drill"), lane=Lane.CONTROL)
            address.tell(snapshot(), lane=Lane.DATA)

            html, stated = report_paths(tmp_path, DAY)
            eventually(html.exists)
            eventually(lambda: "alert.report.written" in logged)
            report = address.ask(Report(), timeout=60)
        finally:
            system.stop()
            scheduler.stop()
            journal.close()
            runtime.close()

    written = msgspec.json.decode(stated.read_bytes(), type=dict[str, object])
    assert (written["trades"], written["orders"], written["balanced"]) == (9, 7, True)
    assert isinstance(report, EodReport)
    # What the reporter counted, its own restarts included, is what the supervisors did.
    assert report.restarts == sum(node.restarts for node in system.tree().children)
    assert report.restarts >= 3
