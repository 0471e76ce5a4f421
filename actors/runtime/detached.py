"""A context without a system, for tests that call an actor on their own strand and read what it said."""

from __future__ import annotations

from collections.abc import Hashable

from msgspec import Struct

from actors.runtime.bonds import Life
from actors.runtime.cell import Address, Cell
from actors.runtime.context import Context
from actors.runtime.errors import AskTimeout
from actors.runtime.gate import Gate, TradingLevel
from actors.runtime.mailbox import Lane, MailboxSpec
from actors.runtime.seam import Runtime, Timer
from actors.runtime.specs import InFlight


class Told(Struct, frozen=True):
    """One message that the actor told somebody."""

    to: str
    message: object
    lane: Lane = Lane.EVENT
    key: Hashable = None


class SetTimer(Struct):
    """One timer that the actor set; it never fires by itself: hand its message to `receive`.

    period  seconds between beats for `every`; None for `after`
    """

    seconds: float
    message: object
    lane: Lane
    period: float | None = None
    cancelled: bool = False

    def cancel(self) -> None:
        """Note that the actor cancelled it."""
        self.cancelled = True


class DetachedContext(Context):
    """Records what an actor does.

    told    messages, in order; timers: set timers; logged: (level, event, keys); was_ready: it called `ready`
    gate    open, with this incarnation admitted
    bonds   (what, name) of every watch, unwatch, link and unlink, in order
    """

    def __init__(self, runtime: Runtime, name: str = "actor", incarnation: int = 1) -> None:
        self.told: list[Told] = []
        self.timers: list[SetTimer] = []
        self.logged: list[tuple[str, str, dict[str, object]]] = []
        self.was_ready = False
        self.bonds: list[tuple[str, str]] = []
        gate = Gate(runtime, TradingLevel.OPEN, "a test")
        gate.admit(name, incarnation)
        cell = Cell(name, MailboxSpec(), runtime, lambda _: None)
        super().__init__(
            cell=cell,
            lease=cell.open(incarnation),
            runtime=runtime,
            log=lambda level, event, /, **keys: self.logged.append((level, event, keys)),
            gate=gate,
            in_flight=InFlight.DROP,
            find=self._recorder,
            on_started=lambda _: None,
            on_ready=self._note_ready,
            bonds=_Notes(self.bonds),
        )
        self.me = self._recorder(name)

    def told_to(self, name: str) -> list[object]:
        """The messages told to one address, in order."""
        return [told.message for told in self.told if told.to == name]

    def after(self, seconds: float, message: object, lane: Lane = Lane.EVENT) -> Timer:
        """Note the timer."""
        timer = SetTimer(seconds, message, lane)
        self.timers.append(timer)
        return timer

    def every(self, seconds: float, message: object, lane: Lane = Lane.EVENT) -> Timer:
        """Note the timer."""
        timer = SetTimer(seconds, message, lane, seconds)
        self.timers.append(timer)
        return timer

    def _note_ready(self, _: int) -> None:
        self.was_ready = True

    def _recorder(self, name: str) -> Address:
        return _Recorder(name, self)


class _Notes:
    """Notes bonds instead of making them."""

    def __init__(self, notes: list[tuple[str, str]]) -> None:
        self._notes = notes

    def watch(self, own: Life, name: str) -> None:
        self._notes.append(("watch", name))

    def unwatch(self, own: Life, name: str) -> None:
        self._notes.append(("unwatch", name))

    def link(self, own: Life, name: str) -> None:
        self._notes.append(("link", name))

    def unlink(self, own: Life, name: str) -> None:
        self._notes.append(("unlink", name))


class _Recorder(Address):
    """An address that only notes what it is told."""

    __slots__ = ("_context",)

    def __init__(self, name: str, context: DetachedContext) -> None:
        super().__init__(name)
        self._context = context

    def tell(self, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        self._context.told.append(Told(self.name, message, lane, key))

    def ask(self, message: object, timeout: float, lane: Lane = Lane.EVENT) -> object:
        self._context.told.append(Told(self.name, message, lane))
        raise AskTimeout(f"{self.name} is not there: the context is detached (timeout {timeout} s)")
