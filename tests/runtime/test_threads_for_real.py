"""Real threads at size: nothing lost, nothing doubled, nothing sent after a halt, nothing late let through.

Sized for every day here; `run.py test --long threads` runs each at full size.
"""

from __future__ import annotations

import random
import threading
import time
from typing import cast

import pytest

from actors.runtime import (
    Actor,
    Backoff,
    ChildHung,
    ChildSpec,
    Context,
    EffectKind,
    GateRefused,
    InFlight,
    Lane,
    MailboxSpec,
    Overflow,
    Refusal,
    TradingLevel,
)
from tests.runtime.harness import Inbox, Scripted, a_root, running, until, wait_for

FULL = pytest.mark.long("threads")
ROOMY = MailboxSpec(capacity=1_000_000, overflow=Overflow.GROW)


def both_sizes(small: object, full: object) -> pytest.MarkDecorator:
    """One test, its everyday size and its full one."""
    return pytest.mark.parametrize("size", [small, pytest.param(full, marks=FULL)])


class Counting(Actor):
    """Notes each number; dies of every so many-th, the first time it meets it: in turn before and after noting it."""

    def __init__(self, context: Context, book: Book) -> None:
        super().__init__(context)
        self._book = book

    def receive(self, message: object) -> object:
        book = self._book
        if not isinstance(message, int):
            book.done.set()
            return None
        deadly = message % book.deadly_every == 0 and message not in book.died_of
        if deadly:
            book.died_of.append(message)
            if len(book.died_of) % 2:
                raise ValueError(f"before {message}")
        book.handled.append(message)
        if deadly:
            raise ValueError(f"after {message}")
        return None


class Book:
    """What the incarnations did, together."""

    def __init__(self, messages: int, crashes: int) -> None:
        self.deadly_every = messages // crashes
        self.handled: list[int] = []
        self.died_of: list[int] = []
        self.done = threading.Event()


@pytest.mark.parametrize("policy", [InFlight.DROP, InFlight.REDELIVER_ONCE])
@both_sizes((20_000, 40), (100_000, 200))
def test_many_messages_and_crashes_lose_exactly_what_the_policy_says(size: tuple[int, int], policy: InFlight) -> None:
    messages, crashes = size
    book = Book(messages, crashes)
    spec = ChildSpec("a", lambda context: Counting(context, book), in_flight=policy, backoff=Backoff(), mailbox=ROOMY)
    with running(a_root(spec, intensity=crashes + 1)) as it:
        address = it.system.address("a")
        tellers = [
            threading.Thread(target=lambda part=part: [address.tell(n) for n in range(part, messages, 4)])
            for part in range(4)
        ]
        for teller in tellers:
            teller.start()
        for teller in tellers:
            teller.join()
        address.tell("done")
        assert book.done.wait(60)
        node = it.system.tree().find("a")

    died_before, died_after = set(book.died_of[::2]), set(book.died_of[1::2])
    handled = set(book.handled)
    assert (len(book.died_of), node.restarts, node.dead_letters) == (crashes, crashes, 0)
    if policy is InFlight.DROP:
        # Exactly what was in flight, and of that only what had not been done.
        assert node.lost == crashes
        assert set(range(messages)) - handled == died_before
        assert len(book.handled) == len(handled)
    else:
        # What had been done is handled twice: an idempotent receiver counts it once, and then nothing is doubled.
        assert node.lost == 0
        assert handled == set(range(messages))
        assert len(book.handled) - len(handled) == len(died_after)
        again = [n for n in died_after if book.handled.count(n) == 2]
        assert len(again) == len(died_after)
    for part in range(4):
        firsts = list(dict.fromkeys(n for n in book.handled if n % 4 == part))
        assert firsts == sorted(firsts)


@both_sizes(20_000, 100_000)
def test_the_kill_latch_overtakes_everything_that_is_queued(size: int) -> None:
    begun, release, latched = threading.Event(), threading.Event(), threading.Event()
    handled_before_latch: list[int] = []
    handled = [0]

    class Risk(Actor):
        def receive(self, message: object) -> object:
            if message == "halt":
                self.context.gate.halt("a person said so")
                handled_before_latch.append(handled[0])
                latched.set()
            elif message == "hold":
                begun.set()
                wait_for(release)
            else:
                handled[0] += 1
            return None

    with running(a_root(ChildSpec("risk", Risk, mailbox=ROOMY))) as it:
        address = it.system.address("risk")
        address.tell("hold")
        wait_for(begun)
        for n in range(size):
            address.tell(n, Lane.DATA if n % 2 else Lane.EVENT)
        address.tell("halt", Lane.CONTROL)
        release.set()
        wait_for(latched)
        until(lambda: handled[0] == size)

        assert handled_before_latch == [0]
        assert it.system.gate.level is TradingLevel.HALTED


class Entering(Actor):
    """Registers an entry, makes its claim on a disk that takes 100 ms, and posts."""

    def __init__(self, context: Context, wire: Wire) -> None:
        super().__init__(context)
        self._wire = wire

    def receive(self, message: object) -> object:
        gate, wire, tag = self.context.gate, self._wire, str(message)
        try:
            ticket = gate.register(self.context.name, self.context.incarnation, tag, EffectKind.ENTRY)
            try:
                wire.disk.wait(0.1)  # nobody sets it: the commit takes this long
                with gate.start(ticket) as edge:
                    wire.posts.append((tag, wire.halted.is_set()))
                    edge()
            finally:
                gate.finish(ticket)
        except GateRefused as refused:
            wire.refused.append((tag, refused.reason))
        return None


class Wire:
    """What left, and whether the halt had returned by then."""

    def __init__(self) -> None:
        self.disk = threading.Event()
        self.halted = threading.Event()
        self.posts: list[tuple[str, bool]] = []
        self.refused: list[tuple[str, str]] = []


@both_sizes(8, 150)
def test_no_post_begins_after_a_halt_has_returned_even_when_the_disk_takes_100_ms(size: int) -> None:
    draw = random.Random(7)
    posts = refusals = 0
    for _ in range(size):
        wire = Wire()
        names = [f"entry.{n}" for n in range(4)]
        children = (ChildSpec(name, lambda context: Entering(context, wire)) for name in names)  # noqa: B023 - this round's
        with running(a_root(*children)) as it:
            for turn in range(3):
                for name in names:
                    it.tell(name, f"{name}-{turn}")
            wire.disk.wait(draw.random() * 0.25)
            tags = it.system.gate.halt("stop", timeout_seconds=10)
            wire.halted.set()
            known = {tag for tag, _ in wire.posts}
            until(lambda: len(wire.posts) + len(wire.refused) == 12)  # noqa: B023 - this round's

        assert [tag for tag, late in wire.posts if late] == []
        assert {tag for tag, _ in wire.posts} == known
        assert set(tags) <= known
        assert {reason for _, reason in wire.refused} <= {Refusal.HALTED}
        posts, refusals = posts + len(wire.posts), refusals + len(wire.refused)
    assert posts
    assert refusals


@both_sizes(20, 200)
def test_of_many_hangs_every_late_command_is_refused_and_no_late_fact_is_lost(size: int) -> None:
    facts, refusals = Inbox(), Inbox()
    release = threading.Event()
    posted: list[str] = []

    def hang(actor: Actor) -> None:
        """A request is on its way to its start when the actor hangs; afterwards it tries everything."""
        context, gate = actor.context, actor.context.gate
        tag = f"{context.name}#{context.incarnation}"
        ticket = gate.register(context.name, context.incarnation, tag, EffectKind.ENTRY)
        assert release.wait(60)
        for attempt in ("start what was registered", "register anew", "cancel"):
            try:
                if attempt == "register anew":
                    ticket = gate.register(context.name, context.incarnation, f"{tag}-late", EffectKind.ENTRY)
                elif attempt == "cancel":
                    ticket = gate.register(context.name, context.incarnation, tag, EffectKind.CANCEL)
                with gate.start(ticket):
                    posted.append(f"{tag}: {attempt}")
            except GateRefused as refused:
                refusals.add((tag, attempt, refused.reason))
        context.tell("facts", tag)

    lives = size // 4
    workers = [ChildSpec(f"w{n}", Scripted, heartbeat_seconds=0.2, backoff=Backoff()) for n in range(4)]
    facts_child = ChildSpec("facts", lambda context: Scripted(context, facts))
    with running(a_root(*workers, facts_child, intensity=size + 1), abandoned_max=size + 1) as it:
        for life in range(1, lives + 1):
            for n in range(4):
                it.tell(f"w{n}", hang)
            for n in range(4):
                it.watch.wait(ChildHung, f"w{n}", life)
        release.set()
        told = facts.wait(size)
        refused = cast("list[tuple[str, str, Refusal]]", refusals.wait(3 * size))

    everyone = {f"w{n}#{life}" for n in range(4) for life in range(1, lives + 1)}
    assert posted == []
    assert set(told) == everyone
    assert len(told) == size
    assert {reason for _, _, reason in refused} == {Refusal.STALE_INCARNATION}
    assert len(refused) == 3 * size


@FULL
def test_a_hundred_thousand_asks_are_all_answered() -> None:
    """Sixteen askers, an actor that crashes on every thousandth question: an answer or the failure, never silence."""
    asked, failed = [0] * 16, [0] * 16

    class Answering(Actor):
        def receive(self, message: object) -> object:
            if isinstance(message, int) and message % 1000 == 0:
                raise ValueError(message)
            return message

    with running(a_root(ChildSpec("a", Answering, backoff=Backoff()), intensity=1000)) as it:
        address = it.system.address("a")

        def ask(part: int) -> None:
            for n in range(part, 100_000, 16):
                try:
                    assert address.ask(n, 30) == n
                except ValueError:
                    failed[part] += 1
                asked[part] += 1

        askers = [threading.Thread(target=ask, args=(part,)) for part in range(16)]
        begun = time.monotonic()
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()

        assert (sum(asked), sum(failed)) == (100_000, 100)
        assert time.monotonic() - begun < 300
