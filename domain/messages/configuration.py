"""A change of the configuration while it trades: asked for, journaled, prepared, adopted, settled."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from domain.execution.values import ExecutionRule
from domain.exits.values import ExitRule
from domain.reconcile.account import Tolerances
from domain.reconcile.books import Line
from domain.reconcile.names import Difference, Policy
from domain.risk.strictest import RiskTerms
from domain.strategy.runner import RunnerSettings, Strategy
from domain.values import Instrument


class OrderTerms(Struct, frozen=True):
    """What of the order supervisor's settings may change while it trades; see `actors.orders.OrderSettings`."""

    poll_seconds: float
    unresolved_poll_seconds: float
    market_order_patience_seconds: float
    market_protection: int
    market_as_limit: int


class ReconcileTerms(Struct, frozen=True):
    """The reconciler's settings; all may change. Wall seconds: the broker is paced by its own clock.

    positions_seconds, funds_seconds  between comparisons when all is well; holdings go with the positions
    confirm_seconds                   until what differs is looked at again, before it is believed
    update_grace_seconds              so long an update may come after a read that showed its fill already
    traders                           strategy -> the lines that it trades: what a person gives it must be one
    """

    positions_seconds: float
    funds_seconds: float
    confirm_seconds: float
    update_grace_seconds: float
    tolerances: Tolerances
    policies: Mapping[Difference, Policy]
    traders: Mapping[str, tuple[Line, ...]] = {}


class StrategyTerms(Struct, frozen=True):
    """One strategy as configured.

    runner    how it trades; its `config_version` is the version of the terms
    enabled   False: it enters nothing, and still leaves
    isolated  it runs in a process of its own
    """

    strategy: Strategy
    instruments: tuple[Instrument, ...]
    runner: RunnerSettings
    enabled: bool = True
    isolated: bool = False


class Terms(Struct, frozen=True):
    """Everything that may change while it trades, as of one version. Every actor takes its own part of it.

    exits, execution      the rules of the strategies that have any
    intent_valid_seconds  market seconds for which what the managers of exits and execution decide may be sent
    """

    version: int
    risk: RiskTerms
    orders: OrderTerms
    reconcile: ReconcileTerms
    strategies: Mapping[str, StrategyTerms]
    exits: Mapping[str, ExitRule]
    execution: Mapping[str, ExecutionRule]
    intent_valid_seconds: float


class Known(Struct, frozen=True):
    """What an actor that is made anew needs to know: the last versions, and how far they have come.

    adopted  the version to decide by
    settled  the version that everybody decides by
    """

    terms: Mapping[int, Terms] = {}
    adopted: int = 1
    settled: int = 1


class ReloadAsked(Struct, frozen=True, tag=True):
    """Command, to configuration: read the files again. `who` is a file's name, SIGHUP, or a person."""

    who: str
    why: str


class PrepareConfiguration(Struct, frozen=True, tag=True):
    """Command, configuration to those whom intents come to: from here on you know this version too.

    What it tightens holds at once; an intent is handled by the settings of the version that it was decided under.
    """

    terms: Terms


class AdoptConfiguration(Struct, frozen=True, tag=True):
    """Command, configuration to those whom intents come from, and others: from here on decide by this version."""

    terms: Terms


class SettleConfiguration(Struct, frozen=True, tag=True):
    """Command, configuration to the risk gate: everybody decides by this version; what it loosens holds."""

    version: int


class ConfigurationTaken(Struct, frozen=True, tag=True):
    """Event, to configuration: this actor has taken the version in. adopted: as one to decide by."""

    version: int
    name: str
    adopted: bool
