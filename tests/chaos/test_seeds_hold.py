"""The whole system under simulated faults: every invariant in every seed, and the same seed the same run."""

from __future__ import annotations

import pytest

from app.chaos.faults import FAULTS, Plan
from app.chaos.world import run_seed

BLOCKS = tuple(range(50_000, 50_160, 20))


@pytest.mark.parametrize("first", BLOCKS)
def test_every_invariant_holds(first: int) -> None:
    for seed in range(first, first + 20):
        result = run_seed(seed)
        assert not result.violations, f"seed {seed}: {result.violations[0]}"


@pytest.mark.parametrize("seed", range(60_000, 60_020))
def test_a_seed_replays_to_the_last_step(seed: int) -> None:
    assert run_seed(seed).trace_hash == run_seed(seed, verbose=True).trace_hash


def test_without_faults_it_trades_goes_flat_and_the_books_agree() -> None:
    for seed in range(5):
        result = run_seed(seed, faults=())
        assert not result.violations
        assert result.processes == 1
        assert result.orders >= 10
        assert result.trades == result.orders


def test_each_kind_of_fault_is_survived_alone() -> None:
    for number, fault in enumerate(FAULTS):
        result = run_seed(70_000 + number, faults=(fault,))
        assert not result.violations, f"{fault}: {result.violations[0]}"


def test_circumstances_vary_with_the_seed_and_with_nothing_else() -> None:
    plans = [Plan.of(seed) for seed in range(300)]
    assert plans == [Plan.of(seed) for seed in range(300)]
    assert {fault for plan in plans for fault in plan.rates} == set(FAULTS)
    assert {plan.rate for plan in plans} == {1, 2, 4}
    assert {plan.kills for plan in plans} == {0, 1, 2, 3}
