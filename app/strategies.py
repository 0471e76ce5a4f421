"""From the configuration's words to strategies that can trade: classes found, parameters checked, instruments known."""

from __future__ import annotations

import datetime as dt
import itertools
import os
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from actors.routes import Topology
from adapters.kite.instruments import Catalog
from app.sizing import sizing_of
from app.traded_classes import TRADED_CLASSES
from config.errors import ConfigError
from config.loader import Loaded
from config.sections.managed import ExecutionSettings, ExitSettings
from config.sections.trading import StrategySettings
from domain.execution.values import ExecutionRule, Style
from domain.exits.values import ExitRule, Hold, TakenAway
from domain.market.buckets import INTERVAL_SECONDS
from domain.market.contracts import FUTURES, OPTIONS, Roll, contracts, expiries, pick
from domain.risk.sizing import bars_needed
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.load import find_strategy
from domain.strategy.rule import RuleStrategy
from domain.strategy.runner import RunnerSettings
from domain.values import Instrument, InstrumentKind, Product, SessionClass


class Configured(Struct, frozen=True):
    """One strategy ready to be acted.

    exits, execution   how its positions are protected and its decisions carried out; None: it does so itself, at once
    decides_on_bars, warm_up_bars   whether it wants bars, and how many of history before it decides
    loads                           interval in seconds -> bars of history that it wants at its start
    enabled                         False: it only leaves positions; of one that has traded in this process
    isolated                        it trades in a process of its own; backtest, simulation and replay take no notice
    """

    id: str
    strategy: RuleStrategy | EventStrategy
    instruments: tuple[Instrument, ...]
    runner: RunnerSettings
    quantity: int
    product: Product
    decides_on_bars: bool
    warm_up_bars: int
    loads: Mapping[int, int] = {}
    enabled: bool = True
    exits: ExitRule | None = None
    execution: ExecutionRule | None = None
    isolated: bool = False

    @property
    def interval_seconds(self) -> int:
        """Length of its bars."""
        return self.runner.interval_seconds


class Cast(Struct, frozen=True):
    """Who trades what: strategies as configured, and the instruments they name, by token.

    audited       whether an audit trail is kept of it
    exit_workers  how many workers take exits and cancels
    listed        `EXCHANGE:SYMBOL` of every contract on today's list; empty: not known
    """

    strategies: tuple[Configured, ...]
    instruments: Mapping[int, Instrument]
    audited: bool = False
    exit_workers: int = 1
    listed: frozenset[str] = frozenset()

    @property
    def topology(self) -> Topology:
        """For the routes."""
        by_token: dict[int, tuple[str, ...]] = {}
        for strategy in self.strategies:
            for instrument in strategy.instruments:
                by_token[instrument.token] = (*by_token.get(instrument.token, ()), strategy.id)
        return Topology(
            tuple(s.id for s in self.strategies),
            by_token,
            audited=self.audited,
            published=self.audited,
            guarded=tuple(s.id for s in self.strategies if s.exits is not None),
            executed=tuple(s.id for s in self.strategies if s.execution is not None),
            exit_workers=self.exit_workers,
        )

    @property
    def sessions(self) -> tuple[SessionClass, ...]:
        """The session classes that are traded."""
        present = {instrument.session for instrument in self.instruments.values()}
        return tuple(each for each in TRADED_CLASSES if each in present)


def cast_of(loaded: Loaded, catalog: Catalog, keep: Collection[str] = ()) -> Cast:
    """The enabled strategies, and the instruments they name. Raises ConfigError with the key's place.

    keep  further strategies that are wanted though they are not enabled: they are there already

    In the sandbox `sandbox.instruments` says how many are traded in all: the first of those named, and beyond them
    further shares, spread over the strategies.
    """
    settings = loaded.settings
    room = settings.sandbox.instruments if loaded.env == "sandbox" else None
    more = _further_shares(settings.strategies, catalog, room)
    known: dict[int, Instrument] = {}
    strategies = []
    for name, each in settings.strategies.items():
        if not (each.enabled or name in keep):
            continue
        instruments = []
        further = [(len(each.instruments) + at, key) for at, key in enumerate(more.get(name, ()))]
        for number, key in (*_expanded(loaded, name, each.instruments, catalog), *further):
            instrument = catalog.by_key.get(key)
            where = f"strategies.{name}.instruments[{number}]"
            if instrument is None:
                raise ConfigError(
                    f"{_place(loaded, name, 'instruments')}{where}: {key} is not among the day's instruments"
                )
            if instrument.kind is InstrumentKind.INDEX:
                raise ConfigError(
                    f"{_place(loaded, name, 'instruments')}{where}: {key} is an index, which cannot be traded"
                )
            if instrument.token not in known and room is not None and len(known) >= room:
                continue
            # The day's list has no freeze quantities (kite-facts 3.4): they are configured by the underlying's name.
            freeze = settings.risk.freeze_quantities.get(instrument.name, 0)
            known[instrument.token] = replace(instrument, freeze_quantity=freeze)
            instruments.append(known[instrument.token])
        if instruments:
            strategies.append(_configured(loaded, name, each, tuple(instruments)))
    if not strategies:
        raise ConfigError("strategies: none is enabled; name at least one, as config/sandbox.yaml does")
    return Cast(
        strategies=tuple(strategies),
        instruments=known,
        exit_workers=settings.orders.workers.exits,
        listed=frozenset(each.key for each in catalog if each.expiry is not None),
    )


_DERIVED: Final = {"options": OPTIONS, "future": FUTURES}
"""`NFO:NIFTY@options`: every option of the nearest expiry of that name, `NFO:NIFTY@future`: its future; with `.next`
or `.monthly` behind it, another expiry's. The day's list holds no contract that has expired."""


def _expanded(loaded: Loaded, name: str, keys: Iterable[str], catalog: Catalog) -> list[tuple[int, str]]:
    """The keys with their places in the list; contracts of an underlying in place of its `@…`, by strike."""
    found: list[tuple[int, str]] = []
    for number, key in enumerate(keys):
        of, at, words = key.partition("@")
        if not at:
            found.append((number, key))
            continue
        exchange, _, underlying = of.partition(":")
        where = f"{_place(loaded, name, 'instruments')}strategies.{name}.instruments[{number}]"
        what, _, roll = words.partition(".")
        if what not in _DERIVED or (roll and roll not in {each.value for each in Roll}):
            allowed = ", ".join(f"@{each}[.next|.monthly]" for each in _DERIVED)
            raise ConfigError(f"{where}: found {key}; allowed: {allowed} behind the name of an underlying")
        listed = contracts(catalog, exchange, underlying, _DERIVED[what])
        expiry = pick(expiries(listed), Roll(roll or Roll.NEAREST.value), dt.date.min)
        if expiry is None:
            far = f" of a {roll} expiry" if roll else ""
            raise ConfigError(f"{where}: {underlying} has no {what}{far} on {exchange}")
        found += [(number, each.key) for each in listed if each.expiry == expiry]
    return found


def _further_shares(
    strategies: Mapping[str, StrategySettings], catalog: Catalog, wanted: int | None
) -> dict[str, list[str]]:
    """Shares beyond those named, by strategy, dealt out in turn until so many are traded in all."""
    enabled = [name for name, each in strategies.items() if each.enabled]
    named = {key for name in enabled for key in strategies[name].instruments}
    missing = (wanted or 0) - len(named)
    if missing <= 0 or not enabled:
        return {}
    shares = (each.key for each in catalog if each.exchange == "NSE" and each.kind is InstrumentKind.EQUITY)
    dealt: dict[str, list[str]] = {name: [] for name in enabled}
    for number, key in enumerate(itertools.islice((key for key in shares if key not in named), missing)):
        dealt[enabled[number % len(enabled)]].append(key)
    return dealt


def _configured(loaded: Loaded, name: str, each: StrategySettings, instruments: tuple[Instrument, ...]) -> Configured:
    try:
        found = find_strategy(each.kind)
    except ValueError as error:
        raise ConfigError(f"{_place(loaded, name, 'kind')}strategies.{name}.kind: {error}") from None
    strategy = loaded.parameters(name, found)
    events = strategy if isinstance(strategy, EventStrategy) else RuleEvents(strategy)
    try:
        needs = events.needs()
        loads = needs.loads(INTERVAL_SECONDS[each.interval])
    except ValueError as error:
        raise ConfigError(f"{_place(loaded, name, 'kind')}strategies.{name}: {error}") from None
    legs = strategy.legs if isinstance(strategy, RuleStrategy) else ()
    if legs and len(legs) != len(instruments):
        raise ConfigError(
            f"{_place(loaded, name, 'instruments')}strategies.{name}.instruments: found {len(instruments)}; "
            f"allowed: {len(legs)}, one for each leg ({', '.join(legs)})"
        )
    product = Product(each.product)
    sizing = sizing_of(name, loaded.settings.strategies)
    ranged = bars_needed(sizing)
    if ranged and not needs.bars:
        place = _place(loaded, name, "sizing")
        allowed = "a kind that needs no bars, since this strategy is told none"
        raise ConfigError(f"{place}strategies.{name}.sizing.kind: found one by the range of bars; allowed: {allowed}")
    if ranged:
        interval = INTERVAL_SECONDS[each.interval]
        loads = {**loads, interval: max(loads.get(interval, 0), ranged)}
    return Configured(
        id=name,
        strategy=strategy,
        instruments=instruments,
        runner=RunnerSettings(
            interval_seconds=INTERVAL_SECONDS[each.interval],
            product=product,
            sizing=sizing,
            intent_valid_seconds=loaded.settings.orders.intent_valid_seconds,
            capital=each.capital,
            managed_exits=each.exits is not None,
        ),
        quantity=each.quantity,
        product=product,
        decides_on_bars=needs.bars,
        warm_up_bars=max(needs.decides_after(INTERVAL_SECONDS[each.interval]), ranged),
        loads=loads,
        enabled=each.enabled,
        exits=None if each.exits is None else exit_rule(each.exits),
        execution=None if each.execution is None else execution_rule(each.execution),
        isolated=_isolated(loaded, name, each),
    )


_POSIX: Final = os.name == "posix"


def _isolated(loaded: Loaded, name: str, each: StrategySettings) -> bool:
    if each.isolation == "process" and not _POSIX:
        place = _place(loaded, name, "isolation")
        raise ConfigError(f"{place}strategies.{name}.isolation: found process; allowed on this system: thread")
    return each.isolation == "process"


def exit_rule(configured: ExitSettings) -> ExitRule:
    """The settings as the domain has them: distances in 1/100 percent."""
    return ExitRule(
        hold=Hold(configured.hold),
        stop_bps=round(configured.stop_percent * 100),
        target_bps=round(configured.target_percent * 100),
        trail_bps=round(configured.trail_percent * 100),
        minutes=configured.minutes,
        limit_bps=round(configured.limit_percent * 100),
        gap_seconds=configured.gap_seconds,
        patience_seconds=configured.patience_seconds,
        taken_away=TakenAway(configured.taken_away),
    )


def execution_rule(configured: ExecutionSettings) -> ExecutionRule | None:
    """Likewise; None where one order at once, without a bound, is all there is to do."""
    rule = ExecutionRule(
        style=Style(configured.style),
        slippage_bps=round(configured.slippage_percent * 100),
        reprice_seconds=configured.reprice_seconds,
        patience_seconds=configured.patience_seconds,
        minutes=configured.minutes,
        slices=configured.slices,
    )
    return None if rule.style is Style.MARKET and not rule.slippage_bps else rule


def _place(loaded: Loaded, name: str, key: str) -> str:
    """Where the setting was written, as the beginning of a message; empty where nobody wrote it."""
    origin = loaded.origins.get(f"strategies.{name}.{key}")
    return "" if origin is None else f"{origin.where()}: "
