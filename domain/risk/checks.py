"""One small function per way to be denied. Each gives the figures of a refusal as text, or None.

CHECKS lists them in the order in which they are asked, which is the order of DenyReason: first whether anything may
trade, then whether the intent makes sense, then whether its price does, then how much, and margin last. Exits
(reduce-only) pass every check that exists to keep positions small: leaving must stay possible.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from msgspec import Struct

from domain.messages.control import TradingState
from domain.messages.orders import DenyReason, OrderIntent
from domain.risk.book import RiskBook
from domain.risk.exposure import LineKey
from domain.risk.facts import MarketFacts
from domain.risk.limits import RiskLimits, exactly
from domain.values import E4, MINUTE, SECOND, Instrument, InstrumentKind, Nanos, OrderKind, Product, Side, ist, rupees

CASH_FREEZE_QUANTITY: Final = 100_000
"""Largest order in shares that the broker takes, where the instrument states none (kite-facts 3.4)."""


class Question(Struct, frozen=True):
    """One intent, and all that is known for deciding on it."""

    intent: OrderIntent
    book: RiskBook
    limits: RiskLimits
    facts: MarketFacts

    @property
    def instrument(self) -> Instrument | None:
        """The intent's instrument, where the list's entry is the one that the intent means."""
        listed = self.facts.instrument
        if listed is None or listed.token != self.intent.token or listed.key != self.intent.instrument:
            return None
        return listed

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
    def worst_units(self) -> int:
        """The largest position that the instrument could reach with it."""
        return self.book.worst_case(self.intent.token, (self.key, self.intent.side.sign * self.intent.quantity))

    @property
    def worst_value(self) -> E4:
        """The value of that position."""
        return self.worst_units * self.worst_price * self.multiplier

    @property
    def margin(self) -> E4:
        """Margin to hold for it: none for an exit."""
        return 0 if self.intent.reduce_only else self.limits.margin(self.value, self.intent.product)


Check = Callable[[Question], str | None]


def _entries_only(check: Check) -> Check:
    """The check, passed by exits."""

    def checked(question: Question) -> str | None:
        return None if question.intent.reduce_only else check(question)

    return checked


# Whether anything may trade


def _in_state(state: TradingState) -> Check:
    def checked(question: Question) -> str | None:
        return f"the state is {state.value}, an entry needs ACTIVE" if question.facts.state is state else None

    return _entries_only(checked)


@_entries_only
def _strategy_frozen(question: Question) -> str | None:
    why = question.book.frozen(question.intent.strategy)
    return None if why is None else f"{question.intent.strategy} is frozen: {why}"


def _unknown_instrument(question: Question) -> str | None:
    if question.instrument is not None:
        return None
    listed = question.facts.instrument
    found = "nothing" if listed is None else f"{listed.key} (token {listed.token})"
    return f"{question.intent.instrument} (token {question.intent.token}): today's list has {found}"


def _not_tradable(question: Question) -> str | None:
    listed = question.facts.instrument
    if listed is None or listed.kind is InstrumentKind.INDEX:
        return f"{question.intent.instrument} is an index"
    if listed.tick_size <= 0 or listed.lot_size <= 0:
        return f"{listed.key} has tick {listed.tick_size} and lot {listed.lot_size} in today's list"
    today = ist(question.facts.now).date()
    if listed.expiry is not None and listed.expiry < today:
        return f"{listed.key} expired on {listed.expiry}"
    return None


def _product_not_allowed(question: Question) -> str | None:
    intent, listed = question.intent, question.facts.instrument
    share = listed is not None and listed.kind is InstrumentKind.EQUITY
    fits = intent.product in ((Product.MIS, Product.CNC, Product.MTF) if share else (Product.MIS, Product.NRML))
    if not fits:
        return f"{intent.product.value} does not exist for {intent.instrument}"
    if intent.reduce_only:
        return None
    if intent.product not in question.limits.allowed_products:
        allowed = ", ".join(product.value for product in question.limits.allowed_products) or "none"
        return f"{intent.product.value} is not among the allowed products ({allowed})"
    if intent.side is Side.SELL and intent.product in (Product.CNC, Product.MTF):
        return f"{intent.product.value} cannot be sold short: a sale must be reduce-only"
    return None


def _session_closed(question: Question) -> str | None:
    hours, now = question.facts.hours, question.facts.now
    if hours is None:
        return f"{question.intent.instrument} does not trade on {ist(now).date()}"
    if not hours[0] <= now < hours[1]:
        return f"it is {_time(now)}, {question.intent.instrument} trades from {_time(hours[0])} to {_time(hours[1])}"
    return None


@_entries_only
def _mis_cutoff(question: Question) -> str | None:
    cutoff, now = question.facts.mis_cutoff, question.facts.now
    if question.intent.product is not Product.MIS:
        return None
    if cutoff is None:
        return f"no MIS cut-off is known for {question.intent.instrument} today"
    return f"it is {_time(now)}, MIS entries end at {_time(cutoff)}" if now >= cutoff else None


# Whether the intent makes sense


def _intent_expired(question: Question) -> str | None:
    if question.intent.valid_until > question.facts.now:
        return None
    return f"it was valid until {_time(question.intent.valid_until)}, it is {_time(question.facts.now)}"


def _duplicate_intent(question: Question) -> str | None:
    known = question.book.is_known(question.intent.intent_id)
    return f"intent {question.intent.intent_id} was approved before" if known else None


def _bad_quantity(question: Question) -> str | None:
    return None if question.intent.quantity > 0 else f"the quantity is {question.intent.quantity}"


def _lot_size(question: Question) -> str | None:
    lot = 1 if question.instrument is None else question.instrument.lot_size
    return f"{question.intent.quantity} is not a multiple of the lot {lot}" if question.intent.quantity % lot else None


def _freeze_quantity(question: Question) -> str | None:
    listed = question.instrument
    if listed is None:
        return None
    freeze = listed.freeze_quantity
    if not freeze and listed.kind is InstrumentKind.EQUITY:
        freeze = CASH_FREEZE_QUANTITY
    too_many = freeze and question.intent.quantity > freeze
    return f"{question.intent.quantity} in one order, the freeze quantity is {freeze}" if too_many else None


def _tick_size(question: Question) -> str | None:
    tick = 1 if question.instrument is None else question.instrument.tick_size
    for name, price in _own_prices(question.intent):
        if price <= 0 or price % tick:
            return f"{name} {rupees(price)} is not a positive multiple of the tick {rupees(tick)}"
    return None


# Whether its price does


@_entries_only
def _stale_price(question: Question) -> str | None:
    age = question.facts.now - question.facts.price_received
    if question.facts.price <= 0 or not _is_stale(question):
        return None
    return f"the last price is {age / SECOND:.1f} s old, {question.limits.stale_price_seconds:g} s are allowed"


@_entries_only
def _no_price(question: Question) -> str | None:
    return f"{question.intent.instrument} has no price yet" if question.facts.price <= 0 else None


def _price_band(question: Question) -> str | None:
    intent, last = question.intent, question.facts.price
    prices = _own_prices(intent)
    if intent.reduce_only:
        # An exit is judged where that can be done; without a good price it must still get out.
        if last <= 0 or _is_stale(question):
            return None
    elif not prices and intent.reference_price:
        prices = (("the decision's price", intent.reference_price),)
    band = exactly(question.limits.price_band_percent)
    for name, price in prices:
        if abs(price - last) * 100 > band * last:
            away = Fraction(abs(price - last) * 100, last)
            return (
                f"{name} {rupees(price)} is {float(away):.2f} % from the last price {rupees(last)}, {band} % is allowed"
            )
    return None


# How much


@_entries_only
def _quantity_per_order(question: Question) -> str | None:
    return _above("quantity", question.intent.quantity, question.limits.max_quantity_per_order)


@_entries_only
def _value_per_order(question: Question) -> str | None:
    return _above_rupees("value", question.value, question.limits.max_value_per_order)


def _count(window: Nanos, per: str, limit: Callable[[RiskLimits], float]) -> Check:
    def checked(question: Question) -> str | None:
        count = question.book.orders_since(question.facts.now - window) + 1
        allowed = question.limits.entries_allowed(limit(question.limits))
        return f"it would be order {count} of this {per}, entries may make {allowed}" if count > allowed else None

    return _entries_only(checked)


@_entries_only
def _orders_per_day(question: Question) -> str | None:
    count = question.book.orders_today() + 1
    allowed = question.limits.entries_allowed(question.limits.orders_per_day)
    return f"it would be order {count} of this day, entries may make {allowed}" if count > allowed else None


def _not_reducing(question: Question) -> str | None:
    intent = question.intent
    if not intent.reduce_only:
        return None
    line = question.book.exposure(*question.key)
    closing = line.position * intent.side.sign < 0
    free = line.exits() if closing else 0
    if intent.quantity <= free:
        return None
    return (
        f"{intent.side.value} {intent.quantity} of a position of {line.position}: "
        f"{free} may still be closed, net of exits under way"
    )


@_entries_only
def _opposing_strategy(question: Question) -> str | None:
    intent = question.intent
    for (strategy, token, product), line in question.book.exposures().items():
        if token != intent.token or product is not intent.product or strategy == intent.strategy:
            continue
        pending = line.opening_sells if intent.side is Side.BUY else line.opening_buys
        opposite = max(-line.position * intent.side.sign, 0)
        if pending or opposite:
            whose = strategy or "a trade made outside"
            return f"{whose} holds {line.position} with {pending} more on the other side under way"
    return None


@_entries_only
def _unresolved_order(question: Question) -> str | None:
    tags = [order.tag for order in question.book.unresolved(question.intent.strategy, question.intent.token)]
    return f"unresolved: {', '.join(tags)}" if tags else None


@_entries_only
def _position_quantity(question: Question) -> str | None:
    return _above("worst-case position", question.worst_units, question.limits.max_position_quantity)


@_entries_only
def _position_value(question: Question) -> str | None:
    limit = question.limits.max_position_value_per_instrument
    return _above_rupees("worst-case position", question.worst_value, limit)


@_entries_only
def _gross_exposure(question: Question) -> str | None:
    gross = question.book.gross_exposure(leave_out=question.intent.token) + question.worst_value
    return _above_rupees("worst-case gross exposure", gross, question.limits.gross_exposure_max)


@_entries_only
def _insufficient_margin(question: Question) -> str | None:
    usable = int(question.facts.available_cash * (100 - exactly(question.limits.margin_buffer_percent)) / 100)
    used = question.book.margin_used(question.limits)
    if used + question.margin <= usable:
        return None
    return f"{rupees(question.margin)} needed, {rupees(usable - used)} of {rupees(usable)} free"


@_entries_only
def _daily_loss(question: Question) -> str | None:
    loss = -question.facts.day_pnl
    if loss < question.limits.daily_loss_max:
        return None
    return f"lost {rupees(loss)} today, the limit is {rupees(question.limits.daily_loss_max)}"


CHECKS: Final[tuple[tuple[DenyReason, Check], ...]] = (
    (DenyReason.STARTING, _in_state(TradingState.STARTING)),
    (DenyReason.HALTED, _in_state(TradingState.HALTED)),
    (DenyReason.REDUCING, _in_state(TradingState.REDUCING)),
    (DenyReason.STRATEGY_FROZEN, _strategy_frozen),
    (DenyReason.UNKNOWN_INSTRUMENT, _unknown_instrument),
    (DenyReason.NOT_TRADABLE, _not_tradable),
    (DenyReason.PRODUCT_NOT_ALLOWED, _product_not_allowed),
    (DenyReason.SESSION_CLOSED, _session_closed),
    (DenyReason.MIS_CUTOFF, _mis_cutoff),
    (DenyReason.INTENT_EXPIRED, _intent_expired),
    (DenyReason.DUPLICATE_INTENT, _duplicate_intent),
    (DenyReason.BAD_QUANTITY, _bad_quantity),
    (DenyReason.LOT_SIZE, _lot_size),
    (DenyReason.FREEZE_QUANTITY, _freeze_quantity),
    (DenyReason.TICK_SIZE, _tick_size),
    (DenyReason.STALE_PRICE, _stale_price),
    (DenyReason.NO_PRICE, _no_price),
    (DenyReason.PRICE_BAND, _price_band),
    (DenyReason.QUANTITY_PER_ORDER, _quantity_per_order),
    (DenyReason.VALUE_PER_ORDER, _value_per_order),
    (DenyReason.ORDERS_PER_SECOND, _count(SECOND, "second", lambda limits: limits.orders_per_second)),
    (DenyReason.ORDERS_PER_MINUTE, _count(MINUTE, "minute", lambda limits: limits.orders_per_minute)),
    (DenyReason.ORDERS_PER_DAY, _orders_per_day),
    (DenyReason.NOT_REDUCING, _not_reducing),
    (DenyReason.OPPOSING_STRATEGY, _opposing_strategy),
    (DenyReason.UNRESOLVED_ORDER, _unresolved_order),
    (DenyReason.POSITION_QUANTITY, _position_quantity),
    (DenyReason.POSITION_VALUE, _position_value),
    (DenyReason.GROSS_EXPOSURE, _gross_exposure),
    (DenyReason.INSUFFICIENT_MARGIN, _insufficient_margin),
    (DenyReason.DAILY_LOSS, _daily_loss),
)


def _own_prices(intent: OrderIntent) -> tuple[tuple[str, E4], ...]:
    """The prices that the order itself carries, by name."""
    match intent.kind:
        case OrderKind.MARKET:
            return ()
        case OrderKind.LIMIT:
            return (("the price", intent.price),)
        case OrderKind.STOP_MARKET:
            return (("the trigger", intent.trigger_price),)
        case OrderKind.STOP_LIMIT:
            return (("the price", intent.price), ("the trigger", intent.trigger_price))


def _is_stale(question: Question) -> bool:
    age = question.facts.now - question.facts.price_received
    return age > exactly(question.limits.stale_price_seconds) * SECOND


def _above(what: str, found: int, limit: int) -> str | None:
    return f"{what} {found}, the limit is {limit}" if found > limit else None


def _above_rupees(what: str, found: E4, limit: E4) -> str | None:
    return f"{what} {rupees(found)}, the limit is {rupees(limit)}" if found > limit else None


def _time(instant: Nanos) -> str:
    return ist(instant).strftime("%H:%M:%S")
