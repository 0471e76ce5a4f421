"""The samples that are no rules: the straddle step by step, the rotation by the month, also after a crash."""

from __future__ import annotations

import datetime as dt

import msgspec

from domain.bars import Bar
from domain.market.buckets import Hours
from domain.messages.market import BarsBackfilled, PriceChanged
from domain.messages.orders import OrderIntent
from domain.strategies.momentum_rotation import MomentumRotation
from domain.strategies.short_straddle import ShortStraddle
from domain.strategy.runner import StrategyRunner
from domain.strategy.sizing import FixedQuantity
from domain.values import RUPEE, SECOND, Instrument, InstrumentKind, Product, SessionClass
from tests.market.making import CLOSES, OPENS, OneDay
from tests.strategy.playing import SETTINGS, SHARE, at, fill_all

DAY = 86_400
STRIKES = (23_500, 24_000, 24_500)


def an_option(strike: int, kind: InstrumentKind) -> Instrument:
    call = kind is InstrumentKind.CALL
    return Instrument(
        strike + call, "NFO", f"NIFTY{strike}{'CE' if call else 'PE'}", kind, 500, 65, name="NIFTY",
        session=SessionClass.EQUITY_DERIVATIVE, expiry=dt.date(2026, 11, 24), strike=strike * RUPEE,
    )  # fmt: skip


CHAIN = [an_option(strike, kind) for strike in STRIKES for kind in (InstrumentKind.CALL, InstrumentKind.PUT)]
CALL, PUT, UPPER, LOWER = 24_001, 24_000, 24_501, 23_500
PRICES = {23_501: 520, 23_500: 20, 24_001: 110, 24_000: 100, 24_501: 15, 24_500: 490}


def a_straddle() -> StrategyRunner:
    settings = msgspec.structs.replace(SETTINGS, sizing=FixedQuantity(130))
    return StrategyRunner("fear", ShortStraddle(), CHAIN, settings, OneDay().today)


def quote(runner: StrategyRunner, second: int, **changed: int) -> list[OrderIntent]:
    made = []
    for token, rupees in (PRICES | {int(name[1:]): price for name, price in changed.items()}).items():
        price = rupees * RUPEE
        made += runner.price(PriceChanged(token, price, price, price, 1, at(second), at(second)), at(second))
    return made


def entered() -> StrategyRunner:
    """Wings bought, straddle sold, at 09:20."""
    runner = a_straddle()
    quote(runner, 299)
    wings = runner.timer(at(300))
    fill_all(runner, wings, at(301))
    return runner


def orders(intents: list[OrderIntent]) -> list[tuple[int, str, int, bool]]:
    return [(each.token, each.side.value, each.quantity, each.reduce_only) for each in intents]


def test_nothing_is_sold_before_both_wings_are_there() -> None:
    runner = a_straddle()
    quote(runner, 10)
    assert runner.timer(at(200)) == []

    wings = runner.timer(at(300))
    assert orders(wings) == [(UPPER, "BUY", 130, False), (LOWER, "BUY", 130, False)]
    assert runner.timer(at(301)) == []
    sold = fill_all(runner, wings[:1], at(301))[1:]
    assert sold == []
    both = fill_all(runner, wings[1:], at(302))[1:]
    assert orders(both) == [(CALL, "SELL", 130, False), (PUT, "SELL", 130, False)]


def test_a_wing_that_is_refused_ends_the_day_flat() -> None:
    runner = a_straddle()
    quote(runner, 10)
    upper, lower = runner.timer(at(300))
    fill_all(runner, [upper], at(301))
    runner.refused(lower.intent_id)

    left = runner.timer(at(302))

    assert orders(left) == [(UPPER, "SELL", 130, True)]
    fill_all(runner, left, at(303))
    assert runner.timer(at(400)) == []


def test_a_sold_option_that_rises_is_bought_back_and_the_other_stays() -> None:
    runner = entered()

    assert quote(runner, 400, _24001=142) == []
    stopped = quote(runner, 401, _24001=143)
    fill_all(runner, stopped, at(402))

    assert orders(stopped) == [(CALL, "BUY", 130, True)]
    assert [runner.ledger.quantity(token) for token in (CALL, PUT, UPPER, LOWER)] == [0, -130, 130, 130]
    assert runner.timer(at(500)) == []


def test_at_the_end_the_sold_ones_are_left_first_and_the_wings_last() -> None:
    runner = entered()
    end = CLOSES - OPENS - 25 * 60
    quote(runner, end - 1)

    shorts = runner.timer(at(end))
    assert orders(shorts) == [(CALL, "BUY", 130, True), (PUT, "BUY", 130, True)] or sorted(orders(shorts)) == [
        (PUT, "BUY", 130, True), (CALL, "BUY", 130, True),
    ]  # fmt: skip
    done = fill_all(runner, shorts, at(end + 1))

    assert {(each.token, each.side.value) for each in done[2:]} == {(UPPER, "SELL"), (LOWER, "SELL")}
    assert all(runner.ledger.quantity(token) == 0 for token in PRICES)


def test_a_late_start_does_not_enter() -> None:
    runner = a_straddle()
    quote(runner, 1_300)

    assert runner.timer(at(1_300)) == []


def test_after_a_crash_sold_options_keep_their_stops_and_nothing_is_sold_twice() -> None:
    before, after = entered(), a_straddle()
    after.ledger = before.ledger
    quote(after, 320)

    assert after.timer(at(330)) == []
    assert orders(quote(after, 331, _24000=131)) == [(PUT, "BUY", 130, True)]


def test_after_a_crash_wings_alone_are_left() -> None:
    runner = a_straddle()
    quote(runner, 299)
    after = a_straddle()
    wings = runner.timer(at(300))
    for wing in wings:
        after.ledger.emitted(wing)
    fill_all(after, wings, at(301))
    quote(after, 310)

    assert {each[:2] for each in orders(after.timer(at(320)))} == {(UPPER, "SELL"), (LOWER, "SELL")} or (
        after.ledger.quantity(UPPER) == 0
    )


# -- the rotation --------------------------------------------------------------------------------------------------------


class EveryDay:
    """The same hours each day."""

    def today(self, token: int, now: int) -> Hours:
        day = (now // SECOND - OPENS + 33_300) // DAY
        return Hours(OPENS + day * DAY, CLOSES + day * DAY)


SHARES = [msgspec.structs.replace(SHARE, token=token, symbol=f"S{token}") for token in (1, 2, 3)]


def day_bars(day: int) -> list[Bar]:
    """Share 1 rises, share 2 rises faster, share 3 falls; from the 30th day on share 3 rises fastest."""
    made = []
    for token in (1, 2, 3):
        later = max(day - 30, 0)
        price = {1: 1_000 + day, 2: 1_000 + 3 * day, 3: 1_000 - day + 60 * later}[token] * RUPEE
        made.append(Bar(token, DAY, (OPENS - 33_300 + day * DAY) * SECOND, price, price, price, price, 10))
    return made


def a_rotation() -> StrategyRunner:
    settings = msgspec.structs.replace(
        SETTINGS, interval_seconds=DAY, sizing=FixedQuantity(10), product=Product.CNC, intent_valid_seconds=10.0**6
    )
    runner = StrategyRunner("best", MomentumRotation(period=10, hold=2), SHARES, settings, EveryDay().today)
    runner.start_cold()
    return runner


def rotate(runner: StrategyRunner, days: range) -> list[tuple[int, int, str]]:
    made = []
    for day in days:
        for bar in day_bars(day):
            done = fill_all(runner, runner.bar(bar, bar.end), bar.end)
            made += [(day, each.token, each.side.value) for each in done]
    return made


def test_it_holds_what_rose_most_and_changes_with_the_month() -> None:
    runner = a_rotation()

    made = rotate(runner, range(45))

    first = min(day for day, _, _ in made)
    assert {(token, side) for day, token, side in made if day == first} == {(1, "BUY"), (2, "BUY")}
    changed = [(day, token, side) for day, token, side in made if day > first]
    assert {(token, side) for _, token, side in changed} == {(1, "SELL"), (3, "BUY")}
    assert {(OPENS + day * DAY + 19_800) // DAY for day, _, _ in changed} != set()
    assert [runner.ledger.quantity(token) for token in (1, 2, 3)] == [0, 10, 10]


def test_a_restart_knows_what_the_month_chose() -> None:
    runner, again = a_rotation(), a_rotation()
    rotate(runner, range(43))
    again.ledger = runner.ledger
    for token in (1, 2, 3):
        history = [bar for day in range(43) for bar in day_bars(day) if bar.token == token]
        marked = tuple(msgspec.structs.replace(bar, backfilled=True) for bar in history)
        again.backfilled(BarsBackfilled(token, DAY, marked), history[-1].end)

    assert rotate(again, range(43, 50)) == []
    assert again._view.memory.wanted == runner._view.memory.wanted  # type: ignore[attr-defined]  # the strategy's own
