"""A checker is worth what it catches: each deliberate breakage shows within a few seeds of the faults that provoke it.

`python run.py chaos --mutants` hunts them under any faults, as the seeds draw them.
"""

from __future__ import annotations

import pytest

from app.chaos.faults import FAULTS
from app.chaos.mutants import MUTANTS
from app.chaos.pool import hunt, mutant_named
from app.chaos.world import run_seed

SEEDS_MAX = 120


@pytest.mark.parametrize("name", [each.name for each in MUTANTS])
def test_it_is_caught(name: str) -> None:
    fate = hunt(name, faults=mutant_named(name).shown_by, seeds_max=SEEDS_MAX)
    assert fate.seed is not None, f"{name} survives {SEEDS_MAX} seeds: {fate.breaks}"


def test_there_are_enough_of_them_and_their_faults_exist() -> None:
    assert len(MUTANTS) >= 14
    assert {fault for each in MUTANTS for fault in each.shown_by} <= set(FAULTS)


def test_taken_out_again_everything_holds() -> None:
    before = run_seed(1)
    for mutant in MUTANTS:
        with mutant.applied():
            pass
    after = run_seed(1)
    assert not after.violations
    assert after.trace_hash == before.trace_hash
