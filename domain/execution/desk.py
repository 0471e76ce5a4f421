"""All decisions that are carried out in parts: events in, messages out. What the actor of execution thinks with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from msgspec.structs import replace

from domain.execution.errand import Child, Errand, Facts, Finish, Reprice, Send, Step, Withdraw
from domain.execution.values import ExecutionRule
from domain.messages.broker import Change
from domain.messages.control import TradingState
from domain.messages.journal import JournalRecord, OrderRecord, OrderState
from domain.messages.market import PriceChanged
from domain.messages.orders import CancelIntent, DenyReason, ModifyIntent, OrderIntent
from domain.messages.plans import ExecutionEnded, ExecutionStarted, KeepPlan
from domain.orders.transitions import filled, fold, is_change_unknown, tag_of, worst_quantity
from domain.values import SECOND, Instrument, Nanos, OrderKind

Message = OrderIntent | ModifyIntent | CancelIntent | KeepPlan

KEEP_AGAIN: Nanos = 2 * SECOND
"""A decision that the journal has not taken is asked for again after this (monotonic)."""


def child_id(parent: str, number: int) -> str:
    """The intent id of a decision's order of that number: the same in every life of the process."""
    return f"{parent}#{number}"


def number_of(intent_id: str) -> int:
    """The number in a child's intent id, whatever slice of it this is; 0: it is none."""
    digits = intent_id.rpartition("#")[2].partition("/")[0]
    return int(digits) if digits.isdigit() else 0


class ExecutionDesk:
    """See the module. Times come in with every call.

    rules  by strategy, as of the version of the configuration that a decision was made under
    state  the trading state as far as it is known: before trading has started entries wait, after it they end
    """

    def __init__(
        self,
        rules: Callable[[int], Mapping[str, ExecutionRule]],
        instruments: Mapping[int, Instrument],
        intent_valid: Nanos,
    ) -> None:
        self.state: TradingState | None = None
        self._rules = rules
        self._instruments = instruments
        self._valid = intent_valid
        self._errands: dict[str, Errand] = {}
        self._waiting: dict[str, tuple[OrderIntent, Nanos]] = {}
        self._known: set[str] = set()
        self._orders: dict[str, OrderRecord] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._prices: dict[int, PriceChanged] = {}
        self._numbers: dict[str, int] = {}

    # -- what it is told -----------------------------------------------------------------------------------------------

    def apply(self, record: JournalRecord) -> list[str]:
        """Fold one record, each once and in order: the decisions that it concerns."""
        event = record.event
        match event:
            case ExecutionStarted(intent=intent, rule=rule, time=time):
                self._waiting.pop(intent.intent_id, None)
                if intent.intent_id in self._known:
                    return []  # journaled twice: what was asked for since is not forgotten
                self._known.add(intent.intent_id)
                self._begin(intent, rule, time)
                return [intent.intent_id]
            case ExecutionEnded(intent_id=intent_id):
                self._errands.pop(intent_id, None)
                for tag in self._children.pop(intent_id, {}):
                    self._orders.pop(tag, None)
                return []
        intent_id = getattr(event, "intent_id", "")
        parent = intent_id.rpartition("#")[0] if intent_id else ""
        if parent in self._errands:
            # It was refused before it had a tag: its number is used all the same.
            self._numbers[parent] = max(number_of(intent_id), self._numbers.get(parent, 0))
        tag = tag_of(event)
        of = getattr(getattr(event, "intent", None), "parent", "") or self._parent_of(tag)
        if of not in self._errands or not tag:
            return [parent] if parent in self._errands else []
        after = fold(self._orders.get(tag), event)
        if after is not None:
            self._orders[tag] = after
            self._children.setdefault(of, {})[tag] = None
            self._numbers[of] = max(number_of(after.intent.intent_id), self._numbers.get(of, 0))
        return [of]

    def prices(self, prices: Mapping[int, PriceChanged]) -> list[str]:
        """The newest prices: the decisions in these instruments."""
        self._prices.update(prices)
        return [name for name, errand in self._errands.items() if errand.intent.token in prices]

    def decided(self, intent: OrderIntent, now: Nanos, mono: Nanos) -> list[Message]:
        """A strategy has decided: the journal is asked to take it. A repetition is one decision."""
        if intent.intent_id in self._known or intent.intent_id in self._waiting:
            return []
        rule = self._rules(intent.config_version).get(intent.strategy)
        if rule is None or intent.kind is not OrderKind.MARKET:
            return [intent]  # who names a price of his own has it
        self._waiting[intent.intent_id] = intent, mono + KEEP_AGAIN
        return [KeepPlan(ExecutionStarted(intent, rule, now))]

    def denied(self, intent_id: str, reason: DenyReason | None, text: str, mono: Nanos) -> list[str]:
        """One of their orders was refused before the journal saw it."""
        parent = intent_id.rpartition("#")[0]
        errand = self._errands.get(parent)
        if errand is None or reason is DenyReason.DUPLICATE_INTENT:
            return []
        errand.denied(number_of(intent_id), text, mono)
        if reason is DenyReason.NOT_REDUCING:
            errand.stop("there is nothing left to close")
        return [parent]

    # -- what it wants -------------------------------------------------------------------------------------------------

    def names(self) -> list[str]:
        """Every decision under way."""
        return list(self._errands)

    def look(self, names: Iterable[str], now: Nanos, mono: Nanos) -> list[Message]:
        """The next steps of these decisions."""
        out: list[Message] = []
        for name in names:
            errand = self._errands.get(name)
            if errand is None or self.state is TradingState.STARTING:
                continue
            for step in errand.look(self._facts(name, errand, now, mono)):
                message = self._message(errand, step, now)
                if message is not None:
                    out.append(message)
        return out

    def again(self, now: Nanos, mono: Nanos) -> list[Message]:
        """What the journal has not taken is asked for again, as long as it is worth it."""
        out: list[Message] = []
        for name, (intent, due) in tuple(self._waiting.items()):
            if intent.valid_until <= now:
                del self._waiting[name]  # the strategy sees it lapse
            elif due <= mono:
                self._waiting[name] = intent, mono + KEEP_AGAIN
                out.append(KeepPlan(ExecutionStarted(intent, self._rules(intent.config_version)[intent.strategy], now)))
        return out

    # -- inside --------------------------------------------------------------------------------------------------------

    def _begin(self, intent: OrderIntent, rule: ExecutionRule, time: Nanos) -> None:
        instrument = self._instruments.get(intent.token)
        tick, lot = (1, 1) if instrument is None else (instrument.tick_size, instrument.lot_size)
        self._errands[intent.intent_id] = Errand(intent, rule, time, tick=tick, lot=lot, intent_valid=self._valid)

    def _parent_of(self, tag: str) -> str:
        record = self._orders.get(tag)
        return "" if record is None else record.intent.parent

    def _facts(self, name: str, errand: Errand, now: Nanos, mono: Nanos) -> Facts:
        records = [self._orders[tag] for tag in self._children.get(name, ())]
        refused = [record.text for record in records if record.state is OrderState.REJECTED]
        price = self._prices.get(errand.intent.token)
        return Facts(
            now=now,
            mono=mono,
            children=tuple(map(_child, records)),
            bid=0 if price is None else price.bid,
            ask=0 if price is None else price.ask,
            last=0 if price is None else price.last_price,
            refused=len(refused),
            refusal=refused[-1] if refused else "",
            unsent=sum(record.state is OrderState.EXPIRED for record in records),
            number=self._numbers.get(name, 0),
            open_for=None if self.state is None else self.state is TradingState.ACTIVE,
        )

    def _message(self, errand: Errand, step: Step, now: Nanos) -> Message | None:
        intent = errand.intent
        match step:
            case Send(number=number, units=units, kind=kind, price=price, validity=validity):
                return replace(
                    intent,
                    intent_id=child_id(intent.intent_id, number),
                    parent=intent.intent_id,
                    quantity=units,
                    kind=kind,
                    price=price,
                    trigger_price=0,
                    validity=validity,
                    valid_until=now + self._valid,
                )
            case Reprice(tag=tag, price=price):
                record = self._orders[tag]
                return ModifyIntent(
                    modify_id=f"{record.intent.intent_id}~{now}",
                    strategy=intent.strategy,
                    tag=tag,
                    change=Change(price=price),
                    reference_price=intent.reference_price,
                    valid_until=now + self._valid,
                    event_time=now,
                    decided_time=now,
                    why="the touch has moved",
                )
            case Withdraw(tag=tag, why=why):
                return CancelIntent(intent.strategy, tag, why)
            case Finish(filled=filled, why=why):
                return KeepPlan(ExecutionEnded(intent.intent_id, intent.strategy, intent.token, filled, why, now))


def _child(record: OrderRecord) -> Child:
    done, unknown = filled(record), is_change_unknown(record)
    return Child(
        tag=record.tag,
        filled=done,
        left=0 if record.state.final else max(worst_quantity(record) - done, 0),
        price=record.order.price,
        rests=record.state is OrderState.ACKNOWLEDGED and not record.seen_status.terminal,
        changing=(record.modifying is not None and not unknown) or bool(record.cancel_why),
        unknown=unknown,
    )


def have_ended(records: Iterable[OrderRecord], units: int) -> bool:
    """Whether a decision's orders are over and have filled so many units: then its end is true.

    A former life may have asked for one that arrives when the next has found nothing to wait for.
    """
    found = tuple(records)
    return all(record.state.final for record in found) and units == sum(map(filled, found))
