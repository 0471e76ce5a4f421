"""The table of moves: every pair of states, allowed or refused."""

from __future__ import annotations

import itertools

import pytest

from domain.errors import IllegalTransition
from domain.messages.broker import BrokerStatus
from domain.messages.journal import (
    FillSeen,
    IntentExpired,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRejected,
    OrderState,
    SendingClaimed,
)
from domain.orders.transitions import TRANSITIONS, fold, further
from tests.support.orders import NOW, an_accepted, folded

TAG = an_accepted().tag
INTO: dict[OrderState, JournalEvent] = {
    OrderState.SENDING: SendingClaimed(tag=TAG, time=NOW),
    OrderState.ACKNOWLEDGED: OrderAcknowledged(tag=TAG, order_id="1", strategy="ma", time=NOW),
    OrderState.QUARANTINED: OrderQuarantined(tag=TAG, strategy="ma", text="timeout", time=NOW),
    OrderState.REJECTED: OrderRejected(tag=TAG, order_id="", strategy="ma", text="no funds", time=NOW),
    OrderState.EXPIRED: IntentExpired(tag=TAG, intent_id="ma:1:entry", strategy="ma", why="late", time=NOW),
    OrderState.COMPLETE: OrderClosed(
        tag=TAG, order_id="1", strategy="ma", state=OrderState.COMPLETE, filled=10, text="", time=NOW
    ),
    OrderState.CANCELLED: OrderClosed(
        tag=TAG, order_id="1", strategy="ma", state=OrderState.CANCELLED, filled=0, text="", time=NOW
    ),
}
WAY: dict[OrderState, tuple[OrderState, ...]] = {
    OrderState.INTENT: (),
    OrderState.SENDING: (OrderState.SENDING,),
    OrderState.ACKNOWLEDGED: (OrderState.SENDING, OrderState.ACKNOWLEDGED),
    OrderState.QUARANTINED: (OrderState.SENDING, OrderState.QUARANTINED),
    OrderState.REJECTED: (OrderState.SENDING, OrderState.REJECTED),
    OrderState.EXPIRED: (OrderState.EXPIRED,),
    OrderState.COMPLETE: (OrderState.SENDING, OrderState.ACKNOWLEDGED, OrderState.COMPLETE),
    OrderState.CANCELLED: (OrderState.SENDING, OrderState.ACKNOWLEDGED, OrderState.CANCELLED),
}
ALLOWED = {
    ("I", "S"),
    ("I", "X"),
    ("S", "A"),
    ("S", "R"),
    ("S", "Q"),
    ("S", "X"),
    ("Q", "A"),
    ("Q", "R"),
    ("Q", "X"),
    ("A", "C"),
    ("A", "K"),
    ("A", "R"),
}


@pytest.mark.parametrize(("start", "end"), list(itertools.product(OrderState, INTO)))
def test_a_move_is_allowed_exactly_where_the_table_says(start: OrderState, end: OrderState) -> None:
    record = folded(an_accepted(), *(INTO[step] for step in WAY[start]))

    if (start.value, end.value) in ALLOWED:
        after = fold(record, INTO[end])
        assert after is not None
        assert after.state is end
    else:
        with pytest.raises(IllegalTransition, match=rf"{start.name} cannot become {end.name}"):
            fold(record, INTO[end])


def test_final_states_are_those_that_nothing_leaves() -> None:
    assert {state for state in OrderState if state.final} == {state for state, to in TRANSITIONS.items() if not to}


def test_a_fill_is_a_fact_in_every_state_that_may_be_at_the_broker() -> None:
    fill = FillSeen(tag=TAG, order_id="1", strategy="ma", filled=4, status=BrokerStatus.OPEN, time=NOW)
    for state, way in WAY.items():
        record = folded(an_accepted(), *(INTO[step] for step in way))
        if state in (OrderState.INTENT, OrderState.EXPIRED):
            with pytest.raises(IllegalTransition, match="never sent"):
                fold(record, fill)
        else:
            after = fold(record, fill)
            assert after is not None
            assert (after.state, after.filled_seen) == (state, 4)


def test_an_unknown_tag_is_refused() -> None:
    with pytest.raises(IllegalTransition, match="never journaled"):
        fold(None, INTO[OrderState.SENDING])


@pytest.mark.parametrize(
    ("known", "news", "result"),
    [
        (BrokerStatus.COMPLETE, BrokerStatus.OPEN, BrokerStatus.COMPLETE),
        (BrokerStatus.OPEN, BrokerStatus.IN_FLIGHT, BrokerStatus.OPEN),
        (BrokerStatus.IN_FLIGHT, BrokerStatus.OPEN, BrokerStatus.OPEN),
        (BrokerStatus.OPEN, BrokerStatus.CANCELLED, BrokerStatus.CANCELLED),
    ],
)
def test_a_status_only_goes_forward(known: BrokerStatus, news: BrokerStatus, result: BrokerStatus) -> None:
    assert further(known, news) is result
