import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.costs import UnknownInstrument
from domain.errors import RatesUnknown
from domain.messages.control import PortfolioSnapshot, PositionView
from domain.messages.journal import JournalEvent, JournalRecord, TradeBooked
from domain.portfolio import Book, SequenceGap, SnapshotUnreadable
from domain.values import RUPEE, Product, Side, e4
from tests.domain.builders import (
    DAY,
    GOLD_FUTURE,
    INFY,
    INSTRUMENTS,
    NEXT_DAY,
    NIFTY_FUTURE,
    NOW,
    SBIN,
    a_trade,
    an_intent,
    at,
    buy,
    day_opened,
    journal,
    seen,
    sell,
)


def a_book(*events: JournalEvent) -> Book:
    book = Book(INSTRUMENTS)
    book.apply_all(journal(day_opened(), *events))
    return book


def view(book: Book, strategy: str = "s1", instrument: str = INFY.key) -> PositionView:
    found = [v for v in book.snapshot(NOW).positions if (v.strategy, v.instrument) == (strategy, instrument)]
    assert len(found) == 1
    return found[0]


def assert_identity(snapshot: PortfolioSnapshot) -> None:
    left = snapshot.cash + snapshot.positions_value
    assert left == snapshot.opening_cash + snapshot.realised + snapshot.unrealised - snapshot.charges
    assert snapshot.charges == sum(amount for _, amount in snapshot.charge_components)
    assert snapshot.charges == sum(position.charges for position in snapshot.positions)
    assert snapshot.round_trips == sum(position.round_trips for position in snapshot.positions)


def test_a_round_trip_moves_cash_by_its_profit_less_charges() -> None:
    book = a_book(buy(20, 1000), sell(20, 1010))

    snapshot = book.snapshot(NOW)

    assert snapshot.realised == 200 * RUPEE
    assert (snapshot.unrealised, snapshot.positions_value, snapshot.round_trips) == (0, 0, 1)
    assert snapshot.turnover == 40_200 * RUPEE
    # Brokerage 6 + 6.06, STT 5.05, exchange 1.23414, SEBI 0.0402, GST on their sum, stamp 0.6.
    assert snapshot.charges == e4("12.06") + e4("5") + e4("1.23") + e4("0.04") + e4("2.40") + e4("1")
    assert snapshot.cash == 1_000_200 * RUPEE - snapshot.charges
    assert_identity(snapshot)


@pytest.mark.parametrize(
    ("trades", "quantity", "cost", "realised", "round_trips"),
    [
        ([buy(10, 100)], 10, 1000, 0, 0),
        ([buy(10, 100), buy(10, 110), sell(10, 120)], 10, 1100, 200, 0),  # the older lot goes first
        ([buy(10, 100), buy(10, 110), sell(15, 120)], 5, 550, 250, 0),
        ([sell(10, 100), buy(4, 90)], -6, -600, 40, 0),
        ([buy(10, 100), sell(25, 110)], -15, -1650, 100, 1),  # turned: one trip ends, the next begins
        ([buy(10, 100), sell(25, 110), buy(15, 100)], 0, 0, 250, 2),
        ([buy(10, 100), sell(10, 90), buy(10, 80), sell(10, 85)], 0, 0, -50, 2),
    ],
)
def test_lots_are_matched_first_in_first_out(
    trades: list[TradeBooked], quantity: int, cost: int, realised: int, round_trips: int
) -> None:
    book = a_book(*trades)

    assert view(book).quantity == quantity
    assert view(book).cost == cost * RUPEE
    assert view(book).realised == realised * RUPEE
    assert view(book).round_trips == round_trips


def test_unrealised_follows_the_market_and_the_last_trade_until_there_is_one() -> None:
    book = a_book(buy(10, 1000))
    assert view(book).unrealised == 0

    book.mark(INFY.token, 990 * RUPEE)
    assert (view(book).last_price, view(book).unrealised) == (990 * RUPEE, -100 * RUPEE)

    book.mark(INFY.token, 0)
    assert view(book).last_price == 990 * RUPEE, "nought is no price"


def test_each_strategy_has_a_ledger_of_its_own() -> None:
    book = a_book(buy(10, 1000), buy(5, 1010, strategy="s2"), sell(5, 1020))

    assert view(book, "s1").quantity == 5
    assert view(book, "s2").quantity == 5
    assert view(book, "s1").realised == 100 * RUPEE
    assert view(book, "s2").realised == 0
    assert book.net() == {(INFY.key, Product.MIS): 10}


def test_trades_made_outside_have_a_ledger_too() -> None:
    book = a_book(buy(10, 1000), sell(10, 1010, strategy=""))

    assert view(book, "").quantity == -10
    assert book.net() == {(INFY.key, Product.MIS): 0}


def test_the_multiplier_is_in_every_value() -> None:
    gold = {"instrument": GOLD_FUTURE.key, "token": GOLD_FUTURE.token, "product": Product.NRML}
    book = a_book(buy(1, 70_000, **gold), sell(1, 70_100, **gold), buy(2, 70_000, **gold))

    book.mark(GOLD_FUTURE.token, 70_010 * RUPEE)

    assert view(book, instrument=GOLD_FUTURE.key).realised == 1_000 * RUPEE
    assert view(book, instrument=GOLD_FUTURE.key).cost == 1_400_000 * RUPEE
    assert view(book, instrument=GOLD_FUTURE.key).unrealised == 200 * RUPEE
    assert_identity(book.snapshot(NOW))


def test_cumulative_updates_never_move_a_ledger() -> None:
    book = a_book(seen(an_intent(), "tag1", 10))

    assert book.snapshot(NOW).positions == ()
    assert book.seq == 2


def test_a_record_counts_once() -> None:
    records = journal(day_opened(), buy(10, 1000))
    book = Book(INSTRUMENTS)

    assert [book.apply(record) for record in [*records, *records]] == [True, True, False, False]
    assert view(book).quantity == 10


def test_a_gap_is_not_stepped_over() -> None:
    book = a_book()

    with pytest.raises(SequenceGap) as caught:
        book.apply(JournalRecord(seq=5, event=buy(10, 1000)))

    assert (caught.value.after, caught.value.seq) == (1, 5)
    assert book.seq == 1


def test_what_cannot_be_accounted_is_refused_and_changes_nothing() -> None:
    book = a_book(buy(10, 1000))
    before = book.encode()

    with pytest.raises(UnknownInstrument, match="MCX:SILVERM26DECFUT"):
        book.apply(JournalRecord(seq=3, event=buy(1, 90_000, instrument="MCX:SILVERM26DECFUT", product=Product.NRML)))
    with pytest.raises(RatesUnknown):
        book.apply(JournalRecord(seq=3, event=day_opened(dt.date(2024, 9, 30))))
    with pytest.raises(ValueError, match="no execution"):
        book.apply(JournalRecord(seq=3, event=buy(0, 1000)))

    assert book.encode() == before


def test_an_unlisted_share_is_accounted_by_its_name() -> None:
    book = Book()
    book.apply_all(journal(day_opened(), buy(10, 1000)))

    assert view(book).quantity == 10


def test_a_day_said_twice_keeps_its_first_cash() -> None:
    book = a_book(buy(10, 1000), day_opened(cash=5 * RUPEE))

    assert book.snapshot(NOW).opening_cash == 1_000_000 * RUPEE
    assert view(book).quantity == 10


def test_trades_before_the_day_is_stated_belong_to_it() -> None:
    book = Book(INSTRUMENTS)
    book.apply_all(journal(buy(10, 1000), day_opened()))

    assert book.day == DAY.isoformat()
    assert book.snapshot(NOW).opening_cash == 1_000_000 * RUPEE
    assert view(book).quantity == 10
    assert_identity(book.snapshot(NOW))


def test_the_next_day_carries_positions_at_cost_and_starts_all_else_anew() -> None:
    book = a_book(buy(10, 1000, product=Product.CNC), buy(5, 100, instrument=SBIN.key, token=SBIN.token), sell(5, 1010))
    flat = a_trade("x", side=Side.SELL, quantity=5, price=90 * RUPEE, instrument=SBIN.key, token=SBIN.token)
    book.apply_all(journal(flat, buy(5, 1000), after=book.seq))
    end = book.snapshot(NOW)

    book.apply_all(journal(day_opened(NEXT_DAY, end.cash), after=book.seq))

    morning = book.snapshot(at("09:15", NEXT_DAY))
    assert (morning.charges, morning.realised, morning.turnover, morning.round_trips) == (0, 0, 0, 0)
    assert morning.cash == end.cash
    assert book.carried_cost == 10_000 * RUPEE
    assert morning.opening_cash == end.cash + 10_000 * RUPEE
    assert [(v.instrument, v.product, v.quantity) for v in morning.positions] == [(INFY.key, Product.CNC, 10)]
    assert_identity(morning)

    later = sell(10, 1100, product=Product.CNC, event_time=at("10:00", NEXT_DAY))
    book.apply_all(journal(later, after=book.seq))

    evening = book.snapshot(at("15:30", NEXT_DAY))
    assert evening.realised == 1_000 * RUPEE
    assert evening.round_trips == 1
    assert dict(evening.charge_components)["dp"] == e4("15.34")
    assert_identity(evening)


def test_round_trips_tell_their_story() -> None:
    book = a_book(
        buy(10, 100, event_time=at("10:00")),
        buy(5, 110, event_time=at("10:05")),
        sell(15, 120, event_time=at("10:10")),
    )

    (trip,) = book.round_trips

    assert (trip.side, trip.quantity, trip.gross) == (Side.BUY, 15, 250 * RUPEE)
    assert (trip.opened, trip.closed) == (at("10:00"), at("10:10"))


def test_a_snapshot_of_another_kind_is_refused() -> None:
    with pytest.raises(SnapshotUnreadable):
        Book.decode(b"{}")
    with pytest.raises(SnapshotUnreadable, match="format 0"):
        Book.decode(a_book().encode().replace(b'"format":2', b'"format":0'))


MARKETS = [(INFY, Product.MIS), (INFY, Product.CNC), (SBIN, Product.MIS), (NIFTY_FUTURE, Product.NRML)]


@st.composite
def days(draw: st.DrawFn) -> list[JournalEvent]:
    """Events of one to three days: trades of any strategies, cumulative updates, the day said again."""
    events: list[JournalEvent] = []
    for day in draw(st.lists(st.sampled_from([DAY, NEXT_DAY, dt.date(2025, 3, 3)]), min_size=1, max_size=3)):
        events.append(day_opened(day, draw(st.integers(0, 10**10))))
        for _ in range(draw(st.integers(0, 8))):
            instrument, product = draw(st.sampled_from(MARKETS))
            side = draw(st.sampled_from(Side))
            strategy = draw(st.sampled_from(["", "s1", "s2"]))
            trade = a_trade(
                f"t{len(events)}",
                order_id=f"{instrument.symbol}{product.value}{side.value}{draw(st.integers(1, 2))}",
                side=side,
                strategy=strategy,
                instrument=instrument.key,
                token=instrument.token,
                product=product,
                quantity=draw(st.integers(1, 300)),
                price=draw(st.integers(1, 30_000_000)),
                event_time=at("11:00", day),
            )
            events.append(seen(an_intent(), "tag1", 5) if draw(st.integers(0, 3)) == 0 else trade)
    return events


@given(days(), st.lists(st.tuples(st.sampled_from([INFY, SBIN, NIFTY_FUTURE]), st.integers(1, 30_000_000)), max_size=4))
def test_the_books_balance_whatever_happens(events: list[JournalEvent], marks: list[tuple[object, int]]) -> None:
    book = Book(INSTRUMENTS)
    for instrument, price in marks:
        book.mark(getattr(instrument, "token", 0), price)

    for record in journal(*events):
        book.apply(record)
        assert_identity(book.snapshot(NOW))


@given(days())
def test_ledgers_sum_to_what_was_bought_less_what_was_sold(events: list[JournalEvent]) -> None:
    book = Book(INSTRUMENTS)
    book.apply_all(journal(*events))

    expected: dict[tuple[str, Product], int] = {}
    for event in events:
        if isinstance(event, TradeBooked):
            key = event.instrument, event.product
            expected[key] = expected.get(key, 0) + event.side.sign * event.quantity
    assert {key: units for key, units in book.net().items() if units} == {k: u for k, u in expected.items() if u}


@given(days(), st.integers(0, 30), st.integers(0, 30))
def test_a_snapshot_and_the_rest_of_the_journal_are_the_whole_journal(
    events: list[JournalEvent], cut: int, again: int
) -> None:
    records = journal(*events)
    whole = Book(INSTRUMENTS)
    whole.apply_all(records)

    first = Book(INSTRUMENTS)
    first.apply_all(records[:cut])
    second = Book.decode(first.encode(), INSTRUMENTS)
    # A mailbox that survived tells records again that the snapshot has already.
    second.apply_all(records[min(cut, again) :])

    assert second.encode() == whole.encode()
    assert second.snapshot(NOW) == whole.snapshot(NOW)


@given(days())
def test_prices_stay_out_of_what_the_journal_alone_determines(events: list[JournalEvent]) -> None:
    plain, marked = Book(INSTRUMENTS), Book(INSTRUMENTS)
    marked.mark(INFY.token, 999 * RUPEE)
    plain.apply_all(journal(*events))
    marked.apply_all(journal(*events))

    assert plain.encode(marks=False) == marked.encode(marks=False)
    assert plain.encode() != marked.encode()
