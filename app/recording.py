"""A trading day with the tape running: the ports with recorders at them, and every actor observed.

The actors are the same, and know nothing of it. What the tape cannot keep up with is dropped and counted; trading goes
on.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final, ParamSpec, TypeVar, cast

import msgspec

from actors.routes import AUDIT, CARETAKER, CONFIGURATION, OPERATOR, POSTBACKS, PUBLISHER
from actors.runtime import (
    Actor,
    ChildSpec,
    Context,
    EffectKind,
    Gate,
    GateRefused,
    SupervisorSpec,
    Ticket,
    TradingLevel,
)
from actors.runtime.seam import Runtime
from adapters.kite.http import Reply
from adapters.recorder.codec import encode
from adapters.recorder.entries import Header, Kind
from adapters.recorder.journal_state import copy_journal, journal_hash
from adapters.recorder.ports import (
    RecordedBroker,
    RecordedClock,
    RecordedFeed,
    RecordedHistory,
    RecordedJournal,
    RecordedSession,
    Recorder,
    recorded_books,
)
from adapters.recorder.tape import Tape, write_private
from app.strategies import Cast
from config.render import plain
from config.schema import Settings
from domain.messages import control, journal, market, orders, reconcile
from domain.ports import Broker, FeedPort, History, PostbackPort
from domain.strategy.messages import WarmUpRequested
from domain.values import ist

if TYPE_CHECKING:
    from app.world import World
    from domain.messages.configuration import StrategyTerms
    from domain.strategy.runner import Today
    from domain.strategy.running import Runner

P = ParamSpec("P")
T = TypeVar("T")

FOLDER: Final = "recordings"
SECRETS: Final = ("api_secret", "password", "totp", "access_token")
REPLY_BYTES_MAX: Final = 1024 * 1024

PERSONS: Final = frozenset({AUDIT, CARETAKER, CONFIGURATION, OPERATOR, POSTBACKS, PUBLISHER})
"""Actors that stand for people or the world, or show them things: what they tell is on the tape where it is taken, and
in a replay they are not there."""

DERIVED: Final = frozenset(
    {
        market.TickBatch,
        market.PricesChanged,
        market.BarsClosed,
        market.BarsBackfilled,
        market.LoadHistory,
        market.HistoryLoaded,
        market.FeedConnected,
        market.FeedDisconnected,
        market.Subscribe,
        WarmUpRequested,
        orders.OrderIntent,
        orders.ApprovedIntent,
        orders.Denied,
        orders.IntentVoided,
        orders.SubmitOrder,
        orders.OrderPosted,
        orders.CancelOrder,
        orders.CancelPosted,
        orders.ReadOrderBook,
        orders.OrderBookRead,
        orders.ReadTrades,
        orders.TradesRead,
        orders.ReadAccount,
        orders.AccountRead,
        reconcile.JournalDifferences,
        reconcile.DifferencesTaken,
        reconcile.UpdateHeard,
        journal.JournalRecord,
        journal.JournalAdvanced,
        control.TradingStateChanged,
        control.PortfolioSnapshot,
        control.AskSession,
        control.SessionLost,
        control.SessionOpened,
    }
)
"""Messages that only actors tell: a replay must make them again, so the tape needs no more than to know them."""


def begin_recording(world: World, cast: Cast) -> Recording | None:
    """A recording of this life, where the settings ask for one. Raises OSError where its folder cannot be made."""
    settings = world.settings.recorder
    if not settings.enabled:
        return None
    return Recording(world, cast, world.settings.sandbox.seed, settings.max_megabytes * 1024 * 1024, settings.keep_days)


class Recording:
    """One life of the process on tape. `ports` takes the world's place when the tree is built."""

    def __init__(self, world: World, cast: Cast, seed: int, bytes_max: int, keep_days: int) -> None:
        day = ist(world.clock.now_ns()).date().isoformat()
        parent = world.folders.data / FOLDER / day
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _forget_older(parent.parent, keep_days)
        number = 1 + sum(1 for each in parent.iterdir() if each.is_dir())
        self._folder = parent / f"{number:03d}-{world.run[:8]}"
        header = Header(
            env=world.env,
            run=world.run,
            date=day,
            seed=seed,
            settings=without_secrets(world.settings),
            instruments=msgspec.msgpack.encode(encode(list(cast.instruments.values()))),
            fallback=world.control is not None,
        )
        self._tape = Tape(self._folder, header, DERIVED, bytes_max, world.log)
        copy_journal(world.folders.journal, self._folder / "journal.db")
        self._journal = world.journal
        self.recorder = Recorder(self._tape)
        self.ports = _RecordedPorts(world, self.recorder)
        self._tokens = world.account.tokens
        world.account.witness = self._reply

    def observed(self, spec: SupervisorSpec) -> SupervisorSpec:
        """The same tree, every actor of it observed."""
        children = tuple(
            self.observed(child) if isinstance(child, SupervisorSpec) else self._observed_child(child)
            for child in spec.children
        )
        return msgspec.structs.replace(spec, children=children)

    def close(self) -> None:
        """End the tape, and say what the journal came to."""
        self._tape.close()
        records = tuple(self._journal.read(0))
        end = {"hash": journal_hash(records), "last_seq": records[-1].seq if records else 0, "lost": self._tape.dropped}
        write_private(self._folder / "end.json", msgspec.json.encode(end))

    def _reply(self, method: str, route: str, reply: Reply) -> None:
        """A raw reply, for people who look into a day. Sessions are secret, and the list of instruments is long."""
        body = b"" if route.startswith("/session") or len(reply.body) > REPLY_BYTES_MAX else reply.body
        kept = (reply.status, len(reply.body), self._tokens.scrub_bytes(body))
        self._tape.put(Kind.REPLY, self.recorder.here.actor, f"{method} {route}", kept)

    def _observed_child(self, spec: ChildSpec) -> ChildSpec:
        if spec.id in PERSONS:
            return spec
        inner, recorder, put = spec.factory, self.recorder, self._tape.put

        def factory(context: Context) -> Actor:
            name = f"{context.name}#{context.incarnation}"
            context.runtime = cast("Runtime", _RecordedRuntime(context.runtime, recorder))
            context.gate = cast("Gate", _RecordedGate(context.gate, recorder))
            # Setting a timer reads the clock for the runtime's own ends: no answer to the actor.
            context.after = _unheard(context.after, recorder)  # type: ignore[method-assign]  # this one instance
            context.every = _unheard(context.every, recorder)  # type: ignore[method-assign]  # as above
            put(Kind.STARTED, name, "")
            with recorder.acting(name):
                actor = inner(context)
            _observe(actor, name, recorder)
            return actor

        return msgspec.structs.replace(spec, factory=factory)


def _forget_older(folder: Path, keep_days: int) -> None:
    """Leave the newest days alone."""
    for old in sorted((each for each in folder.iterdir() if each.is_dir()), reverse=True)[keep_days:]:
        shutil.rmtree(old, ignore_errors=True)


def without_secrets(settings: Settings) -> bytes:
    """The settings as a file would have them, credentials taken out."""
    found = plain(settings, Settings)
    assert isinstance(found, dict)
    kite = found["kite"]
    assert isinstance(kite, dict)
    kite.update(dict.fromkeys(SECRETS))
    return msgspec.json.encode(found)


def _observe(actor: Actor, name: str, recorder: Recorder) -> None:
    receive, started, stopping = actor.receive, actor.started, actor.stopping
    here, put, handled = recorder.here, recorder.tape.put, Kind.HANDLED

    def observed_receive(message: object) -> object:
        put(handled, name, "", message)
        here.actor = name
        try:
            return receive(message)
        finally:
            here.actor = ""

    def observed_started() -> None:
        with recorder.acting(name):
            started()

    def observed_stopping() -> None:
        put(Kind.STOPPING, name, "")
        with recorder.acting(name):
            stopping()

    actor.receive = observed_receive  # type: ignore[method-assign]  # this one instance, on purpose
    actor.started = observed_started  # type: ignore[method-assign]  # as above
    actor.stopping = observed_stopping  # type: ignore[method-assign]  # as above


def _unheard(call: Callable[P, T], recorder: Recorder) -> Callable[P, T]:
    def unheard(*args: P.args, **kwargs: P.kwargs) -> T:
        with recorder.acting(""):
            return call(*args, **kwargs)

    return unheard


class _RecordedPorts:
    """`app.ports.Ports` of the world, recorded."""

    def __init__(self, world: World, recorder: Recorder) -> None:
        self._world = world
        self._recorder = recorder
        self.env = world.env
        self.run = world.run
        self.settings = world.settings
        self.log = world.log
        self.calendar = world.calendar
        self.clock = RecordedClock(world.clock, recorder, "now")
        self.monotonic = RecordedClock(world.monotonic, recorder, "mono")
        self.journal = RecordedJournal(world.journal, recorder)
        self.session = RecordedSession(world.session, recorder)
        books = world.books
        self.books: Callable[[], Mapping[str, object] | None] | None = (
            None if books is None else recorded_books(books, recorder)
        )

    def broker(self) -> Broker:
        """See Ports."""
        return RecordedBroker(self._world.broker(), self._recorder)

    def history(self) -> History:
        """See Ports."""
        return RecordedHistory(self._world.history(), self._recorder)

    def feed(self) -> FeedPort:
        """See Ports."""
        return RecordedFeed(self._world.feed(), self._recorder)

    def runner(self, strategy_id: str, terms: StrategyTerms, today: Today) -> Runner:
        """See Ports: it is told by its actor alone, so nothing of it is on the tape."""
        return self._world.runner(strategy_id, terms, today)

    def postbacks(self) -> PostbackPort | None:
        """See Ports: what it hears is on the tape where it is taken."""
        return self._world.postbacks()


class _RecordedRandom(Random):
    """Draws, on the tape."""

    def __init__(self, inner: Random, recorder: Recorder) -> None:
        super().__init__(0)
        self._inner = inner
        self._recorder = recorder

    def random(self) -> float:
        """The inner one's draw."""
        return self._recorder.answer("random", self._inner.random)


class _RecordedRuntime:
    """A runtime whose clock and draws are recorded; everything else is the inner one's."""

    def __init__(self, inner: Runtime, recorder: Recorder) -> None:
        self._inner = inner
        self.monotonic = RecordedClock(inner.monotonic, recorder, "mono")
        self.random = _RecordedRandom(inner.random, recorder)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class _RecordedGate:
    """A gate whose answers are recorded: the reason of a refusal, or empty."""

    def __init__(self, inner: Gate, recorder: Recorder) -> None:
        self._inner = inner
        self._recorder = recorder

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def register(self, name: str, incarnation: int, tag: str, kind: EffectKind, *, reduce_only: bool = False) -> Ticket:
        """See Gate.register."""
        try:
            ticket = self._inner.register(name, incarnation, tag, kind, reduce_only=reduce_only)
        except GateRefused as refused:
            self._note("gate.register", refused)
            raise
        self._note("gate.register", None)
        return ticket

    @contextmanager
    def start(self, ticket: Ticket) -> Iterator[Callable[[], None]]:
        """See Gate.start."""
        entered = False
        try:
            with self._inner.start(ticket) as edge:
                entered = True
                self._note("gate.start", None)
                yield edge
        except GateRefused as refused:
            if not entered:
                self._note("gate.start", refused)
            raise

    def halt(self, reason: str, *, allow_exits: bool = True, timeout_seconds: float = 1.0) -> list[str]:
        """See Gate.halt."""
        return self._recorder.answer(
            "gate.halt", lambda: self._inner.halt(reason, allow_exits=allow_exits, timeout_seconds=timeout_seconds)
        )

    @property
    def level(self) -> TradingLevel:
        """See Gate.level."""
        return TradingLevel(self._recorder.answer("gate.level", lambda: int(self._inner.level)))

    @property
    def reason(self) -> str:
        """See Gate.reason."""
        return self._recorder.answer("gate.reason", lambda: self._inner.reason)

    def _note(self, what: str, refused: GateRefused | None) -> None:
        actor = self._recorder.here.actor
        if actor:
            value = None if refused is None else (refused.reason, str(refused).partition(": ")[2])
            self._recorder.tape.put(Kind.RESULT, actor, what, value)
