"""A runner whose strategy lives in a process of its own: `domain.strategy.running.Runner`, over a pipe.

Every call waits for its answer, with the interpreter given up meanwhile. What nothing is decided on waits for the next
call that something is: the journal from before, and the newest prices of a strategy that does not watch them.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, cast

import msgspec

from adapters.isolation.source import Sources
from adapters.isolation.wire import (
    Begin,
    Call,
    CannotBegin,
    Closed,
    Done,
    History,
    Journaled,
    Look,
    NoSession,
    Nothing,
    Priced,
    Question,
    Raised,
    Ready,
    Reconfigured,
    Refused,
    Session,
    SessionAsked,
    SquaredOff,
    Stands,
    Timed,
    ToParent,
    encode,
    heard_by_parent,
)
from domain.bars import Bar
from domain.errors import CalendarUnknown, StrategyProcessEnded
from domain.messages.configuration import StrategyTerms
from domain.messages.journal import JournalEvent
from domain.messages.market import BarsBackfilled, PriceChanged
from domain.messages.orders import OrderIntent
from domain.messages.plans import MoveExit
from domain.orders.transitions import strategy_of
from domain.strategy.asks import Asked
from domain.strategy.runner import RunnerSettings, Standing, Today
from domain.values import Nanos

FOLDED_AT_ONCE: Final = 500
"""Events of the journal in one message."""

END_SECONDS: Final = 2.0
"""How long a process that was killed, or has closed its pipe, may take to be gone."""

_PASSED_ON: Final = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "SYSTEMROOT")
"""Of the environment; nothing else: the broker's keys are in it too."""


class IsolatedRunner:
    """See `Runner`. It begins at once and is first waited for by the first call that needs an answer.

    Calls come from one thread; `close` from any.

    sources  how the code was when trading began; None: whatever it is now
    """

    def __init__(self, strategy_id: str, terms: StrategyTerms, today: Today, sources: Sources | None = None) -> None:
        self.quiet_until: Nanos = 0
        self.enabled = True
        self._id = strategy_id
        self._today = today
        self._sources = sources
        self._tokens = frozenset(each.token for each in terms.instruments)
        self._folded: list[JournalEvent] = []
        self._prices: dict[int, PriceChanged] = {}
        self._moves: list[MoveExit] = []
        self._asked: list[Asked] = []
        self._last = Done([], [], [], 0, 0, 0)
        self._ready: Ready | None = None
        self._lock = threading.Lock()
        self._closed = self._waiting = False
        self._begin = _begin(strategy_id, terms)
        # Duplex: a pair of sockets, so that either end hears of the other's end.
        self._pipe, theirs = multiprocessing.Pipe()
        with theirs:
            try:
                self._process = _spawn(theirs)
            except BaseException:
                self._pipe.close()
                raise

    # -- what is known of it -----------------------------------------------------------------------------------------

    @property
    def process(self) -> int:
        """Id of its process."""
        return self._process.pid

    @property
    def timed(self) -> bool:
        """See Runner."""
        return self._begun.timed

    @property
    def series(self) -> tuple[tuple[int, int], ...]:
        """See Runner."""
        return self._begun.series

    @property
    def warming(self) -> int:
        """See Runner."""
        return self._last.warming

    @property
    def decided(self) -> int:
        """See Runner."""
        return self._last.decided

    @property
    def lapsed(self) -> int:
        """See Runner."""
        return self._last.lapsed

    # -- events ------------------------------------------------------------------------------------------------------

    def fold(self, event: JournalEvent) -> None:
        """See Runner."""
        if strategy_of(event) != self._id:
            return
        self._folded.append(event)
        if len(self._folded) >= FOLDED_AT_ONCE:
            self._decide(Nothing())

    def price(self, price: PriceChanged, now: Nanos) -> list[OrderIntent]:
        """See Runner."""
        if price.token not in self._tokens:
            return []
        if not self._begun.prices:
            self._prices[price.token] = price
            return []
        return self._decide(Priced(price, now))

    def bar(self, bar: Bar, now: Nanos) -> list[OrderIntent]:
        """See Runner."""
        return self._decide(Closed(bar, now))

    def backfilled(self, message: BarsBackfilled, now: Nanos) -> list[OrderIntent]:
        """See Runner."""
        return self._decide(History(message, now))

    def timer(self, now: Nanos) -> list[OrderIntent]:
        """See Runner."""
        if not self.timed or now < self.quiet_until:
            return []
        return self._decide(Timed(now))

    def journaled(self, event: JournalEvent, now: Nanos) -> list[OrderIntent]:
        """See Runner."""
        return self._decide(Journaled(event, now)) if strategy_of(event) == self._id else []

    def refused(self, intent_id: str) -> None:
        """See Runner."""
        self._decide(Refused(intent_id))

    def square_off(self, tokens: Sequence[int], now: Nanos) -> None:
        """See Runner."""
        self._decide(SquaredOff(tuple(tokens), now))

    def reconfigure(self, settings: RunnerSettings) -> None:
        """See Runner."""
        self._decide(Reconfigured(settings))

    def moves(self) -> list[MoveExit]:
        """See Runner."""
        moves, self._moves = self._moves, []
        return moves

    def take_asked(self) -> list[Asked]:
        """See Runner."""
        asked, self._asked = self._asked, []
        return asked

    def standing(self) -> Standing:
        """See Runner."""
        answer = self._answer(Look())
        assert isinstance(answer, Stands), f"how it stands was asked, and {type(answer).__name__} came"
        return answer.standing

    # -- the process -------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """See Runner."""
        if self._process.poll() is not None:
            raise self._gone()

    def close(self) -> None:
        """Kill the process. Whoever waits for its answer hears of its end, and gives back what is left of it."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            waited_for = self._waiting
        self._process.kill()
        if not waited_for:
            self._release()

    def _release(self) -> None:
        self._pipe.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()  # closed its pipe and went on; it is reaped with the next process that is begun

    # -- inside ------------------------------------------------------------------------------------------------------

    @property
    def _begun(self) -> Ready:
        if self._ready is None:
            match self._awaited(self._begin):
                case Ready() as ready:
                    self._must_be_as_it_was(ready.files)
                    self._ready = ready
                    self._last = Done([], [], [], ready.warming, 0, 0)
                case CannotBegin(text):
                    raise StrategyProcessEnded(f"strategy {self._id}: its process cannot begin: {text}")
                case other:
                    raise AssertionError(f"it was to begin, and {type(other).__name__} came")
        return self._ready

    def _must_be_as_it_was(self, files: Sequence[str]) -> None:
        changed = [] if self._sources is None else self._sources.changed(files)
        if changed:
            raise StrategyProcessEnded(
                f"strategy {self._id}: its process cannot begin: {changed[0]} was changed while this program runs, and "
                "its former code is gone with the former process; start the program again, or put the file back"
            )

    def _decide(self, question: Question) -> list[OrderIntent]:
        answer = self._answer(question)
        assert isinstance(answer, Done), f"{type(question).__name__} was said, and {type(answer).__name__} came"
        self._last = answer
        self._moves += answer.moves
        self._asked += answer.asked
        return answer.intents

    def _answer(self, question: Question) -> ToParent:
        _ = self._begun
        folded, self._folded = tuple(self._folded), []
        prices, self._prices = tuple(self._prices.values()), {}
        return self._awaited(Call(folded, prices, self.quiet_until, self.enabled, question))

    def _awaited(self, said: Begin | Call) -> ToParent:
        """The answer, the child's own questions answered meanwhile."""
        if self._waits():
            raise StrategyProcessEnded(f"strategy {self._id}: its process was ended")
        try:
            self._say(said)
            while isinstance(answer := self._hear(), SessionAsked):
                self._say(self._session(answer))
        finally:
            over = self._waits(waiting=False)
            if over:
                self._release()
        if over:
            # Too late: whoever ended it counts on its silence.
            raise StrategyProcessEnded(f"strategy {self._id}: its process was ended")
        if isinstance(answer, Raised):
            raise _again(answer)
        return answer

    def _waits(self, *, waiting: bool = True) -> bool:
        """From here on (no more) it waits for an answer, unless all is over; whether it is."""
        with self._lock:
            self._waiting = waiting and not self._closed
            return self._closed

    def _session(self, asked: SessionAsked) -> Session | NoSession:
        try:
            return Session(*self._today(asked.token, asked.instant))
        except CalendarUnknown as error:
            return NoSession(str(error))

    def _say(self, message: Begin | Call | Session | NoSession) -> None:
        try:
            self._pipe.send_bytes(encode(message))
        except OSError:
            raise self._gone() from None

    def _hear(self) -> ToParent:
        try:
            return heard_by_parent(self._pipe.recv_bytes())
        except (EOFError, OSError):
            raise self._gone() from None
        except msgspec.MsgspecError as error:
            raise StrategyProcessEnded(
                f"strategy {self._id}: what its process answers is not understood: {error}"
            ) from None

    def _gone(self) -> StrategyProcessEnded:
        """Why it is gone, in one line."""
        try:
            status: int | None = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        if status is None:
            how = "has closed its pipe and still runs"
        elif status < 0:
            how = f"was ended by {_signal(-status)}"
        else:
            how = f"ended by itself with status {status}"
        return StrategyProcessEnded(f"strategy {self._id}: its process {self._process.pid} {how}")


class StrategyRaised(Exception):
    """Base of what stands here for exceptions of the other process; each has its original's name."""


class _ThereRaised(Exception):
    """The traceback of the other process, as the cause."""

    def __str__(self) -> str:
        return f"\n{self.args[0]}"


def _again(raised: Raised) -> StrategyRaised:
    """The same exception for whoever logs it: its class's name and text, with the strategy's own traceback."""
    names = {"__module__": raised.module, "__qualname__": raised.name}
    kind = cast("type[StrategyRaised]", type(raised.name.rpartition(".")[2], (StrategyRaised,), names))
    error = kind(raised.text)
    error.__cause__ = _ThereRaised(raised.traceback.rstrip("\n"))
    return error


def _begin(strategy_id: str, terms: StrategyTerms) -> Begin:
    kind = type(terms.strategy)
    try:
        fields = msgspec.Raw(msgspec.msgpack.encode(terms.strategy))
    except (TypeError, ValueError) as error:
        raise StrategyProcessEnded(
            f"strategy {strategy_id}: its parameters do not go into another process: {error}"
        ) from None
    name = f"{kind.__module__}:{kind.__qualname__}"
    return Begin(strategy_id, name, fields, terms.instruments, terms.runner)


def _spawn(pipe: Connection[bytes, bytes]) -> subprocess.Popen[bytes]:
    """A fresh interpreter: this one has threads, so it is never forked."""
    environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(each or str(Path.cwd()) for each in sys.path)
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "adapters.isolation.child", str(pipe.fileno())],
        env=environment,
        pass_fds=(pipe.fileno(),),
        stdin=subprocess.DEVNULL,
        # What a strategy prints must not come between the lines that a program reads on our standard output.
        stdout=sys.__stderr__.fileno() if sys.__stderr__ is not None else subprocess.DEVNULL,
        # Not in the terminal's group: Ctrl-C there is for us to hear, and ours to pass on.
        start_new_session=True,
    )


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
