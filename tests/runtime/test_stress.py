"""Many messages, many crashes: none lost but those in flight, none doubled."""

from __future__ import annotations

import threading

import pytest

from actors.runtime import Actor, Backoff, ChildSpec, Context, Crash, InFlight, Lane
from tests.runtime.harness import Inbox, a_root, running, wait_for

MESSAGES, CRASHES = 10_000, 50


class Counting(Actor):
    """Notes what it handles; dies of every 200th number, the first time it meets it, before noting it."""

    def __init__(self, context: Context, handled: list[int], died_of: set[int], done: threading.Event) -> None:
        super().__init__(context)
        self._handled, self._died_of, self._done = handled, died_of, done

    def receive(self, message: object) -> object:
        if not isinstance(message, int):
            self._done.set()
            return None
        if message % (MESSAGES // CRASHES) == 0 and message not in self._died_of:
            self._died_of.add(message)
            raise ValueError(message)
        self._handled.append(message)
        return None


@pytest.mark.parametrize("policy", [InFlight.DROP, InFlight.REDELIVER_ONCE])
def test_ten_thousand_messages_and_fifty_crashes(policy: InFlight) -> None:
    handled: list[int] = []
    died_of: set[int] = set()
    done = threading.Event()
    spec = ChildSpec(
        "a", lambda context: Counting(context, handled, died_of, done), in_flight=policy, backoff=Backoff()
    )
    with running(a_root(spec, intensity=CRASHES + 1)) as it:
        address = it.system.address("a")
        senders = [
            threading.Thread(target=lambda part=part: [address.tell(n) for n in range(part, MESSAGES, 4)])
            for part in range(4)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        address.tell("done")
        wait_for(done)
        node = it.system.tree().find("a")

    lost = set(range(MESSAGES)) - set(handled)
    assert len(handled) == len(set(handled))
    assert len(died_of) == CRASHES
    assert node.restarts == CRASHES
    if policy is InFlight.DROP:
        assert lost == died_of
        assert node.lost == CRASHES
    else:
        assert lost == set()
    for part in range(4):
        assert [n for n in handled if n % 4 == part] == sorted(n for n in handled if n % 4 == part)


def test_each_actor_crashed_in_turn_with_messages_queued_loses_nothing() -> None:
    inboxes = {name: Inbox() for name in "abcde"}

    class Noting(Actor):
        def receive(self, message: object) -> object:
            inboxes[self.context.name].add(message)
            return None

    with running(a_root(*(ChildSpec(name, Noting) for name in inboxes), intensity=100)) as it:
        for round_ in range(5):
            for name in inboxes:
                for n in range(20):
                    it.tell(name, (round_, n))
                it.system.address(name).tell(Crash("drill"), Lane.CONTROL)
        for inbox in inboxes.values():
            inbox.wait(100)

        for inbox in inboxes.values():
            assert inbox.items == [(round_, n) for round_ in range(5) for n in range(20)]
        assert {it.system.tree().find(name).lost for name in inboxes} == {0}


def test_a_stop_overtakes_a_hundred_thousand_data_messages() -> None:
    begun, release = threading.Event(), threading.Event()
    handled = Inbox()

    class Slow(Actor):
        def receive(self, message: object) -> object:
            if callable(message):
                message()
            else:
                handled.add(message)
            return None

    def hold() -> None:
        begun.set()
        wait_for(release)

    with running(a_root(ChildSpec("a", Slow))) as it:
        address = it.system.address("a")
        address.tell(hold)
        wait_for(begun)
        for n in range(100_000):
            address.tell(n, Lane.DATA)
        address.tell("stop trading", Lane.CONTROL)
        release.set()

        assert handled.wait(1)[0] == "stop trading"
