"""A world in which nothing is left to chance: fixed delays, first come first served, and the one thing that goes wrong.

What one actor suffers shifts no draw of another's, so whatever differs between two such runs is the fault's doing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from actors.runtime.simulation_kernel import Kernel
from app.chaos.faults import Plan, Storm
from app.chaos.world import World

if TYPE_CHECKING:
    from app.strategies import Cast

STEADINESS: Final = (0.5, 0.3, 0.8)
"""Where in the range of every delay the one drawn lies, by seed."""


class Steady(Random):
    """Draws the same every time."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def random(self) -> float:
        """The same."""
        return self._value


class Script(Storm):
    """Faults that strike because they were ordered: each once, at the next place that asks for it."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.random = Steady(STEADINESS[plan.seed % len(STEADINESS)])
        self._ordered: list[str] = []

    def order(self, *faults: str) -> None:
        """Let these strike."""
        self._ordered += faults

    def strikes(self, fault: str) -> bool:
        """See Weather."""
        if fault not in self._ordered:
            return False
        self._ordered.remove(fault)
        self.counts[fault] = self.counts.get(fault, 0) + 1
        return True

    def calm(self) -> None:
        """No more faults."""
        self._ordered.clear()


def script_plan(seed: int, *, valid_seconds: float = 30.0) -> Plan:
    """Circumstances without chance. The seed still moves prices, and how long everything takes."""
    return Plan(
        seed=seed,
        rates={},
        rate=1,
        storm_seconds=0.0,
        valid_seconds=valid_seconds,
        switch=0.0,
        stretch=0.0,
        longest_seconds=0.02,
        kills=0,
        square_off_early=False,
    )


class ScriptedWorld(World):
    """See the module. Who derives from it says in `story` what happens, and calls `calm` when it has."""

    def __init__(self, plan: Plan, folder: Path, cast: Cast, *, verbose: bool = False) -> None:
        self.script = Script(plan)
        kernel = Kernel(plan.seed)
        kernel.random = Steady(0.5)
        super().__init__(plan, folder, cast, storm=self.script, kernel=kernel, verbose=verbose)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that so large a share of them does not exceed. Raises IndexError for none."""
    ordered = sorted(values)
    return ordered[max(0, -(-int(share * 1000) * len(ordered) // 1000) - 1)]
