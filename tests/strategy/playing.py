"""Plays a strategy's runner against bars, with fills at once and in full: enough to see what it decides."""

from __future__ import annotations

from collections.abc import Sequence

from domain.bars import Bar
from domain.messages.broker import PlaceOrder
from domain.messages.journal import (
    IntentAccepted,
    JournalEvent,
    OrderAcknowledged,
    OrderClosed,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.market import BarsBackfilled, PriceChanged
from domain.messages.orders import OrderIntent
from domain.strategy.runner import RunnerSettings, Strategy, StrategyRunner
from domain.strategy.sizing import FixedQuantity
from domain.values import SECOND, Instrument, InstrumentKind, Nanos, Product, e4
from tests.market.making import INFY, OPENS, OneDay

SHARE = Instrument(token=INFY, exchange="NSE", symbol="INFY", kind=InstrumentKind.EQUITY, tick_size=e4("0.05"))
SETTINGS = RunnerSettings(
    interval_seconds=60, product=Product.MIS, sizing=FixedQuantity(100), intent_valid_seconds=30, config_version=3
)


def at(second: int) -> Nanos:
    return (OPENS + second) * SECOND


def a_bar(minute: int, close: int, *, complete: bool = True, backfilled: bool = False, token: int = INFY) -> Bar:
    """A minute bar around `close` (rupees)."""
    price = close * 10_000
    return Bar(token, 60, at(60 * minute), price, price + 500, price - 500, price, 100, complete, backfilled)


def a_price(second: int, rupees: int, token: int = INFY) -> PriceChanged:
    price = rupees * 10_000
    return PriceChanged(token, price, price - 500, price + 500, 1_000, at(second), at(second))


def a_runner(strategy: Strategy, *, name: str = "it", settings: RunnerSettings = SETTINGS) -> StrategyRunner:
    return StrategyRunner(name, strategy, [SHARE], settings, OneDay().today)


def warmed(runner: StrategyRunner, bars: Sequence[Bar] = ()) -> StrategyRunner:
    runner.backfilled(BarsBackfilled(INFY, 60, tuple(bars)), at(0))
    return runner


def accepted(intent: OrderIntent) -> IntentAccepted:
    order = PlaceOrder(
        tag=intent.intent_id, exchange="NSE", symbol="INFY", side=intent.side, quantity=intent.quantity,
        product=intent.product, kind=intent.kind,
    )  # fmt: skip
    return IntentAccepted(tag=intent.intent_id, intent=intent, order=order, risk_epoch=1, margin_held=0, time=0)


def filled(intent: OrderIntent, quantity: int | None = None, time: Nanos | None = None) -> list[JournalEvent]:
    """The journal of an order that fills at its reference price."""
    done = intent.quantity if quantity is None else quantity
    tag, when = intent.intent_id, intent.decided_time if time is None else time
    trade = TradeBooked(
        f"{tag}-1", "1", tag, intent.strategy, intent.token, intent.instrument, intent.side, intent.product, done,
        intent.reference_price, when, when,
    )  # fmt: skip
    ended = OrderClosed(tag, "1", intent.strategy, OrderState.COMPLETE, done, "", when)
    sent: list[JournalEvent] = [SendingClaimed(tag, when), OrderAcknowledged(tag, "1", intent.strategy, when)]
    return [accepted(intent), *sent, trade, ended]


def fill_all(runner: StrategyRunner, intents: Sequence[OrderIntent], now: Nanos) -> list[OrderIntent]:
    """Fill these and what follows from them; every intent, in order."""
    done: list[OrderIntent] = []
    waiting = list(intents)
    while waiting:
        intent = waiting.pop(0)
        done.append(intent)
        for event in filled(intent):
            waiting.extend(runner.journaled(event, now))
    return done


def play(runner: StrategyRunner, bars: Sequence[Bar]) -> list[OrderIntent]:
    """Every bar as it closes, every order filled at once; all intents."""
    made: list[OrderIntent] = []
    for bar in bars:
        made += fill_all(runner, runner.bar(bar, bar.end), bar.end)
    return made
