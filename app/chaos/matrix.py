"""The crash matrix: every actor, struck at the moment an order comes to each state: how long until all is well again?

One fault in an otherwise faultless world (`scripted`): the actor's code raises, hangs, or takes the process with it, at
its first edge after the order's state was made durable. Everything that `recovery` and `verdict` ask is asked of each
run too, and strategies that the fault does not concern must tell the very same bytes at the very same moments as
without it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Struct

from actors.routes import ALERTS, HISTORY, PORTFOLIO, REPORTER, SESSION, TIMETABLE, strategy_name
from actors.runtime import ChildReady, ChildSpec, Lane, LifecycleEvent, SupervisorSpec
from adapters.simulated.market import share
from app.chaos.hazards import Nudge
from app.chaos.recovery import Recovery
from app.chaos.scenario import cast_of
from app.chaos.scripted import ScriptedWorld, script_plan
from app.chaos.world import play
from domain.messages.journal import (
    IntentAccepted,
    IntentExpired,
    JournalRecord,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRejected,
    OrderState,
    SendingClaimed,
)
from domain.orders.transitions import strategy_of
from domain.values import SECOND

if TYPE_CHECKING:
    from app.chaos.checker import Violation
    from app.chaos.process import Process

KINDS: Final = ("crash", "hang", "kill")

SEEDS: Final = (1, 2, 3)

ACTS_AT_SECONDS: Final = 9.0
"""When everybody trades."""

REACHED_WITHIN_SECONDS: Final = 60.0
"""Any order comes to the state by then, and the actor to an edge: else the story would never end."""

AFTERWARDS_SECONDS: Final = 30.0
"""At least so long after the fault the day goes on before it is squared off: what is told until then is compared."""

WATCHED_HANG_SECONDS: Final = 150.0
UNWATCHED_HANG_SECONDS: Final = 20.0
"""Longer than every heartbeat; where there is none, a hang that ends by itself."""

_LOTS: Final = tuple((share(number),) for number in (1, 2, 3))
"""Each strategy has an instrument of its own: what one does is no other's business."""

_BRINGS: Final = {
    OrderState.EXPIRED: "unreachable",
    OrderState.QUARANTINED: "late_order",
    OrderState.REJECTED: "late_rejection",
    OrderState.CANCELLED: "unfilled",
}
"""What has to go wrong at the broker's for an order to come to that state."""

_SPARES_ALL: Final = frozenset({SESSION, PORTFOLIO, REPORTER, ALERTS, TIMETABLE, HISTORY})
"""What these do, strategies neither see nor wait for."""


class Blow(Struct, frozen=True):
    """One fault. actor: empty for the run without any."""

    state: OrderState
    seed: int
    actor: str = ""
    kind: str = ""


class Struck(Struct, frozen=True):
    """What came of it. Virtual seconds from the blow on.

    up     until the actor was up again (after a kill: the process)
    back   until everything was: prices flow, trading is active, and what can be known of every order is known
    spared strategies that the fault does not concern; changed: those of them that told something else than without it
    """

    blow: Blow
    up: float
    back: float
    spared: tuple[str, ...]
    changed: tuple[str, ...]
    violations: tuple[Violation, ...]


Output = list[tuple[int, bytes]]
"""What a strategy told: virtual nanosecond, receiver and message."""


def state_of(record: JournalRecord) -> OrderState | None:
    """The state that the record brings its order to, if it does."""
    match record.event:
        case IntentAccepted():
            return OrderState.INTENT
        case SendingClaimed():
            return OrderState.SENDING
        case OrderAcknowledged():
            return OrderState.ACKNOWLEDGED
        case OrderQuarantined():
            return OrderState.QUARANTINED
        case OrderRejected():
            return OrderState.REJECTED
        case IntentExpired(tag=tag) if tag:
            return OrderState.EXPIRED
        case OrderClosed(state=state):
            return state
        case _:
            return None


def spared_by(blow: Blow, strategies: tuple[str, ...], owner: str) -> tuple[str, ...]:
    """The strategies that must not notice.

    owner  whose order came to the state. Where that is in doubt it waits for the one worker that reads the broker's
           books, so what others make it read, or do not, comes into its time
    """
    if blow.kind == "kill":
        return ()
    if blow.actor in _SPARES_ALL:
        return strategies
    if blow.actor.startswith("strategy."):
        waits = owner if blow.state is OrderState.QUARANTINED else ""
        return tuple(name for name in strategies if name not in (blow.actor, waits))
    return ()


class MatrixWorld(ScriptedWorld):
    """One blow, or none.

    outputs  by the strategy's actor
    owner    the strategy, as an actor, whose order came to the state
    actors   the names of all actors; and of those, the ones whose hangs are noticed
    """

    def __init__(self, blow: Blow, folder: Path, *, verbose: bool = False) -> None:
        self.blow = blow
        self.outputs: dict[str, Output] = {}
        self.actors: list[str] = []
        self._watched: set[str] = set()
        self.owner = ""
        self._began_at = 0
        self.hit_at = self.up_at = self.back_at = 0
        self._is_aimed = False
        plan = script_plan(blow.seed)
        super().__init__(plan, folder, cast_of(plan, None, _LOTS), verbose=verbose)
        self._know(self.process.tree)

    def story(self) -> None:
        """See the module."""
        self.kernel.after(ACTS_AT_SECONDS, self._act)

    def _act(self) -> None:
        self._began_at = self.kernel.now
        fault = _BRINGS.get(self.blow.state)
        if fault is not None:
            self.script.order(fault)
        self.kernel.after(REACHED_WITHIN_SECONDS, self._must_be_hit)

    def _must_be_hit(self) -> None:
        if not self.hit_at:
            self.checker.broken("matrix", f"no order came to {self.blow.state.name}, or {self.blow.actor} to an edge")
            self.kernel.stop()

    def recorded(self, record: JournalRecord) -> None:
        """The first order that comes to the state brings the blow."""
        if self._is_aimed or not self._began_at or state_of(record) is not self.blow.state:
            return
        self._is_aimed = True
        self.owner = strategy_name(strategy_of(record.event))
        if not self.blow.actor:
            self._hit()
            self.kernel.after(AFTERWARDS_SECONDS, self.calm)
            return
        hazards = self.process.hazards
        watched = self.blow.actor in self._watched
        hazards.hang_seconds = WATCHED_HANG_SECONDS if watched else UNWATCHED_HANG_SECONDS
        hazards.aim, hazards.on_hit = (self.blow.actor, self.blow.kind), self._hit
        # Not from here: the one who wrote it holds the journal.
        self.kernel.after(0.0, lambda: self.process.do("nudge", self._nudge))
        if self.blow.kind == "hang" and not watched:
            self.kernel.after(UNWATCHED_HANG_SECONDS, self._up)

    def _nudge(self) -> None:
        self.process.tell(self.blow.actor, Nudge(), Lane.CONTROL)

    def _hit(self) -> None:
        self.hit_at = self.kernel.now

    def lifecycle(self, event: LifecycleEvent) -> None:
        """An actor that is up again."""
        super().lifecycle(event)
        if isinstance(event, ChildReady) and event.name == self.blow.actor and self.blow.kind != "kill":
            self._up()

    def process_is_up(self, process: Process) -> None:
        """A process that is up again."""
        super().process_is_up(process)
        if self.blow.kind == "kill":
            self._up()

    def _up(self) -> None:
        if not self.hit_at or self.up_at:
            return
        self.up_at = self.kernel.now
        self.kernel.after(0.0, lambda: Recovery(self).watch(0.1, self._back))

    def _back(self, _process: Process) -> None:
        self.back_at = self.kernel.now
        self.kernel.at(max(self.kernel.now, self.hit_at + int(AFTERWARDS_SECONDS * SECOND)), self.calm)

    def told(self, name: str, to: str, message: object) -> None:
        """Strategies' words are kept."""
        if name.startswith("strategy."):
            content = f"{to} {type(message).__name__} ".encode() + msgspec.msgpack.encode(message)
            self.outputs.setdefault(name, []).append((self.kernel.now, content))

    def until(self, moment: int) -> dict[str, Output]:
        """What each strategy told up to then."""
        return {name: [each for each in told if each[0] <= moment] for name, told in self.outputs.items()}

    def _know(self, spec: SupervisorSpec) -> None:
        for child in spec.children:
            if isinstance(child, ChildSpec):
                self.actors.append(child.id)
                if child.heartbeat_seconds is not None:
                    self._watched.add(child.id)
            else:
                self._know(child)


def strike(blow: Blow, without: dict[str, Output]) -> Struck:
    """One blow. without: what the strategies told in the run without it."""
    world, violations = _played(blow)
    moment = world.hit_at + int(AFTERWARDS_SECONDS * SECOND)
    told = world.until(moment)
    spared = spared_by(blow, tuple(sorted(without)), world.owner)
    expected = {name: [each for each in without[name] if each[0] <= moment] for name in spared}
    return Struck(
        blow=blow,
        up=(world.up_at - world.hit_at) / SECOND,
        back=(world.back_at - world.hit_at) / SECOND,
        spared=spared,
        changed=tuple(name for name in spared if told.get(name) != expected[name]),
        violations=violations,
    )


def strike_all(
    state: OrderState, seed: int, names: tuple[str, ...] = (), kinds: tuple[str, ...] = KINDS
) -> list[Struck]:
    """Every actor (or these), every kind, at one state. Raises AssertionError where even the faultless run fails."""
    world, violations = _played(Blow(state, seed))
    assert not violations, f"{state.name}, seed {seed}, without any fault: {violations}"
    return [strike(Blow(state, seed, name, kind), world.outputs) for name in names or world.actors for kind in kinds]


def _played(blow: Blow) -> tuple[MatrixWorld, tuple[Violation, ...]]:
    worlds: list[MatrixWorld] = []

    def make(folder: Path) -> MatrixWorld:
        worlds.append(MatrixWorld(blow, folder))
        return worlds[0]

    violations = play(make).violations
    return worlds[0], violations
