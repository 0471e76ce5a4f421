"""Rows of the deny table that are about what is open, held, and could come to be held."""

import datetime as dt
from typing import Any

from msgspec.structs import replace

from domain.messages.orders import DenyReason
from domain.risk import RiskBook
from domain.values import RUPEE, InstrumentKind, OrderKind, Product, Side
from tests.domain.builders import (
    DAY,
    INSTRUMENTS,
    NIFTY_FUTURE,
    NOW,
    SBIN,
    a_trade,
    accepted,
    an_intent,
    some_facts,
    some_limits,
)
from tests.domain.deny_rows import EXIT, LIMIT, LONG_10, Case, orders, other

R = DenyReason
CNC: dict[str, Any] = {"product": Product.CNC}
SOLD: dict[str, Any] = {"side": Side.SELL, "kind": OrderKind.LIMIT}
CALL = replace(
    NIFTY_FUTURE,
    token=9_000_003,
    symbol="NIFTY26NOV24000CE",
    kind=InstrumentKind.CALL,
    strike=24_000 * RUPEE,
    expiry=DAY + dt.timedelta(days=4),
)


def delivered(**changes: Any) -> Case:
    """A sale of 10 shares that strategy s1 holds for delivery, with these facts."""
    return Case(intent=an_intent(**CNC, **EXIT), events=(replace(LONG_10, **CNC),), facts=some_facts(**changes))


def short_sbin(**more: Any) -> Case:
    """10 SBIN sold short at Rs 800 by s2 are Rs 8,000; the intent adds Rs 10,000 of INFY."""

    def hold(book: RiskBook) -> None:
        sbin: dict[str, Any] = {"token": SBIN.token, "instrument": SBIN.key, "side": Side.SELL, "strategy": "s2"}
        book.hold(other(9, **{**sbin, **more.get("order", {})}), 0, NOW)
        book.mark(SBIN.token, 800 * RUPEE)

    return Case(prepare=hold, limits=some_limits(**more.get("limits", {})), intent=more.get("intent", an_intent()))


def future_of_infy(limit: int) -> Case:
    """100 units of a future on INFY at Rs 1,000 are held; the intent adds Rs 10,000 of the share."""
    listed = replace(NIFTY_FUTURE, symbol="INFY26NOVFUT", name="INFY")
    held = a_trade(instrument=listed.key, token=listed.token, quantity=100, product=Product.NRML)
    INSTRUMENTS.setdefault(listed.key, listed)
    return Case(events=(held,), limits=some_limits(underlying_exposure_max=limit))


def resting(theirs: int, **mine: Any) -> Case:
    """The plain intent or another, while an own sale rests at that price."""
    return Case(intent=an_intent(**mine), events=(accepted(other(1, price=theirs * RUPEE, **SOLD), "tag1"),))


ROWS = [
    (
        R.OPEN_ORDERS_PER_INSTRUMENT,
        Case(limits=some_limits(open_orders_per_instrument=1), events=(accepted(other(1), "tag1"),)),
        Case(limits=some_limits(open_orders_per_instrument=1), events=orders(3, "10:00")),
    ),
    (
        R.OPEN_ORDERS_PER_STRATEGY,
        Case(limits=some_limits(open_orders_per_strategy=1), events=(accepted(other(1), "tag1"),)),
        Case(limits=some_limits(open_orders_per_strategy=1), events=orders(3, "10:00")),
    ),
    (
        R.OPEN_ORDERS,
        Case(limits=some_limits(open_orders=3), events=orders(3, "10:00")),
        Case(limits=some_limits(open_orders=3), events=orders(2, "10:00")),
    ),
    (R.HOLDINGS, delivered(sellable=9), delivered(sellable=10)),
    (R.HOLDINGS, delivered(sellable=0), delivered(sellable=None)),
    (R.SELF_TRADE, resting(1020), resting(1031)),
    (R.SELF_TRADE, resting(1005, price=1005 * RUPEE, **LIMIT), resting(1005, price=1004 * RUPEE, **LIMIT)),
    (
        R.SELF_TRADE,
        Case(events=(accepted(other(1, side=Side.SELL), "tag1"),)),
        Case(
            events=(accepted(other(1, side=Side.SELL, kind=OrderKind.STOP_MARKET, trigger_price=990 * RUPEE), "tag1"),)
        ),  # it waits for its trigger: it is in no order book
    ),
    (
        R.UNDERLYING_EXPOSURE,
        future_of_infy(110_000 * RUPEE - 1),
        future_of_infy(110_000 * RUPEE),
    ),
    (
        R.STRATEGY_EXPOSURE,
        short_sbin(order={"strategy": "s1"}, limits={"strategy_exposure_max": 18_000 * RUPEE - 1}),
        short_sbin(order={"strategy": "s1"}, limits={"strategy_exposure_max": 18_000 * RUPEE}),
    ),
    (
        R.STRATEGY_EXPOSURE,
        short_sbin(limits={"strategy_exposure_max": 10_000 * RUPEE - 1}),
        short_sbin(limits={"strategy_exposure_max": 10_000 * RUPEE}),
    ),
    (
        R.PRODUCT_EXPOSURE,
        short_sbin(limits={"product_exposure_max": 18_000 * RUPEE - 1}),
        short_sbin(limits={"product_exposure_max": 18_000 * RUPEE}),
    ),
    (
        R.PRODUCT_EXPOSURE,
        short_sbin(limits={"product_exposure_max": 18_000 * RUPEE - 1}),
        short_sbin(limits={"product_exposure_max": 18_000 * RUPEE - 1}, intent=an_intent(**CNC)),
    ),
    (
        R.SEGMENT_EXPOSURE,
        short_sbin(limits={"segment_exposure_max": 18_000 * RUPEE - 1}),
        short_sbin(limits={"segment_exposure_max": 18_000 * RUPEE}),
    ),
    (
        R.NET_EXPOSURE,  # the sale may not fill: it makes no room
        short_sbin(limits={"net_exposure_max": 10_000 * RUPEE - 1}),
        short_sbin(limits={"net_exposure_max": 10_000 * RUPEE}),
    ),
    (
        R.NET_EXPOSURE,
        short_sbin(limits={"net_exposure_max": 18_000 * RUPEE - 1}, intent=an_intent(side=Side.SELL)),
        short_sbin(limits={"net_exposure_max": 18_000 * RUPEE}, intent=an_intent(side=Side.SELL)),
    ),
    (
        R.CONCENTRATION,
        Case(limits=some_limits(concentration_max_percent=10), facts=some_facts(available_cash=100_000 * RUPEE - 10)),
        Case(limits=some_limits(concentration_max_percent=10), facts=some_facts(available_cash=100_000 * RUPEE)),
    ),
    (
        R.BROKER_MARGIN,
        Case(facts=some_facts(broker_margin=2_500 * RUPEE, available_cash=2_500 * RUPEE - 1)),
        Case(facts=some_facts(broker_margin=2_500 * RUPEE, available_cash=2_500 * RUPEE)),
    ),
    (
        R.INSUFFICIENT_MARGIN,  # a sold option is worth little, and asks for a share of its strike: 65 x 24,000 x 15 %
        Case(
            intent=an_intent(token=CALL.token, instrument=CALL.key, side=Side.SELL, quantity=65, product=Product.NRML),
            facts=some_facts(instrument=CALL, available_cash=234_000 * RUPEE - 1),
            limits=some_limits(allowed_products=(Product.NRML,)),
        ),
        Case(
            intent=an_intent(token=CALL.token, instrument=CALL.key, side=Side.SELL, quantity=65, product=Product.NRML),
            facts=some_facts(instrument=CALL, available_cash=234_000 * RUPEE),
            limits=some_limits(allowed_products=(Product.NRML,)),
        ),
    ),
]
