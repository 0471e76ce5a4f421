"""Turns of those who have much to reckon: one at a time, and nobody waits for one that hangs."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from actors.runtime.simulation import Pace, SimulationRuntime
from actors.turns import LOOKS_MAX, PATIENCE_SECONDS, Turns

BUSY = Pace(switch=0.5, stretch=0.3, longest_seconds=0.01)
HANGS = 1_000.0


def working(
    runtime: SimulationRuntime, turns: Turns, seconds: float, notes: list[tuple[float, float]], begins: float = 0.0
) -> Callable[[], None]:
    """A strand whose turn takes so long; it notes when it came to it and when it was over, in seconds."""

    def now() -> float:
        return runtime.monotonic.now_ns() / 1e9 - 1.0

    def body() -> None:
        runtime.sleep(begins)
        with turns.taken(runtime):
            began = now()
            runtime.sleep(seconds)
        notes.append((began, now()))

    return body


def run(runtime: SimulationRuntime, *bodies: Callable[[], None]) -> None:
    for number, body in enumerate(bodies):
        runtime.spawn(f"strategy {number}", body)
    runtime.kernel.run()


def side_by_side(notes: list[tuple[float, float]]) -> bool:
    """Whether any two of these turns overlap."""
    return any(before[1] > after[0] + 1e-9 for before, after in itertools.pairwise(sorted(notes)))


@pytest.mark.parametrize("seed", range(20))
def test_one_at_a_time_however_many_wait_while_turns_go_by(seed: int) -> None:
    runtime, notes = SimulationRuntime(seed, pace=BUSY), list[tuple[float, float]]()
    turns = Turns()
    many = int(LOOKS_MAX * PATIENCE_SECONDS / 0.06)

    # The first one alone, so that there is a lock to be found.
    run(runtime, *(working(runtime, turns, 0.05, notes, begins=min(number, 1) * 0.02) for number in range(many)))

    assert len(notes) == many
    assert not side_by_side(notes)


@pytest.mark.parametrize("seed", range(20))
def test_nobody_waits_longer_than_its_patience_for_one_that_hangs_and_the_others_still_take_turns(seed: int) -> None:
    runtime, notes = SimulationRuntime(seed, pace=BUSY), list[tuple[float, float]]()
    turns = Turns()

    run(
        runtime,
        working(runtime, turns, HANGS, notes),
        *(working(runtime, turns, 0.02, notes, begins=0.05) for _ in range(5)),
        working(runtime, turns, 0.02, notes, begins=1.0),
    )

    hung, others = notes[-1], sorted(notes[:-1])
    assert hung[1] >= HANGS
    assert not side_by_side(others)
    assert others[0][0] <= 0.05 + PATIENCE_SECONDS + 0.05
    assert others[4][0] <= 0.05 + 2 * PATIENCE_SECONDS + 0.2, "the longest waits twice, if others began meanwhile"
    assert others[5][0] <= 1.0 + 0.05, "later ones do not wait for it at all"


def test_who_waits_at_an_overlong_turn_when_that_ends_after_all_waits_with_the_others() -> None:
    runtime, notes = SimulationRuntime(1), list[tuple[float, float]]()
    turns = Turns()
    longer = PATIENCE_SECONDS + 0.1

    run(
        runtime,
        working(runtime, turns, longer, notes),
        working(runtime, turns, 0.2, notes, begins=0.05),
        working(runtime, turns, 0.2, notes, begins=0.2),
    )

    assert [round(began, 3) for began, _ in sorted(notes)] == [0.0, 0.05 + PATIENCE_SECONDS, 0.25 + PATIENCE_SECONDS]


def test_in_a_long_queue_nobody_waits_for_ever() -> None:
    runtime, notes = SimulationRuntime(2), list[tuple[float, float]]()
    turns = Turns()

    run(runtime, *(working(runtime, turns, 0.2, notes, begins=min(number, 1) * 0.01) for number in range(40)))

    assert len(notes) == 40
    assert max(began for began, _ in notes) <= 0.01 + LOOKS_MAX * PATIENCE_SECONDS + 1e-6


def test_a_turn_that_fails_is_over() -> None:
    runtime, notes = SimulationRuntime(3), list[tuple[float, float]]()
    turns = Turns()

    def fails() -> None:
        with pytest.raises(ZeroDivisionError), turns.taken(runtime):
            raise ZeroDivisionError

    run(runtime, fails, working(runtime, turns, 0.01, notes, begins=0.02))

    assert [round(began, 3) for began, _ in notes] == [0.02]
