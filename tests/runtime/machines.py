"""How the state machines are run: 500 × 50 steps among all tests, 20,000 × 100 when there is time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

NORMAL = (500, 50)
DEEP = (20_000, 100)
ROUND = 1_000
"""What has been tried is remembered within a round, to try other things; all of 20,000 runs would fill 2 GB."""


def run_machine(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """So many runs of at most so many steps each."""
    for done in range(0, examples, ROUND):
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=min(ROUND, examples - done),
                stateful_step_count=steps,
                deadline=None,
                derandomize=examples <= ROUND and settings().derandomize,  # else every round would be the first one
                suppress_health_check=list(HealthCheck),
            ),
        )
