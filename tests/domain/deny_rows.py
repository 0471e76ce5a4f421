"""Rows of the deny table: the reason, a situation just beyond its limit, and one just within. More in deny_rows_*."""

import datetime as dt
from collections.abc import Callable
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from domain.messages.control import TradingState
from domain.messages.journal import JournalEvent, OrderQuarantined
from domain.messages.orders import Denied, DenyReason, OrderIntent
from domain.risk import Approval, MarketFacts, RiskBook, RiskLimits, check
from domain.values import RUPEE, SECOND, Instrument, InstrumentKind, OrderKind, Product, Side
from tests.domain.builders import (
    DAY,
    INFY,
    NIFTY_FUTURE,
    NOW,
    SBIN,
    a_risk_book,
    a_trade,
    accepted,
    an_intent,
    at,
    some_facts,
    some_limits,
)

R = DenyReason


class Case(Struct, frozen=True):
    """One situation."""

    intent: OrderIntent = an_intent()
    facts: MarketFacts = some_facts()
    limits: RiskLimits = some_limits()
    events: tuple[JournalEvent, ...] = ()
    prepare: Callable[[RiskBook], None] = lambda book: None

    def verdict(self) -> Denied | Approval:
        book = a_risk_book(*self.events)
        self.prepare(book)
        return check(self.intent, book, self.limits, self.facts)


def intent(**changes: Any) -> Case:
    return Case(intent=an_intent(**changes))


def facts(**changes: Any) -> Case:
    return Case(facts=some_facts(**changes))


def limits(**changes: Any) -> Case:
    return Case(limits=some_limits(**changes))


def state(name: TradingState) -> Case:
    return facts(state=name)


def in_instrument(instrument: Instrument, **changes: Any) -> Case:
    """The plain intent, in another instrument."""
    changed = an_intent(token=instrument.token, instrument=instrument.key, **changes)
    return Case(intent=changed, facts=some_facts(instrument=instrument))


def other(n: int, **changes: Any) -> OrderIntent:
    return an_intent(f"other:{n}", **changes)


def orders(count: int, clock: str) -> tuple[JournalEvent, ...]:
    """So many orders of another strategy in another instrument, journaled at that time."""
    sbin: dict[str, Any] = {"token": SBIN.token, "instrument": SBIN.key, "strategy": "s2"}
    return tuple(accepted(other(n, **sbin), f"tag{n}", time=at(clock)) for n in range(count))


LONG_10 = a_trade(quantity=10)
EXIT: dict[str, Any] = {"side": Side.SELL, "reduce_only": True}
LIMIT: dict[str, Any] = {"kind": OrderKind.LIMIT}
PENDING_10 = accepted(other(1), "tag1")
UNRESOLVED = OrderQuarantined(tag="tag1", strategy="s1", text="timeout", time=NOW)
INDEX = replace(INFY, kind=InstrumentKind.INDEX)
FUTURE: dict[str, Any] = {"product": Product.NRML, "quantity": 65}
NRML = some_limits(allowed_products=(Product.NRML,))


def future(case: Case) -> Case:
    return replace(case, limits=NRML)


def _short_sbin(book: RiskBook) -> None:
    """10 SBIN sold short at Rs 800 by another strategy: Rs 8,000 of exposure."""
    book.hold(other(9, token=SBIN.token, instrument=SBIN.key, side=Side.SELL, strategy="s2"), 0, NOW)
    book.mark(SBIN.token, 800 * RUPEE)


ROWS: list[tuple[DenyReason, Case, Case]] = [
    (R.STARTING, state(TradingState.STARTING), state(TradingState.ACTIVE)),
    (R.HALTED, state(TradingState.HALTED), state(TradingState.ACTIVE)),
    (R.REDUCING, state(TradingState.REDUCING), state(TradingState.ACTIVE)),
    (
        R.STRATEGY_FROZEN,
        Case(prepare=lambda book: book.freeze("s1", "three crashes")),
        Case(prepare=lambda book: book.freeze("s2", "three crashes")),
    ),
    (R.UNKNOWN_INSTRUMENT, facts(instrument=None), facts(instrument=INFY)),
    (R.UNKNOWN_INSTRUMENT, facts(instrument=SBIN), facts(instrument=INFY)),
    (R.UNKNOWN_INSTRUMENT, intent(instrument="NSE:TCS"), intent()),
    (R.NOT_TRADABLE, facts(instrument=INDEX), facts()),
    (
        R.EXPIRED,
        future(in_instrument(replace(NIFTY_FUTURE, expiry=DAY - dt.timedelta(days=1)), **FUTURE)),
        future(in_instrument(replace(NIFTY_FUTURE, expiry=DAY), **FUTURE)),
    ),
    (R.NOT_TRADABLE, facts(instrument=replace(INFY, lot_size=0)), facts(instrument=replace(INFY, lot_size=1))),
    (R.NOT_TRADABLE, facts(instrument=replace(INFY, tick_size=0)), facts(instrument=replace(INFY, tick_size=1))),
    (R.PRODUCT_NOT_ALLOWED, limits(allowed_products=(Product.CNC,)), limits(allowed_products=(Product.MIS,))),
    (R.PRODUCT_NOT_ALLOWED, Case(intent=an_intent(product=Product.NRML), limits=NRML), Case(limits=some_limits())),
    (
        R.PRODUCT_NOT_ALLOWED,
        Case(
            intent=an_intent(token=NIFTY_FUTURE.token, instrument=NIFTY_FUTURE.key, product=Product.CNC, quantity=65),
            facts=some_facts(instrument=NIFTY_FUTURE),
        ),
        future(in_instrument(NIFTY_FUTURE, **FUTURE)),
    ),
    (
        R.SHORT_SALE,
        intent(product=Product.CNC, side=Side.SELL),
        Case(intent=an_intent(product=Product.CNC, **EXIT), events=(replace(LONG_10, product=Product.CNC),)),
    ),
    (R.SESSION_CLOSED, facts(hours=None), facts()),
    (R.SESSION_CLOSED, facts(hours=(NOW + 1, NOW + 2)), facts(hours=(NOW, NOW + 1))),
    (R.SESSION_CLOSED, facts(hours=(NOW - 1, NOW)), facts(hours=(NOW - 1, NOW + 1))),
    (R.MIS_CUTOFF, facts(mis_cutoff=NOW), facts(mis_cutoff=NOW + 1)),
    (
        R.MIS_CUTOFF,
        facts(mis_cutoff=None),
        Case(intent=an_intent(product=Product.CNC), facts=some_facts(mis_cutoff=None)),
    ),
    (R.INTENT_EXPIRED, intent(valid_until=NOW), intent(valid_until=NOW + 1)),
    (
        R.DUPLICATE_INTENT,
        Case(intent=an_intent("other:1"), events=(PENDING_10,)),
        Case(intent=an_intent("other:2"), events=(PENDING_10,)),
    ),
    (
        R.DUPLICATE_INTENT,
        Case(prepare=lambda book: book.hold(an_intent(), 0, NOW)),
        Case(prepare=lambda book: book.hold(an_intent("another", quantity=1), 0, NOW)),
    ),
    (R.BAD_QUANTITY, intent(quantity=0), intent(quantity=1)),
    (
        R.LOT_SIZE,
        future(in_instrument(NIFTY_FUTURE, product=Product.NRML, quantity=64)),
        future(in_instrument(NIFTY_FUTURE, **FUTURE)),
    ),
    (
        R.FREEZE_QUANTITY,
        future(in_instrument(NIFTY_FUTURE, product=Product.NRML, quantity=1820)),
        future(in_instrument(NIFTY_FUTURE, product=Product.NRML, quantity=1755)),
    ),
    (R.FREEZE_QUANTITY, intent(quantity=100_001), intent(quantity=100_000)),
    (R.TICK_SIZE, intent(price=1000 * RUPEE + 100, **LIMIT), intent(price=1000 * RUPEE + 500, **LIMIT)),
    (R.TICK_SIZE, intent(price=0, **LIMIT), intent(price=1000 * RUPEE, **LIMIT)),
    (
        R.TICK_SIZE,
        intent(kind=OrderKind.STOP_MARKET, trigger_price=1010 * RUPEE + 1),
        intent(kind=OrderKind.STOP_MARKET, trigger_price=1010 * RUPEE),
    ),
    (R.STALE_PRICE, facts(price_received=NOW - 10 * SECOND - 1), facts(price_received=NOW - 10 * SECOND)),
    # None was ever seen: it is not an old one.
    (R.NO_PRICE, facts(price=0, price_received=0), facts()),
    (R.NO_PRICE, facts(price=0), facts(price=1000 * RUPEE)),
    (R.PRICE_BAND, intent(price=1030 * RUPEE + 500, **LIMIT), intent(price=1030 * RUPEE, **LIMIT)),
    (R.PRICE_BAND, intent(price=970 * RUPEE - 500, **LIMIT), intent(price=970 * RUPEE, **LIMIT)),
    (R.PRICE_BAND, intent(reference_price=1030 * RUPEE + 1), intent(reference_price=1030 * RUPEE)),
    (
        R.PRICE_BAND,
        intent(kind=OrderKind.STOP_LIMIT, price=1031 * RUPEE, trigger_price=1031 * RUPEE),
        intent(kind=OrderKind.STOP_LIMIT, price=1030 * RUPEE, trigger_price=1029 * RUPEE),
    ),
    (
        R.PRICE_BAND,  # an exit leaves where no price was ever seen
        Case(intent=an_intent(price=960 * RUPEE, **LIMIT, **EXIT), events=(LONG_10,)),
        Case(
            intent=an_intent(price=960 * RUPEE, **LIMIT, **EXIT),
            events=(LONG_10,),
            facts=some_facts(price=0, price_received=NOW),
        ),
    ),
    (
        R.PRICE_BAND,
        Case(intent=an_intent(price=960 * RUPEE, **LIMIT, **EXIT), events=(LONG_10,)),
        Case(
            intent=an_intent(price=960 * RUPEE, **LIMIT, **EXIT),
            events=(LONG_10,),
            facts=some_facts(price_received=NOW - 11 * SECOND),  # nothing to judge it by: it must get out
        ),
    ),
    (R.QUANTITY_PER_ORDER, limits(max_quantity_per_order=9), limits(max_quantity_per_order=10)),
    (R.VALUE_PER_ORDER, limits(max_value_per_order=10_000 * RUPEE - 1), limits(max_value_per_order=10_000 * RUPEE)),
    (
        R.VALUE_PER_ORDER,
        Case(intent=an_intent(price=1010 * RUPEE, **LIMIT), limits=some_limits(max_value_per_order=10_000 * RUPEE)),
        Case(intent=an_intent(price=990 * RUPEE, **LIMIT), limits=some_limits(max_value_per_order=10_000 * RUPEE)),
    ),
    (
        R.ORDERS_PER_SECOND,
        Case(limits=some_limits(orders_per_second=9), events=orders(9, "11:00:00")),
        Case(limits=some_limits(orders_per_second=9), events=orders(8, "11:00:00")),
    ),
    (
        R.ORDERS_PER_SECOND,  # the last fifth of 10 belongs to exits
        Case(limits=some_limits(orders_per_second=10, exits_reserved_share=0.2), events=orders(8, "11:00:00")),
        Case(limits=some_limits(orders_per_second=10, exits_reserved_share=0.2), events=orders(7, "11:00:00")),
    ),
    (
        R.ORDERS_PER_SECOND,
        Case(limits=some_limits(orders_per_second=1), events=orders(1, "11:00:00")),
        Case(limits=some_limits(orders_per_second=1), events=orders(1, "10:59:59")),
    ),
    (
        R.ORDERS_PER_MINUTE,
        Case(limits=some_limits(orders_per_minute=3), events=orders(3, "10:59:01")),
        Case(limits=some_limits(orders_per_minute=3), events=orders(3, "10:59:00")),
    ),
    (
        R.ORDERS_PER_DAY,
        Case(limits=some_limits(orders_per_day=4), events=orders(4, "09:20")),
        Case(limits=some_limits(orders_per_day=4), events=orders(3, "09:20")),
    ),
    (R.NOT_REDUCING, intent(**EXIT), Case(intent=an_intent(**EXIT), events=(LONG_10,))),
    (
        R.NOT_REDUCING,
        Case(intent=an_intent(quantity=11, **EXIT), events=(LONG_10,)),
        Case(intent=an_intent(quantity=10, **EXIT), events=(LONG_10,)),
    ),
    (
        R.NOT_REDUCING,
        Case(intent=an_intent(reduce_only=True), events=(LONG_10,)),
        Case(intent=an_intent(reduce_only=True), events=(replace(LONG_10, side=Side.SELL),)),
    ),
    (
        R.NOT_REDUCING,
        Case(intent=an_intent(quantity=7, **EXIT), events=(LONG_10, accepted(other(1, quantity=4, **EXIT), "tag1"))),
        Case(intent=an_intent(quantity=6, **EXIT), events=(LONG_10, accepted(other(1, quantity=4, **EXIT), "tag1"))),
    ),
    (
        R.NOT_REDUCING,  # another strategy's position is not ours to close
        Case(intent=an_intent(**EXIT), events=(replace(LONG_10, strategy="s2"),)),
        Case(intent=an_intent(**EXIT), events=(LONG_10,)),
    ),
    (
        R.OPPOSING_STRATEGY,
        Case(intent=an_intent(side=Side.SELL), events=(replace(LONG_10, strategy="s2"),)),
        Case(intent=an_intent(side=Side.BUY), events=(replace(LONG_10, strategy="s2"),)),
    ),
    (
        R.OPPOSING_STRATEGY,
        Case(intent=an_intent(side=Side.SELL), events=(accepted(other(1, strategy="s2"), "tag1"),)),
        Case(intent=an_intent(), events=(accepted(other(1, strategy="s2"), "tag1"),)),
    ),
    (
        R.OPPOSING_STRATEGY,
        Case(intent=an_intent(side=Side.SELL), events=(replace(LONG_10, strategy=""),)),
        Case(intent=an_intent(side=Side.SELL), events=(replace(LONG_10, strategy="", product=Product.CNC),)),
    ),
    (
        R.UNRESOLVED_ORDER,
        Case(events=(PENDING_10, UNRESOLVED)),
        Case(events=(PENDING_10,)),
    ),
    (
        R.UNRESOLVED_ORDER,
        Case(events=(PENDING_10, UNRESOLVED)),
        Case(intent=an_intent(strategy="s2"), events=(PENDING_10, UNRESOLVED)),
    ),
    (
        R.POSITION_QUANTITY,
        Case(limits=some_limits(max_position_quantity=29), events=(LONG_10, PENDING_10)),
        Case(limits=some_limits(max_position_quantity=30), events=(LONG_10, PENDING_10)),
    ),
    (
        R.POSITION_QUANTITY,  # an unresolved order of another strategy counts as filled
        Case(
            intent=an_intent(strategy="s2"),
            limits=some_limits(max_position_quantity=19),
            events=(PENDING_10, UNRESOLVED),
        ),
        Case(
            intent=an_intent(strategy="s2"),
            limits=some_limits(max_position_quantity=20),
            events=(PENDING_10, UNRESOLVED),
        ),
    ),
    (
        R.POSITION_VALUE,
        Case(limits=some_limits(max_position_value_per_instrument=20_000 * RUPEE - 1), events=(LONG_10,)),
        Case(limits=some_limits(max_position_value_per_instrument=20_000 * RUPEE), events=(LONG_10,)),
    ),
    (
        R.GROSS_EXPOSURE,
        Case(limits=some_limits(gross_exposure_max=18_000 * RUPEE - 1), prepare=_short_sbin),
        Case(limits=some_limits(gross_exposure_max=18_000 * RUPEE), prepare=_short_sbin),
    ),
    (R.INSUFFICIENT_MARGIN, facts(available_cash=2_000 * RUPEE - 1), facts(available_cash=2_000 * RUPEE)),
    (
        R.INSUFFICIENT_MARGIN,
        Case(intent=an_intent(product=Product.CNC), facts=some_facts(available_cash=10_000 * RUPEE - 1)),
        Case(intent=an_intent(product=Product.CNC), facts=some_facts(available_cash=10_000 * RUPEE)),
    ),
    (
        R.INSUFFICIENT_MARGIN,  # what is held for another order is not there twice
        Case(facts=some_facts(available_cash=4_000 * RUPEE - 1), events=(accepted(other(1), "tag1", 2_000 * RUPEE),)),
        Case(facts=some_facts(available_cash=4_000 * RUPEE), events=(accepted(other(1), "tag1", 2_000 * RUPEE),)),
    ),
    (
        R.INSUFFICIENT_MARGIN,  # nor what a position takes
        Case(facts=some_facts(available_cash=4_000 * RUPEE - 1), events=(LONG_10,)),
        Case(facts=some_facts(available_cash=4_000 * RUPEE), events=(LONG_10,)),
    ),
    (
        R.INSUFFICIENT_MARGIN,
        Case(limits=some_limits(margin_buffer_percent=50), facts=some_facts(available_cash=4_000 * RUPEE - 1)),
        Case(limits=some_limits(margin_buffer_percent=50), facts=some_facts(available_cash=4_000 * RUPEE)),
    ),
    (R.DAILY_LOSS, facts(day_pnl=-1_000_000 * RUPEE), facts(day_pnl=-1_000_000 * RUPEE + 1)),
]
