"""What the trail keeps of each message. Whatever is not named here is not kept; secrets travel in no message."""

from __future__ import annotations

from typing import Final, TypeAlias, get_args

import msgspec
from msgspec import Struct

from domain.audit.chain import TornLine
from domain.messages.control import (
    Alert,
    FreezeStrategy,
    JobDue,
    SessionLost,
    SessionOpened,
    SquareOff,
    StrategyFrozen,
    TradingStateChanged,
)
from domain.messages.gtt import (
    ApprovedGtt,
    ApprovedGttModify,
    GttChangePosted,
    GttDeletePosted,
    GttIntent,
    GttPosted,
    ModifyGttIntent,
)
from domain.messages.journal import JournalAdvanced, JournalEvent, JournalRecord
from domain.messages.operator import Cancel, Flatten, OperatorAnswered, OperatorRequest, Resolve, Switch
from domain.messages.orders import (
    ApprovedIntent,
    ApprovedModify,
    CancelIntent,
    CancelOpenOrders,
    CancelOrder,
    CancelPosted,
    Denied,
    IntentVoided,
    ModifyIntent,
    ModifyOrder,
    ModifyPosted,
    OrderIntent,
    OrderPosted,
    OrderUpdateReceived,
)
from domain.orders.gtt import gtt_tag
from domain.orders.tags import is_ours, tag_for
from domain.orders.telling import EVENT_NAMES
from domain.orders.transitions import strategy_of, tag_of
from domain.values import Nanos


class TrailOpened(Struct, frozen=True, tag=True):
    """Entry: a process began to write. run names its life; account says whose journal it is."""

    run: str
    account: str


class EntriesLost(Struct, frozen=True, tag=True):
    """Entry: the disk refused for so long that this many entries which no journal has could not be kept."""

    count: int


class JournalBehind(Struct, frozen=True, tag=True):
    """Entry: the journal ends before what the trail has of it: it was put back from a copy."""

    trail: int
    journal: int


OwnEntry: TypeAlias = TrailOpened | TornLine | EntriesLost | JournalBehind

Told: TypeAlias = (
    OrderIntent
    | Denied
    | ApprovedIntent
    | IntentVoided
    | OrderPosted
    | CancelOpenOrders
    | CancelOrder
    | CancelPosted
    | ModifyIntent
    | CancelIntent
    | ApprovedModify
    | ModifyOrder
    | ModifyPosted
    | GttIntent
    | ModifyGttIntent
    | ApprovedGtt
    | ApprovedGttModify
    | GttPosted
    | GttChangePosted
    | GttDeletePosted
    | OrderUpdateReceived
    | TradingStateChanged
    | FreezeStrategy
    | StrategyFrozen
    | SquareOff
    | JobDue
    | SessionLost
    | SessionOpened
    | Alert
    | OperatorRequest
    | OperatorAnswered
)
"""Messages that are kept as they are told. Journaled events come by their JournalRecord."""

AUDITED: Final = frozenset({*get_args(Told), JournalRecord, JournalAdvanced})
"""What the routes tell the trail, whoever else hears it. (JournalAdvanced only says how far to read.)"""

KINDS: Final[dict[type, str]] = {
    OrderIntent: "strategy.decided",
    Denied: "risk.denied",
    ApprovedIntent: "risk.approved",
    IntentVoided: "order.voided",
    OrderPosted: "order.posted",
    CancelOpenOrders: "order.cancel_open",
    CancelOrder: "order.cancelling",
    CancelPosted: "order.cancel_answered",
    ModifyIntent: "strategy.modify",
    CancelIntent: "strategy.cancel",
    ApprovedModify: "risk.modify_approved",
    ModifyOrder: "order.modifying",
    ModifyPosted: "order.modify_answered",
    GttIntent: "strategy.gtt",
    ModifyGttIntent: "strategy.gtt_modify",
    ApprovedGtt: "risk.gtt_approved",
    ApprovedGttModify: "risk.gtt_modify_approved",
    GttPosted: "gtt.posted",
    GttChangePosted: "gtt.modify_answered",
    GttDeletePosted: "gtt.delete_answered",
    OrderUpdateReceived: "order.update",
    TradingStateChanged: "risk.state",
    FreezeStrategy: "risk.freeze",
    StrategyFrozen: "strategy.frozen",
    SquareOff: "strategy.square_off",
    JobDue: "timetable.job",
    SessionLost: "session.lost",
    SessionOpened: "session.opened",
    Alert: "alert",
    OperatorRequest: "operator.request",
    OperatorAnswered: "operator.answer",
    TrailOpened: "audit.opened",
    TornLine: "audit.torn",
    EntriesLost: "audit.lost",
    JournalBehind: "audit.journal_behind",
    **EVENT_NAMES,
}


class Draft(Struct, frozen=True):
    """An entry before it has its place in the chain. Keys are empty where they do not apply."""

    kind: str
    body: Told | JournalEvent | OwnEntry
    tag: str = ""
    order_id: str = ""
    strategy: str = ""


class Entry(Struct, frozen=True):
    """One entry as it is written, in this order of fields; `prev` and `hash` follow.

    seq        from 1, without a gap
    time       market time of writing, nanoseconds UTC; what the body says has times of its own
    journal    the newest seq of the journal in the trail: a journaled event is the first entry with its own
    body       the message or event
    """

    seq: int
    time: Nanos
    kind: str
    tag: str
    order_id: str
    strategy: str
    journal: int
    body: msgspec.Raw
    prev: str = ""
    hash: str = ""


_bodies: msgspec.json.Decoder[Told | JournalEvent | OwnEntry] = msgspec.json.Decoder(Told | JournalEvent | OwnEntry)
_encoder = msgspec.json.Encoder()


def body_of(entry: Entry) -> Told | JournalEvent | OwnEntry:
    """The message or event of an entry. Raises msgspec.MsgspecError for one of another version."""
    return _bodies.decode(entry.body)


def body_bytes(draft: Draft) -> bytes:
    """The draft's body as JSON."""
    return _encoder.encode(draft.body)


def event_draft(event: JournalEvent) -> Draft:
    """A journaled event."""
    order_id = getattr(event, "order_id", "")
    return Draft(KINDS[type(event)], event, tag_of(event), order_id, strategy_of(event))


def own_draft(body: OwnEntry) -> Draft:
    """What the trail says of itself."""
    return Draft(KINDS[type(body)], body)


def draft(message: Told) -> Draft:  # noqa: C901, PLR0912 - one case per message whose keys are not its own fields
    """What is kept of a message. The tag follows from the intent's id before anything is journaled."""
    kind = KINDS[type(message)]
    match message:
        case OrderIntent(intent_id=intent_id, strategy=strategy):
            return Draft(kind, message, tag_for(intent_id), "", strategy)
        case ApprovedIntent(intent=intent):
            return Draft(kind, message, tag_for(intent.intent_id), "", intent.strategy)
        case Denied(intent_id=intent_id, strategy=strategy) | IntentVoided(intent_id=intent_id, strategy=strategy):
            return Draft(kind, message, tag_for(intent_id), "", strategy)
        case OrderPosted(tag=tag, outcome=outcome):
            return Draft(kind, message, tag, getattr(outcome, "order_id", ""))
        case GttIntent(intent_id=intent_id, strategy=strategy):
            return Draft(kind, message, gtt_tag(intent_id), "", strategy)
        case ApprovedGtt(intent=protection):
            return Draft(kind, message, gtt_tag(protection.intent_id), "", protection.strategy)
        case ApprovedModify(intent=change) | ApprovedGttModify(intent=change):
            return Draft(kind, message, change.tag, "", change.strategy)
        case OrderUpdateReceived(order=order):
            return Draft(kind, message, next(filter(is_ours, order.tags), ""), order.order_id)
        case OperatorRequest(command=Resolve(tag=tag, order_id=order_id)):
            return Draft(kind, message, tag, order_id)
        case OperatorRequest(command=Cancel(tag=tag, strategy=strategy)):
            return Draft(kind, message, tag, "", strategy)
        case OperatorRequest(command=Flatten(strategy=strategy) | Switch(strategy=strategy)):
            return Draft(kind, message, "", "", strategy)
        case OperatorAnswered(tags=(tag,)):
            return Draft(kind, message, tag)
        case _:
            tag, order_id = getattr(message, "tag", ""), getattr(message, "order_id", "")
            return Draft(kind, message, tag, order_id, getattr(message, "strategy", ""))
