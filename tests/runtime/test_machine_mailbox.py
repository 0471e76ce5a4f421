"""Cell, lease and mailbox against a model in plain lists: order, lanes, conflation, bounds, crashes, closing.

The model says exactly what comes next. In particular a key keeps its place however often others, or it, are told: no
conflated key is ever starved by another.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Any, NamedTuple

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.runtime import ActorGone, InFlight, MailboxSpec, Overflow, ThreadRuntime
from actors.runtime.cell import Cell, Lease
from actors.runtime.mailbox import Lane
from actors.runtime.messages import LeaseEnded
from tests.runtime.harness import Monotonic
from tests.runtime.machines import DEEP, NORMAL, run_machine

LANES = st.sampled_from(list(Lane))
KEYS = st.sampled_from(["k1", "k2", ("price", 3)])


class Waiting:
    """One message in the model."""

    def __init__(self, number: int, lane: Lane, key: object = None, life: int = 0, asked: bool = False) -> None:
        self.number = number
        self.lane = lane
        self.key = key
        self.life = life
        self.asked = asked
        self.deliveries = 0
        self.given_back = False


class MailboxMachine(RuleBasedStateMachine):
    """One cell, its leases one after the other, and every message by number."""

    @initialize(capacity=st.integers(1, 6), bounded=st.booleans())
    def begin(self, capacity: int, bounded: bool) -> None:
        runtime = ThreadRuntime(Monotonic())
        overflow = Overflow.REFUSE_DATA if bounded else Overflow.GROW
        self.cell = Cell("a", MailboxSpec(capacity, overflow), runtime, lambda _: None)
        self.capacity, self.bounded = capacity, bounded
        self.incarnation = 0
        self.number = 0
        self.lanes: dict[Lane, list[Waiting]] = {lane: [] for lane in Lane}
        self.in_hand: Waiting | None = None
        self.closed = False
        self.conflated = self.dropped = self.lost = self.dead = self.handled = 0
        self.futures: dict[int, Any] = {}
        self.runtime = runtime
        self.lease: Lease = self.cell.open(1)
        self.incarnation = 1

    # -- telling -----------------------------------------------------------------------------------------------------

    @rule(lane=LANES, key=st.none() | KEYS)
    def tell(self, lane: Lane, key: Hashable) -> None:
        message = Waiting(self._next(), lane, key)
        self.cell.tell(message.number, lane, key)
        self._told(message)

    @rule(lane=LANES)
    def ask(self, lane: Lane) -> None:
        message = Waiting(self._next(), lane, asked=True)
        future = self.futures[message.number] = self.runtime.future()
        self.cell.put(message.number, lane, None, future)
        self._told(message)

    @rule(lane=LANES, old=st.booleans(), repeated=st.booleans())
    def timer(self, lane: Lane, old: bool, repeated: bool) -> None:
        """For this incarnation alone, or, too late, for the one before."""
        life = self.incarnation - old
        if life < 1:
            return
        key = ("timer", life) if repeated else None
        message = Waiting(self._next(), lane, key, life)
        self.cell.put(message.number, lane, key, None, life=life)
        self._told(message)

    # -- taking ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.closed and self._head() is not None)
    @rule()
    def take(self) -> None:
        self._finish()
        while (head := self._head()) is not None:
            self.lanes[head.lane].pop(0)
            if not head.life or head.life == self.incarnation:
                break
        else:
            # Only messages of former lives were left: the reader is to sleep.
            with self.cell._lock:
                assert not self.cell.take(self.lease)
                self.cell._wake()
            assert self.lease.wake.acquire(timeout=0)
            return
        self.in_hand = head
        head.deliveries += 1
        envelope = self.lease.get()
        assert envelope.message == head.number
        assert (envelope.reply_to is not None) is head.asked

    @precondition(lambda self: not self.closed)
    @rule(policy=st.sampled_from(list(InFlight)))
    def crash(self, policy: InFlight) -> None:
        hand, self.in_hand = self.in_hand, None
        self.cell.revoke(self.lease, policy, ValueError("crash"))
        self.handled += self.lease.taken
        self._strike_lives()
        if hand is not None:
            if hand.asked:
                with pytest.raises(ValueError, match="crash"):
                    self.futures[hand.number].get(timeout=0)
            elif hand.life:
                pass
            elif policy is InFlight.DROP:
                self.lost += 1
            elif policy is InFlight.REDELIVER_ONCE and hand.deliveries < 2:
                hand.given_back = True
                self.lanes[hand.lane].insert(0, hand)
            else:
                self.dead += 1
        self._open()

    @precondition(lambda self: not self.closed)
    @rule()
    def end(self) -> None:
        """In order: what is in hand was handled to its end."""
        self._finish()
        self.cell.revoke(self.lease, None, None)
        self.handled += self.lease.taken
        self._strike_lives()
        self._open()

    @precondition(lambda self: not self.closed)
    @rule()
    def close(self) -> None:
        self._finish()
        self.cell.revoke(self.lease, None, None)
        self.handled += self.lease.taken
        self._strike_lives()
        self.closed = True
        self.cell.close("closed")
        for lane in Lane:
            for message in self.lanes[lane]:
                self._buried(message)
            self.lanes[lane].clear()

    @precondition(lambda self: self.closed)
    @rule()
    def open_again(self) -> None:
        self.closed = False
        self._open()

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def the_numbers_agree(self) -> None:
        if not hasattr(self, "cell"):
            return
        counts = self.cell.counts(None if self.closed else self.lease)
        assert counts.depths == tuple(len(self.lanes[lane]) for lane in Lane)
        assert (counts.conflated, counts.dropped) == (self.conflated, self.dropped)
        assert (counts.lost, counts.dead) == (self.lost, self.dead)
        assert (counts.oldest_ns is None) == (counts.depth == 0)
        assert counts.high_water >= counts.depth
        assert self.cell.mailbox.alert_at >= self.capacity

    @invariant()
    def unkeyed_data_is_bounded(self) -> None:
        if hasattr(self, "cell") and self.bounded:
            plain = [m for m in self.lanes[Lane.DATA] if m.key is None and not m.asked and not m.life]
            # Beside what a crash gave back, which nothing pushes out before more data comes.
            assert len(plain) <= self.capacity + 1

    def teardown(self) -> None:
        """Everything still comes out, in the order of the model."""
        if not hasattr(self, "cell") or self.closed:
            return
        self._finish()
        rest = [m.number for lane in Lane for m in self.lanes[lane] if not m.life or m.life == self.incarnation]
        assert [self.lease.get().message for _ in rest] == rest
        self.cell.revoke(self.lease, None, None)
        assert self.lease.empty()
        assert isinstance(self.lease.get().message, LeaseEnded)

    # -- the model ---------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _head(self) -> Waiting | None:
        return next((self.lanes[lane][0] for lane in Lane if self.lanes[lane]), None)

    def _told(self, message: Waiting) -> None:
        lane = self.lanes[message.lane]
        if self.closed:
            self._buried(message)
            return
        if message.key is not None:
            same = [m for m in lane if m.key == message.key and not m.given_back]
            if same:
                (waiting,) = same
                waiting.number, waiting.life = message.number, message.life
                self.conflated += 1
                return
        lane.append(message)
        if message.lane is Lane.DATA and self.bounded and not (message.key or message.asked or message.life):
            plain = [m for m in lane if not (m.key or m.asked or m.life)]
            if len(lane) > self.capacity:
                lane.remove(plain[0])
                self.dropped += 1

    def _buried(self, message: Waiting) -> None:
        if message.asked:
            with pytest.raises(ActorGone):
                self.futures[message.number].get(timeout=0)
        elif not message.life:
            self.dead += 1

    def _finish(self) -> None:
        self.in_hand = None

    def _strike_lives(self) -> None:
        for lane in Lane:
            self.lanes[lane] = [m for m in self.lanes[lane] if m.life != self.incarnation]

    def _open(self) -> None:
        self.incarnation += 1
        self.lease = self.cell.open(self.incarnation)


def test_the_mailbox_does_what_its_model_does() -> None:
    run_machine(MailboxMachine, *NORMAL)


@pytest.mark.long("statemachines-deep")
def test_the_mailbox_does_what_its_model_does_deep() -> None:
    run_machine(MailboxMachine, *DEEP)


def test_no_conflated_key_is_starved_while_tellers_and_the_reader_run_at_once() -> None:
    """Two tellers, one reader, no lock between them: every key's last message comes out, and comes out last."""
    runtime = ThreadRuntime(Monotonic())
    cell = Cell("a", MailboxSpec(100, Overflow.GROW), runtime, lambda _: None)
    lease = cell.open(1)
    keys, rounds = range(5), 4_000
    seen: dict[tuple[int, int], list[int]] = {(teller, key): [] for teller in range(2) for key in keys}

    def tell(teller: int) -> None:
        for turn in range(rounds):
            for key in keys:
                cell.tell((teller, key, turn), Lane.DATA, key=(teller, key))
        cell.tell(None, Lane.DATA)

    tellers = [threading.Thread(target=tell, args=(teller,)) for teller in range(2)]
    for teller in tellers:
        teller.start()
    ends = 0
    while ends < 2:
        message: Any = lease.get().message
        if message is None:
            ends += 1
        else:
            seen[message[:2]].append(message[2])
    for teller in tellers:
        teller.join()

    counts = cell.counts(lease)
    for turns in seen.values():
        assert turns == sorted(set(turns))
        assert turns[-1] == rounds - 1
    assert sum(map(len, seen.values())) + counts.conflated == 2 * 5 * rounds
    assert counts.depth == 0


class Combined(NamedTuple):
    """All that was said under one key, in order."""

    turns: tuple[int, ...]

    def after(self, older: Combined) -> Combined:
        """Both."""
        return Combined((*older.turns, *self.turns))


def test_what_is_combined_while_the_reader_runs_comes_out_once_and_in_order() -> None:
    """A teller takes out what waits while the reader may be taking it: one of the two has it, never both or neither."""
    runtime = ThreadRuntime(Monotonic())
    cell = Cell("a", MailboxSpec(100, Overflow.GROW), runtime, lambda _: None)
    lease = cell.open(1)
    rounds = 20_000

    def tell() -> None:
        for turn in range(rounds):
            cell.tell(Combined((turn,)), Lane.DATA, key="all")

    teller = threading.Thread(target=tell)
    teller.start()
    seen: list[int] = []
    while not seen or seen[-1] < rounds - 1:
        message: Any = lease.get().message
        seen += message.turns
    teller.join()

    assert seen == list(range(rounds))
