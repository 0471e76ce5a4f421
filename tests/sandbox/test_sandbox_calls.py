"""Call auctions: the pre-open and the close of shares with derivatives."""

from datetime import date

import pytest

from sandbox.phases import phase_of
from sandbox.prints import close_price
from sandbox.refusal import Refusal
from sandbox.trading_days import at
from tests.sandbox.desk import FRIDAY, Desk

MONDAY = date(2026, 11, 23)


def clock(text: str) -> int:
    hours, minutes, seconds = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + seconds


PHASES = [
    ("NSE:INFY", "08:59:59", "closed"),
    ("NSE:INFY", "09:00:00", "pre-open"),
    ("NSE:INFY", "09:05:00", "pre-open limit"),
    ("NSE:INFY", "09:07:59", "pre-open limit"),
    ("NSE:INFY", "09:10:00", "closed"),
    ("NSE:INFY", "09:15:00", "continuous"),
    ("NSE:INFY", "15:14:59", "continuous"),
    ("NSE:INFY", "15:15:00", "closed"),
    ("NSE:INFY", "15:20:00", "auction"),
    ("NSE:INFY", "15:25:00", "auction limit"),
    ("NSE:INFY", "15:27:59", "auction limit"),
    ("NSE:INFY", "15:30:00", "closed"),
    ("NSE:CASTROLIND", "15:20:00", "continuous"),
    ("NSE:CASTROLIND", "15:30:00", "closed"),
    ("NFO:INFY26DECFUT", "09:05:00", "closed"),
    ("NFO:INFY26DECFUT", "15:39:59", "continuous"),
    ("CDS:USDINR26DECFUT", "09:00:00", "continuous"),
    ("CDS:USDINR26DECFUT", "17:00:00", "closed"),
    ("MCX:CRUDEOIL26DECFUT", "23:54:59", "continuous"),
    ("MCX:CRUDEOIL26DECFUT", "23:55:00", "closed"),
]


@pytest.mark.parametrize(("key", "when", "phase"), PHASES)
def test_phases(desk: Desk, key: str, when: str, phase: str) -> None:
    assert phase_of(desk.exchange.universe.by_key[key], FRIDAY, clock(when)) == phase


def test_phases_before_the_closing_auction_and_on_holidays(desk: Desk) -> None:
    infy = desk.exchange.universe.by_key["NSE:INFY"]

    assert phase_of(infy, date(2026, 7, 31), clock("15:20:00")) == "continuous"
    assert phase_of(infy, date(2026, 7, 31), clock("09:06:59")) == "pre-open"
    assert phase_of(infy, date(2026, 11, 21), clock("10:00:00")) == "closed"


def limit(desk: Desk, percent: float, **form: object) -> str:
    return desk.do(order_type="LIMIT", product="CNC", price=desk.rupees(percent=percent), **form)


def test_pre_open_orders_match_at_the_first_price_and_the_rest_go_on() -> None:
    desk = Desk(start_seconds=clock("09:01:00"))
    good, far = limit(desk, 3), limit(desk, -3)
    market = desk.do(product="CNC")
    assert [desk.row(one)["status"] for one in (good, far, market)] == ["OPEN"] * 3
    desk.go_to(clock("09:09:59"))
    assert desk.engine.find(good).trades == []
    desk.go_to(clock("09:10:00"))

    opening = desk.engine.tape(desk.exchange.universe.by_key["NSE:INFY"]).open
    assert [(trade.price, trade.quantity) for trade in desk.engine.find(good).trades] == [(opening, 10)]
    desk.go_to(clock("09:15:01"))
    assert desk.row(far)["status"] == "OPEN"
    assert not desk.engine.find(far).call
    desk.modify(far, price=desk.rupees(percent=1))
    desk.settle()
    assert desk.row(far)["status"] == "COMPLETE"


def test_what_the_pre_open_does_not_take() -> None:
    desk = Desk(start_seconds=clock("09:01:00"))
    for form in (
        {"order_type": "SL", "trigger_price": desk.rupees(percent=1), "price": desk.rupees(percent=2)},
        {"validity": "IOC"},
        {"disclosed_quantity": 5},
    ):
        with pytest.raises(Refusal, match="limit and market orders"):
            desk.place(product="CNC", **form)
    desk.go_to(clock("09:06:00"))
    with pytest.raises(Refusal, match="Market orders are not allowed"):
        desk.place(product="CNC")
    assert limit(desk, -1)
    desk.go_to(clock("09:12:00"))
    with pytest.raises(Refusal, match="closed"):
        limit(desk, -1)


def test_the_closing_auction_matches_at_the_official_close() -> None:
    desk = Desk(start_seconds=clock("15:00:00"), opening_cash=10**8)
    carried = limit(desk, -0.9, quantity=3)
    disclosed = limit(desk, -1.1, disclosed_quantity=5)
    stop = desk.do(
        order_type="SL", product="CNC", trigger_price=desk.rupees(percent=2.5), price=desk.rupees(percent=2.6)
    )
    infy = desk.exchange.universe.by_key["NSE:INFY"]
    desk.go_to(clock("15:15:00"))
    statuses = [desk.row(one)["status"] for one in (disclosed, stop)]
    assert statuses == ["CANCELLED", "CANCELLED"]
    waiting = desk.engine.find(carried)
    assert waiting.call or waiting.status == "COMPLETE"
    with pytest.raises(Refusal, match="closed"):
        limit(desk, 0)
    desk.go_to(clock("15:20:00"))
    sure, hopeless = limit(desk, 2), limit(desk, -2.5)
    with pytest.raises(Refusal, match="closing auction's band"):
        limit(desk, -5)
    desk.go_to(clock("15:26:00"))
    with pytest.raises(Refusal, match="Market orders"):
        desk.place(product="CNC")
    late = limit(desk, 2)
    desk.go_to(clock("15:29:59"))
    assert desk.engine.find(sure).trades == []
    desk.go_to(clock("15:35:00"))

    close = close_price(desk.exchange.market.paths, infy, FRIDAY)
    for one in (sure, late):
        assert [(trade.price, trade.time_ns) for trade in desk.engine.find(one).trades] == [
            (close, at(FRIDAY, clock("15:30:00")))
        ]
    assert desk.row(hopeless)["status"] == "CANCELLED"


def test_the_reference_is_the_average_of_the_last_quarter_of_an_hour(desk: Desk) -> None:
    infy = desk.exchange.universe.by_key["NSE:INFY"]
    tape = desk.engine.tape(infy)
    late = tape.second >= clock("15:00:00") - clock("09:15:00")
    volume, price = tape.quantity[late].astype(float), tape.price[late].astype(float)

    assert desk.engine.calls.reference(infy) == pytest.approx((volume * price).sum() / volume.sum(), abs=infy.tick)
    band = desk.engine.calls.band(infy, at(FRIDAY, clock("15:20:00")))
    assert band is not None
    assert band.upper_circuit / band.last_price == pytest.approx(1.03, abs=0.001)


def test_better_prices_go_first_and_share_what_the_other_side_offers() -> None:
    desk = Desk(start_seconds=clock("15:20:00"), opening_cash=10**10)
    orders = [limit(desk, 1 + step / 10, quantity=90_000) for step in range(4)]
    desk.go_to(clock("15:30:00"))

    filled = [desk.engine.find(one).filled for one in orders]
    assert 0 < sum(filled) < 360_000
    assert filled == sorted(filled)


def test_an_order_in_the_auction_can_be_changed_and_taken_back() -> None:
    desk = Desk(start_seconds=clock("15:20:00"), opening_cash=10**8)
    changed, gone = limit(desk, -2), limit(desk, 1)
    desk.modify(changed, price=desk.rupees(percent=2))
    desk.engine.cancel(gone)
    desk.settle()
    desk.go_to(clock("15:30:00"))

    assert desk.row(changed)["status"] == "COMPLETE"
    assert desk.row(gone)["status"] == "CANCELLED"
    assert desk.engine.find(changed).trades[0].price < desk.engine.find(changed).price
    assert desk.exchange.portfolio.reserved == 0
