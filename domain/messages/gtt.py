"""Good-till-triggered orders (GTT): triggers that the broker watches, and the limit orders that they place.

A GTT rests at the broker for up to a year, fires once, and protects a position though our process is dead. It has no
tag: where the outcome of a POST is unresolved, it is found in the list by instrument, triggers, orders and time of
creation. What it fires is an order without a tag of ours: it is adopted by its order id (OrderAdopted).
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.messages.broker import PostOutcome
from domain.values import E4, Nanos, Product, Side


class GttLeg(Struct, frozen=True):
    """One trigger, and the limit order that it places. Prices in 1/10,000 rupee, quantity in units."""

    trigger: E4
    side: Side
    quantity: int
    price: E4


class Gtt(Struct, frozen=True):
    """One GTT as it is posted.

    legs        one, or two: the lower trigger first; whichever is reached first cancels the other
    last_price  the price that the triggers are seen from
    """

    exchange: str
    symbol: str
    product: Product
    last_price: E4
    legs: tuple[GttLeg, ...]


class GttStatus(Enum):
    """The broker's words. Unknown ones are ACTIVE: as long as nothing is known to have ended it, it may fire."""

    ACTIVE = "active"
    TRIGGERED = "triggered"
    DISABLED = "disabled"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DELETED = "deleted"


class GttResult(Struct, frozen=True):
    """What became of a leg that fired: the order's id, or why there is none."""

    order_id: str
    text: str = ""


class BrokerGtt(Struct, frozen=True):
    """A row of the broker's list: active ones, and what became of others in the last days.

    results  one for each leg; None where it has not fired
    created  the broker's time, in whole seconds
    """

    trigger_id: str
    status: GttStatus
    gtt: Gtt
    results: tuple[GttResult | None, ...]
    created: Nanos
    updated: Nanos


# -- commands and what is told ---------------------------------------------------------------------------------------


class GttIntent(Struct, frozen=True, tag=True):
    """Command, strategy to risk gate: protect a position of its own by a GTT. Exits alone: every leg makes it smaller.

    intent_id    unique for ever, as an order's
    valid_until  market time after which it must not be sent
    """

    intent_id: str
    strategy: str
    token: int
    instrument: str
    product: Product
    legs: tuple[GttLeg, ...]
    reference_price: E4
    valid_until: Nanos
    event_time: Nanos
    decided_time: Nanos
    reason: str = ""
    config_version: int = 1


class ModifyGttIntent(Struct, frozen=True, tag=True):
    """Command, strategy to risk gate: other triggers, prices or quantities for a GTT of its own; as many legs."""

    modify_id: str
    strategy: str
    tag: str
    legs: tuple[GttLeg, ...]
    reference_price: E4
    valid_until: Nanos
    decided_time: Nanos
    why: str = ""


class ApprovedGtt(Struct, frozen=True, tag=True):
    """Command, risk gate to order supervisor."""

    intent: GttIntent
    risk_epoch: int
    approved_time: Nanos


class ApprovedGttModify(Struct, frozen=True, tag=True):
    """Command, risk gate to order supervisor."""

    intent: ModifyGttIntent
    risk_epoch: int
    approved_time: Nanos


class SubmitGtt(Struct, frozen=True, tag=True):
    """Command, order supervisor to the instrument's exit worker: claim the GTT's tag, then one POST."""

    tag: str
    gtt: Gtt
    valid_until: Nanos


class ChangeGtt(Struct, frozen=True, tag=True):
    """Command, order supervisor to the instrument's exit worker: one PUT of the whole, which may be repeated."""

    tag: str
    trigger_id: str
    gtt: Gtt


class DeleteGtt(Struct, frozen=True, tag=True):
    """Command, order supervisor to the instrument's exit worker."""

    tag: str
    trigger_id: str
    instrument: str = ""


class GttPosted(Struct, frozen=True, tag=True):
    """Event, worker to order supervisor: what came of the POST. Accepted bears the trigger's id.

    claimed  it was claimed in the journal: where it was not, this worker certainly did not send it
    """

    tag: str
    outcome: PostOutcome
    claimed: bool


class GttChangePosted(Struct, frozen=True, tag=True):
    """Event, worker to order supervisor: what came of a PUT; `gtt` is what was put."""

    tag: str
    gtt: Gtt
    outcome: PostOutcome


class GttDeletePosted(Struct, frozen=True, tag=True):
    """Event, worker to order supervisor: what came of a DELETE."""

    tag: str
    outcome: PostOutcome


class ReadGtts(Struct, frozen=True, tag=True):
    """Command, order supervisor to the read worker: the list."""

    request: int


class GttsRead(Struct, frozen=True, tag=True):
    """Event, read worker to order supervisor. `error` is empty when it worked."""

    request: int
    rows: tuple[BrokerGtt, ...]
    error: str = ""


# -- the journal's events ----------------------------------------------------------------------------------------------


class GttState(Enum):
    """Where a GTT of ours stands: as an order's state, and what ended it."""

    REQUESTED = "I"
    SENDING = "S"
    PLACED = "A"
    UNRESOLVED = "Q"
    REFUSED = "R"
    EXPIRED = "X"
    TRIGGERED = "T"
    CLOSED = "K"

    @property
    def final(self) -> bool:
        """Nothing more is expected of it."""
        return self in (GttState.REFUSED, GttState.EXPIRED, GttState.TRIGGERED, GttState.CLOSED)


class GttRequested(Struct, frozen=True, tag=True):
    """I: an approved GTT has a tag (ours alone: the broker knows none) and waits to be claimed."""

    tag: str
    strategy: str
    intent: GttIntent
    gtt: Gtt
    risk_epoch: int
    time: Nanos


class GttClaimed(Struct, frozen=True, tag=True):
    """S: written by the worker, before the POST."""

    tag: str
    time: Nanos


class GttPlaced(Struct, frozen=True, tag=True):
    """A: the broker's trigger id is known, from the reply or found in the list."""

    tag: str
    trigger_id: str
    strategy: str
    time: Nanos
    found_by: str = "reply"


class GttRefused(Struct, frozen=True, tag=True):
    """R: the broker proved that it refused. turned_away: as Rejected."""

    tag: str
    strategy: str
    text: str
    time: Nanos
    turned_away: bool = False


class GttUnresolved(Struct, frozen=True, tag=True):
    """Q: nothing is proved; it may rest at the broker."""

    tag: str
    strategy: str
    text: str
    time: Nanos


class GttExpired(Struct, frozen=True, tag=True):
    """X: certainly never sent; or, said by a person or proved by the list after the quarantine, not at the broker.

    was  the state that this was concluded from: a claim may come in between, and then it is not so. None: any
    """

    tag: str
    strategy: str
    why: str
    time: Nanos
    was: GttState | None = None


class GttChangeRequested(Struct, frozen=True, tag=True):
    """Another definition is wanted; from here on it may hold."""

    tag: str
    strategy: str
    gtt: Gtt
    why: str
    time: Nanos


class GttChanged(Struct, frozen=True, tag=True):
    """The definition holds, by the reply or as the list shows."""

    tag: str
    strategy: str
    gtt: Gtt
    time: Nanos
    found_by: str = "reply"


class GttChangeRefused(Struct, frozen=True, tag=True):
    """The definition before it holds."""

    tag: str
    strategy: str
    text: str
    time: Nanos


class GttDeleteRequested(Struct, frozen=True, tag=True):
    """It is to go; until the list shows it gone it may still fire."""

    tag: str
    strategy: str
    why: str
    time: Nanos


class GttTriggered(Struct, frozen=True, tag=True):
    """It fired. The order that it placed is adopted in the same commit, where there is one.

    order_id  empty: the broker refused the order, and `text` says why. Nothing protects the position then
    """

    tag: str
    trigger_id: str
    strategy: str
    leg: int
    order_id: str
    text: str
    time: Nanos


class GttClosed(Struct, frozen=True, tag=True):
    """It is gone without having fired: deleted, expired, or ended by the broker."""

    tag: str
    trigger_id: str
    strategy: str
    status: GttStatus
    text: str
    time: Nanos


GttEvent = (
    GttRequested
    | GttClaimed
    | GttPlaced
    | GttRefused
    | GttUnresolved
    | GttExpired
    | GttChangeRequested
    | GttChanged
    | GttChangeRefused
    | GttDeleteRequested
    | GttTriggered
    | GttClosed
)


class GttRecord(Struct, frozen=True):
    """The current state of one GTT, folded from its events.

    wanted    another definition, asked for and not concluded; None: none
    deleting  its deletion was asked for
    fired     the leg that fired, or -1
    turned_away  refused without a look at it
    """

    tag: str
    state: GttState
    intent: GttIntent
    gtt: Gtt
    trigger_id: str = ""
    wanted: Gtt | None = None
    deleting: bool = False
    fired: int = -1
    text: str = ""
    created: Nanos = 0
    updated: Nanos = 0
    turned_away: bool = False
