"""The configuration in force, for actors that are made anew while it may change: terms, instruments, who is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec.structs import replace

from actors.routes import Routes, Topology
from actors.shards import ShardRoutes, deal
from actors.turns import Turns
from app.limits import risk_limits
from app.strategies import Cast
from config.errors import ConfigError
from config.schema import Settings
from domain.listing import Listing
from domain.messages.configuration import (
    Known,
    OrderTerms,
    ReconcileTerms,
    StrategyTerms,
    Terms,
)
from domain.reconcile.account import Tolerances
from domain.risk.strictest import RiskTerms
from domain.values import Instrument

KNOWN_MAX: Final = 64
"""Versions that are remembered: an intent lives for seconds."""


class Board:
    """What is in force now. Written by the configuration's actor alone; what others read is replaced as a whole.

    settings, cast  of the adopted version
    listing         every instrument that has been traded in this process
    shards          which socket has which of them
    known           the last versions
    exits           rules of managed exits, also of strategies that were taken out: what they guard may still be held
    first           strategies that were there when the process started
    turns           of its strategies
    """

    def __init__(self, settings: Settings, cast: Cast, version: int = 1, reloadable: bool = False) -> None:
        self.settings = settings
        self.cast = cast
        self.listing = Listing(cast.instruments)
        self.shards: dict[int, int] = {}
        try:
            dealt = deal(cast.instruments, settings.feed.instruments_max)
        except ValueError as error:
            raise ConfigError(f"feed.instruments_max: {error}") from None
        for shard, tokens in enumerate(dealt):
            self.shards.update(dict.fromkeys(tokens, shard))
        self.sockets: Final = len(dealt)
        self.known = Known({version: terms_of(settings, cast, version)}, version, version)
        self.exits = dict(self.terms.exits)
        self.first = frozenset(each.id for each in cast.strategies)
        self.turns = Turns()
        self._topology = replace(cast.topology, reloadable=reloadable)
        self._routes: list[Routes] = []

    def routes(self, shard: int = 0) -> ShardRoutes:
        """The routes as this shard's actors use them, or (0) everybody else: they follow who is there."""
        made = ShardRoutes(self._topology, self.shards, shard)
        self._routes.append(made)
        return made

    @property
    def terms(self) -> Terms:
        """Of the version that is adopted."""
        return self.known.terms[self.known.adopted]

    def strategy(self, name: str) -> StrategyTerms:
        """One strategy as it is; of one that was taken out, as it was last. Raises KeyError."""
        for version in sorted(self.known.terms, reverse=True):
            strategies = self.known.terms[version].strategies
            if version <= self.known.adopted and name in strategies:
                return strategies[name]
        raise KeyError(name)

    @property
    def topology(self) -> Topology:
        """Who is there."""
        return self._topology

    def lead(self, topology: Topology) -> None:
        """From here on the routes lead to these."""
        self._topology = topology
        for routes in self._routes:
            routes.topology = topology

    def tokens(self, shard: int) -> tuple[int, ...]:
        """What one socket streams."""
        return tuple(token for token, its in tuple(self.shards.items()) if its == shard)

    def bars(self, shard: int) -> dict[tuple[int, int], int]:
        """(token, interval in seconds) -> bars of history, of one socket's instruments."""
        inside = frozenset(self.tokens(shard))
        wanted: dict[tuple[int, int], int] = {}
        for strategy in self.cast.strategies:
            for instrument in strategy.instruments:
                if instrument.token in inside:
                    for interval_seconds, bars in strategy.loads.items():
                        key = (instrument.token, interval_seconds)
                        wanted[key] = max(wanted.get(key, 0), bars)
        return wanted

    def room_for(self, instruments: Iterable[Instrument]) -> None:
        """Raises ConfigError where the sockets cannot take these as well."""
        new = [each for each in instruments if each.token not in self.shards]
        free = self.sockets * self.settings.feed.instruments_max - len(self.shards)
        if len(new) > free:
            raise ConfigError(
                f"strategies: found {len(new)} further instruments; allowed: {free}, what the open sockets take; "
                "more of them after a restart"
            )

    def add(self, instruments: Iterable[Instrument]) -> None:
        """More instruments, each to the socket that has most room."""
        for each in instruments:
            if each.token not in self.shards:
                counts = [len(self.tokens(shard)) for shard in range(self.sockets)]
                self.shards[each.token] = counts.index(min(counts))
        self.listing.add(instruments)

    def know(self, terms: Terms) -> None:
        """One more version, prepared."""
        self.exits = {**self.exits, **terms.exits}
        newest = sorted({**self.known.terms, terms.version: terms}.items())[-KNOWN_MAX:]
        self.known = replace(self.known, terms=dict(newest))


def terms_of(settings: Settings, cast: Cast, version: int) -> Terms:
    """Everything that may change while it trades."""
    orders, reconcile = settings.orders, settings.reconcile
    return Terms(
        version=version,
        risk=RiskTerms(risk_limits(settings.risk), orders.intent_valid_seconds, market_protection(settings)),
        orders=OrderTerms(
            poll_seconds=orders.reconcile_seconds,
            unresolved_poll_seconds=orders.poll_seconds,
            market_order_patience_seconds=orders.market_order_patience_seconds,
            market_protection=market_protection(settings),
            market_as_limit=round(orders.market_as_limit_percent * 100),
        ),
        reconcile=ReconcileTerms(
            positions_seconds=reconcile.positions_seconds,
            funds_seconds=reconcile.funds_seconds,
            confirm_seconds=reconcile.confirm_seconds,
            update_grace_seconds=reconcile.update_grace_seconds,
            tolerances=Tolerances(price=reconcile.price_tolerance, funds=reconcile.funds_tolerance),
            policies=reconcile.policies.by_name(),
            traders={each.id: tuple((one.key, each.product) for one in each.instruments) for each in cast.strategies},
        ),
        strategies={
            each.id: StrategyTerms(
                each.strategy,
                each.instruments,
                replace(each.runner, config_version=version),
                enabled=each.enabled,
                isolated=each.isolated,
            )
            for each in cast.strategies
        },
        exits={each.id: each.exits for each in cast.strategies if each.exits is not None},
        execution={each.id: each.execution for each in cast.strategies if each.execution is not None},
        intent_valid_seconds=orders.intent_valid_seconds,
    )


def market_protection(settings: Settings) -> int:
    """Percent in 1/100, -1 for the broker's own band."""
    configured = settings.orders.market_protection
    return -1 if configured == "auto" else round(configured * 100)


def widened(one: Topology, other: Topology) -> Topology:
    """Whoever is there in either of them: while the one becomes the other."""
    by_token: Mapping[int, tuple[str, ...]] = {
        token: tuple(dict.fromkeys((*one.by_token.get(token, ()), *other.by_token.get(token, ()))))
        for token in {**one.by_token, **other.by_token}
    }
    return replace(
        other,
        strategies=tuple(dict.fromkeys((*one.strategies, *other.strategies))),
        by_token=by_token,
        guarded=tuple(dict.fromkeys((*one.guarded, *other.guarded))),
        executed=tuple(dict.fromkeys((*one.executed, *other.executed))),
        exit_workers=one.exit_workers,
        audited=one.audited,
        published=one.published,
        reloadable=one.reloadable,
    )
