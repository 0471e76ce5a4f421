"""The ways that an order, or a GTT, may go: what the kill points are tried on."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from app.chaos.pulse import CrowdingPulse
from domain.messages.gtt import GttState
from domain.messages.journal import OrderState
from domain.strategy.event import IntentDraft, View
from domain.values import OrderKind


class LimitPulse(CrowdingPulse, frozen=True):
    """The same decisions, at a price."""

    def _beat(self, view: View, token: int) -> Sequence[IntentDraft]:
        drafts = super()._beat(view, token)
        return [replace(each, kind=OrderKind.LIMIT, price=each.reference_price) for each in drafts]


class Act(Enum):
    """What somebody does to the order on its way."""

    NONE = ""
    HALT = "a person halts trading as soon as it is claimed"
    CANCEL = "a person cancels it as soon as it is acknowledged"
    WITHDRAW = "its strategy does"
    MODIFY = "its strategy changes its price"
    GTT = "there is no order: a GTT is placed"


_ENDS: Final = frozenset(state for state in (*OrderState, *GttState) if state.final or state is GttState.PLACED)


class Scenario(Struct, frozen=True):
    """One way that an order goes.

    what      in a person's words
    faults    that strike it (`faults.FAULTS`)
    exits     it is one that reduces a position, not an entry
    limit     it has a price, and may rest: whoever comes after a death cancels it
    freeze    the instrument's freeze quantity: what is larger is sliced; 0: none
    ends_with states that end its way; usually the final ones, and of a GTT that it rests
    dies_at   the process dies at this edge of a port already, and the bytecodes are those of the next one's start
    """

    name: str
    what: str
    faults: tuple[str, ...] = ()
    exits: bool = False
    limit: bool = False
    freeze: int = 0
    act: Act = Act.NONE
    ends_with: frozenset[OrderState | GttState] = _ENDS
    dies_at: str = ""


SCENARIOS: Final = (
    Scenario("entry", "an entry that fills"),
    Scenario("exit", "an exit that fills", exits=True),
    Scenario("partial", "an entry that fills in two parts", ("partial_fill",)),
    Scenario("slices", "an entry in two slices", freeze=6),
    Scenario("cancel", "an entry that rests and is cancelled by a person", ("unfilled",), act=Act.CANCEL),
    Scenario("withdraw", "an entry that rests and is withdrawn", ("unfilled",), limit=True, act=Act.WITHDRAW),
    Scenario("modify", "an entry that rests, is modified and fills", ("unfilled",), limit=True, act=Act.MODIFY),
    Scenario("refused", "an entry that the broker refuses at once", ("rate_limited",)),
    Scenario("rejected", "an entry that the broker takes and then refuses", ("late_rejection",)),
    Scenario("unsent", "an entry whose request does not leave", ("unreachable",)),
    Scenario("found", "an entry whose reply is lost, found by its tag", ("reply_lost",)),
    Scenario("late", "an entry that is quarantined and found later", ("late_order",)),
    Scenario(
        "lost",
        "an entry whose request is lost on the way: it waits for a person",
        ("request_lost",),
        ends_with=frozenset({OrderState.QUARANTINED}),
    ),
    Scenario("halt", "a person halts trading while an entry is on its way", act=Act.HALT),
    Scenario("gtt", "a GTT is placed", act=Act.GTT),
    Scenario("gtt found", "a GTT whose reply is lost, found in the list", ("reply_lost",), act=Act.GTT),
    Scenario(
        "gtt lost",
        "a GTT whose request is lost on the way",
        ("request_lost",),
        act=Act.GTT,
        ends_with=frozenset({GttState.UNRESOLVED}),
    ),
    Scenario("recovery", "the start after a death between the claim and the request", dies_at="journal.claimed"),
    Scenario("recovery sent", "the start after a death when the request had left", dies_at="broker.sent"),
    Scenario(
        "recovery open",
        "the start while an order rests at the exchange",
        ("unfilled",),
        act=Act.CANCEL,
        dies_at="broker.cancel",
    ),
    Scenario(
        "recovery modified",
        "the start after a death when a modification had left",
        ("unfilled",),
        limit=True,
        act=Act.MODIFY,
        dies_at="broker.modified",
    ),
)


def scenario_named(name: str) -> Scenario:
    """Raises KeyError."""
    return {each.name: each for each in SCENARIOS}[name]
