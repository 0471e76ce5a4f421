"""One actor: asking, crashing, what survives, timers, readiness."""

from __future__ import annotations

import threading

import pykka
import pytest

from actors.runtime import (
    Actor,
    ActorCrashed,
    ActorGone,
    AskTimeout,
    ChildCrashed,
    ChildReady,
    ChildRestarted,
    ChildSpec,
    ChildStopped,
    Context,
    Crash,
    DeadLetter,
    InFlight,
    Lane,
    MailboxHigh,
    MailboxSpec,
    Ping,
    Pong,
    Ready,
    Restart,
    StartFailed,
    UnknownActor,
)
from tests.runtime.harness import DEADLINE_SECONDS, Inbox, Scripted, a_child, a_root, raising, running, until, wait_for


class Hold:
    """A message that keeps its actor busy until it is let go."""

    def __init__(self, then: BaseException | None = None) -> None:
        self.begun = threading.Event()
        self.release = threading.Event()
        self._then = then

    def __call__(self, _: Actor) -> None:
        self.begun.set()
        wait_for(self.release)
        if self._then is not None:
            raise self._then


def test_an_ask_is_answered_with_what_receive_returns() -> None:
    with running(a_root(a_child("a"))) as it:
        assert it.ask("a", "hello") == "hello"


def test_ping_tells_name_and_incarnation() -> None:
    with running(a_root(a_child("a"))) as it:
        it.tell("a", Crash("drill"))
        it.watch.wait(ChildRestarted, "a")

        assert it.ask("a", Ping()) == Pong("a", 2)


def test_an_ask_that_is_not_answered_in_time_says_who_and_what() -> None:
    hold = Hold()
    with running(a_root(a_child("a"))) as it:
        it.tell("a", hold)
        wait_for(hold.begun)

        with pytest.raises(AskTimeout, match=r"a did not answer str within 0\.01 s"):
            it.system.address("a").ask("late", 0.01)
        hold.release.set()


def test_a_failing_ask_gets_the_failure_and_crashes_the_actor() -> None:
    with running(a_root(a_child("a"))) as it:
        with pytest.raises(ValueError, match="bad"):
            it.ask("a", raising(ValueError("bad")))
        (crash,) = it.watch.wait(ChildCrashed, "a")

        assert crash.reason == "ValueError: bad"
        assert "in receive" in crash.traceback
        assert it.ask("a", "back") == "back"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=lambda e: type(e).__name__)
def test_a_base_exception_in_a_handler_ends_only_that_actor(error: BaseException) -> None:
    with running(a_root(a_child("a"), a_child("b"))) as it:
        with pytest.raises(ActorCrashed, match=type(error).__name__):
            it.ask("a", raising(error))
        (crash,) = it.watch.wait(ChildCrashed)

        assert crash.name == "a"
        assert it.ask("a", Ping()) == Pong("a", 2)
        assert it.ask("b", Ping()) == Pong("b", 1)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), ValueError("x")], ids=lambda e: type(e).__name__)
def test_an_exception_in_started_is_reported_and_ends_only_that_actor(error: BaseException) -> None:
    lives = []

    def on_start(actor: Actor) -> None:
        lives.append(actor.context.incarnation)
        if lives == [1, 2]:
            raise error

    with running(a_root(a_child("a", on_start=on_start), a_child("b"))) as it:
        it.tell("a", Crash("to start again"))
        crashes = it.watch.wait(ChildCrashed, "a", 2)

        assert type(error).__name__ in crashes[1].reason
        assert it.ask("a", Ping()) == Pong("a", 3)
        assert it.ask("b", Ping()) == Pong("b", 1)


def test_an_exception_in_stopping_is_reported_with_the_stop() -> None:
    class Untidy(Scripted):
        def stopping(self) -> None:
            raise SystemExit("untidy")

    with running(a_root(ChildSpec("a", Untidy))) as it:
        it.system.stop()
        (stopped,) = it.watch.wait(ChildStopped)

        assert stopped.failure == "SystemExit: untidy"


def test_stopping_runs_on_an_orderly_stop_and_never_after_a_crash() -> None:
    tidied = Inbox()

    class Tidy(Scripted):
        def stopping(self) -> None:
            tidied.add(self.context.incarnation)

    with running(a_root(ChildSpec("a", Tidy))) as it:
        it.tell("a", Crash("drill"))
        it.watch.wait(ChildRestarted, "a")
        it.system.stop()

    assert tidied.items == [2]


def test_queued_messages_survive_a_crash_in_order() -> None:
    inbox, hold = Inbox(), Hold(ValueError("crash"))
    with running(a_root(a_child("a", inbox))) as it:
        it.tell("a", hold)
        wait_for(hold.begun)
        it.tell("a", *range(100))
        hold.release.set()

        assert inbox.wait(100) == list(range(100))
        assert it.system.tree().find("a").incarnation == 2


def test_a_crash_drill_overtakes_the_queue_and_costs_nothing() -> None:
    inbox, hold = Inbox(), Hold()
    with running(a_root(a_child("a", inbox, in_flight=InFlight.REDELIVER_ONCE))) as it:
        it.tell("a", hold)
        wait_for(hold.begun)
        it.tell("a", *range(10))
        it.system.address("a").tell(Crash("drill"), Lane.CONTROL)
        hold.release.set()
        inbox.wait(10)
        it.ask("a", Ping())

        node = it.system.tree().find("a")
        assert inbox.items == list(range(10))
        assert (node.incarnation, node.lost, node.dead_letters) == (2, 0, 0)


@pytest.mark.parametrize(
    ("policy", "crashes", "deliveries", "lost", "dead"),
    [
        (InFlight.DROP, 1, 1, 1, 0),
        (InFlight.DEAD_LETTER, 1, 1, 0, 1),
        (InFlight.REDELIVER_ONCE, 1, 2, 0, 0),
        (InFlight.REDELIVER_ONCE, 2, 2, 0, 1),
    ],
)
def test_the_message_in_flight_follows_its_policy(
    policy: InFlight, crashes: int, deliveries: int, lost: int, dead: int
) -> None:
    handled = Inbox()

    def fragile(_: Actor) -> None:
        handled.add("fragile")
        if len(handled.items) <= crashes:
            raise ValueError("crash")

    with running(a_root(a_child("a", in_flight=policy))) as it:
        it.tell("a", fragile, "after")
        it.ask("a", "flush")

        node = it.system.tree().find("a")
        assert len(handled.items) == deliveries
        assert (node.lost, node.dead_letters) == (lost, dead)
        assert len(it.watch.seen(DeadLetter, "a")) == dead


def test_a_redelivered_message_comes_before_what_was_queued_behind_it() -> None:
    inbox = Inbox()

    def fragile(actor: Actor) -> None:
        inbox.add(f"fragile in {actor.context.incarnation}")
        if actor.context.incarnation == 1:
            raise ValueError("crash")

    with running(a_root(a_child("a", inbox, in_flight=InFlight.REDELIVER_ONCE))) as it:
        it.tell("a", fragile, "after")

        assert inbox.wait(3) == ["fragile in 1", "fragile in 2", "after"]


def test_a_question_that_crashed_its_actor_is_never_asked_again() -> None:
    handled = Inbox()

    def fragile(_: Actor) -> None:
        handled.add(1)
        raise ValueError("crash")

    with running(a_root(a_child("a", in_flight=InFlight.REDELIVER_ONCE))) as it:
        with pytest.raises(ValueError, match="crash"):
            it.ask("a", fragile)
        it.ask("a", "flush")

        assert handled.items == [1]


def test_an_address_works_before_the_child_is_up() -> None:
    inbox = Inbox()
    with running(a_root(a_child("a", inbox)), start=False) as it:
        it.tell("a", "early")
        it.system.start()

        assert inbox.wait(1) == ["early"]


def test_an_unknown_name_is_refused_with_the_names_there_are() -> None:
    refused = pytest.raises(UnknownActor, match="no actor 'c'; there are a, b")
    with running(a_root(a_child("a"), a_child("b"))) as it, refused:
        it.system.address("c")


def test_who_asks_an_actor_that_stays_down_is_told_so_at_once() -> None:
    hold = Hold(ValueError("the end"))
    with running(a_root(a_child("a", restart=Restart.TEMPORARY))) as it:
        it.tell("a", hold)
        wait_for(hold.begun)
        it.tell("a", "never", "handled")
        hold.release.set()
        it.watch.wait(DeadLetter, "a")

        with pytest.raises(ActorGone, match="a is down: ValueError: the end"):
            it.ask("a", "x")
        assert sum(letter.count for letter in it.watch.seen(DeadLetter, "a")) == 2


def test_a_question_that_waits_when_its_actor_goes_down_for_good_is_answered() -> None:
    hold, answer = Hold(ValueError("the end")), Inbox()

    def asker() -> None:
        with pytest.raises(ActorGone):
            it.ask("a", "x")
        answer.add("gone")

    with running(a_root(a_child("a", restart=Restart.TEMPORARY))) as it:
        it.tell("a", hold)
        wait_for(hold.begun)
        thread = threading.Thread(target=asker)
        thread.start()
        address = it.system.address("a")
        until(lambda: it.system.tree().find("a").depth == 1)
        hold.release.set()
        answer.wait(1)
        thread.join(DEADLINE_SECONDS)

        assert address.name == "a"


def test_a_full_mailbox_raises_an_alert_and_drops_only_data() -> None:
    inbox, hold = Inbox(), Hold()
    with running(a_root(a_child("a", inbox, mailbox=MailboxSpec(capacity=5)))) as it:
        it.tell("a", hold)
        wait_for(hold.begun)
        for n in range(20):
            it.system.address("a").tell(("data", n), Lane.DATA)
        it.tell("a", *(("event", n) for n in range(7)))
        (alert, *_) = it.watch.wait(MailboxHigh, "a")
        hold.release.set()
        handled = inbox.wait(12)

        assert alert.depth >= 5
        assert handled == [("event", n) for n in range(7)] + [("data", n) for n in range(15, 20)]
        assert it.system.tree().find("a").dropped == 15


def test_an_explicit_child_is_up_when_it_says_so() -> None:
    def on_start(actor: Actor) -> None:
        actor.context.me.tell(lambda actor: actor.context.ready())

    with running(a_root(a_child("a", ready=Ready.EXPLICIT, on_start=on_start))) as it:
        assert it.watch.story(ChildReady) == [("ChildReady", "a")]


def test_an_explicit_child_that_never_says_so_fails_its_start() -> None:
    mute = a_child("a", ready=Ready.EXPLICIT, start_timeout_seconds=0.05)
    failed = pytest.raises(StartFailed, match=r"a did not start: hung: start took longer than 0\.05 s")
    with running(a_root(mute), start=False) as it, failed:
        it.system.start()


def test_an_actor_that_stops_itself_ended_in_order() -> None:
    with running(a_root(a_child("a", restart=Restart.TRANSIENT))) as it:
        it.tell("a", lambda actor: actor.stop())
        it.watch.wait(ChildStopped, "a")

        assert it.watch.seen(ChildCrashed) == []


def test_after_delivers_once_and_every_again_and_again() -> None:
    inbox = Inbox()

    def on_start(actor: Actor) -> None:
        actor.context.after(0.005, "once")
        actor.context.every(0.005, "again")

    with running(a_root(a_child("a", inbox, on_start=on_start))):
        items = inbox.wait(6)

        assert items.count("once") == 1
        assert items.count("again") >= 5


def test_a_slow_actor_has_one_beat_of_a_timer_waiting_at_most() -> None:
    inbox, hold, other = Inbox(), Hold(), Inbox()

    def on_start(actor: Actor) -> None:
        actor.context.every(0.001, "beat")

    with running(a_root(a_child("a", inbox, on_start=on_start), a_child("b", other))) as it:
        inbox.wait(1)
        it.tell("a", hold)
        wait_for(hold.begun)
        it.tell("b", lambda actor: actor.context.after(0.05, "later"))
        other.wait(1)
        depth = it.system.tree().find("a").depth
        hold.release.set()

        assert depth == 1


def test_a_cancelled_timer_does_not_fire() -> None:
    inbox = Inbox()

    def on_start(actor: Actor) -> None:
        actor.context.after(0.005, "cancelled").cancel()
        actor.context.every(0.005, "cancelled").cancel()
        actor.context.after(0.03, "last")

    with running(a_root(a_child("a", inbox, on_start=on_start))):
        assert inbox.wait(1) == ["last"]


def test_timers_die_with_their_incarnation_even_when_already_in_the_mailbox() -> None:
    inbox, hold = Inbox(), Hold(ValueError("crash"))

    def on_start(actor: Actor) -> None:
        number = actor.context.incarnation
        actor.context.after(0.0, f"due of {number}")
        actor.context.after(0.02, f"later of {number}")
        actor.context.every(0.002, f"beat of {number}")
        if number == 1:
            hold(actor)

    with running(a_root(a_child("a", inbox, on_start=on_start)), start=False) as it:

        def start() -> None:
            with pytest.raises(StartFailed, match="a did not start: ValueError: crash"):
                it.system.start()

        # The first incarnation dies in its start-up with its timers due and its first beats queued.
        starter = threading.Thread(target=start)
        starter.start()
        wait_for(hold.begun)
        until(lambda: it.system.tree().find("a").depth >= 2)
        hold.release.set()
        starter.join(DEADLINE_SECONDS)

        assert inbox.items == []
        assert it.system.tree().find("a").dead_letters == 0


def test_timers_of_a_dead_incarnation_do_not_reach_the_next() -> None:
    inbox = Inbox()

    def on_start(actor: Actor) -> None:
        actor.context.every(0.002, actor.context.incarnation)

    with running(a_root(a_child("a", inbox, on_start=on_start))) as it:
        inbox.wait(2)
        it.tell("a", Crash("drill"))
        it.watch.wait(ChildRestarted, "a")
        until(lambda: inbox.items[-3:] == [2, 2, 2])

        assert sorted(inbox.items, key=int) == inbox.items  # type: ignore[arg-type] # the incarnations' numbers
        # And they are gone from the runtime: each live incarnation has its one timer.
        assert sum(pending.fn is not None for _, _, pending in list(it.runtime._heap)) <= 1


def test_actors_may_not_override_what_contains_their_crashes() -> None:
    with pytest.raises(TypeError, match="Rude overrides on_receive: override started, receive or stopping"):
        type("Rude", (Actor,), {"on_receive": lambda self, message: None})


def test_an_actor_logs_with_its_name_and_incarnation() -> None:
    lines = Inbox()

    def log(level: str, event: str, /, **keys: object) -> None:
        if event == "hello":
            lines.add((level, keys))

    with running(a_root(a_child("a")), log=log) as it:
        it.tell("a", lambda actor: actor.context.log("info", "hello", x=1))

        assert lines.wait(1) == [("info", {"actor": "a", "incarnation": 1, "x": 1})]


def test_actors_talk_by_name() -> None:
    inbox = Inbox()
    with running(a_root(a_child("a"), a_child("b", inbox))) as it:
        it.tell("a", lambda actor: actor.context.tell("b", "from a"))

        assert inbox.wait(1) == ["from a"]


def test_a_factory_that_raises_fails_the_start_and_names_the_child() -> None:
    def factory(_: Context) -> Actor:
        raise SystemExit("no port")

    failed = pytest.raises(StartFailed, match="a did not start: SystemExit: no port")
    with running(a_root(ChildSpec("a", factory)), start=False) as it, failed:
        it.system.start()


def test_a_stop_of_its_own_that_a_crash_overtakes_does_not_stop_the_next_incarnation() -> None:
    def stop_and_crash(actor: Actor) -> None:
        actor.stop()
        raise ValueError("crash")

    with running(a_root(a_child("a"))) as it:
        it.tell("a", stop_and_crash)
        it.ask("a", "flush")

        assert it.ask("a", Ping()) == Pong("a", 2)
        assert it.watch.seen(ChildStopped) == []


def test_who_waits_for_a_stop_that_a_crash_overtakes_is_answered() -> None:
    futures: list[pykka.Future[bool]] = []

    def stop_and_crash(actor: Actor) -> None:
        futures.append(actor.actor_ref.stop(block=False))
        raise ValueError("crash")

    with running(a_root(a_child("a"))) as it:
        it.tell("a", stop_and_crash)
        it.ask("a", "flush")

        with pytest.raises(ActorGone, match="a#1 is over"):
            futures[0].get(timeout=DEADLINE_SECONDS)
