"""The trading state: what was said last, and the conditions that hold entries back while they last.

Who may end what:

- STARTING ends by the start-up's ACTIVE.
- HALTED, by a limit, a person, or supervision that gave up, ends by a person alone. It outlives the process.
- REDUCING as somebody said it ends by the next state that is said.
- A condition (no session, the feed is down, too many unresolved orders) makes ACTIVE a REDUCING while it lasts, and
  ends with its cause alone: a person's resume would only send orders into it.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from domain.messages.control import TradingState

MAY_END_A_HALT: Final = ("operator", "limit")
"""A limit may only renew one: it never says ACTIVE."""


class Condition(Enum):
    """What holds entries back while it lasts; the value is its `who`. In the order in which they are named."""

    SESSION = "session"
    FEED = "feed"
    UNRESOLVED = "unresolved"


class Effective(Struct, frozen=True):
    """The state as everybody else sees it."""

    state: TradingState
    why: str
    who: str


class Standing(Struct, frozen=True):
    """The state as it is kept in the journal's flag.

    run         in which process's life
    conditions  (condition, why) of those that last
    """

    state: TradingState
    why: str
    who: str
    run: str
    conditions: tuple[tuple[str, str], ...] = ()

    @property
    def effective(self) -> Effective:
        """ACTIVE under a condition is REDUCING."""
        if self.state is TradingState.ACTIVE:
            lasting = dict(self.conditions)
            for condition in Condition:
                if condition.value in lasting:
                    return Effective(TradingState.REDUCING, lasting[condition.value], condition.value)
        return Effective(self.state, self.why, self.who)

    def said(self, state: TradingState, why: str, who: str) -> Standing | None:
        """After somebody's word; None where it is not theirs to say."""
        if self.state is TradingState.HALTED and who not in MAY_END_A_HALT:
            return None
        return replace(self, state=state, why=why, who=who)

    def lasts(self, condition: Condition) -> bool:
        """Whether it is under this condition."""
        return any(each == condition.value for each, _ in self.conditions)

    def under(self, condition: Condition, why: str) -> Standing:
        """The condition has begun, or has another reason."""
        return replace(self, conditions=(*self.without(condition).conditions, (condition.value, why)))

    def without(self, condition: Condition) -> Standing:
        """The condition has ended."""
        return replace(self, conditions=tuple(each for each in self.conditions if each[0] != condition.value))


def starting(run: str) -> Standing:
    """A process that has just begun."""
    return Standing(TradingState.STARTING, "starting", "startup", run)


def read_standing(text: str | None, run: str) -> Standing:
    """The kept state as this process begins, or goes on, with it. What cannot be read means HALTED."""
    if text is None:
        return starting(run)
    try:
        kept = msgspec.json.decode(text, type=Standing)
    except msgspec.MsgspecError:
        return Standing(TradingState.HALTED, "the kept trading state cannot be read", "limit", run)
    if kept.run == run:
        return kept
    # A halt outlives the process; anything else only the life of its own process.
    return replace(kept, conditions=()) if kept.state is TradingState.HALTED else starting(run)


def as_latched(kept: Standing, gate: TradingState, why: str) -> Standing:
    """The standing of a restarted risk gate. What its former life did to the gate and the disk never got is the truth.

    gate  what the gate allows, as a state (ACTIVE, REDUCING or HALTED), and why
    """
    if gate is TradingState.HALTED and kept.state is not TradingState.HALTED:
        return replace(kept, state=gate, why=why, who="limit")
    if kept.state is TradingState.STARTING and why != kept.why and gate is not TradingState.HALTED:
        # The start was over: to wait for it would be to wait for ever. A person may end this REDUCING.
        return replace(kept, state=gate, why=why, who="limit")
    return kept


def halt_of_a_person(flag: str | None) -> str | None:
    """The kept trading state, if it is a halt that a person has said."""
    if flag is None:
        return None
    try:
        kept = msgspec.json.decode(flag, type=Standing)
    except msgspec.MsgspecError:
        return None
    return flag if kept.state is TradingState.HALTED and kept.who == "operator" else None


def why_not_resume(now: Effective) -> str | None:
    """Why a person's resume is refused in this state; None where it may be."""
    if now.state is TradingState.STARTING:
        return "trading has not started yet: it becomes active by itself"
    if now.state is not TradingState.REDUCING:
        return None
    match now.who:
        case Condition.SESSION.value:
            return "there is no session at the broker: log in, then trading goes on by itself"
        case Condition.FEED.value:
            return "the price feed is down: trading goes on by itself when it is up"
        case Condition.UNRESOLVED.value:
            return f"{now.why}: resolve them (`run.py resolve`), then trading goes on by itself"
        case "shutdown":
            return "the trader is stopping"
        case _:
            return None
