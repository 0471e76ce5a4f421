"""The market data actor, called on the test's own thread: whom it tells what."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import msgspec
import pytest

from actors.market_data import CalendarSessions, MarketData, MarketDataSettings
from actors.routes import ALERTS, FEED, HISTORY, PORTFOLIO, RISK, Routes, Topology
from actors.runtime import DetachedContext, ThreadRuntime
from domain.calendar import SessionCalendar
from domain.market.buckets import Hours
from domain.messages.control import Alert, Report
from domain.messages.market import (
    BarsBackfilled,
    BarsClosed,
    DropFeed,
    FeedConnected,
    FeedDisconnected,
    LoadHistory,
    PricesChanged,
    Subscribe,
)
from domain.strategy.messages import WarmUpRequested
from domain.values import SECOND, Instrument, InstrumentKind, Nanos, SessionClass, e4
from tests.market.making import DAY, INFY, OPENS, SBIN, Print, aggregates, answer, batch, packets

ROUTES = Routes(Topology(strategies=("one", "two"), by_token={INFY: ("one", "two"), SBIN: ("two",)}))
SHARES = {
    token: Instrument(
        token=token,
        exchange="NSE",
        symbol=symbol,
        kind=InstrumentKind.EQUITY,
        tick_size=e4("0.05"),
        session=SessionClass.EQUITY_AUCTION,
    )
    for token, symbol in ((INFY, "INFY"), (SBIN, "SBIN"))
}


class MarketTime:
    """A market clock that the test sets."""

    def __init__(self, now: Nanos = OPENS * SECOND) -> None:
        self.now = now

    def now_ns(self) -> Nanos:
        return self.now


@pytest.fixture
def context() -> Iterator[DetachedContext]:
    clock = MarketTime(0)
    runtime = ThreadRuntime(clock, seed=1)
    yield DetachedContext(runtime, "market")
    runtime.close()


def an_actor(context: DetachedContext, clock: MarketTime, warm: int = 0) -> MarketData:
    wanted = {(INFY, 60): warm}
    settings = MarketDataSettings(grace_seconds=2.0)
    made = MarketData(context, ROUTES, SHARES, SessionCalendar(), clock, wanted, quoted=(SBIN,), settings=settings)
    made.started()
    return made


def test_it_subscribes_asks_for_the_warm_up_and_is_ready(context: DetachedContext) -> None:
    an_actor(context, MarketTime(), warm=20)

    assert context.told_to(FEED) == [Subscribe(tokens=(INFY, SBIN), mode="full")]
    assert context.told_to(HISTORY) == [LoadHistory(INFY, 60, (OPENS - 86_400) * SECOND, OPENS * SECOND)]
    assert context.was_ready


def test_bars_go_to_the_strategies_of_the_instrument_and_prices_to_all_who_weigh_them(context: DetachedContext) -> None:
    actor = an_actor(context, MarketTime())
    prints = [Print(0, 1_000, 5), Print(60, 1_010, 5)]

    actor.receive(batch(packets(prints)))
    actor.receive(batch(packets(prints, SBIN)))

    [bar] = aggregates(prints)[:1]
    kinds = {name: [type(each) for each in context.told_to(name)] for name in ("strategy.one", "strategy.two", RISK)}
    assert kinds == {
        "strategy.one": [BarsClosed, PricesChanged],
        "strategy.two": [BarsClosed, PricesChanged, PricesChanged],
        RISK: [PricesChanged, PricesChanged],
    }
    assert context.told_to("strategy.one")[0] == BarsClosed((bar,), (OPENS + 60) * SECOND)
    assert context.told_to(PORTFOLIO) == context.told_to(RISK)


def test_the_warm_up_is_told_to_all_and_again_to_one_that_asks(context: DetachedContext) -> None:
    actor = an_actor(context, MarketTime(), warm=20)
    [command] = context.told_to(HISTORY)
    assert isinstance(command, LoadHistory)
    history = [
        msgspec.structs.replace(bar, start=bar.start - 86_400 * SECOND)
        for bar in aggregates([Print(second, 1_000, 1) for second in range(0, 3_000, 30)])
    ]
    ask = WarmUpRequested("two", INFY, 60)

    actor.receive(ask)
    early = context.told_to("strategy.two")
    actor.receive(answer(command, history))
    actor.receive(ask)

    [to_one] = context.told_to("strategy.one")
    to_two = context.told_to("strategy.two")
    assert early == []
    assert isinstance(to_one, BarsBackfilled)
    assert len(to_one.bars) == 50
    assert to_two[0] == to_one
    assert to_two[1] == BarsBackfilled(INFY, 60, to_one.bars[-20:])


def test_a_series_that_nobody_declared_is_an_error_in_the_log_and_no_crash(context: DetachedContext) -> None:
    actor = an_actor(context, MarketTime())

    actor.receive(WarmUpRequested("one", INFY, 300))

    assert [(level, event) for level, event, _ in context.logged] == [("error", "market.unknown_series")]


def test_ticks_of_an_older_connection_are_refused(context: DetachedContext) -> None:
    actor = an_actor(context, MarketTime())
    prints = packets([Print(0, 1_000, 5)])

    actor.receive(FeedConnected(epoch=3, received_time=OPENS * SECOND))
    actor.receive(batch(prints, epoch=2))
    actor.receive(batch(prints, epoch=3))
    actor.receive(FeedDisconnected(epoch=4, reason="drill", login_needed=False, received_time=OPENS * SECOND))
    actor.receive(batch(prints, epoch=3))

    counts = actor.receive(Report())
    assert isinstance(counts, dict)
    assert (counts["ticks"], counts["stale"], counts["prints"]) == (3, 2, 1)


def test_the_clock_closes_a_bar_one_grace_after_its_end(context: DetachedContext) -> None:
    clock = MarketTime()
    actor = an_actor(context, clock)
    [due] = [timer.message for timer in context.timers]
    actor.receive(batch(packets([Print(0, 1_000, 5)])))

    steps = []
    for second in (61, 63):
        clock.now = (OPENS + second) * SECOND
        actor.receive(due)
        steps.append([type(each) for each in context.told_to("strategy.one")].count(BarsClosed))

    assert context.timers[0].period == 2.0
    assert steps == [0, 1]


def test_a_failing_history_is_logged_and_asked_again(context: DetachedContext) -> None:
    clock = MarketTime()
    actor = an_actor(context, clock, warm=20)
    [command] = context.told_to(HISTORY)
    [due] = [timer.message for timer in context.timers]
    assert isinstance(command, LoadHistory)

    actor.receive(answer(command, (), "no route to host"))
    monotonic = context.runtime.monotonic
    assert isinstance(monotonic, MarketTime)
    monotonic.now += SECOND
    actor.receive(due)

    assert [keys["why"] for _, event, keys in context.logged if event == "market.history_failed"] == [
        "no route to host"
    ]
    assert context.told_to(HISTORY) == [command, command]


def test_the_hours_come_from_the_calendar_and_end_where_it_ends() -> None:
    sessions = CalendarSessions(SessionCalendar(), SHARES)

    back = list(sessions.back(INFY, OPENS * SECOND))

    assert sessions.today(INFY, OPENS * SECOND) == back[0] == DAY
    assert back[1] == Hours(DAY.opens - 86_400, DAY.closes - 86_400)
    assert all(one.opens > two.opens for one, two in pairwise(back))


def test_a_socket_that_sends_no_prices_in_market_hours_is_dropped_and_told_of(context: DetachedContext) -> None:
    market, wall = MarketTime(), context.runtime.monotonic
    assert isinstance(wall, MarketTime)
    actor = an_actor(context, market)
    due = next(timer.message for timer in context.timers)
    actor.receive(FeedConnected(1, 0))

    wall.now = market.now = 29 * SECOND
    market.now += OPENS * SECOND
    actor.receive(due)
    assert [each for each in context.told_to(FEED) if isinstance(each, DropFeed)] == []
    wall.now += SECOND
    actor.receive(due)

    [drop] = [each for each in context.told_to(FEED) if isinstance(each, DropFeed)]
    assert drop.why == "no price for 30 s though markets are open"
    assert [each.name for each in context.told_to(ALERTS) if isinstance(each, Alert)] == ["feed.no_prices"]


def test_at_night_no_price_is_missed(context: DetachedContext) -> None:
    market, wall = MarketTime((OPENS + 8 * 3_600) * SECOND), context.runtime.monotonic
    assert isinstance(wall, MarketTime)
    actor = an_actor(context, market)
    due = next(timer.message for timer in context.timers)
    actor.receive(FeedConnected(1, 0))

    wall.now = 1_000 * SECOND
    actor.receive(due)

    assert [each for each in context.told_to(FEED) if isinstance(each, DropFeed)] == []


def test_a_tick_within_the_patience_is_enough(context: DetachedContext) -> None:
    market, wall = MarketTime(OPENS * SECOND), context.runtime.monotonic
    assert isinstance(wall, MarketTime)
    actor = an_actor(context, market)
    due = next(timer.message for timer in context.timers)
    actor.receive(FeedConnected(1, 0))
    for second in (20, 40):
        wall.now, market.now = second * SECOND, (OPENS + second) * SECOND
        actor.receive(batch(packets([Print(second, 1_000, 5)])))
        actor.receive(due)
    wall.now, market.now = 69 * SECOND, (OPENS + 69) * SECOND
    actor.receive(due)

    assert [each for each in context.told_to(FEED) if isinstance(each, DropFeed)] == []
