"""Who is restarted when, what is given up, starting in order and stopping in reverse."""

from __future__ import annotations

import threading

import pytest

from actors.runtime import (
    Actor,
    Backoff,
    ChildCrashed,
    ChildGaveUp,
    ChildReady,
    ChildRestarted,
    ChildSpec,
    ChildStarted,
    ChildStopped,
    Crash,
    Ping,
    Pong,
    Restart,
    RuntimeFault,
    StartFailed,
    Strategy,
    SupervisorGaveUp,
    SupervisorSpec,
    TradingLevel,
    UnknownActor,
)
from tests.runtime.harness import DEADLINE_SECONDS, Inbox, Scripted, a_child, a_root, raising, running, until, wait_for

CRASH = Crash("drill")


def starts(it: object) -> list[int]:
    """Incarnations of the children a, b, c…, in order."""
    return [n.incarnation for n in it.system.tree().walk() if n.kind == "child"]  # type: ignore[attr-defined] # Running


@pytest.mark.parametrize(
    ("strategy", "stopped", "restarted"),
    [
        (Strategy.ONE_FOR_ONE, [], ["b"]),
        (Strategy.REST_FOR_ONE, ["d", "c"], ["b", "c", "d"]),
        (Strategy.ONE_FOR_ALL, ["d", "c", "a"], ["a", "b", "c", "d"]),
    ],
)
def test_who_goes_down_with_a_child_and_in_which_order(
    strategy: Strategy, stopped: list[str], restarted: list[str]
) -> None:
    with running(a_root(*(a_child(name) for name in "abcd"), strategy=strategy)) as it:
        it.tell("b", CRASH)
        it.watch.wait(ChildRestarted, restarted[-1])

        assert [name for _, name in it.watch.story(ChildStopped)] == stopped
        assert [name for _, name in it.watch.story(ChildRestarted)] == restarted


@pytest.mark.parametrize("strategy", list(Strategy))
def test_siblings_that_go_down_with_a_child_keep_their_queues(strategy: Strategy) -> None:
    inbox, begun, release = Inbox(), threading.Event(), threading.Event()

    def hold(_: Actor) -> None:
        begun.set()
        wait_for(release)

    with running(a_root(a_child("a"), a_child("b", inbox), strategy=strategy)) as it:
        it.tell("b", hold)
        wait_for(begun)
        it.tell("b", *range(20))
        it.tell("a", CRASH)
        it.watch.wait(ChildCrashed, "a")
        release.set()

        assert inbox.wait(20) == list(range(20))


@pytest.mark.parametrize(
    ("restart", "after_crash", "after_end"),
    [(Restart.PERMANENT, 2, 2), (Restart.TRANSIENT, 2, 1), (Restart.TEMPORARY, 1, 1)],
)
def test_restart_policies(restart: Restart, after_crash: int, after_end: int) -> None:
    with running(a_root(a_child("a", restart=restart), a_child("b", restart=restart))) as it:
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted if after_crash == 2 else ChildGaveUp, "a")
        it.tell("b", lambda actor: actor.stop())
        it.watch.wait(ChildStopped, "b")
        if after_end == 2:
            it.watch.wait(ChildRestarted, "b")

        assert starts(it) == [after_crash, after_end]


def test_more_restarts_than_the_intensity_end_the_supervisor_and_the_root_gives_up() -> None:
    with running(a_root(a_child("a"), a_child("b"), intensity=2)) as it:
        for life in (1, 2, 3):
            it.watch.wait(ChildReady, "a", life)
            it.tell("a", CRASH)
        (reason,) = it.gave_up.wait(1)

        assert it.system.wait(DEADLINE_SECONDS)
        assert str(reason).startswith("a needed restart 3 within 30 s (intensity 2)")
        assert it.system.gave_up == reason
        assert [name for _, name in it.watch.story(SupervisorGaveUp)] == ["root"]
        assert [name for _, name in it.watch.story(ChildStopped)] == ["b"]
        assert it.system.gate.level is TradingLevel.HALTED


def test_a_child_that_starts_while_the_root_gives_up_cannot_open_the_gate_again() -> None:
    starting, go = threading.Event(), threading.Event()

    def opens(actor: Actor) -> None:
        if actor.context.incarnation == 2:
            starting.set()
            wait_for(go)
        actor.context.gate.clear("everything is up")

    with running(a_root(a_child("opener", on_start=opens), a_child("bad"), intensity=1)) as it:
        it.tell("opener", CRASH)
        wait_for(starting)
        it.tell("bad", CRASH)
        it.watch.wait(SupervisorGaveUp, "root")
        go.set()
        it.gave_up.wait(1)

        assert it.system.gate.level is TradingLevel.HALTED


def test_restarts_that_are_older_than_the_period_do_not_count() -> None:
    with running(a_root(a_child("a"), intensity=1, period_seconds=0.001)) as it:
        pause = threading.Event()
        for life in range(1, 6):
            it.watch.wait(ChildReady, "a", life)
            pause.wait(0.005)  # the period itself is what is waited for
            it.tell("a", CRASH)
        it.watch.wait(ChildReady, "a", 6)

        assert it.watch.seen(SupervisorGaveUp) == []


def test_a_temporary_supervisor_that_gives_up_is_left_down_alone() -> None:
    """A strategy that fails at every message is frozen alone."""
    good = Inbox()

    def a_strategy(name: str, inbox: Inbox) -> SupervisorSpec:
        return SupervisorSpec(f"{name}-guard", (a_child(name, inbox),), intensity=2, restart=Restart.TEMPORARY)

    strategies = SupervisorSpec("strategies", (a_strategy("bad", Inbox()), a_strategy("good", good)))
    with running(a_root(a_child("risk"), strategies)) as it:
        it.tell("bad", *([raising(ValueError("always"))] * 10))
        (gone,) = it.watch.wait(ChildGaveUp)
        it.tell("good", "trade on")
        good.wait(1)

        assert gone.name == "bad-guard"
        assert "ValueError: always" in gone.reason
        tree = it.system.tree()
        assert [(tree.find(n).state, tree.find(n).incarnation) for n in ("bad", "good", "risk")] == [
            ("gave_up", 3),
            ("up", 1),
            ("up", 1),
        ]
        assert tree.find("bad").dead_letters == 7


def test_a_permanent_supervisor_that_gives_up_is_restarted_by_the_one_above() -> None:
    below = SupervisorSpec("below", (a_child("a"), a_child("b")), intensity=1)
    with running(a_root(below)) as it:
        for life in (1, 2):
            it.watch.wait(ChildReady, "a", life)
            it.tell("a", CRASH)
        it.watch.wait(ChildReady, "b", 2)

        assert it.watch.story(SupervisorGaveUp) == [("SupervisorGaveUp", "below")]
        assert it.system.tree().find("below").restarts == 1
        assert starts(it) == [3, 2]


def test_giving_up_escalates_level_by_level_up_to_the_root() -> None:
    inner = SupervisorSpec("inner", (a_child("a"),), intensity=0)
    outer = SupervisorSpec("outer", (inner,), intensity=0)
    with running(a_root(outer, intensity=0)) as it:
        it.tell("a", CRASH)
        it.gave_up.wait(1)

        assert [name for _, name in it.watch.story(SupervisorGaveUp)] == ["inner", "outer", "root"]


def test_a_child_in_backoff_does_not_hold_up_its_siblings() -> None:
    slow = Backoff(min_seconds=60, max_seconds=60, jitter=0)
    with running(a_root(a_child("a", backoff=slow), a_child("b"))) as it:
        it.tell("a", CRASH)
        it.watch.wait(ChildCrashed, "a")
        it.tell("b", CRASH)
        it.watch.wait(ChildRestarted, "b")

        assert it.system.tree().find("a").state == "waiting"
        assert it.ask("b", Ping()) == Pong("b", 2)


def test_a_child_starts_again_after_its_backoff_and_not_before() -> None:
    backoff = Backoff(min_seconds=0.05, max_seconds=1, jitter=0)
    with running(a_root(a_child("a", backoff=backoff))) as it:
        it.tell("a", CRASH)
        (crash,) = it.watch.wait(ChildCrashed, "a")
        (_, again) = it.watch.wait(ChildStarted, "a", 2)

        assert again.at_ns - crash.at_ns >= 50_000_000


def test_the_backoff_of_a_child_that_keeps_failing_doubles() -> None:
    backoff = Backoff(min_seconds=0.01, max_seconds=10, jitter=0)
    with running(a_root(a_child("a", backoff=backoff))) as it:
        for life in (1, 2, 3):
            it.watch.wait(ChildReady, "a", life)
            it.tell("a", CRASH)
        started = it.watch.wait(ChildStarted, "a", 4)
        crashed = it.watch.seen(ChildCrashed, "a")

        waits = [up.at_ns - down.at_ns for down, up in zip(crashed, started[1:], strict=True)]
        assert all(wait >= least for wait, least in zip(waits, (10_000_000, 20_000_000, 40_000_000), strict=True))


def test_a_child_that_was_up_long_enough_begins_its_backoff_anew() -> None:
    backoff = Backoff(min_seconds=0.01, max_seconds=1000, jitter=0, reset_after_seconds=0)
    with running(a_root(a_child("a", backoff=backoff), intensity=100)) as it:
        for life in range(1, 13):
            it.watch.wait(ChildReady, "a", life)
            it.tell("a", CRASH)

        # Without the reset the last wait alone would be 20 s, past every deadline here.
        it.watch.wait(ChildReady, "a", 13)


def test_a_supervisor_that_was_up_long_enough_begins_its_backoff_anew() -> None:
    backoff = Backoff(min_seconds=0.01, max_seconds=1000, jitter=0, reset_after_seconds=0)
    below = SupervisorSpec("below", (a_child("a"),), intensity=0, backoff=backoff)
    with running(a_root(below, intensity=100)) as it:
        for life in range(1, 13):
            it.watch.wait(ChildReady, "a", life)
            it.tell("a", CRASH)

        it.watch.wait(ChildReady, "a", 13)


def test_under_rest_for_one_the_later_siblings_wait_for_the_one_in_backoff() -> None:
    backoff = Backoff(min_seconds=0.05, max_seconds=1, jitter=0)
    children = (a_child("a", backoff=backoff), a_child("b"))
    with running(a_root(*children, strategy=Strategy.REST_FOR_ONE)) as it:
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "b")

        story = [name for _, name in it.watch.story(ChildStopped, ChildRestarted)]
        assert story == ["b", "a", "b"]


def test_children_start_in_order_each_when_the_one_before_is_up_and_stop_in_reverse() -> None:
    nested = SupervisorSpec("nested", (a_child("b"), a_child("c")))
    with running(a_root(a_child("a"), nested, a_child("d"))) as it:
        it.system.stop()

        names = [(kind.removeprefix("Child"), name) for kind, name in it.watch.story(ChildStarted, ChildReady)]
        assert names == [(kind, name) for name in "abcd" for kind in ("Started", "Ready")]
        assert [name for _, name in it.watch.story(ChildStopped)] == ["d", "c", "b", "a"]


def test_a_failed_start_stops_what_had_started_in_reverse_and_names_child_and_reason() -> None:
    nested = SupervisorSpec("nested", (a_child("b"), a_child("c", on_start=raising(OSError("no disk")))))
    with running(a_root(a_child("a"), nested, a_child("d")), start=False) as it:
        with pytest.raises(StartFailed) as failed:
            it.system.start()

        assert (failed.value.child, failed.value.reason) == ("c", "OSError: no disk")
        assert [name for _, name in it.watch.story(ChildStopped)] == ["b", "a"]
        assert it.watch.seen(ChildStarted, "d") == []
        assert it.gave_up.items == []


def test_a_temporary_child_that_does_not_come_up_does_not_hold_up_the_rest() -> None:
    bad = a_child("bad", restart=Restart.TEMPORARY, on_start=raising(ValueError("x")))
    with running(a_root(a_child("a"), bad, a_child("c"))) as it:
        assert [name for _, name in it.watch.story(ChildGaveUp)] == ["bad"]
        assert it.ask("c", Ping()) == Pong("c", 1)


def test_a_stop_handles_queued_events_first() -> None:
    inbox, begun, release = Inbox(), threading.Event(), threading.Event()

    def hold(_: Actor) -> None:
        begun.set()
        wait_for(release)

    with running(a_root(a_child("a", inbox))) as it:
        it.tell("a", hold)
        wait_for(begun)
        it.tell("a", *range(50))
        it.system.request_stop()
        until(lambda: it.system.tree().find("a").state == "stopping")
        release.set()
        assert it.system.wait(DEADLINE_SECONDS)

    assert inbox.items == list(range(50))


def test_a_stop_whose_queue_is_too_long_to_drain_still_cleans_up_in_time() -> None:
    tidied, pause = Inbox(), threading.Event()

    class Slow(Scripted):
        def stopping(self) -> None:
            tidied.add("tidied")

    with running(a_root(ChildSpec("a", Slow, shutdown_seconds=1.0))) as it:
        it.tell("a", *([lambda _: pause.wait(0.005)] * 1000))  # five seconds of work
        it.system.stop()

        assert tidied.items == ["tidied"]
        (stopped,) = it.watch.seen(ChildStopped)
        assert stopped.failure is None


def test_a_temporary_sibling_that_goes_down_with_a_child_stays_down() -> None:
    children = (a_child("a"), a_child("b", restart=Restart.TEMPORARY), a_child("c"))
    with running(a_root(*children, strategy=Strategy.REST_FOR_ONE)) as it:
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "c")

        assert starts(it) == [2, 1, 2]
        assert it.system.tree().find("b").state == "stopped"


def test_a_system_that_is_stopped_while_it_starts_says_so() -> None:
    def stop_now(_: Actor) -> None:
        it.system.request_stop()

    failed = pytest.raises(StartFailed, match="root did not start: stopped before it was up")
    with running(a_root(a_child("a", on_start=stop_now), a_child("b")), start=False) as it, failed:
        it.system.start()


def test_stopping_twice_and_stopping_what_never_started_are_harmless() -> None:
    with running(a_root(a_child("a")), start=False) as it:
        it.system.stop()
    with running(a_root(a_child("a"))) as it:
        it.system.stop()
        it.system.stop()

        assert it.system.wait(0)


def test_ids_must_be_unique_in_the_whole_tree() -> None:
    tree = a_root(a_child("a"), SupervisorSpec("s", (a_child("a"),)))
    with pytest.raises(ValueError, match="more than once: a"), running(tree):
        pass


def test_a_child_can_be_added_and_removed() -> None:
    inbox = Inbox()
    with running(a_root(SupervisorSpec("strategies"))) as it:
        it.system.add_child("strategies", a_child("late", inbox))
        it.tell("late", "hello")
        inbox.wait(1)
        it.tell("late", *range(5))
        it.system.remove_child("late")

        assert inbox.items == ["hello", 0, 1, 2, 3, 4]
        with pytest.raises(UnknownActor):
            it.system.address("late")
        it.system.add_child("strategies", a_child("late", inbox))
        assert it.ask("late", Ping()) == Pong("late", 1)


def test_a_whole_supervisor_can_be_added_and_removed() -> None:
    with running(a_root(SupervisorSpec("strategies"), a_child("z"))) as it:
        it.system.add_child("strategies", SupervisorSpec("guard", (a_child("x"), a_child("y"))))
        it.system.remove_child("guard")

        assert [name for _, name in it.watch.story(ChildStopped)] == ["y", "x"]
        assert [node.id for node in it.system.tree().walk()] == ["root", "strategies", "z"]


def test_an_added_child_that_does_not_come_up_is_forgotten() -> None:
    with running(a_root(a_child("a"))) as it:
        with pytest.raises(StartFailed, match="late did not start: ValueError: x"):
            it.system.add_child("root", a_child("late", on_start=raising(ValueError("x"))))

        assert [node.id for node in it.system.tree().walk()] == ["root", "a"]
        assert it.ask("a", Ping()) == Pong("a", 1)


@pytest.mark.parametrize(
    ("supervisor", "child", "error"),
    [("nowhere", "x", UnknownActor), ("a", "x", UnknownActor), ("root", "a", ValueError)],
)
def test_what_cannot_be_added(supervisor: str, child: str, error: type[Exception]) -> None:
    with running(a_root(a_child("a"))) as it, pytest.raises(error):
        it.system.add_child(supervisor, a_child(child))


def test_nothing_can_be_added_to_a_system_that_has_stopped() -> None:
    with running(a_root(a_child("a"))) as it:
        it.system.stop()

        with pytest.raises(RuntimeFault, match="not running"):
            it.system.add_child("root", a_child("b"))


def test_a_log_that_raises_does_not_hurt_supervision() -> None:
    def log(*_: object, **__: object) -> None:
        raise SystemExit("no log")

    with running(a_root(a_child("a")), log=log) as it:
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "a")

        assert it.ask("a", Ping()) == Pong("a", 2)


def test_a_listener_that_raises_is_logged_and_does_not_hurt_supervision(monkeypatch: pytest.MonkeyPatch) -> None:
    logged = Inbox()

    def log(level: str, event: str, /, **keys: object) -> None:
        if event == "supervisor.listener_failed":
            logged.add(keys["reason"])

    with running(a_root(a_child("a")), log=log) as it:
        monkeypatch.setattr(it.system._engine, "_listener", raising(SystemExit("bad listener")))
        it.tell("a", CRASH)

        assert logged.wait(1)[0] == "SystemExit: bad listener"
        assert it.ask("a", Ping()) == Pong("a", 2)


def test_a_mistake_in_supervision_itself_closes_the_gate_and_gives_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(a_root(a_child("a"))) as it:
        monkeypatch.setattr(it.system._root, "child_ended", raising(AssertionError("a mistake")))
        it.tell("a", CRASH)
        (reason,) = it.gave_up.wait(1)

        assert "supervision failed" in str(reason)
        assert it.system.gate.level is TradingLevel.HALTED
        assert it.system.wait(DEADLINE_SECONDS)


def test_the_tree_shows_state_restarts_queue_and_last_failure() -> None:
    begun, release = threading.Event(), threading.Event()

    def hold(_: Actor) -> None:
        begun.set()
        wait_for(release)

    with running(a_root(a_child("a"), SupervisorSpec("s", (a_child("b"),)))) as it:
        it.tell("b", raising(ValueError("x")), hold, 1, 2)
        wait_for(begun)
        it.watch.wait(ChildRestarted, "b")

        node = it.system.tree().find("b")
        release.set()
        assert (node.state, node.incarnation, node.restarts, node.depth) == ("up", 2, 1, 2)
        assert node.last_failure == "ValueError: x"
        assert node.oldest_age_seconds is not None
        assert node.uptime_seconds is not None
        assert [n.id for n in it.system.tree().walk()] == ["root", "a", "s", "b"]


class Leaky(Scripted):
    """Sets timers and never cancels them."""

    def started(self) -> None:
        self.context.every(0.001, "beat")
        self.context.after(100, "never")


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    nested = SupervisorSpec("nested", tuple(ChildSpec(f"n{n}", Leaky) for n in range(3)), intensity=100)
    with running(a_root(ChildSpec("a", Leaky), nested)) as it:
        for name in ("a", "n0", "n1", "n2"):
            it.tell(name, CRASH)
            it.watch.wait(ChildRestarted, name)

    assert set(threading.enumerate()) == before
