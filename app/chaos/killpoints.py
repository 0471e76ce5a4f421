"""Kill points: the process dies at the n-th bytecode of an order's way, another takes over, and nothing may be missing.

Each scenario is a faultless world (`scripted`) in which one order goes one way: it fills, is refused, gets lost. The
bytecodes of the order path are counted from the decision on until the order has ended; then the same run again, and
again, each dying at one of them. What is asked of every seed is asked of each: one request and one order per tag, every
execution booked once, the books equal to the exchange's, and trading goes on.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from msgspec import Struct
from msgspec.structs import replace

from actors.routes import ORDERS, RISK
from actors.runtime.simulation import Killed
from adapters.simulated.market import TICK, share
from app.chaos.bytecodes import ORDER_PATH, Meter, Place
from app.chaos.matrix import state_of
from app.chaos.pulse import CrowdingPulse
from app.chaos.scenario import cast_of
from app.chaos.scripted import ScriptedWorld, script_plan
from app.chaos.ways import Act, LimitPulse, Scenario, scenario_named
from app.chaos.world import play
from domain.messages.broker import Change
from domain.messages.control import TradingState
from domain.messages.gtt import (
    ApprovedGtt,
    GttClaimed,
    GttExpired,
    GttIntent,
    GttLeg,
    GttPlaced,
    GttRefused,
    GttRequested,
    GttState,
    GttUnresolved,
)
from domain.messages.journal import JournalRecord, OrderState
from domain.messages.orders import CancelIntent, CancelOpenOrders, ModifyIntent, OrderIntent
from domain.values import RUPEE, SECOND, Product, Side

if TYPE_CHECKING:
    from app.chaos.checker import Violation
    from app.chaos.process import Process

_GTT_STATES: Final = {
    GttRequested: GttState.REQUESTED,
    GttClaimed: GttState.SENDING,
    GttPlaced: GttState.PLACED,
    GttUnresolved: GttState.UNRESOLVED,
    GttRefused: GttState.REFUSED,
    GttExpired: GttState.EXPIRED,
}

STARTS_SECONDS: Final = 6.0
"""Virtual seconds into the run: everything is up, and the strategy trades."""

ENDS_SECONDS: Final = 0.6
"""The order has ended, and its last records are read by everybody."""

RESTS_SECONDS: Final = 3.0
"""An order with a price may rest for ever: so long after a restart a person cancels what does."""

WITHIN_SECONDS: Final = 60.0
"""The whole way takes no longer."""


class Point(Struct, frozen=True):
    """One death. number: which bytecode, from 1; 0: none dies."""

    scenario: str
    number: int


class Outcome(Struct, frozen=True):
    """What became of one. ended: how the order ended, `none` where it was never accepted. trace: of the whole run."""

    point: Point
    place: Place | None
    ended: str
    violations: tuple[Violation, ...]
    trace: str


class Survey(Struct, frozen=True):
    """Every bytecode of a scenario's order path, as they run.

    moments  to each its moment, from 0. Within one nothing that outlives the process has changed: neither disk nor
             exchange, nor anything on its way between, nor the time. Who dies at one bytecode of a moment leaves what
             one leaves who dies at any other. Empty where not asked for.
    """

    places: list[Place]
    moments: list[int]

    def deaths(self) -> list[int]:
        """Of every moment its first bytecode and one other that a seed draws, numbered from 1; in order."""
        members: dict[int, list[int]] = {}
        for number, moment in enumerate(self.moments, start=1):
            members.setdefault(moment, []).append(number)
        random = Random(1)  # noqa: S311 - a sample
        return [each for first, *rest in members.values() for each in (first, *([random.choice(rest)] if rest else []))]


class KillWorld(ScriptedWorld):
    """One scenario, and a death in it or none."""

    def __init__(
        self,
        scenario: Scenario,
        stop_at: int,
        folder: Path,
        *,
        keep: bool = False,
        moments: bool = False,
        verbose: bool = False,
    ) -> None:
        self.scenario = scenario
        moment = self._moment if moments else None
        self.meter = Meter(ORDER_PATH, stop_at, self._die, keep=keep, moment=moment)
        self.tag = ""
        self._awaited = False
        self._over = False
        plan = script_plan(1)
        strategy = LimitPulse(period_seconds=1) if scenario.limit else CrowdingPulse(period_seconds=1)
        instrument = replace(share(1), freeze_quantity=scenario.freeze)
        super().__init__(plan, folder, cast_of(plan, strategy, ((instrument,),)), verbose=verbose)

    def story(self) -> None:
        """See the module."""
        self.kernel.after(STARTS_SECONDS, self._begin)
        self.kernel.after(WITHIN_SECONDS, self._must_be_over)

    def close(self) -> None:
        """See World."""
        self.meter.close()
        super().close()

    def ended(self) -> str:
        """How the order ended, once all is over."""
        journal = self.process.ports.journal
        record = journal.record(self.tag) or journal.gtt(self.tag)
        return "none" if record is None else record.state.name

    def _begin(self) -> None:
        if self.scenario.act is Act.GTT:
            self.script.order(*self.scenario.faults)
            self.meter.phase = "decided"
            self.meter.open(self.process.runtime)
            self.process.do("operator", lambda: self.process.tell(ORDERS, self._gtt()))
        else:
            self._awaited = True

    def _gtt(self) -> ApprovedGtt:
        """As if the gate had approved it: of what stays overnight, which nothing here holds."""
        instrument, now = next(iter(self.cast.instruments.values())), self.clock.now_ns()
        price = 80 * RUPEE
        intent = GttIntent(
            intent_id="s1:gtt",
            strategy="s1",
            token=instrument.token,
            instrument=instrument.key,
            product=Product.CNC,
            legs=(GttLeg(trigger=price, side=Side.SELL, quantity=10, price=price),),
            reference_price=100 * RUPEE,
            valid_until=now + 30 * SECOND,
            event_time=now,
            decided_time=now,
        )
        epoch = int(self.process.ports.journal.flag("risk_epoch") or 0)
        return ApprovedGtt(intent=intent, risk_epoch=epoch, approved_time=now)

    def told(self, name: str, to: str, message: object) -> None:
        """The decision that all is about."""
        wanted = self._awaited and to == RISK and isinstance(message, OrderIntent)
        if wanted and isinstance(message, OrderIntent) and message.reduce_only == self.scenario.exits:
            self._awaited = False
            self.script.order(*self.scenario.faults)
            self.meter.phase = "decided"
            if self.scenario.dies_at:
                self.process.hazards.kill_at = self.scenario.dies_at
            else:
                self.meter.open(self.process.runtime)

    def recorded(self, record: JournalRecord) -> None:
        """The order goes its way."""
        state = _GTT_STATES.get(type(record.event)) if self.scenario.act is Act.GTT else state_of(record)
        if not self.meter.phase or state is None:
            return
        tag = getattr(record.event, "tag", "")
        if not self.tag and not self._over:
            self.tag = tag
        if tag != self.tag:
            return
        if self._over:
            return
        self.meter.phase = state.name
        if state is OrderState.SENDING and self.scenario.act is Act.HALT:
            self.kernel.after(0.0, lambda: self.set_state(TradingState.HALTED))
        if state is OrderState.ACKNOWLEDGED:
            self.kernel.after(0.1, self._act)
        if state in self.scenario.ends_with:
            self._over = True
            self.kernel.after(ENDS_SECONDS, self._end)

    def _act(self) -> None:
        intent = self.checker.intents[self.tag]
        match self.scenario.act:
            case Act.CANCEL:
                self._say(CancelOpenOrders(include_exits=True, why="operator"))
            case Act.WITHDRAW:
                self._say(CancelIntent(strategy=intent.strategy, tag=self.tag, why="no more"))
            case Act.MODIFY:
                now = self.clock.now_ns()
                modify = ModifyIntent(
                    modify_id=f"{intent.intent_id}:1",
                    strategy=intent.strategy,
                    tag=self.tag,
                    change=Change(price=intent.price + TICK),
                    reference_price=intent.reference_price,
                    valid_until=now + 30 * SECOND,
                    event_time=now,
                    decided_time=now,
                )
                self._say(modify)
            case _:
                pass

    def process_is_up(self, process: Process) -> None:
        """The second one's start is over where that is what is measured."""
        super().process_is_up(process)
        if self.scenario.limit and process.number > 1:
            self.kernel.after(RESTS_SECONDS, lambda: self._say(CancelOpenOrders(include_exits=True, why="operator")))
        if self.scenario.dies_at and process.number == 2 and not self._over:
            self._over = True
            self.kernel.after(ENDS_SECONDS, self._end)

    def _begin_process(self) -> Process:
        process = super()._begin_process()
        if self.processes == 2 and self.scenario.dies_at and not self._over:
            self.meter.phase = f"after {self.scenario.dies_at}"
            self.meter.open(process.runtime)
        return process

    def _say(self, message: object) -> None:
        process = self.process
        process.do("operator", lambda: process.routes.publish(process, message))

    def _moment(self) -> Hashable:
        # Conservative: whatever is scheduled or noted, the dead process's own as well, makes another moment.
        return self.kernel.steps, self.kernel.scheduled, self.trace.length, self.disk.content_hash()

    def _die(self) -> None:
        self.trace.note("killed")
        self.trace.say("info", "killed", at=self.meter.stopped_in)
        runtime = self.process.runtime
        self.disk.seize()
        self.meter.close()
        if not self._over:
            self._over = True
            self.kernel.after(ENDS_SECONDS, self._end)
        runtime.die()

    def _end(self) -> None:
        self.meter.close()
        self.calm()

    def _must_be_over(self) -> None:
        if not self._over:
            self.checker.broken("kill point", f"the order's way had no end: {self.meter.phase}")
            self.kernel.stop()


@functools.cache
def warm_up(name: str) -> None:
    """The first run in a process imports and caches what later ones find: its bytecodes are not theirs."""
    _played(scenario_named(name), 0)


def survey(name: str, *, moments: bool = False) -> Survey:
    """One run in which nobody dies. Raises AssertionError where the scenario fails by itself."""
    warm_up(name)
    world, violations, _ = _played(scenario_named(name), 0, keep=True, moments=moments)
    assert not violations, f"{name}, and nobody dies: {violations}"
    return Survey(world.meter.places, world.meter.moments)


def die_at(point: Point, expected: Place | None = None) -> Outcome:
    """Run the scenario, die at that bytecode, recover, judge. expected: where the survey says that it is."""
    warm_up(point.scenario)
    world, violations, trace = _played(scenario_named(point.scenario), point.number)
    place = world.meter.stopped_in
    assert place is not None, f"{point} is never reached: {world.meter.count} bytecodes ran"
    assert expected is None or place == expected, f"{point} was to be at {expected}, and is at {place}"
    return Outcome(point, place, world.ended(), violations, trace)


@contextmanager
def deaths_unheard() -> Iterator[None]:
    """What Python still tries on behalf of the dead, when it takes their frames away, fails and is not reported."""
    former = sys.unraisablehook

    def hook(unraisable: sys.UnraisableHookArgs) -> None:
        if not isinstance(unraisable.exc_value, Killed):
            former(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = former


def sample(places: Sequence[Place], count: int) -> list[int]:
    """So many of them, numbered from 1: every stratum (place and phase) once before any twice; which, a seed draws."""
    by_stratum: dict[Place, list[int]] = {}
    for number, place in enumerate(places, start=1):
        by_stratum.setdefault(place, []).append(number)
    random = Random(1)  # noqa: S311 - a sample
    for numbers in by_stratum.values():
        random.shuffle(numbers)
    strata = list(by_stratum.values())
    random.shuffle(strata)
    chosen: list[int] = []
    depth = 0
    while len(chosen) < min(count, len(places)):
        chosen += [numbers[depth] for numbers in strata if depth < len(numbers)]
        depth += 1
    return sorted(chosen[:count])


def unlike(outcomes: Iterable[Outcome], surveys: Mapping[str, Survey]) -> list[Outcome]:
    """Deaths after which all went another way than after the first one of the same moment."""
    first: dict[tuple[str, int], str] = {}
    wrong: list[Outcome] = []
    for each in outcomes:
        key = each.point.scenario, surveys[each.point.scenario].moments[each.point.number - 1]
        if first.setdefault(key, each.trace) != each.trace:
            wrong.append(each)
    return wrong


def _played(
    scenario: Scenario, stop_at: int, *, keep: bool = False, moments: bool = False
) -> tuple[KillWorld, tuple[Violation, ...], str]:
    worlds: list[KillWorld] = []

    def make(folder: Path) -> KillWorld:
        worlds.append(KillWorld(scenario, stop_at, folder, keep=keep, moments=moments))
        return worlds[0]

    former = sys.gettrace()
    try:
        with deaths_unheard():
            result = play(make)
    finally:
        sys.settrace(former)
    return worlds[0], result.violations, result.trace_hash
