"""The broker's position formulas (kite-facts 2.3), worked by hand and as properties against the ledgers."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from domain.portfolio import Book, NetPosition
from domain.values import RUPEE, Product, Side
from tests.domain.builders import (
    GOLD_FUTURE,
    INFY,
    INSTRUMENTS,
    NEXT_DAY,
    NOW,
    a_trade,
    at,
    buy,
    day_opened,
    journal,
    sell,
)


def position(book: Book) -> NetPosition:
    (found,) = book.net_positions()
    return found


def test_a_day_position_by_hand() -> None:
    book = Book(INSTRUMENTS)
    book.apply_all(journal(day_opened(), buy(10, 100), buy(10, 110, strategy="s2"), sell(5, 120)))

    net = position(book)

    assert (net.quantity, net.buy_quantity, net.sell_quantity) == (15, 20, 5)
    assert (net.buy_value, net.sell_value, net.value) == (2100 * RUPEE, 600 * RUPEE, -1500 * RUPEE)
    assert net.average_price == 105 * RUPEE, "the average of all buys, not what is left of them"
    assert net.pnl(108 * RUPEE) == 120 * RUPEE
    assert net.m2m(108 * RUPEE, close_price=99 * RUPEE) == net.pnl(108 * RUPEE), "nothing was carried"


def test_a_carried_long_is_marked_from_the_previous_close() -> None:
    book = Book(INSTRUMENTS)
    gold = {"instrument": GOLD_FUTURE.key, "token": GOLD_FUTURE.token, "product": Product.NRML}
    book.apply_all(journal(day_opened(), buy(2, 1000, **gold), day_opened(NEXT_DAY)))
    book.apply_all(journal(sell(1, 1030, **gold, event_time=at("10:00", NEXT_DAY)), after=3))

    net = position(book)

    assert (net.overnight_quantity, net.quantity, net.multiplier) == (2, 1, 10)
    # pnl from what it cost: (1030 + 1040 - 2 x 1000) x 10; m2m from the close of 1020.
    assert net.pnl(1040 * RUPEE) == 700 * RUPEE
    assert net.m2m(1040 * RUPEE, close_price=1020 * RUPEE) == 300 * RUPEE


def test_a_carried_short_mirrors_it() -> None:
    book = Book(INSTRUMENTS)
    book.apply_all(journal(day_opened(), sell(10, 100), day_opened(NEXT_DAY)))
    book.apply_all(journal(buy(4, 90, event_time=at("10:00", NEXT_DAY)), after=3))

    net = position(book)

    assert net.average_price == Fraction(100 * RUPEE)
    assert net.pnl(95 * RUPEE) == (1000 - 360 - 570) * RUPEE
    assert net.m2m(95 * RUPEE, close_price=98 * RUPEE) == (980 - 360 - 570) * RUPEE


def test_a_flat_row_stays_listed_all_day() -> None:
    book = Book(INSTRUMENTS)
    book.apply_all(journal(day_opened(), buy(10, 100), sell(10, 101)))

    assert position(book).average_price == 0
    assert position(book).pnl(500 * RUPEE) == 10 * RUPEE


@given(
    st.lists(
        st.tuples(st.sampled_from(Side), st.integers(1, 500), st.integers(1, 10**7), st.sampled_from(["s1", "s2"])),
        min_size=1,
        max_size=20,
    ),
    st.integers(1, 10**7),
)
def test_the_brokers_profit_equals_the_ledgers(trades: list[tuple[Side, int, int, str]], last: int) -> None:
    book = Book(INSTRUMENTS)
    book.apply_all(
        journal(
            day_opened(),
            *(a_trade(side=side, quantity=units, price=price, strategy=who) for side, units, price, who in trades),
        )
    )
    book.mark(INFY.token, last)

    snapshot = book.snapshot(NOW)

    assert position(book).pnl(last) == snapshot.realised + snapshot.unrealised
    assert position(book).quantity == sum(ledger.quantity for ledger in book.ledgers)
