"""One supervised actor: starting, watching, fencing and stopping its incarnations. Runs on the engine's strand."""

from __future__ import annotations

from functools import partial

from pykka.messages import _ActorStop

from actors.runtime.bonds import NORMAL, SHUTDOWN
from actors.runtime.cell import Cell, Failure
from actors.runtime.context import Context
from actors.runtime.engine import Engine, Life
from actors.runtime.errors import ActorCrashed
from actors.runtime.events import (
    ChildCrashed,
    ChildHung,
    ChildReady,
    ChildRestarted,
    ChildStarted,
    ChildStopped,
)
from actors.runtime.mailbox import Lane
from actors.runtime.messages import Down, Exit, LinkBroken
from actors.runtime.node import Node, Parent, State
from actors.runtime.seam import Timer
from actors.runtime.specs import ChildSpec, Ready
from actors.runtime.tree import TreeNode

_NS = 1_000_000_000
_LOOKS_PER_HEARTBEAT = 4


class Worker(Node):
    """A child that is an actor."""

    def __init__(self, spec: ChildSpec, parent: Parent, engine: Engine) -> None:
        super().__init__(spec, parent, engine)
        self.spec = spec
        self.hung = 0
        self.cell: Cell = engine.make_cell(spec.id, spec.mailbox)
        engine.mortals[spec.id] = self
        self._life: Life | None = None
        self._timers: list[Timer] = []

    # -- starting --------------------------------------------------------------------------------------------------

    def begin_start(self) -> None:
        """Run the next incarnation on a strand of its own."""
        self.starts += 1
        self.state = State.STARTING
        self.up_since_ns = None
        engine, incarnation = self.engine, self.starts
        context = Context(
            cell=self.cell,
            lease=self.cell.open(incarnation),
            runtime=engine.runtime,
            log=engine.log,
            gate=engine.gate,
            in_flight=self.spec.in_flight,
            find=engine.find,
            on_started=self._tell_started,
            on_ready=self._tell_ready,
            bonds=engine.bonds,
        )
        life = Life(context)
        self._life = life
        engine.track(life)
        engine.gate.admit(self.id, incarnation)
        engine.emit(ChildStarted(self.id, incarnation, engine.now_ns()))
        self._after(self.spec.start_timeout_seconds, partial(self._start_timed_out, life))
        try:
            life.task = engine.runtime.spawn(f"{self.id}#{incarnation}", partial(self._live, life))
        except RuntimeError as error:  # the machine has no thread left to give
            context.failure = Failure.of(error)
            context.end(None)
            engine.post(partial(self._ended, life))

    def _live(self, life: Life) -> None:
        """The whole life of an incarnation, on its own strand."""
        context = life.context
        try:
            actor = self.spec.factory(context)
            actor._actor_loop()  # noqa: SLF001 - Pykka's loop, on our strand; a contract test pins it
        except BaseException as error:  # noqa: BLE001 - whatever the factory raises ends this child alone
            context.failure = Failure.of(error)
        finally:
            context.end(None)
            self.engine.post(partial(self._ended, life))

    def _tell_started(self, incarnation: int) -> None:
        if self.spec.ready is Ready.AUTO:
            self._tell_ready(incarnation)

    def _tell_ready(self, incarnation: int) -> None:
        self.engine.post(partial(self._ready, incarnation))

    def _ready(self, incarnation: int) -> None:
        life = self._life
        if life is None or life.context.incarnation != incarnation or self.state is not State.STARTING:
            return
        self._cancel_timers()
        now = self.engine.now_ns()
        self.engine.emit(ChildReady(self.id, incarnation, now))
        if incarnation > 1:
            self.engine.emit(ChildRestarted(self.id, incarnation, now, self.starts - 1))
        self.came_up()
        # After that: the watch is for a child that is up, and looks no more once it is not.
        if self.spec.heartbeat_seconds is not None:
            self._watch(life, self.spec.heartbeat_seconds, (-1, -1), now)

    def _start_timed_out(self, life: Life) -> None:
        if self._life is life and self.state is State.STARTING:
            self._abandon(life, "start", self.spec.start_timeout_seconds)

    # -- watching --------------------------------------------------------------------------------------------------

    def _watch(self, life: Life, heartbeat: float, seen: tuple[int, int], since_ns: int) -> None:
        """Look whether it still works on the message of the last look. Costs the actor nothing per message."""
        if self._life is not life or self.state is not State.UP:
            return
        lease, now = life.context.lease, self.engine.now_ns()
        mark = (lease.taken, lease.beats)
        if lease.in_flight is None or mark != seen:
            seen, since_ns = mark, now
        elif now - since_ns >= heartbeat * _NS:
            self._abandon(life, "handler", (now - since_ns) / _NS)
            return
        self._cancel_timers()
        self._after(heartbeat / _LOOKS_PER_HEARTBEAT, partial(self._watch, life, heartbeat, seen, since_ns))

    def _abandon(self, life: Life, doing: str, seconds: float) -> None:
        """Fence first, so that nothing late can act; then give up the thread, which nothing in Python can end."""
        engine, incarnation = self.engine, life.context.incarnation
        engine.gate.fence(self.id, incarnation)
        self.hung += 1
        reason = f"{doing} took longer than {seconds:.3g} s"
        life.context.end(ActorCrashed(f"{self.id} hung: {reason}"))
        abandoned = engine.abandon(life)
        engine.emit(ChildHung(self.id, incarnation, engine.now_ns(), seconds, doing, abandoned))
        self._over(Failure(f"hung: {reason}"))
        engine.check_abandoned()

    # -- ending ----------------------------------------------------------------------------------------------------

    def begin_stop(self, *, drain: bool) -> None:
        """Tell the actor to stop, and give it its time."""
        life = self._life
        assert life is not None, f"{self.id} is {self.state.value} without a life"
        self.state = State.STOPPING
        self._cancel_timers()
        seconds = self.engine.stop_seconds(self.spec.shutdown_seconds)
        if drain:
            self._tell_stop(life, Lane.EVENT)
            # A queue too long to drain in time must not cost it its clean-up.
            self._after(seconds / 2, partial(self._tell_stop, life, Lane.CONTROL))
        else:
            self._tell_stop(life, Lane.CONTROL)
        self._after(seconds, partial(self._stop_timed_out, life, seconds))

    def _tell_stop(self, life: Life, lane: Lane) -> None:
        if self._life is life:
            self.cell.put(_ActorStop(), lane, None, None, life=life.context.incarnation)

    def _stop_timed_out(self, life: Life, seconds: float) -> None:
        if self._life is life:
            self._abandon(life, "stop", seconds)

    def _ended(self, life: Life) -> None:
        """Its strand is at its end."""
        self.engine.abandoned.pop(life, None)
        self.engine.gate.forget(self.id, life.context.incarnation)
        if self._life is not life:
            return
        context = life.context
        self.engine.gate.fence(self.id, context.incarnation)
        now = self.engine.now_ns()
        failure = context.failure
        if failure is None and self.state is State.STARTING:
            failure = Failure("ended before it was up")
        if failure is not None and self.state is not State.STOPPING:
            self.engine.emit(ChildCrashed(self.id, context.incarnation, now, failure.reason, failure.traceback))
        else:
            reason = None if failure is None else failure.reason
            self.engine.emit(ChildStopped(self.id, context.incarnation, now, reason))
        self._over(failure)

    def _over(self, failure: Failure | None) -> None:
        assert self._life is not None, f"{self.id} ends without a life"
        ended_in_order = SHUTDOWN if self.state is State.STOPPING else NORMAL
        down = Down(
            self.id,
            self._life.context.incarnation,
            ended_in_order if failure is None else failure.reason,
            failed=failure is not None,
        )
        self._cancel_timers()
        self._life = None
        self.state = State.DOWN
        self.engine.bonds.ended(down)
        self.parent.child_ended(self, failure)

    def retire(self, state: State, reason: str) -> None:
        """Close the cell: it stays down."""
        self.state = state
        self.cell.close(reason)

    # -- bonds (see `bonds.Mortal`) ------------------------------------------------------------------------------------

    @property
    def living(self) -> int | None:
        """Its incarnation; None while it is down."""
        return None if self._life is None else self._life.context.incarnation

    def last_words(self) -> Down:
        """What to say of it while it is down."""
        return Down(self.id, self.starts, self.last_failure or "down", failed=True)

    def notify_down(self, incarnation: int, down: Down) -> None:
        """Tell that incarnation of an end that it watches."""
        self.cell.put(down, Lane.EVENT, None, None, life=incarnation)

    def notify_exit(self, incarnation: int, down: Down) -> None:
        """Let that incarnation feel the end of one that it is linked to."""
        life = self._life
        if life is not None and life.context.trap_exits:
            trapped = Exit(down.name, down.incarnation, down.reason, down.failed)
            self.cell.put(trapped, Lane.EVENT, None, None, life=incarnation)
        elif down.failed:
            self.cell.put(LinkBroken(down.name, down.reason), Lane.CONTROL, None, None, life=incarnation)

    # -- the rest --------------------------------------------------------------------------------------------------

    def picture(self) -> TreeNode:
        """The child, as values."""
        life = self._life
        counts = self.cell.counts(None if life is None else life.context.lease)
        up = self.up_since_ns
        return TreeNode(
            id=self.id,
            kind="child",
            state=self.state.value,
            incarnation=self.starts,
            restarts=max(0, self.starts - 1),
            uptime_seconds=None if up is None or self.state is not State.UP else (self.engine.now_ns() - up) / _NS,
            last_failure=self.last_failure,
            failures=self.failures,
            hung=self.hung,
            abandoned=sum(life.context.name == self.id for life in tuple(self.engine.abandoned)),
            depth=counts.depth,
            depths=counts.depths,
            high_water=counts.high_water,
            oldest_age_seconds=None if counts.oldest_ns is None else counts.oldest_ns / _NS,
            handled=counts.handled,
            conflated=counts.conflated,
            dropped=counts.dropped,
            lost=counts.lost,
            dead_letters=counts.dead,
        )

    def _after(self, seconds: float, step: partial[None]) -> None:
        self._timers.append(self.engine.later(seconds, step))

    def _cancel_timers(self) -> None:
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
