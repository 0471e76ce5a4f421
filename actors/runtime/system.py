"""The whole: a tree of supervised actors, started in order and stopped in reverse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import pykka

from actors.runtime.cell import Address, Failure
from actors.runtime.engine import Engine
from actors.runtime.errors import RuntimeFault, StartFailed, UnknownActor
from actors.runtime.events import LifecycleEvent
from actors.runtime.gate import Gate
from actors.runtime.node import Node, State
from actors.runtime.seam import EventLog, Runtime, Task
from actors.runtime.specs import ChildSpec, SupervisorSpec, every_id
from actors.runtime.supervisor import Supervisor
from actors.runtime.tree import TreeNode

_NS = 1_000_000_000
_GRACE_SECONDS = 1.0


class System:
    """Supervised actors over one runtime.

    listener       told every lifecycle event, on the supervisors' strand: must not wait, may tell
    gate           what outside effects pass; by default a new one, closed to entries until cleared
    on_give_up     called once when the root gives up (the gate is sealed by then, the children are down), or when
                   supervision itself fails
    abandoned_max  hung threads that may be alive at once; one more and the root gives up

    The runtime belongs to the caller, who closes it after the last system on it has stopped.
    """

    def __init__(
        self,
        runtime: Runtime,
        root: SupervisorSpec,
        log: EventLog,
        listener: Callable[[LifecycleEvent], None],
        *,
        gate: Gate | None = None,
        on_give_up: Callable[[str], None] | None = None,
        abandoned_max: int = 8,
    ) -> None:
        twice = sorted(name for name, count in Counter(every_id(root)).items() if count > 1)
        if twice:
            raise ValueError(f"supervision tree: every id must be unique; more than once: {', '.join(twice)}")
        self.gate = gate if gate is not None else Gate(runtime)
        self._runtime = runtime
        self._on_give_up = on_give_up
        self._abandoned_max = abandoned_max
        self._engine = Engine(runtime, log, listener, self.gate, self._panic, self._too_many_abandoned)
        self._root = Supervisor(root, self, self._engine)
        self._task: Task | None = None
        self._up = runtime.future()
        self._stopped = runtime.event()
        self._gave_up: str | None = None

    # -- for everybody ---------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the children one after the other, each when the one before is up.

        Raises StartFailed, naming the child and the reason, after stopping in reverse order what had started.
        """
        if self._task is not None:
            raise RuntimeFault("a system starts once")
        self._task = self._runtime.spawn("supervisor", self._engine.run)
        self._engine.post(self._root.begin_start)
        try:
            self._up.get()
        except StartFailed:
            self._join()
            raise

    def stop(self, timeout_seconds: float = 5.0) -> None:
        """Stop the children in reverse order, each within its shutdown time and all within the timeout.

        What does not stop in time is fenced, abandoned and reported. Idempotent. Not from inside an actor: there,
        use `request_stop`.
        """
        self.request_stop(timeout_seconds)
        if self._task is not None:
            self._stopped.wait(timeout_seconds + _GRACE_SECONDS)
            self._join()

    def request_stop(self, timeout_seconds: float = 5.0) -> None:
        """Begin to stop and return at once."""
        if self._task is None:
            self._stopped.set()
        else:
            self._engine.post(partial(self._begin_stop, timeout_seconds))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the system has stopped or given up; whether it has."""
        return self._stopped.wait(timeout)

    @property
    def gave_up(self) -> str | None:
        """Why the root gave up; None if it has not."""
        return self._gave_up

    def address(self, name: str) -> Address:
        """The address of a child, up or not. Raises UnknownActor."""
        return self._engine.find(name)

    def names(self) -> tuple[str, ...]:
        """The names of all actors in the tree, up or not."""
        return tuple(sorted(self._engine.cells))

    def tree(self) -> TreeNode:
        """The live tree."""
        return self._root.picture()

    def add_child(self, supervisor_id: str, spec: ChildSpec | SupervisorSpec) -> None:
        """Start one more child under a running supervisor and wait until it is up.

        Raises UnknownActor for the supervisor, ValueError for an id in use, StartFailed (the child is then
        forgotten). Not from inside an actor's handler that the child waits for.
        """
        self._call(lambda future: self._add(supervisor_id, spec, future))

    def remove_child(self, child_id: str) -> None:
        """Stop a child (what is queued for it as event first), forget it, and wait for that. Raises UnknownActor."""
        self._call(lambda future: self._remove(child_id, future))

    # -- on the engine's strand --------------------------------------------------------------------------------------

    def child_up(self, child: Node) -> None:
        """The root is up."""
        self._up.set(None)

    def child_ended(self, child: Node, failure: Failure | None) -> None:
        """The root is down."""
        if self._root.start_failure is not None:
            failed = self._root.start_failure
        else:
            failed = StartFailed(self._root.id, "stopped before it was up" if failure is None else failure.reason)
            if failure is not None:
                self._gave_up = failure.reason
        self._root.retire(State.STOPPED if failure is None else State.GAVE_UP, "the system has stopped")
        self._engine.post(partial(self._finish, failed))

    def child_giving_up(self, child: Node, reason: str) -> None:
        """The root gives up: nothing may enter the market while its children are being stopped, or after."""
        self.gate.seal(f"supervision gave up: {reason}")

    def _finish(self, failed: StartFailed) -> None:
        # One step later than the last death, so that its dead letters have been told.
        self._engine.end()
        self._up.set_exception((StartFailed, failed, None))
        self._stopped.set()
        if self._gave_up is not None:
            self._tell_gave_up(self._gave_up)

    def _begin_stop(self, timeout_seconds: float) -> None:
        if self._root.alive and self._root.state is not State.STOPPING:
            self._engine.stop_deadline_ns = self._engine.now_ns() + int(timeout_seconds * _NS)
            self._root.begin_stop(drain=True)

    def _too_many_abandoned(self, count: int) -> None:
        if count > self._abandoned_max and self._root.alive:
            self._root.fail(f"{count} hung threads are alive, more than {self._abandoned_max}: the process must go")

    def _panic(self, failure: Failure) -> None:
        """A mistake in the runtime itself: nothing may trade on without supervision."""
        self.gate.seal(f"supervision failed: {failure.reason}")
        self._gave_up = f"supervision failed: {failure.reason}"
        self._engine.report_panic(failure)
        self._up.set_exception((StartFailed, StartFailed(self._root.id, self._gave_up), None))
        self._stopped.set()
        self._tell_gave_up(self._gave_up)

    def _tell_gave_up(self, reason: str) -> None:
        if self._on_give_up is not None:
            self._on_give_up(reason)

    def _add(self, supervisor_id: str, spec: ChildSpec | SupervisorSpec, future: pykka.Future[object]) -> None:
        supervisor = self._node(supervisor_id)
        if not isinstance(supervisor, Supervisor):
            raise UnknownActor(f"{supervisor_id!r} is a child, not a supervisor")
        if supervisor.state is not State.UP:
            raise StartFailed(spec.id, f"supervisor {supervisor_id} is {supervisor.state.value}")
        used = {node.id for node in self.tree().walk()} & set(every_id(spec))
        if used:
            raise ValueError(f"supervision tree: every id must be unique; in use: {', '.join(sorted(used))}")
        supervisor.spec.check_child(spec)
        child = supervisor.make(spec)
        child.waiter = future
        supervisor.add(child)

    def _remove(self, child_id: str, future: pykka.Future[object]) -> None:
        child = self._node(child_id)
        if not isinstance(child.parent, Supervisor):
            raise UnknownActor(f"{child_id!r} is the root; stop the system instead")
        child.waiter = future
        child.parent.remove(child)

    def _node(self, node_id: str) -> Node:
        nodes: list[Node] = [self._root]
        while nodes:
            node = nodes.pop()
            if node.id == node_id:
                return node
            if isinstance(node, Supervisor):
                nodes.extend(node.children)
        raise UnknownActor(f"no {node_id!r} in the supervision tree")

    # -- helpers ---------------------------------------------------------------------------------------------------

    def _call(self, step: Callable[[pykka.Future[object]], None]) -> None:
        future = self._runtime.future()

        def run() -> None:
            try:
                step(future)
            except (RuntimeFault, ValueError) as error:
                future.set_exception((type(error), error, error.__traceback__))

        if self._task is None or self._stopped.is_set():
            raise RuntimeFault("the system is not running")
        self._engine.post(run)
        while True:
            try:
                future.get(timeout=_GRACE_SECONDS)
            except pykka.Timeout:
                if self._stopped.is_set():  # the engine ended before it came to this step
                    raise RuntimeFault("the system stopped meanwhile") from None
            else:
                return

    def _join(self) -> None:
        """Leave no thread behind but the abandoned: their ends were posted, only the last instructions are left."""
        for life in self._engine.lives:
            if life.task is not None and life not in self._engine.abandoned:
                life.task.join(_GRACE_SECONDS)
        if self._task is not None:
            self._task.join(_GRACE_SECONDS)
