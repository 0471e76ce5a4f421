"""10,000 random orders of every segment, on days of every tariff: our notes against the sandbox's, by separate code.

The sandbox's rates, rounding and code are its own. A depository charge is counted here by hand, since there it is the
books that know what was held; so is whether the tax on an exercise is due.
"""

import datetime as dt
import random
from collections import defaultdict
from fractions import Fraction

import pytest

from domain.costs import (
    ChargeableTrade,
    ChargeKind,
    Exercise,
    NoteBuilder,
    kind_by_name,
    order_charges,
    units_per_quantity,
)
from domain.values import RUPEE, Product, Side
from sandbox import charges as sandbox

ORDERS = 10_000
DAYS = [
    dt.date.fromisoformat(day)
    for day in ("2024-10-01", "2025-07-14", "2026-02-27", "2026-03-02", "2026-03-31", "2026-04-01", "2026-11-20")
]
NAMES = {
    "NSE": ["INFY", "SBIN", "RELIANCE", "TCS"],
    "BSE": ["INFY", "SBIN"],
    "NFO": ["NIFTY26NOVFUT", "SBIN26NOVFUT", "NIFTY2611724500CE", "NIFTY2611724500PE", "SBIN26NOV820CE"],
    "BFO": ["SENSEX26NOVFUT", "SENSEX26N1982000CE", "SENSEX26N1982000PE"],
    "CDS": ["USDINR26NOVFUT", "USDINR26NOV89.25CE", "EURINR26NOVFUT"],
    "BCD": ["USDINR26NOVFUT", "USDINR26NOV89PE"],
    "MCX": ["GOLDM26DECFUT", "GOLDPETAL26NOVFUT", "CRUDEOIL26DEC5300CE", "CRUDEOIL26DECFUT"],
}
PRODUCTS = {"NSE": ["CNC", "MIS", "MTF"], "BSE": ["CNC", "MIS"]}


class Day:
    """One random day on both sides."""

    def __init__(self, day: dt.date, rng: random.Random) -> None:
        self.day, self.rng = day, rng
        self.ours = NoteBuilder(day)
        self.theirs: list[sandbox.ExecutedOrder] = []
        self.delivered: dict[str, int] = defaultdict(int)
        self.out_of_holdings: set[str] = set()
        self.exercise_taxes = 0

    def order(self, number: int) -> None:
        rng = self.rng
        exchange = rng.choice(list(NAMES))
        symbol = rng.choice(NAMES[exchange])
        product = Product(rng.choice(PRODUCTS.get(exchange, ["NRML", "MIS"])))
        side = rng.choice(list(Side))
        squared_off = product is Product.MIS and rng.random() < 0.05
        kind = kind_by_name(exchange, symbol, product)
        assert kind is not None
        turnover = 0
        for _ in range(rng.randint(1, 3)):
            trade = ChargeableTrade(
                order_id=str(number),
                day=self.day,
                instrument=f"{exchange}:{symbol}",
                exchange=exchange,
                kind=kind,
                product=product,
                side=side,
                quantity=rng.randint(1, 3_000),
                price=rng.randint(1, 400_000) * 25,
                strategy=rng.choice(["a", "b"]),
                multiplier=units_per_quantity(exchange, symbol),
                squared_off_by_broker=squared_off,
            )
            turnover += trade.turnover
            self.ours.add(trade)
            if kind is ChargeKind.EQUITY_DELIVERY:
                self.delivered[trade.instrument] += side.sign * trade.quantity
                if side is Side.SELL and self.delivered[trade.instrument] < 0:
                    self.out_of_holdings.add(trade.instrument)
        self.theirs.append(sandbox.ExecutedOrder(exchange, symbol, product.value, side.sign, turnover, squared_off))
        self._compare_order(exchange, symbol, product, kind, side, turnover)

    def _compare_order(
        self, exchange: str, symbol: str, product: Product, kind: ChargeKind, side: Side, turnover: int
    ) -> None:
        one = order_charges(self.day, exchange, kind, side, turnover)
        other = sandbox.order_charges(exchange, product.value, side.sign, turnover, symbol, self.day)
        for part in ("tax", "exchange", "sebi", "brokerage", "stamp", "gst"):
            assert getattr(one, part) == getattr(other, part) / RUPEE, (self.day, exchange, symbol, part)

    def exercise(self, symbol: str) -> None:
        value = self.rng.randint(1, 10**9)
        self.ours.exercise(Exercise(self.day, f"NFO:{symbol}", ChargeKind.EQUITY_OPTION, Product.NRML, "a", value))
        self.exercise_taxes += sandbox.exercise_tax(self.day, value)

    def compare(self) -> None:
        note = self.ours.note()
        expected = sandbox.note_charges(
            self.theirs, len(self.out_of_holdings), exercise_taxes=self.exercise_taxes, day=self.day
        )
        assert dict(note.components) == {name: getattr(expected, name) for name in expected.__struct_fields__}, self.day
        assert note.total == expected.total
        assert sum(self.ours.allocate().values()) == note.total
        assert sum(self.ours.tax_by_line().values()) == note.stt


@pytest.mark.parametrize("day", DAYS, ids=str)
def test_ours_equals_the_sandboxs_note_to_the_last_unit(day: dt.date) -> None:
    rng = random.Random(day.toordinal())
    orders = 0
    while orders < ORDERS // len(DAYS) + 1:
        one = Day(day, rng)
        for number in range(rng.choice([1, 2, 5, 20, 150])):
            one.order(number)
            orders += 1
        for symbol in rng.sample(["NIFTY2611724500CE", "SBIN26NOV820CE", "NIFTY2611724500PE"], rng.randint(0, 2)):
            one.exercise(symbol)
        one.compare()


def test_a_difference_of_one_rate_would_show() -> None:
    """The proof proves something: a hundredth of the stamp duty's smallest rate is seen."""
    turnover = 100_000 * RUPEE
    right = order_charges(DAYS[0], "CDS", ChargeKind.CURRENCY_FUTURE, Side.BUY, turnover).stamp
    other = sandbox.order_charges("CDS", "NRML", 1, turnover, "USDINR26NOVFUT", DAYS[0]).stamp / RUPEE

    assert right == other == Fraction(1, 10)
