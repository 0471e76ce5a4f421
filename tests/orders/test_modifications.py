"""Modifications: the table of their moves, what replies and rows prove, and any interleaving of both."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.errors import IllegalTransition
from domain.messages.broker import (
    Accepted,
    BrokerOrder,
    BrokerStatus,
    Change,
    ModifyOutcome,
    NotSent,
    Rejected,
    Unresolved,
)
from domain.messages.journal import (
    CancelRefused,
    CancelRequested,
    IntentAccepted,
    JournalEvent,
    ModifyClaimed,
    ModifyDropped,
    ModifyRefused,
    ModifyRequested,
    ModifyState,
    ModifyUnresolved,
    OrderAcknowledged,
    OrderClosed,
    OrderModified,
    OrderQuarantined,
    OrderRecord,
    OrderState,
    SendingClaimed,
)
from domain.messages.orders import ApprovedModify, ModifyIntent
from domain.orders.changing import (
    MODIFICATIONS_MAX,
    CannotChange,
    after_cancel,
    after_modify,
    after_restart_modify,
    after_row,
    cancel_requested,
    requested,
    with_replacement,
)
from domain.orders.transitions import MODIFYING, fold, worst_quantity
from domain.orders.updates import after_trades, after_update
from domain.values import MINUTE, OrderKind, Variety, e4
from tests.support.orders import NOW, a_row, a_trade, an_accepted, an_intent, folded

ID = "2611200000000000001"
CHANGE = Change(quantity=6, price=e4("1490"))


def resting(**fields: object) -> OrderRecord:
    """A limit order for 10 at 1,500 that rests."""
    first = an_accepted(replace(an_intent(), kind=OrderKind.LIMIT, price=e4("1500")))
    order = replace(first.order, kind=OrderKind.LIMIT, price=e4("1500"), **fields)
    tag = first.tag
    return folded(replace(first, order=order), SendingClaimed(tag, NOW), OrderAcknowledged(tag, ID, "ma", NOW))


def asking(change: Change = CHANGE, tag: str = "", strategy: str = "ma") -> ApprovedModify:
    intent = ModifyIntent(
        "ma:1.modify", strategy, tag or resting().tag, change, e4("1500"), NOW + MINUTE, NOW, NOW, why="closer"
    )
    return ApprovedModify(intent, risk_epoch=1, margin_held=7, reduce_only=False, approved_time=NOW)


def then(record: OrderRecord, *events: JournalEvent) -> OrderRecord:
    for event in events:
        after = fold(record, event)
        assert after is not None
        record = after
    return record


def asked(change: Change = CHANGE, *, claimed: bool = True) -> OrderRecord:
    record = then(resting(), requested(resting(), asking(change), NOW))
    return then(record, ModifyClaimed(record.tag, 1, NOW)) if claimed else record


def shown(record: OrderRecord, quantity: int, price: str, status: BrokerStatus = BrokerStatus.OPEN) -> BrokerOrder:
    row = a_row(record, status, order_id=ID)
    return replace(row, quantity=quantity, kind=OrderKind.LIMIT, price=e4(price))


TAG = resting().tag
INTO: dict[ModifyState | None, JournalEvent] = {
    ModifyState.REQUESTED: requested(resting(), asking(), NOW),
    ModifyState.CLAIMED: ModifyClaimed(TAG, 1, NOW),
    ModifyState.UNRESOLVED: ModifyUnresolved(TAG, 1, "ma", "timeout", NOW),
    None: ModifyRefused(TAG, 1, "ma", "no", NOW),
}
WAY: dict[ModifyState | None, tuple[ModifyState, ...]] = {
    None: (),
    ModifyState.REQUESTED: (ModifyState.REQUESTED,),
    ModifyState.CLAIMED: (ModifyState.REQUESTED, ModifyState.CLAIMED),
    ModifyState.UNRESOLVED: (ModifyState.REQUESTED, ModifyState.CLAIMED, ModifyState.UNRESOLVED),
}
ALLOWED = {
    (None, ModifyState.REQUESTED),
    (ModifyState.REQUESTED, ModifyState.CLAIMED),
    (ModifyState.REQUESTED, None),
    (ModifyState.CLAIMED, ModifyState.UNRESOLVED),
    (ModifyState.CLAIMED, None),
    (ModifyState.UNRESOLVED, None),
}


@pytest.mark.parametrize(("start", "end"), list(itertools.product(WAY, INTO)))
def test_a_modification_moves_exactly_where_the_table_says(start: ModifyState | None, end: ModifyState | None) -> None:
    record = then(resting(), *(INTO[step] for step in WAY[start]))

    assert ((start, end) in ALLOWED) is (end in MODIFYING[start])
    if (start, end) in ALLOWED:
        after = then(record, INTO[end])
        assert (None if after.modifying is None else after.modifying.state) is end
    else:
        with pytest.raises(IllegalTransition):
            fold(record, INTO[end])


@pytest.mark.parametrize(
    ("record", "approved", "words"),
    [
        (None, asking(), "has no order"),
        (resting(), asking(strategy="other"), "has no order"),
        (folded(an_accepted()), asking(), "is intent: only one that rests"),
        (then(resting(), CancelRequested(TAG, ID, "ma", "enough", NOW)), asking(), "is being cancelled"),
        (asked(claimed=False), asking(), "is requested already"),
        (resting(), asking(Change()), "nothing would change"),
        (resting(), asking(Change(quantity=10, price=e4("1500"))), "nothing would change"),
        (replace(resting(), filled_seen=6), asking(), "6 of it are filled, 6 are wanted"),
        (resting(variety=Variety.ICEBERG, iceberg_legs=2), asking(), "is an iceberg"),
    ],
)
def test_what_cannot_be_changed(record: OrderRecord | None, approved: ApprovedModify, words: str) -> None:
    with pytest.raises(CannotChange, match=words):
        requested(record, approved, NOW)


@pytest.mark.parametrize(
    ("record", "outcome", "kind"),
    [
        (asked(), Accepted(ID), None),
        (asked(Change(kind=OrderKind.MARKET)), Accepted(ID), OrderModified),
        (asked(), Rejected(400, "no"), ModifyRefused),
        (asked(), Unresolved("timeout"), ModifyUnresolved),
        (asked(), NotSent("halted"), ModifyDropped),
        (asked(claimed=False), NotSent("too old"), ModifyDropped),
        (resting(), Rejected(400, "no"), None),
    ],
)
def test_what_a_reply_proves(record: OrderRecord, outcome: ModifyOutcome, kind: type | None) -> None:
    events = after_modify(record, 1, outcome, NOW)

    assert [type(event) for event in events] == ([] if kind is None else [kind])
    then(record, *events)


def test_a_row_decides_and_an_early_one_that_shows_nothing_new_proves_nothing() -> None:
    record = asked()

    assert after_row(record, shown(record, 10, "1500"), NOW, "update", conclusive=False) == []
    assert after_row(record, shown(record, 6, "1500"), NOW, "update", conclusive=False) == []
    done = after_row(record, shown(record, 6, "1490"), NOW, "update", conclusive=False)
    refused = after_row(record, shown(record, 10, "1500"), NOW, "order book", conclusive=True)
    pending = shown(record, 10, "1500", BrokerStatus.IN_FLIGHT)

    assert (then(record, *done).order.quantity, then(record, *done).order.price) == (6, e4("1490"))
    assert [type(event) for event in refused] == [ModifyRefused]
    assert after_row(record, pending, NOW, "order book", conclusive=True) == []


def test_while_a_change_is_open_the_larger_quantity_counts_and_an_end_ends_it() -> None:
    grows = asked(Change(quantity=16))
    shrinks = asked(Change(quantity=6))
    over = OrderClosed(TAG, ID, "ma", OrderState.CANCELLED, 0, "", NOW)

    assert (worst_quantity(grows), worst_quantity(shrinks), worst_quantity(resting())) == (16, 10, 10)
    assert then(grows, over).modifying is None


def test_a_restart_concludes_only_what_is_certain() -> None:
    assert [type(e) for e in after_restart_modify(asked(claimed=False), NOW)] == [ModifyDropped]
    assert [type(e) for e in after_restart_modify(asked(), NOW)] == [ModifyUnresolved]
    assert after_restart_modify(resting(), NOW) == []


def test_a_cancel_is_asked_for_once_ends_a_waiting_change_and_keeps_a_new_refusal() -> None:
    record = asked(claimed=False)
    events = cancel_requested(record, "enough", NOW)
    after = then(record, *events)

    assert [type(event) for event in events] == [ModifyDropped, CancelRequested]
    assert (after.cancel_why, after.modifying) == ("enough", None)
    assert cancel_requested(after, "again", NOW) == []
    refused = after_cancel(after, Rejected(400, "it is complete"), NOW)
    assert [type(event) for event in refused] == [CancelRefused]
    assert after_cancel(then(after, *refused), Rejected(400, "it is complete"), NOW) == []


@pytest.mark.parametrize(
    ("filled", "left"), [(0, 6), (4, 2), (6, None)], ids=["nothing filled", "some filled", "filled meanwhile"]
)
def test_after_too_many_changes_what_is_left_is_placed_anew_under_another_tag(filled: int, left: int | None) -> None:
    record = replace(resting(), modifications=MODIFICATIONS_MAX)
    event = requested(record, asking(), NOW)
    record = then(record, event)
    closed = OrderClosed(TAG, ID, "ma", OrderState.CANCELLED, filled, "", NOW)

    events = with_replacement(record, [closed], NOW)

    assert event.replacing
    anew = [each for each in events if isinstance(each, IntentAccepted)]
    assert [each.order.quantity for each in anew] == ([] if left is None else [left])
    assert events[-1] is closed
    assert all((each.tag != TAG, each.order.price) == (True, e4("1490")) for each in anew)
    complete = replace(closed, state=OrderState.COMPLETE)
    assert with_replacement(record, [complete], NOW) == [complete]
    assert with_replacement(record, [closed], NOW + 2 * MINUTE) == [closed], "the decision is too old by then"


FACTS = st.sampled_from(["reply", "timeout", "old row", "new row", "pending row", "trade 1", "end"])


@given(order=st.lists(FACTS, max_size=14), applied=st.booleans())
def test_any_interleaving_of_a_change_with_rows_and_fills_ends_the_same(order: list[str], applied: bool) -> None:
    """4 of 10 filled, then reduced to 6 and filled up; or the change never came about, and 10 were filled."""
    record, booked = asked(Change(quantity=6)), set[str]()
    total = 6 if applied else 10
    trades = [a_trade(record, "T1", 4), a_trade(record, "T2", total - 4)]
    rows = {
        "old row": replace(shown(record, 10, "1500"), filled=4),
        "pending row": replace(shown(record, 10, "1500", BrokerStatus.IN_FLIGHT), filled=4),
        "new row": replace(shown(record, total, "1500"), filled=4),
        "end": replace(shown(record, total, "1500", BrokerStatus.COMPLETE), filled=total),
    }

    def take(events: list[JournalEvent]) -> None:
        nonlocal record
        record = then(record, *events)

    for fact in [*order, "end", "trade 1", "trade 2"]:
        if fact == "reply":
            take(after_modify(record, 1, Accepted(ID), NOW))
        elif fact == "timeout":
            take(after_modify(record, 1, Unresolved("timeout"), NOW))
        elif fact.startswith("trade"):
            some = trades[:1] if fact == "trade 1" else trades
            found = after_trades(record, some, booked, NOW)
            booked |= {event.trade_id for event in found if hasattr(event, "trade_id")}
            take(found)
        else:
            take(after_row(record, rows[fact], NOW, "update", conclusive=False))
            take(after_update(record, rows[fact], NOW, "update"))

    assert (record.state, record.booked, record.modifying) == (OrderState.COMPLETE, total, None)


def test_an_unresolved_order_has_nothing_to_change() -> None:
    record = folded(an_accepted(), SendingClaimed(TAG, NOW), OrderQuarantined(TAG, "ma", "timeout", NOW))

    with pytest.raises(CannotChange, match="is quarantined"):
        requested(record, asking(), NOW)
    with pytest.raises(IllegalTransition, match="does not rest"):
        fold(record, ModifyRequested(TAG, 1, "ma", "m", CHANGE, False, 1, 0, NOW, "", NOW))
