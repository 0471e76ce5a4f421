"""Each fill's difference is split without a rest, and what one side ordered alone is said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.messages.journal import TradeBooked
from domain.strategies.ma_crossover import MaCrossover
from domain.values import SECOND, Side
from research.backtest import backtest
from research.parity import Ordered, backtest_orders, compare, in_one, live_orders
from research.synthetic import shares
from tests.strategy.playing import a_bar, a_runner, accepted, at, filled, play, warmed
from tests.strategy.rules import Digits
from tests.strategy.test_bias import CALENDAR, rules

ORDER = Ordered("NSE:INFY", at(120), 100, False, 100, 1_010_000.0, 1_000_000.0, 1_004_000.0)
prices = st.integers(900_000, 1_100_000).map(float)


@given(prices, prices, prices, prices, prices, st.sampled_from([1, -1]), st.integers(1, 500))
def test_the_parts_add_up(
    live: float, reference: float, arrival: float, past: float, close: float, sign: int, units: int
) -> None:
    one = Ordered("NSE:INFY", at(60), sign * units, False, sign * units, live, reference, arrival)
    other = Ordered("NSE:INFY", at(60), sign * units, False, sign * units, past, close)

    [found] = compare([one], [other], 60).matched

    assert found.total == sign * units * (live - past)
    assert found.data + found.latency + found.slippage + found.model == found.total


def test_a_buyer_who_is_late_paid_for_it() -> None:
    past = replace(ORDER, price=1_001_000.0, arrival=0.0)

    done = compare([ORDER], [past], 60, (30_000, 20_000))

    [found] = done.matched
    assert (found.total, found.data, found.latency, found.slippage, found.model) == (
        900_000,
        0,
        400_000,
        600_000,
        -100_000,
    )
    assert in_one("2026-11-20", [done, done]).line == (
        "signals 2 matched, 0 missed, 0 added; 182.00 less than its backtest "
        "(latency +80.00, slippage +120.00, model -20.00, cost +2.00, data +0.00, missed +0.00)"
    )


sides = st.lists(
    st.builds(
        Ordered,
        instrument=st.sampled_from(["NSE:INFY", "NFO:NIFTY26NOVFUT"]),
        time=st.integers(0, 300).map(at),
        signed=st.sampled_from([1, -1]),
        reduce_only=st.booleans(),
        filled=st.integers(0, 100),
        price=prices,
        reference=prices,
        arrival=prices,
    ).map(lambda one: replace(one, signed=100 * one.signed, filled=one.signed * one.filled)),
    max_size=6,
)


@given(sides, sides, st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)))
def test_all_causes_together_are_the_difference_of_the_results(
    live: list[Ordered], past: list[Ordered], charges: tuple[int, int]
) -> None:
    closes, multipliers = {"NSE:INFY": 950_000.0, "NFO:NIFTY26NOVFUT": 1_050_000.0}, {"NFO:NIFTY26NOVFUT": 65}

    def made(orders: list[Ordered]) -> float:
        return sum(
            one.filled * (closes[one.instrument] - one.price) * multipliers.get(one.instrument, 1) for one in orders
        )

    found = compare(live, past, 60, charges, closes=closes, multipliers=multipliers)

    assert sum(found.parts().values()) == made(past) - charges[1] - (made(live) - charges[0])
    assert found.both + len(found.missed) == len(past)
    assert found.both + len(found.extra) == len(live)


def test_orders_pair_with_their_like_and_the_rest_is_alone() -> None:
    sale = replace(ORDER, signed=-100, filled=-100, reduce_only=True, time=at(180))
    later = replace(ORDER, time=at(600))

    done = compare([ORDER, later], [replace(ORDER, time=at(121)), sale], 60)

    assert len(done.matched) == 1
    assert done.missed == (sale,)
    assert done.extra == (later,)


def test_the_journals_orders_are_the_decisions() -> None:
    runner = warmed(a_runner(Digits()))
    made = play(runner, [a_bar(0, 105), a_bar(1, 101), a_bar(2, 100)])
    events = [event for intent in made for event in filled(intent)]

    found = live_orders(events, "it", 60)

    assert [(each.time, each.signed, each.filled, each.reduce_only) for each in found] == [
        (at(120), 100, 100, False), (at(180), -100, -100, True),
    ]  # fmt: skip
    assert [each.price for each in found] == [1_010_000, 1_000_000]
    assert live_orders(events, "another", 60) == []


def test_slices_are_one_decision_a_stop_that_rested_is_none_and_the_brokers_own_sale_is_one() -> None:
    [whole] = play(warmed(a_runner(Digits())), [a_bar(0, 105), a_bar(1, 101)])
    slices = [
        replace(whole, intent_id=f"{whole.intent_id}.{number}", slice_of=whole.intent_id, quantity=50)
        for number in (1, 2)
    ]
    stop = replace(whole, intent_id="stop", side=Side.SELL, reduce_only=True, protective=True)
    [sold] = [event for event in filled(stop, time=at(300)) if isinstance(event, TradeBooked)]
    events = [*(event for each in slices for event in filled(each)), accepted(stop), replace(sold, tag="")]

    found = live_orders(events, "it", 60)

    assert [(each.signed, each.filled, each.reduce_only) for each in found] == [(100, 100, False), (-100, -100, True)]


def test_a_run_is_at_parity_with_itself() -> None:
    series = shares(1, 3, CALENDAR)
    run = backtest(MaCrossover(), series, rules(), CALENDAR, engine="event").run
    first = int(series[0].start[0]) + 86_400 * SECOND
    past = backtest_orders(run, series, first)

    done = compare([replace(each, arrival=each.reference) for each in past], past, 60)

    assert len(past) > 20
    assert not done.missed
    assert not done.extra
    assert {each.total for each in done.matched} == {0.0}
    assert in_one("2026-11-20", [done]).total == 0
