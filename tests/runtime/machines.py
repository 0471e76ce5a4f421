"""How the state machines are run: 500 × 50 steps among all tests, 20,000 × 100 when there is time."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

NORMAL = (500, 50)
DEEP = (20_000, 100)


def run_machine(machine: type[RuleBasedStateMachine], examples: int, steps: int) -> None:
    """So many runs of at most so many steps each."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
