"""A hung actor is fenced, abandoned and replaced; too many of them end the system."""

from __future__ import annotations

import threading

import pytest

from actors.runtime import (
    Actor,
    ActorCrashed,
    Backoff,
    ChildHung,
    ChildRestarted,
    EffectKind,
    GateRefused,
    InFlight,
    Ping,
    Pong,
    Ready,
    Refusal,
    StartFailed,
    SupervisorGaveUp,
)
from tests.runtime.harness import DEADLINE_SECONDS, Inbox, a_child, a_root, running, until, wait_for


class Stuck:
    """A message that keeps its actor in the handler, then does something late."""

    def __init__(self, late: object = None) -> None:
        self.begun = threading.Event()
        self.release = threading.Event()
        self.over = threading.Event()
        self._late = late

    def __call__(self, actor: Actor) -> None:
        self.begun.set()
        wait_for(self.release)
        if callable(self._late):
            self._late(actor)
        self.over.set()


def test_an_actor_that_is_busy_past_its_heartbeat_is_replaced_and_its_queue_goes_on() -> None:
    inbox, stuck = Inbox(), Stuck()
    with running(a_root(a_child("a", inbox, heartbeat_seconds=0.15), a_child("b"))) as it:
        it.tell("a", stuck, 1, 2, 3)
        (hung,) = it.watch.wait(ChildHung, "a")
        assert inbox.wait(3) == [1, 2, 3]

        assert (hung.incarnation, hung.doing) == (1, "handler")
        assert hung.seconds >= 0.15
        assert it.ask("a", Ping()) == Pong("a", 2)
        assert it.ask("b", Ping()) == Pong("b", 1)
        stuck.release.set()
        wait_for(stuck.over)


def test_the_late_command_of_a_hung_actor_is_refused_and_its_late_fact_is_not_lost() -> None:
    facts, refusals = Inbox(), Inbox()

    def late(actor: Actor) -> None:
        context = actor.context
        try:
            context.gate.register(context.name, context.incarnation, "tag", EffectKind.ENTRY)
        except GateRefused as refused:
            refusals.add(refused.reason)
        context.tell("b", "broker's reply")

    stuck = Stuck(late)
    with running(a_root(a_child("a", heartbeat_seconds=0.15), a_child("b", facts))) as it:
        it.tell("a", stuck)
        it.watch.wait(ChildRestarted, "a")
        stuck.release.set()

        assert facts.wait(1) == ["broker's reply"]
        assert refusals.items == [Refusal.STALE_INCARNATION]


def test_an_effect_that_a_hung_actor_registered_before_cannot_start_after() -> None:
    outcome = Inbox()
    stuck = threading.Event(), threading.Event()

    def effect(actor: Actor) -> None:
        gate = actor.context.gate
        ticket = gate.register(actor.context.name, actor.context.incarnation, "tag", EffectKind.ENTRY)
        stuck[0].set()
        wait_for(stuck[1])
        try:
            with gate.start(ticket):
                outcome.add("posted")
        except GateRefused as refused:
            outcome.add(refused.reason)

    with running(a_root(a_child("a", heartbeat_seconds=0.15))) as it:
        it.tell("a", effect)
        wait_for(stuck[0])
        it.watch.wait(ChildRestarted, "a")
        stuck[1].set()

        assert outcome.wait(1) == [Refusal.STALE_INCARNATION]


def test_a_hung_actor_is_fenced_at_once_not_when_its_replacement_comes() -> None:
    outcome = Inbox()

    def late(actor: Actor) -> None:
        try:
            actor.context.gate.register("a", actor.context.incarnation, "tag", EffectKind.ENTRY)
        except GateRefused as refused:
            outcome.add(refused.reason)

    stuck = Stuck(late)
    backoff = Backoff(min_seconds=60, max_seconds=60, jitter=0)
    with running(a_root(a_child("a", heartbeat_seconds=0.15, backoff=backoff))) as it:
        it.tell("a", stuck)
        it.watch.wait(ChildHung, "a")
        stuck.release.set()

        assert outcome.wait(1) == [Refusal.STALE_INCARNATION]
        assert it.system.tree().find("a").state == "waiting"


def test_an_idle_actor_that_is_given_up_ends_its_thread_by_itself() -> None:
    mute = a_child("a", ready=Ready.EXPLICIT, start_timeout_seconds=0.05)
    with running(a_root(mute), start=False) as it:
        with pytest.raises(StartFailed, match="hung: start took longer"):
            it.system.start()

        until(lambda: not [thread for thread in threading.enumerate() if thread.name == "a#1"])


def test_the_asker_of_a_hung_actor_is_answered() -> None:
    stuck = Stuck()
    with running(a_root(a_child("a", heartbeat_seconds=0.15))) as it:
        with pytest.raises(ActorCrashed, match="a hung: handler took longer than"):
            it.ask("a", stuck)
        stuck.release.set()


@pytest.mark.parametrize(("policy", "times"), [(InFlight.DROP, 1), (InFlight.REDELIVER_ONCE, 2)])
def test_the_message_of_a_hung_actor_follows_the_policy(policy: InFlight, times: int) -> None:
    handled, release = Inbox(), threading.Event()

    def slow_once(actor: Actor) -> None:
        handled.add(actor.context.incarnation)
        if actor.context.incarnation == 1:
            wait_for(release)

    with running(a_root(a_child("a", heartbeat_seconds=0.15, in_flight=policy))) as it:
        it.tell("a", slow_once)
        it.watch.wait(ChildRestarted, "a")
        it.ask("a", "flush")
        release.set()

        assert handled.items == list(range(1, times + 1))


def test_a_long_handler_that_beats_is_left_alone() -> None:
    def long(actor: Actor) -> None:
        pause = threading.Event()
        for _ in range(30):
            actor.context.beat()
            pause.wait(0.02)  # being slow is what is tested

    with running(a_root(a_child("a", heartbeat_seconds=0.3))) as it:
        it.ask("a", long)

        assert it.watch.seen(ChildHung) == []


def test_many_short_messages_are_not_a_hang() -> None:
    with running(a_root(a_child("a", heartbeat_seconds=0.3))) as it:
        pause = threading.Event()
        for _ in range(120):
            it.tell("a", lambda _: pause.wait(0.005))  # busy all the time, never for long
        it.ask("a", "flush")

        assert it.watch.seen(ChildHung) == []


def test_a_start_that_hangs_fails_in_time() -> None:
    release = threading.Event()
    with running(
        a_root(a_child("a", on_start=lambda _: wait_for(release), start_timeout_seconds=0.05)), start=False
    ) as it:
        with pytest.raises(StartFailed, match="hung: start took longer"):
            it.system.start()
        release.set()


def test_a_child_that_does_not_stop_in_time_is_abandoned_and_reported_and_the_rest_stop() -> None:
    stuck = Stuck()
    with running(a_root(a_child("a"), a_child("b", shutdown_seconds=0.05), a_child("c"))) as it:
        it.tell("b", stuck)
        wait_for(stuck.begun)
        it.system.stop()

        (hung,) = it.watch.seen(ChildHung)
        assert (hung.name, hung.doing) == ("b", "stop")
        assert it.system.tree().find("a").state == "stopped"
        stuck.release.set()
        wait_for(stuck.over)


def test_a_stop_is_bounded_as_a_whole() -> None:
    stuck = [Stuck() for _ in range(6)]
    children = (a_child(f"c{n}", shutdown_seconds=60) for n in range(6))
    with running(a_root(*children)) as it:
        for n, message in enumerate(stuck):
            it.tell(f"c{n}", message)
            wait_for(message.begun)
        it.system.stop(timeout_seconds=0.2)

        assert it.system.wait(0)
        assert len(it.watch.seen(ChildHung)) == 6
        for message in stuck:
            message.release.set()
            wait_for(message.over)


def test_more_abandoned_threads_than_the_cap_end_the_system() -> None:
    stuck = [Stuck() for _ in range(3)]
    with running(a_root(a_child("a", heartbeat_seconds=0.15), intensity=100), abandoned_max=2) as it:
        for n, message in enumerate(stuck):
            it.tell("a", message)
            it.watch.wait(ChildHung, "a", n + 1)
        it.gave_up.wait(1)

        (gave_up,) = it.watch.seen(SupervisorGaveUp)
        assert gave_up.reason.startswith("3 hung threads are alive, more than 2")
        for message in stuck:
            message.release.set()
            wait_for(message.over)


def test_abandoned_threads_that_end_after_all_no_longer_count() -> None:
    with running(a_root(a_child("a", heartbeat_seconds=0.15), intensity=100), abandoned_max=1) as it:
        for n in range(4):
            stuck = Stuck()
            it.tell("a", stuck)
            it.watch.wait(ChildHung, "a", n + 1)
            stuck.release.set()
            wait_for(stuck.over)
            it.watch.wait(ChildRestarted, "a", n + 1)
            ended = [t for t in threading.enumerate() if t.name == f"a#{n + 1}"]
            for thread in ended:
                thread.join(DEADLINE_SECONDS)

        assert it.gave_up.items == []
        assert [hung.abandoned for hung in it.watch.seen(ChildHung)] == [1, 1, 1, 1]
