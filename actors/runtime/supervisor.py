"""A supervisor: keeps its children as its spec wants them. Runs on the engine's strand and never waits.

What happens to children only changes what should be; `reconcile` then brings what is one step closer: stops from the
last to the first, starts from the first to the last.
"""

from __future__ import annotations

from collections import deque
from functools import partial

from actors.runtime.cell import Failure
from actors.runtime.engine import Engine
from actors.runtime.errors import StartFailed
from actors.runtime.events import ChildGaveUp, SupervisorGaveUp
from actors.runtime.node import Node, Parent, State
from actors.runtime.specs import AutoShutdown, ChildSpec, Restart, Strategy, SupervisorSpec
from actors.runtime.tree import TreeNode
from actors.runtime.worker import Worker

_NS = 1_000_000_000


class Supervisor(Node):
    """A child that has children."""

    def __init__(self, spec: SupervisorSpec, parent: Parent, engine: Engine) -> None:
        super().__init__(spec, parent, engine)
        self.spec = spec
        self.children: list[Node] = [self.make(child) for child in spec.children]
        self.start_failure: StartFailed | None = None
        self._failing: Failure | None = None
        self._drain = False
        self._restarts_ns: deque[int] = deque()

    def make(self, spec: ChildSpec | SupervisorSpec) -> Node:
        """The node of a spec, under this supervisor."""
        if isinstance(spec, ChildSpec):
            return Worker(spec, self, self.engine)
        return Supervisor(spec, self, self.engine)

    # -- from above ------------------------------------------------------------------------------------------------

    def begin_start(self) -> None:
        """Start the children afresh, in order."""
        self.starts += 1
        self.state = State.STARTING
        self.up_since_ns = None
        self.start_failure = self._failing = None
        self._restarts_ns.clear()
        for child in self.children:
            child.fresh()
        self.engine.touch(self)

    def begin_stop(self, *, drain: bool) -> None:
        """Stop the children in reverse order."""
        self._leave(None, drain=drain)

    def add(self, child: Node) -> None:
        """Take on one more child."""
        self.children.append(child)
        self.engine.touch(self)

    def remove(self, child: Node) -> None:
        """Stop a child and forget it."""
        child.wanted, child.removing, child.condemned = False, True, True
        self.engine.touch(self)

    def fail(self, reason: str) -> None:
        """Give up: stop all children, then fail upwards."""
        if self.state is not State.STOPPING:
            self.engine.emit(SupervisorGaveUp(self.id, self.engine.now_ns(), reason))
            self.parent.child_giving_up(self, reason)
            self._leave(Failure(reason), drain=False)

    def _leave(self, failure: Failure | None, *, drain: bool) -> None:
        self.state = State.STOPPING
        self._failing = failure
        self._drain = drain
        for child in self.children:
            child.condemned = True
        self.engine.touch(self)

    def retire(self, state: State, reason: str) -> None:
        """Leave the whole branch down."""
        self.state = state
        for child in self.children:
            child.retire(state, reason)

    # -- from below ------------------------------------------------------------------------------------------------

    def child_up(self, child: Node) -> None:
        """See `Parent`."""
        if child.waiter is not None:
            child.waiter.set(None)
            child.waiter = None
        self.engine.touch(self)

    def child_ended(self, child: Node, failure: Failure | None) -> None:
        """Decide what follows from a child's end: nothing, a restart, or giving up."""
        self.engine.touch(self)
        if failure is not None:
            child.last_failure = failure.reason
        if self.state is State.STOPPING or child.condemned:
            return  # it was asked to
        if child.waiter is not None:
            self._never_came_up(child, failure)
        elif self._stays_down(child, failure):
            self._leave_down(child, failure)
            self._shut_down_after(child, failure)
        elif self.state is State.STARTING and not child.ever_up:
            self._start_failed(child, failure)
        else:
            self._restart(child, failure)

    def child_giving_up(self, child: Node, reason: str) -> None:
        """Nothing yet: it will end, with a failure, once its children are down."""

    def _stays_down(self, child: Node, failure: Failure | None) -> bool:
        return child.restart is Restart.TEMPORARY or (child.restart is Restart.TRANSIENT and failure is None)

    def _leave_down(self, child: Node, failure: Failure | None) -> None:
        child.wanted = False
        if failure is None:
            child.retire(State.STOPPED, "ended")
        else:
            child.retire(State.GAVE_UP, failure.reason)
            self.engine.emit(ChildGaveUp(child.id, child.starts, self.engine.now_ns(), failure.reason))

    def _shut_down_after(self, child: Node, failure: Failure | None) -> None:
        """Stop, in order, where the end of this child calls for it."""
        if not child.significant:
            return
        if self.state is State.STARTING and failure is not None:
            self._start_failed(child, failure)  # what cannot even start with it has not started
            return
        others = any(other.significant and other.wanted for other in self.children)
        # A spec with AutoShutdown.NEVER has no significant children: it would have been refused.
        if self.spec.auto_shutdown is AutoShutdown.ANY_SIGNIFICANT or not others:
            self._leave(None, drain=True)

    def _never_came_up(self, child: Node, failure: Failure | None) -> None:
        reason = "ended before it was up" if failure is None else failure.reason
        waiter, child.waiter = child.waiter, None
        assert waiter is not None
        self._forget(child, reason)
        waiter.set_exception((StartFailed, StartFailed(child.id, reason), None))

    def _start_failed(self, child: Node, failure: Failure | None) -> None:
        reason = "ended before it was up" if failure is None else failure.reason
        # The innermost child is the one to name.
        inner = child.start_failure if isinstance(child, Supervisor) else None
        self.start_failure = inner if inner is not None else StartFailed(child.id, reason)
        self._leave(Failure(str(self.start_failure)), drain=False)

    def _restart(self, child: Node, failure: Failure | None) -> None:
        now = self.engine.now_ns()
        if child.up_since_ns is not None and now - child.up_since_ns >= child.backoff.reset_after_seconds * _NS:
            child.failures = 0
        child.failures += 1
        self._restarts_ns.append(now)
        while now - self._restarts_ns[0] > self.spec.period_seconds * _NS:
            self._restarts_ns.popleft()
        if len(self._restarts_ns) > self.spec.intensity:
            why = "it ended" if failure is None else failure.reason
            self.fail(
                f"{child.id} needed restart {len(self._restarts_ns)} within {self.spec.period_seconds:g} s "
                f"(intensity {self.spec.intensity}): {why}"
            )
            return
        delay = child.backoff.delay(child.failures, self.engine.runtime.random)
        child.state = State.WAITING
        child.not_before_ns = now + int(delay * _NS)
        if delay > 0:
            self.engine.later(delay, partial(self.engine.touch, self))
        for sibling in self._goes_with(child):
            if sibling.alive:
                sibling.condemned = True
                sibling.wanted = sibling.restart is not Restart.TEMPORARY

    def _goes_with(self, child: Node) -> list[Node]:
        match self.spec.strategy:
            case Strategy.ONE_FOR_ONE:
                return []
            case Strategy.REST_FOR_ONE:
                return self.children[self.children.index(child) + 1 :]
            case Strategy.ONE_FOR_ALL:
                return [sibling for sibling in self.children if sibling is not child]

    # -- catching up -----------------------------------------------------------------------------------------------

    def reconcile(self) -> None:
        """See `Reconciler`."""
        if self._stops_pending():
            return
        if self.state is State.STOPPING:
            self._down()
        elif self.state in (State.STARTING, State.UP) and self._starts_done() and self.state is State.STARTING:
            self.came_up()

    def _stops_pending(self) -> bool:
        """Stop the condemned, the last first, each when the one after it is down. True while that goes on."""
        one_by_one = self.state is State.STOPPING or self.spec.strategy is not Strategy.ONE_FOR_ONE
        for child in reversed(list(self.children)):
            if not child.condemned:
                continue
            if child.alive:
                if child.state is not State.STOPPING:
                    child.begin_stop(drain=self._drain or child.removing)
                if one_by_one:
                    return True
                continue
            child.condemned = False
            if child.removing:
                self._forget(child, "removed")
                if child.waiter is not None:
                    child.waiter.set(None)
            elif not child.wanted and self.state is not State.STOPPING:
                child.retire(State.STOPPED, "stopped with a sibling")
        return False

    def _starts_done(self) -> bool:
        """Start what is down and due. In order, each when the one before is up, at first and where siblings depend
        on each other; True when all that is wanted is up.
        """
        in_order = self.state is State.STARTING or self.spec.strategy is not Strategy.ONE_FOR_ONE
        done = True
        for child in self.children:
            if child.state is State.UP or not child.wanted:
                continue
            done = False
            if not child.alive and self.engine.now_ns() >= child.not_before_ns:
                child.begin_start()
            if in_order:
                return False
        return done

    def _down(self) -> None:
        self.state = State.DOWN
        self.parent.child_ended(self, self._failing)

    def _forget(self, child: Node, reason: str) -> None:
        self.children.remove(child)
        child.retire(State.STOPPED, reason)
        for name in [node.id for node in child.picture().walk() if node.kind == "child"]:
            self.engine.forget(name)

    def picture(self) -> TreeNode:
        """The branch, as values."""
        up = self.up_since_ns
        return TreeNode(
            id=self.id,
            kind="supervisor",
            state=self.state.value,
            incarnation=self.starts,
            restarts=max(0, self.starts - 1),
            uptime_seconds=None if up is None or self.state is not State.UP else (self.engine.now_ns() - up) / _NS,
            last_failure=self.last_failure,
            failures=self.failures,
            children=tuple(child.picture() for child in tuple(self.children)),
        )
