"""All guarded positions: events in, messages out. What the actor of managed exits thinks with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from domain.exits.actions import Protected
from domain.exits.book import ExitBook, Key, of_plan
from domain.exits.guard import Guard
from domain.exits.steps import Message, Scene, message_of
from domain.exits.values import ExitRule
from domain.messages.gtt import GttChangeRefused
from domain.messages.journal import IntentExpired, JournalRecord, ModifyDropped, ModifyRefused
from domain.messages.market import PriceChanged
from domain.messages.orders import DenyReason, OrderIntent
from domain.messages.plans import ExitPlanEnded, ExitPlanned, MoveExit
from domain.values import E4, Instrument, Nanos

_SAYS_NOTHING: Final = frozenset(
    {DenyReason.SESSION_CLOSED, DenyReason.INTENT_EXPIRED, DenyReason.NOT_REDUCING, DenyReason.STARTING}
)
"""Denials that say nothing against a protection: it is asked for again."""


class Forward(Struct, frozen=True):
    """An exit of the strategy's own may go now: nothing that rests would sell the same units."""

    intent: OrderIntent


class Noted(Struct, frozen=True):
    """For the log: a position is protected (again) after so long (monotonic)."""

    plan: str
    units: int
    lasted: Nanos


Out = Message | Forward | Noted


class _Parked(Struct):
    intent: OrderIntent
    forwarded: bool = False


class ExitDesk:
    """See the module. `look` is to be called after whatever has happened; times come in with every call.

    intent_valid  market nanoseconds for which what it asks for may be sent
    """

    def __init__(
        self, rules: Mapping[str, ExitRule], instruments: Mapping[int, Instrument], intent_valid: Nanos
    ) -> None:
        self.book = ExitBook(rules, instruments)
        self.blind = False
        self._rules = rules
        self._instruments = instruments
        self._valid = intent_valid
        self._guards: dict[Key, Guard] = {}
        self._prices: dict[int, E4] = {}
        self._parked: dict[Key, list[_Parked]] = {}
        self._changes: dict[str, tuple[Key, str]] = {}
        self._largest: dict[str, int] = {}

    # -- what it is told -----------------------------------------------------------------------------------------------

    def apply(self, record: JournalRecord) -> set[Key]:
        """Fold one record, each once and in order: the positions that it concerns."""
        keys = self.book.apply(record)
        event = record.event
        match event:
            case ExitPlanned(plan=plan) if (guard := self._guards.get((plan.strategy, plan.token))) is not None:
                guard.journaled(plan)
            case ExitPlanEnded(id=plan_id):
                self._guards = {key: guard for key, guard in self._guards.items() if guard.plan.id != plan_id}
                self._largest.pop(plan_id, None)
            case ModifyRefused(tag=tag) | ModifyDropped(tag=tag) | GttChangeRefused(tag=tag):
                for key in keys & self._guards.keys():
                    self._guards[key].change_denied(tag)
            case IntentExpired(intent_id=intent_id):
                self._unpark(intent_id)
        intent = getattr(event, "intent", None)
        if intent is not None:
            self._unpark(intent.intent_id)
        return keys

    def prices(self, prices: Mapping[int, PriceChanged]) -> list[Key]:
        """The newest prices: the guarded positions in these instruments."""
        self._prices.update({token: price.last_price for token, price in prices.items()})
        return [key for key in self._guards if key[1] in prices]

    def park(self, intent: OrderIntent) -> Key:
        """A strategy wants to leave by itself: it waits until what rests has made way."""
        key = intent.strategy, intent.token
        self._parked.setdefault(key, []).append(_Parked(intent))
        return key

    def move(self, message: MoveExit) -> Key | None:
        """A strategy's decision moves its levels."""
        key = message.strategy, message.token
        guard = self._guards.get(key)
        if guard is None or guard.plan.wished == message.levels:
            return None
        wished = message.levels
        guard.changed(replace(guard.plan, wished=wished, levels=self.book.levels(guard.plan, wished)))
        return key

    def again(self) -> None:
        """There is a session again: what waits for its next try is tried at once."""
        for guard in self._guards.values():
            guard.again()

    def stand_aside(self, strategy: str, token: int, mono: Nanos) -> list[Key]:
        """Somebody closes these positions."""
        keys = [key for key in self._guards if key[0] == strategy and token in (0, key[1])]
        for key in keys:
            self._guards[key].stand_aside(mono)
        return keys

    def denied(self, intent_id: str, reason: DenyReason | None, mono: Nanos) -> Key | None:
        """An intent was refused before the journal saw it (reason None: it could not be journaled)."""
        self._unpark(intent_id)
        change = self._changes.pop(intent_id, None)
        if change is not None:
            key, tag = change
            if key in self._guards:
                self._guards[key].change_denied(tag)
            return key
        found = of_plan(intent_id)
        if found is None or reason is DenyReason.DUPLICATE_INTENT:
            return None  # what the journal has stands, and is told by it
        plan_id, number = found
        for key, guard in self._guards.items():
            if guard.plan.id == plan_id:
                guard.denied(number, mono, counts=reason is not None and reason not in _SAYS_NOTHING)
                return key
        return None

    # -- what it wants -------------------------------------------------------------------------------------------------

    def keys(self) -> list[Key]:
        """Every position that is held, guarded, or waited for."""
        return sorted({*self.book.held(), *self._guards, *self._parked})

    def look(self, keys: Iterable[Key], now: Nanos, mono: Nanos) -> list[Out]:
        """The next steps for these positions."""
        out: list[Out] = []
        for key in keys:
            guard = self._guard(key, now)
            if guard is None:
                out += self._let_go(key)
            else:
                out += self._of(key, guard, now, mono)
        return out

    def _of(self, key: Key, guard: Guard, now: Nanos, mono: Nanos) -> list[Out]:
        parked = self._parked_now(key, now)
        price = self._prices.get(key[1], 0)
        facts = self.book.facts(guard.plan, now, mono, price, blind=self.blind)
        self._rebase(guard)
        actions = guard.look(facts, sum(each.intent.quantity for each in parked))
        scene = Scene(guard.plan, self._rules[key[0]], self._instruments[key[1]], self.book, now, price, self._valid)
        out: list[Out] = []
        for action in actions:
            if isinstance(action, Protected):
                out.append(Noted(guard.plan.id, action.units, action.lasted))
                continue
            message = message_of(action, scene)
            if message is None:
                continue
            modify_id = getattr(message, "modify_id", "")
            if modify_id:
                self._changes[modify_id] = key, getattr(message, "tag", "")
            out.append(message)
        for each in parked:
            if not each.forwarded and guard.yielded(facts, each.intent.quantity):
                each.forwarded = True
                out.append(Forward(each.intent))
        return out

    def _guard(self, key: Key, now: Nanos) -> Guard | None:
        """The position's guard, made where one is wanted: by its plan in the journal, or a new plan."""
        guard = self._guards.get(key)
        if guard is not None:
            return guard
        plan = self.book.plans.get(key)
        kept = plan is not None
        if plan is None:
            plan = self.book.plan(key, now)
        if plan is None or key[1] not in self._instruments:
            return None
        guard = self._guards[key] = Guard(plan, self._rules[key[0]], self._valid, kept=kept)
        rule = self._rules[key[0]]
        if plan.hold is not rule.hold:
            guard.changed(replace(plan, hold=rule.hold))
        return guard

    def _rebase(self, guard: Guard) -> None:
        """Levels that the rule states as a share follow the price at which the position was really opened.

        Not while it is being left: what is left of it may have been opened at another price than the whole.
        """
        plan = guard.plan
        held = self.book.quantity((plan.strategy, plan.token)) * plan.sign
        largest = self._largest[plan.id] = max(held, self._largest.get(plan.id, 0))
        levels = self.book.levels(plan, plan.wished)
        if levels != plan.levels and 0 < held == largest:
            guard.changed(replace(plan, levels=levels))

    def _let_go(self, key: Key) -> list[Out]:
        """Nothing is guarded there: what waits goes on at once."""
        out: list[Out] = [Forward(each.intent) for each in self._parked.pop(key, ()) if not each.forwarded]
        return out

    def _parked_now(self, key: Key, now: Nanos) -> list[_Parked]:
        """What waits there, without what may no longer be sent."""
        waiting = [each for each in self._parked.get(key, ()) if each.intent.valid_until > now]
        if waiting:
            self._parked[key] = waiting
        else:
            self._parked.pop(key, None)
        return waiting

    def _unpark(self, intent_id: str) -> None:
        """The journal has it, or it was refused: it waits no more."""
        for key, waiting in tuple(self._parked.items()):
            left = [each for each in waiting if each.intent.intent_id != intent_id]
            if left:
                self._parked[key] = left
            else:
                del self._parked[key]
