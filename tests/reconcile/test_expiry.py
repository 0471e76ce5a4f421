"""Contracts that end while they are held: closed at the price that the broker's positions show, or named."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from domain.calendar import SessionCalendar
from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.broker import BrokerPosition, Funds
from domain.messages.control import Alert
from domain.messages.journal import DayOpened, DifferenceFound, JournalEvent, JournalRecord, TradeBooked
from domain.portfolio import Book
from domain.reconcile.books import Books
from domain.reconcile.expiry import Contracts, Settlement, ends_by, has_gone, settled, settlements
from domain.reconcile.names import Policy
from domain.values import RUPEE, Instrument, InstrumentKind, Nanos, Product, SessionClass, Side
from tests.actors.stage import Stage
from tests.domain.builders import a_trade, at
from tests.reconcile import test_reconciler_actor

DAY = dt.date(2026, 11, 20)
END = at("15:40", DAY)
FUTURE = Instrument(
    token=11,
    exchange="NFO",
    symbol="NIFTY26NOVFUT",
    name="NIFTY",
    kind=InstrumentKind.FUTURE,
    tick_size=1000,
    lot_size=65,
    expiry=DAY,
    session=SessionClass.EQUITY_DERIVATIVE,
)
CALL = replace(FUTURE, token=12, symbol="NIFTY26NOV26000CE", kind=InstrumentKind.CALL, strike=26_000 * RUPEE)
GOLD = replace(
    FUTURE, token=13, exchange="MCX", symbol="GOLDM26NOVFUT", name="GOLDM", lot_size=1, multiplier=10, session=SessionClass.COMMODITY
)  # fmt: skip
LISTED = {each.key: each for each in (FUTURE, CALL, GOLD)}
OPENED = DayOpened(day=DAY.isoformat(), opening_cash=10_000_000 * RUPEE, time=at("09:00", DAY))

MONEY = Funds(OPENED.opening_cash, OPENED.opening_cash, OPENED.opening_cash, 0)


def booked(one: Instrument, units: int, rupees: int, trade_id: str = "t1", strategy: str = "s1") -> TradeBooked:
    side = Side.BUY if units > 0 else Side.SELL
    return a_trade(
        trade_id,
        order_id=f"o-{trade_id}",
        tag="",
        strategy=strategy,
        token=one.token,
        instrument=one.key,
        side=side,
        product=Product.NRML,
        quantity=abs(units),
        price=rupees * RUPEE,
    )


def a_row(one: Instrument, bought: int, buy_rupees: int, sold: int, sell_rupees: int, **changes: Any) -> BrokerPosition:
    units = one.multiplier
    plain = BrokerPosition(
        one.exchange,
        one.symbol,
        Product.NRML,
        bought - sold,
        0,
        bought,
        bought * buy_rupees * RUPEE * units,
        sold,
        sold * sell_rupees * RUPEE * units,
        last_price=0,
        multiplier=units,
    )
    return replace(plain, **changes)


def books(*events: JournalEvent) -> Books:
    found = Books()
    for seq, event in enumerate((OPENED, *events), start=1):
        found.apply(JournalRecord(seq, event))
    return found


def found(
    known: Books, *rows: BrokerPosition, now: Nanos = END, moving: frozenset[str] = frozenset()
) -> list[Settlement]:
    return settlements(known, rows, LISTED, lambda _one: END, moving, now)


def test_what_the_row_grew_by_is_the_price() -> None:
    known = books(booked(FUTURE, 65, 25_900))

    assert found(known, a_row(FUTURE, 65, 25_900, 65, 26_010)) == [Settlement(FUTURE, Product.NRML, 65, 26_010 * RUPEE)]


def test_a_short_and_a_multiplier() -> None:
    known = books(booked(GOLD, -3, 120_000))

    assert found(known, a_row(GOLD, 3, 121_000, 3, 120_000)) == [Settlement(GOLD, Product.NRML, -3, 121_000 * RUPEE)]


def test_what_was_carried_into_the_day_ends_too() -> None:
    known = books(booked(FUTURE, 130, 25_900))
    known.apply(JournalRecord(3, replace(OPENED, day="2026-11-23", time=at("09:00", dt.date(2026, 11, 23)))))
    known.apply(JournalRecord(4, booked(FUTURE, -65, 26_000, "t2")))
    row = a_row(FUTURE, 130, 25_900, 130, 0, sell_value=65 * 26_000 * RUPEE + 65 * 26_010 * RUPEE)

    assert found(known, row) == [Settlement(FUTURE, Product.NRML, 65, 26_010 * RUPEE)]


def test_an_option_that_is_worth_nothing_ends_at_nothing() -> None:
    known = books(booked(CALL, 65, 100))

    [ended] = found(known, a_row(CALL, 65, 100, 65, 0))
    [event] = settled(known, ended, DAY, END)
    assert (event.price, event.tax, event.becomes) == (0, 0, 0)


@pytest.mark.parametrize(
    ("row", "more"),
    [
        (a_row(FUTURE, 65, 25_900, 65, 26_010), {"now": END - 1}),
        (a_row(FUTURE, 65, 25_900, 65, 26_010), {"moving": frozenset({FUTURE.key})}),
        (a_row(FUTURE, 65, 25_900, 0, 0), {}),
        (a_row(FUTURE, 65, 25_900, 66, 26_010, quantity=0), {}),
        (a_row(FUTURE, 65, 25_900, 65, 26_010, sell_value=1), {}),
        (a_row(FUTURE, 65, 25_900, 65, 26_010, multiplier=2), {}),
        (a_row(GOLD, 65, 25_900, 65, 26_010), {}),
    ],
    ids=["not over", "moving", "still held", "other units", "no whole price", "other multiplier", "another contract"],
)
def test_nothing_is_guessed(row: BrokerPosition, more: dict[str, Any]) -> None:
    assert found(books(booked(FUTURE, 65, 25_900)), row, **more) == []


def test_adopted_units_are_in_no_ledger_that_could_be_closed() -> None:
    adopted = DifferenceFound(
        "external position", f"{FUTURE.key} NRML", "0", "65", END, Policy.ADOPT, FUTURE.key, (), "NRML", 65
    )
    known = books(adopted)
    assert known.position((FUTURE.key, Product.NRML)) == 65

    assert found(known, a_row(FUTURE, 65, 25_900, 65, 26_010)) == []


def test_every_ledger_is_closed_and_the_tax_is_shared_out_to_the_last_unit() -> None:
    events = booked(CALL, 65, 100, "t1", "s1"), booked(CALL, 130, 110, "t2", "s2")
    known = books(*events)
    [ended] = found(known, a_row(CALL, 195, 0, 195, 331, buy_value=(65 * 100 + 130 * 110) * RUPEE))
    closed = settled(known, ended, DAY, END)

    assert [(each.strategy, each.quantity, each.becomes, each.price) for each in closed] == [
        ("s1", 65, 0, 331 * RUPEE),
        ("s2", 130, 0, 331 * RUPEE),
    ]
    # 0.15 % of the intrinsic value, to the rupee: 195 x 331 = 64,545.
    assert sum(each.tax for each in closed) == 97 * RUPEE
    assert closed[0].kind is AdjustmentKind.SETTLEMENT
    account = Book(LISTED)
    told: tuple[JournalEvent, ...] = (OPENED, *events, *closed)
    account.apply_all(JournalRecord(seq, each) for seq, each in enumerate(told, start=1))
    snapshot = account.snapshot(END)
    assert not any(view.quantity for view in snapshot.positions)
    assert snapshot.realised == 65 * 231 * RUPEE + 130 * 221 * RUPEE
    assert snapshot.cash + snapshot.positions_value == snapshot.opening_cash + snapshot.realised - snapshot.charges
    after = books(*events, *closed)
    assert after.position((CALL.key, Product.NRML)) == 0
    assert found(after, a_row(CALL, 195, 0, 195, 331)) == []


def test_a_contract_is_gone_when_a_known_list_has_it_no_more() -> None:
    line = (FUTURE.key, Product.NRML)

    assert has_gone(line, {GOLD.key})
    assert not has_gone(line, {FUTURE.key})
    assert not has_gone(line, frozenset()), "no list is known"
    assert not has_gone(("NSE:INFY", Product.MIS), {GOLD.key})


# -- the actor -----------------------------------------------------------------------------------------------------------


class Desk(test_reconciler_actor.Desk):
    instruments = LISTED
    contracts = Contracts(ends_by(SessionCalendar()), frozenset(LISTED))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(tmp_path, END + 1)
    yield made
    made.close()


def test_two_looks_settle_once_and_say_so(stage: Stage) -> None:
    stage.journal.commit((OPENED, booked(FUTURE, 65, 25_900)))
    desk = Desk(stage)
    desk.positions = (a_row(FUTURE, 65, 25_900, 65, 26_010),)
    desk.funds = MONEY
    desk.answer()
    assert not [e for e in events_of(stage) if isinstance(e, PositionAdjusted)], "one look is not believed"
    desk.passes(3)

    [closed] = [e for e in events_of(stage) if isinstance(e, PositionAdjusted)]
    assert (closed.strategy, closed.price, closed.who) == ("s1", 26_010 * RUPEE, "exchange")
    assert [a.name for a in desk.context.of(Alert)] == ["reconcile.settled"]
    for _ in range(3):
        desk.passes(61)
    assert not [e for e in events_of(stage) if isinstance(e, DifferenceFound)]
    assert len([e for e in events_of(stage) if isinstance(e, PositionAdjusted)]) == 1


def test_the_morning_after_it_is_a_difference_that_says_what_it_is(stage: Stage) -> None:
    gone = replace(FUTURE, symbol="NIFTY26OCTFUT")
    stage.journal.commit((OPENED, booked(gone, 65, 25_900)))
    desk = Desk(stage)
    desk.funds = MONEY
    desk.answer()
    desk.passes(3)

    [difference] = [e for e in events_of(stage) if isinstance(e, DifferenceFound)]
    assert (difference.name, difference.units) == ("quantity drift", -65)
    assert difference.theirs == "0, the contract has expired: settle it (adjust settle)"
    [alert] = [a for a in desk.context.of(Alert) if a.name == "reconcile.difference"]
    assert alert.level == "critical"


def events_of(stage: Stage) -> list[JournalEvent]:
    return [record.event for record in stage.journal.read(0)]
