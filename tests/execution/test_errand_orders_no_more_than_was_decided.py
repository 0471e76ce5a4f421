"""Whatever becomes of its orders, in whatever order: never more is ordered than was decided, and it ends."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from domain.execution.errand import Child, Errand, Facts, Finish, Reprice, Send, Step, Withdraw
from domain.execution.values import ExecutionRule, Style
from domain.values import SECOND, OrderKind
from tests.runtime.machines import run_machine
from tests.support.orders import an_intent

NORMAL, DEEP = (150, 40), (2_000, 80)
TICK = 500
VALID = 30 * SECOND
REFERENCE = an_intent().reference_price
LOT = 2


class Errands(RuleBasedStateMachine):
    """One decision; the journal and the broker as they may be."""

    @initialize(
        style=st.sampled_from(Style),
        exits=st.booleans(),
        bps=st.sampled_from([0, 50]),
        quantity=st.integers(1, 30).map(lambda lots: lots * LOT),
    )
    def begin(self, style: Style, exits: bool, bps: int, quantity: int) -> None:
        rule_ = ExecutionRule(style=style, slippage_bps=bps, patience_seconds=60, minutes=2, slices=4)
        self.intent, self.rule_ = replace(an_intent(quantity=quantity), reduce_only=exits), rule_
        self.now = self.mono = 1_000 * SECOND
        self.started = self.now
        self.children: dict[int, Child] = {}
        self.queue: list[tuple[Step, int]] = []
        self.price = REFERENCE
        self.finished: list[Finish] = []
        self.refused = self.unsent = 0
        self.open_for: bool | None = True
        self.errand = self.another_life()

    def another_life(self) -> Errand:
        return Errand(self.intent, self.rule_, self.started, tick=TICK, lot=LOT, intent_valid=VALID)

    def facts(self) -> Facts:
        return Facts(
            now=self.now,
            mono=self.mono,
            children=tuple(self.children.values()),
            bid=self.price - TICK,
            ask=self.price + TICK,
            last=self.price,
            refused=self.refused,
            refusal="no",
            unsent=self.unsent,
            number=max(self.children, default=0),
            open_for=self.open_for,
        )

    # -- what may happen -----------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.2, 3.0, 35.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)
        self.mono += int(seconds * SECOND)

    @rule(ticks=st.integers(-30, 30))
    def the_price_moves(self, ticks: int) -> None:
        self.price = REFERENCE + ticks * TICK

    @rule()
    def it_looks(self) -> None:
        steps = self.errand.look(self.facts())
        unknown = {child.tag for child in self.children.values() if child.unknown}
        assert not any(isinstance(step, Reprice) and step.tag in unknown for step in steps), "a PUT after a lost one"
        self.queue += [(step, self.now) for step in steps]

    @precondition(lambda self: self.queue)
    @rule()
    def a_request_arrives(self) -> None:
        self.take(*self.queue.pop(0))

    @rule()
    def all_goes_quickly(self) -> None:
        while self.queue:
            self.take(*self.queue.pop(0))
        self.it_looks()
        while self.queue:
            self.take(*self.queue.pop(0))
        for number, child in self.children.items():
            if child.left:
                self.children[number] = replace(child, rests=True)

    @precondition(lambda self: self.resting())
    @rule(data=st.data(), units=st.integers(1, 20))
    def something_fills(self, data: st.DataObject, units: int) -> None:
        number = data.draw(st.sampled_from(self.resting()))
        child = self.children[number]
        units = min(units, child.left)
        self.children[number] = replace(child, filled=child.filled + units, left=child.left - units)

    @precondition(lambda self: self.resting())
    @rule(data=st.data(), how=st.sampled_from(["gone", "gone", "refused", "unsent", "kept"]))
    def something_ends(self, data: st.DataObject, how: str) -> None:
        number = data.draw(st.sampled_from(self.resting()))
        child = self.children[number]
        if how == "kept":
            self.children[number] = replace(child, changing=False)
            return
        self.children[number] = replace(child, left=0, changing=False)
        if child.filled == 0:
            self.refused += how == "refused"
            self.unsent += how == "unsent"

    @precondition(lambda self: self.resting())
    @rule(data=st.data())
    def a_change_is_lost(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(self.resting()))
        self.children[number] = replace(self.children[number], unknown=True)

    @rule(really=st.sampled_from([False, False, True]))
    def it_forgets_everything(self, really: bool) -> None:
        if really:
            self.errand = self.another_life()

    @rule(really=st.sampled_from([False, False, False, False, True]))
    def trading_is_halted(self, really: bool) -> None:
        if really:
            self.open_for = False

    def resting(self) -> list[int]:
        return [number for number, child in self.children.items() if child.left]

    def take(self, step: Step, asked: int) -> None:
        match step:
            case Send(number=number, units=units, price=price, kind=kind):
                if number in self.children or self.now >= asked + VALID or self.finished:
                    return  # the journal has it, nobody may send it any more, or the decision is over
                self.children[number] = Child(f"T{number}", 0, units, price)
                bound = REFERENCE * (10_000 + self.rule_.slippage_bps) // 10_000
                if self.rule_.slippage_bps and not self.intent.reduce_only:
                    assert kind is OrderKind.LIMIT and price <= bound, "beyond the bound"
            case Reprice(tag=tag, price=price):
                number = int(tag[1:])
                self.children[number] = replace(self.children[number], price=price)
            case Withdraw(tag=tag):
                number = int(tag[1:])
                if self.children[number].left:
                    self.children[number] = replace(self.children[number], changing=True)
            case Finish(filled=filled):
                # The journal takes no end that an order of a former life has overtaken.
                if not self.resting() and filled == sum(child.filled for child in self.children.values()):
                    self.finished.append(step)

    # -- what must be so -----------------------------------------------------------------------------------------------

    @invariant()
    def no_more_is_ordered_than_was_decided(self) -> None:
        if not hasattr(self, "children"):
            return
        ordered = sum(child.filled + child.left for child in self.children.values())
        assert ordered <= self.intent.quantity

    def teardown(self) -> None:
        """Nothing new happens: it ends, and says truly what was filled."""
        if not hasattr(self, "children"):
            return
        for _ in range(80):
            if self.finished:
                break
            self.all_goes_quickly()
            for number, child in self.children.items():
                if child.changing:
                    self.children[number] = replace(child, left=0, changing=False)
                elif child.left and (self.intent.reduce_only or self.rule_.style is not Style.LIMIT):
                    self.children[number] = replace(child, filled=child.filled + child.left, left=0)
            self.time_passes(35.0)
        assert self.finished, "it never ended"
        filled = sum(child.filled for child in self.children.values())
        assert self.finished[-1].filled == filled
        assert not self.resting()
        if self.intent.reduce_only and not self.errand.ending:
            assert filled == self.intent.quantity, "an exit is never given up"


def test_no_more_is_ordered_than_was_decided() -> None:
    run_machine(Errands, *NORMAL)


@pytest.mark.long("exits")
def test_it_never_is_however_long_one_tries() -> None:
    run_machine(Errands, *DEEP)
