"""Every sample has its page, with its own words, its parameters and its picture."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import pytest

import domain.strategies
from docs.tools.strategy_pages import FOLDER, SAMPLES, Sample, page, picture, rules
from domain.calendar import SessionCalendar
from research.backtest import backtest
from research.synthetic import shares


def test_every_sample_but_the_clockwork_one_has_a_page() -> None:
    modules = {each.name for each in pkgutil.iter_modules(domain.strategies.__path__)} - {"pulse"}

    assert {each.path.partition(":")[0] for each in SAMPLES} == modules
    assert {each.stem for each in FOLDER.glob("*.md")} == {each.stem for each in FOLDER.glob("*.svg")} == modules
    overview = (FOLDER.parent / "strategies.md").read_text()
    assert all(f"`{each.path}`](strategies/" in overview for each in SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda each: str(each.path))
def test_a_page_says_what_the_code_says(sample: Sample) -> None:
    """All but the backtest's figures: those are made by the command."""
    name, _, kind = sample.path.partition(":")
    module = importlib.import_module(f"domain.strategies.{name}")
    strategy: Any = getattr(module, kind)()
    small = shares(2, 2, SessionCalendar(fallback_weekdays=True), interval_seconds=900)[
        : len(strategy.legs or "1") if hasattr(strategy, "legs") else 1
    ]
    done = backtest(strategy, small, rules(sample), SessionCalendar(fallback_weekdays=True), engine="event")

    wanted = page(sample, inspect.getdoc(module) or "", strategy, done)
    found = (FOLDER / f"{name}.md").read_text()

    assert found.partition("| | |\n")[0] == wanted.partition("| | |\n")[0]
    assert found.partition("Made by")[2] == wanted.partition("Made by")[2]
    assert all(f"| `{field}` |" in found for field in strategy.__struct_fields__)
    assert (FOLDER / f"{name}.svg").read_text()[:60] == picture(done)[:60]
