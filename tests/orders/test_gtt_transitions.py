"""The life of a GTT: every pair of states, allowed or refused, and every change of one that rests."""

from __future__ import annotations

import itertools

import pytest
from msgspec.structs import replace

from domain.errors import IllegalTransition
from domain.messages.broker import Accepted, NotSent, PostOutcome, Rejected, Unresolved
from domain.messages.gtt import (
    ApprovedGtt,
    BrokerGtt,
    GttChanged,
    GttChangeRefused,
    GttChangeRequested,
    GttClaimed,
    GttClosed,
    GttDeleteRequested,
    GttEvent,
    GttExpired,
    GttIntent,
    GttLeg,
    GttPlaced,
    GttRecord,
    GttRefused,
    GttResult,
    GttState,
    GttStatus,
    GttTriggered,
    GttUnresolved,
)
from domain.messages.journal import OrderAdopted
from domain.orders.gtt import GTT_TRANSITIONS, accept, after_gtt_post, after_list, after_restart_gtt, fold_gtt
from domain.values import MINUTE, SECOND, Product, Side, e4
from tests.support.orders import NOW

INTENT = GttIntent(
    intent_id="ma:1:gtt",
    strategy="ma",
    token=1,
    instrument="NSE:INFY",
    product=Product.CNC,
    legs=(GttLeg(e4("1400"), Side.SELL, 10, e4("1395")), GttLeg(e4("1600"), Side.SELL, 10, e4("1595"))),
    reference_price=e4("1500"),
    valid_until=NOW + MINUTE,
    event_time=NOW,
    decided_time=NOW,
)
FIRST = accept(ApprovedGtt(INTENT, 1, NOW), NOW)
TAG, ID = FIRST.tag, "1001"
INTO: dict[GttState, GttEvent] = {
    GttState.SENDING: GttClaimed(TAG, NOW),
    GttState.PLACED: GttPlaced(TAG, ID, "ma", NOW),
    GttState.UNRESOLVED: GttUnresolved(TAG, "ma", "timeout", NOW),
    GttState.REFUSED: GttRefused(TAG, "ma", "no", NOW),
    GttState.EXPIRED: GttExpired(TAG, "ma", "late", NOW),
    GttState.TRIGGERED: GttTriggered(TAG, ID, "ma", 0, "5", "", NOW),
    GttState.CLOSED: GttClosed(TAG, ID, "ma", GttStatus.DELETED, "", NOW),
}
WAY: dict[GttState, str] = {
    GttState.REQUESTED: "",
    GttState.SENDING: "S",
    GttState.PLACED: "SA",
    GttState.UNRESOLVED: "SQ",
    GttState.REFUSED: "SR",
    GttState.EXPIRED: "X",
    GttState.TRIGGERED: "SAT",
    GttState.CLOSED: "SAK",
}
ALLOWED = {"IS", "IX", "SA", "SR", "SQ", "SX", "QA", "QR", "QX", "AT", "AK"}
OTHER = FIRST.gtt
CHANGES: tuple[GttEvent, ...] = (
    GttChangeRequested(TAG, "ma", OTHER, "nearer", NOW),
    GttChanged(TAG, "ma", OTHER, NOW),
    GttChangeRefused(TAG, "ma", "no", NOW),
    GttDeleteRequested(TAG, "ma", "enough", NOW),
)


def in_state(state: GttState) -> GttRecord:
    record = fold_gtt(None, FIRST)
    for letter in WAY[state]:
        record = fold_gtt(record, INTO[GttState(letter)])
    assert record.state is state
    return record


@pytest.mark.parametrize(("start", "end"), list(itertools.product(GttState, INTO)))
def test_a_gtt_moves_exactly_where_the_table_says(start: GttState, end: GttState) -> None:
    record = in_state(start)

    assert (end in GTT_TRANSITIONS[start]) is (start.value + end.value in ALLOWED)
    if start.value + end.value in ALLOWED:
        assert fold_gtt(record, INTO[end]).state is end
    else:
        with pytest.raises(IllegalTransition, match=rf"{start.name} cannot become {end.name}"):
            fold_gtt(record, INTO[end])


def test_nothing_goes_back_to_the_beginning() -> None:
    assert set(INTO) == set(GttState) - {GttState.REQUESTED}
    assert not any(GttState.REQUESTED in to for to in GTT_TRANSITIONS.values())
    for state in GttState:
        with pytest.raises(IllegalTransition, match="journaled already"):
            fold_gtt(in_state(state), FIRST)
    for event in (*INTO.values(), *CHANGES):
        with pytest.raises(IllegalTransition, match="never journaled"):
            fold_gtt(None, event)


def test_final_states_are_those_that_nothing_leaves() -> None:
    assert {state for state in GttState if state.final} == {state for state, to in GTT_TRANSITIONS.items() if not to}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(GttState, CHANGES)))
def test_only_one_that_rests_is_changed_or_deleted(state: GttState, event: GttEvent) -> None:
    record = in_state(state)

    if state is not GttState.PLACED:
        with pytest.raises(IllegalTransition, match=f"it is {state.name}"):
            fold_gtt(record, event)
        return
    after = fold_gtt(record, event)
    assert after.state is GttState.PLACED
    assert (after.wanted is not None) is isinstance(event, GttChangeRequested)
    assert after.deleting is isinstance(event, GttDeleteRequested)


REPLIES: tuple[tuple[PostOutcome, str], ...] = (
    (NotSent("the gate"), "IX SX QX"),
    (Accepted(ID), "SA QA"),
    (Rejected(400, "no"), "SR QR"),
    (Unresolved("timeout"), "SQ"),
)


@pytest.mark.parametrize(("state", "reply"), list(itertools.product(GttState, REPLIES)))
def test_a_reply_moves_it_where_it_proves_something_and_is_no_error_elsewhere(
    state: GttState, reply: tuple[PostOutcome, str]
) -> None:
    outcome, moves = reply
    record = in_state(state)
    expected = {move[1] for move in moves.split() if move[0] == state.value}

    after = record
    for event in after_gtt_post(record, outcome, NOW):
        assert isinstance(event, GttEvent)
        after = fold_gtt(after, event)

    assert after.state.value == (expected.pop() if expected else state.value)


def test_after_a_restart_what_was_not_claimed_is_over_and_what_was_is_looked_for() -> None:
    into = {"I": "X", "S": "Q"}
    for state in GttState:
        record = in_state(state)
        for event in after_restart_gtt(record, NOW):
            assert isinstance(event, GttEvent)
            record = fold_gtt(record, event)
        assert record.state.value == into.get(state.value, state.value)


def row(created: int, trigger_id: str, **changes: object) -> BrokerGtt:
    gtt = replace(FIRST.gtt, last_price=1, **changes)
    return BrokerGtt(trigger_id, GttStatus.ACTIVE, gtt, (None, None), created, created)


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ([], None),
        ([row(NOW, "1")], "1"),
        ([row(NOW + SECOND, "2"), row(NOW, "1")], "1"),
        ([row(NOW - 60 * SECOND, "1"), row(NOW - 5 * SECOND, "2")], "2"),
        # Seed 1431: our clock was 15 s ahead, the GTT was believed absent, and its units were sold a second time.
        ([row(NOW - 15 * SECOND, "1")], "1"),
        ([row(NOW - 60 * SECOND, "1"), row(NOW - 15 * SECOND, "2")], "2"),
        ([row(NOW - 16 * MINUTE, "1")], None),
        ([row(NOW, "1", symbol="OTHER")], None),
    ],
)
def test_an_unresolved_one_is_found_by_what_it_is_and_when_it_was_made(
    rows: list[BrokerGtt], found: str | None
) -> None:
    events = after_list([in_state(GttState.UNRESOLVED)], rows, frozenset(), 180 * SECOND, NOW + SECOND)
    assert [event.trigger_id for event in events if isinstance(event, GttPlaced)] == ([found] if found else [])


def test_one_that_fired_is_what_the_list_shows_whatever_was_said_of_its_change() -> None:
    """Seed 18255: the process died with a change out; put again it was refused, for the GTT had fired as changed."""
    legs = (replace(FIRST.gtt.legs[0], quantity=6, price=e4("1390")), FIRST.gtt.legs[1])
    shown = BrokerGtt(
        ID, GttStatus.TRIGGERED, replace(FIRST.gtt, legs=legs), (GttResult("9", ""), None), NOW, NOW + SECOND
    )
    record: GttRecord | None = in_state(GttState.PLACED)
    events = after_list([in_state(GttState.PLACED)], [shown], frozenset({ID}), 180 * SECOND, NOW + SECOND)

    assert [type(event) for event in events] == [GttChanged, OrderAdopted, GttTriggered]
    (adopted,) = [event for event in events if isinstance(event, OrderAdopted)]
    assert (adopted.order.quantity, adopted.order.price, adopted.order_id) == (6, e4("1390"), "9")
    for event in events:
        if isinstance(event, GttEvent):
            record = fold_gtt(record, event)
    assert record is not None and record.gtt.legs == legs
