"""A change of an open order's terms is asked what a new order of those terms would be asked: denied just beyond a limit,
allowed just within.
"""

from typing import Any

import pytest
from msgspec import Struct
from msgspec.structs import replace

from domain.messages.broker import Change
from domain.messages.control import TradingState
from domain.messages.journal import (
    JournalEvent,
    ModifyRefused,
    ModifyRequested,
    OrderAcknowledged,
    OrderRecord,
    SendingClaimed,
)
from domain.messages.orders import Denied, DenyReason, ModifyIntent, OrderIntent
from domain.orders.transitions import fold
from domain.risk import MarketFacts, RiskLimits
from domain.risk.changes import Allowed, check_change
from domain.values import MINUTE, RUPEE, SECOND, OrderKind, Side
from tests.domain.builders import NOW, a_risk_book, a_trade, accepted, an_intent, some_facts, some_limits

R = DenyReason
RESTS: dict[str, Any] = {"kind": OrderKind.LIMIT, "price": 990 * RUPEE}
ENTRY = an_intent("s1:old", **RESTS)
EXIT = an_intent("s1:old", side=Side.SELL, reduce_only=True, kind=OrderKind.LIMIT, price=1010 * RUPEE)
LONG_15 = a_trade(quantity=15)


class Case(Struct, frozen=True):
    """An order of 10 that rests, and what is to become of it."""

    change: Change = Change(quantity=12)
    order: OrderIntent = ENTRY
    margin: int = 0
    before: tuple[JournalEvent, ...] = ()
    modified: int = 0
    limits: RiskLimits = some_limits()
    facts: MarketFacts = some_facts()
    strategy: str = "s1"
    in_the_book: bool = True

    def verdict(self) -> Denied | Allowed:
        events = [
            accepted(self.order, "tag1", self.margin, time=NOW - 2 * MINUTE),
            SendingClaimed("tag1", NOW),
            OrderAcknowledged("tag1", "o1", "s1", NOW),
        ]
        for number in range(1, self.modified + 1):
            wish = Change(price=(990 - number) * RUPEE)
            asked = ModifyRequested(
                "tag1", number, "s1", f"m{number}", wish, False, 1, 0, NOW + MINUTE, "", NOW - 2 * SECOND
            )
            events += [asked, ModifyRefused("tag1", number, "s1", "no", NOW)]
        record: OrderRecord | None = None
        for event in events:
            record = fold(record, event)  # type: ignore[arg-type]  # as above
        book = a_risk_book(*self.before, *(events if self.in_the_book else ()))
        asked_now = ModifyIntent("s1:change", self.strategy, "tag1", self.change, 1000 * RUPEE, NOW + MINUTE, NOW, NOW)
        return check_change(asked_now, record, book, self.limits, self.facts)


def limits(**changes: Any) -> Case:
    return Case(limits=some_limits(**changes))


TABLE: list[tuple[DenyReason, Case, Case]] = [
    (R.NO_OPEN_ORDER, Case(strategy="s2"), Case()),
    # The journal knows it to rest, the gate's book has not come so far: what it adds cannot be told.
    (R.NO_OPEN_ORDER, Case(in_the_book=False), Case()),
    (R.NO_OPEN_ORDER, Case(change=Change(quantity=10)), Case(change=Change(quantity=11))),
    (
        R.MODIFICATIONS,
        Case(modified=3, limits=some_limits(modifications_per_order=3)),
        Case(modified=2, limits=some_limits(modifications_per_order=3)),
    ),
    (R.REDUCING, Case(facts=some_facts(state=TradingState.REDUCING)), Case()),
    (R.TICK_SIZE, Case(change=Change(price=991 * RUPEE + 1)), Case(change=Change(price=991 * RUPEE))),
    (R.PRICE_BAND, Case(change=Change(price=969 * RUPEE)), Case(change=Change(price=970 * RUPEE))),
    (R.QUANTITY_PER_ORDER, limits(max_quantity_per_order=11), limits(max_quantity_per_order=12)),
    (R.VALUE_PER_ORDER, limits(max_value_per_order=12_000 * RUPEE - 1), limits(max_value_per_order=12_000 * RUPEE)),
    (
        R.STRATEGY_ORDERS_PER_MINUTE,  # changes are counted with orders
        Case(modified=2, limits=some_limits(strategy_orders_per_minute=2)),
        Case(modified=2, limits=some_limits(strategy_orders_per_minute=3)),
    ),
    (
        R.POSITION_QUANTITY,  # only what it adds is new: 15 are held, 10 rest, 2 more are wanted
        Case(before=(LONG_15,), limits=some_limits(max_position_quantity=26)),
        Case(before=(LONG_15,), limits=some_limits(max_position_quantity=27)),
    ),
    (
        R.GROSS_EXPOSURE,
        limits(gross_exposure_max=12_000 * RUPEE - 1),
        limits(gross_exposure_max=12_000 * RUPEE),
    ),
    (
        R.INSUFFICIENT_MARGIN,  # 2,000 are held for it already; 2,400 are needed
        Case(margin=2_000 * RUPEE, facts=some_facts(available_cash=2_400 * RUPEE - 1)),
        Case(margin=2_000 * RUPEE, facts=some_facts(available_cash=2_400 * RUPEE)),
    ),
    (
        R.NOT_REDUCING,  # 15 are held, the exit may grow to all of them
        Case(order=EXIT, change=Change(quantity=16), before=(LONG_15,)),
        Case(order=EXIT, change=Change(quantity=15), before=(LONG_15,)),
    ),
]


@pytest.mark.parametrize(
    ("reason", "beyond", "within"), TABLE, ids=[f"{row[0].name}-{n}" for n, row in enumerate(TABLE)]
)
def test_denied_just_beyond_and_allowed_just_within(reason: DenyReason, beyond: Case, within: Case) -> None:
    denied = beyond.verdict()

    assert isinstance(denied, Denied)
    assert (denied.reason, denied.intent_id) == (reason, "s1:change")
    assert isinstance(within.verdict(), Allowed)


def test_an_exit_may_follow_the_market_in_any_state_and_without_end() -> None:
    nothing = some_limits(modifications_per_order=0, orders_per_minute=0, max_value_per_order=0)
    halted = some_facts(state=TradingState.HALTED, latched="a person")

    verdict = Case(
        order=EXIT, change=Change(price=1005 * RUPEE), before=(LONG_15,), modified=5, limits=nothing, facts=halted
    ).verdict()

    assert isinstance(verdict, Allowed)
    assert verdict.reduce_only


def test_what_is_held_is_for_the_whole_order_as_it_would_be() -> None:
    verdict = Case(margin=2_000 * RUPEE).verdict()
    smaller = Case(change=replace(Change(), quantity=5), margin=2_000 * RUPEE).verdict()

    assert isinstance(verdict, Allowed)
    assert verdict.approval.margin == 2_400 * RUPEE
    assert isinstance(smaller, Allowed)
    assert smaller.approval.margin == 2_000 * RUPEE, "until the change is a fact"
