"""Death watch, links, and the registry of names."""

from __future__ import annotations

import threading
from typing import cast

import pytest

from actors.runtime import (
    Actor,
    Backoff,
    ChildCrashed,
    ChildRestarted,
    ChildSpec,
    Context,
    Crash,
    DetachedContext,
    Down,
    Exit,
    Lane,
    Ping,
    Pong,
    Restart,
)
from tests.runtime.harness import Inbox, Running, Scripted, a_child, a_root, a_runtime, running, until, wait_for

LATER = Backoff(min_seconds=60, max_seconds=60, jitter=0)
CRASH = Crash("drill")


def asks(what: str, name: str) -> object:
    """A message: watch, unwatch, link or unlink that name."""
    return lambda actor: getattr(actor.context, what)(name)


def leaves(actor: Actor) -> None:
    actor.stop()


def settle(it: Running) -> None:
    """Bonds are made on the supervisors' strand: what was posted before this has been carried out after it."""
    it.system.add_child("root", a_child("settled"))
    it.system.remove_child("settled")


def test_a_watcher_is_told_once_of_a_crash_with_the_life_and_the_reason() -> None:
    inbox = Inbox()
    with running(a_root(a_child("a"), a_child("w", inbox))) as it:
        it.ask("w", asks("watch", "a"))
        settle(it)
        for _ in range(2):
            it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "a", 2)
        settle(it)
        it.ask("w", "end")

        assert inbox.items == [Down("a", 1, "actors.runtime.messages.DrillCrash: drill", failed=True), "end"]


@pytest.mark.parametrize(
    ("end", "restart", "reason", "failed"),
    [
        ("leaves", Restart.TRANSIENT, "normal", False),
        ("removed", Restart.PERMANENT, "shutdown", False),
        ("crashes", Restart.TEMPORARY, "actors.runtime.messages.DrillCrash: drill", True),
    ],
)
def test_every_way_to_end_has_its_words(end: str, restart: Restart, reason: str, failed: bool) -> None:
    inbox = Inbox()
    with running(a_root(a_child("a", restart=restart), a_child("w", inbox))) as it:
        it.ask("w", asks("watch", "a"))
        settle(it)
        if end == "removed":
            it.system.remove_child("a")
        else:
            it.tell("a", leaves if end == "leaves" else CRASH)

        assert inbox.wait(1) == [Down("a", 1, reason, failed)]


def test_a_hang_is_an_end() -> None:
    inbox, release = Inbox(), threading.Event()
    with running(a_root(a_child("a", heartbeat_seconds=0.1), a_child("w", inbox))) as it:
        it.ask("w", asks("watch", "a"))
        settle(it)
        it.tell("a", lambda _: wait_for(release))
        (down,) = cast("list[Down]", inbox.wait(1))
        release.set()

        assert (down.incarnation, down.failed) == (1, True)
        assert down.reason.startswith("hung: handler took longer than")


def test_who_is_down_already_or_unknown_is_told_at_once() -> None:
    inbox = Inbox()
    children = (a_child("waiting", backoff=LATER), a_child("over", restart=Restart.TEMPORARY), a_child("w", inbox))
    with running(a_root(*children)) as it:
        it.tell("waiting", CRASH)
        it.tell("over", leaves)
        until(lambda: {it.system.tree().find(n).state for n in ("waiting", "over")} == {"waiting", "stopped"})
        for name in ("waiting", "over", "nobody"):
            it.ask("w", asks("watch", name))

        assert inbox.wait(3) == [
            Down("waiting", 1, "actors.runtime.messages.DrillCrash: drill", failed=True),
            Down("over", 1, "down", failed=True),
            Down("nobody", 0, "no such actor", failed=True),
        ]


def test_a_watch_ends_with_unwatch_and_with_the_watcher() -> None:
    inbox, other = Inbox(), Inbox()
    with running(a_root(a_child("a"), a_child("w", inbox), a_child("v", other))) as it:
        it.ask("w", asks("watch", "a"))
        it.ask("w", asks("unwatch", "a"))
        it.ask("v", asks("watch", "a"))
        it.tell("v", CRASH)
        it.watch.wait(ChildRestarted, "v")
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "a")
        settle(it)
        for name in ("w", "v"):
            it.ask(name, "end")

        assert inbox.items == other.items == ["end"]


def test_watching_twice_is_told_once_and_oneself_never() -> None:
    inbox = Inbox()
    with running(a_root(a_child("a"), a_child("w", inbox))) as it:
        for name in ("a", "a", "w"):
            it.ask("w", asks("watch", name))
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "a")
        settle(it)
        it.ask("w", "end")

        assert [getattr(item, "name", item) for item in inbox.items] == ["a", "end"]


def test_a_request_of_a_life_that_is_over_makes_no_bond() -> None:
    inbox, contexts = Inbox(), list[Context]()
    with running(
        a_root(a_child("a"), a_child("w", inbox, on_start=lambda actor: contexts.append(actor.context)))
    ) as it:
        it.tell("w", CRASH)
        it.watch.wait(ChildRestarted, "w")
        contexts[0].watch("a")
        contexts[0].link("a")
        settle(it)
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "a")
        settle(it)

        assert it.ask("w", Ping()) == Pong("w", 2)
        assert inbox.items == []


@pytest.mark.parametrize(("failing", "dying"), [("a", "b"), ("b", "a")])
def test_a_link_kills_both_ways_and_each_is_restarted(failing: str, dying: str) -> None:
    with running(a_root(a_child("a"), a_child("b"), a_child("c"))) as it:
        it.ask("a", asks("link", "b"))
        settle(it)
        it.tell(failing, CRASH)
        (crash,) = it.watch.wait(ChildCrashed, dying)
        it.watch.wait(ChildRestarted, dying)

        assert crash.reason == (
            f"actors.runtime.messages.LinkedActorDied: {failing}: actors.runtime.messages.DrillCrash: drill"
        )
        assert it.ask("c", Ping()) == Pong("c", 1)


def test_a_link_goes_with_the_life_it_was_made_in() -> None:
    with running(a_root(a_child("a"), a_child("b"))) as it:
        it.ask("a", asks("link", "b"))
        settle(it)
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "b")
        it.watch.wait(ChildRestarted, "a")
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "a", 2)
        settle(it)

        assert it.ask("b", Ping()) == Pong("b", 2)


def test_an_orderly_end_and_an_unlinked_failure_kill_nobody() -> None:
    with running(a_root(a_child("a", restart=Restart.TRANSIENT), a_child("b"), a_child("c"))) as it:
        it.ask("b", asks("link", "a"))
        it.ask("b", asks("link", "c"))
        it.ask("c", asks("unlink", "b"))
        settle(it)
        it.tell("a", leaves)
        it.tell("c", CRASH)
        it.watch.wait(ChildRestarted, "c")
        until(lambda: it.system.tree().find("a").state == "stopped")
        settle(it)

        assert it.ask("b", Ping()) == Pong("b", 1)


def test_a_link_to_nobody_kills() -> None:
    with running(a_root(a_child("a"))) as it:
        it.tell("a", asks("link", "nobody"))
        (crash,) = it.watch.wait(ChildCrashed, "a")

        assert "nobody: no such actor" in crash.reason


def test_an_actor_that_traps_exits_is_told_instead_of_every_end() -> None:
    inbox = Inbox()

    def trapping(actor: Actor) -> None:
        actor.context.trap_exits = True

    children = (
        a_child("a"),
        a_child("b", restart=Restart.TRANSIENT),
        a_child("w", inbox, on_start=trapping),
    )
    with running(a_root(*children)) as it:
        for name in ("a", "b"):
            it.ask("w", asks("link", name))
        settle(it)
        it.tell("a", CRASH)
        inbox.wait(1)
        it.tell("b", leaves)

        assert inbox.wait(2) == [
            Exit("a", 1, "actors.runtime.messages.DrillCrash: drill", failed=True),
            Exit("b", 1, "normal", failed=False),
        ]
        assert it.ask("w", Ping()) == Pong("w", 1)


def test_a_broken_link_overtakes_the_queue_but_not_the_message_in_hand() -> None:
    lives, begun, release = Inbox(), threading.Event(), threading.Event()

    def hold(actor: Actor) -> None:
        begun.set()
        wait_for(release)
        lives.add(("in hand", actor.context.incarnation))

    with running(a_root(a_child("a"), a_child("b"))) as it:
        it.ask("b", asks("link", "a"))
        settle(it)
        it.tell("b", hold)
        wait_for(begun)
        it.tell("b", lambda actor: lives.add(("queued", actor.context.incarnation)))
        it.tell("a", CRASH)
        it.watch.wait(ChildRestarted, "a")
        settle(it)
        release.set()

        assert lives.wait(2) == [("in hand", 1), ("queued", 2)]
        assert it.system.tree().find("b").lost == 0


def test_names_are_registered_while_they_are_in_the_tree() -> None:
    found = Inbox()
    with running(a_root(a_child("a"), a_child("b", restart=Restart.TEMPORARY))) as it:
        it.tell("b", leaves)
        until(lambda: it.system.tree().find("b").state == "stopped")
        it.system.add_child("root", a_child("c"))
        it.ask("a", lambda actor: found.add([actor.context.whereis(name) for name in ("b", "c", "d")]))
        names = it.system.names()
        it.system.remove_child("c")

        assert names == ("a", "b", "c")
        assert it.system.names() == ("a", "b")
        assert found.items == [[it.system.address("b"), found.items[0][1], None]]  # type: ignore[index] # a list
        assert found.items[0][1].name == "c"  # type: ignore[index] # a list of addresses


def test_the_tree_counts_hung_lives_and_threads_that_are_still_abandoned() -> None:
    release, over = threading.Event(), threading.Event()

    def hang(_: Actor) -> None:
        wait_for(release)
        over.set()

    with running(a_root(a_child("a", heartbeat_seconds=0.1))) as it:
        it.tell("a", hang)
        it.watch.wait(ChildRestarted, "a")
        node = it.system.tree().find("a")
        release.set()
        wait_for(over)
        until(lambda: it.system.tree().find("a").abandoned == 0)

        assert (node.hung, node.abandoned) == (1, 1)
        assert it.system.tree().find("a").hung == 1


def test_the_tree_shows_each_lane() -> None:
    begun, release = threading.Event(), threading.Event()

    def hold(_: Actor) -> None:
        begun.set()
        wait_for(release)

    with running(a_root(ChildSpec("a", Scripted))) as it:
        it.tell("a", hold)
        wait_for(begun)
        for lane, count in ((Lane.CONTROL, 1), (Lane.EVENT, 2), (Lane.DATA, 3)):
            for n in range(count):
                it.system.address("a").tell(n, lane)
        node = it.system.tree().find("a")
        release.set()

        assert (node.depths, node.depth) == ((1, 2, 3), 6)


def test_a_detached_actor_notes_its_bonds() -> None:
    with a_runtime() as runtime:
        context = DetachedContext(runtime)
        for what in ("watch", "unwatch", "link", "unlink"):
            getattr(context, what)("b")

        assert context.bonds == [("watch", "b"), ("unwatch", "b"), ("link", "b"), ("unlink", "b")]
