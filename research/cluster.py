"""The same search with its trials run on a Dask cluster. The study stays here; the task is sent once, then parameters.

Trials are asked for and told in order, so many at a time as the cluster has threads: the same cluster's size gives the
same study, however its workers are paced. What is drawn without looking at results (grid, random) is the same on any.

distributed is not among the dependencies: whoever has a cluster has it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from research.optimise import (
    Found,
    SearchSettings,
    Task,
    collected,
    finished_trials,
    judged,
    measure,
    opened_study,
    points,
    refuse,
    study_name,
    suggested,
)
from research.variants import varied

if TYPE_CHECKING:
    import distributed
    import optuna

    from research.ground import Ground
    from research.strategy_check import Strategy

CONNECT_SECONDS: Final = 20
TRIES: Final = 3
"""How often a trial is given to another worker when its own has gone."""

_here: Final = threading.local()
"""In a worker's thread: the task it has seen last, and what its trials share."""


def search_on(address: str, task: Task, how: SearchSettings, told: Callable[[int], None] | None = None) -> Found:
    """Search with the workers of the cluster whose scheduler is there, such as tcp://10.0.0.5:8786.

    Raises ValueError with one line: no cluster there, distributed not installed, settings that do not fit together.
    """
    try:
        import distributed
    except ImportError:
        raise ValueError("--dask: distributed is not installed; .venv/bin/pip install distributed") from None
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    refuse(task, how)
    if how.prune:
        raise ValueError("--dask: a trial runs whole on a worker; leave --prune out")
    if how.workers > 1:
        raise ValueError("--dask: the cluster has the workers; leave --workers out")
    name = how.study or study_name(task, how.method)
    try:
        client = distributed.Client(address, timeout=CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"--dask: no scheduler at {address}: {error}") from None
    with client:
        width = sum(client.nthreads().values())
        if not width:
            raise ValueError(f"--dask: the cluster at {address} has no worker")
        with opened_study(task, how, name, how.storage, 0) as study:
            _run(study, client, width, task, how, told)
            return collected(study, name)


def _run(
    study: optuna.Study,
    client: distributed.Client,
    width: int,
    task: Task,
    how: SearchSettings,
    told: Callable[[int], None] | None,
) -> None:
    wanted = how.trials - finished_trials(study)
    if how.method == "grid":
        wanted = min(wanted, points(task, how))
    shared = client.scatter(task, broadcast=True)
    waiting: deque[tuple[optuna.Trial, distributed.Future | None]] = deque()
    asked = 0
    while waiting or asked < wanted:
        while asked < wanted and len(waiting) < width:
            trial = study.ask()
            made = varied(task.strategy, suggested(trial, task.space, how))
            future = None if made is None else client.submit(_figures, shared, made, pure=False, retries=TRIES)
            waiting.append((trial, future))
            asked += 1
        trial, future = waiting.popleft()
        _tell(study, trial, future, task)
        if told is not None:
            told(finished_trials(study))


def _tell(study: optuna.Study, trial: optuna.Trial, future: distributed.Future | None, task: Task) -> None:
    import optuna

    states = optuna.trial.TrialState
    if future is None:
        trial.set_user_attr("refused", value=True)
        _told(study, lambda: study.tell(trial, state=states.PRUNED))
        return
    try:
        figures = future.result()
    except Exception:
        # As a trial that raises does in a process of ours.
        _told(study, lambda: study.tell(trial, state=states.FAIL))
        raise
    sought = judged(trial, task, figures)
    _told(study, lambda: study.tell(trial, sought))


def _told(study: optuna.Study, tell: Callable[[], object]) -> None:
    """A grid that is done says so by stopping a loop that is not there: the trial is kept all the same."""
    import optuna

    try:
        tell()
    except RuntimeError:
        if not isinstance(study.sampler, optuna.samplers.GridSampler):
            raise


def _figures(task: Task, strategy: Strategy) -> dict[str, float]:
    """On a worker: one trial's run."""
    if getattr(_here, "task", None) is not task:
        from research.optimise import ground_of

        _here.task, _here.ground = task, ground_of(task)
    ground: Ground | None = _here.ground
    return measure(strategy, task, ground)
