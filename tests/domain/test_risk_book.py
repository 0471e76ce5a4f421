from typing import Any

import msgspec
import pytest

from domain.messages.broker import BrokerStatus
from domain.messages.journal import (
    FillSeen,
    IntentExpired,
    JournalRecord,
    OrderAcknowledged,
    OrderClosed,
    OrderQuarantined,
    OrderRejected,
    OrderState,
)
from domain.portfolio import SequenceGap, SnapshotUnreadable
from domain.risk import Exposure, RiskBook, Standing
from domain.values import MINUTE, RUPEE, SECOND, Product, Side
from tests.domain.builders import (
    GOLD_FUTURE,
    INFY,
    INSTRUMENTS,
    NEXT_DAY,
    NOW,
    SBIN,
    a_risk_book,
    a_trade,
    accepted,
    an_intent,
    day_opened,
    journal,
    seen,
    some_limits,
)

INTENT = an_intent()
ACCEPTED = accepted(INTENT, "tag1", margin=2_000 * RUPEE)
ACKNOWLEDGED = OrderAcknowledged(tag="tag1", order_id="o1", strategy="s1", time=NOW)
QUARANTINED = OrderQuarantined(tag="tag1", strategy="s1", text="timeout", time=NOW)


def closed(filled: int, state: OrderState = OrderState.COMPLETE) -> OrderClosed:
    return OrderClosed(tag="tag1", order_id="o1", strategy="s1", state=state, filled=filled, text="", time=NOW)


def rejected() -> OrderRejected:
    return OrderRejected(tag="tag1", order_id="", strategy="s1", text="margin", time=NOW)


def expired(tag: str = "tag1") -> IntentExpired:
    return IntentExpired(tag=tag, intent_id="s1:1", strategy="s1", why="late", time=NOW)


def line(book: RiskBook, strategy: str = "s1") -> Exposure:
    return book.exposure(strategy, INFY.token, Product.MIS)


def traded(quantity: int, **changes: Any) -> Any:
    return a_trade(f"t{quantity}", tag="tag1", quantity=quantity, **changes)


def test_an_open_order_counts_as_if_it_filled() -> None:
    book = a_risk_book(ACCEPTED)

    assert line(book) == Exposure(position=0, buys=10, opening_buys=10)
    assert book.worst_case(INFY.token) == 10
    assert book.margin_used(some_limits()) == 2_000 * RUPEE


def test_a_seen_fill_and_its_trade_are_counted_once_whichever_comes_first() -> None:
    for events in (
        [seen(INTENT, "tag1", 4), traded(4)],
        [traded(4), seen(INTENT, "tag1", 4)],
        [traded(3), seen(INTENT, "tag1", 4), traded(1)],
        [seen(INTENT, "tag1", 4), seen(INTENT, "tag1", 2), traded(4)],
    ):
        book = a_risk_book(ACCEPTED, *events)

        assert line(book) == Exposure(position=4, buys=6, opening_buys=6)
        assert book.worst_case(INFY.token) == 10
        # Four tenths of the hold went to the position, which takes as much.
        book.mark(INFY.token, 1000 * RUPEE)
        assert book.margin_used(some_limits()) == 2_000 * RUPEE


def test_a_fill_is_seen_before_it_is_booked() -> None:
    book = a_risk_book(ACCEPTED, seen(INTENT, "tag1", 10))

    assert line(book) == Exposure(position=10)


@pytest.mark.parametrize(
    ("ending", "position"),
    [
        ([expired()], 0),
        ([rejected()], 0),
        ([ACKNOWLEDGED, traded(10), closed(10)], 10),
        ([ACKNOWLEDGED, traded(4), closed(4, OrderState.CANCELLED)], 4),
        ([QUARANTINED, closed(0, OrderState.CANCELLED)], 0),
        ([closed(0, OrderState.CANCELLED), traded(4)], 4),  # a fill that lost the race to the cancel, booked late
    ],
)
def test_what_is_final_holds_nothing_any_more(ending: list[Any], position: int) -> None:
    book = a_risk_book(ACCEPTED, *ending)

    assert line(book) == Exposure(position=position)
    assert book.open_orders() == ()


def test_a_quarantined_order_stays_in_the_worst_case_until_it_is_resolved() -> None:
    book = a_risk_book(ACCEPTED, QUARANTINED)
    assert [order.tag for order in book.unresolved("s1", INFY.token)] == ["tag1"]
    assert book.worst_case(INFY.token) == 10

    book.apply_all(journal(ACKNOWLEDGED, after=book.seq))
    assert book.unresolved("s1", INFY.token) == ()


def test_two_holds_cannot_use_the_same_margin() -> None:
    book = a_risk_book()
    book.hold(an_intent("a"), 700, NOW)
    book.hold(an_intent("b"), 500, NOW)

    assert book.margin_used(some_limits()) == 1_200
    with pytest.raises(ValueError, match="held or journaled already"):
        book.hold(an_intent("a"), 700, NOW)


def test_a_hold_becomes_an_order_without_being_counted_twice() -> None:
    book = a_risk_book()
    book.hold(INTENT, 2_000 * RUPEE, NOW)
    before = (book.worst_case(INFY.token), book.margin_used(some_limits()), book.orders_today())

    book.apply_all(journal(ACCEPTED, after=book.seq))

    assert (book.worst_case(INFY.token), book.margin_used(some_limits()), book.orders_today()) == before
    assert [order.standing for order in book.open_orders()] == [Standing.LIVE]


def test_a_hold_nobody_may_send_any_more_is_given_up() -> None:
    book = a_risk_book()
    book.hold(an_intent("a", valid_until=NOW + SECOND), 700, NOW)

    assert book.expire_holds(NOW) == []
    assert book.expire_holds(NOW + SECOND) == ["a"]
    assert book.margin_used(some_limits()) == 0


def test_only_a_hold_can_be_released() -> None:
    book = a_risk_book(ACCEPTED)
    book.hold(an_intent("a"), 700, NOW)

    assert not book.release("a", NOW - 1), "it is of a former approval"
    assert book.release("a", NOW)
    assert not book.release("a", NOW)
    assert not book.release("s1:1", NOW)
    assert len(book.open_orders()) == 1


def test_orders_are_counted_by_second_minute_and_day() -> None:
    times = [NOW - 2 * MINUTE, NOW - 30 * SECOND, NOW - SECOND, NOW]
    book = a_risk_book(*(accepted(an_intent(f"i{n}"), f"tag{n}", time=time) for n, time in enumerate(times)))
    book.hold(an_intent("held"), 0, NOW)

    assert book.orders_since(NOW - SECOND) == 2
    assert book.orders_since(NOW - MINUTE) == 4
    assert book.orders_today() == 5


def test_a_new_day_counts_its_orders_anew_and_keeps_positions_and_open_orders() -> None:
    book = a_risk_book(ACCEPTED, traded(4), accepted(an_intent("b"), "tag2"))
    book.apply_all(journal(expired_b(), day_opened(NEXT_DAY), after=book.seq))

    assert book.day == NEXT_DAY.isoformat()
    assert book.orders_today() == 0
    assert line(book) == Exposure(position=4, buys=6, opening_buys=6)
    book.apply_all(journal(traded(6), closed(10), after=book.seq))
    assert book.is_known("s1:1"), "it was open when the day began"
    assert not book.is_known("b")


def expired_b() -> IntentExpired:
    return IntentExpired(tag="tag2", intent_id="b", strategy="s1", why="late", time=NOW)


def test_a_late_approval_said_to_be_void_takes_nothing_from_its_journaled_order() -> None:
    book = a_risk_book(ACCEPTED, expired(tag=""))

    assert line(book) == Exposure(position=0, buys=10, opening_buys=10)


def test_a_void_approval_of_a_former_gate_takes_nothing_from_our_own_of_the_same_id() -> None:
    """Both gates number their exits from the same journal: the second approval of `…:1` is on its way as well."""
    book = a_risk_book()
    book.hold(INTENT, 2_000 * RUPEE, NOW)

    book.apply_all(journal(expired(tag=""), after=book.seq))

    assert line(book) == Exposure(position=0, buys=10, opening_buys=10)
    assert book.margin_used(some_limits()) == 2_000 * RUPEE
    assert book.release("s1:1", NOW), "what ends our own is said of it"
    assert book.open_orders() == ()


def test_the_same_day_said_again_forgets_nothing() -> None:
    book = a_risk_book(ACCEPTED, day_opened())

    assert book.orders_today() == 1
    assert book.is_known("s1:1")


def test_exposure_is_added_up_without_netting_strategies_or_products() -> None:
    book = a_risk_book(
        a_trade("1", quantity=10),
        a_trade("2", quantity=10, side=Side.SELL, strategy="s2"),
        a_trade("3", quantity=5, product=Product.CNC),
        a_trade("4", quantity=1, token=SBIN.token, instrument=SBIN.key, price=800 * RUPEE),
    )
    book.mark(INFY.token, 1100 * RUPEE)

    assert book.worst_case(INFY.token) == 25
    assert book.gross_exposure() == (25 * 1100 + 800) * RUPEE
    assert book.gross_exposure(leave_out=INFY.token) == 800 * RUPEE


def test_values_include_the_multiplier() -> None:
    book = a_risk_book(
        a_trade(quantity=2, token=GOLD_FUTURE.token, instrument=GOLD_FUTURE.key, product=Product.NRML, price=700)
    )

    assert book.gross_exposure() == 2 * 700 * 10
    assert book.margin_used(some_limits()) == 2 * 700 * 10


def test_a_held_order_without_any_price_is_valued_at_its_decision() -> None:
    book = a_risk_book()
    book.hold(INTENT, 0, NOW)

    assert book.gross_exposure() == 10_000 * RUPEE


def test_a_record_counts_once_and_a_gap_is_not_stepped_over() -> None:
    book = a_risk_book(ACCEPTED)

    assert not book.apply(JournalRecord(seq=2, event=ACCEPTED))
    assert book.orders_today() == 1
    with pytest.raises(SequenceGap):
        book.apply(JournalRecord(seq=4, event=ACKNOWLEDGED))


def test_a_snapshot_and_the_rest_of_the_journal_are_the_whole_journal() -> None:
    events = [
        ACCEPTED,
        ACKNOWLEDGED,
        seen(INTENT, "tag1", 4),
        accepted(an_intent("b", side=Side.SELL, strategy="s2"), "tag2"),
        traded(4),
        QUARANTINED,
        traded(6),
        closed(10),
        day_opened(NEXT_DAY),
        accepted(an_intent("c"), "tag3"),
    ]
    records = journal(day_opened(), *events)
    whole = RiskBook(INSTRUMENTS)
    whole.apply_all(records)

    for cut in range(len(records) + 1):
        first = RiskBook(INSTRUMENTS)
        first.apply_all(records[:cut])
        # Neither what is held, nor prices, nor frozen strategies are the journal's.
        first.hold(an_intent("held", token=SBIN.token, instrument=SBIN.key), 9, NOW)
        first.mark(INFY.token, 5)
        first.freeze("s1", "why not")
        second = RiskBook.decode(first.encode(), INSTRUMENTS)
        second.apply_all(records[max(0, cut - 2) :])

        assert second.encode() == whole.encode()
        assert second.exposures() == whole.exposures()
        assert second.frozen("s1") is None


def test_a_snapshot_of_another_kind_is_refused() -> None:
    with pytest.raises(SnapshotUnreadable):
        RiskBook.decode(b"[]")
    with pytest.raises(SnapshotUnreadable, match="format 7"):
        RiskBook.decode(a_risk_book().encode().replace(b'"format":2', b'"format":7'))


def test_a_strategy_is_frozen_until_it_is_thawed() -> None:
    book = a_risk_book()

    book.freeze("s1", "three crashes")
    assert book.frozen("s1") == "three crashes"
    assert book.frozen("s2") is None

    book.thaw("s1")
    assert book.frozen("s1") is None


@pytest.mark.parametrize(
    "end",
    [
        closed(10),
        seen(INTENT, "tag1", 10),
        msgspec.structs.replace(seen(INTENT, "tag1", 4), status=BrokerStatus.CANCELLED),
    ],
    ids=["closed", "filled", "cancelled"],
)
def test_a_part_may_follow_one_that_looks_like_it_when_that_is_over(end: OrderClosed | FillSeen) -> None:
    """The slices of a decision that is late after a restart are alike, and follow each other within a second."""
    parts = [msgspec.structs.replace(an_intent(f"s1:1#{number}"), parent="s1:1") for number in (1, 2)]
    book = a_risk_book()
    book.hold(parts[0], 0, NOW)
    book.apply_all(journal(day_opened(), accepted(parts[0], "tag1"), ACKNOWLEDGED))
    assert book.repeated(parts[1]) == NOW, "not beside it"

    book.apply(JournalRecord(4, end))

    assert book.repeated(parts[1]) is None
    assert book.repeated(an_intent("s1:2")) == NOW, "a decision of its own is no part"
    assert book.repeated(msgspec.structs.replace(parts[1], parent="s1:3")) == NOW, "nor is another's"


def test_an_order_that_was_never_sent_may_be_tried_again_at_once() -> None:
    book = a_risk_book()
    book.hold(an_intent("s1:1"), 0, NOW)
    assert book.repeated(an_intent("s1:2")) == NOW

    book.release("s1:1", NOW)

    assert book.repeated(an_intent("s1:2")) is None


def test_an_exit_under_way_opens_nothing_on_either_side() -> None:
    for side, other in ((Side.BUY, Side.SELL), (Side.SELL, Side.BUY)):
        held = a_trade("held", side=other, quantity=10)
        leaving = accepted(an_intent("s1:out", side=side, quantity=6, reduce_only=True), "out")
        opening = accepted(an_intent("s1:in", side=side, quantity=3), "in")
        found = line(a_risk_book(held, leaving, opening))

        bought = side is Side.BUY
        assert (found.buys, found.opening_buys) == ((9, 3) if bought else (0, 0))
        assert (found.sells, found.opening_sells) == ((0, 0) if bought else (9, 3))
