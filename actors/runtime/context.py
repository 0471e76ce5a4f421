"""What an actor knows of the world: its name, its incarnation, and whom it may talk to."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from actors.runtime.bonds import Bonding
from actors.runtime.cell import Address, Cell, Failure, Lease
from actors.runtime.errors import UnknownActor
from actors.runtime.gate import Gate
from actors.runtime.mailbox import Lane
from actors.runtime.seam import EventLog, Runtime, Timer
from actors.runtime.specs import InFlight

_NS = 1_000_000_000


class Context:
    """Handed to an actor's constructor; valid for one incarnation.

    me           the actor's own address
    incarnation  1 for the first life
    log          bound to the actor's name and incarnation
    gate         every outside effect passes it: `gate.register(context.name, context.incarnation, ...)`
    trap_exits   set it to be told `Exit` by the links' ends instead of dying with them
    """

    def __init__(
        self,
        *,
        cell: Cell,
        lease: Lease,
        runtime: Runtime,
        log: EventLog,
        gate: Gate,
        in_flight: InFlight,
        find: Callable[[str], Address],
        on_started: Callable[[int], None],
        on_ready: Callable[[int], None],
        bonds: Bonding,
    ) -> None:
        self.name = cell.name
        self.incarnation = lease.incarnation
        self.me: Address = cell
        self.runtime = runtime
        self.gate = gate
        self.failure: Failure | None = None
        self.trap_exits = False
        self._cell = cell
        self._lease = lease
        self._log = log
        self._in_flight = in_flight
        self._find = find
        self._on_started = on_started
        self._on_ready = on_ready
        self._bonds = bonds
        self._life = (self.name, self.incarnation)
        self._timers_lock = runtime.lock()
        # In the order they were set: a simulation replays only what does not hang on addresses.
        self._timers: dict[ActorTimer, None] | None = {}
        self._at_end: list[Callable[[], None]] | None = []

    def log(self, level: str, event: str, /, **keys: object) -> None:
        """Log one event with this actor's name and incarnation among its keys."""
        self._log(level, event, actor=self.name, incarnation=self.incarnation, **keys)

    # -- talking ---------------------------------------------------------------------------------------------------

    def address(self, name: str) -> Address:
        """The address of any child in the tree. Raises UnknownActor."""
        return self._find(name)

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        """Tell a child by name. Raises UnknownActor."""
        self._find(name).tell(message, lane, key)

    def whereis(self, name: str) -> Address | None:
        """The address of that name if there is one in the tree, up or not."""
        try:
            return self._find(name)
        except UnknownActor:
            return None

    # -- bonds: each lasts as long as this incarnation and the other's -------------------------------------------------

    def watch(self, name: str) -> None:
        """Be told `Down` once, when the current life of that child ends; at once if it is down or unknown.

        The answer comes as a message in the event lane. To watch its next life as well, ask again.
        """
        self._bonds.watch(self._life, name)

    def unwatch(self, name: str) -> None:
        """Want it no longer. A `Down` that is in the mailbox already is still delivered."""
        self._bonds.unwatch(self._life, name)

    def link(self, name: str) -> None:
        """Die when the current life of that child fails, and let it die when this one fails; at once if it is down.

        It comes when the message in hand is finished. With `trap_exits` an actor is told `Exit` instead.
        """
        self._bonds.link(self._life, name)

    def unlink(self, name: str) -> None:
        """Undo all links with that child."""
        self._bonds.unlink(self._life, name)

    # -- living ----------------------------------------------------------------------------------------------------

    def ready(self) -> None:
        """Tell the supervisor that this child is up (for specs with Ready.EXPLICIT; otherwise without effect)."""
        self._on_ready(self.incarnation)

    def beat(self) -> None:
        """Extend the heartbeat deadline of the message being handled: call it from inside a long handler."""
        self._lease.beats += 1

    def at_end(self, release: Callable[[], None]) -> None:
        """Call this once when the incarnation is over, however it ends; at once where it is over already.

        It gives back what no journal and no garbage collector does (a process, say). It may run on another strand
        than the actor's: one that hangs is given up from outside. It must not wait, and must not raise.
        """
        with self._timers_lock:
            if self._at_end is not None:
                self._at_end.append(release)
                return
        release()

    # -- time ------------------------------------------------------------------------------------------------------

    def after(self, seconds: float, message: object, lane: Lane = Lane.EVENT) -> Timer:
        """Put the message into the own mailbox once, after so many monotonic seconds."""
        return self._arm(seconds, None, message, lane)

    def every(self, seconds: float, message: object, lane: Lane = Lane.EVENT) -> Timer:
        """Put the message into the own mailbox every so many monotonic seconds, first after that time.

        At most one waits in the mailbox, and beats that were missed are skipped: a slow actor is not flooded.
        """
        if seconds <= 0:
            raise ValueError(f"every: want seconds above 0, got {seconds}")
        return self._arm(seconds, seconds, message, lane)

    def _arm(self, seconds: float, period: float | None, message: object, lane: Lane) -> Timer:
        timer = ActorTimer(self, seconds, period, message, lane)
        with self._timers_lock:
            if self._timers is None:
                return timer  # the incarnation is over: the timer never fires
            self._timers[timer] = None
        timer.arm()
        return timer

    # -- for the runtime alone ---------------------------------------------------------------------------------------

    @property
    def lease(self) -> Lease:
        """This incarnation's inbox (Pykka's loop reads it)."""
        return self._lease

    def started(self) -> None:
        """Local set-up is done (told by the base class)."""
        self._on_started(self.incarnation)

    def end(self, error: Exception | None) -> None:
        """The incarnation is over: its timers are dead and its lease is revoked. Idempotent.

        error  what ended it; the message in flight then follows the child's policy. None: an orderly end
        """
        with self._timers_lock:
            timers, self._timers = self._timers, None
            releases, self._at_end = self._at_end, None
        for timer in timers or ():
            timer.cancel()
        self._cell.revoke(self._lease, None if error is None else self._in_flight, error)
        # After the lease: what still comes of it has no mailbox to come from.
        for release in releases or ():
            release()

    def deliver(self, timer: ActorTimer, key: Hashable) -> None:
        """A timer is due."""
        if not self._lease.revoked:
            self._cell.put(timer.message, timer.lane, key, None, life=self.incarnation)

    def forget(self, timer: ActorTimer) -> None:
        """The timer is over."""
        with self._timers_lock:
            if self._timers is not None:
                self._timers.pop(timer, None)


class ActorTimer:
    """A timer of one incarnation."""

    __slots__ = ("_cancelled", "_context", "_due_ns", "_inner", "_period", "lane", "message")

    def __init__(self, context: Context, seconds: float, period: float | None, message: object, lane: Lane) -> None:
        self._context = context
        self._due_ns = context.runtime.monotonic.now_ns() + int(seconds * _NS)
        self._period = period
        self._cancelled = False
        self._inner: Timer | None = None
        self.message = message
        self.lane = lane

    def arm(self) -> None:
        """Set the runtime's timer for the next beat."""
        wait_ns = self._due_ns - self._context.runtime.monotonic.now_ns()
        self._inner = self._context.runtime.timer(max(0.0, wait_ns / _NS), self._fire)

    def cancel(self) -> None:
        """Never fire again. A beat that is already in the mailbox is still delivered."""
        self._cancelled = True
        self._context.forget(self)
        if self._inner is not None:
            self._inner.cancel()

    def _fire(self) -> None:
        if self._cancelled:
            return
        if self._period is None:
            self._context.forget(self)
            self._context.deliver(self, None)
            return
        self._context.deliver(self, self)
        # Fixed rate on the grid of the first beat, so that periods do not drift; missed ones are skipped.
        period_ns = int(self._period * _NS)
        late_ns = self._context.runtime.monotonic.now_ns() - self._due_ns
        self._due_ns += period_ns * (1 + max(0, late_ns) // max(1, period_ns))
        self.arm()
