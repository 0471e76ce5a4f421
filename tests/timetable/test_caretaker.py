"""The caretaker: each job is one chore; what came of it is an event, and what a person should know an alert."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import apsw
import pytest

from actors.caretaker import UNDER_WAY, Caretaker
from actors.routes import ALERTS, REPORTER, Routes, Topology
from actors.runtime import DetachedContext, Runtime, ThreadRuntime
from adapters.clock import MonotonicClock
from adapters.store.journal import SqliteJournal
from app.chores import tidy
from domain.errors import BrokerUnavailable
from domain.messages.control import Alert, JobDue, JobKind, ParityFound, Report
from domain.parity import DayParity
from domain.preflight import Check, Verdict
from tests.timetable.market_clocks import SetClock, at


class Study:
    """Under way until the test says what it found."""

    def __init__(self) -> None:
        self.found: DayParity | None = None
        self.cancelled = False

    def outcome(self) -> DayParity | None:
        return self.found

    def cancel(self) -> None:
        self.cancelled = True


class Chores:
    """Notes what was asked of it, and answers what the test says."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.checks: Sequence[Check] = (Check("token", Verdict.OK, "good"),)
        self.login = ""
        self.changed: Sequence[str] = ()
        self.fails = False
        self.study = Study()

    def preflight(self) -> Sequence[Check]:
        self.done.append("preflight")
        return self.checks

    def login_reminder(self) -> str:
        return self.login

    def instruments_refresh(self) -> Sequence[str]:
        return self.changed

    def log_rotation(self) -> str:
        return self._did("log_rotation")

    def parity(self) -> Study:
        self._did("parity")
        return self.study

    def weekly_report(self) -> str:
        return self._did("weekly_report")

    def backup(self) -> str:
        return self._did("backup")

    def vacuum(self) -> str:
        return self._did("vacuum")

    def _did(self, what: str) -> str:
        if self.fails:
            raise OSError("no space left on device")
        self.done.append(what)
        return f"{what} is done"


class Desk:
    """A caretaker built by hand."""

    def __init__(self, runtime: Runtime) -> None:
        self.chores = Chores()
        self.context = DetachedContext(runtime, "caretaker")
        self.actor = Caretaker(self.context, Routes(Topology((), {})), self.chores, SetClock(at("16:00")))

    def job(self, kind: JobKind) -> list[tuple[str, str, str]]:
        """The alerts that the job led to: level, name, text."""
        self.actor.receive(JobDue(kind, "", at("16:00"), at("16:00")))
        alerts = [message for message in self.context.told_to(ALERTS) if isinstance(message, Alert)]
        self.context.told.clear()
        return [(alert.level, alert.name, alert.text) for alert in alerts]

    def look(self) -> list[object]:
        """Its own timers run out; what the reporter is told then."""
        due = list(self.context.timers)
        self.context.timers.clear()
        for timer in due:
            self.actor.receive(timer.message)
        return [each for each in self.context.told_to(REPORTER) if isinstance(each, ParityFound)]


@pytest.fixture
def desk() -> Iterator[Desk]:
    runtime = ThreadRuntime(MonotonicClock())
    yield Desk(runtime)
    runtime.close()


@pytest.mark.parametrize(
    "kind", [JobKind.LOG_ROTATION, JobKind.WEEKLY_REPORT, JobKind.BACKUP, JobKind.VACUUM], ids=lambda kind: kind.value
)
def test_a_job_is_its_chore_and_worth_no_alert(desk: Desk, kind: JobKind) -> None:
    assert desk.job(kind) == []
    assert desk.chores.done == [kind.value]
    assert desk.actor.receive(Report()) == {kind.value: f"{kind.value} is done"}


def test_a_chore_that_fails_is_an_alert_and_no_crash(desk: Desk) -> None:
    desk.chores.fails = True

    assert desk.job(JobKind.BACKUP) == [("warning", "chore.failed", "backup: no space left on device")]
    assert desk.job(JobKind.VACUUM) == [("warning", "chore.failed", "vacuum: no space left on device")]


def test_the_parity_goes_on_beside_the_other_chores_and_the_reporter_is_told(desk: Desk) -> None:
    assert desk.job(JobKind.PARITY) == desk.job(JobKind.PARITY) == desk.job(JobKind.BACKUP) == []
    assert desk.chores.done == ["parity", "backup"], "it is begun once"
    assert desk.look() == []
    assert desk.actor.receive(Report()) == {"parity": UNDER_WAY, "backup": "backup is done"}

    found = desk.chores.study.found = DayParity("2026-11-20", matched=3)
    assert desk.look() == [ParityFound(found)]
    assert desk.actor.receive(Report()) == {"parity": found.line, "backup": "backup is done"}
    desk.context.end(None)
    assert not desk.chores.study.cancelled


@pytest.mark.parametrize("error", [None, RuntimeError("a crash")], ids=["an orderly end", "a crash"])
def test_a_parity_that_cannot_begin_is_a_reason_and_one_under_way_ends_with_its_actor(
    desk: Desk, error: Exception | None
) -> None:
    desk.chores.fails = True
    desk.job(JobKind.PARITY)
    desk.actor.receive(JobDue(JobKind.PARITY, "", at("16:00"), at("16:00")))
    assert desk.look() == [ParityFound(DayParity("", why_not="no space left on device"))]

    desk.chores.fails = False
    desk.job(JobKind.PARITY)
    desk.context.end(error)
    assert desk.chores.study.cancelled


@pytest.mark.parametrize(
    ("verdict", "level", "name"),
    [
        (Verdict.OK, "info", "preflight.passed"),
        (Verdict.WARN, "warning", "preflight.warned"),
        (Verdict.FAIL, "critical", "preflight.failed"),
    ],
)
def test_the_checklist_is_an_alert_as_loud_as_its_worst_line(
    desk: Desk, verdict: Verdict, level: str, name: str
) -> None:
    desk.chores.checks = (Check("token", Verdict.OK, "good"), Check("disk", verdict, "0.1 GB free", "make room"))

    [(said_level, said_name, text)] = desk.job(JobKind.PREFLIGHT)

    assert (said_level, said_name) == (level, name)
    assert text == ("everything is in order" if verdict is Verdict.OK else "disk: 0.1 GB free (make room)")


def test_a_login_that_is_needed_and_a_changed_contract_are_said_in_time(desk: Desk) -> None:
    assert desk.job(JobKind.LOGIN_REMINDER) == desk.job(JobKind.INSTRUMENTS_REFRESH) == []

    desk.chores.login, desk.chores.changed = "the login ended at 06:00", ("NFO:X: lot_size is 75, was 65",)

    assert desk.job(JobKind.LOGIN_REMINDER) == [
        ("critical", "login.reminder", "log in before the market opens: the login ended at 06:00")
    ]
    assert desk.job(JobKind.INSTRUMENTS_REFRESH) == [
        ("warning", "instruments.changed", "NFO:X: lot_size is 75, was 65: restart, so that this is known")
    ]


def test_a_broker_that_cannot_be_reached_is_such_an_alert_too(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable() -> Sequence[str]:
        raise BrokerUnavailable("connection refused")

    monkeypatch.setattr(desk.chores, "instruments_refresh", unreachable)

    assert desk.job(JobKind.INSTRUMENTS_REFRESH) == [
        ("warning", "chore.failed", "instruments_refresh: connection refused")
    ]


def test_a_journal_is_tidied_while_its_writer_lives(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.db", threading.Lock)
    journal.set_flag("a", "b")

    assert tidy(tmp_path / "journal.db") is False, "nothing in it is unused"
    journal.set_flag("a", "c")
    assert journal.flag("a") == "c"
    journal.close()


def test_a_database_that_is_mostly_unused_is_compacted(tmp_path: Path) -> None:
    path = tmp_path / "some.db"
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.execute("create table t(x)")
    db.execute("insert into t select randomblob(1000) from (with recursive c(n) as "
               "(select 1 union all select n+1 from c where n<2000) select n from c)")  # fmt: skip
    db.execute("delete from t where rowid > 10")
    db.pragma("wal_checkpoint", "TRUNCATE")
    before = path.stat().st_size

    assert tidy(path) is True

    assert path.stat().st_size < before / 4
    assert db.execute("select count(*) from t").fetchall() == [(10,)]
    db.close()
