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


class LeaseEnded(Struct, frozen=True, tag=True):
    """Internal: what a revoked lease hands to Pykka's loop so that it ends without running `stopping`."""


class DrillCrash(Exception):
    """Raised by a `Crash` message."""
