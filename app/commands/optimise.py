"""`optimise` and `walk-forward`: parameters from the past, and what they were worth afterwards."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.options import ConfigFile, Env, Json
from app.output import DONE, FAILED, UsageError, complain, print_json, print_table
from app.research_run import Asked, Asking, ask
from domain.errors import RatesUnknown
from domain.values import rupees
from research.cluster import search_on
from research.heatmap import write_heat_map
from research.objective import KNOWN, objective_of
from research.optimise import Found, Method, SearchSettings, Task, Trial, search, space_of
from research.walkforward import Kind, walk_forward

By = Annotated[Method, Parameter(name="--method", help="How it searches.")]
For = Annotated[
    str, Parameter(name="--objective", help="A figure of the backtest, or several with commas; -name for the contrary.")
]
Space = Annotated[
    tuple[str, ...],
    Parameter(name="--space", negative=(), show_default=False, help="field or field=LOW:HIGH; all if none is named."),
]
Constraints = Annotated[
    tuple[str, ...],
    Parameter(name="--constraint", negative=(), show_default=False, help="Such as trades>=30; may be repeated."),
]
Trials = Annotated[int, Parameter(name="--trials", help="Finished trials in all.")]
Steps = Annotated[int, Parameter(name="--steps", help="Values per parameter of a grid.")]
Seed = Annotated[int, Parameter(name="--seed", help="Of the search.")]
Workers = Annotated[int, Parameter(name="--workers", help="Processes on this machine.")]
Storage = Annotated[
    str | None,
    Parameter(name="--storage", help="A file, or postgresql://USER@HOST/NAME: go on there, with others that do."),
]
Prune = Annotated[
    bool, Parameter(name="--prune", negative=(), show_default=False, help="Give up what lags after a part of the bars.")
]
Dask = Annotated[
    str | None,
    Parameter(name="--dask", help="A Dask scheduler, such as tcp://10.0.0.5:8786: its workers run the trials."),
]
HeatMap = Annotated[str | None, Parameter(name="--heat-map", help="Write an HTML page with a map per pair.")]


def run(
    *,
    question: Asking,
    objective: For = "sharpe",
    method: By = "tpe",
    trials: Trials = 100,
    space: Space = (),
    constraints: Constraints = (),
    steps: Steps = 8,
    seed: Seed = 1,
    prune: Prune = False,
    workers: Workers = 1,
    storage: Storage = None,
    dask: Dask = None,
    heat_map: HeatMap = None,
    env: Env = "sandbox",
    config: ConfigFile = None,
    as_json: Json = False,
) -> int:
    """Search the strategy's bounds for what was best in these data. `bias` and `walk-forward` say what it is worth."""
    asked = ask(question, env, config)
    how = SearchSettings(
        method=method, trials=trials, seed=seed, steps=steps, prune=prune, storage=storage, workers=max(workers, 1)
    )
    try:
        task = _task(asked, objective, constraints, space)
        found = search(task, how) if dask is None else search_on(dask, task, how)
    except (ValueError, RatesUnknown) as error:
        raise UsageError(str(error)) from None
    if heat_map is not None:
        write_heat_map(heat_map, found)
        complain(f"written: {heat_map}")
    if as_json:
        print_json(found)
    else:
        _show(found, objective)
    return DONE if found.best else FAILED


def walk(
    *,
    question: Asking,
    train: Annotated[int, Parameter(name="--train", help="Trading days that are searched.")] = 60,
    test: Annotated[int, Parameter(name="--test", help="Trading days after them that are traded.")] = 20,
    kind: Annotated[Kind, Parameter(name="--kind", help="anchored: training grows; rolling: it moves.")] = "rolling",
    purge: Annotated[int, Parameter(name="--purge", help="Days between training and test, in neither.")] = 1,
    embargo: Annotated[int, Parameter(name="--embargo", help="Days after a test, left out of later training.")] = 0,
    objective: For = "sharpe",
    method: By = "tpe",
    trials: Trials = 50,
    space: Space = (),
    constraints: Constraints = (),
    seed: Seed = 1,
    workers: Workers = 1,
    env: Env = "sandbox",
    config: ConfigFile = None,
    as_json: Json = False,
) -> int:
    """Choose on some days, trade the next ones, go on: what the search would have earned on days it had not seen."""
    asked = ask(question, env, config)
    how = SearchSettings(method=method, trials=trials, seed=seed, workers=max(workers, 1))
    if "," in objective:
        raise UsageError(f"--objective: found {objective!r}; allowed: one figure, since one choice is traded")
    try:
        done = walk_forward(
            _task(asked, objective, constraints, space), how, train=train, test=test, kind=kind, purge=purge,
            embargo=embargo,
        )  # fmt: skip
    except (ValueError, RatesUnknown) as error:
        raise UsageError(str(error)) from None
    if as_json:
        print_json(done)
        return DONE
    rows = [
        (
            f"{each.first} to {each.last}", _words(each.parameters), f"{each.inside:.2f}", f"{each.outside:.2f}",
            f"{each.profit:.2f}", each.trades,
        )
        for each in done.windows
    ]  # fmt: skip
    print_table("Walk forward", ("tested on", "chosen", "Sharpe inside", "outside", "profit", "trades"), rows)
    print_table(
        "Over all test days",
        ("figure", "value"),
        [
            ("Sharpe a year", f"{done.sharpe:.2f}"),
            ("total return", f"{done.total_return:.4%}"),
            ("outside over inside", f"{done.efficiency:.2f}"),
            *((f"spread of {name}", f"{value:.2f}") for name, value in done.stability.items()),
        ],
    )
    return DONE


def _task(asked: Asked, objective: str, constraints: tuple[str, ...], space: tuple[str, ...]) -> Task:
    return Task(
        strategy=asked.strategy,
        series=asked.series,
        settings=asked.settings,
        calendar=asked.calendar,
        objective=objective_of(objective, constraints, KNOWN),
        space=space_of(asked.strategy, space),
        first_day=asked.first_day,
    )


def _show(found: Found, objective: str) -> None:
    names = objective.split(",")
    shown = found.best if len(names) > 1 else _ranked(found)[:10]
    rows = [
        (
            each.number, _words(each.parameters), *(f"{value:.4f}" for value in each.values),
            rupees(round(each.figures.get("profit", 0) * 10_000)), int(each.figures.get("trades", 0)),
        )
        for each in shown
    ]  # fmt: skip
    print_table(f"Study {found.study}", ("trial", "parameters", *names, "profit", "trades"), rows)
    if found.importance:
        shares = [(name, f"{share:.2f}") for name, share in found.importance.items()]
        print_table("What matters", ("parameter", "share"), shares)
    complain(f"{len(found.trials)} trials finished, {found.pruned} given up, {found.failed} failed")


def _ranked(found: Found) -> list[Trial]:
    feasible = [each for each in found.trials if each.feasible]
    if not found.best:
        return feasible
    best = found.best[0].values[0]
    return sorted(feasible, key=lambda each: (abs(each.values[0] - best), each.number))


def _words(parameters: dict[str, int | float]) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in parameters.items())
