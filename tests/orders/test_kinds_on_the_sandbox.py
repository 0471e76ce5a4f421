"""Every order kind traded on the sandbox through the whole system, partial fills included; its books are equal to ours."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from app.chaos.real_exchange import wait_until
from domain.messages.broker import BrokerStatus, Change
from domain.messages.gtt import GttLeg, GttRecord, GttState
from domain.messages.journal import (
    ModifyClaimed,
    OrderAdopted,
    OrderRecord,
    OrderState,
)
from domain.messages.market import PriceChanged
from domain.strategy.asks import Ask, CancelDraft, GttDraft, ModifyDraft, ModifyGttDraft
from domain.strategy.event import IntentDraft, View
from domain.values import SECOND, OrderKind, Side, Validity, Variety, e4
from tests.orders.scripted import WISHES
from tests.support.waiting import eventually
from tests.system.plant import STRESS, Exchange, Trader, an_exchange

INFY, SBIN, NIFTY = "NSE:INFY", "NSE:SBIN", "NFO:NIFTY26NOVFUT"
MANY = 90_000
"""Below the freeze quantity, and more than the market has at once at a price near the last: the rest rests."""
SPEED = 10.0
_legs = itertools.count()


class Hand:
    """What a test does through one strategy, and what became of it."""

    def __init__(self, trader: Trader, exchange: Exchange, key: str) -> None:
        self.trader, self.exchange, self.key = trader, exchange, key
        self.tick = next(i for i in trader.cast.instruments.values() if i.key == key).tick_size

    def wish(self, make: Callable[[View, PriceChanged], IntentDraft | Ask]) -> None:
        """The strategy asks for it at its next look."""
        WISHES.setdefault(self.key, deque()).append(make)

    def order(
        self, side: Side, quantity: int, away: float = 0.0, trigger: float = 0.0, **fields: object
    ) -> OrderRecord:
        """Have it order; the record once journaled. away, trigger: percent beyond the last price, signed."""
        leg = f"n{next(_legs)}"
        known = {record.tag for record in self.trader.world.journal.records()}

        def make(view: View, price: PriceChanged) -> IntentDraft:
            draft = IntentDraft(
                price.token, side, quantity, view.now // SECOND, price.last_price, leg=leg, reason="a test"
            )
            if away:
                draft = replace(draft, kind=OrderKind.LIMIT, price=self.near(price.last_price, away))
            if trigger:
                draft = replace(draft, trigger_price=self.near(price.last_price, trigger))
            return replace(draft, **fields)

        self.wish(make)
        found: list[OrderRecord] = []

        def journaled() -> bool:
            found[:] = [r for r in self.trader.world.journal.records() if r.tag not in known and not r.parent]
            return bool(found)

        eventually(journaled, what=f"an order of {fields or 'kind market'} journaled")
        return found[0]

    def near(self, price: int, percent: float) -> int:
        """So many percent away, on the tick."""
        return round(price * (1 + percent / 100)) // self.tick * self.tick

    def now(self, record: OrderRecord) -> OrderRecord:
        """The order as it stands."""
        found = self.trader.world.journal.record(record.tag)
        assert found is not None
        return found

    def until(self, record: OrderRecord, what: Callable[[OrderRecord], bool], words: str) -> OrderRecord:
        """Wait for it."""
        eventually(lambda: what(self.now(record)), what=f"{words}: {record.order}")
        return self.now(record)

    def resting(self, record: OrderRecord) -> OrderRecord:
        """Wait until the exchange shows it resting."""
        rests = (BrokerStatus.OPEN, BrokerStatus.TRIGGER_PENDING)
        return self.until(record, lambda r: r.seen_status in rests, "resting")

    def over(self, record: OrderRecord) -> OrderRecord:
        """Wait until it is over."""
        return self.until(record, lambda r: r.state.final, "over")

    def parts(self, record: OrderRecord) -> int:
        """In how many trades it has filled at the exchange."""
        ids = {record.order_id, *(order_id for order_id, _ in self.now(record).legs)}
        return sum(trade.order_id in ids for trade in self.exchange.trades())

    def stop_close_by(self, quantity: int, percent: float, **fields: Any) -> OrderRecord:
        """A stop to buy above the price: one that the price has passed meanwhile is refused, and placed farther off."""
        unanswered = (OrderState.INTENT, OrderState.SENDING)
        for number in range(1, 11):
            record = self.order(Side.BUY, quantity, trigger=percent * number, **fields)
            if self.until(record, lambda r: r.state not in unanswered, "answered").state is not OrderState.REJECTED:
                return record
        raise AssertionError(f"the price runs away from {percent} %")

    def followed(self, record: OrderRecord) -> OrderRecord:
        """A stop whose trigger follows the price until it is reached: a market that goes the other way is no matter."""
        for _ in range(20):
            if wait_until(lambda: self.now(record).booked > 0, 3.0):
                return self.now(record)
            self.modified(record, percent=0.01)
        raise AssertionError(f"never reached: {self.now(record)}")

    def partly(self, record: OrderRecord) -> OrderRecord:
        """Withdraw what is left of it as soon as some of it is booked; how it ended, which may be in full by then."""
        self.until(record, lambda r: r.booked > 0, "filled in part")
        over = self.cancelled(record)
        assert over.state is (OrderState.COMPLETE if over.booked == over.order.quantity else OrderState.CANCELLED)
        assert over.booked < over.order.quantity or self.parts(over) > 1, "it was filled in parts"
        return over

    def leaves(self, units: int) -> None:
        """Close so much at the market, in as many orders as that takes."""
        left = units
        for _ in range(20):
            left -= self.over(self.order(Side.SELL, left, reduce_only=True)).booked
            if not left:
                return
        raise AssertionError(f"{left} of {units} could not be sold")

    def cancelled(self, record: OrderRecord) -> OrderRecord:
        """Have the strategy withdraw it."""
        self.wish(lambda _view, price: CancelDraft(price.token, record.tag, "a test"))
        return self.over(record)

    def modified(self, record: OrderRecord, percent: float = 0.0, quantity: int = 0) -> OrderRecord:
        """Have the strategy change its price (or trigger) or quantity; wait until that is concluded."""
        before, leg = self.now(record), f"m{next(_legs)}"

        def make(view: View, price: PriceChanged) -> ModifyDraft:
            value = self.near(price.last_price, percent) if percent else 0
            stop = before.order.kind in (OrderKind.STOP_MARKET, OrderKind.STOP_LIMIT)
            change = Change(quantity=quantity, trigger_price=value) if stop else Change(quantity=quantity, price=value)
            return ModifyDraft(price.token, record.tag, change, view.now // SECOND, price.last_price, leg=leg)

        self.wish(make)
        asked = before.modifications + 1
        return self.until(
            record, lambda r: r.state.final or (r.modifications == asked and r.modifying is None), "modified"
        )


def kinds_config(folder: Path) -> Path:
    """Three strategies, each in an instrument and a product of its own, that ask for what a test wishes."""
    config = folder / "kinds.yaml"
    words = STRESS.read_text().replace("instruments: 12", "instruments: 3").split("  pulse_infy")[0]
    kind = 'kind: "tests.orders.scripted:Scripted", interval: minute, capital: 0, quantity: 1'
    config.write_text(
        words
        + f'  mis: {{{kind}, instruments: ["{INFY}"], product: MIS}}\n'
        + f'  cnc: {{{kind}, instruments: ["{SBIN}"], product: CNC}}\n'
        + f'  fut: {{{kind}, instruments: ["{NIFTY}"], product: NRML}}\n'
        + "drills: {drop_feed_at: null, crash_strategy_at: null}\n"
    )
    return config


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Trader, Exchange]]:
    """One trader at ten times real time."""
    folder = tmp_path_factory.mktemp("kinds")
    config = kinds_config(folder)
    big = (
        "risk.max_quantity_per_order=1000000",
        "risk.max_position_quantity=1000000",
        "risk.max_value_per_order=100000000000",
        "risk.max_position_value_per_instrument=100000000000",
        "risk.gross_exposure_max=100000000000",
        "risk.slices_max=5",
        "risk.price_band_percent=20",
        "risk.allowed_products=[MIS, CNC, NRML]",
        "orders.intent_valid_seconds=120",
    )
    rich = ("--opening-cash", "1000000000", "--date", "2026-11-20", "--faults", "on")
    with (
        an_exchange(speed=SPEED, extra=rich) as exchange,
        Trader(folder, *exchange.sets, *big, config=config) as trader,
    ):
        trader.trading()
        yield trader, exchange


@pytest.fixture
def mis(plant: tuple[Trader, Exchange]) -> Iterator[Hand]:
    yield Hand(*plant, INFY)
    equal_books(plant)


@pytest.fixture
def cnc(plant: tuple[Trader, Exchange]) -> Iterator[Hand]:
    yield Hand(*plant, SBIN)
    equal_books(plant)


@pytest.fixture
def fut(plant: tuple[Trader, Exchange]) -> Iterator[Hand]:
    yield Hand(*plant, NIFTY)
    equal_books(plant)


def equal_books(plant: tuple[Trader, Exchange]) -> None:
    """Every trade of the exchange is booked, once; positions agree to the unit, cash and charges to 1/10,000 rupee."""
    trader, exchange = plant
    trader.settled(exchange)
    books, ours = exchange.books(), trader.snapshot()
    held: Counter[str] = Counter()
    for row in books.positions:
        held[row.tradingsymbol] += row.quantity
    mine: Counter[str] = Counter()
    for line in ours.positions:
        mine[line.instrument.partition(":")[2]] += line.quantity
    assert {k: v for k, v in mine.items() if v} == {k: v for k, v in held.items() if v}
    assert (ours.cash, ours.charges) == (e4(books.cash), e4(books.charges["total"]))


def test_market_and_limit_orders_fill_in_parts(mis: Hand) -> None:
    bought = mis.over(mis.order(Side.BUY, 40_000))
    limit = mis.resting(mis.order(Side.BUY, 100, away=-3.0))
    rest = mis.partly(mis.order(Side.BUY, MANY, away=0.02))

    assert bought.state in (OrderState.COMPLETE, OrderState.CANCELLED)
    trades = [t for t in mis.exchange.trades() if t.order_id == bought.order_id]
    assert len(trades) > 1, "it was filled in parts"
    assert sum(t.quantity for t in trades) == bought.booked
    assert mis.cancelled(limit).state is OrderState.CANCELLED
    mis.leaves(bought.booked + rest.booked)


def test_immediate_or_cancel_keeps_what_filled_at_once(mis: Hand) -> None:
    taken = mis.over(mis.order(Side.BUY, 90_000, away=0.05, validity=Validity.IOC))

    assert taken.state is OrderState.CANCELLED
    assert 0 < taken.booked < 90_000
    mis.leaves(taken.booked)


def test_an_order_for_a_minute_ends_by_itself_with_what_it_has(mis: Hand) -> None:
    minute: dict[str, Any] = {"validity": Validity.TTL, "ttl_minutes": 1}
    far = mis.order(Side.BUY, 10, away=-3.0, **minute)
    near = mis.order(Side.BUY, MANY, away=0.02, **minute)

    nothing, some = mis.over(far), mis.over(near)

    assert (nothing.state, nothing.booked) == (OrderState.CANCELLED, 0)
    assert some.state is (OrderState.COMPLETE if some.booked == MANY else OrderState.CANCELLED)
    assert mis.parts(some) > 1
    mis.leaves(some.booked)


def test_stops_wait_are_moved_and_fire(mis: Hand) -> None:
    far = mis.resting(mis.order(Side.BUY, 10, kind=OrderKind.STOP_MARKET, trigger=2.0))
    moved = mis.modified(far, percent=1.5)
    near = mis.stop_close_by(40_000, 0.02, kind=OrderKind.STOP_MARKET)

    assert moved.order.trigger_price != far.order.trigger_price
    assert mis.now(far).modifying is None
    fired = mis.over(mis.followed(near))
    assert fired.booked and mis.parts(fired) > 1
    assert mis.cancelled(far).state is OrderState.CANCELLED
    mis.leaves(fired.booked)


def test_stops_with_a_limit_wait_are_moved_and_fill_in_part(mis: Hand) -> None:
    """SL: beyond its trigger it is a limit order, and rests with what the limit leaves."""
    sl: dict[str, Any] = {"kind": OrderKind.STOP_LIMIT}
    far = mis.resting(mis.order(Side.BUY, 10, away=2.5, trigger=2.0, **sl))
    moved = mis.modified(far, percent=1.5)
    rest = mis.partly(mis.followed(mis.stop_close_by(MANY, 0.01, away=0.5, **sl)))

    assert (moved.order.kind, moved.order.price) == (OrderKind.STOP_LIMIT, far.order.price)
    assert moved.order.trigger_price < far.order.trigger_price
    assert mis.cancelled(far).state is OrderState.CANCELLED
    mis.leaves(rest.booked)


def test_a_change_and_a_cancel_that_race_leave_one_order_that_is_over(mis: Hand) -> None:
    rests = mis.resting(mis.order(Side.BUY, 100, away=-3.0))
    crosses = mis.order(Side.BUY, 100, away=0.3)
    mis.wish(lambda _view, price: CancelDraft(price.token, crosses.tag, "it may have filled"))
    mis.wish(
        lambda view, price: ModifyDraft(
            price.token, rests.tag, Change(quantity=50), view.now // SECOND, price.last_price, leg="race"
        )
    )
    mis.wish(lambda _view, price: CancelDraft(price.token, rests.tag, "at once"))

    gone, filled = mis.over(rests), mis.over(crosses)

    assert (gone.state, gone.booked, gone.modifying) == (OrderState.CANCELLED, 0, None)
    assert filled.booked in (0, 100)
    row = next(row for row in mis.exchange.orders() if row.order_id == rests.order_id)
    assert (row.status, row.quantity) == ("CANCELLED", gone.order.quantity)
    if filled.booked:
        mis.leaves(100)


def test_a_reply_that_drips_holds_up_no_other_workers_exits(mis: Hand, cnc: Hand) -> None:
    bought = mis.over(mis.order(Side.BUY, 10)), cnc.over(cnc.order(Side.BUY, 10))
    assert [each.booked for each in bought] == [10, 10]
    topology = mis.trader.cast.topology
    assert topology.exit_worker(INFY) != topology.exit_worker(SBIN)
    slow = {"fault": "drip", "bytes": 1, "milliseconds": 60, "route": "POST /orders/**"}
    mis.exchange.set_faults([{**slow, "where": {"tradingsymbol": "SBIN"}}])
    try:
        drips = cnc.order(Side.SELL, 10, reduce_only=True)
        cnc.until(drips, lambda r: r.state is OrderState.SENDING, "on its way")
        other = mis.over(mis.order(Side.SELL, 10, reduce_only=True))
        assert other.booked == 10
        # An update may tell of the order long before its reply is through: whether the worker is, the log says.
        assert drips.tag not in {row["tag"] for row in mis.trader.events("order.posted")}
    finally:
        mis.exchange.set_faults(())
    assert cnc.over(drips).booked == 10


def test_an_iceberg_is_one_order_of_ours_in_many_of_the_brokers(mis: Hand) -> None:
    ice = mis.over(mis.order(Side.BUY, 500, away=0.4, variety=Variety.ICEBERG, iceberg_legs=5))

    assert (ice.state, ice.booked, len(ice.legs)) == (OrderState.COMPLETE, 500, 5)
    assert [filled for _, filled in ice.legs] == [100] * 5
    rest = mis.partly(mis.order(Side.BUY, MANY, away=0.02, variety=Variety.ICEBERG, iceberg_legs=2))
    mis.leaves(500 + rest.booked)


def test_a_cover_order_brings_its_stop_which_is_the_exit(mis: Hand) -> None:
    entry = mis.over(mis.order(Side.BUY, 20_000, trigger=-1.0, variety=Variety.COVER))

    units = entry.booked
    assert units and mis.parts(entry) > 1
    journal = mis.trader.world.journal

    def stop() -> OrderRecord | None:
        return next((r for r in journal.records() if r.parent == entry.tag), None)

    eventually(lambda: (found := stop()) is not None and found.order.quantity == units, what="its stop adopted")
    adopted = stop()
    assert adopted is not None
    assert adopted.intent.reduce_only
    moved = mis.modified(mis.resting(adopted), percent=-0.8)
    assert moved.modifications == 1
    gone = mis.cancelled(adopted)
    assert (gone.state, gone.booked) == (OrderState.COMPLETE, units), "cancelling it leaves at the market"


def test_an_order_changed_too_often_is_placed_anew(mis: Hand) -> None:
    first = mis.resting(mis.order(Side.BUY, 100, away=-3.0))

    for turn in range(25):
        first = mis.modified(first, percent=-3.0 + 0.05 * (turn + 1))
        assert first.state is OrderState.ACKNOWLEDGED
    tags = {r.tag for r in mis.trader.world.journal.records()}
    gone = mis.modified(first, percent=-1.0, quantity=60)

    assert gone.state is OrderState.CANCELLED
    anew = [r for r in mis.trader.world.journal.records() if r.tag not in tags]
    assert [(r.order.quantity, r.intent.reason) for r in anew] == [(60, f"replaces {first.tag}")]
    puts = [r.event for r in mis.trader.world.journal.read(0) if isinstance(r.event, ModifyClaimed)]
    assert sum(event.tag == first.tag for event in puts) == 25
    mis.cancelled(mis.resting(anew[0]))


def test_a_decision_above_the_freeze_quantity_is_cut_into_slices(fut: Hand) -> None:
    fut.order(Side.BUY, 65 * 60, away=0.5)

    def legs() -> list[OrderRecord]:
        return [r for r in fut.trader.world.journal.records() if r.intent.slice_of and r.intent.side is Side.BUY]

    eventually(lambda: len(legs()) == 3 and all(r.state.final for r in legs()), what="three slices over")
    assert sorted(r.order.quantity for r in legs()) == [390, 1755, 1755]
    assert len({r.tag for r in legs()}) == len({r.order_id for r in legs()}) == 3
    held = sum(r.booked for r in legs())
    fut.order(Side.SELL, held, away=-0.5, reduce_only=True)
    eventually(lambda: not fut.trader.world.journal.open_records(), what="sold again")


def test_a_gtt_is_placed_changed_deleted_and_fires(cnc: Hand) -> None:
    bought = cnc.over(cnc.order(Side.BUY, 40_000))
    half = bought.booked // 2
    assert half

    def gtts() -> list[GttRecord]:
        return list(cnc.trader.world.journal.gtts())

    def legs(price: PriceChanged, low: float, high: float) -> tuple[GttLeg, ...]:
        last = price.last_price
        return (
            GttLeg(cnc.near(last, low), Side.SELL, half, cnc.near(last, low - 0.5)),
            GttLeg(cnc.near(last, high), Side.SELL, half, cnc.near(last, high - 0.5)),
        )

    def closer(record: GttRecord, leg: str, view: View, price: PriceChanged) -> ModifyGttDraft:
        near = legs(price, -0.03, 4.0)[: len(record.gtt.legs)]
        return ModifyGttDraft(price.token, record.tag, near, view.now // SECOND, price.last_price, leg=leg)

    def fires(number: int) -> OrderRecord:
        """The order that the GTT of that number has placed, adopted and over. It follows a price that goes away."""
        eventually(lambda: len(gtts()) > number and gtts()[number].trigger_id, what=f"{number} placed")
        for again in range(12):
            if wait_until(lambda: gtts()[number].state is GttState.TRIGGERED, 5.0):
                break
            cnc.wish(partial(closer, gtts()[number], f"closer{number}.{again}"))
        assert gtts()[number].state is GttState.TRIGGERED, f"{number} fired"
        adopted = [r.event for r in cnc.trader.world.journal.read(0) if isinstance(r.event, OrderAdopted)]
        (event,) = [each for each in adopted if each.parent == gtts()[number].tag]
        record = cnc.trader.world.journal.record(event.tag)
        assert record is not None
        return cnc.over(record)

    cnc.wish(
        lambda view, price: GttDraft(
            price.token, legs(price, -4.0, 4.0), view.now // SECOND, price.last_price, leg="far"
        )
    )
    eventually(lambda: gtts() and gtts()[0].state is GttState.PLACED, what="placed")
    far = gtts()[0]
    cnc.wish(
        lambda view, price: ModifyGttDraft(
            price.token, far.tag, legs(price, -3.0, 3.0), view.now // SECOND, price.last_price, leg="nearer"
        )
    )
    eventually(lambda: gtts()[0].gtt != far.gtt, what="changed")
    cnc.wish(lambda _view, price: CancelDraft(price.token, far.tag, "a test"))
    eventually(lambda: gtts()[0].state is GttState.CLOSED, what="deleted")

    cnc.wish(
        lambda view, price: GttDraft(
            price.token, legs(price, -0.03, 4.0), view.now // SECOND, price.last_price, leg="near"
        )
    )
    of_two = fires(1)
    assert (of_two.state, of_two.booked, of_two.intent.strategy) == (OrderState.COMPLETE, half, "cnc")
    assert cnc.parts(of_two) > 1

    cnc.wish(
        lambda view, price: GttDraft(
            price.token, legs(price, -0.03, 4.0)[:1], view.now // SECOND, price.last_price, leg="single"
        )
    )
    single = fires(2)
    assert (single.state, single.booked) == (OrderState.COMPLETE, half)
    assert cnc.parts(single) > 1
    if bought.booked % 2:
        cnc.leaves(1)
