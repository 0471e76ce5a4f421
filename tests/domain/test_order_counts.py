"""Orders counted by the second, the minute and the day; and which are the same order twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.messages.orders import OrderIntent
from domain.risk.counts import OrderCounts, shape_of
from domain.values import MINUTE, RUPEE, SECOND, OrderKind, Product, Side
from tests.domain.builders import NOW, SBIN, an_intent

LIMIT = {"kind": OrderKind.LIMIT, "price": 1000 * RUPEE}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (an_intent("a"), an_intent("b"), True),
        (an_intent("a"), an_intent("b", reference_price=1001 * RUPEE, reason="other"), True),
        (an_intent("a"), an_intent("b", quantity=11), False),
        (an_intent("a"), an_intent("b", side=Side.SELL), False),
        (an_intent("a"), an_intent("b", strategy="s2"), False),
        (an_intent("a"), an_intent("b", token=SBIN.token, instrument=SBIN.key), False),
        (an_intent("a"), an_intent("b", product=Product.CNC), False),
        (an_intent("a"), an_intent("b", **LIMIT), False),
        (an_intent("a", **LIMIT), an_intent("b", **{**LIMIT, "price": 1001 * RUPEE}), False),
        (
            an_intent("a", kind=OrderKind.STOP_MARKET, trigger_price=RUPEE),
            an_intent("b", kind=OrderKind.STOP_MARKET, trigger_price=2 * RUPEE),
            False,
        ),
        # A change of sides: the exit of the long and the entry of the short are sold alike.
        (an_intent("a", side=Side.SELL, reduce_only=True), an_intent("b", side=Side.SELL), False),
        (an_intent("a", side=Side.SELL, reduce_only=True), an_intent("b", side=Side.SELL, reduce_only=True), True),
    ],
)
def test_the_same_order_is_one_that_would_do_the_same(one: OrderIntent, other: OrderIntent, same: bool) -> None:
    assert (shape_of(one) == shape_of(other)) is same
    counts = OrderCounts()
    counts.approved(one, NOW)

    assert counts.repeated(other) == (NOW if same else None)


def test_what_was_withdrawn_is_no_repetition() -> None:
    counts = OrderCounts()
    counts.approved(an_intent("a"), NOW)
    counts.withdrawn("another")
    assert counts.repeated(an_intent("b")) == NOW
    counts.withdrawn("a")

    assert counts.repeated(an_intent("b")) is None


def test_shapes_are_forgotten_after_a_minute_when_there_are_many() -> None:
    counts = OrderCounts()
    counts.approved(an_intent("first"), NOW)
    for number in range(600):
        counts.approved(an_intent(f"i{number}", quantity=100 + number), NOW + MINUTE + number)

    assert counts.repeated(an_intent("again")) is None
    assert counts.repeated(an_intent("again", quantity=100)) == NOW + MINUTE


def test_a_window_counts_what_came_after_its_start() -> None:
    counts = OrderCounts()
    for seconds in (0, 1, 59, 60):
        counts.made("s1" if seconds else "s2", NOW + seconds * SECOND)

    assert counts.since(NOW + 59 * SECOND) == 1, "what came at the start itself is outside"
    assert counts.since(NOW + 59 * SECOND - 1) == 2
    assert counts.since(NOW) == 3
    assert (counts.since(0, "s1"), counts.since(0, "s2")) == (3, 0), "the minute before the newest alone is kept"
    assert (counts.so_far_today(), counts.so_far_today("s1"), counts.so_far_today("s2")) == (4, 3, 1)


def test_a_change_counts_by_the_minute_and_not_by_the_day() -> None:
    counts = OrderCounts()
    counts.made("s1", NOW)
    counts.changed("s1", NOW + 1)

    assert (counts.since(NOW - 1), counts.so_far_today()) == (2, 1)
    counts.open_day()
    assert (counts.since(NOW - 1), counts.so_far_today()) == (2, 0), "a minute does not end with a day"


@given(
    made=st.lists(st.tuples(st.integers(0, 3 * MINUTE // SECOND), st.sampled_from(["s1", "s2"])), max_size=40),
    back=st.integers(0, 60),
)
def test_what_was_made_lately_is_counted_in_whatever_order_it_is_told(made: list[tuple[int, str]], back: int) -> None:
    counts = OrderCounts()
    for second, strategy in made:
        counts.made(strategy, second * SECOND)

    newest = max((second for second, _ in made), default=0)
    since = [strategy for second, strategy in made if second > newest - back]
    start = (newest - back) * SECOND
    assert counts.since(start) == len(since)
    assert counts.since(start, "s1") == since.count("s1")
    assert counts.recent == sorted(counts.recent)


def test_the_end_of_a_part_says_nothing_of_the_part_that_took_its_place() -> None:
    counts = OrderCounts()
    counts.approved(an_intent("a", parent="p"), NOW)
    counts.approved(an_intent("b", parent="p"), NOW)

    counts.part_over("a")
    assert counts.repeated(an_intent("c", parent="p")) == NOW
    counts.part_over("b")
    assert counts.repeated(an_intent("c", parent="p")) is None
