"""One order's whole story, from its entries: decision, approval, request, reply, fills; times and slippage. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from domain.audit.entries import Entry, body_of
from domain.messages.broker import Accepted
from domain.messages.journal import (
    CancelRefused,
    CancelRequested,
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    ModifyClaimed,
    ModifyDropped,
    ModifyRefused,
    ModifyRequested,
    ModifyUnresolved,
    OrderAcknowledged,
    OrderAdopted,
    OrderClosed,
    OrderModified,
    OrderQuarantined,
    OrderRejected,
    OrderResolved,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.operator import Cancel, OperatorAnswered, OperatorRequest, Resolve
from domain.messages.orders import (
    ApprovedIntent,
    ApprovedModify,
    CancelIntent,
    CancelOrder,
    CancelPosted,
    Denied,
    IntentVoided,
    ModifyIntent,
    ModifyPosted,
    OrderIntent,
    OrderPosted,
    OrderUpdateReceived,
)
from domain.orders.telling import change_words, log_keys
from domain.quality import Quality
from domain.values import E4, Nanos, Side, rupees


class Step(Struct, frozen=True):
    """One entry of the story. time: when it happened (market time), as its message says; text: what, in words."""

    seq: int
    time: Nanos
    kind: str
    text: str


class Times(Struct, frozen=True):
    """Market times of an order's life, nanoseconds UTC; None where it did not come to that.

    claimed  from here on the request may have left; answered: the broker's reply was here
    exchange  what the first update says; whole seconds
    """

    decided: Nanos | None = None
    approved: Nanos | None = None
    journaled: Nanos | None = None
    claimed: Nanos | None = None
    answered: Nanos | None = None
    acknowledged: Nanos | None = None
    exchange: Nanos | None = None
    first_fill: Nanos | None = None
    last_fill: Nanos | None = None
    closed: Nanos | None = None


class Story(Struct, frozen=True):
    """What became of one decision.

    state            in words; `unknown` where the trail begins in the middle
    filled, value    units, and what they were traded for: the average is value / filled
    reference_price  what the decision was made at; 0: unknown
    request_ns       wall time that the request took; None where none was answered
    bid, ask         the best prices at the approval; 0: unknown
    """

    tag: str
    order_id: str
    strategy: str
    instrument: str
    side: str
    quantity: int
    state: str
    filled: int
    value: E4
    reference_price: E4
    times: Times
    request_ns: int | None
    bid: E4
    ask: E4
    steps: tuple[Step, ...]

    @property
    def slippage(self) -> Fraction | None:
        """What a unit cost more than the decision's price, 1/10,000 rupee; below zero: less. None without fills."""
        if not self.filled or not self.reference_price:
            return None
        sign = Side(self.side).sign
        return sign * (Fraction(self.value, self.filled) - self.reference_price)

    @property
    def slippage_bps(self) -> Fraction | None:
        """The same in 1/100 percent of the decision's price."""
        return None if self.slippage is None else self.slippage * 10_000 / self.reference_price

    @property
    def arrival_bps(self) -> Fraction | None:
        """What a unit cost more than the middle of bid and ask at the approval, in 1/100 percent of it."""
        if not self.filled or not (self.bid and self.ask):
            return None
        quality = Quality(Side(self.side), 0, self.bid, self.ask, filled=self.filled, value=self.value)
        return quality.arrival_bps


def tell(tag: str, entries: Iterable[Entry]) -> Story | None:
    """The story of that tag, from its entries in order; None where there are none."""
    story = Story(tag, "", "", "", "", 0, "unknown", 0, 0, 0, Times(), None, 0, 0, ())
    for entry in entries:
        story = _with(story, entry)
    return story if story.steps else None


def _with(story: Story, entry: Entry) -> Story:  # noqa: C901, PLR0912, PLR0915 - one case per message: what each adds
    body, times, time = body_of(entry), story.times, entry.time
    text = entry.kind
    match body:
        case OrderIntent():
            time, times = body.decided_time, replace(times, decided=body.decided_time)
            story = _of_intent(story, body, "decided")
            text = f"{body.side.value} {body.quantity} {body.instrument} {body.kind.value.lower()}: {body.reason}"
        case ApprovedIntent():
            time, times = body.approved_time, replace(times, approved=body.approved_time)
            story = replace(_of_intent(story, body.intent, "approved"), bid=body.bid, ask=body.ask)
            text = f"margin {rupees(body.margin_held)} held, risk epoch {body.risk_epoch}"
        case Denied():
            time = body.decided_time
            # A repeated decision may be denied while the order that it made lives on.
            story = replace(story, state="denied") if story.state in ("unknown", "decided") else story
            text = f"{body.reason.name.lower()}: {body.text}"
        case IntentVoided():
            story, text = replace(story, state="voided"), body.why
        case IntentAccepted():
            time, times = body.time, replace(times, decided=body.intent.decided_time, journaled=body.time)
            story = replace(_of_intent(story, body.intent, "intent"), bid=body.bid, ask=body.ask)
            text = f"{body.order.side.value} {body.order.quantity} {body.order.exchange}:{body.order.symbol}"
        case IntentExpired():
            time, times = body.time, replace(times, closed=body.time)
            story, text = replace(story, state="expired"), body.why
        case SendingClaimed():
            time, times = body.time, replace(times, claimed=body.time)
            story, text = replace(story, state="sending"), "claimed: from here on it may be at the broker"
        case OrderPosted():
            took = body.finished_mono - body.started_mono
            time, times = body.finished_time, replace(times, answered=body.finished_time)
            story = replace(story, request_ns=took)
            outcome = body.outcome
            said = f"order {outcome.order_id}" if isinstance(outcome, Accepted) else outcome.text
            text = f"{type(outcome).__name__.lower()} after {took / 1e6:.1f} ms: {said}"
        case OrderAcknowledged():
            time, times = body.time, replace(times, acknowledged=body.time)
            story = replace(story, state="acknowledged", order_id=body.order_id)
            text = f"order {body.order_id}, found by {body.found_by}"
        case OrderRejected():
            time, times = body.time, replace(times, closed=body.time)
            story, text = replace(story, state="rejected", order_id=body.order_id or story.order_id), body.text
        case OrderQuarantined():
            time, story, text = body.time, replace(story, state="unresolved"), body.text
        case OrderResolved():
            time = body.time
            text = f"{body.who} says {f'order {body.order_id}' if body.order_id else 'absent'}: {body.why}"
        case FillSeen():
            if body.event_time:
                times = replace(times, exchange=min(times.exchange or body.event_time, body.event_time))
            time, text = body.time, f"{body.filled} filled, {body.status.value.lower()}"
        case TradeBooked():
            time = body.event_time
            times = replace(times, first_fill=times.first_fill or time, last_fill=time)
            filled, value = story.filled + body.quantity, story.value + body.quantity * body.price
            story = replace(story, filled=filled, value=value)
            text = f"trade {body.trade_id}: {body.quantity} at {rupees(body.price)}"
        case OrderClosed():
            time, times = body.time, replace(times, closed=body.time)
            story, text = replace(story, state=body.state.name.lower()), f"{body.filled} filled {body.text}".strip()
        case OrderUpdateReceived(order=row):
            time = row.received_time
            text = f"{row.status_word}: {row.filled} filled, {row.pending} pending {row.text}".strip()
        case ModifyIntent():
            time, text = body.decided_time, f"{change_words(body.change)}: {body.why}"
        case CancelIntent():
            text = body.why
        case ApprovedModify():
            time, text = body.approved_time, f"margin {rupees(body.margin_held)} held, risk epoch {body.risk_epoch}"
        case ModifyRequested():
            kind = "placed anew after a cancel: " if body.replacing else ""
            time, text = body.time, f"modification {body.number}: {kind}{change_words(body.change)}"
        case ModifyClaimed():
            time, text = body.time, f"modification {body.number} claimed: from here on it may be at the broker"
        case ModifyPosted():
            outcome = body.outcome
            said = "taken" if isinstance(outcome, Accepted) else outcome.text
            text = f"modification {body.number}: {type(outcome).__name__.lower()}, {said}"
        case OrderModified():
            time, story = body.time, replace(story, quantity=body.quantity)
            text = f"{body.quantity} at {rupees(body.price)}, trigger {rupees(body.trigger_price)}, by {body.found_by}"
        case ModifyRefused() | ModifyUnresolved():
            time, text = body.time, f"modification {body.number}: {body.text}"
        case ModifyDropped():
            time, text = body.time, f"modification {body.number} was not sent: {body.why}"
        case CancelRequested():
            time, text = body.time, body.why
        case CancelRefused():
            time, text = body.time, body.text
        case OrderAdopted():
            time, times = body.time, replace(times, acknowledged=body.time)
            story = replace(_of_intent(story, body.intent, "acknowledged"), order_id=body.order_id)
            text = f"order {body.order_id}, made by the broker from {body.parent}"
        case CancelOrder():
            text = f"cancel asked for order {body.order_id}"
        case CancelPosted():
            text = f"cancel of order {body.order_id}: {type(body.outcome).__name__.lower()}"
        case OperatorRequest(command=Resolve() | Cancel() as command):
            text = f"{body.who} asks to {type(command).__name__.lower()}: {command.why}"
        case OperatorAnswered():
            text = body.text
        case _:
            # What has no words of its own (GTTs, plans) says what its log line says.
            if isinstance(body, JournalEvent):
                time = getattr(body, "time", time)
                text = ", ".join(f"{name} {value}" for name, value in log_keys(body).items() if name != "tag")
    step = Step(seq=entry.seq, time=time, kind=entry.kind, text=text)
    return replace(story, times=times, steps=(*story.steps, step))


def _of_intent(story: Story, intent: OrderIntent, state: str) -> Story:
    return replace(
        story,
        strategy=intent.strategy,
        instrument=intent.instrument,
        side=intent.side.value,
        quantity=intent.quantity,
        reference_price=intent.reference_price,
        state=state,
    )
