"""The one gate that every outside effect passes: fencing and the kill latch, under one lock.

There is no check followed by an act. An effect registers before it is claimed in the journal, and is checked again
under the lock right before its request starts. From then until its *start edge* it is "starting": the request is
on its way out. `halt` latches first and then waits for what is starting, so that after it returns no entry can
leave, whatever is queued anywhere.

    ticket = gate.register(name, incarnation, tag, EffectKind.ENTRY)
    try:
        ...claim the tag in the journal (may be slow)...
        with gate.start(ticket) as edge:
            connection.send(request)     # the bytes leave here
            edge()                       # from here on the network may take its time
            ...wait for the reply...
    finally:
        gate.finish(ticket)

Leaving the `with` is the edge where `edge()` is not called. What comes back (facts) never asks the gate.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from actors.runtime.errors import GateRefused
from actors.runtime.seam import Runtime

_NS = 1_000_000_000


class EffectKind(enum.Enum):
    """What an effect does to risk: adds to it, takes from it, withdraws an order, or only looks."""

    ENTRY = "entry"
    EXIT = "exit"
    CANCEL = "cancel"
    READ = "read"


class TradingLevel(enum.IntEnum):
    """How much is allowed.

    OPEN      everything
    REDUCING  no entries; exits with a reduce-only proof; cancels and reads
    HALTED    as REDUCING, latched: only `clear` leads out. `halt(..., allow_exits=False)` refuses exits as well
    """

    OPEN = 0
    REDUCING = 1
    HALTED = 2


class Refusal(enum.StrEnum):
    """Why the gate refused."""

    STALE_INCARNATION = "stale_incarnation"
    NOT_REDUCE_ONLY = "not_reduce_only"
    REDUCING = "reducing"
    HALTED = "halted"
    TAG_IN_USE = "tag_in_use"
    NOT_REGISTERED = "not_registered"


class _Stage(enum.Enum):
    REGISTERED = 0
    STARTING = 1
    ON_THE_WIRE = 2
    FINISHED = 3


class Ticket:
    """One effect's registration. Only the gate writes to it."""

    __slots__ = ("incarnation", "kind", "name", "reduce_only", "stage", "tag")

    def __init__(self, name: str, incarnation: int, tag: str, kind: EffectKind, reduce_only: bool) -> None:
        self.name = name
        self.incarnation = incarnation
        self.tag = tag
        self.kind = kind
        self.reduce_only = reduce_only
        self.stage = _Stage.REGISTERED

    def __repr__(self) -> str:
        return f"<Ticket {self.kind.value} {self.tag} of {self.name}#{self.incarnation}: {self.stage.name.lower()}>"


class Gate:
    """See the module. `level` is where it stands at first: closed to entries until somebody clears it."""

    def __init__(self, runtime: Runtime, level: TradingLevel = TradingLevel.REDUCING, reason: str = "starting") -> None:
        self._runtime = runtime
        self._condition = runtime.condition(runtime.lock())
        self._level = level
        self._reason = reason
        self._allow_exits = True
        self._sealed = False
        self._admitted: dict[str, int] = {}
        self._tickets: list[Ticket] = []

    # -- incarnations ----------------------------------------------------------------------------------------------

    def admit(self, name: str, incarnation: int) -> None:
        """This incarnation is the one whose effects count, and no other of that name."""
        with self._condition:
            self._admitted[name] = incarnation

    def fence(self, name: str, incarnation: int) -> None:
        """Refuse this incarnation from now on. What it has on the wire stays there until it finishes."""
        with self._condition:
            if self._admitted.get(name) == incarnation:
                del self._admitted[name]
            self._tickets = [
                t
                for t in self._tickets
                if not (t.name == name and t.incarnation == incarnation and t.stage is _Stage.REGISTERED)
            ]

    def forget(self, name: str, incarnation: int) -> None:
        """Its strand has ended, so whatever it did not finish is over, unresolved: only the journal knows of it."""
        with self._condition:
            self._tickets = [t for t in self._tickets if not (t.name == name and t.incarnation == incarnation)]
            self._condition.notify_all()

    def current(self, name: str, incarnation: int) -> bool:
        """Whether it is the one whose effects count."""
        with self._condition:
            return self._admitted.get(name) == incarnation

    # -- effects ---------------------------------------------------------------------------------------------------

    def register(self, name: str, incarnation: int, tag: str, kind: EffectKind, *, reduce_only: bool = False) -> Ticket:
        """Announce an effect, before it is claimed. Raises GateRefused.

        reduce_only  the caller has proved that the exit cannot open or turn a position
        """
        ticket = Ticket(name, incarnation, tag, kind, reduce_only)
        with self._condition:
            self._check(ticket)
            if kind in (EffectKind.ENTRY, EffectKind.EXIT) and any(
                t.tag == tag and t.kind in (EffectKind.ENTRY, EffectKind.EXIT) for t in self._tickets
            ):
                raise GateRefused(Refusal.TAG_IN_USE, f"{tag} has a request in progress; one tag, one POST")
            self._tickets.append(ticket)
        return ticket

    @contextmanager
    def start(self, ticket: Ticket) -> Iterator[Callable[[], None]]:
        """Check again, under the lock, and mark the request as starting. Raises GateRefused, once nothing has left.

        Yields the start edge: call it when the request's bytes have left.
        """
        with self._condition:
            if ticket.stage is not _Stage.REGISTERED or ticket not in self._tickets:
                # A fenced incarnation's registrations are gone; say the true reason where that is it.
                self._check(ticket)
                raise GateRefused(Refusal.NOT_REGISTERED, f"{ticket!r} cannot start")
            self._check(ticket)
            ticket.stage = _Stage.STARTING

        def edge() -> None:
            with self._condition:
                if ticket.stage is _Stage.STARTING:
                    ticket.stage = _Stage.ON_THE_WIRE
                    self._condition.notify_all()

        try:
            yield edge
        finally:
            edge()

    def finish(self, ticket: Ticket) -> None:
        """The effect is over, or will not start. Idempotent."""
        with self._condition:
            ticket.stage = _Stage.FINISHED
            self._tickets = [t for t in self._tickets if t is not ticket]
            self._condition.notify_all()

    # -- levels ----------------------------------------------------------------------------------------------------

    @property
    def level(self) -> TradingLevel:
        """Where the gate stands."""
        with self._condition:
            return self._level

    @property
    def reason(self) -> str:
        """Why the gate stands where it stands."""
        with self._condition:
            return self._reason

    def halt(self, reason: str, *, allow_exits: bool = True, timeout_seconds: float = 1.0) -> list[str]:
        """Latch. After it returns no entry can start; returns the tags of effects that are already on the wire.

        Waits for requests that are starting, not for the network. One that has not passed its edge within the
        timeout is returned as well: it may have left, or may yet leave.
        """
        with self._condition:
            self._allow_exits = allow_exits and (self._allow_exits or self._level is not TradingLevel.HALTED)
            if self._level is not TradingLevel.HALTED:
                self._level, self._reason = TradingLevel.HALTED, reason
            self._condition.wait_for(lambda: not self._starting(), timeout_seconds)
            return [
                t.tag
                for t in self._tickets
                if t.kind is not EffectKind.READ and t.stage in (_Stage.STARTING, _Stage.ON_THE_WIRE)
            ]

    def seal(self, reason: str) -> None:
        """Halt for good: nothing in this process opens it again, not even an actor that starts just now.

        Does not wait for what is starting.
        """
        with self._condition:
            self._sealed = True
            self._level, self._reason = TradingLevel.HALTED, reason

    def reduce(self, reason: str) -> None:
        """Tighten to REDUCING. A halted gate stays halted."""
        with self._condition:
            if self._level is TradingLevel.OPEN:
                self._level, self._reason = TradingLevel.REDUCING, reason

    def clear(self, reason: str, level: TradingLevel = TradingLevel.OPEN) -> None:
        """Loosen, or release the latch: the only way to a lower level. Who may do so is the caller's business.

        Without effect on a sealed gate.
        """
        with self._condition:
            if not self._sealed:
                self._level, self._reason, self._allow_exits = level, reason, True

    def _starting(self) -> bool:
        return any(t.stage is _Stage.STARTING and t.kind is not EffectKind.READ for t in self._tickets)

    def _check(self, ticket: Ticket) -> None:
        if self._admitted.get(ticket.name) != ticket.incarnation:
            raise GateRefused(
                Refusal.STALE_INCARNATION, f"{ticket.name}#{ticket.incarnation} is not the live incarnation"
            )
        if self._level is TradingLevel.OPEN or ticket.kind in (EffectKind.CANCEL, EffectKind.READ):
            return
        if ticket.kind is EffectKind.ENTRY or not self._allow_exits:
            word = Refusal.HALTED if self._level is TradingLevel.HALTED else Refusal.REDUCING
            raise GateRefused(word, f"{ticket.kind.value} {ticket.tag}: {self._reason}")
        if not ticket.reduce_only:
            raise GateRefused(Refusal.NOT_REDUCE_ONLY, f"exit {ticket.tag} without proof: {self._reason}")
