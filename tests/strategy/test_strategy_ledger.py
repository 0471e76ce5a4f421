"""A strategy's ledger: provisional by updates, final by trades, and nothing twice."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from domain.messages.broker import BrokerStatus, PlaceOrder
from domain.messages.journal import (
    FillSeen,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    OrderClosed,
    OrderQuarantined,
    OrderRejected,
    OrderState,
    TradeBooked,
)
from domain.messages.orders import OrderIntent
from domain.strategy.ledger import StrategyLedger
from domain.values import OrderKind, Product, Side
from tests.market.making import INFY, SBIN

VALID = 1_000


def an_intent(number: int = 1, side: Side = Side.BUY, quantity: int = 100, token: int = INFY) -> OrderIntent:
    return OrderIntent(
        intent_id=f"ma:{number}:{token}.entry",
        strategy="ma",
        token=token,
        instrument="NSE:INFY",
        side=side,
        quantity=quantity,
        product=Product.MIS,
        kind=OrderKind.MARKET,
        reference_price=15_000_000,
        valid_until=VALID,
        event_time=0,
        decided_time=0,
    )


def accepted(intent: OrderIntent) -> IntentAccepted:
    order = PlaceOrder(
        tag=tag(intent), exchange="NSE", symbol="INFY", side=intent.side, quantity=intent.quantity,
        product=intent.product, kind=intent.kind,
    )  # fmt: skip
    return IntentAccepted(tag=tag(intent), intent=intent, order=order, risk_epoch=1, margin_held=0, time=0)


def tag(intent: OrderIntent) -> str:
    return "T" + intent.intent_id.split(":")[1]


def seen(intent: OrderIntent, filled: int) -> FillSeen:
    return FillSeen(tag(intent), "1", "ma", filled, BrokerStatus.OPEN, 0)


def trade(intent: OrderIntent, quantity: int, price: int = 100, number: int = 1, time: int = 5) -> TradeBooked:
    return TradeBooked(
        f"{tag(intent)}-{number}", "1", tag(intent), intent.strategy, intent.token, intent.instrument, intent.side,
        intent.product, quantity, price, time, time,
    )  # fmt: skip


def closed(intent: OrderIntent, filled: int) -> OrderClosed:
    return OrderClosed(tag(intent), "1", "ma", OrderState.COMPLETE, filled, "", 0)


def after(*events: JournalEvent) -> StrategyLedger:
    ledger = StrategyLedger("ma")
    for event in events:
        ledger.apply(event)
    return ledger


def test_an_emitted_intent_is_pending_until_the_journal_ends_it() -> None:
    ledger = StrategyLedger("ma")
    intent = an_intent()

    steps = []
    ledger.emitted(intent)
    for event in (
        accepted(intent),
        seen(intent, 40),
        trade(intent, 40),
        trade(intent, 60, number=2),
        closed(intent, 100),
    ):
        steps.append((ledger.quantity(INFY), ledger.pending(INFY), ledger.busy(INFY)))
        ledger.apply(event)
    steps.append((ledger.quantity(INFY), ledger.pending(INFY), ledger.busy(INFY)))

    assert steps == [(0, 100, True), (0, 100, True), (40, 60, True), (40, 60, True), (100, 0, True), (100, 0, False)]


def test_the_order_of_updates_and_trades_does_not_matter() -> None:
    intent = an_intent()
    first = after(accepted(intent), seen(intent, 100), trade(intent, 100))
    second = after(accepted(intent), trade(intent, 100), seen(intent, 100), seen(intent, 40))

    for ledger in (first, second):
        assert (ledger.quantity(INFY), ledger.confirmed(INFY), ledger.pending(INFY)) == (100, 100, 0)


def test_what_is_seen_and_not_booked_is_provisional() -> None:
    intent = an_intent(side=Side.SELL)
    ledger = after(accepted(intent), seen(intent, 70))

    assert (ledger.quantity(INFY), ledger.confirmed(INFY), ledger.entry(INFY)) == (-70, 0, 0)


def test_trades_that_are_booked_in_parts_take_nothing_from_what_was_seen() -> None:
    intent = an_intent()
    ledger = after(accepted(intent), seen(intent, 70), trade(intent, 30))

    assert (ledger.quantity(INFY), ledger.confirmed(INFY), ledger.pending(INFY)) == (70, 30, 30)
    ledger.apply(trade(intent, 60, number=2))
    assert (ledger.quantity(INFY), ledger.confirmed(INFY), ledger.pending(INFY)) == (90, 90, 10)


def test_a_partial_fill_that_is_cancelled_leaves_nothing_pending() -> None:
    intent = an_intent()
    ledger = after(accepted(intent), trade(intent, 30), closed(intent, 30))

    assert (ledger.quantity(INFY), ledger.pending(INFY), ledger.busy(INFY)) == (30, 0, False)


def test_refusals_of_every_kind_end_an_intent() -> None:
    intent = an_intent()
    endings: list[list[JournalEvent]] = [
        [accepted(intent), OrderRejected(tag(intent), "", "ma", "no", 0)],
        [accepted(intent), IntentExpired(tag(intent), intent.intent_id, "ma", "too late", 0)],
        [IntentExpired("", intent.intent_id, "ma", "stale approval", 0)],
    ]
    for events in endings:
        ledger = StrategyLedger("ma")
        ledger.emitted(intent)
        for event in events:
            ledger.apply(event)

        assert not ledger.busy(INFY)


def test_an_unresolved_order_keeps_the_instrument_busy() -> None:
    intent = an_intent()
    ledger = after(accepted(intent), OrderQuarantined(tag(intent), "ma", "timed out", 0))

    assert (ledger.pending(INFY), ledger.busy(INFY), ledger.busy(SBIN)) == (100, True, False)


def test_a_denial_ends_what_the_journal_does_not_know_and_nothing_else() -> None:
    """A repeated decision is denied as a duplicate: the first one lives on."""
    intent, other = an_intent(1), an_intent(2)
    ledger = after(accepted(intent))
    ledger.emitted(other)

    assert ledger.denied(intent.intent_id) is None
    assert ledger.denied(other.intent_id) == INFY
    assert ledger.pending(INFY) == 100
    assert (ledger.knows(intent.intent_id), ledger.knows(other.intent_id)) == (True, False)


def test_an_intent_that_nobody_journals_lapses_when_it_may_no_longer_be_sent() -> None:
    ledger = StrategyLedger("ma")
    ledger.emitted(an_intent())

    assert ledger.lapse(VALID) == []
    assert ledger.lapse(VALID + 1) == [an_intent().intent_id]
    assert not ledger.busy(INFY)


def test_entry_is_the_average_of_the_open_lots_first_in_first_out() -> None:
    buy, more, less = an_intent(1), an_intent(2), an_intent(3, Side.SELL, 150)
    ledger = after(
        accepted(buy), trade(buy, 100, 1_000, time=5), closed(buy, 100),
        accepted(more), trade(more, 100, 2_000, time=6), closed(more, 100),
        accepted(less), trade(less, 150, 3_000, time=7),
    )  # fmt: skip

    assert (ledger.quantity(INFY), ledger.entry(INFY), ledger.opened(INFY)) == (50, 2_000, 5)


def test_turning_the_position_opens_a_new_one() -> None:
    buy, turn = an_intent(1, quantity=100), an_intent(2, Side.SELL, 160)
    ledger = after(accepted(buy), trade(buy, 100, 1_000, time=5), accepted(turn), trade(turn, 160, 900, time=9))

    assert (ledger.quantity(INFY), ledger.entry(INFY), ledger.opened(INFY)) == (-60, 900, 9)


def test_other_strategies_and_external_trades_are_none_of_ours() -> None:
    intent = msgspec.structs.replace(an_intent(), strategy="rsi")
    ledger = after(accepted(intent), trade(intent, 100))

    assert (ledger.quantity(INFY), ledger.busy(INFY)) == (0, False)


def test_a_trade_of_ours_without_a_tag_is_booked() -> None:
    """A square-off by the broker is allocated to the strategy and belongs to no order of ours."""
    intent = an_intent()
    away = msgspec.structs.replace(trade(intent, 100, number=9), tag="", side=Side.SELL)
    ledger = after(accepted(intent), trade(intent, 100), closed(intent, 100), away)

    assert (ledger.quantity(INFY), ledger.confirmed(INFY), ledger.entry(INFY)) == (0, 0, 0)


@given(
    st.lists(st.tuples(st.sampled_from(Side), st.integers(1, 50), st.integers(1, 9)), min_size=1, max_size=12),
    st.randoms(use_true_random=False),
)
def test_provisional_and_booked_agree_when_all_is_said(
    orders: list[tuple[Side, int, int]], draw: random.Random
) -> None:
    """Any cut of fills into updates and trades, updates arriving in any order: the position is the sum of trades."""
    ledger = StrategyLedger("ma")
    total = 0
    for number, (side, quantity, price) in enumerate(orders):
        intent = an_intent(number, side, quantity)
        filled = draw.randint(0, quantity)
        cut = draw.randint(0, filled)
        events: list[JournalEvent] = [seen(intent, draw.randint(0, filled)) for _ in range(3)]
        events += [trade(intent, part, price, n) for n, part in enumerate((cut, filled - cut)) if part]
        draw.shuffle(events)
        for event in [accepted(intent), *events, closed(intent, filled)]:
            ledger.apply(event)
            low, high = sorted((total, total + side.sign * filled))
            assert low <= ledger.quantity(INFY) <= high
        total += side.sign * filled

    assert ledger.quantity(INFY) == ledger.confirmed(INFY) == total
    assert (ledger.pending(INFY), ledger.busy(INFY)) == (0, False)
