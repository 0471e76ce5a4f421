"""Lanes, conflation and the bound."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from actors.runtime import Lane, MailboxSpec, Overflow
from actors.runtime.mailbox import Entry, Mailbox


def an_entry(message: object, lane: Lane = Lane.EVENT, key: Hashable = None, life: int = 0) -> Entry:
    return Entry(message, None, lane, key, 0, life)


def a_mailbox(*entries: Entry, capacity: int = 100, overflow: Overflow = Overflow.REFUSE_DATA) -> Mailbox:
    mailbox = Mailbox(MailboxSpec(capacity, overflow))
    for entry in entries:
        mailbox.put(entry)
    return mailbox


def taken(mailbox: Mailbox) -> list[object]:
    return [entry.message for entry in mailbox.clear()]


def test_a_lower_lane_overtakes_and_a_lane_is_first_in_first_out() -> None:
    mailbox = a_mailbox(
        an_entry("d1", Lane.DATA),
        an_entry("e1"),
        an_entry("c1", Lane.CONTROL),
        an_entry("d2", Lane.DATA),
        an_entry("e2"),
        an_entry("c2", Lane.CONTROL),
    )

    assert taken(mailbox) == ["c1", "c2", "e1", "e2", "d1", "d2"]


def test_a_newer_message_of_the_same_key_takes_the_place_of_the_older() -> None:
    mailbox = a_mailbox(
        an_entry("a1", Lane.DATA, "a"),
        an_entry("b1", Lane.DATA, "b"),
        an_entry("a2", Lane.DATA, "a"),
    )

    assert taken(mailbox) == ["a2", "b1"]
    assert mailbox.conflated == 1


class Several(NamedTuple):
    """A message that keeps what an older one says of others."""

    values: tuple[int, ...]

    def after(self, older: Several) -> Several:
        return Several((*older.values, *self.values))


def test_a_message_that_knows_how_is_combined_with_the_one_that_waits() -> None:
    mailbox = a_mailbox(*(an_entry(Several((number,)), Lane.DATA, "a") for number in range(3)))
    other = a_mailbox(an_entry(Several((0,)), Lane.DATA, "a", life=1), an_entry(Several((1,)), Lane.DATA, "a", life=2))

    assert taken(mailbox) == [Several((0, 1, 2))]
    assert mailbox.conflated == 2
    assert taken(other) == [Several((1,))], "what another incarnation was told is none of its business"


def test_a_key_in_another_lane_is_another_key() -> None:
    mailbox = a_mailbox(an_entry("data", Lane.DATA, "a"), an_entry("event", Lane.EVENT, "a"))

    assert taken(mailbox) == ["event", "data"]


def test_messages_without_a_key_never_conflate() -> None:
    mailbox = a_mailbox(an_entry("same"), an_entry("same"))

    assert taken(mailbox) == ["same", "same"]


def test_a_key_that_is_told_all_the_time_is_not_starved_by_others_and_starves_none() -> None:
    mailbox = a_mailbox(*(an_entry((key, 0), Lane.DATA, key) for key in range(5)))
    served = []
    for turn in range(1, 51):
        for key in range(5):
            mailbox.put(an_entry((key, turn), Lane.DATA, key))
        entry = mailbox.take()
        assert entry is not None
        served.append(entry.key)

    assert served == [0, 1, 2, 3, 4] * 10


def test_data_beyond_the_capacity_costs_the_oldest_data_without_a_key() -> None:
    mailbox = a_mailbox(
        an_entry("keyed", Lane.DATA, "k"), *(an_entry(n, Lane.DATA) for n in range(5)), an_entry("event"), capacity=3
    )

    assert mailbox.dropped == 3
    assert taken(mailbox) == ["event", "keyed", 3, 4]


def test_control_events_and_keyed_data_are_never_dropped() -> None:
    for lane, keyed in ((Lane.CONTROL, False), (Lane.EVENT, False), (Lane.DATA, True)):
        mailbox = a_mailbox(*(an_entry(n, lane, n if keyed else None) for n in range(50)), capacity=3)

        assert mailbox.dropped == 0
        assert taken(mailbox) == list(range(50))


def test_a_growing_mailbox_drops_nothing() -> None:
    mailbox = a_mailbox(*(an_entry(n, Lane.DATA) for n in range(50)), capacity=3, overflow=Overflow.GROW)

    assert taken(mailbox) == list(range(50))


def test_the_alert_comes_at_the_capacity_then_at_each_doubling_and_again_after_running_empty() -> None:
    mailbox = a_mailbox(capacity=4)
    alerts = [n for n in range(1, 20) if mailbox.put(an_entry(n))]
    mailbox.clear()
    again = [n for n in range(1, 6) if mailbox.put(an_entry(n))]

    assert alerts == [4, 8, 16]
    assert again == [4]
    assert mailbox.high_water == 19


def test_drops_behind_keyed_data_that_nobody_takes_do_not_grow_the_queue() -> None:
    mailbox = a_mailbox(an_entry("keyed", Lane.DATA, "k"), capacity=10)
    for n in range(10_000):
        mailbox.put(an_entry(n, Lane.DATA))

    assert len(mailbox.lanes[Lane.DATA]) < 40
    assert mailbox.depth == 10


def test_what_only_a_dead_incarnation_may_have_is_taken_out_in_place() -> None:
    mailbox = a_mailbox(an_entry("a"), an_entry("timer", life=1), an_entry("b"), an_entry("later timer", life=2))
    mailbox.remove_life(1)

    assert taken(mailbox) == ["a", "b", "later timer"]


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.sampled_from(list(Lane)), st.sampled_from([None, "x", "y"])),
        st.tuples(st.just("take"), st.none(), st.none()),
        st.tuples(st.just("return"), st.none(), st.none()),
    ),
    max_size=60,
)


@given(STEPS, st.integers(1, 5))
def test_nothing_is_lost_or_doubled_but_what_the_counters_say(
    steps: list[tuple[str, Lane, Hashable]], capacity: int
) -> None:
    mailbox = a_mailbox(capacity=capacity)
    put, out = 0, 0
    last: Entry | None = None
    for number, (step, lane, key) in enumerate(steps):
        if step == "put":
            mailbox.put(an_entry(number, lane, key))
            put += 1
        elif step == "take":
            last = mailbox.take()
            out += last is not None
        elif last is not None:
            mailbox.put_back(last)
            out, last = out - 1, None

        waiting = sum(isinstance(e, tuple) or e.lane >= 0 for q in mailbox.lanes for e in q)
        assert mailbox.depth == waiting == put - out - mailbox.conflated - mailbox.dropped

    rest = mailbox.clear()
    assert len(rest) == put - out - mailbox.conflated - mailbox.dropped
    assert len(set(map(id, rest))) == len(rest)
    assert mailbox.depth == mailbox._emptied == len(mailbox._plain) == 0
    assert not any(mailbox._latest) and not any(mailbox._placed)
