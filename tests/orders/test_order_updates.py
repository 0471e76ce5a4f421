"""Facts in, events out: whatever the order, the repetition and the loss of updates, the end is the same."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from domain.messages.broker import (
    Accepted,
    BrokerOrder,
    BrokerStatus,
    BrokerTrade,
    NotSent,
    PostOutcome,
    Rejected,
    Unresolved,
)
from domain.messages.journal import (
    JournalEvent,
    OrderAcknowledged,
    OrderQuarantined,
    OrderRecord,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.orders.transitions import fold
from domain.orders.updates import after_post, after_restart, after_trades, after_update, needs_trades
from tests.support.orders import NOW, a_row, a_trade, an_accepted, an_intent, folded

ACCEPTED = an_accepted()
CLAIMED = SendingClaimed(tag=ACCEPTED.tag, time=NOW)
LATE = OrderQuarantined(tag=ACCEPTED.tag, strategy="ma", text="no outcome", time=NOW)
ORDER_ID = "2611200000000000001"


class Follower:
    """An order's record and its booked trades, fed with facts as the order supervisor feeds them."""

    def __init__(self) -> None:
        self.record: OrderRecord = folded(ACCEPTED, CLAIMED)
        self.booked: list[TradeBooked] = []

    def take(self, fact: BrokerOrder | Accepted | list[BrokerTrade]) -> None:
        if isinstance(fact, Accepted):
            events = after_post(self.record, fact, NOW)
        elif isinstance(fact, BrokerOrder):
            events = after_update(self.record, fact, NOW, "update")
        else:
            events = after_trades(self.record, fact, {t.trade_id for t in self.booked}, NOW)
        self._apply(events)

    def _apply(self, events: list[JournalEvent]) -> None:
        for event in events:
            if isinstance(event, TradeBooked):
                self.booked.append(event)
            after = fold(self.record, event)
            assert after is not None
            self.record = after


def facts_of_a_life(fills: list[int], end: BrokerStatus) -> tuple[list[BrokerOrder | Accepted], list[BrokerTrade]]:
    record = folded(ACCEPTED, CLAIMED)
    facts: list[BrokerOrder | Accepted] = [Accepted(order_id=ORDER_ID), a_row(record, BrokerStatus.IN_FLIGHT)]
    trades, done = [], 0
    for number, fill in enumerate(fills):
        done += fill
        trades.append(a_trade(record, f"T{number}", fill))
        facts.append(a_row(record, BrokerStatus.OPEN, done))
    facts.append(a_row(record, end, done))
    return facts, trades


@given(data=st.data(), complete=st.booleans(), cuts=st.sets(st.integers(1, 9), max_size=4))
def test_any_interleaving_of_updates_ends_in_the_same_state_with_the_same_fills(
    data: st.DataObject, complete: bool, cuts: set[int]
) -> None:
    edges = [0, *sorted(cuts), 10]
    fills = [b - a for a, b in itertools.pairwise(edges)]
    if not complete:
        fills = fills[:-1]
    end = BrokerStatus.COMPLETE if complete else BrokerStatus.CANCELLED
    facts, trades = facts_of_a_life(fills, end)
    shuffled = data.draw(st.lists(st.sampled_from(facts), max_size=12))
    polls = data.draw(st.lists(st.integers(0, len(trades)), min_size=len(shuffled), max_size=len(shuffled)))

    follower = Follower()
    for fact, known in zip(shuffled, polls, strict=True):
        follower.take(fact)
        if follower.record.order_id:
            follower.take(trades[:known])
    # In the end the order book is read: the last row, and all trades.
    follower.take(facts[-1])
    follower.take(trades)

    assert follower.record.state is (OrderState.COMPLETE if complete else OrderState.CANCELLED)
    assert follower.record.booked == sum(fills)
    assert sorted(t.trade_id for t in follower.booked) == sorted(t.trade_id for t in trades)


def test_an_order_is_closed_only_when_its_trades_are_booked() -> None:
    follower = Follower()
    follower.take(Accepted(order_id=ORDER_ID))

    follower.take(a_row(follower.record, BrokerStatus.COMPLETE, 10))
    seen = follower.record
    follower.take([a_trade(follower.record, "T1", 10)])
    booked = follower.record

    assert (seen.state, needs_trades(seen)) == (OrderState.ACKNOWLEDGED, True)
    assert (booked.state, needs_trades(booked)) == (OrderState.COMPLETE, False)


def test_an_update_before_the_reply_acknowledges_by_tag() -> None:
    record = folded(ACCEPTED, CLAIMED)

    events = after_update(record, a_row(record, BrokerStatus.OPEN), NOW, "update")

    assert isinstance(events[0], OrderAcknowledged)
    assert (events[0].order_id, events[0].found_by) == (ORDER_ID, "update")
    assert after_post(folded(ACCEPTED, CLAIMED, *events), Accepted(order_id=ORDER_ID), NOW) == []


def test_outcomes_of_the_post() -> None:
    sending = folded(ACCEPTED, CLAIMED)
    table: list[tuple[OrderRecord, PostOutcome, OrderState]] = [
        (sending, Accepted(order_id="7"), OrderState.ACKNOWLEDGED),
        (sending, Rejected(code=400, text="no"), OrderState.REJECTED),
        (sending, Unresolved(text="timeout"), OrderState.QUARANTINED),
        (sending, NotSent(text="halted"), OrderState.EXPIRED),
        (folded(ACCEPTED), NotSent(text="halted"), OrderState.EXPIRED),
        (folded(ACCEPTED, CLAIMED, LATE), NotSent(text="halted"), OrderState.EXPIRED),
    ]
    for record, outcome, state in table:
        after = record
        for event in after_post(record, outcome, NOW):
            step = fold(after, event)
            assert step is not None
            after = step
        assert after.state is state, outcome


def test_an_order_refused_after_acceptance_is_rejected() -> None:
    follower = Follower()
    follower.take(Accepted(order_id=ORDER_ID))

    follower.take(a_row(follower.record, BrokerStatus.REJECTED, text="16278 : The markets have not been opened"))

    assert follower.record.state is OrderState.REJECTED
    assert "16278" in follower.record.text


def test_a_row_of_another_order_with_our_tag_changes_nothing() -> None:
    follower = Follower()
    follower.take(Accepted(order_id=ORDER_ID))

    assert after_update(follower.record, a_row(follower.record, BrokerStatus.OPEN, 5, order_id="9"), NOW, "poll") == []


def test_after_a_restart_unsent_expires_and_sending_is_never_sent_again() -> None:
    unsent = folded(an_accepted(an_intent("x:1")))
    sending = folded(ACCEPTED, CLAIMED)

    assert [type(e).__name__ for e in after_restart(unsent, NOW)] == ["IntentExpired"]
    assert [type(e).__name__ for e in after_restart(sending, NOW)] == ["OrderQuarantined"]
    assert after_restart(folded(ACCEPTED, CLAIMED, *after_post(sending, Accepted(order_id="1"), NOW)), NOW) == []
