"""What changes a position without a trade: splits, conversions, settlements; exact, and at no profit that is not there."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from domain.messages.adjustments import AdjustmentKind, PositionAdjusted
from domain.messages.control import PortfolioSnapshot
from domain.messages.journal import JournalEvent
from domain.portfolio import Book
from domain.portfolio.average import average_costs
from domain.portfolio.lots import Lot, cost, merged, rescaled, taken
from domain.risk import RiskBook
from domain.strategy.ledger import StrategyLedger
from domain.values import RUPEE, Product, Side
from tests.domain.builders import INFY, INSTRUMENTS, NEXT_DAY, NOW, SBIN, a_trade, at, buy, day_opened, journal, sell

CNC: dict[str, Any] = {"product": Product.CNC}


def adjusted(kind: AdjustmentKind, quantity: int, becomes: int, **changes: Any) -> PositionAdjusted:
    """A line of s1's in INFY, MIS."""
    plain = PositionAdjusted(
        kind=kind,
        strategy="s1",
        instrument=INFY.key,
        token=INFY.token,
        product=Product.MIS,
        quantity=quantity,
        becomes=becomes,
        to_product=Product.MIS,
        who="asha",
        why="as the exchange says",
        time=NOW,
    )
    return replace(plain, **changes)


def split(quantity: int, becomes: int, **changes: Any) -> PositionAdjusted:
    return adjusted(AdjustmentKind.CORPORATE_ACTION, quantity, becomes, **changes)


def to_delivery(quantity: int) -> PositionAdjusted:
    return adjusted(AdjustmentKind.CONVERSION, quantity, quantity, to_product=Product.CNC)


def settled(quantity: int, price: int, tax: int = 0) -> PositionAdjusted:
    return adjusted(AdjustmentKind.SETTLEMENT, quantity, 0, price=price * RUPEE, tax=tax * RUPEE)


def a_book(*events: JournalEvent) -> Book:
    book = Book(INSTRUMENTS)
    book.apply_all(journal(day_opened(), *events))
    return book


def balanced(snapshot: PortfolioSnapshot) -> bool:
    books = snapshot.opening_cash + snapshot.realised + snapshot.unrealised - snapshot.charges
    return snapshot.cash + snapshot.positions_value == books


def test_a_split_changes_units_and_no_money() -> None:
    before = a_book(buy(3, 1000), buy(4, 1001)).snapshot(NOW)
    after = a_book(buy(3, 1000), buy(4, 1001), split(7, 70)).snapshot(NOW)

    (was,), (now,) = before.positions, after.positions
    assert (was.quantity, now.quantity) == (7, 70)
    assert was.cost == now.cost
    assert (after.cash, after.realised, after.charges) == (before.cash, before.realised, before.charges)
    assert balanced(after)


def test_a_sale_after_a_bonus_is_against_the_new_cost() -> None:
    book = a_book(buy(10, 1000), split(10, 15))  # one new share for every two
    book.mark(INFY.token, 700 * RUPEE)
    book.apply(journal(sell(15, 700), after=3)[0])

    assert book.snapshot(NOW).realised == 15 * 700 * RUPEE - 10 * 1000 * RUPEE


def test_a_conversion_is_a_transfer_at_what_the_units_had_cost() -> None:
    book = a_book(buy(10, 1000), buy(10, 1100), to_delivery(15))

    lines = {ledger.product: (ledger.quantity, ledger.cost) for ledger in book.ledgers}
    assert lines == {Product.MIS: (5, 5 * 1100 * RUPEE), Product.CNC: (15, (10 * 1000 + 5 * 1100) * RUPEE)}
    snapshot = book.snapshot(NOW)
    assert (snapshot.realised, snapshot.round_trips) == (0, 0)
    assert balanced(snapshot)


def test_a_conversion_against_an_opposite_position_closes_it() -> None:
    short = a_trade("t2", side=Side.SELL, quantity=4, price=1050 * RUPEE, product=Product.CNC, order_id="o2")
    book = a_book(buy(10, 1000), short, to_delivery(10))

    assert {ledger.product: ledger.quantity for ledger in book.ledgers} == {Product.MIS: 0, Product.CNC: 6}
    assert book.snapshot(NOW).realised == 4 * 50 * RUPEE
    assert balanced(book.snapshot(NOW))


def test_a_contract_ends_at_the_exchanges_price_and_bears_its_tax() -> None:
    book = a_book(buy(10, 1000), settled(10, 1080, tax=13))

    snapshot = book.snapshot(NOW)
    (ledger,) = book.ledgers
    assert (ledger.quantity, snapshot.realised, snapshot.round_trips) == (0, 800 * RUPEE, 1)
    assert dict(snapshot.charge_components)["settlement_tax"] == 13 * RUPEE
    assert balanced(snapshot)
    again = Book.decode(book.encode(), INSTRUMENTS)
    again.apply_all(journal(day_opened(NEXT_DAY), after=3))
    assert again.past["s1"] == 800 * RUPEE - snapshot.charges, "what a closed day made is kept"


@pytest.mark.parametrize("wrong", [split(10, -10), to_delivery(11), split(10, 20, instrument=SBIN.key)])
def test_what_does_not_fit_the_books_is_refused(wrong: PositionAdjusted) -> None:
    book = a_book(buy(10, 1000))
    before = book.encode()

    with pytest.raises(ValueError, match=r"position"):
        book.apply(journal(wrong, after=2)[0])

    assert book.encode() == before


def test_everybody_who_counts_units_counts_the_same() -> None:
    events: list[JournalEvent] = [buy(10, 1000), split(10, 50), to_delivery(20), settled(30, 210)]
    risk, mine = RiskBook(INSTRUMENTS), StrategyLedger("s1")
    risk.apply_all(journal(day_opened(), *events))
    for event in events:
        mine.apply(event)
    book = a_book(*events)

    assert book.net() == {(INFY.key, Product.MIS): 0, (INFY.key, Product.CNC): 20}
    assert (risk.position("s1", INFY.token, Product.MIS), risk.position("s1", INFY.token, Product.CNC)) == (0, 20)
    assert mine.quantity(INFY.token) == 20
    averages = {key[2]: value.quantity for key, value in average_costs(journal(*events)).items()}
    assert averages == {Product.MIS: 0, Product.CNC: 20}


def test_a_strategys_own_lots_are_rescaled_too() -> None:
    mine = StrategyLedger("s1")
    mine.apply(buy(10, 1000))

    mine.apply(split(10, 40))

    assert (mine.quantity(INFY.token), mine.entry(INFY.token)) == (40, 250 * RUPEE)


SIGNED_LOTS = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 10**7)), min_size=1, max_size=6).flatmap(
    lambda lots: st.sampled_from([1, -1]).map(lambda sign: tuple(Lot(sign * q, p) for q, p in lots))
)


@given(lots=SIGNED_LOTS, becomes=st.integers(1, 2000))
def test_other_units_cost_the_same_to_the_last_ten_thousandth(lots: tuple[Lot, ...], becomes: int) -> None:
    sign = 1 if lots[0].quantity > 0 else -1

    after = rescaled(lots, sign * becomes)

    assert sum(lot.quantity for lot in after) == sign * becomes
    assert cost(after) == cost(lots)
    assert all(lot.quantity * sign > 0 for lot in after)


@given(lots=SIGNED_LOTS, target=SIGNED_LOTS, share=st.fractions(0, 1))
def test_a_transfer_moves_cost_and_makes_no_money(
    lots: tuple[Lot, ...], target: tuple[Lot, ...], share: Fraction
) -> None:
    units = int(sum(lot.quantity for lot in lots) * share)
    if not units:
        return

    stays, goes = taken(lots, units)
    met = merged(target, goes)

    assert cost(stays) + cost(goes) == cost(lots)
    assert sum(lot.quantity for lot in goes) == units
    # What closes against the target is realised there: cost is neither made nor lost.
    assert cost(met.lots) == cost(target) + cost(goes) + met.realised


TRADES = st.lists(
    st.tuples(st.sampled_from([1, -1]), st.integers(1, 30), st.integers(90, 110)), min_size=1, max_size=25
)


@given(trades=TRADES, price=st.integers(80, 120))
def test_both_views_make_the_same_of_the_same_trades(trades: list[tuple[int, int, int]], price: int) -> None:
    events = [(buy if sign > 0 else sell)(quantity, at_price) for sign, quantity, at_price in trades]
    book = a_book(*events)
    book.mark(INFY.token, price * RUPEE)
    snapshot = book.snapshot(NOW)

    (line,) = average_costs(journal(*events)).values()

    assert line.quantity == sum(view.quantity for view in snapshot.positions)
    assert line.realised + line.unrealised(price * RUPEE) == snapshot.realised + snapshot.unrealised


def test_the_average_is_of_all_that_is_held() -> None:
    (line,) = average_costs(journal(buy(10, 100), buy(20, 103), sell(15, 110))).values()

    assert (line.quantity, line.price) == (15, Fraction(102 * RUPEE))
    assert line.realised == 15 * 8 * RUPEE


def test_carried_shares_are_split_overnight(  # the usual case: the day opens with other units
) -> None:
    book = a_book(buy(10, 1000, **CNC))
    rest = journal(split(10, 20, **CNC, to_product=Product.CNC), day_opened(NEXT_DAY), after=2)
    book.apply_all(rest)
    book.apply_all(journal(sell(20, 510, **CNC, event_time=at("10:00", NEXT_DAY)), after=4))

    assert book.snapshot(NOW).realised == 200 * RUPEE
    assert balanced(book.snapshot(NOW))


def assigned(quantity: int, becomes: int, price: int = 990, **changes: Any) -> PositionAdjusted:
    return adjusted(AdjustmentKind.ASSIGNMENT, quantity, becomes, price=price * RUPEE, **changes)


@pytest.mark.parametrize(
    ("events", "held", "realised"),
    [
        ((assigned(0, 10),), 10, 0),
        ((buy(10, 1000), assigned(10, 15)), 15, 0),
        ((buy(10, 1000), assigned(10, 4)), 4, 6 * -10),
        ((buy(10, 1000), assigned(10, 0)), 0, 10 * -10),
        ((sell(10, 1000), assigned(-10, -4)), -4, 6 * 10),
    ],
)
def test_units_that_a_person_assigns_come_and_go_as_a_trade_without_charges(
    events: tuple[JournalEvent, ...], held: int, realised: int
) -> None:
    book, traded = a_book(*events), a_book(*events[:-1])
    risk, mine = RiskBook(INSTRUMENTS), StrategyLedger("s1")
    risk.apply_all(journal(day_opened(), *events))
    for event in events:
        mine.apply(event)

    snapshot = book.snapshot(NOW)
    assert (book.net()[INFY.key, Product.MIS], snapshot.realised) == (held, realised * RUPEE)
    assert snapshot.charges == traded.snapshot(NOW).charges
    assert balanced(snapshot)
    assert (risk.position("s1", INFY.token, Product.MIS), mine.quantity(INFY.token)) == (held, held)
    (average,) = average_costs(journal(*events)).values()
    assert (average.quantity, average.realised) == (held, Fraction(realised * RUPEE))
    assert Book.decode(book.encode(), INSTRUMENTS).snapshot(NOW) == snapshot
