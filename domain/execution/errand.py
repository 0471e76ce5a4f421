"""One decision on its way: what its orders have done and what the market shows, in; the next step, out.

As a guard of managed exits, an errand remembers only what it has asked for and not seen yet. The journal has the rest,
so one that forgets everything asks again under the same ids, and nothing is ordered twice.
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from domain.execution.values import ExecutionRule, Style
from domain.exits.levels import on_tick
from domain.messages.orders import OrderIntent
from domain.values import E4, MINUTE, SECOND, Nanos, OrderKind, Side, Validity

TOUCHED: Final[Nanos] = 3 * SECOND
"""A change or cancel that is not seen is asked for again after this (monotonic)."""
RETRY: Final[Nanos] = 2 * SECOND
"""An exit that was refused is tried again after this (monotonic)."""
_WHOLE: Final = 10_000


class Child(Struct, frozen=True):
    """One order of the errand.

    left      units that it may still fill, 0 when it is over
    rests     the broker has it
    changing  a change or its end is under way
    unknown   what became of a change is not known: it can be taken away, but not changed
    """

    tag: str
    filled: int
    left: int
    price: E4 = 0
    rests: bool = False
    changing: bool = False
    unknown: bool = False


class Facts(Struct, frozen=True, kw_only=True):
    """What is so at one look. now: market time; mono: monotonic.

    bid, ask, last  newest prices; 0: none known
    refused         how many of its orders the broker refused, and why
    unsent          how many were certainly never sent
    number          the highest number among its journaled orders
    open_for        entries may go; None: whoever decides on each order will know
    """

    now: Nanos
    mono: Nanos
    children: tuple[Child, ...] = ()
    bid: E4 = 0
    ask: E4 = 0
    last: E4 = 0
    refused: int = 0
    refusal: str = ""
    unsent: int = 0
    number: int = 0
    open_for: bool | None = None


class Send(Struct, frozen=True):
    """Order so many units."""

    number: int
    units: int
    kind: OrderKind
    price: E4 = 0
    validity: Validity = Validity.DAY


class Reprice(Struct, frozen=True):
    """Give a resting order another price."""

    tag: str
    price: E4


class Withdraw(Struct, frozen=True):
    """Take a resting order away."""

    tag: str
    why: str


class Finish(Struct, frozen=True):
    """It is over: no order of it is open, and none follows."""

    filled: int
    why: str


Step = Send | Reprice | Withdraw | Finish


class Errand:
    """See the module.

    started  market time at which the journal took it
    lot      units that every order must be a multiple of
    """

    def __init__(
        self, intent: OrderIntent, rule: ExecutionRule, started: Nanos, *, tick: E4, lot: int, intent_valid: Nanos
    ) -> None:
        self.intent = intent
        self.ending = ""
        self._rule = rule
        self._started = started
        self._tick = tick
        self._lot = max(lot, 1)
        self._valid = intent_valid
        self._asked: dict[int, tuple[int, Nanos]] = {}
        self._touched: dict[str, Nanos] = {}
        self._priced_at: Nanos = 0
        self._retry_at: Nanos = 0
        self._seen_refused = 0
        self._seen_unsent = 0
        self._finish_at: Nanos = 0

    # -- what it is told -----------------------------------------------------------------------------------------------

    def denied(self, number: int, why: str, mono: Nanos) -> None:
        """We refused one of its orders: an entry ends there, an exit is tried again."""
        if self._asked.pop(number, None) is None:
            return
        if self.intent.reduce_only:
            self._retry_at = mono + RETRY
        else:
            self.ending = self.ending or f"an order was denied: {why}"

    def stop(self, why: str) -> None:
        """Nothing more is to be ordered for it."""
        self.ending = self.ending or why

    # -- what it wants -------------------------------------------------------------------------------------------------

    def look(self, facts: Facts) -> list[Step]:
        """The next steps."""
        self._forget(facts)
        self._refused(facts)
        filled = sum(child.filled for child in facts.children)
        under_way = sum(child.left for child in facts.children) + sum(units for units, _ in self._asked.values())
        if facts.open_for is False and not self.intent.reduce_only:
            self.stop("entries have ended")
        left = self.intent.quantity - filled
        if not self.ending:
            self.ending = self._why_end(facts, left)
        if left <= 0 or self.ending:
            return self._end(facts, filled, under_way)
        if facts.open_for is None and facts.last == 0 and self._rule.style is Style.LIMIT:
            return []  # no price to go by yet
        return self._go_on(facts, left, under_way)

    def _why_end(self, facts: Facts, left: int) -> str:
        """Why an entry's rest is given up now; an exit's never is."""
        if self.intent.reduce_only or left <= 0:
            return ""
        if facts.now >= self._over_at():
            return "its time is over"
        done = facts.number > 0 and not self._asked and all(child.left == 0 for child in facts.children)
        if self._rule.style is Style.MARKET and done:
            return "the market is beyond the bound"
        return ""

    def _over_at(self) -> Nanos:
        match self._rule.style:
            case Style.LIMIT:
                return self._started + int(self._rule.patience_seconds * SECOND)
            case Style.TWAP:
                # One slot more than there are slices: the last one has its time, too.
                return self._started + self._slot() * (self._rule.slices + 1)
            case Style.MARKET:
                return self._started + self._valid

    def _end(self, facts: Facts, filled: int, under_way: int) -> list[Step]:
        why = self.ending or "filled"
        steps: list[Step] = [self._withdraw(child.tag, facts, why) for child in self._idle(facts)]
        if under_way == 0 and facts.mono >= self._finish_at:
            self._finish_at = facts.mono + TOUCHED
            steps.append(Finish(filled, why))
        return steps

    def _go_on(self, facts: Facts, left: int, under_way: int) -> list[Step]:
        if facts.mono < self._retry_at:
            return []
        if self.intent.reduce_only and facts.now >= self._over_at():
            return self._at_the_market(facts, left, under_way)
        match self._rule.style:
            case Style.MARKET:
                return [self._send(facts, left)] if under_way == 0 else []
            case Style.LIMIT:
                return self._chase(facts, left, under_way)
            case Style.TWAP:
                return self._slice(facts, left, under_way)

    def _at_the_market(self, facts: Facts, left: int, under_way: int) -> list[Step]:
        """An exit's time is over: what rests is taken away, and the rest goes."""
        steps: list[Step] = [self._withdraw(child.tag, facts, "its time is over") for child in self._idle(facts)]
        if under_way == 0:
            number = self._next(facts, left)
            steps.append(Send(number, left, OrderKind.MARKET))
        return steps

    def _chase(self, facts: Facts, left: int, under_way: int) -> list[Step]:
        price = self._touch(facts)
        if price <= 0:
            return []
        if under_way == 0:
            self._priced_at = facts.now
            return [Send(self._next(facts, left), left, OrderKind.LIMIT, price)]
        due = facts.now - self._priced_at >= int(self._rule.reprice_seconds * SECOND)
        steps: list[Step] = []
        for child in self._idle(facts) if due else ():
            self._priced_at = facts.now
            if child.price != price and not child.unknown:
                self._touched[child.tag] = facts.mono + TOUCHED
                steps.append(Reprice(child.tag, price))
        return steps

    def _slice(self, facts: Facts, left: int, under_way: int) -> list[Step]:
        slots = min((facts.now - self._started) // max(self._slot(), 1) + 1, self._rule.slices)
        total = self.intent.quantity
        due = total if slots == self._rule.slices else total * slots // self._rule.slices // self._lot * self._lot
        missing = due - (total - left)
        if under_way or missing <= 0:
            return []  # one at a time: a slice that was missed follows the one before it, not with it
        most = max(-(-total // self._rule.slices) // self._lot * self._lot, self._lot)
        return [self._send(facts, min(missing, most, left))]

    def _send(self, facts: Facts, units: int) -> Send:
        """At the market, or where there is a bound as far as that, at once or not at all."""
        number = self._next(facts, units)
        bound = self._bound()
        if not bound:
            return Send(number, units, OrderKind.MARKET)
        return Send(number, units, OrderKind.LIMIT, bound, Validity.IOC)

    def _touch(self, facts: Facts) -> E4:
        """The own side's best price, and no further than the bound."""
        buys, bound = self.intent.side is Side.BUY, self._bound()
        touch = on_tick((facts.bid if buys else facts.ask) or facts.last, self._tick, up=not buys)
        if not bound or not touch:
            return touch
        return min(touch, bound) if buys else max(touch, bound)

    def _bound(self) -> E4:
        """The worst price that an entry's order may name; 0: there is none."""
        bps = self._rule.slippage_bps
        if not bps or self.intent.reduce_only:
            return 0
        buys = self.intent.side is Side.BUY
        price = self.intent.reference_price * (_WHOLE + (bps if buys else -bps)) // _WHOLE
        return on_tick(price, self._tick, up=not buys)

    def _slot(self) -> Nanos:
        return int(self._rule.minutes * MINUTE) // self._rule.slices

    # -- small things --------------------------------------------------------------------------------------------------

    def _refused(self, facts: Facts) -> None:
        if facts.unsent > self._seen_unsent:
            # A restart, or a queue that was too long: nothing is proved against it, so it is tried again.
            self._seen_unsent, self._retry_at = facts.unsent, facts.mono + RETRY
        if facts.refused > self._seen_refused:
            self._seen_refused, self._retry_at = facts.refused, facts.mono + RETRY
            if not self.intent.reduce_only:
                self.ending = self.ending or f"an order was refused: {facts.refusal}"

    def _forget(self, facts: Facts) -> None:
        self._asked = {
            number: (units, until)
            for number, (units, until) in self._asked.items()
            if number > facts.number and until > facts.now
        }
        tags = {child.tag for child in facts.children}
        self._touched = {tag: until for tag, until in self._touched.items() if tag in tags}

    def _next(self, facts: Facts, units: int) -> int:
        number = max([facts.number, *self._asked]) + 1
        self._asked[number] = units, facts.now + self._valid
        return number

    def _withdraw(self, tag: str, facts: Facts, why: str) -> Withdraw:
        self._touched[tag] = facts.mono + TOUCHED
        return Withdraw(tag, why)

    def _idle(self, facts: Facts) -> list[Child]:
        return [
            child
            for child in facts.children
            if child.left and child.rests and not child.changing and self._touched.get(child.tag, 0) <= facts.mono
        ]
