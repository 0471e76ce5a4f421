"""What the journal keeps: order events, each with a `seq`, committed before anyone is told."""

from __future__ import annotations

from enum import Enum

from msgspec import Struct

from domain.messages.adjustments import PeakReset, PositionAdjusted
from domain.messages.broker import BrokerStatus, Change, PlaceOrder
from domain.messages.gtt import GttEvent
from domain.messages.orders import OrderIntent
from domain.messages.plans import ExecutionEnded, ExecutionStarted, ExitPlanEnded, ExitPlanned
from domain.messages.versions import ConfigurationChanged
from domain.reconcile.names import Policy
from domain.values import E4, Nanos, OrderKind, Product, Side


class OrderState(Enum):
    """Where an order of ours stands (docs: life of an order).

    INTENT        journaled, certainly unsent
    SENDING       claimed by a worker: from here it may be at the broker
    ACKNOWLEDGED  the broker gave an order id
    QUARANTINED   unresolved: nothing is proved, its worst case counts
    REJECTED      the broker proved refusal                                (final)
    EXPIRED       certainly never sent                                     (final)
    COMPLETE      fully filled                                             (final)
    CANCELLED     cancelled at the broker, perhaps after a partial fill    (final)
    """

    INTENT = "I"
    SENDING = "S"
    ACKNOWLEDGED = "A"
    QUARANTINED = "Q"
    REJECTED = "R"
    EXPIRED = "X"
    COMPLETE = "C"
    CANCELLED = "K"

    @property
    def final(self) -> bool:
        """No further order activity is expected (late fills apart)."""
        return self in (OrderState.REJECTED, OrderState.EXPIRED, OrderState.COMPLETE, OrderState.CANCELLED)


class IntentAccepted(Struct, frozen=True, tag=True):
    """I: an approved intent has a tag and an order ready to be claimed.

    bid, ask  the best prices when it was approved (its arrival in the market); 0: unknown
    """

    tag: str
    intent: OrderIntent
    order: PlaceOrder
    risk_epoch: int
    margin_held: E4
    time: Nanos
    approved_time: Nanos = 0
    bid: E4 = 0
    ask: E4 = 0


class IntentExpired(Struct, frozen=True, tag=True):
    """Certainly never sent. `tag` is empty where the intent was refused before it had one.

    was  the state that this was concluded from: a claim may come in between, and then it is not so. None: any
    """

    tag: str
    intent_id: str
    strategy: str
    why: str
    time: Nanos
    was: OrderState | None = None


class SendingClaimed(Struct, frozen=True, tag=True):
    """S: written by the worker's claim."""

    tag: str
    time: Nanos


class OrderAcknowledged(Struct, frozen=True, tag=True):
    """A: the broker's order id is known (from the reply, or found by tag)."""

    tag: str
    order_id: str
    strategy: str
    time: Nanos
    found_by: str = "reply"


class OrderRejected(Struct, frozen=True, tag=True):
    """R: refused by the broker, at the POST or after acceptance. turned_away: as Rejected."""

    tag: str
    order_id: str
    strategy: str
    text: str
    time: Nanos
    turned_away: bool = False


class OrderQuarantined(Struct, frozen=True, tag=True):
    """Q: the outcome is unresolved."""

    tag: str
    strategy: str
    text: str
    time: Nanos


class OrderResolved(Struct, frozen=True, tag=True):
    """A person has said what became of an unresolved order. The event that makes it so follows in the same commit.

    order_id  it was placed under this id; empty: it is absent
    who, why  the person, in their words
    """

    tag: str
    order_id: str
    strategy: str
    who: str
    why: str
    time: Nanos


class OrderAdopted(Struct, frozen=True, tag=True):
    """A: an order that the broker made from one of ours is ours: a cover order's stop, what a GTT fired.

    tag     derived from the parent's, unknown to the broker
    parent  the tag of the order or the GTT that it comes from
    intent  what it amounts to: reduce-only, of the parent's strategy
    """

    tag: str
    parent: str
    order_id: str
    strategy: str
    intent: OrderIntent
    order: PlaceOrder
    time: Nanos


class ModifyRequested(Struct, frozen=True, tag=True):
    """M: an approved change of an order that rests; one at a time for each order.

    number       which modification of the order it is, from 1
    replacing    the broker takes no more modifications of it: it is cancelled, and what is left is placed anew, under
                 a tag of its own, once the cancel is confirmed
    margin_held  of the whole order as it would be
    """

    tag: str
    number: int
    strategy: str
    modify_id: str
    change: Change
    reduce_only: bool
    risk_epoch: int
    margin_held: E4
    valid_until: Nanos
    why: str
    time: Nanos
    replacing: bool = False


class ModifyClaimed(Struct, frozen=True, tag=True):
    """Written by the worker before its one PUT."""

    tag: str
    number: int
    time: Nanos


class OrderModified(Struct, frozen=True, tag=True):
    """The order has these values now: the reply was followed by a row that shows them, or a row alone does.

    number    the modification that this concludes; 0: the broker changed it by itself (a cover order's stop grows)
    """

    tag: str
    number: int
    strategy: str
    quantity: int
    price: E4
    trigger_price: E4
    kind: OrderKind
    found_by: str
    time: Nanos


class ModifyRefused(Struct, frozen=True, tag=True):
    """The broker refused the change: the order rests as it was."""

    tag: str
    number: int
    strategy: str
    text: str
    time: Nanos


class ModifyUnresolved(Struct, frozen=True, tag=True):
    """Nothing is proved: the larger of both quantities counts, and no other change is taken until a row decides."""

    tag: str
    number: int
    strategy: str
    text: str
    time: Nanos


class ModifyDropped(Struct, frozen=True, tag=True):
    """The change was certainly never sent: it came too late, or the order was over first.

    was  how far it had come when this was concluded: a claim may come in between, and then it is not so. None: any
    """

    tag: str
    number: int
    strategy: str
    why: str
    time: Nanos
    was: ModifyState | None = None


class CancelRequested(Struct, frozen=True, tag=True):
    """The order is to go. It is asked of the broker until the order's row shows an end; repeating it does no harm."""

    tag: str
    order_id: str
    strategy: str
    why: str
    time: Nanos


class CancelRefused(Struct, frozen=True, tag=True):
    """The broker refused to cancel: mostly since the order was over first, which its row then tells."""

    tag: str
    order_id: str
    strategy: str
    text: str
    time: Nanos


class FillSeen(Struct, frozen=True, tag=True):
    """A cumulative update showed more filled: provisional, for risk and the strategy's view; never for ledgers.

    filled       of the whole order; leg_filled: of the part of an iceberg that has this order id
    event_time  as the broker's row has it; 0: unknown
    found_by    `update`, `order book`, …: where the row stood
    """

    tag: str
    order_id: str
    strategy: str
    filled: int
    status: BrokerStatus
    time: Nanos
    leg_filled: int = 0
    event_time: Nanos = 0
    found_by: str = ""


class TradeBooked(Struct, frozen=True, tag=True):
    """One execution, once, by the broker's trade id: the only input to ledgers and charges.

    strategy  empty for a trade that no order of ours made (external)
    tag       empty for those, and for a share of the broker's own square-off
    squared_off_by_broker  the broker closed the position itself, and charges for it
    """

    trade_id: str
    order_id: str
    tag: str
    strategy: str
    token: int
    instrument: str
    side: Side
    product: Product
    quantity: int
    price: E4
    event_time: Nanos
    booked_time: Nanos
    reduce_only: bool = False
    squared_off_by_broker: bool = False


class OrderClosed(Struct, frozen=True, tag=True):
    """The order is final at the broker and all its trades are booked."""

    tag: str
    order_id: str
    strategy: str
    state: OrderState
    filled: int
    text: str
    time: Nanos


class DayOpened(Struct, frozen=True, tag=True):
    """A trading day began: opening cash as the broker states it. Positions carried come from the journal."""

    day: str
    opening_cash: E4
    time: Nanos


class DifferenceFound(Struct, frozen=True, tag=True):
    """Reconciliation: ours and the broker's differ. Both sides are in it. It stands until it is cleared.

    name, subject  which one: together the key of what stands; name is a value of `Difference`
    policy         what is done about it, as configured when it was found
    instrument     `EXCHANGE:SYMBOL`; empty where it concerns none
    strategies     those that it concerns
    product, units what an adopted external position adds to ours
    """

    name: str
    subject: str
    ours: str
    theirs: str
    time: Nanos
    policy: Policy = Policy.IGNORE
    instrument: str = ""
    strategies: tuple[str, ...] = ()
    product: str = ""
    units: int = 0


class Acceptance(Struct, frozen=True):
    """A person has accepted a difference.

    request  the person's request, which is carried out once
    stays    both sides stay as they are: it is not named again while it is the same
    adopted  signed units that the external ledger has from then on
    """

    who: str
    request: int
    stays: bool = False
    adopted: int = 0


class DifferenceCleared(Struct, frozen=True, tag=True):
    """Reconciliation: a difference that stood is gone; or a person accepts it."""

    name: str
    subject: str
    why: str
    time: Nanos
    accepted: Acceptance | None = None


JournalEvent = (
    IntentAccepted
    | IntentExpired
    | SendingClaimed
    | OrderAcknowledged
    | OrderRejected
    | OrderQuarantined
    | OrderResolved
    | OrderAdopted
    | ModifyRequested
    | ModifyClaimed
    | OrderModified
    | ModifyRefused
    | ModifyUnresolved
    | ModifyDropped
    | CancelRequested
    | CancelRefused
    | FillSeen
    | TradeBooked
    | OrderClosed
    | DayOpened
    | DifferenceFound
    | DifferenceCleared
    | ExitPlanned
    | ExitPlanEnded
    | ExecutionStarted
    | ExecutionEnded
    | PositionAdjusted
    | ConfigurationChanged
    | PeakReset
    | GttEvent
)


class JournalRecord(Struct, frozen=True, tag=True):
    """A committed event. Told to those who fold the journal: they ignore a seq they have, and read a gap."""

    seq: int
    event: JournalEvent


class JournalAdvanced(Struct, frozen=True, tag=True):
    """Event, order supervisor to those who fold the journal: it reaches to here; read what you miss."""

    seq: int


class ModifyState(Enum):
    """How far a modification has come. CLAIMED: from here on the order may have either shape."""

    REQUESTED = "requested"
    CLAIMED = "claimed"
    UNRESOLVED = "unresolved"


class Modification(Struct, frozen=True):
    """The change of an order that is under way."""

    number: int
    change: Change
    state: ModifyState
    reduce_only: bool
    valid_until: Nanos
    since: Nanos
    replacing: bool = False


class OrderRecord(Struct, frozen=True, tag=True):
    """The current state of one tag, folded from its events.

    order          as it stands now, modifications included; the intent stays as it was decided

    seen_status    the furthest status any update has shown
    filled_seen    the largest cumulative filled quantity any update has shown (provisional)
    booked         quantity of the booked trades
    modifying      the change under way; None: none
    modifications  how many there were, with the one under way
    cancel_why     a cancel was asked for, and why; empty: none was
    parent         the tag it was adopted from
    legs           of an iceberg, in order of appearance: (order id, filled)
    turned_away    rejected without a look at it
    """

    tag: str
    state: OrderState
    intent: OrderIntent
    order: PlaceOrder
    order_id: str = ""
    margin_held: E4 = 0
    seen_status: BrokerStatus = BrokerStatus.IN_FLIGHT
    filled_seen: int = 0
    booked: int = 0
    text: str = ""
    created: Nanos = 0
    updated: Nanos = 0
    modifying: Modification | None = None
    modifications: int = 0
    cancel_why: str = ""
    parent: str = ""
    legs: tuple[tuple[str, int], ...] = ()
    turned_away: bool = False

    @property
    def live_id(self) -> str:
        """The id that a cancel names: of an iceberg, its newest part's."""
        return self.legs[-1][0] if self.legs else self.order_id
