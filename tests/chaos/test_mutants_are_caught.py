"""A checker is worth what it catches: each deliberate breakage shows within a few seeds of the faults that provoke it.

`python run.py chaos --mutants` hunts them under any faults, as the seeds draw them.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.chaos import world
from app.chaos.faults import FAULTS
from app.chaos.mutants import MUTANTS
from app.chaos.pool import hunt, mutant_named
from app.chaos.process import Process
from app.chaos.world import World, run_seed
from domain.errors import JournalCorrupt

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


def test_a_journal_that_no_later_process_can_open_is_found_and_ends_no_hunt(monkeypatch: pytest.MonkeyPatch) -> None:
    def opened_once(made: World, number: int, ends: Callable[[Process, str], None]) -> Process:
        if number == 2:
            raise JournalCorrupt(f"{made.disk.path}: seq 16: EXPIRED cannot become SENDING")
        return Process(made, number, ends)

    monkeypatch.setattr(world, "Process", opened_once)

    result = next(each for each in map(run_seed, range(1, 50)) if each.processes > 1)

    assert ("starts again", "/journal.db: seq 16: EXPIRED cannot become SENDING") in [
        (each.rule, each.text) for each in result.violations
    ]
