"""Many seeds on several processors, in blocks, in the order of their numbers; and the mutants one after the other."""

from __future__ import annotations

import gc
import multiprocessing
import signal
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Final, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from app.chaos import matrix
from app.chaos.bytecodes import Place
from app.chaos.checker import Violation
from app.chaos.killpoints import Outcome, Point, Survey, deaths_unheard, die_at, survey
from app.chaos.mutants import MUTANTS, Mutant
from app.chaos.world import Result, run_seed
from domain.messages.journal import OrderState
from domain.strategy.load import load_strategy

Item = TypeVar("Item")
Done = TypeVar("Done")

BLOCK: Final = 20
MUTANT_SEEDS: Final = 500
"""A mutant that survives so many shows that the faults are too narrow."""


class Trial(Struct, frozen=True):
    """What is run with every seed.

    faults    the only kinds allowed; empty: any, as each seed draws them
    strategy  `MODULE:CLASS` with its default parameters; empty: the simulation's own
    twice     every seed is run again, and must be the same run
    """

    faults: tuple[str, ...] = ()
    strategy: str = ""
    twice: bool = False

    def run(self, seed: int, *, verbose: bool = False) -> Result:
        """One seed."""
        strategy = load_strategy(self.strategy, {}) if self.strategy else None
        result = run_seed(seed, faults=self.faults or None, strategy=strategy, verbose=verbose)
        if self.twice:
            again = run_seed(seed, faults=self.faults or None, strategy=strategy, verbose=not verbose)
            if again.trace_hash != result.trace_hash:
                differs = Violation("replay", f"trace {result.trace_hash}, and {again.trace_hash} when run again")
                result = replace(result, violations=(*result.violations, differs))
        return result


class Fate(Struct, frozen=True):
    """What became of a mutant. seed: the first that caught it, None where none did; rule: the invariant."""

    name: str
    breaks: str
    seed: int | None
    rule: str
    text: str


def run_seeds(trial: Trial, seeds: Sequence[int], workers: int) -> Iterator[Result]:
    """The seeds' results, in order. Lines are left out but for failing seeds."""
    blocks = [seeds[at : at + BLOCK] for at in range(0, len(seeds), BLOCK)]
    for results in _spread(partial(_run_block, trial), blocks, workers):
        yield from results


def run_matrix(workers: int, seeds: Sequence[int] = matrix.SEEDS) -> Iterator[matrix.Struck]:
    """Every actor, at every state of an order, by every kind of fault."""
    jobs = [(state, seed) for seed in seeds for state in OrderState]
    for struck in _spread(_strike_all, jobs, workers):
        yield from struck


def run_surveys(workers: int, names: Sequence[str], *, moments: bool) -> Iterator[Survey]:
    """What runs on each of these ways."""
    yield from _spread(partial(survey, moments=moments), names, workers)


def run_kill_points(workers: int, points: Sequence[tuple[Point, Place]]) -> Iterator[Outcome]:
    """A death at each of these places."""
    blocks = [points[at : at + BLOCK] for at in range(0, len(points), BLOCK)]
    for outcomes in _spread(_die_in_block, blocks, workers):
        yield from outcomes


def run_mutants(workers: int, names: Sequence[str] = (), seeds_max: int = MUTANT_SEEDS) -> Iterator[Fate]:
    """Each mutant against seeds from 1 on, until one catches it."""
    wanted = [each.name for each in MUTANTS if not names or each.name in names]
    yield from _spread(partial(hunt, seeds_max=seeds_max), wanted, workers)


def hunt(name: str, *, seeds_max: int = MUTANT_SEEDS, first: int = 1, faults: Collection[str] | None = None) -> Fate:
    """The first seed that catches the mutant, under any faults or these kinds alone."""
    mutant = mutant_named(name)
    with mutant.applied():
        for seed in range(first, first + seeds_max):
            result = run_seed(seed, faults=faults)
            if result.violations:
                found = result.violations[0]
                return Fate(name, mutant.breaks, seed, found.rule, found.text)
    return Fate(name, mutant.breaks, None, "", "")


def mutant_named(name: str) -> Mutant:
    """Raises KeyError."""
    return {each.name: each for each in MUTANTS}[name]


def _run_block(trial: Trial, seeds: Sequence[int]) -> list[Result]:
    results = []
    with _collected_once():
        for seed in seeds:
            result = trial.run(seed)
            results.append(result if result.violations else replace(result, lines=()))
    return results


def _strike_all(job: tuple[OrderState, int]) -> list[matrix.Struck]:
    with _collected_once():
        return matrix.strike_all(*job)


def _die_in_block(points: Sequence[tuple[Point, Place]]) -> list[Outcome]:
    with deaths_unheard(), _collected_once():
        return [die_at(point, place) for point, place in points]


@contextmanager
def _collected_once() -> Iterator[None]:
    """Greenlets, actors and supervisors refer to each other. Looking for them once per block saves a tenth."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.collect()
        if was_on:
            gc.enable()


def _spread(work: Callable[[Item], Done], items: Sequence[Item], workers: int) -> Iterator[Done]:
    if workers <= 1 or len(items) <= 1:
        yield from map(work, items)
        return
    # Fresh interpreters: a greenlet's hub and a forked child of a threaded parent do not go together.
    context = multiprocessing.get_context("spawn")
    with context.Pool(min(workers, len(items)), initializer=_ignore_interrupt) as pool:
        yield from pool.imap(work, items)


def _ignore_interrupt() -> None:
    """Ctrl-C is the parent's to hear; it ends the workers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
