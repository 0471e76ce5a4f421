"""Searching: the best of a grid is the best, studies go on, processes share one, and walking forward sees no test day."""

from __future__ import annotations

import itertools
import math
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.calendar import SessionCalendar
from domain.strategies.ma_crossover import MaCrossover
from domain.strategies.opening_range import OpeningRange
from domain.strategy.sizing import FixedQuantity
from research.backtest import backtest
from research.heatmap import write_heat_map
from research.objective import KNOWN, measured, objective_of
from research.optimise import Method, SearchSettings, Task, search, space_of
from research.settings import Charges, RunSettings, no_limits
from research.synthetic import shares
from research.walkforward import trading_days, walk_forward, windows

CALENDAR = SessionCalendar(fallback_weekdays=True)
SETTINGS = RunSettings(sizing=FixedQuantity(10), limits=no_limits(), cash=10**10, charges=Charges(flat=0))


def a_task(objective: str = "sharpe", *constraints: str, space: tuple[str, ...] = ("fast=2:9", "slow=5:30")) -> Task:
    series = tuple(shares(1, 12, CALENDAR, interval_seconds=300, trend=0.2))
    return Task(
        MaCrossover(), series, SETTINGS, CALENDAR, objective_of(objective, constraints, KNOWN),
        space_of(MaCrossover(), space),
    )  # fmt: skip


def test_a_grid_finds_what_trying_everything_finds() -> None:
    task = a_task(space=("fast=2:4", "slow=5:7"))

    found = search(task, SearchSettings(method="grid", trials=9, steps=3))

    ratios = {
        (fast, slow): measured(backtest(MaCrossover(fast=fast, slow=slow), task.series, SETTINGS, CALENDAR))["sharpe"]
        for fast, slow in itertools.product(range(2, 5), range(5, 8))
    }
    [best] = found.best
    assert len(found.trials) == 9
    assert ratios[int(best.parameters["fast"]), int(best.parameters["slow"])] == max(ratios.values()) == best.values[0]


@pytest.mark.parametrize("method", ["random", "tpe", "cmaes"])
def test_every_method_stays_in_the_bounds_and_is_repeatable(method: Method) -> None:
    how = SearchSettings(method=method, trials=12, seed=4)

    one, two = search(a_task(), how), search(a_task(), how)

    assert one == two
    assert len(one.trials) + one.pruned == 12
    assert all(2 <= each.parameters["fast"] <= 9 and 5 <= each.parameters["slow"] <= 30 for each in one.trials)


def test_several_objectives_give_a_front() -> None:
    found = search(a_task("profit,max_drawdown"), SearchSettings(method="nsga2", trials=40))

    assert found.best
    for one, other in itertools.permutations(found.best, 2):
        assert not (one.values[0] >= other.values[0] and one.values[1] > other.values[1])


def test_a_constraint_is_held() -> None:
    found = search(a_task("sharpe", "trades<=40"), SearchSettings(trials=15))

    assert {each.feasible for each in found.trials} == {True, False}
    assert all(each.feasible == (each.figures["trades"] <= 40) for each in found.trials)
    assert found.best[0].figures["trades"] <= 40


def test_pruning_gives_up_and_still_finds() -> None:
    found = search(a_task(), SearchSettings(trials=20, prune=True))

    assert found.pruned > 0
    assert found.best


def test_a_study_in_a_file_goes_on_where_it_ended(tmp_path: Path) -> None:
    where = str(tmp_path / "study.log")
    first = search(a_task(), SearchSettings(method="random", trials=5, storage=where))
    again = search(a_task(), SearchSettings(method="random", trials=9, storage=where, seed=2))
    done = search(a_task(), SearchSettings(method="random", trials=9, storage=where))

    assert again.trials[: len(first.trials)] == first.trials
    assert len(again.trials) + again.pruned == 9
    assert done.trials == again.trials
    other = search(a_task("profit"), SearchSettings(method="random", trials=2, storage=where))
    assert len(other.trials) + other.pruned == 2


def test_two_processes_share_one_study() -> None:
    found = search(a_task(), SearchSettings(method="random", trials=12, workers=2))

    assert 12 <= len(found.trials) + found.pruned <= 13
    assert found.failed == 0


def test_a_strategy_may_refuse_a_combination() -> None:
    found = search(a_task(space=("fast=5:9", "slow=5:9")), SearchSettings(method="random", trials=15))

    assert found.pruned > 0
    assert all(each.parameters["fast"] < each.parameters["slow"] for each in found.trials)


def test_what_matters_is_said_and_drawn(tmp_path: Path) -> None:
    found = search(a_task(), SearchSettings(method="random", trials=20))
    page = tmp_path / "map.html"
    write_heat_map(str(page), found)

    assert set(found.importance) == {"fast", "slow"}
    assert sum(found.importance.values()) == pytest.approx(1)
    text = page.read_text()
    assert "fast across, slow down" in text
    assert "<script" not in text and "http" not in text


@pytest.mark.parametrize(
    ("objective", "constraints", "words"),
    [
        ("shrap", (), "no figure 'shrap'; there are "),
        ("", (), "no objective"),
        ("sharpe", ("trades=5",), "want NAME>=NUMBER"),
        ("sharpe", ("trade>=5",), "no figure 'trade'"),
    ],
)
def test_a_mistake_in_an_objective_is_told(objective: str, constraints: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        objective_of(objective, constraints, KNOWN)


@pytest.mark.parametrize("space", ["fst", "fast=9", "fast=9:2", "fast=a:b"])
def test_a_mistake_in_a_space_is_told(space: str) -> None:
    with pytest.raises(ValueError, match=r"no numeric parameter|want field=LOW:HIGH"):
        space_of(MaCrossover(), (space,))


def test_the_space_is_the_declared_bounds_and_narrower_where_asked() -> None:
    assert {each.name: (each.low, each.high) for each in space_of(OpeningRange())} == {
        "minutes": (1, 120), "reward": (0.5, 10), "last_entry_minutes": (0, 375),
    }  # fmt: skip
    [minutes] = space_of(OpeningRange(), ("minutes=0:500",))
    assert (minutes.low, minutes.high) == (1, 120)


# -- walking forward -----------------------------------------------------------------------------------------------------


@given(
    st.integers(3, 60), st.integers(1, 20), st.integers(1, 15), st.integers(0, 4), st.integers(0, 4),
    st.sampled_from(["anchored", "rolling"]),
)  # fmt: skip
def test_no_window_trains_on_what_it_tests_or_was_to_leave_out(
    count: int, train: int, test: int, purge: int, embargo: int, kind: str
) -> None:
    days = [7 * (number // 5) + number % 5 for number in range(count)]
    if train + purge >= count:
        with pytest.raises(ValueError, match="do not hold"):
            windows(days, train, test, "rolling", purge, embargo)
        return
    made = windows(days, train, test, "anchored" if kind == "anchored" else "rolling", purge, embargo)

    tested = [day for each in made for day in days if each.test[0] <= day < each.test[1]]
    assert tested == days[train + purge :]
    for number, each in enumerate(made):
        inside = [day for day in days if each.train[0] <= day < each.train[1]]
        assert len(inside) == train + (number * test if kind == "anchored" else 0)
        gap = [day for day in days if each.train[1] <= day < each.test[0]]
        assert len(gap) == purge
        used = set(inside) - set(each.skipped)
        for earlier in made[:number]:
            after = [day for day in days if day >= earlier.test[1]][:embargo]
            assert not used & set(after)


def test_walking_forward_stitches_the_test_days_together() -> None:
    task = a_task()
    done = walk_forward(task, SearchSettings(method="random", trials=5), train=5, test=3, purge=1)

    days = trading_days(task.series)
    assert len(done.returns) == len(days) - 6 == sum(len(each.returns) for each in done.windows)
    assert len(done.windows) == 2
    assert set(done.stability) == {"fast", "slow"}
    assert done.total_return == pytest.approx(float(np.prod([1 + each for each in done.returns])) - 1)


def test_what_is_chosen_does_not_depend_on_the_days_it_is_tested_on() -> None:
    task = a_task()
    how = SearchSettings(method="random", trials=6)
    whole = walk_forward(task, how, train=5, test=3)
    [candles] = task.series
    first = trading_days(task.series)[6]
    rising = np.cumsum((candles.start + 19_800 * 10**9) // (86_400 * 10**9) >= first) * 500
    changed = replace(candles, open=candles.open + rising, close=candles.close + rising)
    other = walk_forward(replace(task, series=(changed,)), how, train=5, test=3)

    assert whole.windows[0].parameters == other.windows[0].parameters
    assert whole.windows[0].returns != other.windows[0].returns


# -- many processes on a database --------------------------------------------------------------------------------------


@pytest.fixture
def postgres() -> Iterator[str]:
    """A real PostgreSQL on a socket of its own; skipped where none is installed."""
    installed = [str(each) for each in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    found = max(installed) if installed else shutil.which("initdb")
    if found is None:
        pytest.skip("PostgreSQL is not installed")
    binaries, folder = Path(found).parent, Path(tempfile.mkdtemp(prefix="pg-"))
    as_user = []
    if os.geteuid() == 0:  # the server refuses to run as root
        as_user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(folder, "postgres")
    data, log = folder / "data", folder / "log"
    control = [*as_user, str(binaries / "pg_ctl"), "-D", str(data), "-w", "-t", "60"]
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
    try:
        for run in (
            [*as_user, str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "patang"],
            [*control, "-o", options, "-l", str(log), "start"],
        ):
            # Into a file: a server that goes on keeps a pipe open.
            with (folder.parent / f"{folder.name}.out").open("ab") as out:
                subprocess.run(run, check=True, stdout=out, stderr=out, cwd=folder)
        yield f"postgresql://patang@/postgres?host={folder}"
    finally:
        subprocess.run([*control, "-m", "immediate", "stop"], check=False, capture_output=True, cwd=folder)
        shutil.rmtree(folder, ignore_errors=True)
        folder.with_name(f"{folder.name}.out").unlink(missing_ok=True)


def a_long_task() -> Task:
    return replace(a_task(), series=tuple(shares(1, 450, CALENDAR, trend=0.1)))


@pytest.mark.long("postgres")
def test_two_workers_on_postgresql_are_faster_than_one(postgres: str) -> None:
    """Wants two cores for itself."""
    task = a_long_task()

    def rate(workers: int) -> float:
        how = SearchSettings(method="random", trials=60, workers=workers, storage=postgres, study=f"rate{workers}")
        search(task, replace(how, trials=workers))  # tables made, code compiled
        began = time.monotonic()
        search(task, how)
        return 60 / (time.monotonic() - began)

    one, two = rate(1), rate(2)
    sys.stdout.write(f"trials a second: one worker {one:.2f}, two {two:.2f}, {two / one:.2f} times as many\n")
    assert two / one >= 1.6


@pytest.mark.long("postgres")
def test_nothing_is_lost_when_a_worker_on_postgresql_is_killed(postgres: str) -> None:
    task, how = a_task(), SearchSettings(method="random", trials=120, storage=postgres, study="killed")
    search(task, replace(how, trials=1))
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=search, args=(task, replace(how, seed=seed))) for seed in (7, 8)]
    for each in workers:
        each.start()
    deadline = time.monotonic() + 60
    while len(search(task, replace(how, trials=1)).trials) < 20 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert workers[0].pid is not None
    os.kill(workers[0].pid, signal.SIGKILL)
    for each in workers:
        each.join()

    done = search(task, how)

    sys.stdout.write(f"{len(done.trials)} trials done, {done.pruned} refused, {done.failed} failed\n")
    assert len(done.trials) + done.pruned >= 120
    assert len({each.number for each in done.trials}) == len(done.trials)
    assert all(math.isfinite(each.values[0]) for each in done.trials)
    assert workers[1].exitcode == 0
