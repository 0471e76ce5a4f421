"""What a worker and a supervisor have in common, as seen from the supervisor above."""

from __future__ import annotations

import abc
import enum
from typing import Protocol

import pykka

from actors.runtime.cell import Failure
from actors.runtime.engine import Engine
from actors.runtime.specs import ChildSpec, SupervisorSpec
from actors.runtime.tree import TreeNode


class State(enum.Enum):
    """Where a child is in its life. WAITING: down, until its backoff is over. GAVE_UP: down for good, of failures."""

    DOWN = "down"
    WAITING = "waiting"
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    STOPPED = "stopped"
    GAVE_UP = "gave_up"


_ALIVE = frozenset({State.STARTING, State.UP, State.STOPPING})


class Parent(Protocol):
    """Who hears of a child's ups and downs, on the engine's strand."""

    def child_up(self, child: Node) -> None:
        """The child is up."""
        ...

    def child_ended(self, child: Node, failure: Failure | None) -> None:
        """The child is down; None: in order."""
        ...

    def child_giving_up(self, child: Node, reason: str) -> None:
        """The child, a supervisor, stops its own children and will then fail."""
        ...


class Node(abc.ABC):
    """A child.

    wanted         it is to be up; False once its restart policy has left it down
    condemned      it is to be stopped first, because its supervisor stops, or restarts it with a sibling
    removing       and then to be forgotten
    waiter         somebody waits for it to be up, or gone
    significant    its end by itself may stop the supervisor above
    failures       in a row, for its backoff; a long enough life starts the count again
    not_before_ns  end of the backoff
    """

    def __init__(self, spec: ChildSpec | SupervisorSpec, parent: Parent, engine: Engine) -> None:
        self.id = spec.id
        self.parent = parent
        self.engine = engine
        self.restart = spec.restart
        self.backoff = spec.backoff
        self.significant = spec.significant
        self.state = State.DOWN
        self.wanted = True
        self.condemned = False
        self.removing = False
        self.waiter: pykka.Future[object] | None = None
        self.ever_up = False
        self.starts = 0
        self.failures = 0
        self.not_before_ns = 0
        self.up_since_ns: int | None = None
        self.last_failure: str | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs, in whatever state."""
        return self.state in _ALIVE

    def came_up(self) -> None:
        """Common book-keeping on readiness."""
        self.state = State.UP
        self.ever_up = True
        self.up_since_ns = self.engine.now_ns()
        self.parent.child_up(self)

    def fresh(self) -> None:
        """Forget what an earlier life of the supervisor above knew."""
        self.wanted, self.condemned, self.ever_up = True, False, False
        self.failures, self.not_before_ns = 0, 0
        self.state = State.DOWN

    @abc.abstractmethod
    def begin_start(self) -> None:
        """Start, without waiting: the parent hears `child_up` or `child_ended`."""

    @abc.abstractmethod
    def begin_stop(self, *, drain: bool) -> None:
        """Stop, without waiting: the parent hears `child_ended`.

        drain  handle what is queued as control and event first; else it stays in the mailbox
        """

    @abc.abstractmethod
    def retire(self, state: State, reason: str) -> None:
        """It stays down: what is told to it from now on is a dead letter."""

    @abc.abstractmethod
    def picture(self) -> TreeNode:
        """For the live tree; from any strand."""
