"""Whatever happens in whatever order, exits never sell more than is held; and when all is quiet, all is as it should be.

Fills of entries come in parts, stops fire and fill in parts, cancels lose races, requests wait and cross, the broker
refuses, somebody else closes, prices wander, and the guard forgets everything and starts anew.
"""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from domain.exits.actions import PartKind
from domain.exits.values import ExitLevels, ExitPlan, ExitRule, Hold
from domain.values import Product
from tests.exits.pretend import At, Order, World
from tests.runtime.machines import run_machine

NORMAL = (200, 50)
DEEP = (1_500, 80)
ENTRY = 1_000_000
RARELY = st.sampled_from([False, False, False, True])
NEAR = st.sampled_from([ENTRY, ENTRY - 6_000, ENTRY - 20_000, ENTRY + 6_000, ENTRY + 30_000])


class Guarded(RuleBasedStateMachine):
    """One position, behind a risk gate."""

    gate = True

    @initialize(
        hold=st.sampled_from([Hold.BROKER, Hold.BROKER, Hold.BROKER, Hold.CLIENT]),
        product=st.sampled_from([Product.MIS, Product.CNC]),
        long=st.booleans(),
        trail=st.sampled_from([0, 5_000]),
        two_sided=st.booleans(),
        at_rest=st.booleans(),
    )
    def begin(self, hold: Hold, product: Product, long: bool, trail: int, two_sided: bool, at_rest: bool) -> None:
        sign = 1 if long else -1
        levels = ExitLevels(stop=ENTRY - sign * 10_000, target=ENTRY + sign * 20_000 if two_sided else 0, trail=trail)
        plan = ExitPlan("s:1:7", "s", 1, "NSE:INFY", product, long, hold, levels, best=ENTRY if trail else 0)
        self.world = World(plan, ExitRule(hold=hold, gap_seconds=5, patience_seconds=5), gate=self.gate)
        self.world.price = ENTRY
        self.sign = sign
        self.world.position = sign * 3
        if at_rest:
            for _ in range(3):
                self.all_goes_quickly(accepted=True)
        self.stale = self.world.facts()

    # -- what may happen ------------------------------------------------------------------------------------------------

    @rule(units=st.integers(1, 4))
    def an_entry_fills(self, units: int) -> None:
        if self.world.position and abs(self.world.position) < 40:
            self.world.position += self.sign * units

    @rule(price=NEAR)
    def the_price_moves(self, price: int) -> None:
        self.world.price = price

    @rule(seconds=st.sampled_from([0.1, 1.0, 6.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.passes(seconds)

    @rule(parked=st.sampled_from([0, 0, 2]))
    def it_looks(self, parked: int) -> None:
        self.world.look(parked=parked)

    @precondition(lambda self: self.gate)
    @rule()
    def it_looks_at_what_was_so_a_while_ago(self) -> None:
        self.world.look(self.stale)

    @rule()
    def a_while_ago_is_now(self) -> None:
        self.stale = self.world.facts()

    @precondition(lambda self: self.world.queue)
    @rule()
    def a_request_arrives(self) -> None:
        self.world.take()

    @rule(accepted=st.booleans())
    def all_goes_quickly(self, accepted: bool) -> None:
        """What is on its way arrives, it looks, and that arrives too."""
        self.world.passes(1)
        while self.world.queue:
            self.world.take()
        self.world.look()
        while self.world.queue:
            self.world.take()
        for order in self.world.orders.values():
            if accepted and order.at is At.SENT:
                self.world.accept(order)

    @property
    def _sent(self) -> list[Order]:
        return [order for order in self.world.orders.values() if order.at is At.SENT]

    @property
    def _resting(self) -> list[Order]:
        return [order for order in self.world.orders.values() if order.at is At.RESTS]

    @property
    def _changing(self) -> list[Order]:
        return [order for order in self._resting if order.cancelling or order.change]

    @precondition(lambda self: self._sent)
    @rule(data=st.data(), accepted=st.integers(0, 9))
    def the_broker_answers(self, data: st.DataObject, accepted: int) -> None:
        order = data.draw(st.sampled_from(self._sent))
        if accepted:
            self.world.accept(order)
        else:
            self.world.refuse(order)

    @precondition(lambda self: self._changing)
    @rule(data=st.data(), done=st.booleans())
    def a_change_or_cancel_is_answered(self, data: st.DataObject, done: bool) -> None:
        self.world.conclude(data.draw(st.sampled_from(self._changing)), done=done)

    @precondition(lambda self: self._resting)
    @rule(data=st.data(), units=st.integers(1, 5))
    def something_fills(self, data: st.DataObject, units: int) -> None:
        self.world.fill(data.draw(st.sampled_from(self._resting)), units)

    @rule(units=st.integers(1, 2), really=RARELY)
    def somebody_else_leaves(self, units: int, really: bool) -> None:
        if not really:
            return
        room = self.world.room if self.gate else self.world.room - self.world.asked
        self.world.foreign += min(units, max(room, 0))

    @precondition(lambda self: self.world.foreign)
    @rule(filled=st.booleans())
    def his_exit_is_over(self, filled: bool) -> None:
        if filled:
            self.world.position -= self.sign * self.world.foreign
        self.world.foreign = 0

    @rule(really=RARELY)
    def it_stands_aside(self, really: bool) -> None:
        if really:
            self.world.guard.stand_aside(self.world.mono)

    @rule(really=RARELY)
    def it_forgets_everything(self, really: bool) -> None:
        if really:
            self.world.guard = self.world.new_guard()

    # -- what must be so ----------------------------------------------------------------------------------------------

    @invariant()
    def no_more_can_be_sold_than_is_held(self) -> None:
        world = getattr(self, "world", None)
        if world is None:
            return
        assert world.position * self.sign >= 0, "the position has turned"
        assert world.room >= 0, f"{world.position} held, more may still be sold: {world.room}"

    def teardown(self) -> None:
        """Nothing new happens: what is under way ends well, and the guard brings everything in order."""
        world = getattr(self, "world", None)
        if world is None:
            return
        world.position -= self.sign * world.foreign
        world.foreign = 0
        world.passes(60)
        for _ in range(60):
            world.look()
            while world.queue:
                world.take()
            for order in world.orders.values():
                if order.at is At.SENT:
                    world.accept(order)
                elif order.cancelling or order.change:
                    world.conclude(order, done=True)
                elif order.at is At.RESTS and order.kind is PartKind.LEAVE:
                    world.fill(order, order.left)
            world.passes(4)
        resting = [order for order in world.orders.values() if order.at is At.RESTS]
        if world.position == 0:
            assert not resting and world.ended, "nothing is held, yet something rests, or the plan is not over"
        elif world.guard.plan.hold is Hold.BROKER:
            assert not world.guard.leaving, "it has left, and something is still held"
            assert sum(order.left for order in resting) == abs(world.position), "protection does not cover the position"
            assert {order.trigger for order in resting if not order.fired} <= {world.guard.plan.stop}
        else:
            assert not resting and not world.guard.leaving


class Alone(Guarded):
    """The same without a risk gate: the guard itself asks for no more than is held."""

    gate = False


@pytest.mark.parametrize("machine", [Guarded, Alone])
def test_exits_never_sell_more_than_is_held(machine: type[Guarded]) -> None:
    run_machine(machine, *NORMAL)


@pytest.mark.long("exits")
@pytest.mark.parametrize("machine", [Guarded, Alone])
def test_they_never_do_however_long_one_tries(machine: type[Guarded]) -> None:
    run_machine(machine, *DEEP)
