"""What the broker is asked, when, and in which batches."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from domain.messages.broker import PlaceOrder
from domain.messages.figures import ReadLimits, ReadMargins
from domain.risk.questions import (
    AGAIN_AFTER,
    FIRST_PAUSE,
    LIMITS_BATCH,
    LONGEST_PAUSE,
    MARGINS_BATCH,
    PATIENCE,
    REFUSALS_MAX,
    Questions,
    is_near,
    kind_of,
    openings,
    order_of,
)
from domain.values import InstrumentKind, OrderKind, Product, Side
from tests.domain.builders import INFY, NIFTY_FUTURE, an_intent, some_limits

T = 1_000 * AGAIN_AFTER


def order(number: int = 1, **changes: object) -> PlaceOrder:
    return PlaceOrder("", "NSE", f"S{number}", Side.BUY, 10, Product.MIS, OrderKind.MARKET)


def limits_of(questions: Questions, mono: int = T) -> ReadLimits:
    found = questions.next(mono)
    assert isinstance(found, ReadLimits)
    return found


def margins_of(questions: Questions, mono: int = T) -> ReadMargins:
    found = questions.next(mono)
    assert isinstance(found, ReadMargins)
    return found


def test_a_day_is_asked_in_batches_one_at_a_time_limits_first() -> None:
    questions = Questions()
    names = [f"NSE:S{number}" for number in range(LIMITS_BATCH + 3)]
    questions.open_day(names, [order(number) for number in range(MARGINS_BATCH + 2)])
    counts = []
    while (batch := questions.next(T)) is not None:
        assert questions.next(T) is None, "another is out"
        counts.append(len(batch.instruments) if isinstance(batch, ReadLimits) else len(batch.orders))
        assert questions.answered(batch.request)

    assert counts == [LIMITS_BATCH, 3, MARGINS_BATCH, 2]


def test_the_same_is_not_asked_again_at_once() -> None:
    questions = Questions()
    questions.open_day(["NSE:S1"], [order()])
    for _ in range(2):
        batch = questions.next(T)
        assert batch is not None
        questions.answered(batch.request)

    for mono, asked in ((T + AGAIN_AFTER - 1, False), (T + AGAIN_AFTER, True)):
        questions.about_limits("NSE:S1", mono)
        questions.about_order(order(), mono)
        assert (questions.next(mono) is not None) is asked


def test_a_new_day_asks_all_of_it_and_takes_no_answer_of_yesterday() -> None:
    questions = Questions()
    questions.open_day(["NSE:S1"], [])
    old = limits_of(questions)
    questions.open_day(["NSE:S1"], [])

    assert not questions.answered(old.request)
    assert limits_of(questions).instruments == ("NSE:S1",)


def test_an_answer_that_never_comes_is_asked_for_again() -> None:
    questions = Questions()
    questions.open_day(["NSE:S1"], [])
    lost = limits_of(questions)

    assert questions.next(T + PATIENCE - 1) is None
    again = limits_of(questions, T + PATIENCE)
    assert again.instruments == lost.instruments
    assert not questions.answered(lost.request)
    assert questions.answered(again.request)


def test_what_cannot_be_reached_is_asked_again_ever_later() -> None:
    questions = Questions()
    questions.open_day(["NSE:S1"], [])
    mono, pauses = T, []
    for number in range(12):
        batch = limits_of(questions, mono)
        assert questions.failed(batch.request, refused=False, mono=mono) is (number == 0), "said once"
        began = mono
        while questions.next(mono) is None:
            mono += FIRST_PAUSE
        pauses.append(mono - began)
        # The look that found it asked: as if it were lost.
        mono += PATIENCE

    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert max(pauses) == LONGEST_PAUSE


def test_the_one_order_that_the_broker_refuses_is_found_and_left_alone() -> None:
    questions = Questions()
    orders = [order(number) for number in range(20)]
    questions.open_day([], orders)
    bad, answered, said = orders[13], [], 0
    while (batch := questions.next(T)) is not None:
        assert isinstance(batch, ReadMargins)
        if bad in batch.orders:
            said += questions.failed(batch.request, refused=True, mono=T)
        else:
            questions.answered(batch.request)
            answered += list(batch.orders)

    assert sorted(each.symbol for each in answered) == sorted(each.symbol for each in orders if each != bad)
    assert said == 1
    questions.about_order(bad, T + AGAIN_AFTER)
    assert questions.next(T + AGAIN_AFTER) is None


def test_a_broker_that_refuses_everything_is_left_in_peace() -> None:
    questions = Questions()
    questions.open_day([], [order(number) for number in range(200)])
    asked = 0
    while (batch := questions.next(T)) is not None:
        asked += 1
        questions.failed(batch.request, refused=True, mono=T)

    assert asked == REFUSALS_MAX + 1
    assert questions.next(T + LONGEST_PAUSE) is not None


@pytest.mark.parametrize(
    ("price", "near"),
    [(901, True), (910, True), (912, False), (1000, False), (1088, False), (1090, True), (1100, True)],
)
def test_near_is_within_a_percent_of_either_end(price: int, near: bool) -> None:
    assert is_near(price, (901, 1100)) is near


def test_every_way_to_open_is_asked_and_no_other() -> None:
    both = (Product.MIS, Product.CNC, Product.NRML)
    found = {kind_of(each) for each in openings((INFY, NIFTY_FUTURE), some_limits(allowed_products=both))}

    assert found == {
        (INFY.key, Product.MIS, Side.BUY),
        (INFY.key, Product.MIS, Side.SELL),
        (INFY.key, Product.CNC, Side.BUY),
        (NIFTY_FUTURE.key, Product.MIS, Side.BUY),
        (NIFTY_FUTURE.key, Product.MIS, Side.SELL),
        (NIFTY_FUTURE.key, Product.NRML, Side.BUY),
        (NIFTY_FUTURE.key, Product.NRML, Side.SELL),
    }
    assert openings((replace(INFY, kind=InstrumentKind.INDEX),), some_limits()) == []
    assert openings((INFY,), some_limits(allowed_exchanges=("BSE",))) == []


def test_an_intent_is_asked_about_as_it_stands() -> None:
    intent = an_intent(quantity=7, kind=OrderKind.LIMIT, price=1_000_000)

    assert order_of(intent) == PlaceOrder(
        "", "NSE", "INFY", intent.side, 7, intent.product, OrderKind.LIMIT, price=1_000_000
    )
