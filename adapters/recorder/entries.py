"""The entries of a recording. Their order in the file is the order in which they happened."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from msgspec import Struct


class Kind(IntEnum):
    """What an entry tells."""

    STARTED = 1
    """An incarnation is made and started."""
    HANDLED = 2
    """It takes a message from its mailbox."""
    STOPPING = 3
    """It is asked to clean up."""
    RESULT = 4
    """The world answered it: a clock, a broker, a gate, a draw."""
    RAISED = 5
    """The world failed it."""
    ORDERED = 6
    """It used the journal, now: in a replay it does so for real."""
    REPLY = 7
    """A raw reply of the broker, for people: status, body, route."""
    LOST = 8
    """So many entries could not be kept up with: nothing after this can be replayed."""


class Entry(Struct, array_like=True, frozen=True):
    """One entry.

    actor     `name#incarnation`; empty for what concerns none
    what      HANDLED: the message's type; RESULT, RAISED, ORDERED: the operation; REPLY: the route
    mark      HANDLED: the message's fingerprint
    value     HANDLED: the message, where nobody else will make it in a replay; RESULT, RAISED: what was answered
    """

    kind: Kind
    actor: str
    what: str = ""
    mark: bytes = b""
    value: object = None


class Header(Struct, frozen=True):
    """The first thing in a recording.

    run          names the process's life
    strategies   ids of who traded
    settings     the settings in force, as JSON, secrets taken out
    instruments  those traded, encoded, in the order of the day's list
    fallback     whether the calendar takes Monday to Friday in an unknown year
    """

    env: str
    run: str
    date: str
    seed: int
    settings: bytes
    instruments: bytes
    fallback: bool
    format: int = 1


FORMAT: Final = 1
