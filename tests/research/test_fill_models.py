"""What becomes of an order inside a bar, worked by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pytest

from domain.bars import Bar
from domain.messages.market import PriceChanged
from domain.strategy.event import EventStrategy, IntentDraft, View
from domain.values import IST, SECOND, Instrument, InstrumentKind, OrderKind, Side, nanos
from research.data.candles import Candles
from research.event_engine import EventEngine
from research.fills import FillModel, Inside, moved_price, parse_fill, worse_price
from research.records import REASONS, Outcome, Run
from research.settings import Charges, RunSettings, no_limits
from tests.research.drawing import CALENDAR
from tests.research.shapes import Crossing

OPENS = nanos(dt.datetime(2026, 11, 2, 10, tzinfo=IST))
SHARE = Instrument(1, "NSE", "INFY", InstrumentKind.EQUITY, 500)

Ohlc = tuple[float, float, float, float]


def candles(rows: Sequence[Ohlc], volume: int = 1_000) -> Candles:
    table = (np.array(rows) * 10_000).round().astype(np.int64)
    start = OPENS + np.arange(len(rows), dtype=np.int64) * 60 * SECOND
    opens, highs, lows, closes = (np.ascontiguousarray(table[:, at]) for at in range(4))
    return Candles(SHARE, 60, start, opens, highs, lows, closes, np.full(len(rows), volume, dtype=np.int64))


class Script(EventStrategy, frozen=True):
    """Orders one thing at the first bar."""

    kind: str = "MARKET"
    price: int = 0
    trigger: int = 0
    side: str = "BUY"
    quantity: int = 10

    def remember(self) -> object:
        return []

    def on_bar(self, view: View, bar: Bar) -> Sequence[IntentDraft]:
        memory = view.memory
        assert isinstance(memory, list)
        if memory:
            return ()
        memory.append(bar)
        return [
            IntentDraft(
                bar.token,
                Side(self.side),
                self.quantity,
                bar.start,
                bar.close,
                kind=OrderKind(self.kind),
                price=self.price,
                trigger_price=self.trigger,
            )
        ]

    def on_price(self, view: View, price: PriceChanged) -> Sequence[IntentDraft]:
        return ()


def play(strategy: EventStrategy | Crossing, rows: Sequence[Ohlc], fill: FillModel, volume: int = 1_000) -> Run:
    settings = RunSettings(limits=no_limits(), charges=Charges(flat=0), fill=fill, sessions=False)
    return EventEngine(strategy, [candles(rows, volume)], settings, CALENDAR).run()


def prices(run: Run) -> list[float]:
    return [fill.price / 10_000 for fill in run.fills]


FLAT = (100.0, 100.0, 100.0, 100.0)


@pytest.mark.parametrize(
    ("order", "then", "model", "wanted"),
    [
        # A market order: the next open, whatever the model.
        (Script(), (101, 102, 99, 100), "next-open", [101.0]),
        (Script(), (101, 102, 99, 100), "pessimistic", [101.0]),
        # Half of a spread of 20 points and a tick against the buyer: 101 + 0.101 + 0.05, up to the tick.
        (Script(), (101, 102, 99, 100), "next-open,spread=20,ticks=1", [101.2]),
        (Script(side="SELL"), (101, 102, 99, 100), "next-open,spread=20,ticks=1", [100.8]),
        # Half the bar's time late: half the way from the open to the extreme that hurts.
        (Script(), (101, 102, 99, 100), "next-open,latency=30000", [101.5]),
        # Later than a bar: the one after it.
        (Script(), (101, 102, 99, 100), "next-open,latency=90000", [100.0]),
        # A limit is filled at its price, or better where the bar opens there.
        (Script(kind="LIMIT", price=995_000), (101, 102, 99, 100), "touch", [99.5]),
        (Script(kind="LIMIT", price=1_020_000), (101, 102, 99, 100), "touch", [101.0]),
        (Script(kind="LIMIT", price=990_000), (101, 102, 99, 100), "touch", [99.0]),
        # Touched is not enough for a pessimist; nor does anybody look inside a bar with next-open.
        (Script(kind="LIMIT", price=990_000), (101, 102, 99, 100), "pessimistic", []),
        (Script(kind="LIMIT", price=995_000), (101, 102, 99, 100), "next-open", []),
        # A stop: at its trigger, at the worst price, at the open where that gapped over it.
        (Script(kind="STOP_MARKET", trigger=1_015_000), (101, 102, 99, 100), "touch", [101.5]),
        (Script(kind="STOP_MARKET", trigger=1_015_000), (101, 102, 99, 100), "pessimistic", [102.0]),
        (Script(kind="STOP_MARKET", trigger=1_005_000), (101, 102, 99, 100), "touch", [101.0]),
    ],
)
def test_an_order_is_filled_as_the_model_says(order: Script, then: Ohlc, model: str, wanted: list[float]) -> None:
    assert prices(play(order, [FLAT, then, FLAT], parse_fill(model))) == wanted


def test_a_small_volume_fills_in_parts_over_the_bars() -> None:
    run = play(Script(quantity=25), [FLAT] * 6, parse_fill("next-open,participation=1"), volume=1_000)

    assert [fill.signed for fill in run.fills] == [10, 10, 5]
    assert run.orders[0].outcome == Outcome.FILLED


def test_every_order_may_be_refused() -> None:
    run = play(Script(), [FLAT] * 4, parse_fill("next-open,reject=100"))

    assert [order.outcome for order in run.orders] == [Outcome.REJECTED]
    assert not run.fills


RISING = [(100.0 + at, 100.5 + at, 99.5 + at, 100.0 + at) for at in range(6)]


@pytest.mark.parametrize(
    ("bar", "inside", "reason", "price"),
    [
        # Long; the stop 1.05 % below the close of 105 (103.8975, so at the tick 103.85), the target 1 % above (106.05).
        ((105, 110, 100, 105), Inside.TOUCH, "stop", 103.85),
        ((105, 110, 100, 105), Inside.PESSIMISTIC, "stop", 100.0),
        ((105, 110, 104.5, 105), Inside.TOUCH, "target", 106.05),
        ((105, 106.05, 104.5, 105), Inside.PESSIMISTIC, "", 0.0),
        ((105, 106.1, 104.5, 105), Inside.PESSIMISTIC, "target", 106.05),
    ],
)
def test_a_stop_and_a_target_in_one_bar_never_both_win(bar: Ohlc, inside: Inside, reason: str, price: float) -> None:
    rule = Crossing(fast=2, slow=3, stop=0.0105, target=0.01)
    rows = [*RISING, bar]
    run = play(rule, rows, FillModel(inside=inside))
    left = [fill for fill in run.fills if run.orders[fill.order].reduce_only and fill.time >= candles(rows).start[-1]]

    assert len(left) <= 1
    if not reason:
        assert not left
        return
    assert REASONS[run.orders[left[0].order].reason] == reason
    assert left[0].price / 10_000 == pytest.approx(price)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("best", "allowed: next-open, touch, pessimistic"),
        ("touch,luck=1", "'luck=1'"),
        ("touch,spread=wide", "want a number"),
        ("touch,reject=101", "<= 100"),
    ],
)
def test_a_fill_model_that_is_none_is_refused(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_fill(text)


def test_costs_are_never_in_favour_of_whoever_orders() -> None:
    for price in range(1, 5_000, 7):
        for sign in (1, -1):
            assert sign * (worse_price(sign, price * 100, 370, 2, 500) - price * 100) >= 0 or price * 100 < 2_000
            assert sign * (moved_price(sign, price, price + sign * 9, 30, 60) - price) >= 0
