"""Significant children and automatic shutdown, as in Erlang/OTP; and the two counts of failures, kept apart."""

from __future__ import annotations

import pytest

from actors.runtime import (
    AutoShutdown,
    Backoff,
    ChildReady,
    ChildRestarted,
    ChildSpec,
    ChildStarted,
    ChildStopped,
    Crash,
    Ping,
    Pong,
    Restart,
    StartFailed,
    Strategy,
    SupervisorSpec,
    TradingLevel,
)
from tests.runtime.harness import DEADLINE_SECONDS, Running, a_child, a_root, raising, running, until

ANY, ALL, NEVER = AutoShutdown.ANY_SIGNIFICANT, AutoShutdown.ALL_SIGNIFICANT, AutoShutdown.NEVER
TEMPORARY, TRANSIENT, PERMANENT = Restart.TEMPORARY, Restart.TRANSIENT, Restart.PERMANENT


def leaves(actor: object) -> None:
    """A message: end by yourself, in order."""
    actor.stop()  # type: ignore[attr-defined] # an actor


def group(auto: AutoShutdown, *children: ChildSpec, strategy: Strategy = Strategy.ONE_FOR_ONE) -> SupervisorSpec:
    return SupervisorSpec("group", children, auto_shutdown=auto, restart=TEMPORARY, strategy=strategy)


def state(it: Running, name: str) -> str:
    return it.system.tree().find(name).state


@pytest.mark.parametrize(
    ("auto", "restart", "ends", "shuts_down"),
    [
        (ANY, TRANSIENT, [("s1", leaves)], True),
        (ANY, TRANSIENT, [("s1", Crash("drill"))], False),  # it is restarted
        (ANY, TEMPORARY, [("s1", leaves)], True),
        (ANY, TEMPORARY, [("s1", Crash("drill"))], True),
        (ANY, TEMPORARY, [("plain", leaves)], False),
        (ALL, TEMPORARY, [("s1", leaves)], False),
        (ALL, TEMPORARY, [("s1", leaves), ("s2", Crash("drill"))], True),
        (ALL, TRANSIENT, [("s1", leaves), ("s2", Crash("drill"))], False),
        (ALL, TRANSIENT, [("s1", leaves), ("s2", leaves)], True),
    ],
)
def test_when_the_end_of_significant_children_stops_their_supervisor(
    auto: AutoShutdown, restart: Restart, ends: list[tuple[str, object]], shuts_down: bool
) -> None:
    significant = [a_child(name, restart=restart, significant=True) for name in ("s1", "s2")]
    inside = group(auto, a_child("plain", restart=TEMPORARY), *significant)
    with running(a_root(inside, a_child("outside"))) as it:
        for name, message in ends:
            before = it.system.tree().find(name).incarnation
            it.tell(name, message)
            until(
                lambda name=name, before=before: (
                    it.system.tree().find(name).incarnation > before  # type: ignore[misc] # bound now
                    or state(it, name) in ("stopped", "gave_up")
                )
            )
        if shuts_down:
            until(lambda: state(it, "group") == "stopped")
            assert {state(it, name) for name in ("plain", "s1", "s2")} <= {"stopped", "gave_up"}
        else:
            assert it.ask("outside", Ping()) == Pong("outside", 1)
            assert state(it, "group") == "up"
        assert it.ask("outside", Ping()) == Pong("outside", 1)
        assert it.gave_up.items == []


def test_an_automatic_shutdown_stops_the_others_in_reverse_and_in_order() -> None:
    inside = group(ANY, a_child("a"), a_child("s", restart=TEMPORARY, significant=True), a_child("c"))
    with running(a_root(inside)) as it:
        it.tell("s", leaves)
        until(lambda: state(it, "group") == "stopped")

        stops = it.watch.seen(ChildStopped)
        assert [(stop.name, stop.failure) for stop in stops] == [("s", None), ("c", None), ("a", None)]


def test_an_automatic_shutdown_is_an_orderly_end_to_the_supervisor_above() -> None:
    for restart, lives in ((PERMANENT, 2), (TRANSIENT, 1)):
        child = a_child("s", restart=TRANSIENT, significant=True)
        inside = SupervisorSpec("group", (child,), auto_shutdown=ANY, restart=restart)
        with running(a_root(inside)) as it:
            it.tell("s", leaves)
            if lives == 2:
                it.watch.wait(ChildReady, "s", 2)
            else:
                until(lambda: state(it, "group") == "stopped")

            assert it.system.tree().find("group").incarnation == lives


def test_a_root_that_shuts_down_by_itself_is_no_failure() -> None:
    child = a_child("s", restart=TRANSIENT, significant=True)
    with running(a_root(child, auto_shutdown=ANY)) as it:
        it.tell("s", leaves)
        assert it.system.wait(DEADLINE_SECONDS)

        assert it.system.gave_up is None
        assert it.gave_up.items == []
        assert it.system.gate.level is TradingLevel.OPEN


def test_being_stopped_with_a_sibling_does_not_count() -> None:
    significant = a_child("s", restart=TEMPORARY, significant=True)
    inside = group(ANY, a_child("a"), significant, a_child("c"), strategy=Strategy.REST_FOR_ONE)
    with running(a_root(inside)) as it:
        it.tell("a", Crash("drill"))
        it.watch.wait(ChildRestarted, "c")

        assert (state(it, "s"), state(it, "group")) == ("stopped", "up")


def test_removing_a_significant_child_does_not_count() -> None:
    inside = group(ALL, a_child("a"), a_child("s", restart=TEMPORARY, significant=True))
    with running(a_root(inside)) as it:
        it.system.remove_child("s")

        assert it.ask("a", Ping()) == Pong("a", 1)


def test_what_cannot_start_without_its_significant_child_has_not_started() -> None:
    bad = a_child("s", restart=TEMPORARY, significant=True, on_start=raising(OSError("no disk")))
    inside = SupervisorSpec("group", (a_child("a"), bad), auto_shutdown=ANY)
    with running(a_root(inside), start=False) as it, pytest.raises(StartFailed, match="s did not start: OSError"):
        it.system.start()


def test_a_whole_supervisor_can_be_significant() -> None:
    below = SupervisorSpec("below", (a_child("a"),), intensity=0, restart=TEMPORARY, significant=True)
    with running(a_root(group(ANY), SupervisorSpec("above", (below,), auto_shutdown=ANY, restart=TEMPORARY))) as it:
        it.tell("a", Crash("drill"))
        until(lambda: state(it, "above") == "stopped")


@pytest.mark.parametrize(
    ("auto", "restart", "words"),
    [
        (ANY, PERMANENT, "a permanent child cannot be significant"),
        (NEVER, TRANSIENT, "significant, but supervisor 'group' has auto_shutdown never"),
    ],
)
def test_significant_children_are_refused_where_they_make_no_sense(
    auto: AutoShutdown, restart: Restart, words: str
) -> None:
    child = a_child("s", restart=restart, significant=True)
    with pytest.raises(ValueError, match=words):
        group(auto, child)
    with running(a_root(group(auto))) as it, pytest.raises(ValueError, match=words):
        it.system.add_child("group", child)


def test_the_backoff_counts_failures_in_a_row_and_the_intensity_counts_restarts_in_a_period() -> None:
    """A child that lives long enough begins its backoff anew; the supervisor has counted its restarts all the same."""
    backoff = Backoff(min_seconds=0.001, max_seconds=0.001, jitter=0, reset_after_seconds=0)
    with running(a_root(a_child("a", backoff=backoff), intensity=3)) as it:
        failures = []
        for life in range(1, 4):
            it.watch.wait(ChildReady, "a", life)
            it.tell("a", Crash("drill"))
            it.watch.wait(ChildStarted, "a", life + 1)
            failures.append(it.system.tree().find("a").failures)
        it.watch.wait(ChildReady, "a", 4)
        it.tell("a", Crash("drill"))
        (why,) = it.gave_up.wait(1)

        assert failures == [1, 1, 1]
        assert str(why).startswith("a needed restart 4 within 30 s (intensity 3)")


def test_failures_of_several_children_add_up_to_the_intensity_but_not_to_a_backoff() -> None:
    with running(a_root(a_child("a"), a_child("b"), intensity=2)) as it:
        for name in ("a", "b"):
            it.tell(name, Crash("drill"))
            it.watch.wait(ChildRestarted, name)
        assert [it.system.tree().find(name).failures for name in ("a", "b")] == [1, 1]
        it.tell("b", Crash("drill"))

        assert it.gave_up.wait(1)
