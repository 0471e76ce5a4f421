from msgspec.structs import replace

from domain.messages.control import TradingState
from domain.messages.journal import OrderRejected
from domain.messages.orders import OrderIntent
from domain.portfolio import Book
from domain.risk import Approval, RiskBook, breached, check, day_pnl, flatten_intents, funds
from domain.risk.loss import results
from domain.values import RUPEE, SECOND, OrderKind, Product, Side
from tests.domain.builders import (
    DAY,
    GOLD_FUTURE,
    INFY,
    INSTRUMENTS,
    NIFTY_FUTURE,
    NOW,
    SBIN,
    a_risk_book,
    a_trade,
    accepted,
    an_intent,
    buy,
    day_opened,
    journal,
    sell,
    some_facts,
    some_limits,
)

UNTIL = NOW + 60 * SECOND


def flatten(book: RiskBook, *tokens: int) -> list[OrderIntent]:
    return flatten_intents(book, tokens or (INFY.token, SBIN.token), NOW, UNTIL, {INFY.token: 999 * RUPEE}, "end")


def test_every_strategys_intraday_position_is_closed_by_its_owner() -> None:
    book = a_risk_book(
        a_trade("1", quantity=10),
        a_trade("2", quantity=4, side=Side.SELL, strategy="s2", token=SBIN.token, instrument=SBIN.key),
        a_trade("3", quantity=7, product=Product.CNC),
        a_trade("4", quantity=3, strategy=""),
        a_trade("5", quantity=1, token=NIFTY_FUTURE.token, instrument=NIFTY_FUTURE.key),
    )

    intents = flatten(book)

    assert [(i.strategy, i.instrument, i.side, i.quantity) for i in intents] == [
        ("s1", INFY.key, Side.SELL, 10),
        ("s2", SBIN.key, Side.BUY, 4),
    ]
    assert [i.intent_id for i in intents] == [
        f"flat:s1:{INFY.token}:{DAY}:1",
        f"flat:s2:{SBIN.token}:{DAY}:1",
    ]
    for intent in intents:
        assert (intent.reduce_only, intent.kind, intent.product) == (True, OrderKind.MARKET, Product.MIS)
        assert (intent.valid_until, intent.decided_time, intent.reason) == (UNTIL, NOW, "end")
    assert [i.reference_price for i in intents] == [999 * RUPEE, 1000 * RUPEE]


def test_asking_again_while_exits_are_under_way_gives_nothing() -> None:
    book = a_risk_book(a_trade("1", quantity=10))
    (intent,) = flatten(book)

    book.hold(intent, 0, NOW)
    assert flatten(book) == []

    book.apply_all(journal(accepted(intent, "tag1"), after=book.seq))
    assert flatten(book) == []


def test_asking_after_a_refusal_gives_a_new_intent() -> None:
    book = a_risk_book(a_trade("1", quantity=10))
    (intent,) = flatten(book)
    refusal = OrderRejected(tag="tag1", order_id="", strategy="s1", text="circuit", time=NOW)
    book.apply_all(journal(accepted(intent, "tag1"), refusal, after=book.seq))

    (again,) = flatten(book)

    assert (again.intent_id, again.quantity) == (f"flat:s1:{INFY.token}:{DAY}:2", 10)


def test_exits_under_way_are_left_out() -> None:
    exit_4 = an_intent("target", side=Side.SELL, quantity=4, reduce_only=True)
    book = a_risk_book(a_trade("1", quantity=10), accepted(exit_4, "tag1"))

    assert [intent.quantity for intent in flatten(book)] == [6]


def test_large_positions_are_sliced_by_lot_and_freeze_quantity() -> None:
    book = a_risk_book(a_trade(quantity=65 * 60, token=NIFTY_FUTURE.token, instrument=NIFTY_FUTURE.key))

    intents = flatten(book, NIFTY_FUTURE.token)

    assert [intent.quantity for intent in intents] == [1755, 1755, 390]
    assert len({intent.intent_id for intent in intents}) == 3


def test_the_gate_lets_a_flattening_through_when_halted() -> None:
    book = a_risk_book(a_trade("1", quantity=10))

    for intent in flatten(book):
        verdict = check(intent, book, some_limits(), some_facts(state=TradingState.HALTED, price=0))
        assert verdict == Approval(margin=0)
        book.hold(intent, 0, NOW)


def test_the_days_result_follows_the_newest_prices() -> None:
    books = Book(INSTRUMENTS)
    books.apply_all(journal(day_opened(), buy(10, 1000), sell(4, 990)))
    snapshot = books.snapshot(NOW)
    risk = a_risk_book(a_trade("1", quantity=6))
    assert day_pnl(risk, snapshot) == -(40 + 60) * RUPEE - snapshot.charges, "marked at the last trade"

    risk.mark(INFY.token, 995 * RUPEE)

    assert day_pnl(risk, snapshot) == -(40 + 30) * RUPEE - snapshot.charges


def test_the_result_includes_the_multiplier() -> None:
    gold = {"token": GOLD_FUTURE.token, "instrument": GOLD_FUTURE.key, "product": Product.NRML}
    trade = replace(buy(2, 70_000), **gold)
    books = Book(INSTRUMENTS)
    books.apply_all(journal(day_opened(), trade))
    snapshot = books.snapshot(NOW)
    risk = a_risk_book(trade)

    risk.mark(GOLD_FUTURE.token, 70_001 * RUPEE)

    assert day_pnl(risk, snapshot) == 20 * RUPEE - snapshot.charges


def test_the_loss_limit_is_breached_by_unrealised_loss_alone() -> None:
    books = Book(INSTRUMENTS)
    books.apply_all(journal(day_opened(), buy(10, 1000)))
    snapshot = books.snapshot(NOW)
    risk = a_risk_book(a_trade("1", quantity=10))
    limits = some_limits(daily_loss_max=1_000 * RUPEE + snapshot.charges)

    risk.mark(INFY.token, 900 * RUPEE + 1)
    assert breached(risk, snapshot, limits) is None

    risk.mark(INFY.token, 900 * RUPEE)
    why = breached(risk, snapshot, limits)
    assert why is not None
    assert "realised 0.00, unrealised -1000.00" in why


def test_funds_are_the_accounts_worth() -> None:
    books = Book(INSTRUMENTS)
    books.apply_all(journal(day_opened(), buy(10, 1000)))
    books.mark(INFY.token, 1100 * RUPEE)
    snapshot = books.snapshot(NOW)

    assert funds(snapshot) == 1_001_000 * RUPEE - snapshot.charges


def test_the_highest_and_the_fall_from_it_are_taken_at_the_newest_prices() -> None:
    books, risk = Book(INSTRUMENTS), a_risk_book(buy(10, 1000))
    books.apply_all(journal(day_opened(), buy(10, 1000)))
    snapshot = replace(books.snapshot(NOW), day_peak=50 * RUPEE, peak=500 * RUPEE, total=480 * RUPEE)

    risk.mark(INFY.token, 1_020 * RUPEE)
    up = results(risk, snapshot)
    risk.mark(INFY.token, 990 * RUPEE)
    down = results(risk, snapshot)

    assert (up.day, up.peak, up.drawdown) == (200 * RUPEE - snapshot.charges, up.day, 0)
    assert (down.day, down.peak, down.drawdown) == (-100 * RUPEE - snapshot.charges, 50 * RUPEE, 120 * RUPEE)
