"""More instruments than one socket takes: shards of the feed, each with its market data, one stream of order updates."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.routes import FEED, HISTORY, MARKET, REPORTER, Topology
from actors.runtime import Lane
from actors.shards import SHARDS_MAX, ShardRoutes, deal, feed_name, market_name
from domain.messages.control import SessionOpened
from domain.messages.market import FeedConnected, HistoryLoaded, LoadHistory, Subscribe
from domain.strategy.messages import WarmUpRequested
from tests.support.waiting import eventually
from tests.system.judging import assert_books_equal, assert_effectively_once
from tests.system.plant import Trader, an_exchange


@given(count=st.integers(0, 30), per_socket=st.integers(10, 12))
def test_every_instrument_has_one_socket_and_none_is_overfull(count: int, per_socket: int) -> None:
    shards = deal(range(count), per_socket)

    assert [token for shard in shards for token in shard] == list(range(count))
    assert 1 <= len(shards) <= SHARDS_MAX
    assert all(len(shard) <= per_socket for shard in shards)


def test_more_than_all_sockets_take_is_refused() -> None:
    with pytest.raises(ValueError, match="31 instruments; 3 sockets take 10 each"):
        deal(range(31), 10)


class Told:
    def __init__(self) -> None:
        self.to: list[str] = []

    def tell(self, name: str, message: object, lane: Lane = Lane.EVENT, key: object = None) -> None:
        self.to.append(name)


def receivers(routes: ShardRoutes, message: object) -> list[str]:
    told = Told()
    routes.publish(told, message)
    return told.to


def test_a_pair_speaks_to_its_partner_and_what_concerns_an_instrument_goes_to_its_pair() -> None:
    topology, of_token = Topology(("s",), {1: ("s",), 2: ("s",)}), {1: 0, 2: 2}
    everybody, third = ShardRoutes(topology, of_token), ShardRoutes(topology, of_token, 2)

    assert receivers(third, Subscribe((2,), "full")) == ["feed.2"]
    assert receivers(everybody, Subscribe((1,), "full")) == [FEED]
    assert receivers(everybody, HistoryLoaded(2, 60, 0, ())) == ["market.2"]
    assert receivers(everybody, HistoryLoaded(1, 60, 0, ())) == [MARKET]
    assert receivers(everybody, WarmUpRequested("s", 2, 60)) == ["market.2"]
    assert receivers(third, LoadHistory(2, 60, 0, 1)) == [HISTORY]
    heard = [name for name in receivers(everybody, SessionOpened("SB0001", 0, 0)) if name.startswith("feed")]
    assert heard == [FEED, "feed.2"], "every socket of a new login"
    first, again = receivers(third, FeedConnected(1, 0)), receivers(third, FeedConnected(2, 0))
    assert "market.2" in first and MARKET not in first
    assert (REPORTER in first, REPORTER in again) == (False, True)


def test_six_shares_over_three_sockets_trade_and_the_books_are_equal(tmp_path: Path) -> None:
    with an_exchange(speed=60) as exchange:
        sets = (*exchange.sets, "sandbox.instruments=6", "feed.instruments_max=2")
        with Trader(tmp_path, *sets) as trader:
            trader.trading()
            for shard in range(3):
                assert trader.node(feed_name(shard)).state == trader.node(market_name(shard)).state == "up"
                eventually(lambda: trader.ask(market_name(shard))["ticks"] > 0, what=f"ticks on shard {shard}")  # type: ignore[index]  # noqa: B023  # a report; called at once
            for each in trader.cast.strategies:
                trader.trade_on(1, strategy=each.id)
            trader.crash("feed.1")
            trader.trade_on(6)
            trader.square_off(exchange)
            report = trader.finish()

        assert len(trader.cast.instruments) == 6
        assert_effectively_once(exchange, trader.journal_path)
        assert_books_equal(exchange, trader.journal_path)
        assert (report.balanced, report.books_agree, report.reconnects) == (True, True, 1)
