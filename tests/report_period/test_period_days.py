"""Days from close to close, capital, and round trips with what they cost and went through."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.messages.journal import DayOpened, JournalEvent, TradeBooked
from domain.portfolio import Book, RoundTrip
from domain.report.eod import EquityPoint
from domain.report.period_days import StoredDay
from domain.report.period_trips import Samples
from domain.values import MINUTE, RUPEE, Product
from tests.report_period.journals import Trades, at, journal, opened, results

MON, TUE, WED = "2026-11-16", "2026-11-17", "2026-11-18"


def closes(**prices: float) -> StoredDay:
    return StoredDay(closes=tuple((f"NSE:{name}", round(price * RUPEE)) for name, price in prices.items()))


def test_a_day_is_measured_from_close_to_close() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "10:00", 10, 1000, product=Product.CNC),
        opened(TUE, 89_000),
        opened(WED, 89_000),
        trade(WED, "10:00", -10, 1070, product=Product.CNC),
    ]

    mon, tue, wed = results(events, {MON: closes(INFY=1020), TUE: closes(INFY=1050)})

    assert [day.gross for day in (mon, tue, wed)] == [200 * RUPEE, 300 * RUPEE, 200 * RUPEE]
    assert tue.charges == 0
    assert [day.capital for day in (mon, tue, wed)] == [100_000 * RUPEE, 99_200 * RUPEE, 99_500 * RUPEE]
    assert tue.share == 300 / 99_200


def test_without_a_stored_close_the_last_trade_stands_in_and_it_is_said() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "10:00", 10, 1000, product=Product.CNC),
        trade(MON, "14:00", 10, 1010, product=Product.CNC),
        opened(TUE, 79_000),
        trade(TUE, "10:00", -5, 990, product=Product.CNC),
    ]

    mon, tue = results(events)

    assert mon.gross == 100 * RUPEE, "the first ten are worth the second purchase's price"
    assert tue.gross == (20 * 990 - 20 * 1010) * RUPEE
    assert not mon.closes_known and not tue.closes_known


def test_a_close_of_an_earlier_day_never_outlives_a_later_trade() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "10:00", 10, 1000, product=Product.CNC),
        opened(TUE, 90_000),
        trade(TUE, "10:00", 10, 1100, product=Product.CNC),
    ]

    _, tue = results(events, {MON: closes(INFY=1020)})

    assert tue.gross == 10 * (1100 - 1020) * RUPEE


def test_a_carried_future_is_no_capital() -> None:
    trade = Trades()
    events = [
        opened(MON, 500_000),
        trade(MON, "10:00", 65, 26_000, "NFO:NIFTY26NOVFUT", Product.NRML),
        opened(TUE, 510_000),
    ]

    mon, tue = results(events)

    assert tue.capital == 510_000 * RUPEE, "not one and a half million more"
    assert mon.exposure_max == tue.exposure_max == 65 * 26_000 * RUPEE


def test_money_paid_in_is_nobodys_result() -> None:
    mon, tue = results([opened(MON, 100_000), opened(TUE, 900_000)])

    assert (mon.net, tue.net, tue.capital) == (0, 0, 900_000 * RUPEE)


def test_a_day_opened_again_is_one_day_and_one_without_capital_has_no_return() -> None:
    days = results([opened(MON, 0), opened(MON, 5)])

    assert len(days) == 1
    assert days[0].share is None


def test_exposure_is_the_largest_at_any_time_and_adds_opposite_sides() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "10:00", 10, 1000, strategy="a"),
        trade(MON, "10:01", -5, 1000, strategy="b"),
        trade(MON, "10:02", -10, 1100, strategy="a"),
        trade(MON, "10:03", 5, 1100, strategy="b"),
    ]

    (mon,) = results(events)

    assert mon.exposure_max == 15_000 * RUPEE


# -- round trips -----------------------------------------------------------------------------------------------------


def test_a_trade_that_turns_the_position_ends_one_trip_and_begins_the_next() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "10:00", 10, 1000),
        trade(MON, "10:30", -25, 1010),
        trade(MON, "11:00", 15, 1000),
    ]

    (mon,) = results(events)

    assert [(trip.side.value, trip.quantity, trip.gross // RUPEE) for trip in mon.trips] == [("BUY", 10, 100), ("SELL", 15, 150)]  # fmt: skip
    assert sum(trip.charges for trip in mon.trips) == mon.charges


def test_a_trip_over_several_days_bears_charges_of_each() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "10:00", 10, 1000, product=Product.CNC),
        opened(TUE, 89_000),
        trade(TUE, "10:00", 10, 1000, product=Product.CNC),
        opened(WED, 79_000),
        trade(WED, "10:00", -20, 1010, product=Product.CNC),
    ]

    days = results(events)

    assert [len(day.trips) for day in days] == [0, 0, 1]
    (trip,) = days[-1].trips
    assert trip.charges == sum(day.charges for day in days)
    assert (trip.entry, trip.exit, trip.gross) == (20_000 * RUPEE, 20_200 * RUPEE, 200 * RUPEE)


def test_a_days_charges_go_by_what_was_traded_that_day_alone() -> None:
    trade = Trades()
    events = [
        opened(MON, 1_000_000),
        trade(MON, "10:00", 1000, 100),
        opened(TUE, 900_000),
        trade(TUE, "10:00", -2500, 100),
        trade(TUE, "11:00", 1500, 100),
    ]

    monday, tuesday = results(events)
    first, second = tuesday.trips

    # Of Tuesday's 4,000 units the first trip closed 1,000, and the second traded 1,500 twice.
    assert first.charges == monday.charges + tuesday.charges // 4
    assert first.charges + second.charges == monday.charges + tuesday.charges


def sampled(*equity: int) -> StoredDay:
    """Equity in rupees at 10:00, 10:01 …"""
    return StoredDay(
        samples=Samples(
            curve=tuple(
                EquityPoint(at(MON, "10:00") + index * MINUTE, amount * RUPEE) for index, amount in enumerate(equity)
            )
        )
    )


def test_excursions_come_from_equity_where_nothing_else_was_open() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "10:00:30", 100, 100),
        trade(MON, "10:03:30", -100, 101),
    ]
    charges_in, charges_out = (results(events[:count])[0].charges for count in (2, 3))
    # Before the purchase; then at 99, at 103 and at 100.5, less what the purchase cost; and long after the sale.
    levels = [100_000 * RUPEE, 99_900 * RUPEE - charges_in, 100_300 * RUPEE - charges_in, 100_050 * RUPEE - charges_in]
    curve = [EquityPoint(at(MON, "10:00") + index * MINUTE, level) for index, level in enumerate(levels)]
    curve.append(EquityPoint(at(MON, "10:04"), 170_000 * RUPEE - charges_out))
    stored = StoredDay(samples=Samples(curve=tuple(curve)))

    (trip,) = results(events, {MON: stored})[0].trips

    assert (trip.adverse, trip.favourable) == (-100 * RUPEE, 300 * RUPEE), "before charges; what came later is not its"


def test_excursions_are_unknown_while_others_are_open_or_nothing_was_sampled() -> None:
    trade = Trades()
    alone = [trade(MON, "10:00:30", 100, 100), trade(MON, "10:03:30", -100, 101)]
    other = trade(MON, "10:01:30", 10, 800, "NSE:SBIN", strategy="s2")
    samples = {MON: sampled(100_000, 99_000, 101_000, 100_000)}

    overlapped = results([opened(MON, 100_000), alone[0], other, alone[1]], samples)[0].trips
    unsampled = results([opened(MON, 100_000), *alone])[0].trips

    assert [(trip.adverse, trip.favourable) for trip in (*overlapped, *unsampled)] == [(None, None)] * 2


def test_excursions_come_from_the_instruments_own_price_whatever_else_is_open() -> None:
    trade = Trades()
    events = [
        opened(MON, 100_000),
        trade(MON, "09:50", 10, 800, "NSE:SBIN", strategy="s2"),
        trade(MON, "10:00:30", -100, 100),
        trade(MON, "10:02:30", 50, 98),
        trade(MON, "10:04:30", 50, 99),
    ]
    prices = tuple((at(MON, "10:00") + index * MINUTE, price * RUPEE) for index, price in enumerate([150, 103, 97, 96, 104, 10]))  # fmt: skip
    stored = StoredDay(samples=Samples(prices={"NSE:INFY": prices}))

    (trip,) = results(events, {MON: stored})[0].trips

    # 100 short at 100: at 103 it stood at −300, at 97 at +300. Half taken back at 98, at 96: 100 + 200; at 104: −100.
    assert (trip.adverse, trip.favourable) == (-300 * RUPEE, 300 * RUPEE)


# -- what must hold always -------------------------------------------------------------------------------------------


def a_random_journal(seed: int) -> list[JournalEvent]:
    rng, trade = random.Random(seed), Trades()
    events: list[JournalEvent] = []
    for day in (MON, TUE, WED):
        events.append(opened(day, rng.randint(50_000, 500_000)))
        events += [
            trade(
                day, f"11:{minute:02d}", rng.choice([-1, 1]) * rng.randint(1, 40), rng.randint(1800, 2200) / 2,
                rng.choice(["NSE:INFY", "NSE:SBIN"]), rng.choice([Product.MIS, Product.CNC]), rng.choice(["a", "b", ""]),
            )
            for minute in range(rng.randint(0, 25))
        ]  # fmt: skip
    return events


@settings(max_examples=60)
@given(st.integers(0, 10**9), st.booleans())
def test_days_add_up_to_the_account_strategies_to_the_day_and_trips_to_both(seed: int, stored: bool) -> None:
    events = a_random_journal(seed)
    kept = {day: closes(INFY=1001.5, SBIN=998) for day in (MON, TUE, WED)} if stored else None

    days = results(events, kept)

    book = Book()
    trips: list[RoundTrip] = []
    spent, prices = 0, dict[str, int]()
    for record in journal(events):
        if isinstance(record.event, DayOpened):
            trips += book.round_trips
        book.apply(record)
        if isinstance(record.event, TradeBooked):
            spent += record.event.side.sign * record.event.quantity * record.event.price
            prices[record.event.instrument] = record.event.price
    trips += book.round_trips
    if kept is not None:
        prices = dict(kept[WED].closes)
    held = sum(ledger.quantity * prices[ledger.instrument] for ledger in book.ledgers)
    # What everything made: what was sold, less what was bought, and what is left at its closing price.
    assert sum(day.gross for day in days) == held - spent
    for day in days:
        assert sum(line.charges for line in day.lines) == day.charges
        assert sum(line.turnover for line in day.lines) == day.turnover
        assert sum(day.tax_by_line.values()) == dict(day.components)["stt"]
    told = [trip for day in days for trip in day.trips]
    assert sorted((trip.strategy, trip.instrument, trip.closed, trip.gross) for trip in told) == sorted(
        (trip.strategy, trip.instrument, trip.closed, trip.gross) for trip in trips
    )
    assert sum(trip.charges for trip in told) <= sum(day.charges for day in days)
