"""Rules over several instruments and intervals: joined as of closed bars, one order at a time in each."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import msgspec
import pytest

from domain.bars import Bar
from domain.indicators.declaration import Indicator, indicator
from domain.messages.market import BarsBackfilled
from domain.messages.orders import OrderIntent
from domain.strategy.chain import chain_of
from domain.strategy.rule import Book, NoState, RuleStrategy, SessionNow, Targets
from domain.strategy.runner import StrategyRunner
from domain.values import RUPEE, SECOND, Instrument, InstrumentKind
from tests.market.making import INFY, OPENS, SBIN, OneDay
from tests.strategy.playing import SETTINGS, SHARE, a_bar, a_price, a_runner, at, fill_all, warmed

DAY = 86_400
OTHER = msgspec.structs.replace(SHARE, token=SBIN, symbol="SBIN")


class Close(NamedTuple):
    close: float


class Rows(NamedTuple):
    one: Close
    other: Close


class Books(NamedTuple):
    one: Book
    other: Book


SEEN: list[tuple[float, float, float, float]] = []


class Pair(RuleStrategy, frozen=True):
    """Long the one and short the other while the one is cheaper."""

    legs: ClassVar = ("one", "other")

    @staticmethod
    def decide(
        now: Rows, before: Rows, book: Books, session: SessionNow, state: NoState, params: tuple[()]
    ) -> tuple[tuple[Targets, Targets], NoState]:
        SEEN.append((now.one.close, now.other.close, before.one.close, before.other.close))
        if now.one.close < now.other.close:
            return (Targets(book.one.size, stop=90.0), Targets(-book.other.size)), state
        return (Targets(0), Targets(0)), state


@pytest.fixture(autouse=True)
def _unseen() -> None:
    SEEN.clear()


def a_pair() -> StrategyRunner:
    runner = StrategyRunner("pair", Pair(), [SHARE, OTHER], SETTINGS, OneDay().today)
    for token in (INFY, SBIN):
        runner.backfilled(BarsBackfilled(token, 60, ()), at(0))
    return runner


def both(runner: StrategyRunner, minute: int, one: int, other: int) -> list[OrderIntent]:
    bars = [a_bar(minute, one), a_bar(minute, other, token=SBIN)]
    if minute % 2:
        bars.reverse()  # whichever comes last completes the pair
    return [intent for bar in bars for intent in fill_all(runner, runner.bar(bar, bar.end), bar.end)]


def test_legs_are_decided_on_together_when_each_has_its_bar() -> None:
    runner = a_pair()

    assert both(runner, 0, 110, 105) == []
    assert runner.bar(a_bar(1, 100), at(120)) == []
    entries = runner.bar(a_bar(1, 105, token=SBIN), at(120))

    assert SEEN == [(100.0, 105.0, 110.0, 105.0)]
    assert [(each.token, each.side.value, each.quantity) for each in entries] == [
        (INFY, "BUY", 100), (SBIN, "SELL", 100),
    ]  # fmt: skip


def test_an_interval_in_which_one_leg_did_not_trade_is_left_out() -> None:
    runner = a_pair()
    both(runner, 0, 110, 105)
    runner.bar(a_bar(1, 100), at(120))

    made = both(runner, 2, 101, 106)

    assert SEEN == [(101.0, 106.0, 110.0, 105.0)]
    assert len(made) == 2


def test_a_leg_whose_bar_may_not_be_decided_on_stops_the_decision() -> None:
    runner = a_pair()
    both(runner, 0, 110, 105)
    runner.bar(a_bar(1, 100, complete=False), at(120))

    assert runner.bar(a_bar(1, 105, token=SBIN), at(120)) == []
    assert SEEN == []


def test_each_leg_has_its_own_stop_and_both_are_left_by_a_decision() -> None:
    runner = a_pair()
    both(runner, 0, 110, 105)
    both(runner, 1, 100, 105)

    stopped = runner.price(a_price(130, 89), at(130))
    assert [(each.token, each.reason, each.reduce_only) for each in stopped] == [(INFY, "stop", True)]
    fill_all(runner, stopped, at(130))
    assert runner.price(a_price(131, 200, token=SBIN), at(131)) == []
    left = both(runner, 2, 106, 105)
    assert [(each.token, each.side.value, each.reduce_only) for each in left] == [(SBIN, "BUY", True)]


def test_a_pair_wants_two_instruments() -> None:
    with pytest.raises(ValueError, match="trades one, other together and has 1 instruments"):
        StrategyRunner("pair", Pair(), [SHARE], SETTINGS, OneDay().today)


class DayFilter(RuleStrategy, frozen=True):
    """Buys above the high of the day before."""

    def indicators(self) -> Mapping[str, Indicator]:
        return {
            "high_before": indicator("bar", output="high", interval="day"),
            "quarter": indicator("bar", interval="15minute"),
        }

    @staticmethod
    def decide(
        now: Any, before: Any, book: Book, session: SessionNow, state: NoState, params: tuple[()]
    ) -> tuple[Targets, NoState]:
        SEEN.append((now.close, now.high_before, now.quarter, before.quarter))
        return Targets(book.size if now.close > now.high_before else 0), state


def day_bar(day: int, high: int) -> Bar:
    price = high * RUPEE
    return Bar(INFY, DAY, (OPENS + day * DAY - 33_300) * SECOND, price, price, price, price, 1, backfilled=True)


def test_a_day_filter_on_a_minute_signal() -> None:
    runner = a_runner(DayFilter())
    assert runner.series == ((INFY, 60), (INFY, DAY), (INFY, 900))
    quarters = BarsBackfilled(INFY, 900, (Bar(INFY, 900, at(-DAY), 1, 1, 1, 95 * RUPEE, 1),))

    assert runner.backfilled(quarters, at(1)) == []
    assert runner.bar(a_bar(0, 99), at(60)) == []  # waits for all history
    assert runner.backfilled(BarsBackfilled(INFY, 60, ()), at(61)) == []
    runner.backfilled(BarsBackfilled(INFY, DAY, (day_bar(-2, 120), day_bar(-1, 100))), at(61))
    made = [intent for minute in range(1, 18) for intent in runner.bar(a_bar(minute, 99), at(60 * minute + 60))]

    assert made == []
    assert SEEN[0] == (99.0, 100.0, 95.0, 95.0)
    assert SEEN[-2:] == [(99.0, 100.0, 99.0, 99.0)] * 2
    assert [now for _, _, now, _ in SEEN].index(99.0) == 13  # minute 14 ends the first quarter
    [entry] = runner.bar(a_bar(18, 101), at(19 * 60))
    assert entry.quantity == 100


def test_a_coarse_bar_that_closes_live_is_the_one_made_from_the_own() -> None:
    runner = warmed(a_runner(DayFilter()), [a_bar(-1_440 + minute, 100) for minute in range(390)])
    runner.backfilled(BarsBackfilled(INFY, 900, ()), at(1))
    runner.backfilled(BarsBackfilled(INFY, DAY, (day_bar(-1, 500),)), at(1))

    runner.bar(Bar(INFY, 900, at(0), 1, 1, 1, 1, 1), at(900))
    runner.bar(a_bar(0, 99), at(60))
    runner.bar(a_bar(1, 99), at(120))

    assert SEEN[-1] == (99.0, 500.0, 100.0, 100.0)


def test_an_interval_that_is_not_coarser_is_refused() -> None:
    settings = msgspec.structs.replace(SETTINGS, interval_seconds=3_600)

    with pytest.raises(ValueError, match="reads bars of 900 s, the strategy's own have 3600 s"):
        a_runner(DayFilter(), settings=settings)


# -- the view's other offers ---------------------------------------------------------------------------------------------


def option(token: int, strike: int, kind: InstrumentKind, expiry: dt.date) -> Instrument:
    return Instrument(
        token, "NFO", f"NIFTY{token}", kind, 500, 65, name="NIFTY", expiry=expiry, strike=strike * RUPEE
    )  # fmt: skip


def test_an_option_chain_is_the_nearest_expirys_by_strike() -> None:
    near, far = dt.date(2026, 11, 24), dt.date(2026, 12, 1)
    call, put = InstrumentKind.CALL, InstrumentKind.PUT
    options = [
        option(1, 24_100, call, near), option(2, 24_000, call, near), option(3, 24_000, put, near),
        option(4, 24_100, put, near), option(5, 23_900, put, near), option(6, 24_000, call, far),
    ]  # fmt: skip

    chain = chain_of([*options, SHARE], "NIFTY")

    assert chain is not None
    assert (chain.expiry, chain.strikes) == (near, (24_000 * RUPEE, 24_100 * RUPEE))
    assert [chain.nearest(price * RUPEE) // RUPEE for price in (23_000, 24_050, 24_051)] == [24_000, 24_000, 24_100]
    assert chain.calls[24_100 * RUPEE].token == 1
    later = chain_of(options, "NIFTY", far)
    assert later is not None and later.strikes == ()
    assert chain_of(options, "BANKNIFTY") is None
    assert chain_of(options, "NIFTY", dt.date(2027, 1, 1)) is None


def test_own_orders_and_lots_are_in_view() -> None:
    runner = a_pair()
    both(runner, 0, 110, 105)
    runner.bar(a_bar(1, 100), at(120))
    entries = runner.bar(a_bar(1, 105, token=SBIN), at(120))
    view = runner._view

    [order] = view.orders(SBIN)
    assert (order.leg, order.quantity, order.remaining, order.tag) == ("entry", -100, -100, "")
    fill_all(runner, entries, at(121))
    assert view.orders(SBIN) == ()
    assert view.lots(SBIN) == ((-100, 105 * RUPEE),)
    assert view.held_at(SBIN, at(119)).quantity == 0
    assert view.held_at(SBIN, at(121)).quantity == -100
