"""What the models need: virtual time that outlives our process, strands of the process, weather, and somebody to watch.

The simulation runtime has these shapes; adapters may not import it, and need not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from types import TracebackType
from typing import Protocol

from domain.messages.broker import Change, PlaceOrder
from domain.messages.journal import JournalRecord
from domain.values import Nanos


class Time(Protocol):
    """Virtual time for the whole world. What is set here happens whatever becomes of our process."""

    @property
    def now(self) -> Nanos:
        """Virtual nanoseconds."""
        ...

    def after(self, seconds: float, call: Callable[[], None]) -> object:
        """Have it happen after so many virtual seconds. It must not wait."""
        ...


class SimLock(Protocol):
    """A lock of the process."""

    def __enter__(self) -> bool: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


class Signal(Protocol):
    """A flag of the process that can be waited for."""

    def set(self) -> None:
        """Raise it."""
        ...

    def clear(self) -> None:
        """Lower it."""
        ...

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until it is up."""
        ...


class Process(Protocol):
    """Our process as the models see it. Once it is dead nothing that happens may reach it."""

    @property
    def dead(self) -> bool:
        """Whether it was killed."""
        ...

    @property
    def running(self) -> str:
        """The name of the strand that runs."""
        ...

    def sleep(self, seconds: float) -> None:
        """Hold this strand up."""
        ...

    def spawn(self, name: str, target: Callable[[], None]) -> object:
        """Run on a strand of its own."""
        ...

    def event(self) -> Signal:
        """A new flag."""
        ...

    def timer(self, seconds: float, fn: Callable[[], None]) -> object:
        """Call once after so many virtual seconds, while the process lives."""
        ...


class Weather(Protocol):
    """Which faults strike. Kinds that are switched off never do."""

    @property
    def random(self) -> Random:
        """For whatever else a model decides."""
        ...

    def strikes(self, fault: str) -> bool:
        """Whether this kind of fault strikes here and now."""
        ...


Hazard = Callable[[str], None]
"""Called at each edge of a port with its name: the strand may be held up there, fail, or die with its process."""


class Watcher(Protocol):
    """Told what truly happens, as it happens. Neither waits nor raises."""

    def post_begins(self, order: PlaceOrder, by: str) -> None:
        """The gate let a POST start, on this strand (`gateway.entry.0#2`)."""
        ...

    def cancel_begins(self, order_id: str, by: str) -> None:
        """The gate let a cancel start, on this strand."""
        ...

    def modify_begins(self, order_id: str, change: Change, by: str) -> None:
        """The gate let a modification start, on this strand."""
        ...

    def bytes_left(self, order: PlaceOrder, by: str) -> None:
        """From here on the order may be at the exchange."""
        ...

    def never_arrives(self, tag: str) -> None:
        """A request whose bytes left was lost on the way: it will not reach the exchange any more."""
        ...

    def order_arrived(self, tag: str, order_id: str) -> None:
        """The exchange took an order."""
        ...

    def traded(self, order_id: str, trade_id: str) -> None:
        """An execution."""
        ...

    def claiming(self, tag: str) -> None:
        """A claim is asked for, at this moment."""
        ...

    def committed(self, records: Sequence[JournalRecord]) -> None:
        """These are durable."""
        ...

    def flag_kept(self, name: str, value: str) -> None:
        """A fact was made durable."""
        ...
