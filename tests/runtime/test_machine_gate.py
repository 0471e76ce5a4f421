"""The gate against a model: who may register and start, what a halt returns, what a fence, a clear and a seal change."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from actors.runtime import EffectKind, Gate, GateRefused, Refusal, ThreadRuntime, Ticket, TradingLevel
from tests.runtime.harness import Monotonic
from tests.runtime.machines import DEEP, NORMAL, run_machine

NAMES = st.sampled_from(["entry", "exit"])
TAGS = st.sampled_from(["t1", "t2"])
LATE = st.sampled_from([False, False, False, True])
KINDS = st.sampled_from(list(EffectKind))
ORDERS = (EffectKind.ENTRY, EffectKind.EXIT)


class Effect:
    """One ticket in the model. stage: registered, starting, wire, over."""

    def __init__(self, ticket: Ticket, proof: bool) -> None:
        self.ticket = ticket
        self.proof = proof
        self.stage = "registered"
        self.known = True
        self.start: AbstractContextManager[Any] | None = None
        self.edge: Any = None


class GateMachine(RuleBasedStateMachine):
    """Two workers with their incarnations, and every ticket they got."""

    @initialize()
    def begin(self) -> None:
        self.gate = Gate(ThreadRuntime(Monotonic()), TradingLevel.OPEN, "open")
        self.level, self.exits, self.sealed = TradingLevel.OPEN, True, False
        self.lives = {"entry": 1, "exit": 1}
        self.admitted: dict[str, int] = {}
        self.effects: list[Effect] = []
        self.began_after_halt: list[str] = []
        self.halted = False
        for name in self.lives:
            self.admit(name)

    # -- incarnations ------------------------------------------------------------------------------------------------

    @rule(name=NAMES)
    def admit(self, name: str) -> None:
        """A new incarnation replaces one that was fenced, crashed, or never was."""
        self.lives[name] += 1
        self.admitted[name] = self.lives[name]
        self.gate.admit(name, self.lives[name])

    @rule(name=NAMES, late=LATE)
    def fence(self, name: str, late: bool) -> None:
        incarnation = self.lives[name] - late
        self.gate.fence(name, incarnation)
        if self.admitted.get(name) == incarnation:
            del self.admitted[name]
        for effect in self._of(name, incarnation):
            if effect.stage == "registered":
                effect.known = False

    @rule(name=NAMES)
    def replace_the_hung(self, name: str) -> None:
        self.fence(name, late=False)
        self.admit(name)

    @rule(name=NAMES, late=LATE)
    def strand_ends(self, name: str, late: bool) -> None:
        incarnation = self.lives[name] - late
        self.gate.fence(name, incarnation)
        self.gate.forget(name, incarnation)
        if self.admitted.get(name) == incarnation:
            del self.admitted[name]
        for effect in self._of(name, incarnation):
            effect.known = False

    # -- effects -----------------------------------------------------------------------------------------------------

    @rule(name=NAMES, late=LATE, tag=TAGS, kind=KINDS, proof=st.booleans())
    def register(self, name: str, late: bool, tag: str, kind: EffectKind, proof: bool) -> None:
        incarnation = self.lives[name] - late
        refusal = self._refusal(name, incarnation, kind, proof)
        if refusal is None and kind in ORDERS and any(e.ticket.tag == tag and e.known for e in self._orders()):
            refusal = Refusal.TAG_IN_USE
        if refusal is None:
            ticket = self.gate.register(name, incarnation, tag, kind, reduce_only=proof)
            self.effects.append(Effect(ticket, proof))
        else:
            with pytest.raises(GateRefused) as refused:
                self.gate.register(name, incarnation, tag, kind, reduce_only=proof)
            assert refused.value.reason == refusal

    @precondition(lambda self: self.effects)
    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        effect = data.draw(st.sampled_from(self.effects[-8:]))
        ticket = effect.ticket
        refusal = self._refusal(ticket.name, ticket.incarnation, ticket.kind, effect.proof)
        if refusal is None and (effect.stage != "registered" or not effect.known):
            refusal = Refusal.NOT_REGISTERED
        begun = self.gate.start(ticket)
        if refusal is None:
            effect.start, effect.edge = begun, begun.__enter__()
            effect.stage = "starting"
            if self.halted and ticket.kind is EffectKind.ENTRY:
                self.began_after_halt.append(ticket.tag)
        else:
            with pytest.raises(GateRefused) as refused:
                begun.__enter__()
            assert refused.value.reason == refusal

    @precondition(lambda self: any(e.stage == "starting" for e in self.effects))
    @rule(data=st.data(), leave=st.booleans())
    def leaves(self, data: st.DataObject, leave: bool) -> None:
        """The bytes have left: said so, or the block was left."""
        effect = data.draw(st.sampled_from([e for e in self.effects if e.stage == "starting"]))
        if leave:
            assert effect.start is not None
            effect.start.__exit__(None, None, None)
        else:
            effect.edge()
        effect.stage = "wire"

    @precondition(lambda self: self.effects)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        effect = data.draw(st.sampled_from(self.effects[-8:]))
        self.gate.finish(effect.ticket)
        effect.stage, effect.known = "over", False

    # -- levels ------------------------------------------------------------------------------------------------------

    @rule(exits=st.booleans())
    def halt(self, exits: bool) -> None:
        tags = self.gate.halt("halted", allow_exits=exits, timeout_seconds=0)
        assert tags == [
            e.ticket.tag
            for e in self.effects
            if e.known and e.stage in ("starting", "wire") and e.ticket.kind is not EffectKind.READ
        ]
        self.exits = exits and (self.exits or self.level is not TradingLevel.HALTED)
        self.level, self.halted = TradingLevel.HALTED, True

    @rule()
    def reduce(self) -> None:
        self.gate.reduce("reducing")
        if self.level is TradingLevel.OPEN:
            self.level = TradingLevel.REDUCING

    @rule(level=st.sampled_from([TradingLevel.OPEN, TradingLevel.REDUCING]))
    def clear(self, level: TradingLevel) -> None:
        self.gate.clear("cleared", level)
        if not self.sealed:
            self.level, self.exits, self.halted = level, True, False

    @rule(sure=st.sampled_from([False, False, False, True]))
    def seal(self, sure: bool) -> None:
        if sure:
            self.gate.seal("sealed")
            self.sealed = self.halted = True
            self.level = TradingLevel.HALTED

    # -- what must hold ----------------------------------------------------------------------------------------------

    @invariant()
    def it_stands_where_the_model_stands(self) -> None:
        if hasattr(self, "gate"):
            assert self.gate.level is self.level
            for name, life in self.lives.items():
                for incarnation in (life - 1, life):
                    assert self.gate.current(name, incarnation) is (self.admitted.get(name) == incarnation)

    @invariant()
    def no_entry_begins_after_a_halt(self) -> None:
        assert getattr(self, "began_after_halt", []) == []

    @invariant()
    def one_tag_has_one_request_at_a_time(self) -> None:
        if hasattr(self, "gate"):
            under_way = [e.ticket.tag for e in self._orders() if e.known]
            assert len(under_way) == len(set(under_way))

    # -- the model ---------------------------------------------------------------------------------------------------

    def _refusal(self, name: str, incarnation: int, kind: EffectKind, proof: bool) -> Refusal | None:
        if self.admitted.get(name) != incarnation:
            return Refusal.STALE_INCARNATION
        if self.level is TradingLevel.OPEN or kind in (EffectKind.CANCEL, EffectKind.READ):
            return None
        word = Refusal.HALTED if self.level is TradingLevel.HALTED else Refusal.REDUCING
        if kind is EffectKind.ENTRY:
            return word
        if not self.exits:
            return Refusal.HALTED
        return None if proof else Refusal.NOT_REDUCE_ONLY

    def _of(self, name: str, incarnation: int) -> list[Effect]:
        return [e for e in self.effects if (e.ticket.name, e.ticket.incarnation) == (name, incarnation)]

    def _orders(self) -> list[Effect]:
        return [e for e in self.effects if e.ticket.kind in ORDERS]


def test_the_gate_does_what_its_model_does() -> None:
    run_machine(GateMachine, *NORMAL)


@pytest.mark.long("statemachines-deep")
def test_the_gate_does_what_its_model_does_deep() -> None:
    run_machine(GateMachine, *DEEP)
