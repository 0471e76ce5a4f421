"""A supervisor against a model of Erlang/OTP's rules: who is restarted, in which life, when it gives up or shuts down.

Any mix of strategy, intensity, restart types, backoffs and significant children; crashes, orderly ends, hangs, failing
starts, children added and removed, and time in between.
"""

from __future__ import annotations

import pykka
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.runtime import (
    Actor,
    AutoShutdown,
    Backoff,
    ChildHung,
    ChildSpec,
    ChildStarted,
    Context,
    Restart,
    Strategy,
    SupervisorSpec,
)
from tests.runtime.machines import DEEP, NORMAL, run_machine
from tests.runtime.stepped import NS, SteppedSystem

PERIOD = 20.0
HEARTBEAT = 4.0


class Child:
    """One child in the model. down_for_good: None, or the state it is left in."""

    def __init__(self, name: str, restart: Restart, significant: bool, wait: float) -> None:
        self.name = name
        self.restart = restart
        self.significant = significant
        self.wait = wait
        self.life = 1
        self.up = True
        self.down_for_good: str | None = None
        self.not_before = 0
        self.failing_starts = 0

    @property
    def wanted(self) -> bool:
        return self.down_for_good is None


class SupervisorMachine(RuleBasedStateMachine):
    """One supervisor under a root that leaves it down; two to four children, more of them as it goes."""

    @initialize(
        data=st.data(),
        strategy=st.sampled_from(list(Strategy)),
        intensity=st.integers(1, 8),
        auto=st.sampled_from(list(AutoShutdown)),
        count=st.integers(2, 4),
    )
    def begin(self, data: st.DataObject, strategy: Strategy, intensity: int, auto: AutoShutdown, count: int) -> None:
        self.strategy, self.intensity, self.auto = strategy, intensity, auto
        self.restarts: list[int] = []
        self.over: str | None = None
        self.made = 0
        self.children: list[Child] = []
        specs = tuple(self._make(data) for _ in range(count))
        group = SupervisorSpec(
            "group", specs, strategy, intensity, PERIOD, restart=Restart.TEMPORARY, auto_shutdown=auto
        )
        self.it = SteppedSystem(SupervisorSpec("root", (group,)), self._fails_to_start)

    # -- what happens ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self._ups())
    @rule(data=st.data(), failing_starts=st.integers(0, 2))
    def crash(self, data: st.DataObject, failing_starts: int) -> None:
        """And its next starts may fail as well."""
        child = data.draw(st.sampled_from(self._ups()))
        self._let_starts_fail(child, failing_starts)
        self.it.crash(child.name)
        self._ended(child, failed=True, now=self.it.runtime.now)
        self._settle(self.it.runtime.now)

    @precondition(lambda self: self._ups())
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        child = data.draw(st.sampled_from(self._ups()))
        self.it.end(child.name)
        self._ended(child, failed=False, now=self.it.runtime.now)
        self._settle(self.it.runtime.now)

    @precondition(lambda self: self._ups() and all(c.up for c in self.children if c.wanted))
    @rule(data=st.data())
    def hang(self, data: st.DataObject) -> None:
        """Within five quarters of its heartbeat it is replaced; its thread ends later.

        Only while nobody waits for a restart: that could stop the hanging child with a sibling, which then takes until
        its shutdown time is over.
        """
        child = data.draw(st.sampled_from(self._ups()))
        known = len(self._hung())
        self.it.hang(child.name)
        for _ in range(24):
            self._pass(HEARTBEAT / 16, hanging=child)
            if len(self._hung()) > known:
                break
        assert len(self._hung()) == known + 1
        self.it.returns()

    @rule(seconds=st.sampled_from([0.4, 1.0, 7.0, PERIOD + 1]))
    def time_passes(self, seconds: float) -> None:
        self._pass(seconds)

    @precondition(lambda self: self.over is None and len(self.children) < 6)
    @rule(data=st.data())
    def add(self, data: st.DataObject) -> None:
        spec = self._make(data)
        self.children[-1].up, self.children[-1].life = False, 0
        self.it.engine.post(lambda: self.it.system._add("group", spec, self.it.runtime.future()))
        self.it.pump()
        self._settle(self.it.runtime.now)

    @precondition(lambda self: self.over is None and len(self.children) > 1)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        child = data.draw(st.sampled_from(self.children))
        done: pykka.Future[object] = self.it.runtime.future()
        self.it.engine.post(lambda: self.it.system._remove(child.name, done))
        self.it.pump()
        assert done.get(timeout=0) is None
        self.children.remove(child)
        self._settle(self.it.runtime.now)

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def children_are_where_the_model_has_them(self) -> None:
        if not hasattr(self, "it"):
            return
        tree = self.it.system.tree()
        group = tree.find("group")
        assert group.state == (self.over or "up"), self._story()
        assert [node.id for node in group.children] == [child.name for child in self.children]
        for node, child in zip(group.children, self.children, strict=True):
            assert node.incarnation == child.life, (child.name, self._story())
            if self.over is not None:
                assert node.state not in ("up", "starting", "stopping"), (child.name, self._story())
            elif child.up:
                assert node.state == "up", (child.name, self._story())
            elif child.down_for_good is not None:
                assert node.state == child.down_for_good, (child.name, self._story())
            else:
                assert node.state in ("waiting", "down"), (child.name, self._story())

    @invariant()
    def only_the_live_incarnation_may_act(self) -> None:
        if hasattr(self, "it"):
            for child in self.children:
                for life in range(1, child.life + 1):
                    allowed = child.up and life == child.life
                    assert self.it.system.gate.current(child.name, life) is allowed, (child.name, life)

    @invariant()
    def the_root_is_not_touched(self) -> None:
        if hasattr(self, "it"):
            assert self.it.gave_up == []
            assert self.it.system.tree().state == "up"

    # -- the model: Erlang/OTP's rules -------------------------------------------------------------------------------

    def _ended(self, child: Child, *, failed: bool, now: int) -> None:
        """A child that was up, or starting, has ended by itself."""
        child.up = False
        if child.restart is Restart.TEMPORARY or (child.restart is Restart.TRANSIENT and not failed):
            child.down_for_good = "gave_up" if failed else "stopped"
            if child.significant and (
                self.auto is AutoShutdown.ANY_SIGNIFICANT
                or not any(other.significant and other.wanted for other in self.children)
            ):
                self._all_down("stopped")
            return
        self.restarts = [at for at in self.restarts if now - at <= PERIOD * NS] + [now]
        if len(self.restarts) > self.intensity:
            self._all_down("gave_up")
            return
        child.not_before = now + int(child.wait * NS)
        for other in self._goes_with(child):
            if other.up:
                other.up = False
                if other.restart is Restart.TEMPORARY:
                    other.down_for_good = "stopped"

    def _goes_with(self, child: Child) -> list[Child]:
        if self.strategy is Strategy.ONE_FOR_ONE:
            return []
        if self.strategy is Strategy.ONE_FOR_ALL:
            return [other for other in self.children if other is not child]
        return self.children[self.children.index(child) + 1 :]

    def _settle(self, now: int) -> None:
        """Start what is down and due: all at once, or in order, where siblings depend on each other."""
        while self.over is None:
            starting = self._startable(now)
            if not starting:
                return
            for child in starting:
                child.life += 1
                child.up = not child.failing_starts
            for child in starting:
                if not child.up and self.over is None:
                    child.failing_starts -= 1
                    self._ended(child, failed=True, now=now)

    def _startable(self, now: int) -> list[Child]:
        waiting = [child for child in self.children if child.wanted and not child.up]
        if self.strategy is Strategy.ONE_FOR_ONE:
            return [child for child in waiting if now >= child.not_before]
        return [child for child in waiting[:1] if now >= child.not_before]

    def _all_down(self, state: str) -> None:
        self.over = state
        for child in self.children:
            child.up = False

    def _pass(self, seconds: float, hanging: Child | None = None) -> None:
        """Time passes; the model learns from the system only when the hanging child was found."""
        end = self.it.runtime.now + int(seconds * NS)
        known = len(self._hung())
        self.it.advance(seconds)
        found = [event.at_ns for event in self._hung()[known:]]
        moments = [(at, True) for at in found]
        while True:
            waits = [c.not_before for c in self.children if c.wanted and not c.up and self.over is None]
            due = [(at, False) for at in waits if at > self._model_now and at <= end]
            if not due and not moments:
                break
            at, is_hang = min([*due, *moments])
            self._model_now = at
            if is_hang:
                moments.remove((at, True))
                assert hanging is not None
                self._ended(hanging, failed=True, now=at)
            self._settle(at)
        self._model_now = end
        self._settle(end)

    # -- helpers -----------------------------------------------------------------------------------------------------

    _model_now = 0

    def _make(self, data: st.DataObject) -> ChildSpec:
        restart = data.draw(st.sampled_from(list(Restart)))
        significant = (
            self.auto is not AutoShutdown.NEVER and restart is not Restart.PERMANENT and data.draw(st.booleans())
        )
        wait = data.draw(st.sampled_from([0.0, 0.0, 1.5]))
        self.made += 1
        child = Child(f"c{self.made}", restart, significant, wait)
        self.children.append(child)
        return ChildSpec(
            child.name,
            _never_made,
            restart=restart,
            backoff=Backoff(min_seconds=wait, max_seconds=wait, jitter=0),
            heartbeat_seconds=HEARTBEAT,
            significant=significant,
        )

    def _let_starts_fail(self, child: Child, count: int) -> None:
        child.failing_starts = count
        self._failing = {**self._failing, child.name: count}

    _failing: dict[str, int] = {}  # noqa: RUF012 - replaced, never changed in place before

    def _fails_to_start(self, name: str) -> bool:
        left = self._failing.get(name, 0)
        if left:
            self._failing[name] = left - 1
        return left > 0

    def _ups(self) -> list[Child]:
        return [child for child in self.children if child.up]

    def _hung(self) -> list[ChildHung]:
        return [event for event in self.it.events if isinstance(event, ChildHung)]

    def _story(self) -> list[str]:
        return [f"{type(e).__name__} {e.name}" for e in self.it.events if not isinstance(e, ChildStarted)][-12:]


def _never_made(_: Context) -> Actor:
    raise AssertionError("lives are acted out")


def test_the_supervisor_does_what_its_model_does() -> None:
    run_machine(SupervisorMachine, *NORMAL)


@pytest.mark.long("statemachines-deep")
def test_the_supervisor_does_what_its_model_does_deep() -> None:
    run_machine(SupervisorMachine, *DEEP)
