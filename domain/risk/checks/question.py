"""One intent (or one modification, as the intent that it would be), and all that is known for deciding on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from msgspec import Struct

from domain.messages.orders import OrderIntent
from domain.risk.book import RiskBook
from domain.risk.exposure import LineKey, OpenOrder
from domain.risk.facts import MarketFacts
from domain.risk.limits import OPTIONS, RiskLimits, exactly, strikes, whole_nanos
from domain.risk.sums import Sums, add_up
from domain.values import E4, Instrument, Nanos, OrderKind, ist, rupees


class Question(Struct):
    """See the module.

    replaces  the open order whose terms it would change; None for a new order
    """

    intent: OrderIntent
    book: RiskBook
    limits: RiskLimits
    facts: MarketFacts
    replaces: OpenOrder | None = None
    _sums: Sums | None = None
    _meant: bool | None = None

    @property
    def instrument(self) -> Instrument | None:
        """The intent's instrument, where the list's entry is the one that the intent means."""
        listed = self.facts.instrument
        if self._meant is None:
            self._meant = (
                listed is not None and listed.token == self.intent.token and listed.key == self.intent.instrument
            )
        return listed if self._meant else None

    @property
    def multiplier(self) -> int:
        """Rupees of value per unit and rupee of price."""
        return 1 if self.instrument is None else self.instrument.multiplier

    @property
    def worst_price(self) -> E4:
        """The highest price it could mean: the last price, or its own where that is higher."""
        return max(self.facts.price, self.intent.price, self.intent.trigger_price)

    @property
    def value(self) -> E4:
        """Value at the worst price."""
        return self.intent.quantity * self.worst_price * self.multiplier

    @property
    def key(self) -> LineKey:
        """The line that it would move."""
        return self.intent.strategy, self.intent.token, self.intent.product

    @property
    def more(self) -> int:
        """Signed units that it adds to what is open: all of a new order, a modification's increase."""
        before = 0 if self.replaces is None else self.replaces.quantity
        return self.intent.side.sign * max(self.intent.quantity - before, 0)

    @property
    def worst_units(self) -> int:
        """The largest position that the instrument could reach with it."""
        return self.book.worst_case(self.intent.token, (self.key, self.more))

    @property
    def worst_value(self) -> E4:
        """The value of that position."""
        return self.worst_units * self.worst_price * self.multiplier

    @property
    def sums(self) -> Sums:
        """Worst-case exposures by strategy, product, segment and underlying, with it."""
        if self._sums is None:
            self._sums = add_up(self.book, self.key, self.more, self.worst_price, self.instrument)
        return self._sums

    @property
    def own_margin(self) -> E4:
        """Margin that it takes by our own rates: none for an exit."""
        if self.intent.reduce_only:
            return 0
        signed = self.intent.side.sign * self.intent.quantity
        return self.limits.margin(self.value, self.intent.product, strikes(self.instrument, signed))

    @property
    def margin(self) -> E4:
        """Margin to hold for it: none for an exit; the broker's figure where that is known and higher."""
        return 0 if self.intent.reduce_only else max(self.own_margin, self.facts.broker_margin or 0)

    def beyond_held(self, margin: E4) -> E4:
        """How much of a margin is not held yet: all of a new order's."""
        return max(margin - (0 if self.replaces is None else self.replaces.margin), 0)

    @property
    def margin_room(self) -> E4:
        """Funds less the buffer, less margin in use: negative where too much is used already."""
        free = 100 - exactly(self.limits.margin_buffer_percent)
        top, bottom = self.facts.available_cash * free.numerator, 100 * free.denominator
        usable = top // bottom if top >= 0 else -(-top // bottom)
        return usable - self.book.margin_used(self.limits, self.facts.stated)

    @property
    def own_prices(self) -> tuple[tuple[str, E4], ...]:
        """The prices that the order itself carries, by name."""
        intent = self.intent
        match intent.kind:
            case OrderKind.MARKET:
                return ()
            case OrderKind.LIMIT:
                return (("the price", intent.price),)
            case OrderKind.STOP_MARKET:
                return (("the trigger", intent.trigger_price),)
            case OrderKind.STOP_LIMIT:
                return (("the price", intent.price), ("the trigger", intent.trigger_price))

    @property
    def is_stale(self) -> bool:
        """Whether the last price is too old."""
        age = self.facts.now - self.facts.price_received
        return age > whole_nanos(self.limits.stale_price_seconds)

    @property
    def is_option(self) -> bool:
        """Whether it is about an option."""
        return self.instrument is not None and self.instrument.kind in OPTIONS


Check = Callable[[Question], str | None]
"""The figures of a refusal as text, or None."""


def entries_only(check: Check) -> Check:
    """The check, passed by exits."""

    def checked(question: Question) -> str | None:
        return None if question.intent.reduce_only else check(question)

    OF_ENTRIES[checked] = check
    return checked


OF_ENTRIES: Final[dict[Check, Check]] = {}
"""Checks that exits pass, each with what it asks of an entry."""


def above(what: str, found: int, limit: int) -> str | None:
    """A refusal where a count is above its limit."""
    return f"{what} {found}, the limit is {limit}" if found > limit else None


def above_rupees(what: str, found: E4, limit: E4) -> str | None:
    """A refusal where an amount is above its limit."""
    return f"{what} {rupees(found)}, the limit is {rupees(limit)}" if found > limit else None


def clock(instant: Nanos) -> str:
    """The time of day, India's."""
    return ist(instant).strftime("%H:%M:%S")
