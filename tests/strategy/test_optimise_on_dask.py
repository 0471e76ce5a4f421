"""A search on a Dask cluster of this machine's is the search here: the same trials, the same best one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from msgspec.structs import replace

from research.cluster import search_on
from research.optimise import Method, SearchSettings, search
from tests.strategy.test_optimise import a_task

if TYPE_CHECKING:
    import distributed


@pytest.fixture(scope="module")
def cluster() -> Iterator[distributed.LocalCluster]:
    """Two worker processes on loopback; skipped where distributed is not installed."""
    found = pytest.importorskip("distributed")
    with found.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
    ) as made:
        yield made


@pytest.mark.long("dask")
@pytest.mark.parametrize("method", ["grid", "random"])
def test_a_cluster_gives_the_same_trials_and_the_same_best_one(
    cluster: distributed.LocalCluster, method: Method
) -> None:
    """What is drawn without looking at results is the same, number by number, figure by figure."""
    task, how = a_task(), SearchSettings(method=method, trials=40, steps=6)

    here, there = search(task, how), search_on(cluster.scheduler_address, task, how)

    assert there.best == here.best
    assert there.trials == here.trials
    assert (there.pruned, there.failed) == (here.pruned, here.failed)


@pytest.mark.long("dask")
@pytest.mark.parametrize("method", ["tpe", "cmaes", "nsga2"])
def test_a_method_that_learns_is_repeatable_on_a_cluster(cluster: distributed.LocalCluster, method: Method) -> None:
    task, how = a_task(), SearchSettings(method=method, trials=30, seed=4)

    one, two = (search_on(cluster.scheduler_address, task, how) for _ in range(2))

    assert one == two
    assert len(one.trials) + one.pruned == 30


@pytest.mark.long("dask")
def test_a_constraint_several_objectives_and_refused_parameters_come_through(
    cluster: distributed.LocalCluster,
) -> None:
    narrow = a_task("sharpe", "trades<=40", space=("fast=5:9", "slow=5:9"))
    how = SearchSettings(method="random", trials=30)
    front = a_task("profit,max_drawdown")

    assert search_on(cluster.scheduler_address, narrow, how) == search(narrow, how)
    assert search_on(cluster.scheduler_address, front, how) == search(front, how)


@pytest.mark.long("dask")
def test_a_study_goes_on_there_and_a_killed_worker_loses_no_trial(
    cluster: distributed.LocalCluster, tmp_path: Path
) -> None:
    storage = str(tmp_path / "study.log")
    task, how = a_task(), SearchSettings(method="random", trials=60, storage=storage)
    half = search(task, replace(how, trials=20))
    victim = next(iter(cluster.workers.values())).pid

    def told(count: int) -> None:
        if count == 30:
            os.kill(victim, signal.SIGKILL)

    done = search_on(cluster.scheduler_address, task, how, told)

    assert done.trials[: len(half.trials)] == half.trials
    assert (len(done.trials) + done.pruned, done.failed) == (60, 0)
    assert len({each.number for each in done.trials}) == len(done.trials)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        (SearchSettings(prune=True), "--prune"),
        (SearchSettings(workers=2), "--workers"),
        (SearchSettings(), "no scheduler at tcp://127.0.0.1:1|distributed is not installed"),
    ],
    ids=["pruning", "workers", "nobody there"],
)
def test_what_does_not_go_with_a_cluster_is_said(
    how: SearchSettings, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("research.cluster.CONNECT_SECONDS", 0.5)
    with pytest.raises(ValueError, match=words):
        search_on("tcp://127.0.0.1:1", a_task(), how)
