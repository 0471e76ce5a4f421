"""More instruments than one socket takes: up to three feeds, each with market data of its own.

A shard is a pair, `feed.0` and `market`, `feed.1` and `market.1`, `feed.2` and `market.2`: bars close by the newest
exchange time of their own socket, so a socket that lags makes no other's bars wrong. Nothing else knows of shards: the
routes of each pair lead to its partner, and what concerns one instrument goes to the pair that has it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Final

from actors.routes import FEED, MARKET, REPORTER, ROUTES, Route, Routes, Sender, Topology
from domain.messages.control import SessionOpened
from domain.messages.market import FeedConnected, HistoryLoaded
from domain.strategy.messages import SeriesWanted, WarmUpRequested

SHARDS_MAX: Final = 3
"""Sockets per app (kite-facts 4)."""


def feed_name(shard: int) -> str:
    """The name of a shard's feed."""
    return f"{FEED.rpartition('.')[0]}.{shard}"


def market_name(shard: int) -> str:
    """The name of a shard's market data."""
    return MARKET if shard == 0 else f"{MARKET}.{shard}"


def deal(tokens: Iterable[int], per_socket: int) -> list[tuple[int, ...]]:
    """The tokens by shard, in order, each socket filled before the next one.

    Raises ValueError where there are more than all sockets take.
    """
    whole: Sequence[int] = list(tokens)
    shards = [tuple(whole[start : start + per_socket]) for start in range(0, len(whole), per_socket)] or [()]
    if len(shards) > SHARDS_MAX:
        raise ValueError(f"{len(whole)} instruments; {SHARDS_MAX} sockets take {per_socket} each")
    return shards


_REDIRECTED: Final = frozenset({FeedConnected, SessionOpened, HistoryLoaded, WarmUpRequested, SeriesWanted})
"""Messages whose receivers depend on more than the shard: see ShardRoutes."""


class ShardRoutes(Routes):
    """The routes as one shard's actors use them, or (shard 0) everybody else.

    of_token  which shard has an instrument
    """

    def __init__(self, topology: Topology, of_token: Mapping[int, int], shard: int = 0) -> None:
        super().__init__(topology)
        self._of_token = of_token
        self._partners = {FEED: feed_name(shard), MARKET: market_name(shard)}
        self._feeds = [FEED, *(feed_name(each) for each in sorted(set(of_token.values()) - {0}))]
        self._shard = shard
        self._uncounted = shard > 0

    def publish(self, sender: Sender, message: object) -> None:
        """See Routes.publish."""
        self.note(sender, message)
        kind = type(message)
        route = ROUTES[kind]
        key = None if route.key is None else route.key(message)
        if route.split is not None:
            # A key of the shard's own: what waits under it was told by one actor, in its order.
            own = None if key is None else (key, self._shard)
            for name, part in route.split(self.topology, message):
                self.send(sender, name, part, route.lane, own)
            return
        names = route.to(self.topology, message)
        if kind in _REDIRECTED:
            self._redirect(sender, message, names, route, key)
            return
        partner, lane = self._partners.get, route.lane
        for name in names:
            self.send(sender, partner(name, name), message, lane, key)

    def _redirect(
        self, sender: Sender, message: object, names: tuple[str, ...], route: Route, key: Hashable | None
    ) -> None:
        """What does not go to this shard's own partners alone."""
        for name in names:
            if self._uncounted and name == REPORTER and isinstance(message, FeedConnected):
                # The report counts connections after the process's first: a further socket's first is none of them.
                self._uncounted = False
                continue
            if isinstance(message, SessionOpened) and name == FEED:
                for feed in self._feeds:
                    self.send(sender, feed, message, route.lane, key)
                continue
            if isinstance(message, HistoryLoaded | WarmUpRequested | SeriesWanted):
                to = market_name(self._of_token.get(message.token, 0))
            else:
                to = self._partners.get(name, name)
            self.send(sender, to, message, route.lane, key)
