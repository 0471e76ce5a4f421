"""Positions and profit against the sandbox's, computed by its own code, for random sequences of trades.

Segments with and without multipliers, two strategies on one account, nights, conversions, settlements. The rows of the
wire are compared as they stand there: quantities, values, averages, profit, the day's profit.
"""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

import pytest
from msgspec.structs import replace

from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.journal import JournalEvent
from domain.portfolio import Book
from domain.values import E4, Instrument, InstrumentKind, Nanos, Product, Side, e4
from sandbox.instruments import Instrument as TheirInstrument
from sandbox.ledger import Key, Ledger
from sandbox.margins import Margin
from sandbox.portfolio import Portfolio, Position
from tests.domain.builders import DAY, GOLD_FUTURE, INFY, NEXT_DAY, NIFTY_FUTURE, SBIN, a_trade, at, day_opened, journal

DOLLAR: Final = Instrument(
    token=9_000_009,
    exchange="CDS",
    symbol="USDINR26NOVFUT",
    kind=InstrumentKind.FUTURE,
    tick_size=25,
    multiplier=1000,
    expiry=GOLD_FUTURE.expiry,
)
OPTION: Final = replace(
    NIFTY_FUTURE, token=9_000_010, symbol="NIFTY26NOV24000CE", kind=InstrumentKind.CALL, strike=240_000_000
)
BSE_SHARE: Final = replace(INFY, token=9_000_011, exchange="BSE", symbol="RELIANCE")
SENSEX: Final = replace(
    NIFTY_FUTURE, token=9_000_012, exchange="BFO", symbol="SENSEX26NOVFUT", name="SENSEX", lot_size=20, tick_size=500
)
BSE_DOLLAR: Final = replace(DOLLAR, token=9_000_013, exchange="BCD")
MARKETS: Final = (
    *((each, product) for each in (INFY, SBIN, BSE_SHARE) for product in (Product.MIS, Product.CNC)),
    *(
        (each, product)
        for each in (NIFTY_FUTURE, OPTION, SENSEX, GOLD_FUTURE, DOLLAR, BSE_DOLLAR)
        for product in (Product.NRML, Product.MIS)
    ),
)
LISTED: Final = {each.key: each for each, _ in MARKETS}
Line = tuple[str, Product]


def theirs_of(ours: Instrument) -> TheirInstrument:
    """The same instrument as the sandbox has it; what its books do not read is left out."""
    blank: Any = None
    return TheirInstrument(
        token=ours.token,
        exchange=ours.exchange,
        tradingsymbol=ours.symbol,
        name=ours.name,
        segment="NSE" if ours.kind is InstrumentKind.EQUITY else "NFO-FUT",
        session=blank,
        path=blank,
        tick=ours.tick_size,
        liquidity=1.0,
        print_quantity=1,
        lot=ours.lot_size,
        freeze=0,
        circuit_percent=20,
        expiry=ours.expiry,
        multiplier=ours.multiplier,
    )


THEIRS: Final = {key: theirs_of(each) for key, each in LISTED.items()}


class Pair:
    """One account in both books."""

    def __init__(self, rng: random.Random, strategies: tuple[str, ...]) -> None:
        self.rng, self.strategies = rng, strategies
        self.book = Book(LISTED)
        self.ledger = Ledger(0)
        self.portfolio = Portfolio(self.ledger, lambda _legs: Margin())
        self.last: dict[str, E4] = {key: rng.randint(50, 5_000) * each.tick_size * 20 for key, each in LISTED.items()}
        self.day = DAY
        self.converted: set[Line] = set()
        self.orders = 0
        self.tell(day_opened(cash=0))

    def tell(self, *events: JournalEvent) -> None:
        self.book.apply_all(journal(*events, after=self.book.seq))

    def held(self, strategy: str, line: Line) -> int:
        return sum(
            ledger.quantity
            for ledger in self.book.ledgers
            if (ledger.strategy, ledger.instrument, ledger.product) == (strategy, *line)
        )

    def now(self) -> Nanos:
        return at("11:00", self.day)

    def move(self) -> None:
        key = self.rng.choice(list(LISTED))
        step = self.rng.randint(-30, 30) * LISTED[key].tick_size
        self.last[key] = max(self.last[key] + step, LISTED[key].tick_size)
        self.book.mark(LISTED[key].token, self.last[key])

    def trade(self, instrument: Instrument, product: Product, strategy: str, signed: int) -> None:
        self.orders += 1
        price = max(self.last[instrument.key] + self.rng.randint(-5, 5) * instrument.tick_size, instrument.tick_size)
        self.tell(
            a_trade(
                f"t{self.orders}",
                order_id=f"o{self.orders}",
                strategy=strategy,
                instrument=instrument.key,
                token=instrument.token,
                product=product,
                side=Side.BUY if signed > 0 else Side.SELL,
                quantity=abs(signed),
                price=price,
                event_time=self.now(),
            )
        )
        theirs = THEIRS[instrument.key]
        side = 1 if signed > 0 else -1
        self.portfolio.trade(self.day.toordinal(), f"o{self.orders}", theirs, product.value, side, abs(signed), price)

    def random_trade(self) -> None:
        instrument, product = self.rng.choice(MARKETS)
        strategy = self.rng.choice(self.strategies)
        lots = self.rng.randint(1, 12)
        signed = lots * instrument.lot_size * self.rng.choice((1, -1))
        if product is Product.CNC:
            held = self.held(strategy, (instrument.key, product))
            signed = max(signed, -held)  # delivery is not sold short
        if signed:
            self.trade(instrument, product, strategy, signed)

    def convert(self) -> None:
        """Part of a position of s1's, to the other product that its instrument has."""
        lines = [each for each in self.book.ledgers if each.lots and each.strategy == self.strategies[0]]
        if len(self.strategies) > 1 or not lines:
            return
        ledger = self.rng.choice(lines)
        share = LISTED[ledger.instrument].kind is InstrumentKind.EQUITY
        carried = Product.CNC if share else Product.NRML
        to = carried if ledger.product is Product.MIS else Product.MIS
        key = self.key((ledger.instrument, ledger.product))
        row = self.portfolio.positions.get(key)
        if row is None or (to is Product.CNC and ledger.quantity < 0) or row.quantity != ledger.quantity:
            return  # what is a holding by now is no position to convert
        units = self.rng.randint(1, abs(ledger.quantity)) * (1 if ledger.quantity > 0 else -1)
        side = 1 if units > 0 else -1
        self.portfolio.convert(THEIRS[ledger.instrument], side, abs(units), ledger.product.value, to.value)
        self.tell(self.adjusted(AdjustmentKind.CONVERSION, ledger.instrument, ledger.product, units, units, to, 0))
        self.converted |= {(ledger.instrument, ledger.product), (ledger.instrument, to)}

    def settle(self) -> None:
        """A contract ends."""
        lines = [each for each in self.book.ledgers if each.lots and LISTED[each.instrument].expiry is not None]
        if len(self.strategies) > 1 or not lines:
            return
        ledger = self.rng.choice(lines)
        price, units = self.last[ledger.instrument], ledger.quantity
        key = self.key((ledger.instrument, ledger.product))
        self.portfolio.settle(self.day.toordinal(), key, price * ledger.multiplier, 0)
        kind, product = AdjustmentKind.SETTLEMENT, ledger.product
        self.tell(self.adjusted(kind, ledger.instrument, product, units, 0, product, price))

    def adjusted(
        self, kind: AdjustmentKind, key: str, product: Product, units: int, becomes: int, to: Product, price: E4
    ) -> PositionAdjusted:
        token = LISTED[key].token
        strategy = self.strategies[0]
        return PositionAdjusted(kind, strategy, key, token, product, units, becomes, to, "a", "b", self.now(), price)

    def night(self) -> None:
        """The broker squares off what is MIS; deliveries settle; the rest is carried."""
        for ledger in self.book.ledgers:
            if ledger.product is Product.MIS and ledger.lots:
                self.trade(LISTED[ledger.instrument], Product.MIS, ledger.strategy, -ledger.quantity)
        self.portfolio.start_day(lambda theirs: self.last[f"{theirs.exchange}:{theirs.tradingsymbol}"])
        self.day, self.converted = NEXT_DAY, set()
        self.closes = dict(self.last)
        self.tell(day_opened(NEXT_DAY, cash=0))

    def key(self, line: Line) -> Key:
        exchange, _, symbol = line[0].partition(":")
        return exchange, symbol, line[1].value

    def compare(self) -> None:
        """Every row of theirs, and every ledger of ours."""
        ours = {(each.instrument, each.product): each for each in self.book.net_positions()}
        lines = {(f"{key[0]}:{key[1]}", Product(key[2])): row for key, row in self.portfolio.positions.items()}
        for line, row in lines.items():
            if line[1] is not Product.CNC or self.day == DAY:
                assert (ours[line].quantity if line in ours else 0) == row.quantity
            if line in ours and line not in self.converted and line[1] is not Product.CNC:
                self._compare_row(ours[line], row)
        self._compare_lots()
        self._compare_sums()

    def _compare_row(self, net: Any, row: Position) -> None:
        last = self.last[net.instrument]
        close = getattr(self, "closes", {}).get(net.instrument, 0)
        wire: dict[str, Any] = row.row(last)
        money = {name: e4(Decimal(repr(wire[name]))) for name in ("value", "pnl", "m2m", "buy_value", "sell_value")}
        assert money == {
            "value": net.value,
            "pnl": net.pnl(last),
            "m2m": net.m2m(last, close),
            "buy_value": net.buy_value,
            "sell_value": net.sell_value,
        }
        assert (wire["buy_quantity"], wire["sell_quantity"]) == (net.buy_quantity, net.sell_quantity)
        assert wire["overnight_quantity"] == net.overnight_quantity
        assert abs(wire["average_price"] - float(net.average_price) / 10_000) < 1e-4
        assert (wire["unrealised"], wire["realised"]) == (wire["pnl"], 0)

    def _compare_lots(self) -> None:
        """First in, first out, by both, where one strategy has the account; units by all."""
        units: defaultdict[Key, int] = defaultdict(int)
        costs: defaultdict[Key, int] = defaultdict(int)
        for ledger in self.book.ledgers:
            key = self.key((ledger.instrument, ledger.product))
            units[key] += ledger.quantity
            costs[key] += ledger.cost
        for key, account in self.ledger.accounts.items():
            assert units[key] == account.quantity
            if len(self.strategies) == 1:
                assert costs[key] == account.cost()

    def _compare_sums(self) -> None:
        """Cash and profit before charges, whatever was netted where."""
        snapshot = self.book.snapshot(self.now())
        totals = self.ledger.totals(
            lambda exchange, symbol: self.last[f"{exchange}:{symbol}"] * LISTED[f"{exchange}:{symbol}"].multiplier
        )
        past = sum(self.book.past.values()) if self.day != DAY else 0
        gross = snapshot.total + snapshot.charges - past
        if self.day == DAY:
            assert gross == totals.realised + totals.unrealised
            assert snapshot.cash + snapshot.charges == totals.cash + totals.charges.total
        assert snapshot.positions_value == totals.positions_value


def play(seed: int) -> Pair:
    """One sequence, compared after every step."""
    rng = random.Random(seed)
    pair = Pair(rng, ("s1", "s2") if seed % 3 == 0 else ("s1",))
    for key, price in pair.last.items():
        pair.book.mark(LISTED[key].token, price)
    steps = rng.randint(4, 12)
    for step in range(steps):
        chance = rng.random()
        if chance < 0.7:
            pair.random_trade()
        elif chance < 0.8:
            pair.move()
        elif chance < 0.9:
            pair.convert()
        else:
            pair.settle()
        if step == steps // 2 and len(pair.strategies) == 1 and rng.random() < 0.5:
            pair.night()
        pair.compare()
    return pair


def test_positions_and_profit_equal_the_sandboxs() -> None:
    nights = conversions = 0
    for seed in range(1_000):
        pair = play(seed)
        nights += pair.day != DAY
        conversions += bool(pair.converted)

    assert nights > 100
    assert conversions > 50


@pytest.mark.long("positions")
def test_ten_thousand_sequences() -> None:
    for seed in range(10_000):
        play(seed)
