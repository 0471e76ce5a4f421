"""Faults of our own: handlers that raise, end their thread or hang; starts that fail; kill -9 at any step."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from actors.runtime import Actor, ChildSpec, Context, Lane, SupervisorSpec

if TYPE_CHECKING:
    from actors.runtime.simulation import SimulationRuntime
    from app.chaos.faults import Storm

HANG_SECONDS: Final = (6.0, 27.0, 70.0)
"""Least, usual and longest: beyond some heartbeats and within others, and all of them over before the end."""

INJECTED: Final = "injected"

TELLING: Final = {"journal.committed": 8, "journal.claimed": 30, "broker.pace": 30, "broker.sent": 8, "broker.place": 8}
"""Edges at which much is undecided, and how many times more often faults strike there."""

Handled = Callable[[str, int, object], None]
"""Told before each message: the actor's name, its incarnation, the message."""

Told = Callable[[str, str, object], None]
"""Told of each message that an actor tells: its name, the receiver's, the message."""


class Nudge(Struct, frozen=True, tag=True):
    """A message for nobody: so that an actor without work comes to an edge."""


class InjectedFault(Exception):
    """A defect of the simulation's making."""


class Hazards:
    """One process's. Called at every edge of a port with the edge's name.

    domino        brings other actors down
    kill_at_edge  the process dies at the so-many-th edge from now; None: not so
    kill_at       the process dies at the next edge of this name; empty: not so
    aim           one actor and what strikes it at its next edge: a defect of its own, or `kill`; None: nobody
    hang_seconds  how long a hang lasts; None: drawn
    """

    def __init__(
        self, runtime: SimulationRuntime, storm: Storm, note: Callable[[str], None], domino: Callable[[], None]
    ) -> None:
        self._runtime = runtime
        self._domino = domino
        self._storm = storm
        self._note = note
        self.kill_at_edge: int | None = None
        self.kill_at = ""
        self.aim: tuple[str, str] | None = None
        self.hang_seconds: float | None = None
        self.on_hit: Callable[[], None] = lambda: None

    def __call__(self, edge: str) -> None:
        """See the class."""
        runtime = self._runtime
        runtime.point()
        if self.kill_at_edge is not None:
            self.kill_at_edge -= 1
            if self.kill_at_edge <= 0:
                self.kill_at = edge
        if self.kill_at == edge:
            self._note(f"killed at {edge} in {runtime.running}")
            runtime.die()
        if "#" in runtime.running:  # an actor's strand; the start and the supervisors have no such defects
            self.disturb(edge)

    def disturb(self, edge: str) -> None:
        """Maybe raise, maybe end the thread, maybe hang."""
        storm = self._storm
        if self.aim is not None:
            name, kind = self.aim
            if self._runtime.running.rpartition("#")[0] == name:
                self.aim = None
                self.on_hit()
                self._strike(kind, edge)
        if storm.defects:
            for _ in range(TELLING.get(edge, 1)):
                fault = storm.defect()
                if fault:
                    self._strike(fault, edge)

    def _strike(self, fault: str, edge: str) -> None:
        storm, runtime = self._storm, self._runtime
        if fault == "hang":
            seconds = self.hang_seconds
            if seconds is None:
                seconds = storm.random.triangular(HANG_SECONDS[0], HANG_SECONDS[2], HANG_SECONDS[1])
            self._note(f"hang of {seconds:.1f} s at {edge} in {runtime.running}")
            runtime.sleep(seconds)
            return
        self._note(f"{fault} at {edge} in {runtime.running}")
        if fault == "kill":
            runtime.die()
        self._topple()
        if fault == "crash":
            raise InjectedFault(f"{INJECTED} at {edge}")
        raise (SystemExit if storm.random.random() < 0.5 else KeyboardInterrupt)(f"{INJECTED} at {edge}")

    def _topple(self) -> None:
        if self._storm.strikes("domino"):
            self._runtime.timer(self._storm.random.random() * 0.3, self._domino)

    def fail_start(self, name: str) -> None:
        """Maybe the factory raises."""
        if self._storm.strikes("failed_start"):
            self._note(f"failed start of {name}")
            raise InjectedFault(f"{INJECTED} in the start of {name}")


def endangered(
    spec: SupervisorSpec, hazards: Hazards, handled: Handled, told: Told, made: Callable[[str, Actor], None]
) -> SupervisorSpec:
    """The same tree with every actor under the hazards.

    handled  told before each message that an actor handles
    told     told of each message that an actor tells
    made     told of each actor made
    """
    children = tuple(
        endangered(child, hazards, handled, told, made)
        if isinstance(child, SupervisorSpec)
        else _endangered_child(child, hazards, handled, told, made)
        for child in spec.children
    )
    return msgspec.structs.replace(spec, children=children)


def _endangered_child(
    spec: ChildSpec, hazards: Hazards, handled: Handled, told: Told, made: Callable[[str, Actor], None]
) -> ChildSpec:
    inner = spec.factory

    def factory(context: Context) -> Actor:
        if context.incarnation > 1:
            # The first start is ours to get right; a failed one ends the process, which is another test.
            hazards.fail_start(context.name)
        actor = inner(context)
        _guard_handler(actor, hazards, handled)
        _guard_telling(context, hazards, told)
        made(context.name, actor)
        return actor

    return msgspec.structs.replace(spec, factory=factory)


def _guard_handler(actor: Actor, hazards: Hazards, handled: Handled) -> None:
    receive, context = actor.receive, actor.context

    def guarded(message: object) -> object:
        handled(context.name, context.incarnation, message)
        hazards.disturb("handler")
        answer = None if isinstance(message, Nudge) else receive(message)
        hazards.disturb("handled")
        return answer

    actor.receive = guarded  # type: ignore[method-assign]  # this one instance, on purpose


def _guard_telling(context: Context, hazards: Hazards, told: Told) -> None:
    tell = context.tell

    def guarded(name: str, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        hazards.disturb("tell")
        told(context.name, name, message)
        tell(name, message, lane, key)

    context.tell = guarded  # type: ignore[method-assign]  # this one instance, on purpose
