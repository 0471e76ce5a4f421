"""The two engines are one: the same orders, fills, denials and cash, to the paisa, whatever is drawn."""

from __future__ import annotations

from collections import Counter

import pytest

from research.records import DENIALS, Outcome
from tests.research.drawing import both, drawn
from tests.research.shapes import SHAPES

CASES = 2_000
"""In every run of the tests, over all shapes."""


@pytest.mark.slow
@pytest.mark.timeout(900)  # a shape is compiled once, which takes seconds on an idle machine
@pytest.mark.parametrize("shape", range(len(SHAPES)), ids=[each.__name__ for each in SHAPES])
def test_the_engines_agree_on_whatever_is_drawn(shape: int) -> None:
    outcomes: Counter[str] = Counter()
    for seed in range(shape, CASES, len(SHAPES)):
        case = drawn(seed)
        compiled, event = both(case)

        assert compiled.orders == event.orders, seed
        assert compiled.fills == event.fills, seed
        assert compiled.days == event.days, seed
        assert compiled.decided == event.decided, seed
        outcomes.update(Outcome(order.outcome).name for order in event.orders)
        outcomes.update(DENIALS[order.denial - 1].name for order in event.orders if order.denial)

    assert outcomes["FILLED"] > 100  # the property is about something
    assert outcomes["DENIED"] > 20


@pytest.mark.long("engines")
@pytest.mark.parametrize("tenth", range(10))
def test_a_hundred_thousand_runs(tenth: int) -> None:
    for seed in range(10_000 + tenth * 10_000, 20_000 + tenth * 10_000):
        compiled, event = both(drawn(seed))

        assert compiled == event, seed
