"""A fixed trading day: journal records, a snapshot that follows from them, and what happened to the system."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence

from domain.messages.broker import PlaceOrder
from domain.messages.control import PortfolioSnapshot, PositionView
from domain.messages.journal import (
    DayOpened,
    IntentAccepted,
    IntentExpired,
    JournalEvent,
    JournalRecord,
    OrderAcknowledged,
    OrderClosed,
    OrderRejected,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.orders import OrderIntent
from domain.parity import DayParity
from domain.report.eod import DayEvent, DayFacts, EquityPoint
from domain.report.orders import OrderFacts
from domain.values import IST, MINUTE, RUPEE, SECOND, Nanos, OrderKind, Product, Side, nanos

DAY = "2026-11-20"
OPENING = 1_000_000 * RUPEE
INFY, SBIN = 408065, 779521
NAMES = {INFY: "NSE:INFY", SBIN: "NSE:SBIN"}


def at(clock: str, day: str = DAY) -> Nanos:
    """Market time `HH:MM[:SS]` on the day."""
    return nanos(dt.datetime.combine(dt.date.fromisoformat(day), dt.time.fromisoformat(clock), IST))


def an_intent(strategy: str, token: int, side: Side, quantity: int, price: int, time: Nanos) -> OrderIntent:
    """A market intent."""
    return OrderIntent(
        intent_id=f"{strategy}:{time}:{side.value}",
        strategy=strategy,
        token=token,
        instrument=NAMES[token],
        side=side,
        quantity=quantity,
        product=Product.MIS,
        kind=OrderKind.MARKET,
        reference_price=price,
        valid_until=time + 30 * SECOND,
        event_time=time,
        decided_time=time,
        reason="fast above slow" if side is Side.BUY else "fast below slow",
    )


def accepted(tag: str, intent: OrderIntent) -> IntentAccepted:
    """The intent, journaled."""
    exchange, symbol = intent.instrument.split(":")
    order = PlaceOrder(tag, exchange, symbol, intent.side, intent.quantity, intent.product, intent.kind)
    return IntentAccepted(tag, intent, order, 1, 0, intent.decided_time)


def a_trade(
    trade_id: str,
    order_id: str,
    tag: str,
    strategy: str,
    token: int,
    side: Side,
    quantity: int,
    price: int,
    time: Nanos,
) -> TradeBooked:
    """One booked execution."""
    return TradeBooked(
        trade_id, order_id, tag, strategy, token, NAMES[token], side, Product.MIS, quantity, price, time, time + SECOND
    )


def filled_order(
    number: int, strategy: str, token: int, side: Side, quantity: int, prices: Sequence[int], clock: str
) -> list[JournalEvent]:
    """An order's whole life, filled in as many equal parts as there are prices; decided at the first price."""
    tag, order_id, time = f"T{number:03d}", f"26112000000000{number:05d}", at(clock)
    part = quantity // len(prices)
    trades = [
        a_trade(f"{number * 10 + index}", order_id, tag, strategy, token, side, part, price, time + index * SECOND)
        for index, price in enumerate(prices)
    ]
    return [
        accepted(tag, an_intent(strategy, token, side, quantity, prices[0], time)),
        SendingClaimed(tag, time),
        OrderAcknowledged(tag, order_id, strategy, time),
        *trades,
        OrderClosed(tag, order_id, strategy, OrderState.COMPLETE, quantity, "", time + 2 * SECOND),
    ]


def journal_events() -> list[JournalEvent]:
    """Five filled orders, one rejected, one expired, one trade made by hand; SBIN stays open with 40."""
    refused = an_intent("rsi_reversion", SBIN, Side.BUY, 5000, 8_150_000, at("11:30"))
    late = an_intent("ma_cross", INFY, Side.BUY, 50, 15_010_000, at("12:10"))
    return [
        DayOpened(DAY, OPENING, at("09:10")),
        *filled_order(1, "ma_cross", INFY, Side.BUY, 100, [15_000_000, 15_002_000], "09:40"),
        *filled_order(2, "ma_cross", INFY, Side.SELL, 100, [15_090_000], "10:20"),
        *filled_order(3, "rsi_reversion", SBIN, Side.SELL, 40, [8_200_000], "10:50"),
        *filled_order(4, "rsi_reversion", SBIN, Side.BUY, 40, [8_216_000, 8_216_500], "11:10"),
        accepted("T005", refused),
        SendingClaimed("T005", refused.decided_time),
        OrderRejected("T005", "", "rsi_reversion", "Insufficient funds <required> 40,75,000", refused.decided_time),
        accepted("T006", late),
        IntentExpired("T006", late.intent_id, "ma_cross", "the decision is too old", at("12:11")),
        *filled_order(7, "rsi_reversion", SBIN, Side.BUY, 40, [8_100_500], "13:05"),
        a_trade("990", "EXT1", "", "", INFY, Side.BUY, 1, 15_100_000, at("14:00")),
        a_trade("991", "EXT2", "", "", INFY, Side.SELL, 1, 15_101_000, at("14:02")),
    ]


def journal() -> list[JournalRecord]:
    """The events with their numbers."""
    return [JournalRecord(seq, event) for seq, event in enumerate(journal_events(), start=1)]


def order_facts() -> OrderFacts:
    """The journal, folded."""
    facts = OrderFacts()
    for record in journal():
        facts.apply(record)
    return facts


CHARGES = (
    ("brokerage", 1_006_300),
    ("stt", 610_000),
    ("exchange", 151_900),
    ("sebi", 4_900),
    ("gst", 209_400),
    ("stamp", 90_000),
)


def snapshot() -> PortfolioSnapshot:
    """The books after that journal, SBIN at 811.25."""
    realised = 100 * 15_090_000 - 50 * (15_000_000 + 15_002_000)
    sbin = 40 * 8_200_000 - 20 * (8_216_000 + 8_216_500)
    last = 8_112_500
    cost = 40 * 8_100_500
    charges = sum(amount for _, amount in CHARGES)
    trades = order_facts().trades
    spent = sum(trade.side.sign * trade.quantity * trade.price for trade in trades)
    return PortfolioSnapshot(
        seq=len(journal()),
        time=at("15:30"),
        day=DAY,
        opening_cash=OPENING,
        cash=OPENING - spent - charges,
        positions_value=40 * last,
        realised=realised + sbin + 1_000,
        unrealised=40 * last - cost,
        charges=charges,
        round_trips=3,
        turnover=sum(trade.quantity * trade.price for trade in trades),
        positions=(
            PositionView("ma_cross", "NSE:INFY", INFY, Product.MIS, 0, 0, realised, 15_100_000, 0, 1_100_000, 1),
            PositionView(
                "rsi_reversion", "NSE:SBIN", SBIN, Product.MIS, 40, cost, sbin, last, 40 * last - cost, 950_000, 1
            ),
            PositionView("", "NSE:INFY", INFY, Product.MIS, 0, 0, 1_000, 15_100_000, 0, charges - 2_050_000, 1),
        ),
        charge_components=CHARGES,
    )


PARITY = DayParity(
    DAY,
    matched=7,
    missed=1,
    added=2,
    parts=(
        ("latency", 125_000), ("slippage", 62_500), ("model", -40_000), ("cost", 12_500), ("data", 0), ("missed", 501_000)
    ),
    left_out=(("idle", "it decides on prices, of which no candles tell"),),
)  # fmt: skip


def day_facts(points: int = 8) -> DayFacts:
    """How the system fared, and a curve that swings."""
    start, end = at("09:15"), at("15:29")
    times = [start + (end - start) * index // (points - 1) // MINUTE * MINUTE for index in range(points)]
    curve = tuple(
        EquityPoint(time, OPENING + round(900 * math.sin(index * 9 / points) + index * 250 / points) * RUPEE)
        for index, time in enumerate(times)
    )
    return DayFacts(
        env="sandbox",
        date=DAY,
        started=at("09:10"),
        finished=at("15:45"),
        runs=1,
        restarts=1,
        reconnects=1,
        alerts=2,
        denied=(("mis_cutoff", 3), ("stale_price", 1)),
        events=(
            DayEvent(at("11:00"), "drill", "drop_feed", ""),
            DayEvent(at("11:00:04"), "reconnect", "feed", "connected again"),
            DayEvent(at("13:00"), "drill", "crash_strategy", "ma_cross"),
            DayEvent(at("13:00:01"), "restart", "strategy.ma_cross", "DrillCrash: <drill>"),
            DayEvent(at("15:00"), "job", "square_off", "equity_auction"),
        ),
        equity_curve=curve,
        parity=PARITY,
    )


def stated_books() -> dict[str, object]:
    """What an exchange that agrees would state, as decoded JSON."""
    books = snapshot()

    def money(amount: int) -> float:
        return amount / RUPEE

    return {
        "opening_cash": money(books.opening_cash),
        "cash": money(books.cash),
        "positions_value": money(books.positions_value),
        "realised": money(books.realised),
        "unrealised": money(books.unrealised),
        "charges": {"total": money(books.charges), **{name: money(amount) for name, amount in CHARGES}},
        "positions": [
            {
                "exchange": "NSE",
                "tradingsymbol": "SBIN",
                "product": "MIS",
                "quantity": 40,
                "buy_value": 65283.0,
                "sell_value": 32800.0,
                "last_price": 811.25,
            }
        ],
        "orders": len(order_facts().order_ids()),
        "trades": len(order_facts().trades),
        "unit": "INR",
    }
