"""What the journal says of guarded positions: how much is held, what is open for it, which plans hold."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from domain.exits.actions import Facts, Part, PartKind
from domain.exits.levels import levels_for
from domain.exits.values import ExitLevels, ExitPlan, ExitRule
from domain.messages.adjustments import PositionAdjusted
from domain.messages.broker import BrokerStatus
from domain.messages.gtt import GttEvent, GttRecord, GttState, GttStatus
from domain.messages.journal import IntentAccepted, JournalEvent, JournalRecord, OrderRecord, OrderState
from domain.messages.orders import OrderIntent
from domain.messages.plans import ExecutionEnded, ExecutionStarted, ExitPlanEnded, ExitPlanned
from domain.orders.cancelling import BY_HAND
from domain.orders.gtt import fold_gtt
from domain.orders.transitions import filled, fold, is_change_unknown, strategy_of, tag_of, worst_quantity
from domain.strategy.ledger import StrategyLedger
from domain.values import E4, MINUTE, Instrument, Nanos, Product

Key = tuple[str, int]
"""(strategy, token): a strategy trades an instrument in one product."""

_OWN: Final = re.compile(r"exit:(?P<plan>.+):(?P<number>\d+)(?:/.*)?\Z")


def exit_id(plan: ExitPlan, number: int) -> str:
    """The intent id of the plan's order of that number: the same in every life of the process."""
    return f"exit:{plan.id}:{number}"


def of_plan(intent_id: str) -> tuple[str, int] | None:
    """(plan id, number) of an intent that a guard asked for, a part of it, or what a GTT of it fired; else None."""
    found = _OWN.match(intent_id)
    return None if found is None else (found["plan"], int(found["number"]))


def _is_of(intent_id: str, plan: ExitPlan) -> bool:
    """Whether a guard asked for it under this plan."""
    found = of_plan(intent_id)
    return found is not None and found[0] == plan.id


def _guards(intent_id: str, plan: ExitPlan) -> bool:
    """Whether a guard asked for it under any plan of this position: one may have ended with it on its way."""
    found = of_plan(intent_id)
    return found is not None and found[0].rpartition(":")[0] == f"{plan.strategy}:{plan.token}"


class ExitBook:
    """Folds the journal for the strategies whose exits are managed.

    rules        by strategy
    instruments  by token
    """

    def __init__(self, rules: Mapping[str, ExitRule], instruments: Mapping[int, Instrument]) -> None:
        self.rules = rules
        self.plans: dict[Key, ExitPlan] = {}
        self._instruments = instruments
        self._ledgers = {strategy: StrategyLedger(strategy) for strategy in rules}
        self._opened: dict[Key, int] = {}
        self._entries: dict[Key, OrderIntent] = {}
        self._orders: dict[str, OrderRecord] = {}
        self._by_key: dict[Key, dict[str, None]] = {}
        self._assigned: dict[Key, Product] = {}
        self._gtts: dict[str, GttRecord] = {}
        self._parents: dict[str, OrderIntent] = {}
        self._numbers: dict[str, int] = {}

    def apply(self, record: JournalRecord) -> set[Key]:
        """Fold one record, each once and in order. The positions that it concerns."""
        event = record.event
        match event:
            case ExitPlanned(plan=plan) if plan.strategy in self.rules:
                self.plans[plan.strategy, plan.token] = plan
                return {(plan.strategy, plan.token)}
            case ExitPlanEnded(id=plan_id):
                ended = {key for key, plan in self.plans.items() if plan.id == plan_id}
                for key in ended:
                    del self.plans[key]
                    open_tags = {record.tag: None for record in self._of(key) if not record.state.final}
                    self._by_key[key] = open_tags
                return ended
            case ExecutionStarted(intent=intent) if intent.reduce_only and intent.strategy in self.rules:
                self._parents[intent.intent_id] = intent
                return {(intent.strategy, intent.token)}
            case ExecutionEnded(intent_id=intent_id, strategy=strategy, token=token):
                return {(strategy, token)} if self._parents.pop(intent_id, None) else set()
        tag = tag_of(event)
        strategy = strategy_of(event) or self._strategy_of_tag(tag)
        if strategy not in self.rules:
            return set()
        self._number(event)
        return self._fold(strategy, tag, event, record.seq)

    def _fold(self, strategy: str, tag: str, event: JournalEvent, seq: int) -> set[Key]:
        ledger = self._ledgers[strategy]
        token = self._token_of(tag, event)
        before = 0 if token is None else ledger.quantity(token)
        ledger.apply(event)
        if isinstance(event, GttEvent):
            self._gtts[tag] = fold_gtt(self._gtts.get(tag), event)
        elif tag:
            self._follow(tag, event)
        if isinstance(event, IntentAccepted) and not event.intent.reduce_only:
            self._entries[strategy, event.intent.token] = event.intent
        token = self._token_of(tag, event) if token is None else token
        if token is None:
            return set()
        if isinstance(event, PositionAdjusted):
            self._assigned[strategy, token] = event.product
        now = ledger.quantity(token)
        if now and (before == 0 or (before > 0) != (now > 0)):
            self._opened[strategy, token] = seq
        return {(strategy, token)}

    def held(self) -> Iterator[Key]:
        """Where something is held, or a plan is not over."""
        seen = set(self.plans)
        yield from seen
        for strategy, ledger in self._ledgers.items():
            for token in ledger.tokens():
                if ledger.quantity(token) and (strategy, token) not in seen:
                    yield strategy, token

    def quantity(self, key: Key) -> int:
        """Signed units held, fills that are only seen included."""
        return self._ledgers[key[0]].quantity(key[1])

    def plan(self, key: Key, now: Nanos) -> ExitPlan | None:
        """The plan that a position wants by the rule and its entry's wish; None: it wants none."""
        strategy, token = key
        quantity, entry = self.quantity(key), self._entries.get(key)
        instrument, rule = self._instruments.get(token), self.rules[strategy]
        # A position that a person gave it was opened by no decision: the rule alone says where it is left.
        product = self._assigned.get(key) if entry is None else entry.product
        if not quantity or product is None or instrument is None or key not in self._opened:
            return None
        wished = ExitLevels() if entry is None else entry.levels
        levels = levels_for(rule, wished, self._price(key), long=quantity > 0, tick=instrument.tick_size)
        plan = ExitPlan(
            id=f"{strategy}:{token}:{self._opened[key]}",
            strategy=strategy,
            token=token,
            instrument=instrument.key,
            product=product,
            long=quantity > 0,
            hold=rule.hold,
            levels=levels,
            wished=wished,
            leave_at=now + int(rule.minutes * MINUTE) if rule.minutes else 0,
            best=self._price(key) if levels.trail else 0,
        )
        return plan if levels or plan.leave_at else None

    def levels(self, plan: ExitPlan, wished: ExitLevels) -> ExitLevels:
        """The levels of a plan with another wish, by what its position was opened at."""
        key = plan.strategy, plan.token
        tick = self._instruments[plan.token].tick_size
        price = self._price(key)
        return levels_for(self.rules[plan.strategy], wished, price, long=plan.long, tick=tick) if price else plan.levels

    def facts(self, plan: ExitPlan, now: Nanos, mono: Nanos, price: E4, *, blind: bool) -> Facts:
        """What is so at one look at the plan's position."""
        key = plan.strategy, plan.token
        own = [record for record in self._of(key) if _is_of(record.intent.intent_id, plan)]
        gtts = [each for each in self._gtts.values() if _is_of(each.intent.intent_id, plan)]
        # What a former plan of the position asked for, and nobody has withdrawn, closes the same units.
        resting = [r for r in self._of(key) if not r.state.final and _guards(r.intent.intent_id, plan)]
        triggers = [each for each in self._gtts.values() if _guards(each.intent.intent_id, plan)]
        refused = [r.text for r in own if r.state is OrderState.REJECTED and not r.turned_away]
        refused += [
            each.text
            for each in gtts
            if (each.state is GttState.REFUSED and not each.turned_away) or self._fired_in_vain(each)
        ]
        return Facts(
            now=now,
            mono=mono,
            position=self.quantity(key),
            foreign=self._foreign(key, plan),
            parts=(*map(_part, resting), *_gtt_parts(triggers)),
            entries=tuple(
                record.tag
                for record in self._of(key)
                if not record.intent.reduce_only and record.state is OrderState.ACKNOWLEDGED and not record.cancel_why
            ),
            refused=len(refused),
            refusal=refused[-1] if refused else "",
            unsent=sum(record.state is OrderState.EXPIRED for record in own),
            turned_away=sum(r.turned_away for r in own) + sum(each.turned_away for each in gtts),
            cancelled=_cancelled(own, gtts),
            number=self._numbers.get(plan.id, 0),
            price=price,
            blind=blind,
        )

    def order(self, tag: str) -> OrderRecord | None:
        """An order of a guarded strategy."""
        return self._orders.get(tag)

    def gtt(self, tag: str) -> GttRecord | None:
        """A GTT of a guarded strategy."""
        return self._gtts.get(tag)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _follow(self, tag: str, event: JournalEvent) -> None:
        after = fold(self._orders.get(tag), event)
        if after is None:
            return
        self._orders[tag] = after
        of_position = self._by_key.setdefault((after.intent.strategy, after.intent.token), {})
        if after.state.final and of_plan(after.intent.intent_id) is None and not after.intent.parent:
            of_position.pop(tag, None)  # nothing more is asked of it than that its late fills are counted
        else:
            of_position[tag] = None

    def _of(self, key: Key) -> list[OrderRecord]:
        return [self._orders[tag] for tag in self._by_key.get(key, ())]

    def _foreign(self, key: Key, plan: ExitPlan) -> int:
        """Units of exits by others: single orders, GTTs, and decisions carried out in parts with all their rest."""
        parts = [parent for parent in self._parents.values() if (parent.strategy, parent.token) == key]
        rest = {parent.intent_id: parent.quantity for parent in parts}
        single = 0
        for record in self._of(key):
            intent = record.intent
            if not intent.reduce_only or _guards(intent.intent_id, plan):
                continue
            if intent.parent in rest:
                rest[intent.parent] -= filled(record)
            elif not record.state.final:
                single += _left(record)
        triggers = [
            max(leg.quantity for leg in each.gtt.legs)
            for each in self._gtts.values()
            if not each.state.final
            and (each.intent.strategy, each.intent.token) == key
            and not _guards(each.intent.intent_id, plan)
        ]
        return single + sum(triggers) + sum(max(each, 0) for each in rest.values())

    def _price(self, key: Key) -> E4:
        """What the position was opened at: by its trades, and until they are booked by its decision."""
        average = self._ledgers[key[0]].entry(key[1])
        entry = self._entries.get(key)
        return round(average) if average else (0 if entry is None else entry.reference_price)

    def _fired_in_vain(self, gtt: GttRecord) -> bool:
        return gtt.state is GttState.TRIGGERED and not any(r.parent == gtt.tag for r in self._orders.values())

    def _strategy_of_tag(self, tag: str) -> str:
        record, gtt = self._orders.get(tag), self._gtts.get(tag)
        return record.intent.strategy if record else (gtt.intent.strategy if gtt else "")

    def _token_of(self, tag: str, event: JournalEvent) -> int | None:
        intent = getattr(event, "intent", None)
        record, gtt = self._orders.get(tag), self._gtts.get(tag)
        for found in (intent, event, record and record.intent, gtt and gtt.intent):
            token = getattr(found, "token", None)
            if token is not None:
                return int(token)
        return None

    def _number(self, event: JournalEvent) -> None:
        intent_id = getattr(event, "intent_id", "") or getattr(getattr(event, "intent", None), "intent_id", "")
        found = of_plan(intent_id)
        if found is not None:
            plan, number = found
            self._numbers[plan] = max(number, self._numbers.get(plan, 0))


_BY_A_PERSON: Final = (GttStatus.DELETED.value, GttStatus.CANCELLED.value)
"""How a GTT ends where somebody takes it away; the broker itself ends one otherwise (disabled, expired)."""


def _cancelled(own: list[OrderRecord], gtts: list[GttRecord]) -> int:
    """How many protections, each with all its slices, ended by a cancel that no guard had asked for."""
    orders = [
        record.intent.intent_id
        for record in own
        if record.intent.protective and record.state is OrderState.CANCELLED and _by_others(record)
    ]
    triggers = [
        each.intent.intent_id
        for each in gtts
        if each.state is GttState.CLOSED and not each.deleting and each.text in _BY_A_PERSON
    ]
    return len({of_plan(intent_id) for intent_id in (*orders, *triggers)})


def _by_others(record: OrderRecord) -> bool:
    return not record.cancel_why or record.cancel_why.startswith(BY_HAND)


def _left(record: OrderRecord) -> int:
    return max(worst_quantity(record) - filled(record), 0)


def _part(record: OrderRecord) -> Part:
    acknowledged = record.state is OrderState.ACKNOWLEDGED
    from_gtt = bool(record.parent)
    protective = record.intent.protective or from_gtt
    unknown = is_change_unknown(record)
    return Part(
        tag=record.tag,
        kind=PartKind.STOP if protective else PartKind.LEAVE,
        left=_left(record),
        trigger=record.order.trigger_price,
        rests=acknowledged and not record.seen_status.terminal,
        changing=(record.modifying is not None and not unknown) or bool(record.cancel_why),
        unknown=unknown,
        fired=from_gtt or (protective and record.seen_status in (BrokerStatus.OPEN, BrokerStatus.COMPLETE)),
        changes=record.modifications,
    )


def _gtt_parts(gtts: list[GttRecord]) -> Iterator[Part]:
    for each in gtts:
        if each.state.final:
            continue
        legs = (each.wanted or each.gtt).legs
        long = legs[0].side.sign < 0
        stops = [leg.trigger for leg in legs if (leg.trigger < each.intent.reference_price) is long]
        targets = [leg.trigger for leg in legs if (leg.trigger < each.intent.reference_price) is not long]
        left = max(leg.quantity for leg in (*each.gtt.legs, *legs))
        yield Part(
            tag=each.tag,
            kind=PartKind.GTT,
            left=left,
            trigger=stops[0] if stops else 0,
            target=targets[0] if targets else 0,
            rests=each.state is GttState.PLACED,
            changing=each.wanted is not None or each.deleting,
            changes=left,  # it fires as a whole, so only a change makes it another
        )
