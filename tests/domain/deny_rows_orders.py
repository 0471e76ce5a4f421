"""Rows of the deny table that are about what is asked for: where, when, at which terms, how often."""

import datetime as dt
from typing import Any

from msgspec.structs import replace

from domain.messages.journal import JournalEvent
from domain.messages.orders import DenyReason
from domain.risk import RiskBook
from domain.values import MINUTE, RUPEE, SECOND, OrderKind, Product, Side, Validity
from tests.domain.builders import DAY, INFY, NIFTY_FUTURE, NOW, SBIN, accepted, an_intent, at, some_facts, some_limits
from tests.domain.deny_rows import (
    FUTURE,
    LIMIT,
    NRML,
    Case,
    facts,
    future,
    in_instrument,
    intent,
    limits,
    orders,
    other,
)

R = DenyReason

STOCK_FUTURE = replace(
    NIFTY_FUTURE, symbol="INFY26NOVFUT", name="INFY", lot_size=400, expiry=DAY + dt.timedelta(days=7)
)
STOCK: dict[str, Any] = {"product": Product.NRML, "quantity": 400}
STOP: dict[str, Any] = {"kind": OrderKind.STOP_MARKET}


def stock_future(left: int | None) -> Case:
    case = in_instrument(STOCK_FUTURE, **STOCK)
    return replace(case, limits=NRML, facts=replace(case.facts, sessions_to_expiry=left))


def expiring(clock: str) -> Case:
    case = in_instrument(replace(NIFTY_FUTURE, expiry=DAY), **FUTURE)
    intent = replace(case.intent, valid_until=at(clock) + MINUTE)
    now = replace(case.facts, now=at(clock), price_received=at(clock), hours=(at("09:15"), at("15:40")))
    return replace(case, limits=NRML, facts=now, intent=intent)


def approved(ago: int, **changes: Any) -> Case:
    """The plain intent, while one that looks like it was approved so long ago."""

    def hold(book: RiskBook) -> None:
        book.hold(other(1, **changes), 0, NOW - ago)

    return Case(prepare=hold, limits=some_limits(repeat_seconds=2))


def mine(count: int, clock: str) -> tuple[JournalEvent, ...]:
    """So many orders of the same strategy in another instrument, journaled at that time."""
    sbin: dict[str, Any] = {"token": SBIN.token, "instrument": SBIN.key}
    return tuple(accepted(other(n, **sbin), f"tag{n}", time=at(clock)) for n in range(count))


ROWS = [
    (R.KILL_LATCH, facts(latched="a person"), facts()),
    (R.INSTRUMENT_BANNED, limits(banned=(INFY.key,)), limits(banned=(SBIN.key,))),
    (
        R.INSTRUMENT_BANNED,  # the ban of an underlying holds for its contracts
        replace(stock_future(5), limits=replace(NRML, banned=("INFY",))),
        replace(stock_future(5), limits=replace(NRML, banned=("SBIN",))),
    ),
    (
        R.INSTRUMENT_FROZEN,
        Case(prepare=lambda book: book.freeze_instrument(INFY.key, "the broker has 10 more")),
        Case(prepare=lambda book: book.freeze_instrument(SBIN.key, "the broker has 10 more")),
    ),
    (R.EXCHANGE_NOT_ALLOWED, limits(allowed_exchanges=("BSE", "NFO")), limits(allowed_exchanges=("NSE",))),
    (R.EXPIRY_DAY, expiring("15:00"), expiring("14:59:59")),
    (R.PHYSICAL_SETTLEMENT, stock_future(4), stock_future(5)),
    (R.PHYSICAL_SETTLEMENT, stock_future(None), future(in_instrument(NIFTY_FUTURE, **FUTURE))),
    (R.REPEATED_INTENT, approved(2 * SECOND - 1), approved(2 * SECOND)),
    (R.REPEATED_INTENT, approved(SECOND), approved(SECOND, quantity=11)),
    (
        R.BAD_TERMS,
        intent(kind=OrderKind.STOP_LIMIT, trigger_price=1010 * RUPEE, price=1009 * RUPEE),
        intent(kind=OrderKind.STOP_LIMIT, trigger_price=1010 * RUPEE, price=1010 * RUPEE),
    ),
    (
        R.BAD_TERMS,
        intent(kind=OrderKind.STOP_LIMIT, side=Side.SELL, trigger_price=990 * RUPEE, price=991 * RUPEE),
        intent(kind=OrderKind.STOP_LIMIT, side=Side.SELL, trigger_price=990 * RUPEE, price=990 * RUPEE),
    ),
    (
        R.BAD_TERMS,
        intent(trigger_price=1010 * RUPEE, validity=Validity.IOC, **STOP),
        intent(trigger_price=1010 * RUPEE, **STOP),
    ),
    (
        R.FREEZE_QUANTITY,  # one intent may be cut into two orders
        replace(in_instrument(NIFTY_FUTURE, product=Product.NRML, quantity=3575), limits=replace(NRML, slices_max=2)),
        replace(in_instrument(NIFTY_FUTURE, product=Product.NRML, quantity=3510), limits=replace(NRML, slices_max=2)),
    ),
    (R.STALE_FEED, facts(feed_lost=NOW - 10 * SECOND - 1), facts(feed_lost=NOW - 10 * SECOND)),
    (
        R.CIRCUIT,
        Case(intent=an_intent(price=1020 * RUPEE, **LIMIT), facts=some_facts(circuit=(900 * RUPEE, 1019 * RUPEE))),
        Case(intent=an_intent(price=1020 * RUPEE, **LIMIT), facts=some_facts(circuit=(900 * RUPEE, 1020 * RUPEE))),
    ),
    (
        R.CIRCUIT,
        facts(circuit=(900 * RUPEE, 999 * RUPEE)),
        facts(circuit=(1000 * RUPEE, 1100 * RUPEE)),
    ),
    (
        R.CIRCUIT,  # 1 % before the limit there may be nobody left to buy from
        Case(facts=some_facts(circuit=(900 * RUPEE, 1010 * RUPEE)), limits=some_limits(circuit_margin_percent=1)),
        Case(facts=some_facts(circuit=(900 * RUPEE, 1011 * RUPEE)), limits=some_limits(circuit_margin_percent=1)),
    ),
    (R.BAD_TRIGGER, intent(trigger_price=1000 * RUPEE, **STOP), intent(trigger_price=1001 * RUPEE, **STOP)),
    (
        R.BAD_TRIGGER,
        intent(side=Side.SELL, trigger_price=1000 * RUPEE, **STOP),
        intent(side=Side.SELL, trigger_price=999 * RUPEE, **STOP),
    ),
    (R.MARKET_PROTECTION, facts(market_protection=0), facts(market_protection=1)),
    (R.MARKET_PROTECTION, facts(market_protection=501), facts(market_protection=500)),
    (R.MARKET_PROTECTION, facts(market_protection=0), facts(market_protection=-1)),
    (
        R.MARKET_PROTECTION,
        facts(market_protection=0),
        Case(intent=an_intent(price=1000 * RUPEE, **LIMIT), facts=some_facts(market_protection=0)),
    ),
    (
        R.STRATEGY_ORDERS_PER_SECOND,
        Case(limits=some_limits(strategy_orders_per_second=2), events=mine(2, "11:00:00")),
        Case(limits=some_limits(strategy_orders_per_second=2), events=mine(1, "11:00:00")),
    ),
    (
        R.STRATEGY_ORDERS_PER_MINUTE,
        Case(limits=some_limits(strategy_orders_per_minute=3), events=mine(3, "10:59:01")),
        Case(limits=some_limits(strategy_orders_per_minute=3), events=mine(3, "10:59:00")),
    ),
    (
        R.STRATEGY_ORDERS_PER_MINUTE,  # another strategy's do not count
        Case(limits=some_limits(strategy_orders_per_minute=3), events=mine(3, "11:00:00")),
        Case(limits=some_limits(strategy_orders_per_minute=3), events=orders(3, "11:00:00")),
    ),
    (
        R.STRATEGY_ORDERS_PER_DAY,
        Case(limits=some_limits(strategy_orders_per_day=5, exits_reserved_share=0.2), events=mine(4, "09:20")),
        Case(limits=some_limits(strategy_orders_per_day=5, exits_reserved_share=0.2), events=mine(3, "09:20")),
    ),
]
