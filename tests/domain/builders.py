"""Builders that name only what matters to a case; everything else is an ordinary morning on the NSE."""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec.structs import replace

from domain.costs import ChargeableTrade, ChargeKind
from domain.messages.broker import BrokerStatus, PlaceOrder
from domain.messages.control import TradingState
from domain.messages.journal import DayOpened, FillSeen, IntentAccepted, JournalEvent, JournalRecord, TradeBooked
from domain.messages.orders import OrderIntent
from domain.risk import MarketFacts, RiskBook, RiskLimits
from domain.values import (
    IST,
    RUPEE,
    SECOND,
    Instrument,
    InstrumentKind,
    Nanos,
    OrderKind,
    Product,
    Side,
    e4,
    nanos,
)

DAY = dt.date(2026, 11, 20)
NEXT_DAY = dt.date(2026, 11, 23)
INFY = Instrument(token=408065, exchange="NSE", symbol="INFY", kind=InstrumentKind.EQUITY, tick_size=e4("0.05"))
SBIN = Instrument(token=779521, exchange="NSE", symbol="SBIN", kind=InstrumentKind.EQUITY, tick_size=e4("0.05"))
NIFTY_FUTURE = Instrument(
    token=9_000_002,
    exchange="NFO",
    symbol="NIFTY26NOVFUT",
    name="NIFTY",
    kind=InstrumentKind.FUTURE,
    tick_size=e4("0.10"),
    lot_size=65,
    expiry=dt.date(2026, 11, 24),
    freeze_quantity=1800,
)
GOLD_FUTURE = Instrument(
    token=9_000_007,
    exchange="MCX",
    symbol="GOLDM26DECFUT",
    kind=InstrumentKind.FUTURE,
    tick_size=RUPEE,
    multiplier=10,
    expiry=dt.date(2026, 12, 4),
)
INSTRUMENTS = {one.key: one for one in (INFY, SBIN, NIFTY_FUTURE, GOLD_FUTURE)}


def at(clock: str, day: dt.date = DAY) -> Nanos:
    """`HH:MM[:SS]` of the day, IST."""
    return nanos(dt.datetime.combine(day, dt.time.fromisoformat(clock), IST))


NOW = at("11:00")


def an_intent(intent_id: str = "s1:1", **changes: Any) -> OrderIntent:
    """A market purchase of 10 INFY at about Rs 1,000 by strategy s1, MIS."""
    plain = OrderIntent(
        intent_id=intent_id,
        strategy="s1",
        token=INFY.token,
        instrument=INFY.key,
        side=Side.BUY,
        quantity=10,
        product=Product.MIS,
        kind=OrderKind.MARKET,
        reference_price=1000 * RUPEE,
        valid_until=NOW + 30 * SECOND,
        event_time=NOW,
        decided_time=NOW,
    )
    return replace(plain, **changes)


def some_facts(**changes: Any) -> MarketFacts:
    """11:00, ACTIVE, INFY at Rs 1,000 a second ago, ample funds, no result yet."""
    plain = MarketFacts(
        now=NOW,
        state=TradingState.ACTIVE,
        instrument=INFY,
        price=1000 * RUPEE,
        price_received=NOW - SECOND,
        hours=(at("09:15"), at("15:15")),
        mis_cutoff=at("14:50"),
        available_cash=1_000_000_000 * RUPEE,
        day_pnl=0,
    )
    return replace(plain, **changes)


def some_limits(**changes: Any) -> RiskLimits:
    """Limits that refuse nothing ordinary; a case tightens the one that it is about."""
    plain = RiskLimits(
        max_quantity_per_order=1_000_000,
        max_value_per_order=100_000_000 * RUPEE,
        orders_per_second=1_000,
        orders_per_minute=10_000,
        orders_per_day=100_000,
        strategy_orders_per_second=1_000,
        strategy_orders_per_minute=10_000,
        strategy_orders_per_day=100_000,
        open_orders_per_instrument=1_000,
        open_orders_per_strategy=1_000,
        open_orders=1_000,
        exits_reserved_share=0,
        max_position_quantity=10_000_000,
        max_position_value_per_instrument=1_000_000_000 * RUPEE,
        underlying_exposure_max=1_000_000_000 * RUPEE,
        strategy_exposure_max=1_000_000_000 * RUPEE,
        product_exposure_max=1_000_000_000 * RUPEE,
        segment_exposure_max=1_000_000_000 * RUPEE,
        net_exposure_max=1_000_000_000 * RUPEE,
        gross_exposure_max=1_000_000_000 * RUPEE,
        concentration_max_percent=1_000_000,
        daily_loss_max=1_000_000 * RUPEE,
        strategy_daily_loss_max=1_000_000 * RUPEE,
        day_drawdown_max=1_000_000 * RUPEE,
        drawdown_max=1_000_000 * RUPEE,
        stale_price_seconds=10,
        price_band_percent=3,
        margin_buffer_percent=0,
    )
    return replace(plain, **changes)


def accepted(intent: OrderIntent, tag: str, margin: int = 0, time: Nanos = NOW) -> IntentAccepted:
    """The intent, journaled."""
    exchange, _, symbol = intent.instrument.partition(":")
    order = PlaceOrder(
        tag=tag,
        exchange=exchange,
        symbol=symbol,
        side=intent.side,
        quantity=intent.quantity,
        product=intent.product,
        kind=intent.kind,
        price=intent.price,
        trigger_price=intent.trigger_price,
    )
    return IntentAccepted(tag=tag, intent=intent, order=order, risk_epoch=1, margin_held=margin, time=time)


def seen(intent: OrderIntent, tag: str, filled: int) -> FillSeen:
    """A cumulative update."""
    return FillSeen(
        tag=tag, order_id=f"o-{tag}", strategy=intent.strategy, filled=filled, status=BrokerStatus.OPEN, time=NOW
    )


def a_trade(trade_id: str = "t1", **changes: Any) -> TradeBooked:
    """10 INFY bought at Rs 1,000 by s1, MIS, in order o1."""
    plain = TradeBooked(
        trade_id=trade_id,
        order_id="o1",
        tag="",
        strategy="s1",
        token=INFY.token,
        instrument=INFY.key,
        side=Side.BUY,
        product=Product.MIS,
        quantity=10,
        price=1000 * RUPEE,
        event_time=NOW,
        booked_time=NOW,
    )
    return replace(plain, **changes)


def buy(quantity: int, price: int, **changes: Any) -> TradeBooked:
    """A purchase; price in rupees."""
    return a_trade(quantity=quantity, price=price * RUPEE, **changes)


def sell(quantity: int, price: int, **changes: Any) -> TradeBooked:
    """A sale in another order; price in rupees."""
    return a_trade(side=Side.SELL, order_id="o2", quantity=quantity, price=price * RUPEE, **changes)


def a_chargeable(**changes: Any) -> ChargeableTrade:
    """10 INFY bought at Rs 1,000 on the NSE, MIS."""
    plain = ChargeableTrade(
        order_id="o1",
        day=DAY,
        instrument=INFY.key,
        exchange="NSE",
        kind=ChargeKind.EQUITY_INTRADAY,
        product=Product.MIS,
        side=Side.BUY,
        quantity=10,
        price=1000 * RUPEE,
        strategy="s1",
    )
    return replace(plain, **changes)


def day_opened(day: dt.date = DAY, cash: int = 1_000_000 * RUPEE) -> DayOpened:
    """The broker states its cash at the day's start."""
    return DayOpened(day=day.isoformat(), opening_cash=cash, time=at("09:00", day))


def journal(*events: JournalEvent, after: int = 0) -> list[JournalRecord]:
    """The events, numbered."""
    return [JournalRecord(seq=seq, event=event) for seq, event in enumerate(events, start=after + 1)]


def a_risk_book(*events: JournalEvent) -> RiskBook:
    """A book that has folded the day's opening and these events."""
    book = RiskBook(INSTRUMENTS)
    book.apply_all(journal(day_opened(), *events))
    return book
