"""A recorded day run again: the same actors, message for message, on one thread.

Every incarnation is a strand (a greenlet) that runs until it asks the world something or waits for a message. The
recording says whose turn it is: it hands over the message that was taken then, and answers what was answered then. So
the strands go through each other as the threads did on the day, and the journal, which is used for real, sees the same
uses in the same order. Whatever does not fit is a divergence, and ends the replay with one line that says what.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec
from greenlet import getcurrent, greenlet  # type: ignore[import-untyped]  # greenlet has no types
from msgspec import Struct

from actors.runtime import Actor, ChildSpec, SupervisorSpec, ThreadRuntime
from actors.runtime.detached import DetachedContext
from adapters.clock import MonotonicClock
from adapters.kite.instruments import Catalog
from adapters.recorder.codec import decode, fingerprint
from adapters.recorder.entries import FORMAT, Entry, Kind
from adapters.recorder.journal_state import journal_hash
from adapters.recorder.tape import read_entries, read_header
from adapters.replay.ports import (
    Diverged,
    ReplayBroker,
    ReplayClock,
    ReplayFeed,
    ReplayHistory,
    ReplayJournal,
    ReplayScheduler,
    ReplaySession,
    replayed_books,
)
from adapters.store.journal import SqliteJournal
from app.options import ROOT
from app.replay_context import ReplayContext
from app.strategies import cast_of
from app.wiring import build_tree
from config.loader import Loaded, load
from domain.calendar import SessionCalendar
from domain.errors import PatangError
from domain.messages.broker import PlaceOrder
from domain.messages.control import ReportWritten
from domain.messages.journal import IntentAccepted
from domain.messages.market import FrameReceived, PricesChanged
from domain.strategy.running import in_thread
from domain.values import Instrument

if TYPE_CHECKING:
    from adapters.recorder.entries import Header
    from domain.messages.configuration import StrategyTerms
    from domain.ports import Broker, FeedPort, History, PostbackPort
    from domain.report.eod import EodReport
    from domain.strategy.runner import Today
    from domain.strategy.running import Runner

_WAITING: Final = ""
"""What a strand wants that waits for a message."""


class Replayed(Struct, frozen=True):
    """What came of one life of the process.

    original   the journal's hash at the end of the day; empty where the process was killed
    diverged   one line; empty where the whole recording was run
    """

    folder: str
    entries: int
    messages: int
    orders: tuple[PlaceOrder, ...]
    journal: str
    original: str
    diverged: str

    @property
    def equal(self) -> bool:
        """The replay did what the day did."""
        return not self.diverged and (not self.original or self.journal == self.original)


class _End(Struct):
    hash: str
    last_seq: int
    lost: int = 0


def replay(folder: Path) -> Replayed:
    """Run one life again. Raises PatangError where the recording cannot be read."""
    try:
        header = read_header(folder)
    except (OSError, msgspec.MsgspecError) as error:
        raise PatangError(f"{folder}: not a recording ({type(error).__name__})") from None
    if header.format != FORMAT:
        raise PatangError(f"{folder}: a recording of another version (format {header.format})")
    end = folder / "end.json"
    original = msgspec.json.decode(end.read_bytes(), type=_End).hash if end.exists() else ""
    with tempfile.TemporaryDirectory(prefix="patang-replay-") as scratch:
        copy = Path(scratch) / "journal.db"
        shutil.copyfile(folder / "journal.db", copy)
        journal = SqliteJournal(copy, threading.Lock)
        before = journal.last_seq()
        try:
            day = _Day(header, _settings(header, Path(scratch)), journal)
            with day.running():
                diverged = day.play(read_entries(folder))
            accepted = [r.event for r in journal.read(before) if isinstance(r.event, IntentAccepted)]
            return Replayed(
                folder=str(folder),
                entries=day.entries,
                messages=day.messages,
                orders=tuple(event.order for event in accepted),
                journal=journal_hash(journal.read(0)),
                original=original,
                diverged=diverged,
            )
        finally:
            journal.close()


def _settings(header: Header, scratch: Path) -> Loaded:
    """The settings of the day, whatever the files say today."""
    file = scratch / "settings.json"
    file.write_bytes(header.settings)
    then = msgspec.json.decode(header.settings, type=dict[str, object])["strategies"]
    assert isinstance(then, dict)
    today = load(header.env, None, (), {}, ROOT).settings.strategies
    gone = tuple(f"strategies.{name}=null" for name in today if name not in then)
    return load(header.env, file, gone, {}, ROOT)


class _Strand:
    """One incarnation. `wants` is what it waits for: a question's name, or a message."""

    def __init__(self, day: _Day, name: str, factory: Callable[[DetachedContext], Actor], incarnation: int) -> None:
        self.name = name
        self.wants = _WAITING
        self.message: object = None
        self.ended = False
        self.failure = ""
        self._day = day
        self._factory = factory
        self._incarnation = incarnation
        self.glet = greenlet(self._live)

    def _live(self) -> None:
        context = ReplayContext(self._day, self.name, self._incarnation)
        try:
            actor = self._factory(context)
            actor.started()
            while True:
                self.wants = _WAITING
                stopping = self._day.hub.switch()
                if stopping is Kind.STOPPING:
                    actor.stopping()
                    break
                actor.receive(self.message)
        except Diverged as error:
            self._day.diverged = self._day.diverged or f"{self.name}: {error}"
        except Exception as error:  # noqa: BLE001  # on the day it crashed here too: its next life is on the tape
            self.failure = f"{type(error).__name__}: {error}"
        self.ended = True
        self.wants = f"nothing: it has ended ({self.failure or 'in order'})"


class _Day:
    """The strands, their mailboxes and the recording that moves them. Implements `app.ports.Ports`."""

    def __init__(self, header: Header, loaded: Loaded, journal: SqliteJournal) -> None:
        instruments = decode(msgspec.msgpack.decode(header.instruments))
        self.env, self.run = header.env, header.run
        self.settings = loaded.settings
        self.cast = cast_of(loaded, Catalog(cast("list[Instrument]", instruments)))
        self.calendar = SessionCalendar(fallback_weekdays=header.fallback)
        self.clock = ReplayClock(self.ask, "now")
        self.monotonic = ReplayClock(self.ask, "mono")
        self.journal = ReplayJournal(journal, self.ask)
        self.session = ReplaySession(self.ask)
        self.books: Callable[[], Mapping[str, object] | None] | None = (
            replayed_books(self.ask) if header.fallback and header.env != "paper" else None
        )
        self.runtime = ThreadRuntime(MonotonicClock(), seed=header.seed)
        self.hub = getcurrent()
        self.diverged = ""
        self.entries = self.messages = 0
        self.posted: list[PlaceOrder] = []
        self._strands: dict[str, _Strand] = {}
        self._mail: dict[str, dict[bytes, deque[object]]] = defaultdict(lambda: defaultdict(deque))
        # Prices, by receiver and teller: what was told and not taken may have been taken as one.
        self._prices: dict[str, dict[str, list[PricesChanged]]] = defaultdict(lambda: defaultdict(list))
        self._last: dict[str, tuple[bytes, object]] = {}
        self._answer: Entry | None = None
        self._factories = dict(_factories(build_tree(self, self.cast, ReplayScheduler(), _NoWriter())))

    @contextmanager
    def running(self) -> Iterator[None]:
        """Give the runtime back afterwards."""
        try:
            yield
        finally:
            self.runtime.close()

    def log(self, level: str, event: str, /, **keys: object) -> None:
        """A replay is quiet."""

    def broker(self) -> Broker:
        """See Ports."""
        return ReplayBroker(self.ask, self.posted.append)

    def history(self) -> History:
        """See Ports."""
        return ReplayHistory(self.ask)

    def feed(self) -> FeedPort:
        """See Ports."""
        return ReplayFeed(self.ask, self._received)

    def runner(self, strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
        """See Ports: where its strand is, whatever is configured."""
        return in_thread(strategy_id, terms, today)

    def postbacks(self) -> PostbackPort | None:
        """See Ports: none, since what was heard is on the tape."""
        return None

    # -- what strands call -------------------------------------------------------------------------------------------

    def ask(self, what: str) -> object:
        """See adapters.replay.ports.Ask."""
        strand = self._current()
        strand.wants = what
        self.hub.switch()
        entry = self._answer
        assert entry is not None
        value = decode(entry.value)
        if entry.kind is Kind.RAISED and isinstance(value, Exception):
            raise value
        return value

    def deliver(self, name: str, message: object) -> None:
        """An actor tells another."""
        if isinstance(message, PricesChanged):
            self._prices[name][self._current().name].append(message)
        elif isinstance(message, Struct):
            self._mail[name][fingerprint(message)].append(message)

    def _received(self) -> int:
        message = self._current().message
        return message.received_time if isinstance(message, FrameReceived) else 0

    def _current(self) -> _Strand:
        glet = getcurrent()
        for strand in self._strands.values():
            if strand.glet is glet:
                return strand
        raise Diverged("a question from outside every actor")

    # -- the recording -----------------------------------------------------------------------------------------------

    def play(self, entries: Iterator[Entry]) -> str:
        """Run the recording; what diverged, in one line, or empty."""
        for entry in entries:
            self.entries += 1
            if entry.kind is Kind.LOST:
                return "the recording has a gap: it could not keep up, or was out of room"
            if entry.kind is not Kind.REPLY:
                why = self._step(entry)
                if why or self.diverged:
                    return self.diverged or f"entry {self.entries}: {why}"
        return ""

    def _step(self, entry: Entry) -> str:
        name, _, incarnation = entry.actor.partition("#")
        if entry.kind is Kind.STARTED:
            factory = self._factories.get(name)
            if factory is None:
                return f"there is no actor {name} in today's tree"
            strand = self._strands[entry.actor] = _Strand(self, name, factory, int(incarnation))
            strand.glet.switch()
            return ""
        strand = self._strands[entry.actor]
        match entry.kind:
            case Kind.HANDLED:
                if strand.wants != _WAITING:
                    return f"{name} takes {entry.what}, but now it wants {strand.wants}"
                message = self._take(name, entry)
                if message is None:
                    return f"{name} took {entry.what}, which nobody has told it now"
                self.messages += 1
                strand.message = message
                strand.glet.switch(Kind.HANDLED)
            case Kind.STOPPING:
                if strand.wants == _WAITING:
                    strand.glet.switch(Kind.STOPPING)
            case _:
                if strand.wants != entry.what:
                    return f"{name} asked {entry.what}, but now it wants {strand.wants or 'a message'}"
                self._answer = entry
                strand.glet.switch()
        return ""

    def _take(self, name: str, entry: Entry) -> object:
        """The message that was taken: what somebody told in this replay, or what came from outside."""
        waiting = self._mail[name].get(entry.mark)
        if waiting:
            message = waiting.popleft()
            if not waiting:
                del self._mail[name][entry.mark]
        elif (combined := self._combined(name, entry.mark)) is not None:
            message = combined
        elif entry.value is not None:
            message = decode(entry.value)
        elif self._last.get(name, (b"", None))[0] == entry.mark:
            message = self._last[name][1]  # delivered again, after a crash
        else:
            return None
        self._last[name] = (entry.mark, message)
        return message

    def _combined(self, name: str, mark: bytes) -> PricesChanged | None:
        """Prices that were taken, one message or several told by one actor behind each other, as a mailbox makes one of
        them; None where none of them make this one. What was told before them is forgotten: it was lost on the day.
        """
        for told in self._prices[name].values():
            for start, first in enumerate(told):
                combined = first
                for end in range(start, len(told)):
                    combined = combined if end == start else told[end].after(combined)
                    if fingerprint(combined) == mark:
                        del told[: end + 1]
                        return combined
        return None


class _NoWriter:
    """Reports are made and thrown away."""

    def write(self, report: EodReport) -> ReportWritten:
        """See ReportWriter.write."""
        return ReportWritten(html_path="", json_path="")


def _factories(spec: SupervisorSpec) -> Iterator[tuple[str, Callable[[DetachedContext], Actor]]]:
    for child in spec.children:
        if isinstance(child, SupervisorSpec):
            yield from _factories(child)
        else:
            assert isinstance(child, ChildSpec)
            yield child.id, partial(_made, child)


def _made(child: ChildSpec, context: DetachedContext) -> Actor:
    return child.factory(context)
