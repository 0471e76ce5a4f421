"""The runtime of threads: timers, answers, and backoff's arithmetic."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from random import Random

import pykka
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.runtime import Backoff, DetachedContext, Lane, ThreadRuntime
from tests.runtime.harness import DEADLINE_SECONDS, Inbox, Scripted, a_runtime, wait_for


@pytest.fixture
def runtime() -> Iterator[ThreadRuntime]:
    with a_runtime() as runtime:
        yield runtime


def test_timers_fire_in_the_order_they_are_due(runtime: ThreadRuntime) -> None:
    fired = Inbox()
    for milliseconds in (30, 10, 20, 0):
        runtime.timer(milliseconds / 1000, lambda ms=milliseconds: fired.add(ms))  # type: ignore[misc] # the default binds the loop's value

    assert fired.wait(4) == [0, 10, 20, 30]


def test_a_cancelled_timer_never_fires_and_does_not_stay_in_the_heap(runtime: ThreadRuntime) -> None:
    fired = Inbox()
    for _ in range(1000):
        runtime.timer(3600, lambda: fired.add("never")).cancel()
    runtime.timer(0.001, lambda: fired.add("last"))

    assert fired.wait(1) == ["last"]
    assert len(runtime._heap) < 200


def test_all_timers_share_one_thread_and_closing_ends_it() -> None:
    before = set(threading.enumerate())
    with a_runtime() as runtime:
        for _ in range(100):
            runtime.timer(3600, lambda: None)
        assert len(set(threading.enumerate()) - before) == 1

    assert set(threading.enumerate()) == before


def test_a_timer_that_raises_is_shown_and_does_not_end_the_others(
    runtime: ThreadRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, fired = Inbox(), Inbox()
    monkeypatch.setattr(threading, "excepthook", lambda args: shown.add(str(args.exc_value)))

    def bad() -> None:
        raise ValueError("bad timer")

    runtime.timer(0, bad)
    runtime.timer(0.001, lambda: fired.add("next"))

    assert fired.wait(1) == ["next"]
    assert shown.items == ["bad timer"]


def test_nothing_fires_after_close() -> None:
    with a_runtime() as runtime:
        pass
    before = set(threading.enumerate())
    runtime.timer(0, lambda: None)

    assert set(threading.enumerate()) == before


def test_the_first_answer_stands_and_a_second_does_not_raise(runtime: ThreadRuntime) -> None:
    future = runtime.future()
    future.set("first")
    future.set("second")
    future.set_exception((ValueError, ValueError("third"), None))

    assert future.get(timeout=0) == "first"


def test_a_failure_is_raised_in_who_asks_and_no_answer_is_a_timeout(runtime: ThreadRuntime) -> None:
    failed, silent = runtime.future(), runtime.future()
    failed.set_exception((ValueError, ValueError("x"), None))

    with pytest.raises(ValueError, match="x"):
        failed.get(timeout=DEADLINE_SECONDS)
    with pytest.raises(pykka.Timeout):
        silent.get(timeout=0.001)


def test_the_same_seed_draws_the_same() -> None:
    with a_runtime() as one, a_runtime() as two:
        assert [one.random.random() for _ in range(5)] == [two.random.random() for _ in range(5)]


def test_a_spawned_strand_does_not_keep_the_process_alive(runtime: ThreadRuntime) -> None:
    release = threading.Event()
    task = runtime.spawn("held", lambda: wait_for(release))
    assert isinstance(task, threading.Thread)

    assert task.daemon
    release.set()
    task.join(DEADLINE_SECONDS)


def test_backoff_doubles_up_to_its_longest() -> None:
    backoff = Backoff(min_seconds=1, max_seconds=10, jitter=0)

    assert [backoff.delay(n, Random(0)) for n in range(1, 7)] == [1, 2, 4, 8, 10, 10]


@given(
    st.floats(0, 100),
    st.floats(0, 1000),
    st.floats(0, 1),
    st.integers(1, 10_000),
    st.integers(0, 100),
)
def test_backoff_stays_within_its_bounds(low: float, more: float, jitter: float, failures: int, seed: int) -> None:
    backoff = Backoff(min_seconds=low, max_seconds=low + more, jitter=jitter)
    delay = backoff.delay(failures, Random(seed))

    assert low * (1 - jitter) * 0.999_999 <= delay <= low + more


@pytest.mark.parametrize("settings", [{"min_seconds": -1}, {"min_seconds": 5, "max_seconds": 1}, {"jitter": 2}])
def test_a_backoff_that_makes_no_sense_is_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="backoff: want"):
        Backoff(**settings)


def test_an_actor_can_be_called_on_the_tests_own_thread(runtime: ThreadRuntime) -> None:
    context = DetachedContext(runtime, "a", incarnation=3)
    actor = Scripted(context)
    actor.receive(lambda actor: actor.context.tell("b", "hello", Lane.DATA, key="k"))
    actor.receive(lambda actor: actor.context.every(5, "tick"))
    actor.receive(lambda actor: actor.context.ready())
    actor.receive(lambda actor: actor.context.log("info", "said", to="b"))

    assert context.told_to("b") == ["hello"]
    assert [(timer.message, timer.period) for timer in context.timers] == [("tick", 5)]
    assert context.was_ready
    assert context.logged == [("info", "said", {"to": "b", "actor": "a", "incarnation": 3})]
