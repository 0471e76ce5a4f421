"""What the gate is told of the world, and the facts that it makes of it."""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec.structs import replace

from domain.calendar import SessionCalendar
from domain.messages.broker import BrokerHolding
from domain.messages.control import TradingState
from domain.messages.market import PriceChanged
from domain.messages.orders import AccountRead
from domain.risk import MarketFacts, RiskBook
from domain.risk.state import Effective
from domain.risk.world import World
from domain.values import RUPEE, Product, SessionClass, Side
from tests.domain.builders import INFY, NIFTY_FUTURE, NOW, a_risk_book, a_trade, an_intent, at

ACTIVE = Effective(TradingState.ACTIVE, "", "startup")
LISTED = {each.token: each for each in (INFY, NIFTY_FUTURE)}
CNC: dict[str, Any] = {"product": Product.CNC}


def a_world(**changes: Any) -> World:
    return World(LISTED, SessionCalendar(), {SessionClass.EQUITY: dt.time(15, 5)}, **changes)


def holding(quantity: int, t1: int = 0, used: int = 0) -> AccountRead:
    return AccountRead(1, (), (BrokerHolding("NSE", "INFY", quantity, t1, used, 0),), None)


def facts(world: World, book: RiskBook | None = None, **changes: Any) -> MarketFacts:
    intent = an_intent(**changes)
    return world.facts(intent.token, NOW, ACTIVE, "", book or a_risk_book(), intent)


def test_what_may_be_sold_is_held_or_bought_today_and_not_sold_yet() -> None:
    world = a_world()
    assert facts(world).sellable is None, "not known: the broker judges"

    world.account(holding(10, t1=5, used=3))
    assert facts(world).sellable == 12

    bought = a_trade("t1", quantity=7, **CNC)
    sold = a_trade("t2", quantity=4, side=Side.SELL, order_id="o2", **CNC)
    # Of our own sales the broker's figure may not tell yet; the higher of the two counts.
    assert facts(world, a_risk_book(bought, sold)).sellable == 15 + 7 - 4

    world.account(replace(holding(99), holdings=None, error="no reply"))
    assert facts(world).sellable == 12, "what could not be read says nothing"
    world.open_day()
    assert facts(world).sellable is None


def test_a_broken_feed_is_down_since_its_first_loss() -> None:
    world = a_world()
    assert facts(world).feed_lost == 0

    world.feed_lost.update({"feed.0": 20, "feed.1": 10})

    assert facts(world).feed_lost == 10


def test_the_brokers_margin_is_in_proportion_and_rounded_up() -> None:
    world = a_world()
    world.margin(INFY.key, Product.MIS, Side.BUY, 3, 1_000)

    assert facts(world, quantity=10).broker_margin == 3_334
    assert facts(world, side=Side.SELL).broker_margin is None
    assert world.stated("NSE:INFY", Product.MIS, Side.SELL, 10) is None


def test_trading_days_left_are_counted_by_the_calendar() -> None:
    world = a_world()

    friday_to_tuesday = world.sessions_to_expiry(NIFTY_FUTURE, NOW)  # Fri 20 to Tue 24 Nov 2026, which is a holiday

    assert friday_to_tuesday == 1
    assert world.sessions_to_expiry(replace(NIFTY_FUTURE, expiry=dt.date(2026, 11, 20)), NOW) == 0
    assert world.sessions_to_expiry(replace(NIFTY_FUTURE, expiry=dt.date(2031, 1, 7)), NOW) is None
    assert world.sessions_to_expiry(INFY, NOW) is None


def test_hours_and_cut_off_are_of_the_instruments_class() -> None:
    found = facts(a_world())

    assert found.hours == (at("09:15"), at("15:30"))
    assert found.mis_cutoff == at("15:05")
    other = replace(NIFTY_FUTURE, session=SessionClass.EQUITY_DERIVATIVE)
    assert a_world().hours(other.session, NOW)[1] is None, "no cut-off is configured for it"
    assert facts(a_world(), token=1).instrument is None


def test_what_the_broker_states_of_the_day_comes_with_the_facts() -> None:
    world = a_world(market_protection=150)
    world.circuits({INFY.key: (900 * RUPEE, 1_100 * RUPEE)})
    world.prices({INFY.token: PriceChanged(INFY.token, 1_000 * RUPEE, 0, 0, 0, NOW, NOW)})

    found = facts(world)

    assert (found.circuit, found.market_protection) == ((900 * RUPEE, 1_100 * RUPEE), 150)
    assert (found.price, found.price_received) == (1_000 * RUPEE, NOW)
    assert world.last_prices() == {INFY.token: 1_000 * RUPEE}
