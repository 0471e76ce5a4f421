"""One intent (or one modification, as the intent that it would be), and all that is known for deciding on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from domain.messages.orders import OrderIntent
from domain.risk.book import RiskBook
from domain.risk.exposure import LineKey, OpenOrder
from domain.risk.facts import MarketFacts
from domain.risk.limits import OPTIONS, RiskLimits, ratio, strikes, whole_nanos
from domain.risk.sums import Sums, add_up, underlying_of
from domain.values import E4, Nanos, OrderKind, ist, rupees

_MARKET: Final = OrderKind.MARKET


class Question:
    """See the module.

    replaces     the open order whose terms it would change; None for a new order
    instrument   the intent's instrument, where the list's entry is the one that the intent means
    multiplier   rupees of value per unit and rupee of price
    worst_price  the highest price it could mean: the last price, or its own where that is higher
    value        at the worst price
    key          the line that it would move
    underlying   what a position in it is a position in
    """

    __slots__ = (
        "_own_margin", "_sums", "_worst_units", "book", "facts", "instrument", "intent", "key", "limits",
        "multiplier", "replaces", "underlying", "value", "worst_price",
    )  # fmt: skip

    def __init__(
        self,
        intent: OrderIntent,
        book: RiskBook,
        limits: RiskLimits,
        facts: MarketFacts,
        replaces: OpenOrder | None = None,
    ) -> None:
        self.intent = intent
        self.book = book
        self.limits = limits
        self.facts = facts
        self.replaces = replaces
        listed = facts.instrument
        if listed is not None and (listed.token != intent.token or listed.key != intent.instrument):
            listed = None
        self.instrument = listed
        self.multiplier = 1 if listed is None else listed.multiplier
        self.worst_price = price = max(facts.price, intent.price, intent.trigger_price)
        self.value = intent.quantity * price * self.multiplier
        self.key: LineKey = (intent.strategy, intent.token, intent.product)
        self.underlying = underlying_of(listed, intent.instrument)
        self._sums: Sums | None = None
        self._worst_units: int | None = None
        self._own_margin: E4 | None = None

    @property
    def more(self) -> int:
        """Signed units that it adds to what is open: all of a new order, a modification's increase."""
        before = 0 if self.replaces is None else self.replaces.quantity
        return self.intent.side.sign * max(self.intent.quantity - before, 0)

    @property
    def worst_units(self) -> int:
        """The largest position that the instrument could reach with it."""
        if self._worst_units is None:
            self._worst_units = self.book.worst_case(self.intent.token, (self.key, self.more))
        return self._worst_units

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
        if self._own_margin is None:
            signed = self.intent.side.sign * self.intent.quantity
            strike = strikes(self.instrument, signed)
            self._own_margin = self.limits.margin(self.value, self.intent.product, strike)
        return self._own_margin

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
        numerator, denominator = ratio(self.limits.margin_buffer_percent)
        bottom = 100 * denominator
        top = self.facts.available_cash * (bottom - numerator)
        usable = top // bottom if top >= 0 else -(-top // bottom)
        return usable - self.book.margin_used(self.limits, self.facts.stated)

    @property
    def own_prices(self) -> tuple[tuple[str, E4], ...]:
        """The prices that the order itself carries, by name."""
        intent = self.intent
        if intent.kind is _MARKET:
            return ()
        match intent.kind:
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
