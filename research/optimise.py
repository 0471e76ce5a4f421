"""Searching the declared bounds for parameters, with Optuna: any number of processes and machines in one study.

The bars are loaded once; workers are forked and share them. A study has a name made of the strategy, the data and the
objective, so that a second run with the same storage goes on where the first one ended.
"""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

from msgspec import Struct

from domain.strategy.rule import RuleStrategy
from research.backtest import backtest
from research.data.candles import fingerprint
from research.objective import Objective, measured
from research.strategy_check import Bound, Strategy, bounds_of
from research.variants import varied

if TYPE_CHECKING:
    import datetime as dt

    import optuna

    from domain.ports import Calendar
    from research.data.candles import Candles
    from research.ground import Ground
    from research.settings import RunSettings

Method = Literal["grid", "random", "tpe", "cmaes", "nsga2"]
PARTS: Final = (0.25, 0.5)
"""Shares of the bars after which a trial that is among the worse half is given up."""
HEARTBEAT_SECONDS: Final = 10
GRID_MAX: Final = 100_000


class SearchSettings(Struct, frozen=True, kw_only=True):
    """How to search.

    trials   finished trials that the study shall have in all, those of earlier runs included
    steps    values per parameter of a grid
    prune    give trials up early (one objective alone)
    storage  None: this run's own; a file; or an address such as postgresql://user@host/name
    workers  processes
    """

    method: Method = "tpe"
    trials: int = 100
    seed: int = 1
    steps: int = 8
    prune: bool = False
    storage: str | None = None
    workers: int = 1
    study: str = ""


class Trial(Struct, frozen=True):
    """One finished trial."""

    number: int
    parameters: dict[str, int | float]
    values: tuple[float, ...]
    feasible: bool
    figures: dict[str, float]


class Found(Struct, frozen=True):
    """What a search found. best: of one objective the best feasible one, of several the whole front.

    trials       all finished ones, by number
    importance   share of the objective's spread that each parameter explains (one objective, enough trials)
    """

    study: str
    best: tuple[Trial, ...]
    trials: tuple[Trial, ...]
    pruned: int
    failed: int
    importance: dict[str, float]


class Task(Struct, frozen=True):
    """What is evaluated: the strategy's kind with other parameters, on these bars, under these rules.

    first_day  decided on from then on; bars before warm up
    """

    strategy: Strategy
    series: tuple[Candles, ...]
    settings: RunSettings
    calendar: Calendar
    objective: Objective
    space: tuple[Bound, ...]
    first_day: dt.date | None = None


def space_of(strategy: Strategy, asked: Sequence[str] = ()) -> tuple[Bound, ...]:
    """The bounds that are searched: the declared ones of all numeric fields, or of those named.

    asked  `field` or `field=LOW:HIGH`. Raises ValueError with one line.
    """
    declared = {each.name: each for each in bounds_of(strategy)}
    if not asked:
        chosen = [each for each in declared.values() if each.low is not None and each.high is not None]
        if not chosen:
            raise ValueError("no parameter has bounds: nothing to search")
        return tuple(chosen)
    chosen = []
    for text in asked:
        name, equals, span = text.partition("=")
        if name not in declared:
            raise ValueError(f"no numeric parameter {name!r}; there are {', '.join(declared) or 'none'}")
        bound = declared[name]
        if equals:
            low, colon, high = span.partition(":")
            try:
                edges = (float(low), float(high))
            except ValueError:
                colon, edges = "", (0.0, 0.0)
            if not colon or edges[0] > edges[1]:
                raise ValueError(f"{text!r}: want field=LOW:HIGH")
            bound = Bound(
                name,
                bound.whole,
                max(edges[0], _or(bound.low, edges[0])),
                min(edges[1], _or(bound.high, edges[1])),
                bound.default,
            )
        if bound.low is None or bound.high is None:
            raise ValueError(f"{name} has no bounds; give them: {name}=LOW:HIGH")
        chosen.append(bound)
    return tuple(chosen)


def _or(value: float | None, other: float) -> float:
    return other if value is None else value


def study_name(task: Task, method: str) -> str:
    """The same for the same question: strategy, data, objective, space and method."""
    kind = type(task.strategy)
    asked = f"{task.strategy}|{task.objective}|{task.space}|{task.settings}|{task.first_day}|{method}"
    digest = hashlib.blake2b(asked.encode(), digest_size=4).hexdigest()
    return f"{kind.__name__}-{fingerprint(task.series)}-{digest}"


def search(task: Task, how: SearchSettings, told: Callable[[int], None] | None = None) -> Found:
    """Search. Raises ValueError for settings that do not fit together.

    told  called now and then with the number of finished trials
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    refuse(task, how)
    name = how.study or study_name(task, how.method)
    with tempfile.TemporaryDirectory(prefix="patang-study-") as folder:
        own = how.storage or (str(Path(folder) / "study.log") if how.workers > 1 else None)
        _warm(task)
        if how.workers == 1:
            with opened_study(task, how, name, own, 0) as study:
                _work(study, task, how, told)
                return collected(study, name)
        else:
            with opened_study(task, how, name, own, 0):
                pass  # tables are made once, before anybody needs them
            context = multiprocessing.get_context("fork")
            started = [
                context.Process(target=_worker, args=(task, how, name, own, number + 1))
                for number in range(how.workers)
            ]
            for process in started:
                process.start()
            for process in started:
                process.join()
            if all(process.exitcode for process in started):
                raise ValueError("every worker failed; run with one worker to see why")
        with opened_study(task, how, name, own, 0) as study:
            return collected(study, name)


def refuse(task: Task, how: SearchSettings) -> None:
    """Raises ValueError for settings that do not fit together."""
    if how.prune and len(task.objective.names) > 1:
        raise ValueError("pruning wants one objective")
    if how.method == "grid" and points(task, how) > GRID_MAX:
        raise ValueError(f"the grid has more than {GRID_MAX} points; name fewer parameters or --steps")


def points(task: Task, how: SearchSettings) -> int:
    """How many points a grid has."""
    return math.prod(len(values) for values in grid_of(task.space, how.steps).values())


def _worker(task: Task, how: SearchSettings, name: str, storage: str | None, number: int) -> None:
    with opened_study(task, how, name, storage, number) as study:
        _work(study, task, how, None)
    # A fork ends without the parent's exit handlers.
    os._exit(0)


def _work(study: optuna.Study, task: Task, how: SearchSettings, told: Callable[[int], None] | None) -> None:
    def enough(study: optuna.Study, _trial: optuna.trial.FrozenTrial) -> None:
        count = finished_trials(study)
        if told is not None:
            told(count)
        if count >= how.trials:
            study.stop()

    if finished_trials(study) < how.trials:
        ground = ground_of(task)
        study.optimize(lambda trial: evaluate(trial, task, how, ground), callbacks=[enough])


def finished_trials(study: optuna.Study) -> int:
    """How many trials have run to their end, or were given up."""
    import optuna

    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=states))


def ground_of(task: Task) -> Ground | None:
    """What the trials share, bars and indicators; None where they run on several instruments or without the kernel."""
    from research.ground import Ground

    if len(task.series) != 1 or not isinstance(task.strategy, RuleStrategy):
        return None
    return Ground(task.series[0], task.settings, task.calendar)


def evaluate(
    trial: optuna.Trial, task: Task, how: SearchSettings, ground: Ground | None = None
) -> float | tuple[float, ...]:
    """One trial: its parameters, the run, what is sought. Raises TrialPruned for refused parameters and lost cases."""
    import optuna

    made = varied(task.strategy, suggested(trial, task.space, how))
    if made is None:
        trial.set_user_attr("refused", value=True)
        raise optuna.TrialPruned
    if how.prune:
        for step, share in enumerate(PARTS):
            part = tuple(each.cut(0, max(int(len(each) * share), 1)) for each in task.series)
            done = backtest(made, part, task.settings, task.calendar, first_day=task.first_day)
            trial.report(task.objective.values(measured(done))[0], step)
            if trial.should_prune():
                raise optuna.TrialPruned
    return judged(trial, task, measure(made, task, ground))


def measure(strategy: Strategy, task: Task, ground: Ground | None) -> dict[str, float]:
    """The figures of one run on all bars."""
    return measured(
        backtest(strategy, task.series, task.settings, task.calendar, first_day=task.first_day, ground=ground)
    )


def judged(trial: optuna.Trial, task: Task, figures: dict[str, float]) -> float | tuple[float, ...]:
    """What is sought of the figures; they and the constraints stay with the trial."""
    trial.set_user_attr("figures", figures)
    for (name, sign, bound), missed in zip(task.objective.constraints, task.objective.violations(figures), strict=True):
        trial.set_constraint(f"{name}{sign}{bound:g}", missed)
    sought = task.objective.values(figures)
    return sought if len(sought) > 1 else sought[0]


def suggested(trial: optuna.Trial, space: Sequence[Bound], how: SearchSettings) -> dict[str, int | float]:
    """The trial's parameters."""
    return {each.name: _suggest(trial, each, how) for each in space}


def _suggest(trial: optuna.Trial, bound: Bound, how: SearchSettings) -> int | float:
    assert bound.low is not None
    assert bound.high is not None
    if how.method == "grid":
        chosen: int | float = trial.suggest_categorical(bound.name, list(_points(bound, how.steps)))
        return chosen
    if bound.whole:
        return trial.suggest_int(bound.name, int(bound.low), int(bound.high))
    return trial.suggest_float(bound.name, bound.low, bound.high)


def _points(bound: Bound, steps: int) -> tuple[int | float, ...]:
    assert bound.low is not None
    assert bound.high is not None
    if bound.whole:
        low, high = int(bound.low), int(bound.high)
        count = min(steps, high - low + 1)
        return tuple(dict.fromkeys(round(low + (high - low) * at / max(count - 1, 1)) for at in range(count)))
    return tuple(bound.low + (bound.high - bound.low) * at / max(steps - 1, 1) for at in range(steps))


def grid_of(space: Sequence[Bound], steps: int) -> Mapping[str, tuple[int | float, ...]]:
    """The values of each parameter of a grid."""
    return {each.name: _points(each, steps) for each in space}


@contextmanager
def opened_study(
    task: Task, how: SearchSettings, name: str, storage: str | None, worker: int
) -> Iterator[optuna.Study]:
    """The study of this name, made where it is not there yet. worker: its number, from 0, which its seed follows."""
    import optuna

    seed = how.seed + 1_000 * worker
    samplers: dict[str, Callable[[], Any]] = {
        "grid": lambda: optuna.samplers.GridSampler(grid_of(task.space, how.steps), seed=how.seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "tpe": lambda: optuna.samplers.TPESampler(
            seed=seed, constant_liar=how.workers > 1, n_startup_trials=min(10, how.trials)
        ),
        "cmaes": lambda: optuna.samplers.CmaEsSampler(seed=seed),
        "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=seed),
    }
    kept = storage_of(storage)
    try:
        yield optuna.create_study(
            study_name=name,
            storage=kept,
            sampler=samplers[how.method](),
            pruner=optuna.pruners.MedianPruner(n_startup_trials=5) if how.prune else optuna.pruners.NopPruner(),
            directions=task.objective.directions,
            load_if_exists=True,
        )
    finally:
        if isinstance(kept, optuna.storages.RDBStorage):
            kept.remove_session()
            kept.engine.dispose()


def storage_of(where: str | None) -> Any:  # noqa: ANN401 - one of optuna's storages, or None
    """Optuna's storage for a file or an address. In a database a worker that dies gives its trial back."""
    import optuna

    if where is None:
        return None
    if "://" not in where:
        from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

        return optuna.storages.JournalStorage(JournalFileBackend(where, lock_obj=JournalFileOpenLock(where)))
    scheme, _, rest = where.partition("://")
    url = f"postgresql+psycopg://{rest}" if scheme in {"postgresql", "postgres"} else where
    with warnings.catch_warnings():
        # Heartbeats are marked experimental; the version is pinned, and a test kills a worker.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.storages.RDBStorage(
            url,
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=3 * HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=3),
        )


def _warm(task: Task) -> None:
    """Compile once, before the fork: the workers find it done."""
    part = tuple(each.cut(0, min(len(each), 2_000)) for each in task.series)
    backtest(task.strategy, part, task.settings, task.calendar)


def collected(study: optuna.Study, name: str) -> Found:
    """What the study holds by now."""
    import optuna

    states = optuna.trial.TrialState
    trials = study.get_trials(deepcopy=False)
    complete = [each for each in trials if each.state is states.COMPLETE]
    listed = tuple(_trial(each) for each in complete)
    feasible = [each for each in listed if each.feasible]
    several = len(study.directions) > 1
    if several:
        front = {each.number for each in study.best_trials}
        best = [each for each in feasible if each.number in front]
    else:
        smaller = study.direction is optuna.study.StudyDirection.MINIMIZE
        best = sorted(feasible, key=lambda each: (each.values[0] if smaller else -each.values[0], each.number))[:1]
    importance: dict[str, float] = {}
    if not several and len({each.values for each in listed}) >= 10:
        evaluator = optuna.importance.PedAnovaImportanceEvaluator()
        importance = dict(optuna.importance.get_param_importances(study, evaluator=evaluator))
    return Found(
        study=name,
        best=tuple(best),
        trials=listed,
        pruned=sum(each.state is states.PRUNED for each in trials),
        failed=sum(each.state is states.FAIL for each in trials),
        importance=importance,
    )


def _trial(frozen: optuna.trial.FrozenTrial) -> Trial:
    return Trial(
        number=frozen.number,
        parameters=dict(frozen.params),
        values=tuple(frozen.values or ()),
        feasible=all(each <= 0 for each in frozen.constraints.values()),
        figures=dict(frozen.user_attrs.get("figures", {})),
    )
