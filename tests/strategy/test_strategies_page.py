"""The examples on the strategies page run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from tests.strategy.playing import a_bar, a_price, a_runner, at, play, warmed

PAGE = Path(__file__).resolve().parents[2] / "docs" / "strategies.md"


def examples() -> dict[str, Any]:
    """What the page's Python blocks define."""
    names: dict[str, Any] = {"__name__": "page"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(block, names)  # noqa: S102 - our own page
    return names


def test_the_rule_goes_long_above_its_average_and_leaves_below() -> None:
    rule = examples()["AboveAverage"]()
    assert isinstance(rule, RuleStrategy)
    runner = warmed(a_runner(rule), [a_bar(minute, 1_000, backfilled=True) for minute in range(30)])

    made = play(runner, [a_bar(30, 1_001), a_bar(31, 1_010), a_bar(32, 1_012), a_bar(33, 900)])

    assert [(each.side.value, each.event_time) for each in made] == [("BUY", at(31 * 60)), ("SELL", at(33 * 60))]


def test_the_rules_stop_is_watched_between_bars() -> None:
    runner = warmed(a_runner(examples()["AboveAverage"]()), [a_bar(n, 1_000, backfilled=True) for n in range(30)])
    play(runner, [a_bar(30, 1_010)])

    assert [each.reason for each in runner.price(a_price(1_870, 999), at(1_870))] == ["stop"]


def test_the_event_strategy_buys_once() -> None:
    strategy = examples()["FirstDip"](below=100.0)
    assert isinstance(strategy, EventStrategy)
    runner = a_runner(strategy)

    made = [runner.price(a_price(second, rupees), at(second)) for second, rupees in ((1, 101), (2, 100), (40, 99))]

    assert [len(each) for each in made] == [0, 1, 0]
