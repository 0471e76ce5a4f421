"""What an actor knows of the world in a replay: the runtime's clock and draws and the gate's answers of the day."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast

from actors.runtime import EffectKind, Gate, GateRefused, Lane, Ticket, TradingLevel
from actors.runtime.cell import Address
from actors.runtime.detached import DetachedContext, SetTimer
from actors.runtime.seam import Runtime, Timer
from adapters.replay.ports import Diverged, ReplayClock, ReplayRandom


class Day(Protocol):
    """What a context needs of the replay."""

    @property
    def runtime(self) -> Runtime:
        """For locks."""
        ...

    def ask(self, what: str) -> object:
        """See adapters.replay.ports.Ask."""
        ...

    def deliver(self, name: str, message: object) -> None:
        """Put the message where that actor's next life of the recording finds it."""
        ...


class ReplayContext(DetachedContext):
    """Tells go into the replay's mailboxes; timers never fire, since what they told is on the tape."""

    def __init__(self, day: Day, name: str, incarnation: int) -> None:
        self._day = day
        super().__init__(day.runtime, name, incarnation)
        self.runtime = cast("Runtime", _ReplayRuntime(day.runtime, day))
        self.gate = cast("Gate", _ReplayGate(day))

    def log(self, level: str, event: str, /, **keys: object) -> None:
        """A replay is quiet."""

    def after(self, seconds: float, message: object, lane: Lane = Lane.EVENT) -> Timer:
        """A timer that never fires."""
        return SetTimer(seconds, message, lane)

    def every(self, seconds: float, message: object, lane: Lane = Lane.EVENT) -> Timer:
        """A timer that never fires."""
        return SetTimer(seconds, message, lane, seconds)

    def _recorder(self, name: str) -> Address:
        return _ReplayAddress(name, self._day)


class _ReplayAddress(Address):
    """Puts messages where the replay finds them."""

    __slots__ = ("_day",)

    def __init__(self, name: str, day: Day) -> None:
        super().__init__(name)
        self._day = day

    def tell(self, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        self._day.deliver(self.name, message)

    def ask(self, message: object, timeout: float, lane: Lane = Lane.EVENT) -> object:
        raise Diverged(f"{self.name} is asked by an actor, which none did on the day")


class _ReplayRuntime:
    """The day's clock and draws."""

    def __init__(self, inner: Runtime, day: Day) -> None:
        self._inner = inner
        self.monotonic = ReplayClock(day.ask, "mono")
        self.random = ReplayRandom(day.ask)

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)


class _ReplayGate:
    """The gate's answers of the day."""

    def __init__(self, day: Day) -> None:
        self._day = day

    def register(self, name: str, incarnation: int, tag: str, kind: EffectKind, *, reduce_only: bool = False) -> Ticket:
        """See Gate.register."""
        self._passed("gate.register")
        return Ticket(name, incarnation, tag, kind, reduce_only)

    @contextmanager
    def start(self, ticket: Ticket) -> Iterator[Callable[[], None]]:
        """See Gate.start."""
        self._passed("gate.start")
        yield lambda: None

    def halt(self, reason: str, *, allow_exits: bool = True, timeout_seconds: float = 1.0) -> list[str]:
        """See Gate.halt."""
        return cast("list[str]", self._day.ask("gate.halt"))

    @property
    def level(self) -> TradingLevel:
        """See Gate.level."""
        return TradingLevel(cast("int", self._day.ask("gate.level")))

    @property
    def reason(self) -> str:
        """See Gate.reason."""
        return cast("str", self._day.ask("gate.reason"))

    def finish(self, ticket: Ticket) -> None:
        """Nothing is on any wire."""

    def clear(self, reason: str, level: object = None) -> None:
        """Nothing to loosen."""

    def reduce(self, reason: str) -> None:
        """Nothing to tighten."""

    def _passed(self, what: str) -> None:
        refused = self._day.ask(what)
        if isinstance(refused, tuple | list):
            raise GateRefused(str(refused[0]), str(refused[1]))
