"""Cell and lease: the mailbox outlives the actor.

The cell belongs to a name and owns its mailbox. Each incarnation of the actor gets a lease, which speaks Pykka's
inbox protocol (`put`, `get`, `empty`). A revoked lease reports empty, so that Pykka's teardown cannot drain the
mailbox, and its `get` ends the loop.
"""

from __future__ import annotations

import abc
import traceback
from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Final, cast

import pykka
from msgspec import Struct

from actors.runtime.errors import ActorGone, AskTimeout
from actors.runtime.mailbox import Entry, Item, Lane, Mailbox, MailboxSpec, Place, as_entry
from actors.runtime.messages import Crash, LeaseEnded, Ping
from actors.runtime.seam import Lock, Runtime
from actors.runtime.specs import InFlight

if TYPE_CHECKING:
    from pykka._envelope import Envelope

_LEASE_ENDED: Final = LeaseEnded()
_LOOK_EVERY: Final = 63
"""The reader looks how full the mailbox is at every 64th message: the high-water mark is exact to so many."""


class Failure(Struct, frozen=True):
    """Why an incarnation ended: one line, and the whole traceback (empty where there is none)."""

    reason: str
    traceback: str = ""

    @classmethod
    def of(cls, error: BaseException) -> Failure:
        """The failure that an exception stands for."""
        return cls(
            reason="".join(traceback.format_exception_only(error)).strip().replace("\n", " "),
            traceback="".join(traceback.format_exception(error)),
        )


class Address(abc.ABC):
    """The stable name of a child. It survives restarts, and works before the child is up: messages queue."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    @abc.abstractmethod
    def tell(self, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        """Queue the message and return at once; never raises for what the child does or is.

        With a key it replaces a queued message of the same lane and key, which keeps its place in the queue. A message
        that has a method `after(older)` is queued as what that returns instead.
        """

    @abc.abstractmethod
    def ask(self, message: object, timeout: float, lane: Lane = Lane.EVENT) -> object:
        """Queue the message and wait for the answer.

        Raises AskTimeout after `timeout` monotonic seconds (the message may still be handled later), ActorGone if
        the child is down for good, ActorCrashed if it hung or was ended, or what the handler raised: that failure
        also crashes the actor.
        """

    def __repr__(self) -> str:
        return f"<Address {self.name}>"


class CellCounts(Struct, frozen=True):
    """A mailbox in numbers, since the system was made.

    depths       waiting now: control, events, data; high_water: the most that ever waited (to within 64)
    oldest_ns    how long the oldest has waited; None when empty
    handled      handed to an actor
    conflated    replaced by a newer one of the same key
    dropped      data discarded for want of room
    lost         in flight when an actor died under the DROP policy
    dead         dead letters
    """

    depths: tuple[int, int, int]
    high_water: int
    oldest_ns: int | None
    handled: int
    conflated: int
    dropped: int
    lost: int
    dead: int

    @property
    def depth(self) -> int:
        """Waiting now, in all lanes."""
        return sum(self.depths)


class Lease:
    """The inbox of one incarnation, and the envelope of the message that it handed out last.

    taken      messages taken so far; beats: extensions asked for. The watchdog compares them between two looks
    in_flight  what is being handled; None between messages
    message, reply_to  what Pykka's loop reads from an envelope: one for all messages, since only one is out at a time
    wake       taken at first; whoever wakes the sleeping reader releases it: a semaphore, and the cheapest one there is
    """

    __slots__ = (
        "_cell",
        "_control",
        "_data",
        "_events",
        "_lock",
        "beats",
        "in_flight",
        "incarnation",
        "message",
        "reply_to",
        "revoked",
        "taken",
        "wake",
    )

    def __init__(self, cell: Cell, incarnation: int, lock: Lock, wake: Lock) -> None:
        self._cell = cell
        self._lock = lock
        self._control, self._events, self._data = cell.mailbox.lanes
        self.incarnation = incarnation
        self.taken = 0
        self.beats = 0
        self.in_flight: Item | None = None
        self.revoked = False
        self.message: object = None
        self.reply_to: pykka.Future[object] | None = None
        self.wake = wake
        wake.acquire()

    def put(self, envelope: Envelope[object], /) -> None:
        """Pykka's side door (`Actor.stop()`): queues behind the events, and means this incarnation alone."""
        self._cell.put(envelope.message, Lane.EVENT, None, envelope.reply_to, life=self.incarnation)

    def get(self) -> Envelope[object]:
        """Wait for the next message. What was taken before counts as handled from here on."""
        lock = self._lock
        while True:
            lock.acquire()
            try:
                lane = self._control or self._events or self._data
                # The ways of nearly all messages, in as few steps as can be: each costs every message.
                kind = lane[0].__class__ if lane and not self.revoked else None
                if kind is tuple:
                    self.in_flight = told = lane.popleft()  # type: ignore[assignment] # a tuple, as just seen
                    self.message, self.reply_to = told[0], None  # type: ignore[index] # as above
                    self.taken += 1
                    if not self.taken & _LOOK_EVERY:
                        self._cell.mailbox.look()
                    break
                if kind is Place and self._take_placed(lane.popleft()):  # type: ignore[arg-type] # as just seen
                    break
                if self._cell.take(self):
                    break
            finally:
                lock.release()
            self.wake.acquire()
        # It has what Pykka reads of an envelope; making one for each message would cost more than the lookup.
        return cast("Envelope[object]", self)

    def _take_placed(self, place: Place) -> bool:
        """The newest message of a key; False: there is none for this incarnation."""
        entry = self._cell.mailbox.taken_at(place)
        if entry is None or (entry.life and entry.life != self.incarnation):
            return False
        entry.deliveries = 1
        self.in_flight, self.message, self.reply_to = entry, entry.message, None
        self.taken += 1
        if not self.taken & _LOOK_EVERY:
            self._cell.mailbox.look()
        return True

    def empty(self) -> bool:
        """Whether Pykka's teardown has nothing to throw away; always so once revoked."""
        return self.revoked or self._cell.mailbox.depth == 0


class Cell(Address):
    """The mailbox of one name, and its sending face.

    on_alert  called (on the sender's strand, outside the lock) when there are new dead letters or the mailbox
              is high; must only enqueue

    Plain tells append without a lock, then look whether there is more to do: a reader sleeps, or nobody will ever
    read. The reader takes under the lock, and looks once more after it has said that it will sleep, so one of the two
    always sees the other.
    """

    __slots__ = (
        "_attend",
        "_closed",
        "_dead_told",
        "_free",
        "_handled",
        "_high",
        "_keyed",
        "_lock",
        "_now_ns",
        "_on_alert",
        "_runtime",
        "_sleeper",
        "dead",
        "dead_kind",
        "lost",
        "mailbox",
    )

    def __init__(self, name: str, spec: MailboxSpec, runtime: Runtime, on_alert: Callable[[Cell], None]) -> None:
        super().__init__(name)
        self.mailbox = Mailbox(spec)
        self._free = self.mailbox.free
        self._runtime = runtime
        self._lock = runtime.lock()
        self._keyed = runtime.lock()
        self._now_ns = runtime.monotonic.now_ns
        self._on_alert = on_alert
        self._sleeper: Lease | None = None
        self._closed: str | None = None
        self._attend = False  # there is a sleeper, or it is closed
        self._handled = 0
        self._high = False
        self._dead_told = 0
        self.dead = 0
        self.dead_kind = ""
        self.lost = 0

    # -- sending ---------------------------------------------------------------------------------------------------

    def tell(self, message: object, lane: Lane = Lane.EVENT, key: Hashable = None) -> None:
        """See `Address.tell`."""
        queue = self._free[lane]
        if key is None and queue is not None:
            queue.append((message, self._now_ns(), lane))
            if self._attend or len(queue) >= self.mailbox.alert_at:
                self._follow_up(lane)
        elif key is None:
            self.put(message, lane, key, None)
        else:
            # As `put`, without an entry: what is kept of a keyed message is its place.
            lock = self._keyed
            lock.acquire()
            try:
                high = self.mailbox.put_keyed(lane, key, message, self._now_ns())
            finally:
                lock.release()
            if high or self._attend:
                self._follow_up(lane, high=high)

    def ask(self, message: object, timeout: float, lane: Lane = Lane.EVENT) -> object:
        """See `Address.ask`."""
        future = self._runtime.future()
        self.put(message, lane, None, future)
        try:
            return future.get(timeout=timeout)
        except pykka.Timeout as error:
            raise AskTimeout(f"{self.name} did not answer {type(message).__name__} within {timeout} s") from error

    def put(
        self,
        message: object,
        lane: Lane,
        key: Hashable,
        reply_to: pykka.Future[object] | None,
        life: int = 0,
    ) -> None:
        """Queue one message; `life`: only for that incarnation."""
        entry = Entry(message, reply_to, lane, key, self._now_ns(), life)
        # Keyed messages need order among their tellers only; the reader keeps out of their way by itself.
        lock = self._lock if key is None else self._keyed
        lock.acquire()
        try:
            high = self.mailbox.put(entry)
        finally:
            lock.release()
        if high or self._attend:
            self._follow_up(lane, high=high)

    def _follow_up(self, lane: Lane, *, high: bool = False) -> None:
        """After a put: wake the reader, or find that nobody will read; tell where the lane is high."""
        with self._lock:
            self._wake()
            if self._closed is not None:
                self._bury_all()
            elif high or self.mailbox.noticed(lane):
                self._high = True
            alert = self._high or self.dead != self._dead_told
        if alert:
            self._on_alert(self)

    def _wake(self) -> None:
        sleeper, self._sleeper = self._sleeper, None
        self._attend = self._closed is not None
        if sleeper is not None:
            sleeper.wake.release()

    # -- owning ----------------------------------------------------------------------------------------------------

    def open(self, incarnation: int) -> Lease:
        """A lease for a new incarnation. The one before must have been revoked."""
        lease = Lease(self, incarnation, self._lock, self._runtime.lock())
        with self._lock:
            self._closed = None
            self._attend = False
        return lease

    def take(self, lease: Lease) -> bool:
        """Hand the lease its next message, or its end once it is revoked. False: it is to sleep until woken.

        For the lease, which holds the lock.
        """
        lease.in_flight = None
        while not lease.revoked:
            item = self.mailbox.pop()
            if item is None:
                # From here on tellers wake us; what they told just before, they told without.
                self._sleeper, self._attend = lease, True
                item = self.mailbox.pop()
                if item is None:
                    return False
                self._sleeper, self._attend = None, False
            if isinstance(item, tuple):
                lease.message, lease.reply_to = item[0], None
            elif not item.life or item.life == lease.incarnation:
                item.deliveries += 1
                lease.message, lease.reply_to = item.message, item.reply_to
            else:
                continue  # for an incarnation that is over
            lease.taken += 1
            lease.in_flight = item
            return True
        lease.message, lease.reply_to = _LEASE_ENDED, None
        return True

    def revoke(self, lease: Lease, policy: InFlight | None, error: Exception | None) -> None:
        """End the lease, once. What was in flight follows `policy` (None: it was handled to its end).

        error  what the asker gets if a question was in flight
        """
        with self._lock:
            if lease.revoked:
                return
            lease.revoked = True
            self._handled += lease.taken
            item, lease.in_flight = lease.in_flight, None
            for own in self.mailbox.remove_life(lease.incarnation):
                if own.reply_to is not None:
                    gone = ActorGone(f"{self.name}#{lease.incarnation} is over")
                    own.reply_to.set_exception((ActorGone, gone, None))
            if item is not None and policy is not None:
                self._settle(as_entry(item, deliveries=1), policy, error, lease.incarnation)
            if self._sleeper is lease:
                self._wake()
            alert = self.dead != self._dead_told
        if alert:
            self._on_alert(self)

    def close(self, reason: str) -> None:
        """Nobody will read here any more: questions are answered with ActorGone, the rest are dead letters."""
        with self._lock:
            self._closed = reason
            self._attend = True
            self._bury_all()
            alert = self.dead != self._dead_told
        if alert:
            self._on_alert(self)

    def news(self) -> tuple[int, bool]:
        """Dead letters since the last call, and whether the mailbox went high since then."""
        with self._lock:
            count, self._dead_told = self.dead - self._dead_told, self.dead
            high, self._high = self._high, False
            return count, high

    def counts(self, lease: Lease | None) -> CellCounts:
        """The mailbox in numbers; `lease` is the live one, if any."""
        with self._lock:
            oldest = self.mailbox.oldest_ns()
            live = lease.taken if lease is not None and not lease.revoked else 0
            return CellCounts(
                depths=self.mailbox.depths,
                high_water=self.mailbox.high_water,
                oldest_ns=None if oldest is None else self._now_ns() - oldest,
                handled=self._handled + live,
                conflated=self.mailbox.conflated,
                dropped=self.mailbox.dropped,
                lost=self.lost,
                dead=self.dead,
            )

    def _settle(self, entry: Entry, policy: InFlight, error: Exception | None, incarnation: int) -> None:
        if entry.reply_to is not None:
            failure = error if error is not None else ActorGone(f"{self.name} ended while handling the question")
            entry.reply_to.set_exception((type(failure), failure, failure.__traceback__))
        elif isinstance(entry.message, (Crash, Ping)) or entry.life == incarnation:
            pass  # a drill is not work, and a timer dies with the incarnation that set it
        elif policy is InFlight.DROP:
            self.lost += 1
        elif policy is InFlight.REDELIVER_ONCE and entry.deliveries < 2 and self._closed is None:
            self.mailbox.put_back(entry)
        else:
            self._bury(entry)

    def _bury_all(self) -> None:
        for entry in self.mailbox.clear():
            self._bury(entry)

    def _bury(self, entry: Entry) -> None:
        if entry.reply_to is not None:
            gone = ActorGone(f"{self.name} is down: {self._closed}")
            entry.reply_to.set_exception((ActorGone, gone, None))
        elif not entry.life:  # a timer or a stop of one incarnation is no letter to anybody else
            self.dead += 1
            self.dead_kind = type(entry.message).__name__
