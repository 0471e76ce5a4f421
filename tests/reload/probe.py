"""A probe in every actor: which version of the configuration each of them used, for which intent, in which message."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from actors.execution import Execution
from actors.exits import Exits
from actors.gateway import OrderWorker
from actors.orders import OrderSupervisor
from actors.placing import Placing
from actors.portfolio import Portfolio
from actors.reconciler import Reconciler
from actors.reporter import Reporter
from actors.risk import RiskGate
from actors.runtime import Actor
from actors.strategy import StrategyActor
from actors.versions import Versions
from domain.messages.orders import ApprovedIntent, OrderIntent
from domain.risk.strictest import VersionedLimits

PROBED: tuple[type[Actor], ...] = (
    StrategyActor,
    RiskGate,
    OrderSupervisor,
    OrderWorker,
    Exits,
    Execution,
    Portfolio,
    Reconciler,
    Reporter,
)


class Seen(NamedTuple):
    """One message about an intent, as an actor handled it. used: whose settings it asked for meanwhile."""

    actor: str
    message: str
    intent: str
    version: int
    used: tuple[int, ...]


class Probe:
    """Everything seen."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.wrong: list[str] = []
        self._here = threading.local()

    def install(self, patch: pytest.MonkeyPatch) -> None:
        """Into every actor that is made from now on."""
        for kind in PROBED:
            patch.setattr(kind, "receive", self._receiving(kind.receive))
        for shelf in (Versions, VersionedLimits):
            patch.setattr(shelf, "of", self._reading(shelf.of))
        patch.setattr(Placing, "accept", self._placing(Placing.accept))
        patch.setattr(StrategyActor, "_send", self._deciding(StrategyActor._send))

    def by_intent(self) -> dict[str, set[int]]:
        """Every version that any actor used or saw, by decision (its slices and parts are of it)."""
        found: dict[str, set[int]] = defaultdict(set)
        for each in self.seen:
            found[each.intent] |= {each.version, *each.used}
        return found

    def _receiving(self, receive: Any) -> Any:
        def probed(actor: Actor, message: object) -> object:
            self._here.used = []
            try:
                return receive(actor, message)
            finally:
                # An intent is decided by what is asked for first; later readings are other orders'.
                used = tuple(self._here.used[:1]) if isinstance(message, OrderIntent) else ()
                for intent in intents_in(message):
                    name = type(message).__name__
                    self.seen.append(Seen(actor.context.name, name, intent.intent_id, intent.config_version, used))

        return probed

    def _reading(self, of: Any) -> Any:
        def probed(shelf: Any, version: int) -> object:
            known = shelf._known if isinstance(shelf, Versions) else shelf._terms
            used = getattr(self._here, "used", None)
            if used is not None:
                used.append(version)
            if version not in known:
                self.wrong.append(f"version {version} is not known to a shelf of {sorted(known)}")
            return of(shelf, version)

        return probed

    def _placing(self, accept: Any) -> Any:
        def probed(placing: Placing, approved: ApprovedIntent) -> None:
            self._here.used = []
            accept(placing, approved)
            used = tuple(self._here.used)
            intent = approved.intent
            self.seen.append(Seen("orders", "placing", intent.intent_id, intent.config_version, used))

        return probed

    def _deciding(self, send: Any) -> Any:
        def probed(actor: StrategyActor, intents: Any) -> None:
            version = actor._terms.runner.config_version
            for intent in intents:
                self.seen.append(
                    Seen(actor.context.name, "decides", intent.intent_id, intent.config_version, (version,))
                )
            send(actor, intents)

        return probed


def intents_in(message: object) -> Iterator[OrderIntent]:
    """The intents that a message carries, at whatever depth."""
    if isinstance(message, OrderIntent):
        yield message
    elif isinstance(message, msgspec.Struct):
        for field in message.__struct_fields__:
            yield from intents_in(getattr(message, field))
