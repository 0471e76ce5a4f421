"""One order's story: every station with its time, the fills with their slippage, whatever happened on the way."""

from __future__ import annotations

from fractions import Fraction

import msgspec
from msgspec.structs import replace

from domain.audit.entries import Entry, Told, body_bytes
from domain.audit.story import Story, tell
from domain.messages.broker import Unresolved
from domain.messages.journal import IntentExpired, JournalEvent, OrderQuarantined, OrderResolved
from domain.messages.operator import OperatorRequest, Resolve
from domain.messages.orders import Denied, DenyReason, OrderPosted
from domain.orders.tags import tag_for
from domain.values import SECOND, Side, e4
from tests.audit.making import ORDER_ID, a_life, as_draft
from tests.support.orders import NOW, an_intent

TAG = tag_for("ma:1")


def story_of(*messages: Told | JournalEvent) -> Story:
    drafts = [as_draft(message) for message in messages]
    entries = [
        Entry(seq, NOW, each.kind, each.tag, each.order_id, each.strategy, 0, msgspec.Raw(body_bytes(each)))
        for seq, each in enumerate(drafts, 1)
    ]
    story = tell(TAG, entries)
    assert story is not None
    return story


def test_a_filled_order_from_decision_to_close() -> None:
    story = story_of(*a_life())

    assert (story.tag, story.order_id, story.strategy, story.state) == (TAG, ORDER_ID, "ma", "complete")
    assert (story.side, story.quantity, story.instrument) == ("BUY", 10, "NSE:INFY")
    assert (story.filled, story.value) == (10, 4 * e4("1500.50") + 6 * e4("1501"))
    half = SECOND // 2
    times = [None if at is None else (at - NOW) // half for at in msgspec.structs.astuple(story.times)]
    assert times == [0, 1, 2, 3, 4, 5, 6, 6, 7, 10]
    assert story.arrival_bps == (Fraction(story.value, 10) - e4("1500")) * 10_000 / e4("1500")
    assert story.request_ns == 42_000_000
    assert [step.kind for step in story.steps] == [
        "strategy.decided", "risk.approved", "order.intent", "order.sending", "order.posted", "order.acknowledged",
        "order.fill_seen", "order.trade", "order.trade", "order.closed",
    ]  # fmt: skip


def test_slippage_is_exact_and_counts_against_us_on_both_sides() -> None:
    bought = story_of(*a_life())
    sold = replace(bought, side=Side.SELL.value)

    assert bought.slippage == Fraction(8, 10) * e4("1")  # 0.4 x 0.50 + 0.6 x 1.00 rupees
    assert bought.slippage_bps == Fraction(8, 10) / 1500 * 10_000
    assert sold.slippage == -Fraction(8, 10) * e4("1")


def test_a_denied_decision() -> None:
    story = story_of(an_intent("ma:1"), Denied("ma:1", "ma", DenyReason.HALTED, "the state is HALTED", NOW))

    assert (story.state, story.order_id, story.filled) == ("denied", "", 0)
    assert (story.slippage, story.slippage_bps, story.request_ns) == (None, None, None)
    assert story.steps[-1].text == "halted: the state is HALTED"


def test_a_repeated_decision_that_is_denied_does_not_deny_the_order() -> None:
    repeated = Denied("ma:1", "ma", DenyReason.DUPLICATE_INTENT, "seen", NOW)

    assert story_of(*a_life(), repeated).state == "complete"


def test_an_unresolved_order_and_the_person_who_resolved_it() -> None:
    posted = OrderPosted(TAG, Unresolved("no reply"), 2, 0, 7_000_000_000, NOW)
    asked = OperatorRequest(7, NOW, "asha", Resolve("looked in Kite", TAG))
    story = story_of(
        *list(a_life())[:4],
        posted,
        OrderQuarantined(TAG, "ma", "no reply", NOW),
        asked,
        OrderResolved(TAG, "", "ma", "asha", "looked in Kite", NOW),
        IntentExpired(TAG, "ma:1", "ma", "absent", NOW),
    )

    assert story.state == "expired"
    assert [step.text for step in story.steps[4:8]] == [
        "unresolved after 7000.0 ms: no reply",
        "no reply",
        "asha asks to resolve: looked in Kite",
        "asha says absent: looked in Kite",
    ]


def test_no_entries_no_story() -> None:
    assert tell(TAG, []) is None
