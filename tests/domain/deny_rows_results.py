"""Rows of the deny table that are about how the day, the strategy and the account have done."""

from typing import Any

from domain.messages.orders import DenyReason
from domain.risk.facts import StrategyStands
from domain.values import MINUTE, RUPEE
from tests.domain.builders import NOW, SBIN, a_trade, accepted, some_facts, some_limits
from tests.domain.deny_rows import Case, other

R = DenyReason


def stands(limits: dict[str, Any] | None = None, **how: Any) -> Case:
    return Case(facts=some_facts(strategy=StrategyStands(**how)), limits=some_limits(**(limits or {})))


def results(limits: dict[str, Any], **how: Any) -> Case:
    return Case(facts=some_facts(**how), limits=some_limits(**limits))


LOCK: dict[str, Any] = {"profit_lock_from": 1_000 * RUPEE, "profit_giveback_percent": 40}
PATIENT: dict[str, Any] = {"losses_in_a_row": 3, "cool_down_minutes": 10}

ROWS = [
    (R.TRADES_PER_DAY, stands({"trades_per_day": 3}, trades=3), stands({"trades_per_day": 3}, trades=2)),
    (
        R.TRADES_PER_DAY,  # adding to a position is no further trade
        stands({"trades_per_day": 3}, trades=3),
        Case(
            events=(a_trade(),),
            facts=some_facts(strategy=StrategyStands(trades=3)),
            limits=some_limits(trades_per_day=3),
        ),
    ),
    (
        R.TRADES_PER_DAY,  # one that is about to open counts already
        Case(
            events=(accepted(other(1, token=SBIN.token, instrument=SBIN.key), "tag1"),),
            limits=some_limits(trades_per_day=1),
        ),
        Case(events=(a_trade(strategy="s2"),), limits=some_limits(trades_per_day=1)),
    ),
    (
        R.COOL_DOWN,
        stands(PATIENT, losses=3, last_loss=NOW - 10 * MINUTE + 1),
        stands(PATIENT, losses=3, last_loss=NOW - 10 * MINUTE),
    ),
    (R.COOL_DOWN, stands(PATIENT, losses=3, last_loss=NOW), stands(PATIENT, losses=2, last_loss=NOW)),
    (
        R.STRATEGY_DAILY_LOSS,
        stands({"strategy_daily_loss_max": 500 * RUPEE}, day_pnl=-500 * RUPEE),
        stands({"strategy_daily_loss_max": 500 * RUPEE}, day_pnl=-500 * RUPEE + 1),
    ),
    (
        R.PROFIT_GIVEBACK,
        results(LOCK, day_peak=1_000 * RUPEE, day_pnl=600 * RUPEE),
        results(LOCK, day_peak=1_000 * RUPEE, day_pnl=600 * RUPEE + 1),
    ),
    (
        R.PROFIT_GIVEBACK,
        results(LOCK, day_peak=1_000 * RUPEE, day_pnl=0),
        results(LOCK, day_peak=1_000 * RUPEE - 1, day_pnl=0),
    ),
    (
        R.PROFIT_GIVEBACK,  # any profit is locked: what was never earned cannot be given back
        results({"profit_lock_from": 0}, day_peak=1, day_pnl=0),
        results({"profit_lock_from": 0}, day_peak=0, day_pnl=-1),
    ),
    (
        R.DAY_DRAWDOWN,
        results({"day_drawdown_max": 700 * RUPEE}, day_peak=300 * RUPEE, day_pnl=-400 * RUPEE),
        results({"day_drawdown_max": 700 * RUPEE}, day_peak=300 * RUPEE, day_pnl=-400 * RUPEE + 1),
    ),
    (
        R.DRAWDOWN,
        results({"drawdown_max": 700 * RUPEE}, drawdown=700 * RUPEE),
        results({"drawdown_max": 700 * RUPEE}, drawdown=700 * RUPEE - 1),
    ),
]
