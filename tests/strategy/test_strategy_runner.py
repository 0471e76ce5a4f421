"""The runner: what may be decided on, how targets become orders, and that nothing is ordered twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from domain.bars import Bar
from domain.indicators.declaration import Indicator, indicator
from domain.messages.market import BarsBackfilled
from domain.messages.orders import OrderIntent
from domain.strategies.pulse import Pulse
from domain.strategy.exits import better, exit_reason
from domain.strategy.rule import Book, RuleStrategy, SessionNow, Targets
from domain.strategy.sizing import FixedQuantity, FixedValue, Sizing, size
from domain.values import RUPEE, SECOND, Side
from tests.market.making import INFY, SBIN
from tests.strategy.playing import (
    SETTINGS,
    a_bar,
    a_price,
    a_runner,
    accepted,
    at,
    fill_all,
    filled,
    play,
    warmed,
)
from tests.strategy.rules import Digits, SlowDigits


class Counting(RuleStrategy, frozen=True):
    """Writes down what it is called with; never trades."""

    period: Annotated[int, Meta(ge=2)] = 3

    def indicators(self) -> Mapping[str, Indicator]:
        return {"average": indicator("SMA", timeperiod=self.period)}

    @staticmethod
    def decide(*seen: object) -> tuple[Targets, object]:
        CALLS.append(seen)
        return Targets(0), seen[4]


class Anchors(Counting, frozen=True):
    """The same average from both anchors."""

    def indicators(self) -> Mapping[str, Indicator]:
        return {
            "session": indicator("SMA", timeperiod=3, anchor="session"),
            "series": indicator("SMA", timeperiod=3),
        }


CALLS: list[tuple[object, ...]] = []


@pytest.fixture(autouse=True)
def _no_calls_yet() -> None:
    CALLS.clear()


def sides(intents: list[OrderIntent]) -> list[tuple[str, int, bool]]:
    return [(each.side.value, each.quantity, each.reduce_only) for each in intents]


# -- what may be decided on ------------------------------------------------------------------------------------------


def test_nothing_is_decided_before_the_warm_up_and_a_full_row() -> None:
    runner = a_runner(Counting())

    play(runner, [a_bar(minute, 100) for minute in range(3)])
    assert (runner.warming, len(CALLS)) == (1, 0)

    play(warmed(runner), [a_bar(minute, 100) for minute in range(3, 8)])

    assert runner.needs.warm_up_bars == 4
    assert [call[0][5] for call in CALLS] == [100.0] * 4  # type: ignore[index]  # minutes 4 to 7
    assert runner.warming == 0


def test_live_bars_that_came_during_the_warm_up_are_decided_on_after_it() -> None:
    runner = a_runner(SlowDigits())
    history = [a_bar(minute, 105, backfilled=True) for minute in range(-5, 2)]
    live = [a_bar(1, 105), a_bar(2, 101)]

    assert [runner.bar(bar, at(181)) for bar in live] == [[], []]
    intents = runner.backfilled(BarsBackfilled(INFY, 60, tuple(history)), at(181))

    assert sides(intents) == [("BUY", 100, False)]


@pytest.mark.parametrize(
    ("bar", "now"),
    [
        (a_bar(5, 101, backfilled=True), at(360)),
        (a_bar(5, 101, complete=False), at(360)),
        (a_bar(5, 101), at(360 + 31)),
        (a_bar(5, 101, token=SBIN), at(360)),
        (msgspec.structs.replace(a_bar(5, 101), interval_seconds=300), at(660)),
        (a_bar(0, 101), at(60)),
    ],
    ids=["backfilled", "incomplete", "too old", "not its instrument", "not its interval", "seen before"],
)
def test_bars_that_feed_indicators_alone(bar: Bar, now: int) -> None:
    runner = warmed(a_runner(Digits()))
    play(runner, [a_bar(minute, 105) for minute in range(3)])

    assert runner.bar(bar, now) == []


def test_backfilled_bars_do_feed_indicators() -> None:
    runner = warmed(a_runner(Counting()), [a_bar(minute, 100 + minute, backfilled=True) for minute in range(10)])

    play(runner, [a_bar(10, 110)])

    [(now, before, *_)] = CALLS
    assert now[5] == (108 + 109 + 110) / 3  # type: ignore[index]
    assert before[5] == (107 + 108 + 109) / 3  # type: ignore[index]


def test_the_row_the_book_the_session_and_the_parameters() -> None:
    runner = warmed(a_runner(Counting()), [a_bar(minute, 100, backfilled=True) for minute in range(10)])

    play(runner, [a_bar(10, 110)])

    [(now, _, book, session, state, params)] = CALLS
    assert now._asdict() == {  # type: ignore[attr-defined]
        "open": 110.0, "high": 110.05, "low": 109.95, "close": 110.0, "volume": 100.0, "average": 310 / 3,
    }  # fmt: skip
    assert book == Book(quantity=0, pending=0, size=100, entry=0.0, bars_held=0)
    assert session == SessionNow(bar=11, minutes_open=11, minutes_left=349)
    assert (state, params._asdict()) == ((), {"period": 3})  # type: ignore[attr-defined]


def test_after_a_square_off_nothing_is_decided_until_the_next_day() -> None:
    runner = warmed(a_runner(Digits()))
    play(runner, [a_bar(0, 105), a_bar(1, 101)])

    runner.square_off([INFY, SBIN], at(150))

    assert play(runner, [a_bar(2, 102), a_bar(3, 101)]) == []
    assert sides(play(runner, [a_bar(1_440, 105), a_bar(1_441, 102)])) == [("SELL", 100, True), ("SELL", 100, False)]


def test_nothing_is_decided_before_the_quiet_time_is_over() -> None:
    runner = warmed(a_runner(Digits()))
    runner.quiet_until = at(150)

    assert play(runner, [a_bar(0, 105), a_bar(1, 101)]) == []
    assert sides(play(runner, [a_bar(2, 101)])) == [("BUY", 100, False)]


# -- from targets to orders --------------------------------------------------------------------------------------------


def test_an_intent_says_everything_about_its_decision() -> None:
    runner = warmed(a_runner(Digits(), name="digits"))
    runner.bar(a_bar(0, 105), at(60))

    [intent] = runner.bar(a_bar(1, 101), at(122))

    assert intent.intent_id == f"digits:{at(60)}:{INFY}.entry"
    assert (intent.strategy, intent.token, intent.instrument) == ("digits", INFY, "NSE:INFY")
    assert (intent.side, intent.quantity, intent.reference_price) == (Side.BUY, 100, 101 * RUPEE)
    assert (intent.event_time, intent.decided_time, intent.valid_until) == (at(60), at(122), at(152))
    assert (intent.product, intent.reduce_only, intent.config_version) == (SETTINGS.product, False, 3)


def test_a_change_of_sides_is_an_exit_and_then_an_entry() -> None:
    runner = warmed(a_runner(Digits()))

    made = play(runner, [a_bar(0, 105), a_bar(1, 101), a_bar(2, 102), a_bar(3, 100)])

    assert sides(made) == [("BUY", 100, False), ("SELL", 100, True), ("SELL", 100, False), ("BUY", 100, True)]
    assert [each.intent_id.split(":")[1] for each in made] == [str(at(60)), str(at(120)), str(at(120)), str(at(180))]


def test_the_entry_after_an_exit_waits_until_it_is_flat_and_is_dropped_when_too_late() -> None:
    for filled_at, parts, expected in ((at(181), 100, 1), (at(300), 100, 0), (at(181), 60, 0)):
        runner = warmed(a_runner(Digits()))
        play(runner, [a_bar(0, 105), a_bar(1, 101)])
        [leave] = runner.bar(a_bar(2, 102), at(180))

        follow = [each for event in filled(leave, parts) for each in runner.journaled(event, filled_at)]

        assert len(follow) == expected


def test_one_order_at_a_time_in_an_instrument() -> None:
    runner = warmed(a_runner(Digits()))
    runner.bar(a_bar(0, 105), at(60))
    [first] = runner.bar(a_bar(1, 101), at(120))

    assert runner.bar(a_bar(2, 102), at(180 - 60)) == []  # sent, unknown to the journal
    runner.journaled(accepted(first), at(125))
    assert runner.bar(a_bar(3, 102), at(240)) == []  # under way
    for event in filled(first)[1:]:
        runner.journaled(event, at(241))
    assert sides(runner.bar(a_bar(4, 102), at(300))) == [("SELL", 100, True)]


def test_an_intent_that_vanishes_frees_the_instrument_when_it_may_no_longer_be_sent() -> None:
    runner = warmed(a_runner(Digits()))
    runner.bar(a_bar(0, 105), at(60))
    runner.bar(a_bar(1, 101), at(120))

    assert sides(runner.bar(a_bar(2, 101), at(180))) == [("BUY", 100, False)]
    assert runner.lapsed == 1


def test_a_denial_frees_the_instrument_and_the_next_bar_decides_again() -> None:
    runner = warmed(a_runner(Digits()))
    runner.bar(a_bar(0, 105), at(60))
    [intent] = runner.bar(a_bar(1, 101), at(120))

    runner.refused(intent.intent_id)

    assert sides(runner.bar(a_bar(2, 101), at(180))) == [("BUY", 100, False)]


def test_a_decision_made_before_a_crash_is_not_made_again() -> None:
    """The journal knows the intent; the bar comes again."""
    before = warmed(a_runner(Digits()))
    before.bar(a_bar(0, 105), at(60))
    [intent] = before.bar(a_bar(1, 101), at(120))
    after = a_runner(Digits())
    for event in (*filled(intent), *filled(_exit_of(intent))):
        after.ledger.apply(event)
    warmed(after, [a_bar(0, 105, backfilled=True)])

    assert after.bar(a_bar(1, 101), at(121)) == []
    assert sides(after.bar(a_bar(2, 101), at(181))) == [("BUY", 100, False)]


def _exit_of(intent: OrderIntent) -> OrderIntent:
    return msgspec.structs.replace(
        intent, intent_id=intent.intent_id.replace("entry", "stop"), side=Side.SELL, reduce_only=True
    )


@given(
    st.lists(st.integers(0, 9), min_size=2, max_size=40), st.lists(st.sampled_from(["fill", "part", "deny", "lose"]))
)
def test_the_position_follows_the_targets_and_ids_never_repeat(digits: list[int], fates: list[str]) -> None:
    runner = warmed(a_runner(Digits()))
    made: list[OrderIntent] = []
    turn = 0
    for minute, digit in enumerate(digits):
        waiting = runner.bar(a_bar(minute, 100 + digit), at(60 * minute + 60))
        while waiting:
            intent = waiting.pop()
            made.append(intent)
            fate = fates[turn % len(fates)] if fates else "fill"
            turn += 1
            held = runner.ledger.quantity(INFY)
            if intent.reduce_only:
                assert intent.quantity <= abs(held)
                assert (held > 0) == (intent.side is Side.SELL)
            if fate == "deny":
                runner.refused(intent.intent_id)
            elif fate != "lose":
                quantity = intent.quantity if fate == "fill" else intent.quantity // 2
                for event in filled(intent, quantity):
                    waiting += runner.journaled(event, at(60 * minute + 61))
        assert -100 <= runner.ledger.quantity(INFY) <= 100

    assert len({each.intent_id for each in made}) == len(made)


# -- stops and targets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quantity", "price", "best", "targets", "reason"),
    [
        (10, 95.0, 100.0, Targets(10, stop=95.0), "stop"),
        (10, 95.05, 100.0, Targets(10, stop=95.0), ""),
        (-10, 105.0, 100.0, Targets(-10, stop=105.0), "stop"),
        (-10, 104.95, 100.0, Targets(-10, stop=105.0), ""),
        (10, 110.0, 110.0, Targets(10, target=110.0), "target"),
        (-10, 90.0, 90.0, Targets(-10, target=90.0), "target"),
        (10, 107.0, 110.0, Targets(10, trail=3.0), "trail"),
        (-10, 93.0, 90.0, Targets(-10, trail=3.0), "trail"),
        (10, 108.0, 110.0, Targets(10, trail=3.0), ""),
        (10, 95.0, 100.0, Targets(10, stop=95.0, target=90.0), "stop"),
        (10, 1.0, 100.0, Targets(10), ""),
    ],
)
def test_when_a_position_is_left(quantity: int, price: float, best: float, targets: Targets, reason: str) -> None:
    assert exit_reason(quantity, price, best, targets) == reason


def test_the_best_price_is_on_the_side_of_the_position() -> None:
    assert better(10, 101.0, 100.0) == 101.0
    assert better(-10, 101.0, 100.0) == 100.0
    assert better(10, 101.0, 0) == 101.0


def test_a_stop_is_watched_between_bars_and_ends_the_position_once() -> None:
    runner = warmed(a_runner(Digits(stop=95.0)))
    play(runner, [a_bar(0, 105), a_bar(1, 101)])

    assert runner.price(a_price(130, 96), at(130)) == []
    [intent] = runner.price(a_price(131, 95), at(131))
    assert runner.price(a_price(132, 90), at(132)) == []
    fill_all(runner, [intent], at(133))

    assert (intent.side, intent.quantity, intent.reduce_only, intent.reason) == (Side.SELL, 100, True, "stop")
    assert intent.intent_id == f"it:{at(131)}:{INFY}.stop"
    assert runner.price(a_price(134, 90), at(134)) == []
    assert runner.ledger.quantity(INFY) == 0


def test_a_stop_that_is_refused_is_tried_again_a_second_later() -> None:
    runner = warmed(a_runner(Digits(stop=95.0)))
    play(runner, [a_bar(0, 105), a_bar(1, 101)])
    [refused] = runner.price(a_price(131, 95), at(131))
    runner.refused(refused.intent_id)

    made = [runner.price(a_price(second, 94), at(second)) for second in (131, 132)]

    assert [sides(each) for each in made] == [[], [("SELL", 100, True)]]


def test_a_trail_begins_anew_with_every_position() -> None:
    runner = warmed(a_runner(Digits(trail=5.0)))
    play(runner, [a_bar(0, 105), a_bar(1, 101)])
    runner.price(a_price(121, 130), at(121))
    fill_all(runner, runner.price(a_price(122, 125), at(122)), at(122))
    runner.price(a_price(123, 101), at(123))
    play(runner, [a_bar(2, 101)])

    assert runner.ledger.quantity(INFY) == 100
    assert runner.price(a_price(181, 101), at(181)) == []


def test_a_session_indicator_starts_over_every_day_and_a_series_one_does_not() -> None:
    runner = warmed(a_runner(Anchors()), [a_bar(minute, 100, backfilled=True) for minute in range(400)])
    next_day = 1_440

    play(runner, [a_bar(next_day + minute, 110) for minute in range(4)])

    rows = [(call[0].session, call[0].series) for call in CALLS]  # type: ignore[attr-defined]
    assert rows == [(110.0, 110.0)]  # minute 2 has no row before it
    assert CALLS[0][2] == Book(0, 0, 100, 0.0, 0)


def test_a_trail_follows_the_best_price_since_entry() -> None:
    runner = warmed(a_runner(Digits(trail=5.0)))
    play(runner, [a_bar(0, 105), a_bar(1, 101)])

    prices = [103, 110, 106, 105]
    made = [runner.price(a_price(130 + n, price), at(130 + n)) for n, price in enumerate(prices)]

    assert [len(each) for each in made] == [0, 0, 0, 1]


# -- sizing, pulse -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sizing", "price", "lot", "capital", "units"),
    [
        (FixedQuantity(100), 1_000, 1, 0, 100),
        (FixedQuantity(100), 1_000, 65, 0, 65),
        (FixedQuantity(100), 1_000, 1, 50_000, 50),
        (FixedValue(10_000), 300, 1, 0, 33),
        (FixedValue(10_000), 300, 10, 0, 30),
        (FixedValue(10_000), 10_001, 1, 0, 0),
        (FixedQuantity(100), 0, 1, 0, 0),
    ],
)
def test_size_is_whole_lots_rounded_down(sizing: Sizing, price: int, lot: int, capital: int, units: int) -> None:
    assert size(sizing, price, lot, capital) == units


def test_pulse_buys_and_sells_by_the_clock_and_never_twice_in_a_period() -> None:
    runner = a_runner(Pulse(period_seconds=5, quantity=7))
    made: list[OrderIntent] = []
    for second in range(31):
        news = runner.price(a_price(second, 100), at(second)) + runner.timer(at(second))
        made += fill_all(runner, news, at(second))

    assert runner.warming == 0
    assert sides(made) == [("BUY", 7, False), ("SELL", 7, True)] * 3 + [("BUY", 7, False)]
    assert [(each.event_time - at(0)) // SECOND for each in made] == [0, 5, 10, 15, 20, 25, 30]


def test_pulse_waits_for_its_order_and_for_the_session() -> None:
    runner = a_runner(Pulse(period_seconds=5, quantity=7))

    assert runner.timer(at(1)) == []  # no price yet
    assert runner.price(a_price(-10, 100), at(-10)) == []  # before the open
    [first] = runner.timer(at(5))
    assert runner.timer(at(12)) == []
    fill_all(runner, [first], at(13))
    assert sides(runner.timer(at(17))) == [("SELL", 7, True)]
