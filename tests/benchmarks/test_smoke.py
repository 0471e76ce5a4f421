"""Every measurement runs at its smallest, so that none can rot. How fast anything is, is not asked here."""

from __future__ import annotations

import pytest

from app.commands.bench import available
from benchmarks._run import measured

COMPILED = ("backtest", "portfolio", "sweep", "ten_years")
"""Tested with their engines' agreement, in tests/research."""

APART = ("footprint",)
"""Starts a process three times: with the long ones."""


def _in_words(name: str) -> None:
    rows = measured(name, quick=True)

    assert rows
    assert all(row.benchmark == name and row.name for row in rows)
    assert not [row for row in rows if row.figure.met is False], "what must be so at every size is so"


@pytest.mark.parametrize("name", sorted(set(available()) - {*COMPILED, *APART, "scaling"}))
def test_a_measurement_runs(name: str) -> None:
    _in_words(name)


@pytest.mark.long("benchmarks")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["footprint", "scaling"])
def test_a_slow_measurement_runs(name: str) -> None:
    _in_words(name)
