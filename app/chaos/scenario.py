"""What is traded in the simulation: the real settings with a few figures changed, and a cast that crowds the limits."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from adapters.simulated.market import share
from app.chaos.faults import Plan
from app.chaos.pulse import CrowdingPulse, GuardedPulse
from app.options import ROOT
from app.strategies import Cast, Configured
from config.loader import load
from config.schema import Settings
from domain.execution.values import ExecutionRule, Style
from domain.exits.values import ExitRule, Hold
from domain.strategy.adapter import RuleEvents
from domain.strategy.event import EventStrategy
from domain.strategy.rule import RuleStrategy
from domain.strategy.runner import RunnerSettings
from domain.strategy.sizing import FixedQuantity
from domain.values import IST, RUPEE, SECOND, Instrument, Nanos, Product, nanos

BEGINS: Final[Nanos] = nanos(dt.datetime(2026, 11, 23, 11, 0, tzinfo=IST))
MAX_POSITION: Final = 30
SHARES: Final = (share(1), share(2))
MANAGED_SHARE: Final = share(9)
"""What a strategy with managed exits or execution trades, alone."""

EXITS: Final = {
    "client": ExitRule(hold=Hold.CLIENT, stop_bps=30, target_bps=60, trail_bps=45, minutes=1.0),
    "broker": ExitRule(hold=Hold.BROKER, stop_bps=30, target_bps=60, trail_bps=45, minutes=1.0),
    "gtt": ExitRule(hold=Hold.BROKER, stop_bps=30, target_bps=60, minutes=1.0),
}
EXECUTIONS: Final = {
    "chase": ExecutionRule(style=Style.LIMIT, reprice_seconds=2.0, patience_seconds=10.0),
    "twap": ExecutionRule(style=Style.TWAP, minutes=0.2, slices=3),
}

_SETS: Final = (
    f"risk.max_position_quantity={MAX_POSITION}",
    "risk.max_quantity_per_order=100",
    "risk.max_value_per_order=10000000",
    "risk.max_position_value_per_instrument=10000000",
    "risk.gross_exposure_max=100000000",
    "risk.daily_loss_max=10000000",
    "risk.losses_in_a_row=100000",
    "risk.unresolved_orders_max=1000",
    "risk.orders_per_minute=300",
    "risk.orders_per_day=100000",
    "risk.stale_price_seconds=20",
    "risk.slices_max=4",
    # Seeds are worth what they replay: what is merely good to know is left out of their schedules.
    "risk.ask_broker=false",
    "risk.warn_at_percent=null",
    "feed.backoff_max_seconds=5",
    "drills.drop_feed_at=null",
    "drills.crash_strategy_at=null",
)


@functools.cache
def _base_settings() -> Settings:
    return load("sandbox", None, _SETS, {}, ROOT).settings


def settings_of(plan: Plan) -> Settings:
    """The sandbox's settings with the plan's figures in them."""
    base = _base_settings()
    early = BEGINS + int(plan.storm_seconds * 0.6) * plan.rate * SECOND
    at = dt.datetime.fromtimestamp(early // SECOND, IST).time() if plan.square_off_early else dt.time(15, 0)
    schedule = replace(
        base.schedule,
        square_off=replace(base.schedule.square_off, equity=at),
        square_off_warning=replace(base.schedule.square_off_warning, equity=dt.time(11, 0)),
    )
    return replace(
        base,
        schedule=schedule,
        orders=replace(base.orders, intent_valid_seconds=plan.valid_seconds),
        risk=replace(base.risk, mis_cutoff=replace(base.risk.mis_cutoff, equity=at)),
    )


Lots = Sequence[tuple[Instrument, ...]]
"""What each strategy trades."""

CROWDED: Final[Lots] = (SHARES, SHARES[:1], SHARES[1:])


def managed_strategy(plan: Plan, name: str) -> Configured:
    """One strategy whose exits or decisions somebody else carries out, as the plan says."""
    words = plan.managed.split()
    exits = next((rule for word, rule in EXITS.items() if word in words), None)
    execution = next((rule for word, rule in EXECUTIONS.items() if word in words), None)
    product = Product.CNC if "gtt" in words else Product.MIS
    made = GuardedPulse(period_seconds=4 * plan.rate, shorts=product is Product.MIS)
    runner = RunnerSettings(
        interval_seconds=60,
        product=product,
        sizing=FixedQuantity(10),
        intent_valid_seconds=plan.valid_seconds,
        capital=1_000_000 * RUPEE,
        managed_exits=exits is not None,
    )
    return Configured(
        id=name,
        strategy=made,
        instruments=(MANAGED_SHARE,),
        runner=runner,
        quantity=10,
        product=product,
        decides_on_bars=False,
        warm_up_bars=0,
        exits=exits,
        execution=execution,
    )


def cast_of(plan: Plan, strategy: RuleStrategy | EventStrategy | None, lots: Lots = CROWDED) -> Cast:
    """Strategies s1, s2 and so on; usually three that crowd two shares."""
    strategies = []
    for number, shares in enumerate(lots):
        made = strategy or CrowdingPulse(period_seconds=4 * plan.rate, turn=number)
        legs = made.legs if isinstance(made, RuleStrategy) else ()
        if legs and len(legs) != len(shares):
            shares = SHARES[: len(legs)]  # noqa: PLW2901 - a rule with legs trades as many shares, whatever its lot
        needs = (made if isinstance(made, EventStrategy) else RuleEvents(made)).needs()
        runner = RunnerSettings(
            interval_seconds=60,
            product=Product.MIS,
            sizing=FixedQuantity(10),
            intent_valid_seconds=plan.valid_seconds,
            capital=1_000_000 * RUPEE,
        )
        strategies.append(
            Configured(
                id=f"s{number + 1}",
                strategy=made,
                instruments=shares,
                runner=runner,
                quantity=10,
                product=Product.MIS,
                decides_on_bars=needs.bars,
                warm_up_bars=needs.decides_after(runner.interval_seconds),
                loads=needs.loads(runner.interval_seconds),
            )
        )
    if plan.managed and strategy is None:
        strategies.append(managed_strategy(plan, f"s{len(lots) + 1}"))
        lots = (*lots, (MANAGED_SHARE,))
    traded = {each.token: each for lot in lots for each in lot}
    return Cast(tuple(strategies), traded, exit_workers=_base_settings().orders.workers.exits)
