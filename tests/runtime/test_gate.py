"""Fencing, levels, and the kill latch."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from actors.runtime import EffectKind, Gate, GateRefused, Refusal, ThreadRuntime, TradingLevel
from tests.runtime.harness import DEADLINE_SECONDS, a_runtime, wait_for

ENTRY, EXIT, CANCEL, READ = EffectKind.ENTRY, EffectKind.EXIT, EffectKind.CANCEL, EffectKind.READ


@pytest.fixture
def runtime() -> Iterator[ThreadRuntime]:
    with a_runtime() as runtime:
        yield runtime


@pytest.fixture
def gate(runtime: ThreadRuntime) -> Gate:
    gate = Gate(runtime, TradingLevel.OPEN, "a test")
    gate.admit("worker", 1)
    return gate


def test_a_new_gate_is_closed_to_entries(runtime: ThreadRuntime) -> None:
    gate = Gate(runtime)
    gate.admit("worker", 1)

    with pytest.raises(GateRefused, match="reducing: entry tag: starting"):
        gate.register("worker", 1, "tag", ENTRY)


@pytest.mark.parametrize(
    ("level", "kind", "proof", "refusal"),
    [
        ("open", ENTRY, False, None),
        ("open", EXIT, False, None),
        ("open", CANCEL, False, None),
        ("open", READ, False, None),
        ("reducing", ENTRY, False, Refusal.REDUCING),
        ("reducing", ENTRY, True, Refusal.REDUCING),
        ("reducing", EXIT, False, Refusal.NOT_REDUCE_ONLY),
        ("reducing", EXIT, True, None),
        ("reducing", CANCEL, False, None),
        ("reducing", READ, False, None),
        ("halted", ENTRY, False, Refusal.HALTED),
        ("halted", ENTRY, True, Refusal.HALTED),
        ("halted", EXIT, False, Refusal.NOT_REDUCE_ONLY),
        ("halted", EXIT, True, None),
        ("halted", CANCEL, False, None),
        ("halted", READ, False, None),
        ("halted, no exits", EXIT, True, Refusal.HALTED),
        ("halted, no exits", CANCEL, False, None),
        ("halted, no exits", READ, False, None),
    ],
)
@pytest.mark.parametrize("registered_before", [False, True])
def test_who_may_pass_at_which_level(
    gate: Gate, level: str, kind: EffectKind, proof: bool, refusal: Refusal | None, registered_before: bool
) -> None:
    def tighten() -> None:
        if level == "reducing":
            gate.reduce("a test")
        elif level.startswith("halted"):
            gate.halt("a test", allow_exits="no exits" not in level)

    def effect() -> None:
        if not registered_before:
            tighten()
        ticket = gate.register("worker", 1, "tag", kind, reduce_only=proof)
        if registered_before:
            tighten()
        with gate.start(ticket):
            pass
        gate.finish(ticket)

    if refusal is None:
        effect()
    else:
        with pytest.raises(GateRefused) as refused:
            effect()
        assert refused.value.reason == refusal


def test_only_the_admitted_incarnation_passes(gate: Gate) -> None:
    old = gate.register("worker", 1, "old", ENTRY)
    gate.fence("worker", 1)
    gate.admit("worker", 2)

    assert not gate.current("worker", 1)
    assert gate.current("worker", 2)
    for effect in (lambda: gate.register("worker", 1, "new", READ), lambda: gate.start(old).__enter__()):
        with pytest.raises(GateRefused) as refused:
            effect()
        assert refused.value.reason is Refusal.STALE_INCARNATION
    gate.register("worker", 2, "old", ENTRY)


def test_a_late_fence_of_an_old_incarnation_does_not_touch_the_new_one(gate: Gate) -> None:
    gate.admit("worker", 2)
    gate.fence("worker", 1)

    assert gate.current("worker", 2)


def test_what_a_dead_strand_did_not_finish_is_over(gate: Gate) -> None:
    with gate.start(gate.register("worker", 1, "tag", ENTRY)):
        pass
    assert gate.halt("stop") == ["tag"]
    gate.forget("worker", 1)

    assert gate.halt("stop") == []


def test_one_tag_has_one_request_at_a_time(gate: Gate) -> None:
    first = gate.register("worker", 1, "tag", ENTRY)
    with pytest.raises(GateRefused, match="tag_in_use"):
        gate.register("worker", 1, "tag", EXIT)
    gate.register("worker", 1, "tag", CANCEL)
    gate.finish(first)

    gate.register("worker", 1, "tag", ENTRY)


def test_a_ticket_starts_once(gate: Gate) -> None:
    ticket = gate.register("worker", 1, "tag", ENTRY)
    with gate.start(ticket):
        pass

    with pytest.raises(GateRefused, match="not_registered"), gate.start(ticket):
        pass
    gate.finish(ticket)
    with pytest.raises(GateRefused, match="not_registered"), gate.start(ticket):
        pass


def test_halt_returns_what_is_on_the_wire_and_nothing_else(gate: Gate) -> None:
    waiting = gate.register("worker", 1, "waiting", ENTRY)
    done = gate.register("worker", 1, "done", ENTRY)
    with gate.start(done):
        pass
    gate.finish(done)
    sent = gate.register("worker", 1, "sent", ENTRY)
    with gate.start(sent) as edge:
        edge()

        assert gate.halt("stop") == ["sent"]
    assert gate.halt("again") == ["sent"]
    gate.finish(sent)
    assert gate.halt("again") == []
    with pytest.raises(GateRefused, match="halted"), gate.start(waiting):
        pass


def test_halt_waits_for_a_request_that_is_starting_but_not_for_the_network(gate: Gate) -> None:
    ticket = gate.register("worker", 1, "tag", ENTRY)
    in_start, go, on_the_wire, replied = (threading.Event() for _ in range(4))
    order: list[str] = []

    def post() -> None:
        with gate.start(ticket) as edge:
            in_start.set()
            wait_for(go)
            order.append("left")
            edge()
            on_the_wire.set()
            wait_for(replied)
        gate.finish(ticket)

    def halt() -> list[str]:
        tags = gate.halt("stop", timeout_seconds=DEADLINE_SECONDS)
        order.append("halted")
        return tags

    with ThreadPoolExecutor() as pool:
        posting = pool.submit(post)
        wait_for(in_start)
        halting = pool.submit(halt)
        while gate.level is not TradingLevel.HALTED:
            pass
        assert not halting.done()
        go.set()
        assert halting.result(DEADLINE_SECONDS) == ["tag"]
        assert order == ["left", "halted"]
        replied.set()
        posting.result(DEADLINE_SECONDS)


def test_halt_does_not_wait_for_ever_and_names_what_may_yet_leave(gate: Gate) -> None:
    ticket = gate.register("worker", 1, "stuck", ENTRY)
    with gate.start(ticket):
        assert gate.halt("stop", timeout_seconds=0.01) == ["stuck"]


def test_a_request_that_fails_in_its_start_does_not_hold_up_halt(gate: Gate) -> None:
    ticket = gate.register("worker", 1, "tag", ENTRY)
    with pytest.raises(OSError, match="refused"), gate.start(ticket):
        raise OSError("refused")
    gate.finish(ticket)

    assert gate.halt("stop") == []


def test_the_latch_holds_until_it_is_cleared(gate: Gate) -> None:
    gate.halt("first reason", allow_exits=False)
    gate.reduce("cannot loosen")
    gate.halt("second reason")

    assert (gate.level, gate.reason) == (TradingLevel.HALTED, "first reason")
    with pytest.raises(GateRefused, match="halted"):
        gate.register("worker", 1, "tag", EXIT, reduce_only=True)
    gate.clear("a person said so")
    gate.register("worker", 1, "tag", ENTRY)


def test_a_sealed_gate_is_halted_and_nothing_opens_it(gate: Gate) -> None:
    gate.halt("a person said so")
    gate.seal("supervision gave up")
    gate.clear("an actor that starts just now")

    assert (gate.level, gate.reason) == (TradingLevel.HALTED, "supervision gave up")
    with pytest.raises(GateRefused, match="halted"):
        gate.register("worker", 1, "tag", ENTRY)
    gate.register("worker", 1, "exit", EXIT, reduce_only=True)


@pytest.mark.parametrize("seed", range(20))
def test_no_entry_starts_after_halt_has_returned_however_slow_the_disk(gate: Gate, seed: int) -> None:
    """Between its registration and its start each entry waits for a disk that is slow by the seed's whim."""
    draw = random.Random(seed)
    halted = threading.Event()
    began_after: list[str] = []
    sent: list[str] = []
    waits = {f"{worker}-{n}": draw.random() * 0.004 for worker in range(4) for n in range(8)}
    disk = threading.Event()

    def work(worker: int) -> None:
        for n in range(8):
            tag = f"{worker}-{n}"
            try:
                ticket = gate.register("worker", 1, tag, ENTRY)
            except GateRefused:
                continue
            disk.wait(waits[tag])  # nobody sets it: the commit takes this long
            try:
                with gate.start(ticket) as edge:
                    if halted.is_set():
                        began_after.append(tag)
                    sent.append(tag)
                    edge()
            except GateRefused:
                pass
            finally:
                gate.finish(ticket)

    with ThreadPoolExecutor() as pool:
        workers = [pool.submit(work, n) for n in range(4)]
        disk.wait(draw.random() * 0.02)
        gate.halt("stop", timeout_seconds=DEADLINE_SECONDS)
        halted.set()
        posted_by_then = list(sent)
        for done in workers:
            done.result(DEADLINE_SECONDS)

    assert began_after == []
    assert sent == posted_by_then
