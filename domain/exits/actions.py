"""What a guard is told at one look, and what it may answer."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.exits.values import ExitPlan
from domain.values import E4, Nanos


class PartKind(Enum):
    """What is open for a plan: a resting stop, a GTT, or an exit at the market (a fired GTT's order is one too)."""

    STOP = "stop"
    GTT = "gtt"
    LEAVE = "leave"


class Part(Struct, frozen=True):
    """Something open that may still make the position smaller.

    left      units that may still fill, at worst
    trigger   of its stop side; target: of a GTT's other leg; 0: none
    rests     the broker has it, and it can be changed or taken away
    changing  a change or its end is under way
    unknown   what became of a change is not known: it can be taken away, but not changed
    fired     its trigger was reached
    changes   is another number as soon as one more change of its units is journaled
    """

    tag: str
    kind: PartKind
    left: int
    trigger: E4 = 0
    target: E4 = 0
    rests: bool = False
    changing: bool = False
    unknown: bool = False
    fired: bool = False
    changes: int = 0


class Facts(Struct, frozen=True, kw_only=True):
    """What is so at one look. `now` is market time, `mono` monotonic.

    position  signed units, fills that are only seen included
    foreign   units of open exits that are not the plan's
    parts     what is open for the plan
    refused   how many of the plan's orders the broker has refused; refusal: the last reason
    unsent    how many of them were certainly never sent; turned_away: how many met no session, or too many others
    cancelled how many of its protections somebody else than we has cancelled
    entries   tags of open orders that may still make it larger
    number    the highest number among the plan's journaled orders
    price     last price; 0: none known
    blind     prices do not come (the feed is down)
    """

    now: Nanos
    mono: Nanos
    position: int
    foreign: int = 0
    parts: tuple[Part, ...] = ()
    entries: tuple[str, ...] = ()
    refused: int = 0
    refusal: str = ""
    unsent: int = 0
    turned_away: int = 0
    cancelled: int = 0
    number: int = 0
    price: E4 = 0
    blind: bool = False


class Protect(Struct, frozen=True):
    """Let this many units rest under the plan's stop (and target, where a GTT holds both)."""

    number: int
    units: int
    gtt: bool


class Leave(Struct, frozen=True):
    """Leave with this many units at the market."""

    number: int
    units: int
    why: str


class Change(Struct, frozen=True):
    """Make a resting part this: `left` units still to fill, and the plan's trigger. `units` is the difference."""

    part: Part
    left: int


class Withdraw(Struct, frozen=True):
    """Take away what rests under this tag."""

    tag: str
    why: str


class Keep(Struct, frozen=True):
    """Make the plan durable as it is now."""

    plan: ExitPlan


class End(Struct, frozen=True):
    """Nothing is held and nothing rests: the plan is over."""

    why: str


class Emergency(Struct, frozen=True):
    """Tell a person: the protection was refused, and the position is left at the market."""

    why: str


class Cancelled(Struct, frozen=True):
    """Tell a person: somebody else cancelled the protection. released: that is respected; else it is placed again."""

    released: bool


class Unprotected(Struct, frozen=True):
    """Tell a person: so many units have been without protection for so long (monotonic)."""

    units: int
    lasted: Nanos


class Protected(Struct, frozen=True):
    """For the log: protection is complete (again) after so long (monotonic)."""

    units: int
    lasted: Nanos


Action = Protect | Leave | Change | Withdraw | Keep | End | Emergency | Cancelled | Unprotected | Protected
