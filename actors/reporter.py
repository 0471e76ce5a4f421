"""Remembers the day and writes its report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Protocol

from msgspec import Struct

from actors.folding import JournalReader
from actors.routes import Routes
from actors.runtime import Actor, ChildCrashed, ChildGaveUp, ChildHung, ChildRestarted, Context
from domain.errors import JournalUnavailable, PatangError
from domain.messages.control import (
    Alert,
    JobDue,
    JobKind,
    PortfolioSnapshot,
    Report,
    ReportWritten,
    WriteReport,
)
from domain.messages.journal import DayOpened, JournalAdvanced, JournalRecord, TradeBooked
from domain.messages.orders import Denied
from domain.ports import Clock, Journal
from domain.report.books import ExchangeBooks, read_books
from domain.report.eod import EodReport, build
from domain.report.memory import DayMemory
from domain.report.orders import OrderFacts
from domain.values import SECOND, Nanos

MEMORY: Final = "reporter"
"""Name of the day's memory among the journal's snapshots."""

SAVE_SECONDS: Final = 5.0
"""Monotonic seconds between saves of what changes all the time (curve, denials); the rare is saved at once."""

FRESH_SECONDS: Final = 2.0
"""How long a report waits for a snapshot that holds the last trade."""

StatedBooks = Callable[[], Mapping[str, object] | None]
"""The exchange's own books as it states them; None where it has none to show. May take its time, and raise."""


class ReportWriter(Protocol):
    """Where reports go."""

    def write(self, report: EodReport) -> ReportWritten:
        """Write the report's files. Raises OSError."""
        ...


class ReporterSettings(Struct, frozen=True):
    """What the reporter is told at its making.

    run             identifies this process, so that a reconnect is told from the first connection of a new one
    equity_step     nanoseconds of market time between points of the equity curve
    """

    env: str
    strategies: tuple[str, ...]
    run: str
    equity_step: Nanos = 60 * SECOND


class _Save(Struct, frozen=True):
    """Own timer: keep what has changed."""


class _GiveUpWaiting(Struct, frozen=True):
    """Own timer: write the report with the snapshot there is."""

    request: int


class Reporter(Actor):
    """Folds the journal and the day's happenings; writes the report when told, or when the timetable calls for it.

    Orders and trades are folded again from the journal after a crash. What the journal does not tell (restarts,
    reconnects, the equity curve) is kept in the journal's snapshot store.
    """

    def __init__(
        self,
        context: Context,
        routes: Routes,
        journal: Journal,
        clock: Clock,
        writer: ReportWriter,
        settings: ReporterSettings,
        stated_books: StatedBooks | None = None,
    ) -> None:
        super().__init__(context)
        self._routes = routes
        self._journal = journal
        self._clock = clock
        self._writer = writer
        self._settings = settings
        self._stated_books = stated_books
        self._memory = DayMemory(equity_step=settings.equity_step)
        self._orders = OrderFacts()
        self._reader = JournalReader(journal, self._fold)
        self._snapshot: PortfolioSnapshot | None = None
        self._trade_seq = 0
        self._dirty = False
        self._crashes: dict[str, str] = {}
        self._requests = 0
        self._waiting: tuple[int, str] | None = None

    def started(self) -> None:
        """Recall the day so far."""
        self._recall()
        self._memory.begin_run(self._settings.run, self._clock.now_ns())
        self._reader = JournalReader(self._journal, self._fold, max(0, self._memory.day_seq - 1))
        self._reader.catch_up()
        self._dirty = True
        self.context.every(SAVE_SECONDS, _Save())

    def stopping(self) -> None:
        """Keep the day so far."""
        self._save()

    def receive(self, message: object) -> object:
        """Fold, remember, or write; `Report` is answered with the report as of now."""
        match message:
            case PortfolioSnapshot():
                self._keep(message)
            case JournalRecord():
                self._reader.feed(message)
            case JournalAdvanced(seq):
                self._reader.catch_up(seq)
            case Denied(reason=reason):
                self._memory.deny(reason.name.lower())
                self._dirty = True
            case JobDue(kind=JobKind.END_OF_DAY):
                self._want("timetable")
            case WriteReport(why):
                self._want(why)
            case _GiveUpWaiting(request):
                self._stop_waiting(request)
            case _Save():
                if self._dirty:
                    self._save()
            case Report():
                return self.report()
            case _:
                self._remember(message)
        return None

    def report(self) -> EodReport | None:
        """The report as of now, without the exchange's books; None before the first snapshot."""
        return None if self._snapshot is None else self._built(self._snapshot, None)

    # -- remembering -------------------------------------------------------------------------------------------------

    def _remember(self, message: object) -> None:
        """What happened to the system itself."""
        now, memory = self._clock.now_ns(), self._memory
        match message:
            case ChildCrashed(name=name, reason=reason):
                self._crashes[name] = reason
            case ChildHung(name=name, doing=doing):
                self._crashes[name] = f"hung in {doing}"
            case ChildRestarted(name=name):
                memory.restarted(now, name, self._crashes.pop(name, "started again"))
                self._save()
            case ChildGaveUp(name=name, reason=reason):
                memory.note(now, "frozen", name, reason)
                self._save()
            case _ if memory.witness(message, now):
                self._save()

    def _fold(self, record: JournalRecord) -> None:
        self._orders.apply(record)
        match record.event:
            case DayOpened(time=time):
                self._memory.open(self._orders.day, self._orders.day_seq, time)
                self._dirty = True
            case TradeBooked():
                self._trade_seq = record.seq

    def _recall(self) -> None:
        kept = self._journal.load_snapshot(MEMORY)
        if kept is None:
            return
        try:
            self._memory = DayMemory.decode(kept[1])
        except ValueError as error:
            # The counts of the day so far are lost; what they were counted for is in the log.
            self.context.log("warning", "report.memory_unreadable", error=str(error))

    def _save(self) -> None:
        try:
            self._journal.save_snapshot(MEMORY, self._reader.last_seq, self._memory.encode())
        except JournalUnavailable as error:
            # Whoever writes orders says so loudly; a report is not worth a crash.
            self.context.log("warning", "report.memory_not_saved", error=str(error))
        self._dirty = False

    # -- writing -----------------------------------------------------------------------------------------------------

    def _keep(self, snapshot: PortfolioSnapshot) -> None:
        self._snapshot = snapshot
        self._dirty |= self._memory.sample(snapshot)
        if self._waiting is not None and self._fresh(snapshot):
            self._write(snapshot, self._waiting[1])

    def _want(self, why: str) -> None:
        self._reader.catch_up()
        if self._snapshot is not None and self._fresh(self._snapshot):
            self._write(self._snapshot, why)
            return
        self._requests += 1
        self._waiting = (self._requests, why)
        self.context.after(FRESH_SECONDS, _GiveUpWaiting(self._requests))

    def _fresh(self, snapshot: PortfolioSnapshot) -> bool:
        return snapshot.seq >= self._trade_seq

    def _stop_waiting(self, request: int) -> None:
        if self._waiting is None or self._waiting[0] != request:
            return
        if self._snapshot is None:
            self._waiting = None
            self._fail("there is no snapshot of the portfolio to report on")
            return
        self.context.log("warning", "report.stale_books", seq=self._snapshot.seq, journal_seq=self._trade_seq)
        self._write(self._snapshot, self._waiting[1])

    def _write(self, snapshot: PortfolioSnapshot, why: str) -> None:
        self._waiting = None
        report = self._built(snapshot, self._exchange_books())
        try:
            written = self._writer.write(report)
        except OSError as error:
            self._fail(f"the report could not be written: {error}")
            return
        self.context.log(
            "info",
            "report.written",
            why=why,
            path=written.html_path,
            balanced=report.balanced,
            books=report.books_agree,
        )
        if not report.balanced:
            self._alert("critical", "report.unbalanced", "the books do not add up: see the report")
        if report.differences:
            first = report.differences[0]
            text = f"{first.name} {first.subject}: ours {first.ours}, theirs {first.theirs}".replace("  ", " ")
            self._alert("critical", "report.books_differ", f"{len(report.differences)} differences, first {text}")
        self._routes.publish(self.context, written)

    def _built(self, snapshot: PortfolioSnapshot, books: ExchangeBooks | None) -> EodReport:
        facts = self._memory.facts(self._settings.env, self._clock.now_ns())
        return build(snapshot, self._orders, facts, self._settings.strategies, books)

    def _exchange_books(self) -> ExchangeBooks | None:
        if self._stated_books is None:
            return None
        try:
            stated = self._stated_books()
            return None if stated is None else read_books(stated)
        except (PatangError, OSError, ValueError) as error:
            self._alert("warning", "report.no_exchange_books", str(error))
            return None

    def _fail(self, text: str) -> None:
        self.context.log("error", "report.failed", error=text)
        self._alert("critical", "report.failed", text)

    def _alert(self, level: str, name: str, text: str) -> None:
        self._routes.publish(self.context, Alert(level, name, text, self._clock.now_ns()))
