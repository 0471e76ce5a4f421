"""`strategy check`: nothing against the samples, and every planted flaw by the name of its question."""

from __future__ import annotations

import pytest

from domain.calendar import SessionCalendar
from domain.strategy.event import EventStrategy
from domain.strategy.load import load_strategy
from domain.strategy.rule import RuleStrategy, Targets
from research.strategy_check import bounds_of, check, pretend_market
from tests.strategy import flawed

CALENDAR = SessionCalendar(fallback_weekdays=True)
SAMPLES = {
    "ma_crossover:MaCrossover": "minute",
    "rsi_reversion:RsiReversion": "minute",
    "opening_range:OpeningRange": "minute",
    "supertrend:Supertrend": "minute",
    "vwap_reversion:VwapReversion": "minute",
    "pairs:Pairs": "minute",
    "donchian:Donchian": "day",
    "short_straddle:ShortStraddle": "minute",
    "momentum_rotation:MomentumRotation": "day",
    "grid:Grid": "minute",
}


@pytest.mark.parametrize("path", SAMPLES)
def test_nothing_is_found_against_a_sample(path: str) -> None:
    strategy = load_strategy(f"domain.strategies.{path}", {})
    interval = SAMPLES[path]

    found = check(strategy, interval, pretend_market(strategy, interval, CALENDAR), CALENDAR)

    assert [each for each in found if not each.ok] == []
    asked = {"parameters", "warm-up", "repeat"}
    if isinstance(strategy, RuleStrategy):
        asked |= {"names", "hidden state", "purity", "speed"}
    assert {each.name for each in found} == asked
    [repeated] = [each.text for each in found if each.name == "repeat"]
    assert "the same 0 orders" not in repeated


@pytest.mark.parametrize(
    ("strategy", "name", "words"),
    [
        (flawed.GlobalList(), "names", "decide looks at SEEN (a list)"),
        (flawed.HiddenAttribute(), "names", "getattr (no part of decide's language)"),
        (flawed.NotCompilable(), "purity", "cannot be compiled"),
        (flawed.Divides(), "purity", "raises ZeroDivisionError on ordinary data"),
        (flawed.Unbounded(), "parameters", "period: without bounds"),
        (flawed.Misspelt(), "warm-up", "indicator 'SMMA': TA-Lib has no such"),
        (flawed.Forgetful(), "repeat", "two runs over the same prices gave different orders"),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_planted_flaw_is_found_by_name(strategy: RuleStrategy | EventStrategy, name: str, words: str) -> None:
    found = [
        each
        for each in check(strategy, "minute", pretend_market(strategy, "minute", CALENDAR), CALENDAR)
        if not each.ok
    ]

    assert name in {each.name for each in found}
    assert any(words in each.text for each in found if each.name == name), found


def test_a_state_that_is_hidden_where_names_do_not_show_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from research import strategy_check

    answers = iter(range(10**9))

    class Hidden(flawed.Divides, frozen=True):
        @staticmethod
        def decide(*args: object) -> tuple[object, object]:  # type: ignore[override]  # any arguments will do
            return Targets(next(answers) % 5), args[4]

    [found] = strategy_check._purity(Hidden())
    assert (found.name, found.ok) == ("hidden state", False)


def test_bounds_are_what_the_annotations_say() -> None:
    [period, margin] = bounds_of(load_strategy("domain.strategies.supertrend:Supertrend", {"period": 7}))[:2]

    assert (period.name, period.whole, period.low, period.high, period.default) == ("period", True, 2, 100, 7)
    assert (margin.name, margin.whole, margin.low, margin.high, margin.default) == ("multiplier", False, 0.5, 10, 3.0)
