"""What happens to children, as facts told to the system's listener.

`name` is a child's or a supervisor's id; `incarnation` counts a child's lives from 1; `at_ns` is monotonic time.
"""

from __future__ import annotations

from msgspec import Struct


class ChildStarted(Struct, frozen=True, tag=True):
    """A new incarnation runs; it may not be ready yet."""

    name: str
    incarnation: int
    at_ns: int


class ChildReady(Struct, frozen=True, tag=True):
    """The child is up: `started` returned, or it said so where its spec wants that."""

    name: str
    incarnation: int
    at_ns: int


class ChildCrashed(Struct, frozen=True, tag=True):
    """The child died of an exception, did not come up in time, or its thread could not start.

    reason     one line: exception type and text
    traceback  the whole text, empty where there is none
    """

    name: str
    incarnation: int
    at_ns: int
    reason: str
    traceback: str


class ChildHung(Struct, frozen=True, tag=True):
    """The child was busy past its deadline (heartbeat, start or shutdown): fenced, its thread abandoned.

    seconds    how long it had been busy at least
    abandoned  threads abandoned and still alive, this one included
    """

    name: str
    incarnation: int
    at_ns: int
    seconds: float
    doing: str
    abandoned: int


class ChildRestarted(Struct, frozen=True, tag=True):
    """A later incarnation is up. restarts: how often this child has been started again."""

    name: str
    incarnation: int
    at_ns: int
    restarts: int


class ChildStopped(Struct, frozen=True, tag=True):
    """The child ended in order: asked to, or by itself. failure: what `stopping` raised, if anything."""

    name: str
    incarnation: int
    at_ns: int
    failure: str | None


class ChildGaveUp(Struct, frozen=True, tag=True):
    """A child (or a whole supervisor) stays down after a failure: its restart policy says so."""

    name: str
    incarnation: int
    at_ns: int
    reason: str


class SupervisorGaveUp(Struct, frozen=True, tag=True):
    """More restarts than `intensity` within the period: the supervisor stops its children and fails upwards."""

    name: str
    at_ns: int
    reason: str


class DeadLetter(Struct, frozen=True, tag=True):
    """Messages that nobody will handle.

    count  new since the last such event of this address
    total  since the start
    kind   type name of the newest one
    """

    name: str
    at_ns: int
    count: int
    total: int
    kind: str


class MailboxHigh(Struct, frozen=True, tag=True):
    """A mailbox reached its capacity (told again at every doubling, and after it has run empty).

    depth    messages waiting when it was noticed
    dropped  data messages discarded for want of room since the start
    """

    name: str
    at_ns: int
    depth: int
    dropped: int


LifecycleEvent = (
    ChildStarted
    | ChildReady
    | ChildCrashed
    | ChildHung
    | ChildRestarted
    | ChildStopped
    | ChildGaveUp
    | SupervisorGaveUp
    | DeadLetter
    | MailboxHigh
)
