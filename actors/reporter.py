"""Remembers the day and writes its report."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from actors.folding import JournalReader
from actors.routes import Routes
from actors.runtime import Actor, ChildCrashed, ChildGaveUp, ChildHung, ChildRestarted, Context
from actors.versions import taken
from domain.errors import BrokerUnavailable, JournalUnavailable, PatangError
from domain.messages.broker import ExecutedOrder
from domain.messages.configuration import AdoptConfiguration
from domain.messages.control import (
    Alert,
    JobDue,
    JobKind,
    ParityFound,
    PortfolioSnapshot,
    Report,
    ReportWritten,
    WriteReport,
)
from domain.messages.figures import CostsRead, ReadCosts
from domain.messages.journal import DayOpened, JournalAdvanced, JournalRecord, TradeBooked
from domain.messages.orders import Denied
from domain.parity import DayParity
from domain.ports import Clock, Journal
from domain.report.books import ExchangeBooks, read_books
from domain.report.eod import EodReport, build
from domain.report.memory import DayMemory
from domain.report.note import NoteCheck, check_note, executed_orders
from domain.report.orders import OrderFacts
from domain.values import SECOND, Nanos

MEMORY: Final = "reporter"
"""Name of the day's memory among the journal's snapshots."""

SAVE_SECONDS: Final = 5.0
"""Monotonic seconds between saves of what changes all the time (curve, denials); the rare is saved at once."""

FRESH_SECONDS: Final = 2.0
"""How long a report waits for a snapshot that holds the last trade."""

NOTE_SECONDS: Final = 4.0
"""And for the broker's contract note, where that is asked for."""

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
    asks_note       whether the day's charges are held against the broker's virtual contract note
    units           rupees of value per unit and rupee of price by `EXCHANGE:SYMBOL`, of what is traded
    """

    env: str
    strategies: tuple[str, ...]
    run: str
    equity_step: Nanos = 60 * SECOND
    asks_note: bool = False
    units: Mapping[str, int] = {}


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
        self._asked: tuple[ExecutedOrder, ...] = ()
        self._note: NoteCheck | None = None
        self._noted = -1
        self._written: EodReport | None = None

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

    def receive(self, message: object) -> object:  # noqa: C901, PLR0912 - one line per message: the table of what it handles
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
                self._want("timetable", with_note=self._settings.asks_note)
            case WriteReport(why):
                self._want(why)
            case CostsRead():
                self._note_read(message)
            case ParityFound(parity=parity):
                self._add_parity(parity)
            case _GiveUpWaiting(request):
                self._stop_waiting(request)
            case AdoptConfiguration(terms=terms):
                self._add(terms.strategies)
                taken(self._routes, self.context, message)
            case _Save():
                if self._dirty:
                    self._save()
            case Report():
                return self.report()
            case _:
                self._remember(message)
        return None

    def _add(self, strategies: Iterable[str]) -> None:
        """One that was taken out has traded today: it stays in the report."""
        both = dict.fromkeys((*self._settings.strategies, *strategies))
        self._settings = replace(self._settings, strategies=tuple(both))

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
        self._write_if_all_is_there()

    def _want(self, why: str, *, with_note: bool = False) -> None:
        """A stop does not wait for the broker's note; a note of the same trades is still good."""
        self._reader.catch_up()
        self._requests += 1
        self._waiting = (self._requests, why)
        if self._noted != self._trade_seq:
            self._note = None
        self._asked = executed_orders(self._orders.trades) if with_note else ()
        if self._asked:
            self._noted = self._trade_seq
            self._routes.publish(self.context, ReadCosts(self._requests, self._asked))
        if not self._write_if_all_is_there():
            seconds = NOTE_SECONDS if self._asked else FRESH_SECONDS
            self.context.after(seconds, _GiveUpWaiting(self._requests))

    def _write_if_all_is_there(self) -> bool:
        snapshot = self._snapshot
        if self._waiting is None or self._asked or snapshot is None or not self._fresh(snapshot):
            return False
        self._write(snapshot, self._waiting[1])
        return True

    def _note_read(self, read: CostsRead) -> None:
        """The broker's contract note of what was executed: another tariff is a difference that a person must see."""
        if self._waiting is None or read.request != self._waiting[0] or not self._asked:
            return
        asked, self._asked = self._asked, ()
        try:
            if read.error:
                raise BrokerUnavailable(read.error)
            day = dt.date.fromisoformat(self._orders.day)
            self._note = check_note(day, asked, read.costs, self._settings.units.get)
        except PatangError as error:
            self.context.log("warning", "report.note_not_compared", why=str(error))
        self._write_if_all_is_there()

    def _fresh(self, snapshot: PortfolioSnapshot) -> bool:
        return snapshot.seq >= self._trade_seq

    def _stop_waiting(self, request: int) -> None:
        if self._waiting is None or self._waiting[0] != request:
            return
        if self._snapshot is None:
            self._waiting = None
            self._fail("there is no snapshot of the portfolio to report on")
            return
        if self._asked:
            self._asked = ()
            self.context.log("warning", "report.note_not_compared", why="the broker's note did not come in time")
        if not self._fresh(self._snapshot):
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
        self._written = report
        self.context.log(
            "info",
            "report.written",
            why=why,
            path=written.html_path,
            balanced=report.balanced,
            books=report.books_agree,
            note=None if report.note is None else report.note.agrees,
        )
        if not report.balanced:
            self._alert("critical", "report.unbalanced", "the books do not add up: see the report")
        if report.differences:
            first = report.differences[0]
            text = f"{first.name} {first.subject}: ours {first.ours}, theirs {first.theirs}".replace("  ", " ")
            self._alert("critical", "report.books_differ", f"{len(report.differences)} differences, first {text}")
        if report.note is not None and not report.note.agrees:
            first = report.note.differences[0]
            text = f"{len(report.note.differences)} differences, first {first.subject}: "
            self._alert("warning", "report.charges_differ", f"{text}ours {first.ours}, the broker's {first.theirs}")
        self._routes.publish(self.context, written)

    def _add_parity(self, parity: DayParity) -> None:
        """A line more in the report that is there already; one that is written later has it too."""
        day = parity.day or self._orders.day
        self.context.log("warning" if parity.why_not else "info", "report.parity", day=day, said=parity.line)
        if day != self._orders.day:
            return
        self._memory.parity = parity
        self._save()
        if self._written is None or self._written.date != day:
            return
        self._written = replace(self._written, parity=parity)
        try:
            self._writer.write(self._written)
        except OSError as error:
            self._fail(f"the report could not be written again with its parity: {error}")

    def _built(self, snapshot: PortfolioSnapshot, books: ExchangeBooks | None) -> EodReport:
        facts = self._memory.facts(self._settings.env, self._clock.now_ns())
        return build(snapshot, self._orders, facts, self._settings.strategies, books, self._note)

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
