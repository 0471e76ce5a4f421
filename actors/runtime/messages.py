"""Messages that every actor understands, handled by the base class and told on the control lane."""

from __future__ import annotations

from msgspec import Struct


class Crash(Struct, frozen=True, tag=True):
    """A drill: raise `DrillCrash(reason)` inside the handler. Never redelivered."""

    reason: str


class Ping(Struct, frozen=True, tag=True):
    """Are you there? Asked, it is answered with `Pong`."""


class Pong(Struct, frozen=True, tag=True):
    """Here. name: the actor's; incarnation: 1 for its first life."""

    name: str
    incarnation: int


class Down(Struct, frozen=True, tag=True):
    """Told once to who watched: this life of the child is over, or it had none.

    incarnation  the life that ended; the last one, or 0, where the child was down already
    reason       `normal`, `shutdown`, `no such actor`, or the failure in one line
    failed       it did not end in order: a crash, a hang, or there was nothing to watch
    """

    name: str
    incarnation: int
    reason: str
    failed: bool


class Exit(Struct, frozen=True, tag=True):
    """Told to an actor that is linked and has `context.trap_exits` set: the other one's life is over. As `Down`."""

    name: str
    incarnation: int
    reason: str
    failed: bool


class LinkBroken(Struct, frozen=True, tag=True):
    """Internal: ends an actor whose link has failed, when it has finished what it is handling."""

    name: str
    reason: str


class LeaseEnded(Struct, frozen=True, tag=True):
    """Internal: what a revoked lease hands to Pykka's loop so that it ends without running `stopping`."""


class DrillCrash(Exception):
    """Raised by a `Crash` message."""


class LinkedActorDied(Exception):
    """Raised in an actor because one that it is linked to has failed."""
