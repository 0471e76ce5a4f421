"""The reporter on a real journal: counts once, writes when asked, and comes back from a crash with the day so far."""

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from actors.reporter import MEMORY, Reporter, ReporterSettings
from actors.routes import ALERTS, Routes, Topology
from actors.runtime import ChildCrashed, ChildHung, ChildRestarted, DetachedContext, Runtime, ThreadRuntime
from adapters.clock import MonotonicClock
from adapters.report import EodWriter
from adapters.store.journal import SqliteJournal
from domain.costs import order_charges
from domain.costs.kinds import kind_by_name
from domain.errors import BrokerUnavailable
from domain.messages.broker import OrderCosts
from domain.messages.control import Alert, JobDue, JobKind, ParityFound, Report, ReportWritten, WriteReport
from domain.messages.figures import CostsRead, ReadCosts
from domain.messages.journal import JournalAdvanced, JournalRecord
from domain.messages.market import FeedConnected
from domain.messages.orders import Denied, DenyReason
from domain.parity import DayParity
from domain.report.document import as_json
from domain.report.eod import EodReport
from domain.values import PAISA, RUPEE
from tests.report.sample_day import DAY, PARITY, at, journal_events, snapshot, stated_books
from tests.timetable.market_clocks import SetClock


@pytest.fixture
def runtime() -> Iterator[Runtime]:
    runtime = ThreadRuntime(MonotonicClock())
    yield runtime
    runtime.close()


@pytest.fixture
def journal(tmp_path: Path, runtime: Runtime) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "data" / "journal.sqlite", runtime.lock)
    yield journal
    journal.close()


class Desk:
    """A reporter built by hand; `crash` builds its next incarnation over the same journal."""

    def __init__(
        self,
        runtime: Runtime,
        journal: SqliteJournal,
        reports_dir: Path,
        run: str = "run 1",
        *,
        asks_note: bool = False,
    ) -> None:
        self.asks_note = asks_note
        self.clock = SetClock(at("09:15"))
        self.runtime, self.journal, self.reports_dir, self.run = runtime, journal, reports_dir, run
        self.stated: Callable[[], Mapping[str, object] | None] = stated_books
        self.context, self.actor = self._built()

    def _built(self) -> tuple[DetachedContext, Reporter]:
        context = DetachedContext(self.runtime, "reporter")
        settings = ReporterSettings("sandbox", ("ma_cross", "rsi_reversion"), self.run, asks_note=self.asks_note)
        actor = Reporter(
            context,
            Routes(Topology((), {})),
            self.journal,
            self.clock,
            EodWriter(self.reports_dir),
            settings,
            self._stated_books,
        )
        actor.started()
        return context, actor

    def _stated_books(self) -> Mapping[str, object] | None:
        return self.stated()

    def crash(self, run: str | None = None) -> None:
        """No `stopping`: a crash does not ask."""
        self.run = run or self.run
        self.context, self.actor = self._built()

    def told(self) -> list[JournalRecord]:
        """Commit the sample day and tell the reporter every record."""
        records = list(self.journal.commit(journal_events()))
        for record in records:
            self.actor.receive(record)
        return records

    def report(self) -> EodReport:
        report = self.actor.receive(Report())
        assert isinstance(report, EodReport)
        return report

    def alerts(self) -> list[tuple[str, str]]:
        messages = self.context.told_to(ALERTS)
        return [(message.level, message.name) for message in messages if isinstance(message, Alert)]

    def written(self) -> dict[str, object]:
        body = (self.reports_dir / DAY / "eod.json").read_bytes()
        return msgspec.json.decode(body, type=dict[str, object])


@pytest.fixture
def desk(runtime: Runtime, journal: SqliteJournal, tmp_path: Path) -> Desk:
    return Desk(runtime, journal, tmp_path / "reports")


@pytest.fixture
def noting(runtime: Runtime, journal: SqliteJournal, tmp_path: Path) -> Desk:
    return Desk(runtime, journal, tmp_path / "reports", asks_note=True)


def test_at_the_end_of_the_day_it_writes_both_files_and_says_so(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(snapshot())
    desk.clock.now = at("15:45")

    desk.actor.receive(JobDue(JobKind.END_OF_DAY, "", at("15:45"), at("15:45")))

    stated = desk.written()
    assert (stated["balanced"], stated["books_agree"], stated["round_trips"]) == (True, True, 3)
    assert stated["finished"] == "2026-11-20T15:45:00+05:30"
    folder = desk.reports_dir / DAY
    expected = ReportWritten(str(folder / "eod.html"), str(folder / "eod.json"))
    assert desk.context.told_to(ALERTS) == [expected]
    assert (folder / "eod.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_the_day_in_the_backtester_is_a_line_more_in_the_report_that_is_there(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(snapshot())
    desk.actor.receive(JobDue(JobKind.END_OF_DAY, "", at("15:45"), at("15:45")))
    before = desk.written()

    desk.actor.receive(ParityFound(PARITY))

    after = desk.written()
    assert (before["parity"], after["parity"]) == (None, json.loads(as_json(desk.report()))["parity"])
    assert {**after, "parity": None} == before
    assert "7 matched" in (desk.reports_dir / DAY / "eod.html").read_text(encoding="utf-8")
    assert len(desk.context.told_to(ALERTS)) == 1, "the report is told once"
    assert [(level, keys["said"]) for level, name, keys in desk.context.logged if name == "report.parity"] == [
        ("info", PARITY.line)
    ]

    desk.crash()
    desk.actor.receive(snapshot())
    desk.actor.receive(WriteReport("again"))
    assert desk.written()["parity"] == after["parity"]


def test_a_parity_before_the_report_waits_for_it_and_one_of_another_day_is_nothing(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(ParityFound(replace(PARITY, day="2026-11-19")))
    desk.actor.receive(ParityFound(DayParity("", why_not="it could not be started")))
    assert not (desk.reports_dir / DAY).exists()

    desk.actor.receive(snapshot())
    assert desk.report().parity == DayParity("", why_not="it could not be started")
    desk.actor.receive(WriteReport("test"))
    stated = desk.written()["parity"]
    assert isinstance(stated, dict)
    assert stated["line"] == "not compared with a backtest: it could not be started"


def test_a_report_waits_for_a_snapshot_that_holds_the_last_trade(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(replace(snapshot(), seq=10))

    desk.actor.receive(WriteReport("test"))
    assert not (desk.reports_dir / DAY).exists()

    desk.actor.receive(snapshot())
    assert desk.written()["seq"] == snapshot().seq


def test_it_does_not_wait_for_ever(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(replace(snapshot(), seq=10))
    desk.actor.receive(WriteReport("test"))

    desk.actor.receive(desk.context.timers[-1].message)

    assert desk.written()["seq"] == 10
    assert ("warning", "report.stale_books") in [(level, event) for level, event, _ in desk.context.logged]


# -- the broker's contract note --------------------------------------------------------------------------------------


def noted(desk: Desk, dearer: int = 0) -> CostsRead:
    """The day's end: what is asked of the broker, answered by our own tariff, the first order's tax so much dearer."""
    desk.told()
    desk.actor.receive(snapshot())
    desk.clock.now = at("15:45")
    desk.actor.receive(JobDue(JobKind.END_OF_DAY, "", at("15:45"), at("15:45")))
    [asked] = [each.message for each in desk.context.told if isinstance(each.message, ReadCosts)]
    assert not (desk.reports_dir / DAY).exists(), "it waits"
    costs = []
    for order in asked.orders:
        kind = kind_by_name(order.exchange, order.symbol, order.product)
        assert kind is not None
        own = order_charges(dt.date.fromisoformat(DAY), order.exchange, kind, order.side, order.value)
        parts = [round(part * RUPEE) for part in (own.brokerage, own.tax, own.exchange, own.sebi, own.gst, own.stamp)]
        parts[1] += dearer
        dearer = 0
        brokerage, tax, own_exchange, sebi, gst, stamp = parts
        costs.append(OrderCosts(order.order_id, brokerage, tax, own_exchange, sebi, gst, stamp, sum(parts)))
    return CostsRead(asked.request, tuple(costs))


def test_the_brokers_note_is_asked_at_the_days_end_and_is_ours(noting: Desk) -> None:
    noting.actor.receive(noted(noting, dearer=PAISA))

    note = noting.written()["broker_note"]
    assert isinstance(note, dict)
    assert (note["agrees"], note["differences"]) == (True, [])
    assert note["orders"] == 7
    assert ("warning", "report.charges_differ") not in noting.alerts()


def test_another_tariff_of_the_brokers_is_named_and_alerted(noting: Desk) -> None:
    noting.actor.receive(noted(noting, dearer=PAISA + 1))

    note = noting.written()["broker_note"]
    assert isinstance(note, dict)
    assert not note["agrees"]
    [found] = note["differences"]
    assert found["subject"].startswith("tax of NSE:INFY, order ")
    assert ("warning", "report.charges_differ") in noting.alerts()
    page = (noting.reports_dir / DAY / "eod.html").read_text(encoding="utf-8")
    assert "Charges are not as the broker says" in page


def test_a_note_that_does_not_come_or_cannot_be_had_delays_the_report_no_longer(noting: Desk) -> None:
    noted(noting)
    noting.actor.receive(noting.context.timers[-1].message)
    assert noting.written()["broker_note"] is None
    assert [keys["why"] for _, name, keys in noting.context.logged if name == "report.note_not_compared"]

    noting.actor.receive(JobDue(JobKind.END_OF_DAY, "", at("15:46"), at("15:46")))
    asked = [each.message for each in noting.context.told if isinstance(each.message, ReadCosts)][-1]
    noting.actor.receive(CostsRead(asked.request - 1, ()))
    noting.actor.receive(CostsRead(asked.request, (), "the broker is down"))
    assert noting.written()["broker_note"] is None


def test_a_stop_waits_for_no_note_and_keeps_one_of_the_same_trades(noting: Desk) -> None:
    noting.actor.receive(noted(noting))
    noting.actor.receive(WriteReport("stop"))

    assert noting.written()["broker_note"] is not None
    assert len([each for each in noting.context.told if isinstance(each.message, ReadCosts)]) == 1


def test_without_any_snapshot_it_says_that_there_is_none(desk: Desk) -> None:
    desk.actor.receive(WriteReport("test"))

    desk.actor.receive(desk.context.timers[-1].message)

    assert desk.alerts() == [("critical", "report.failed")]
    assert desk.actor.receive(Report()) is None


def test_the_journal_is_counted_once_whatever_is_told_twice_late_or_not_at_all(desk: Desk) -> None:
    records = list(desk.journal.commit(journal_events()))

    for record in (records[0], records[9], records[3], records[9]):
        desk.actor.receive(record)
    desk.actor.receive(JournalAdvanced(records[-1].seq))
    desk.actor.receive(snapshot())

    assert (desk.report().orders, desk.report().trades) == (7, 9)


def test_a_crash_loses_neither_orders_nor_restarts_nor_the_curve(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(FeedConnected(1, at("09:15")))
    desk.actor.receive(replace(snapshot(), time=at("10:00")))
    desk.actor.receive(ChildCrashed("market", 1, 0, "KeyError: 408065", "…"))
    desk.actor.receive(ChildRestarted("market", 2, 0, 1))
    desk.actor.receive(FeedConnected(2, at("11:00")))

    desk.crash()
    desk.actor.receive(snapshot())

    report = desk.report()
    assert (report.restarts, report.reconnects, report.runs) == (1, 1, 1)
    assert (report.orders, report.trades) == (7, 9)
    assert [point.time for point in report.equity_curve] == [at("10:00"), snapshot().time]
    assert ("restart", "market", "KeyError: 408065") in [(each.kind, each.name, each.text) for each in report.events]


def test_a_new_process_goes_on_with_the_day(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(FeedConnected(1, at("09:15")))

    desk.crash(run="run 2")
    desk.actor.receive(FeedConnected(1, at("11:00")))
    desk.actor.receive(snapshot())

    assert (desk.report().runs, desk.report().reconnects, desk.report().trades) == (2, 0, 9)


def test_the_rare_is_kept_at_once_and_the_frequent_by_the_timer_and_at_the_stop(desk: Desk) -> None:
    desk.actor.receive(Denied("i", "ma_cross", DenyReason.HALTED, "halted", at("10:00")))
    desk.crash()
    desk.told()
    desk.actor.receive(snapshot())
    assert desk.report().denied == ()

    desk.actor.receive(Denied("i", "ma_cross", DenyReason.HALTED, "halted", at("10:00")))
    beat = next(timer for timer in desk.context.timers if timer.period is not None)
    desk.actor.receive(beat.message)
    desk.crash()
    desk.actor.receive(Denied("j", "ma_cross", DenyReason.STALE_PRICE, "old", at("10:00")))
    desk.actor.stopping()
    desk.crash()
    desk.actor.receive(snapshot())

    assert desk.report().denied == (("halted", 1), ("stale_price", 1))


def test_a_memory_that_cannot_be_read_costs_the_counts_alone(desk: Desk) -> None:
    desk.told()
    desk.journal.save_snapshot(MEMORY, 1, b"not a memory")

    desk.crash()
    desk.actor.receive(snapshot())

    assert desk.report().trades == 9
    assert "report.memory_unreadable" in [event for _, event, _ in desk.context.logged]


def test_a_hung_actor_is_named_with_what_it_was_doing(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(ChildHung("market", 1, 0, 3.0, "TickBatch", 1))
    desk.actor.receive(ChildRestarted("market", 2, 0, 1))
    desk.actor.receive(snapshot())

    assert "hung in TickBatch" in [event.text for event in desk.report().events]


def test_books_that_differ_or_do_not_add_up_are_critical_alerts(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(replace(snapshot(), cash=snapshot().cash + 1))

    desk.actor.receive(WriteReport("test"))

    assert desk.alerts() == [("critical", "report.unbalanced"), ("critical", "report.books_differ")]


@pytest.mark.parametrize("error", [BrokerUnavailable("no answer"), OSError("refused"), ValueError("no number")])
def test_an_exchange_that_does_not_show_its_books_does_not_stop_the_report(desk: Desk, error: Exception) -> None:
    def fails() -> Mapping[str, object]:
        raise error

    desk.stated = fails
    desk.told()
    desk.actor.receive(snapshot())

    desk.actor.receive(WriteReport("test"))

    assert desk.written()["books_agree"] is None
    assert desk.alerts() == [("warning", "report.no_exchange_books")]


def test_a_folder_that_cannot_be_written_is_an_alert_and_the_reporter_lives_on(desk: Desk) -> None:
    desk.told()
    desk.actor.receive(snapshot())
    desk.reports_dir.write_text("a file stands where the folder should")

    desk.actor.receive(WriteReport("test"))
    assert desk.alerts() == [("critical", "report.failed")]

    desk.reports_dir.unlink()
    desk.actor.receive(WriteReport("test"))
    assert desk.written()["balanced"] is True
