"""From the configuration's words to the size of an order, and its explanation to where a person reads it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from app.sizing import sizing_of
from config.errors import ConfigError
from config.sections.trading import SizingSettings, StrategySettings
from domain.messages.orders import OrderIntent
from domain.risk.sizing import (
    EqualRisk,
    FixedQuantity,
    FixedValue,
    FractionalRisk,
    Kelly,
    PercentOfEquity,
    Sizing,
    VolatilityTarget,
)
from domain.strategies.ma_crossover import MaCrossover
from domain.strategies.pulse import Pulse
from domain.values import RUPEE, e4
from tests.market.making import INFY
from tests.strategy.playing import SETTINGS, a_bar, a_price, a_runner, at, filled, warmed

PLAIN = StrategySettings("a.b:C", ("NSE:INFY",), "minute", 300_000 * RUPEE, 5)
TEN_LAKH = 1_000_000 * RUPEE


@pytest.mark.parametrize(
    ("words", "sizing"),
    [
        (None, FixedQuantity(5)),
        (SizingSettings("quantity"), FixedQuantity(5)),
        (SizingSettings("value", value=20_000 * RUPEE), FixedValue(20_000 * RUPEE)),
        (SizingSettings("equity", percent=10), PercentOfEquity(10)),
        (SizingSettings("volatility", percent=0.5, bars=20), VolatilityTarget(0.5, 20)),
        (SizingSettings("risk", percent=1, stop_percent=2), FractionalRisk(1, 2)),
        (SizingSettings("kelly", win_rate=0.55, payoff=1.5), Kelly(0.55, 1.5)),
        (SizingSettings("equal-risk", percent=1), EqualRisk(1, strategies=2, together=500_000 * RUPEE)),
    ],
)
def test_every_way_to_size_from_its_words(words: SizingSettings | None, sizing: Sizing) -> None:
    strategies = {
        "mine": replace(PLAIN, sizing=words),
        "other": replace(PLAIN, capital=200_000 * RUPEE),
        "off": replace(PLAIN, enabled=False),
    }

    assert sizing_of("mine", strategies) == sizing


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (SizingSettings("value"), "value"),
        (SizingSettings("equity"), "percent"),
        (SizingSettings("risk", percent=1), "stop_percent"),
        (SizingSettings("kelly", win_rate=0.5), "payoff"),
    ],
)
def test_a_missing_figure_is_named(words: SizingSettings, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"strategies\.mine\.sizing\.{key}: found nothing"):
        sizing_of("mine", {"mine": replace(PLAIN, sizing=words)})


def first_order(sizing: Sizing) -> OrderIntent:
    """Pulse's first purchase at Rs 100 after bars with a range of 10 paise."""
    runner = a_runner(Pulse(period_seconds=5), settings=replace(SETTINGS, sizing=sizing, capital=TEN_LAKH))
    warmed(runner, [a_bar(minute, 100, backfilled=True) for minute in range(20)])
    for second in range(1210, 1230):
        made = runner.price(a_price(second, 100), at(second)) + runner.timer(at(second))
        if made:
            return made[0]
    raise AssertionError("it decided nothing")


def test_the_order_has_the_size_and_says_why() -> None:
    intent = first_order(PercentOfEquity(10))

    assert intent.token == INFY
    assert intent.quantity == 1_000
    assert intent.reason.endswith("[10 % of 1000000.00 at 100.00: 1000]")


def test_the_range_is_that_of_the_bars() -> None:
    settings = replace(SETTINGS, sizing=VolatilityTarget(0.01, bars=5), capital=TEN_LAKH)
    runner = warmed(a_runner(MaCrossover(fast=2, slow=3), settings=settings))
    made: list[OrderIntent] = []
    for minute, close in enumerate([100, 100, 99, 98, 97, 96, 95, 97, 99, 101, 103, 105]):
        made += runner.bar(a_bar(minute, close), at(60 * (minute + 1)))

    # 100 rupees over the mean true range of the last five bars, their gaps included.
    assert made, "it decided"
    assert made[0].quantity == 100 * RUPEE // average_of_five(made[0])
    assert "over an average range of" in made[0].reason


def average_of_five(intent: OrderIntent) -> int:
    """The range that the explanation names, in 1/10,000 rupee."""
    return e4(intent.reason.split("average range of ")[1].split(":")[0])


def test_a_fixed_quantity_needs_no_explanation() -> None:
    assert "[" not in first_order(FixedQuantity(3)).reason


def test_what_was_lost_makes_the_next_one_smaller() -> None:
    settings = replace(SETTINGS, sizing=PercentOfEquity(10), capital=TEN_LAKH)
    runner = warmed(a_runner(Pulse(period_seconds=5), settings=settings))
    sizes: list[int] = []
    for second in range(1210, 1260):
        price = 100 if runner.ledger.quantity(INFY) == 0 else 50
        for intent in runner.price(a_price(second, price), at(second)) + runner.timer(at(second)):
            sizes.append(intent.quantity)
            for event in filled(intent):
                runner.journaled(event, at(second))

    # A tenth of 10,00,000 buys 1,000; half of it is lost; a tenth of 9,50,000 buys 950.
    assert sizes[:3] == [1_000, 1_000, 950]


def test_what_an_event_of_the_journal_made_counts_from_the_next_size_on() -> None:
    settings = replace(SETTINGS, sizing=PercentOfEquity(10), capital=TEN_LAKH)
    runner = warmed(a_runner(Pulse(period_seconds=5), settings=settings))
    sizes = [runner.units(INFY, e4(100))]
    for second, price in ((1_210, 100), (1_215, 50)):
        [intent] = [
            intent
            for each in range(second, second + 5)
            for intent in runner.price(a_price(each, price), at(each)) + runner.timer(at(each))
        ]
        for event in filled(intent):
            runner.fold(event)
        sizes.append(runner.units(INFY, e4(100)))

    assert sizes == [1_000, 1_000, 950]
