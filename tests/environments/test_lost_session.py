"""The session ends in the middle of trading: entries stop, a person is called, and a new login is all it takes."""

from __future__ import annotations

from pathlib import Path

from actors.routes import RISK
from adapters.clock import MonotonicClock, SandboxMarketClock
from adapters.kite.session import KiteSession
from app.account import addresses_of, kite_account
from app.world import folders
from config.loader import load
from domain.messages.control import TradingState
from domain.messages.journal import OrderState
from tests.environments.visits import PERSONAL, end_session, request_token
from tests.support.waiting import eventually
from tests.system.plant import ROOT, Exchange, Trader, an_exchange


def a_login(exchange: Exchange, folder: Path) -> KiteSession:
    """The session as another process, `run.py login`, would make it: only the folder is shared."""
    loaded = load("sandbox", None, (*exchange.sets, *PERSONAL, f"data_dir={folder / 'data'}"), {}, ROOT)
    addresses = addresses_of(loaded.settings)
    assert addresses is not None
    clock = SandboxMarketClock(exchange.running.rest, MonotonicClock())
    account = kite_account(
        loaded.settings, addresses, folders(loaded).data, clock, MonotonicClock(), lambda *_, **__: None
    )
    session = account.session()
    session.exchange(request_token(exchange.running))
    return session


def state_of(trader: Trader) -> TradingState:
    found = trader.ask(RISK)
    assert isinstance(found, dict)
    state = found["state"].state
    assert isinstance(state, TradingState)
    return state


def test_trading_stops_for_a_lost_session_and_goes_on_with_a_new_login(tmp_path: Path) -> None:
    with an_exchange(speed=60) as exchange:
        a_login(exchange, tmp_path).close()
        # So long a wait that only the news of the login can end it in time.
        patient = ("feed.backoff_min_seconds=300", "feed.backoff_max_seconds=300")
        with Trader(tmp_path, *exchange.sets, *PERSONAL, *patient) as trader:
            trader.trading()
            trader.trade_on()
            lost = trader.world.account.tokens.current()
            assert lost is not None
            end_session(exchange.running, lost.value)
            eventually(lambda: state_of(trader) is TradingState.REDUCING, what="entries frozen")
            orders_at_the_loss = len(exchange.orders())
            alerts = eventually(lambda: trader.events("alert.session.login"), what="the alert")
            assert f"{exchange.running.rest}/connect/login?v=3&api_key=" in str(alerts[0])
            assert lost.value not in str(alerts)

            new = a_login(exchange, tmp_path)
            eventually(lambda: state_of(trader) is TradingState.ACTIVE, what="trading again")
            eventually(lambda: len(trader.events("feed.connected")) == 2, what="the ticker is back at once")
            trader.trade_on(2)
            new.close()

            trader.square_off(exchange)
            records = trader.world.journal.records()
            theirs = {order.order_id: order.filled_quantity for order in exchange.orders()}
            books, report = exchange.books(), trader.finish()

    assert len(alerts) == 1, "a person is called once"
    assert not [row for row in records if row.state is OrderState.QUARANTINED]
    assert {row.order_id: row.booked for row in records if row.order_id} == theirs
    assert books.orders > orders_at_the_loss
    assert report.balanced
    assert report.books_agree
