"""How the risk gate tells how much of its limits is used, once a second, and calls a person where one comes near."""

from __future__ import annotations

from typing import Final

from actors.routes import Routes
from actors.runtime import Context
from domain.messages.control import Alert
from domain.messages.limits import LimitsUsed
from domain.risk import MarketFacts, RiskBook, RiskLimits
from domain.risk.loss import stands
from domain.risk.settings import RiskSettings
from domain.risk.usage import Crossings, limits_used
from domain.risk.world import World
from domain.values import SECOND, Nanos

EVERY: Final[Nanos] = SECOND
"""Monotonic time between looks."""

NAMED_MAX: Final = 5
"""Limits that one alert names; every one has its own event in the log."""


class LimitsWatch:
    """See the module."""

    def __init__(self, context: Context, routes: Routes, world: World, settings: RiskSettings) -> None:
        self._context = context
        self._routes = routes
        self._world = world
        self._crossings = None if settings.warn_at_percent is None else Crossings(settings.warn_at_percent)
        self._looked: Nanos = 0

    def look(self, book: RiskBook, facts: MarketFacts, limits: RiskLimits) -> None:
        """Tell, where it is time to and somebody wants to know."""
        mono = self._context.runtime.monotonic.now_ns()
        snapshot = self._world.snapshot
        told = self._routes.topology.published
        if snapshot is None or mono - self._looked < EVERY or not (told or self._crossings):
            return
        self._looked = mono
        strategies = {each.strategy: stands(book, snapshot, each.strategy) for each in snapshot.strategies}
        uses = limits_used(book, limits, facts, strategies)
        if told:
            self._routes.publish(self._context, LimitsUsed(facts.now, uses))
        if self._crossings is None:
            return
        near = self._crossings.look(uses, mono)
        for use in near:
            keys = {"key": use.key, "subject": use.subject, "used": use.used, "limit": use.limit}
            self._context.log("warning", "risk.limit_near", text=f"{use.title}: {use.figures}", **keys)
        if near:
            names = "; ".join(f"{use.title}: {use.figures}" for use in near[:NAMED_MAX])
            more = f"; and {len(near) - NAMED_MAX} more" if len(near) > NAMED_MAX else ""
            alert = Alert("warning", "risk.limit_near", f"{names}{more}", facts.now)
            self._routes.publish(self._context, alert)
