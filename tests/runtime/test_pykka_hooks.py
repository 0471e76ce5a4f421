"""What the runtime relies on in Pykka 4.5, hook by hook, and the behaviours that it exists to contain.

A new Pykka that changes any of these must be looked at before it is let in.
"""

from __future__ import annotations

import queue
import threading
from importlib.metadata import version
from typing import Any

import pykka
import pytest
from pykka._envelope import Envelope
from pykka.messages import _ActorStop

from tests.runtime.harness import DEADLINE_SECONDS, wait_for


class Plain(pykka.ThreadingActor):
    """Stock Pykka, recording its hooks."""

    use_daemon_thread = True

    def __init__(self, on_start: BaseException | None = None) -> None:
        super().__init__()
        self.calls: list[str] = []
        self._on_start = on_start
        self.failed = threading.Event()
        self.hold = threading.Event()
        self.holding = threading.Event()

    def on_start(self) -> None:
        self.calls.append("on_start")
        if self._on_start is not None:
            raise self._on_start

    def on_stop(self) -> None:
        self.calls.append("on_stop")

    def on_failure(self, *_: object) -> None:
        self.calls.append("on_failure")
        self.failed.set()

    def on_receive(self, message: object) -> object:
        if isinstance(message, BaseException):
            raise message
        if message == "hold":
            self.holding.set()
            wait_for(self.hold)
        return message


def started(actor: Plain) -> tuple[Plain, threading.Thread]:
    """The actor with its loop on a thread of ours, not registered (as the runtime does it)."""
    thread = threading.Thread(target=actor._actor_loop, daemon=True)
    thread.start()
    return actor, thread


def join(thread: threading.Thread) -> None:
    thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive()


def test_the_pin_is_what_these_facts_were_measured_on() -> None:
    assert version("pykka").startswith("4.5.")


def test_the_constructor_takes_its_inbox_from_the_hook_and_puts_it_into_the_ref() -> None:
    inbox: queue.Queue[Envelope[object]] = queue.Queue()

    class Own(Plain):
        def _create_actor_inbox(self) -> Any:  # type: ignore[override] # the hook under test, called on the instance
            return inbox

    actor = Own()

    assert actor.actor_inbox is inbox
    assert actor.actor_ref.actor_inbox is inbox


def test_the_loop_reads_message_and_reply_to_of_whatever_get_returns_and_goes_by_empty() -> None:
    class Item:
        def __init__(self, message: object) -> None:
            self.message = message
            self.reply_to = None

    class Script:
        def __init__(self) -> None:
            self.asked_empty = 0
            self.items = [Item("a"), Item(_ActorStop()), Item("never taken")]

        def put(self, envelope: object) -> None: ...

        def get(self) -> Item:
            return self.items.pop(0)

        def empty(self) -> bool:
            self.asked_empty += 1
            return True

    script = Script()

    class Own(Plain):
        def _create_actor_inbox(self) -> Any:  # type: ignore[override] # the hook under test, called on the instance
            return script

    actor, thread = started(Own())
    join(thread)

    assert actor.calls == ["on_start", "on_stop"]
    assert script.asked_empty == 1
    assert [item.message for item in script.items] == ["never taken"]


def test_handle_receive_sees_every_message_the_stop_included() -> None:
    class Own(Plain):
        def _handle_receive(self, message: object) -> object:
            self.calls.append(type(message).__name__)
            return super()._handle_receive(message)

    actor, thread = started(Own())
    actor.actor_ref.tell("x")
    actor.actor_ref.stop(timeout=DEADLINE_SECONDS)
    join(thread)

    assert actor.calls == ["on_start", "str", "_ActorStop", "on_stop"]


def test_setting_actor_stopped_ends_the_loop_after_the_message_and_runs_no_hook() -> None:
    class Own(Plain):
        def on_receive(self, message: object) -> object:
            self.actor_stopped.set()
            return message

    actor, thread = started(Own())
    reply = actor.actor_ref.ask("x", block=False)
    join(thread)

    assert reply.get(timeout=DEADLINE_SECONDS) == "x"
    assert actor.calls == ["on_start"]


def test_an_exception_under_tell_kills_with_on_failure_and_without_on_stop() -> None:
    actor, thread = started(Plain())
    actor.actor_ref.tell(ValueError("x"))
    join(thread)

    assert actor.calls == ["on_start", "on_failure"]


def test_an_exception_under_ask_goes_to_the_caller_and_the_actor_lives_on() -> None:
    actor, thread = started(Plain())
    with pytest.raises(ValueError, match="x"):
        actor.actor_ref.ask(ValueError("x"), timeout=DEADLINE_SECONDS)

    assert actor.actor_ref.ask("still here", timeout=DEADLINE_SECONDS) == "still here"
    actor.actor_ref.stop(timeout=DEADLINE_SECONDS)
    join(thread)


def test_a_failing_on_start_stops_the_actor_without_on_failure() -> None:
    actor, thread = started(Plain(on_start=ValueError("x")))
    join(thread)

    assert actor.actor_stopped.is_set()
    assert actor.calls == ["on_start"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_system_exit_in_on_start_leaves_a_zombie() -> None:
    actor, thread = started(Plain(on_start=SystemExit("x")))
    join(thread)

    assert not actor.actor_stopped.is_set()
    assert actor.actor_ref.is_alive()


def test_system_exit_in_a_handler_stops_every_registered_actor() -> None:
    """The reason why supervised actors are not registered, and let no BaseException out."""
    bystander = Plain.start()
    actor, thread = started(Plain())
    actor.actor_ref.tell(SystemExit("x"))
    join(thread)

    wait_for(bystander.actor_stopped)


def test_teardown_throws_queued_tells_away_and_answers_queued_asks() -> None:
    actor, thread = started(Plain())
    actor.actor_ref.tell("hold")
    wait_for(actor.holding)
    actor.actor_ref.tell(ValueError("x"))
    actor.actor_ref.tell("lost")
    reply = actor.actor_ref.ask("stranded", block=False)
    actor.hold.set()
    join(thread)

    assert actor.actor_inbox.empty()
    with pytest.raises(pykka.ActorDeadError):
        reply.get(timeout=DEADLINE_SECONDS)


def test_a_second_answer_to_a_stock_future_raises() -> None:
    """The reason for `Reply`: this would come out of the actor's loop."""
    future: pykka.ThreadingFuture[int] = pykka.ThreadingFuture()
    future.set(1)

    with pytest.raises(queue.Full):
        future.set(2)


def test_each_start_has_a_new_ref_and_the_old_one_stays_dead() -> None:
    first = Plain.start()
    first.stop(timeout=DEADLINE_SECONDS)
    second = Plain.start()

    with pytest.raises(pykka.ActorDeadError):
        first.tell("x")
    assert second.actor_urn != first.actor_urn
    second.stop(timeout=DEADLINE_SECONDS)


def test_unregistering_an_actor_that_was_never_registered_does_nothing() -> None:
    pykka.ActorRegistry.unregister(Plain().actor_ref)
