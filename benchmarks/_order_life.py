"""What the domain does for one order and for one decision, as work that can be repeated."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from benchmarks._crossing import Crossing
from benchmarks._orders import NOW
from domain.bars import Bar
from domain.market.buckets import Hours
from domain.messages.broker import BrokerStatus, PlaceOrder
from domain.messages.control import TradingState
from domain.messages.journal import (
    DayOpened,
    FillSeen,
    IntentAccepted,
    JournalRecord,
    OrderAcknowledged,
    OrderClosed,
    OrderState,
    TradeBooked,
)
from domain.messages.orders import OrderIntent
from domain.portfolio import Book
from domain.risk import MarketFacts, RiskBook, RiskLimits, check
from domain.strategy.ledger import StrategyLedger
from domain.strategy.runner import RunnerSettings, StrategyRunner
from domain.strategy.sizing import FixedQuantity
from domain.values import RUPEE, SECOND, Instrument, InstrumentKind, OrderKind, Product, Side

SHARE = Instrument(408_065, "NSE", "INFY", InstrumentKind.EQUITY, 500)
OTHER = Instrument(779_521, "NSE", "SBIN", InstrumentKind.EQUITY, 500)
PRICE = 1_000 * RUPEE
DAY = "2026-11-20"
_INSTRUMENTS = {each.key: each for each in (SHARE, OTHER)}


def to_be_checked(*, leaving: bool = False) -> Callable[[], object]:
    """The risk gate's checks of an entry beside a position, or of the exit of it."""
    book = _risk_book()
    intent = _intent("asked", leaving=leaving)
    facts, limits = _facts(), RiskLimits()
    return lambda: check(intent, book, limits, facts)


def deciding() -> Callable[[], object]:
    """A rule decides on a bar, live: its indicators go on, and it stays as it is."""
    settings = RunnerSettings(60, Product.MIS, FixedQuantity(10), 30.0)
    hours = Hours(NOW // SECOND - 40_000, NOW // SECOND + 400_000)
    runner = StrategyRunner("s", Crossing(fast=3, slow=8), [SHARE], settings, lambda _token, _now: hours)
    runner.start_cold()
    bars = (
        Bar(SHARE.token, 60, NOW + at * 60 * SECOND, PRICE, PRICE + 500, PRICE - 500, PRICE, 100)
        for at in itertools.count()
    )

    def decide() -> object:
        bar = next(bars)
        return runner.bar(bar, bar.end)

    for _ in range(20):
        decide()
    return decide


def living() -> Callable[[], object]:
    """An order's events in the risk book, the account's books and the strategy's ledger: in, and out again."""
    book, books, ledger = _risk_book(), Book(_INSTRUMENTS), StrategyLedger("s")
    numbers = itertools.count(1)

    def tell(event: IntentAccepted | OrderAcknowledged | FillSeen | TradeBooked | OrderClosed) -> None:
        record = JournalRecord(book.seq + 1, event)
        book.apply(record)
        books.apply(JournalRecord(books.seq + 1, event))
        ledger.apply(event)

    def live() -> None:
        for side in Side:
            intent = _intent(f"s:{next(numbers)}", leaving=side is Side.SELL)
            ledger.emitted(intent)
            book.hold(intent, 0, NOW)
            tag = order_id = intent.intent_id
            order = PlaceOrder(tag, "NSE", "INFY", side, 10, Product.MIS, OrderKind.MARKET)
            tell(IntentAccepted(tag, intent, order, 1, 0, NOW))
            tell(OrderAcknowledged(tag, order_id, "s", NOW))
            tell(FillSeen(tag, order_id, "s", 10, BrokerStatus.COMPLETE, NOW))
            tell(_trade(tag, side))
            tell(OrderClosed(tag, order_id, "s", OrderState.COMPLETE, 10, "", NOW))

    return live


def _risk_book() -> RiskBook:
    """With a position in each of two shares."""
    book = RiskBook(_INSTRUMENTS)
    book.apply(JournalRecord(1, DayOpened(DAY, 1_000_000 * RUPEE, NOW)))
    book.apply(JournalRecord(2, _trade("", Side.BUY)))
    book.apply(JournalRecord(3, _trade("", Side.BUY, OTHER)))
    for each in (SHARE, OTHER):
        book.mark(each.token, PRICE)
    return book


def _trade(tag: str, side: Side, of: Instrument = SHARE) -> TradeBooked:
    return TradeBooked(tag, tag, tag, "s", of.token, of.key, side, Product.MIS, 10, PRICE, NOW, NOW)


def _intent(intent_id: str, *, leaving: bool = False) -> OrderIntent:
    return OrderIntent(
        intent_id=intent_id,
        strategy="s",
        token=SHARE.token,
        instrument=SHARE.key,
        side=Side.SELL if leaving else Side.BUY,
        quantity=10,
        product=Product.MIS,
        kind=OrderKind.MARKET,
        reference_price=PRICE,
        valid_until=NOW + 30 * SECOND,
        event_time=NOW,
        decided_time=NOW,
        reduce_only=leaving,
    )


def _facts() -> MarketFacts:
    return MarketFacts(
        now=NOW,
        state=TradingState.ACTIVE,
        instrument=SHARE,
        price=PRICE,
        price_received=NOW - SECOND,
        hours=(NOW - 3_600 * SECOND, NOW + 3_600 * SECOND),
        mis_cutoff=NOW + 1_800 * SECOND,
        available_cash=1_000_000 * RUPEE,
        day_pnl=0,
    )
