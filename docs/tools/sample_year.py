"""Twenty months of invented trading, kept as a trader keeps it: for pictures of the period report, and for tests.

Prices walk at random from a seed, five minutes at a time; four simple habits trade on them. What is stored is real: the
order journal, and each day's end-of-day report, made by the books themselves.
"""

from __future__ import annotations

import datetime as dt
import random
import threading
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.report.writer import EodWriter
from adapters.store.journal import SqliteJournal
from domain.calendar import SessionCalendar
from domain.messages.broker import PlaceOrder
from domain.messages.journal import (
    DayOpened,
    IntentAccepted,
    JournalEvent,
    JournalRecord,
    OrderAcknowledged,
    OrderClosed,
    OrderState,
    SendingClaimed,
    TradeBooked,
)
from domain.messages.orders import OrderIntent
from domain.portfolio import Book
from domain.report.eod import build
from domain.report.memory import DayMemory
from domain.report.orders import OrderFacts
from domain.values import IST, MINUTE, RUPEE, SECOND, Nanos, OrderKind, Product, SessionClass, Side, nanos

OPENING: Final = 1_500_000 * RUPEE
STEP: Final = 5
"""Minutes of a price's step."""

SAMPLED: Final = 2
"""Steps between two points of the equity curve."""

STEPS: Final = 74
"""From 09:15 to 15:25."""

TICK: Final = 500


class Stock(Struct):
    """A price that walks: with the market by `beta`, and by itself with a drift that dies away slowly."""

    token: int
    key: str
    price: float
    beta: float
    own: float
    drift: float = 0.0


class Wish(Struct, frozen=True):
    """What a habit wants now: signed units."""

    strategy: str
    stock: Stock
    product: Product
    quantity: int


class SampleYear:
    """The invented account. `days` trading days from `start`; everything follows from the seed."""

    def __init__(self, data: Path, reports: Path, start: dt.date, end: dt.date, seed: int = 7) -> None:
        data.mkdir(parents=True, exist_ok=True)
        self._journal = SqliteJournal(data / "journal.db", threading.Lock)
        self._writer = EodWriter(reports)
        self._rng = random.Random(seed)  # noqa: S311 - invented prices, nothing secret
        self._start, self._end = start, end
        self._book, self._facts = Book(), OrderFacts()
        self._orders = self._trades = 0
        self._market = 100.0
        self.index: list[tuple[dt.date, float]] = []
        self._stocks = {
            name: Stock(token, f"{exchange}:{name}", price, beta, own)
            for token, (exchange, name, price, beta, own) in enumerate(
                [
                    ("NSE", "INFY", 1510.0, 0.9, 0.0012),
                    ("NSE", "SBIN", 812.0, 1.2, 0.0013),
                    ("NSE", "TCS", 3410.0, 0.8, 0.0010),
                    ("NSE", "RELIANCE", 1420.0, 1.1, 0.0011),
                    ("NSE", "TITAN", 3500.0, 0.9, 0.0012),
                    ("NFO", "NIFTY26DEC26000CE", 182.0, 6.0, 0.0080),
                ],
                start=5001,
            )
        }

    def trade(self) -> None:
        """Live through all days, and close the journal."""
        calendar = SessionCalendar(fallback_weekdays=False)
        day = self._start
        cash = OPENING
        while day <= self._end:
            if calendar.is_trading_day(day, SessionClass.EQUITY):
                cash = self._day(day, cash)
            day += dt.timedelta(days=1)
        self._journal.close()

    def _day(self, day: dt.date, cash: int) -> int:
        opened = _at(day, 0)
        memory = DayMemory(equity_step=SAMPLED * STEP * MINUTE)
        self._commit([DayOpened(day.isoformat(), cash, opened)])
        memory.begin_run("sample", opened)
        memory.open(day.isoformat(), self._facts.day_seq, opened)
        gap = self._rng.gauss(0.0004, 0.005)
        self._move(gap, 2.0)
        paths: dict[str, list[float]] = {name: [] for name in self._stocks}
        for step in range(STEPS):
            self._move(self._rng.gauss(0.0, 0.00085), 1.0)
            for name, stock in self._stocks.items():
                paths[name].append(stock.price)
                self._book.mark(stock.token, _tick(stock.price))
            for wish in self._wishes(day, step, paths):
                self._fill(wish, _at(day, step * STEP))
            if step % SAMPLED == 0:
                memory.sample(self._book.snapshot(_at(day, step * STEP)))
        closed = _at(day, STEPS * STEP)
        snapshot = self._book.snapshot(closed)
        self._writer.write(build(snapshot, self._facts, memory.facts("sandbox", closed)))
        self.index.append((day, self._market))
        return snapshot.cash

    def _move(self, market: float, own: float) -> None:
        self._market *= 1 + market
        for stock in self._stocks.values():
            stock.drift = 0.8 * stock.drift + self._rng.gauss(0.0, 0.18 * own * stock.own)
            stock.price *= 1 + stock.beta * market + stock.drift + self._rng.gauss(0.0, own * stock.own)
        # Contracts end and begin: an option that has run off is followed by one near the money.
        option = self._stocks["NIFTY26DEC26000CE"]
        if not 60 < option.price < 420:
            option.price = 180.0

    def _wishes(self, day: dt.date, step: int, paths: dict[str, list[float]]) -> list[Wish]:
        wishes = []
        for strategy, name, quantity in (("ma_crossover", "INFY", 120), ("ma_crossover", "SBIN", 220)):
            path, held = paths[name], self._held(strategy, name, Product.MIS)
            fast, slow = _mean(path[-4:]), _mean(path[-16:])
            want = (
                0
                if step >= 66 or step < 16
                else quantity
                if fast > slow * 1.0018
                else -quantity
                if fast < slow * 0.9982
                else held
            )
            wishes.append(Wish(strategy, self._stocks[name], Product.MIS, want - held))
        path, held = paths["TCS"], self._held("rsi_reversion", "TCS", Product.MIS)
        away = path[-1] / _mean(path[-24:]) - 1
        want = held if 20 <= step < 66 else 0
        if 20 <= step < 60 and held == 0:
            want = 60 if away < -0.006 else -60 if away > 0.006 else 0
        elif held * away > 0:
            want = 0
        wishes.append(Wish("rsi_reversion", self._stocks["TCS"], Product.MIS, want - held))
        held = self._held("premium", "NIFTY26DEC26000CE", Product.NRML)
        if day.weekday() in (1, 3):
            want = -130 if 10 <= step < 64 else 0
            wishes.append(Wish("premium", self._stocks["NIFTY26DEC26000CE"], Product.NRML, want - held))
        if step == 30 and day.day in (5, 6) and day.weekday() < 4:
            for name, units in (("RELIANCE", 40), ("TITAN", 15)):
                held = self._held("swing", name, Product.CNC)
                selling = held >= 5 * units and self._rng.random() < 0.5
                wishes.append(Wish("swing", self._stocks[name], Product.CNC, -2 * units if selling else units))
        return [wish for wish in wishes if wish.quantity]

    def _held(self, strategy: str, name: str, product: Product) -> int:
        key = self._stocks[name].key
        lines = (each for each in self._book.ledgers if (each.strategy, each.instrument) == (strategy, key))
        return sum(each.quantity for each in lines if each.product is product)

    def _fill(self, wish: Wish, time: Nanos) -> None:
        self._orders += 1
        side = Side.BUY if wish.quantity > 0 else Side.SELL
        price = _tick(wish.stock.price) + side.sign * TICK
        tag, order_id = f"S{self._orders:06d}", f"26{self._orders:013d}"
        exchange, symbol = wish.stock.key.split(":")
        quantity = abs(wish.quantity)
        intent = OrderIntent(
            intent_id=f"{wish.strategy}:{self._orders}",
            strategy=wish.strategy,
            token=wish.stock.token,
            instrument=wish.stock.key,
            side=side,
            quantity=quantity,
            product=wish.product,
            kind=OrderKind.MARKET,
            reference_price=_tick(wish.stock.price),
            valid_until=time + 30 * SECOND,
            event_time=time,
            decided_time=time,
        )
        order = PlaceOrder(tag, exchange, symbol, side, quantity, wish.product, OrderKind.MARKET)
        self._trades += 1
        trade = TradeBooked(
            str(self._trades), order_id, tag, wish.strategy, wish.stock.token, wish.stock.key, side, wish.product,
            quantity, price, time + SECOND, time + 2 * SECOND,
        )  # fmt: skip
        self._commit(
            [
                IntentAccepted(tag, intent, order, 1, 0, time),
                SendingClaimed(tag, time),
                OrderAcknowledged(tag, order_id, wish.strategy, time),
                trade,
                OrderClosed(tag, order_id, wish.strategy, OrderState.COMPLETE, quantity, "", time + 2 * SECOND),
            ]
        )

    def _commit(self, events: list[JournalEvent]) -> None:
        for record in self._journal.commit(events):
            assert isinstance(record, JournalRecord)
            self._book.apply(record)
            self._facts.apply(record)


def _at(day: dt.date, minutes: int) -> Nanos:
    return nanos(dt.datetime.combine(day, dt.time(9, 15), IST)) + minutes * MINUTE


def _tick(price: float) -> int:
    return round(price * RUPEE / TICK) * TICK


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
