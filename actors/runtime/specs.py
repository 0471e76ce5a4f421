"""What is to be supervised, and how: plain values. Names and meanings are Erlang/OTP's where it has them."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from msgspec import Struct

from actors.runtime.mailbox import MailboxSpec

if TYPE_CHECKING:
    from random import Random

    from actors.runtime.actor import Actor
    from actors.runtime.context import Context


class Restart(enum.Enum):
    """When a child that ended by itself is started again.

    PERMANENT  always; TRANSIENT  after a failure only; TEMPORARY  never
    """

    PERMANENT = "permanent"
    TRANSIENT = "transient"
    TEMPORARY = "temporary"


class Strategy(enum.Enum):
    """Who is restarted with a child that failed: itself; those started after it as well; all."""

    ONE_FOR_ONE = "one_for_one"
    REST_FOR_ONE = "rest_for_one"
    ONE_FOR_ALL = "one_for_all"


class AutoShutdown(enum.Enum):
    """When a supervisor stops, in order, because of its significant children.

    NEVER            significant children are not allowed
    ANY_SIGNIFICANT  when one of them ended by itself
    ALL_SIGNIFICANT  when the last of them ended by itself

    Ended by itself: a transient one in order, a temporary one in whatever way. Being stopped with a sibling or removed
    does not count.
    """

    NEVER = "never"
    ANY_SIGNIFICANT = "any_significant"
    ALL_SIGNIFICANT = "all_significant"


class InFlight(enum.Enum):
    """What becomes of the message that was being handled when the actor died. A question is always answered with
    the failure instead and never handled again.

    DROP            gone, counted
    REDELIVER_ONCE  first in its lane for the next incarnation; if that dies of it too, a dead letter
    DEAD_LETTER     a dead letter at once
    """

    DROP = "drop"
    REDELIVER_ONCE = "redeliver_once"
    DEAD_LETTER = "dead_letter"


class Ready(enum.Enum):
    """When a child counts as up: after `started` returned, or when it calls `context.ready()`."""

    AUTO = "auto"
    EXPLICIT = "explicit"


class Backoff(Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait before a restart: min, then doubling up to max, less a random share.

    min_seconds          before the first restart; 0: always at once
    max_seconds          the longest wait
    jitter               0..1: the share of the wait that randomness may take off
    reset_after_seconds  a child that was up for so long counts as healthy: its next failure is a first one
    """

    min_seconds: float = 0.0
    max_seconds: float = 30.0
    jitter: float = 0.2
    reset_after_seconds: float = 60.0

    def __post_init__(self) -> None:
        if not 0 <= self.min_seconds <= self.max_seconds:
            raise ValueError(
                f"backoff: want 0 <= min_seconds <= max_seconds, got {self.min_seconds} and {self.max_seconds}"
            )
        if not 0 <= self.jitter <= 1:
            raise ValueError(f"backoff: want jitter within 0..1, got {self.jitter}")

    def delay(self, failures: int, random: Random) -> float:
        """Seconds to wait after so many failures in a row (the first is 1)."""
        # 2**60 of any wait is past every bound; a higher power would only overflow.
        longest = min(self.max_seconds, self.min_seconds * 2.0 ** min(failures - 1, 60))
        return longest * (1 - self.jitter * random.random())


class ChildSpec(Struct, frozen=True):
    """One actor to be kept alive.

    id                     its name and address, unique in the whole tree
    factory                makes a fresh actor, on the actor's own strand; may raise (then the start failed)
    shutdown_seconds       how long an orderly stop may take, what is queued included, before it is abandoned
    heartbeat_seconds      longest time one message may take (`context.beat()` extends it); None: not watched
    start_timeout_seconds  from its start until it is up
    significant            its end may stop its supervisor: see AutoShutdown; not for permanent children
    """

    id: str
    factory: Callable[[Context], Actor]
    restart: Restart = Restart.PERMANENT
    shutdown_seconds: float = 2.0
    backoff: Backoff = Backoff()
    heartbeat_seconds: float | None = None
    in_flight: InFlight = InFlight.DROP
    mailbox: MailboxSpec = MailboxSpec()
    start_timeout_seconds: float = 10.0
    ready: Ready = Ready.AUTO
    significant: bool = False

    def __post_init__(self) -> None:
        for field in ("shutdown_seconds", "start_timeout_seconds", "heartbeat_seconds"):
            value = getattr(self, field)
            if value is not None and value <= 0:
                raise ValueError(f"child {self.id!r}: want {field} above 0, got {value}")


class SupervisorSpec(Struct, frozen=True):
    """A supervisor and its children, in starting order.

    intensity       more restarts than this within period_seconds: it stops all its children and fails upwards
    restart         what its own supervisor does then; TEMPORARY leaves it down, frozen alone
    backoff         before its own supervisor starts it again
    auto_shutdown   whether it stops when significant children have ended
    significant     as a ChildSpec's, for the supervisor above
    """

    id: str
    children: tuple[ChildSpec | SupervisorSpec, ...] = ()
    strategy: Strategy = Strategy.ONE_FOR_ONE
    intensity: int = 5
    period_seconds: float = 30.0
    restart: Restart = Restart.PERMANENT
    backoff: Backoff = Backoff()
    auto_shutdown: AutoShutdown = AutoShutdown.NEVER
    significant: bool = False

    def __post_init__(self) -> None:
        for child in self.children:
            self.check_child(child)
        if self.intensity < 0 or self.period_seconds <= 0:
            raise ValueError(
                f"supervisor {self.id!r}: want intensity >= 0 and period_seconds above 0, "
                f"got {self.intensity} and {self.period_seconds}"
            )

    def check_child(self, child: ChildSpec | SupervisorSpec) -> None:
        """Raises ValueError for a significant child where none is allowed."""
        if not child.significant:
            return
        if child.restart is Restart.PERMANENT:
            raise ValueError(f"child {child.id!r}: a permanent child cannot be significant: it never stays down")
        if self.auto_shutdown is AutoShutdown.NEVER:
            raise ValueError(
                f"child {child.id!r}: significant, but supervisor {self.id!r} has auto_shutdown never; "
                f"want any_significant or all_significant"
            )


def every_id(spec: ChildSpec | SupervisorSpec) -> Iterator[str]:
    """All ids of the tree, itself first."""
    yield spec.id
    if isinstance(spec, SupervisorSpec):
        for child in spec.children:
            yield from every_id(child)
