"""The whole adapter against the sandbox: a separate program that speaks Kite's wire."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from adapters.clock import MonotonicClock, SandboxControl, SandboxMarketClock
from adapters.kite.account import Addresses, KiteAccount
from adapters.kite.instruments import Catalog
from adapters.kite.pacing import PacingLimits
from adapters.kite.session import Credentials
from domain.errors import LoginNeeded
from domain.messages.broker import Accepted, BrokerOrder, BrokerStatus, NotSent, PlaceOrder, Rejected
from domain.ticks import MODE_FULL
from domain.values import MINUTE, SECOND, Instrument, OrderKind, Product, SessionClass, Side, Variety, ist
from sandbox.launch import RunningSandbox, launch
from tests.kite.listening import WAIT, Listener


class Trader:
    """An account at a sandbox, logged in."""

    def __init__(self, sandbox: RunningSandbox, folder: Path) -> None:
        details = sandbox.details
        self.sandbox = sandbox
        self.clock = SandboxMarketClock(details.rest, MonotonicClock())
        self.control = SandboxControl(details.rest)
        self.logged: list[tuple[str, str, dict[str, object]]] = []

        def log(level: str, event: str, /, **keys: object) -> None:
            self.logged.append((level, event, keys))

        self.account = KiteAccount(
            Addresses(details.rest, details.ws),
            Credentials(details.api_key, details.api_secret, details.user_id, "sandbox", "000000"),
            folder,
            self.clock,
            MonotonicClock(),
            log=log,
            limits=PacingLimits(0, 0, 0, 0, 0),
        )
        self.session = self.account.session()
        self.facts = self.session.open()
        self.broker = self.account.broker()
        self.instruments = self.account.instruments()
        self.catalog = Catalog(self.instruments.load(ist(self.clock.now_ns()).date()))

    def close(self) -> None:
        self.broker.close()
        self.instruments.close()
        self.session.close()

    def order(self, tag: str) -> BrokerOrder:
        (found,) = [order for order in self.broker.orders() if tag in order.tags]
        return found

    def order_when(self, tag: str, condition: Callable[[BrokerOrder], bool]) -> BrokerOrder:
        """The order once the condition holds; asks again at the pace of the adapter's own reads."""
        deadline = MonotonicClock().now_ns() + int(WAIT * SECOND)
        while not condition(found := self.order(tag)):
            assert MonotonicClock().now_ns() < deadline, f"{found.status_word}, filled {found.filled}"
            threading.Event().wait(0.01)
        return found


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    with launch(speed=60, seed=3, relax=["rate-limits"]) as running:
        yield running


@pytest.fixture
def trader(sandbox: RunningSandbox, tmp_path: Path) -> Iterator[Trader]:
    found = Trader(sandbox, tmp_path)
    yield found
    found.close()


def a_market_order(tag: str, side: Side = Side.BUY, symbol: str = "SBIN") -> PlaceOrder:
    return PlaceOrder(tag, "NSE", symbol, side, 10, Product.MIS, OrderKind.MARKET)


def test_the_unattended_login_is_kept_and_used_again(trader: Trader, tmp_path: Path) -> None:
    again = KiteAccount(
        Addresses(trader.sandbox.rest, trader.sandbox.ws),
        Credentials("sandboxkey", "sandboxsecret", "SB0001"),
        tmp_path,
        trader.clock,
        MonotonicClock(),
        log=lambda *_, **__: None,
    ).session()
    facts = again.open()
    again.close()

    assert facts == trader.facts
    assert ist(facts.expires).time() == dt.time(6)
    assert 0 < facts.expires - facts.opened <= 24 * 60 * MINUTE


def test_an_order_goes_from_post_to_trade_and_position(trader: Trader) -> None:
    outcome = trader.broker.place(a_market_order("e2ebuy", symbol="ITC"))
    assert isinstance(outcome, Accepted)
    order = trader.order_when("e2ebuy", lambda found: found.status.terminal)
    trades = trader.broker.trades(outcome.order_id)
    (position,) = [one for one in trader.broker.positions() if one.symbol == "ITC"]

    assert order.status is BrokerStatus.COMPLETE
    assert sum(trade.quantity for trade in trades) == order.filled == 10
    instrument = trader.catalog.by_key["NSE:ITC"]
    assert all(trade.price % instrument.tick_size == 0 for trade in trades)
    assert abs(trader.clock.now_ns() - trades[0].event_time) < 60 * MINUTE
    assert position.quantity == 10
    assert position.buy_value == sum(trade.quantity * trade.price for trade in trades)
    assert trader.broker.funds().live_balance < trader.broker.funds().cash

    closing = trader.broker.place(a_market_order("e2esell", Side.SELL, "ITC"))
    assert isinstance(closing, Accepted)
    trader.order_when("e2esell", lambda found: found.status.terminal)
    assert [one.quantity for one in trader.broker.positions() if one.symbol == "ITC"] == [0]
    assert trader.broker.holdings() == []


def test_a_resting_order_is_cancelled_and_a_second_cancel_is_refused(trader: Trader) -> None:
    price = trader.catalog.by_key["NSE:SBIN"].tick_size
    last = _last_price(trader, "NSE:SBIN")
    resting = PlaceOrder(
        "rest1", "NSE", "SBIN", Side.BUY, 1, Product.MIS, OrderKind.LIMIT, price=(last * 95 // 100) // price * price
    )
    placed = trader.broker.place(resting)
    assert isinstance(placed, Accepted)
    trader.order_when("rest1", lambda found: found.status is BrokerStatus.OPEN)

    assert trader.broker.cancel(placed.order_id, Variety.REGULAR) == Accepted(placed.order_id)
    gone = trader.order_when("rest1", lambda found: found.status.terminal)
    assert (gone.status, gone.cancelled) == (BrokerStatus.CANCELLED, 1)
    assert isinstance(trader.broker.cancel(placed.order_id, Variety.REGULAR), Rejected)


def _last_price(trader: Trader, key: str) -> int:
    history = trader.account.history()
    now = trader.clock.now_ns()
    bars = history.bars(trader.catalog.by_key[key], 60, now - 5 * 24 * 60 * MINUTE, now)
    history.close()
    return bars[-1].close


@pytest.mark.parametrize(
    ("change", "word"),
    [({"price": 1}, "Tick size"), ({"symbol": "NOSUCH"}, ""), ({"exchange": "XYZ"}, "")],
    ids=["tick", "symbol", "exchange"],
)
def test_the_brokers_refusals_are_rejections_in_its_words(trader: Trader, change: dict[str, object], word: str) -> None:
    fields: dict[str, object] = {
        "tag": "bad1",
        "exchange": "NSE",
        "symbol": "SBIN",
        "side": Side.BUY,
        "quantity": 1,
        "product": Product.MIS,
        "kind": OrderKind.LIMIT,
        "price": 5_000_000,
    }
    outcome = trader.broker.place(PlaceOrder(**(fields | change)))  # type: ignore[arg-type]  # a row of the table

    assert isinstance(outcome, Rejected)
    assert outcome.code == 400
    assert word in outcome.text


def test_history_is_the_market_that_was_and_ends_before_now(trader: Trader) -> None:
    history = trader.account.history()
    now = trader.clock.now_ns()
    infy = trader.catalog.by_key["NSE:INFY"]
    minutes = history.bars(infy, 60, now - 10 * 24 * 60 * MINUTE, now)
    fives = history.bars(infy, 300, now - 10 * 24 * 60 * MINUTE, now)
    history.close()

    assert len(minutes) > 1000
    assert all(bar.end <= trader.clock.now_ns() for bar in minutes)
    assert [bar.start for bar in minutes] == sorted({bar.start for bar in minutes})
    assert all(bar.low <= min(bar.open, bar.close) and bar.high >= max(bar.open, bar.close) for bar in minutes)
    assert history.rounded == 0
    five = fives[1]
    inside = [bar for bar in minutes if five.start <= bar.start < five.end]
    assert (five.open, five.close, five.volume) == (inside[0].open, inside[-1].close, sum(bar.volume for bar in inside))


def test_the_instruments_have_their_hours(trader: Trader) -> None:
    catalog = trader.catalog

    def session(instrument: Instrument) -> SessionClass:
        return instrument.session

    assert session(catalog.by_key["NSE:INFY"]) is SessionClass.EQUITY_AUCTION
    assert session(catalog.by_key["NSE:NIFTY 50"]) is SessionClass.INDEX
    assert {session(one) for one in catalog} >= {SessionClass.EQUITY, SessionClass.EQUITY_DERIVATIVE}
    assert trader.instruments.skipped == 0


def test_ticks_and_order_updates_come_over_the_socket(trader: Trader) -> None:
    feed, listener = trader.account.feed(), SeenWithoutClock()
    feed.connect(1, listener)
    assert listener.wait(lambda: listener.connected_epochs == [1])
    tokens = [trader.catalog.by_key[key].token for key in ("NSE:SBIN", "NSE:INFY", "NSE:NIFTY 50")]
    feed.subscribe(1, tokens, "full")

    def seen() -> set[int]:
        return {
            int(row["token"])
            for _, payload in listener.frames
            for row in feed.decode(payload)
            if row["mode"] == MODE_FULL and row["last_price"] > 0
        }

    assert listener.wait(lambda: seen() == set(tokens))
    assert feed.counts.dropped == 0
    trader.broker.place(a_market_order("socket1"))

    def updated() -> bool:
        decoded = [feed.decode_text(text) for _, text in listener.texts]
        return any(
            isinstance(order, BrokerOrder) and order.tags[:1] == ("socket1",) and order.status is BrokerStatus.COMPLETE
            for order in decoded
        )

    assert listener.wait(updated)
    feed.close()


class SeenWithoutClock(Listener):
    """The sandbox's market time moves: any stamp will do."""

    def frame(self, epoch: int, payload: bytes, received_ns: int) -> None:
        assert received_ns > 0
        self._note(self.frames, (epoch, payload))


def test_a_dead_token_stops_orders_and_socket_until_the_next_login(trader: Trader) -> None:
    trader.account.tokens.put("deadtokendeadtoken")
    feed, listener = trader.account.feed(), SeenWithoutClock()
    feed.connect(1, listener)
    assert listener.wait(lambda: bool(listener.lost))
    rejected = trader.broker.place(a_market_order("dead1"))
    not_sent = trader.broker.place(a_market_order("dead2"))
    with pytest.raises(LoginNeeded):
        trader.broker.orders()

    assert listener.lost[0][2], "the socket says that a login is needed"
    assert isinstance(rejected, Rejected) and rejected.code == 403
    assert isinstance(not_sent, NotSent)

    assert trader.session.open().user_id == "SB0001"
    assert not [order for order in trader.broker.orders() if {"dead1", "dead2"} & set(order.tags)]
    feed.close()


def test_the_clock_follows_hold_rate_and_release(tmp_path: Path) -> None:
    with launch(speed=60, seed=3, hold=True) as running:
        control = SandboxControl(running.rest)
        clock = SandboxMarketClock(running.rest, MonotonicClock())
        held = clock.now_ns()

        assert (clock.rate, clock.now_ns()) == (0.0, held)
        control.release()
        control.set_rate(600)
        clock.refresh()
        assert clock.rate == 600
        assert clock.wall_seconds_until(held + 600 * SECOND) <= 1.0
        theirs = SandboxMarketClock(running.rest, MonotonicClock())
        assert abs(theirs.now_ns() - clock.now_ns()) < 30 * SECOND, "50 ms of wall time"
        books = control.books()
        assert books["orders"] == 0
