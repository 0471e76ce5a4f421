"""One small function per way to be denied. Each gives the figures of a refusal as text, or None.

CHECKS lists them in the order in which they are asked, which is the order of DenyReason: first whether anything may
trade, then whether the intent makes sense, then whether its price does, then how many and how much, margin, and what
was lost. Exits (reduce-only) pass every check that exists to keep positions small: leaving must stay possible.

A modification is asked as the intent that its order would be then, leaving out what is about new orders alone.
"""

from __future__ import annotations

from typing import Final

from domain.messages.control import TradingState
from domain.messages.orders import DenyReason
from domain.risk.checks import modifying, money, permission, position, price, rate, sense
from domain.risk.checks.question import OF_ENTRIES, Check, Question
from domain.values import MINUTE, SECOND

__all__ = ["CHECKS", "ENTRY_CHECKS", "EXIT_CHECKS", "MODIFY_CHECKS", "Check", "Question"]

R = DenyReason

CHECKS: Final[tuple[tuple[DenyReason, Check], ...]] = (
    (R.STARTING, permission.in_state(TradingState.STARTING)),
    (R.HALTED, permission.in_state(TradingState.HALTED)),
    (R.REDUCING, permission.in_state(TradingState.REDUCING)),
    (R.KILL_LATCH, permission.kill_latch),
    (R.STRATEGY_FROZEN, permission.strategy_frozen),
    (R.UNKNOWN_INSTRUMENT, permission.unknown_instrument),
    (R.NOT_TRADABLE, permission.not_tradable),
    (R.EXPIRED, permission.expired),
    (R.INSTRUMENT_BANNED, permission.instrument_banned),
    (R.INSTRUMENT_FROZEN, permission.instrument_frozen),
    (R.EXCHANGE_NOT_ALLOWED, permission.exchange_not_allowed),
    (R.PRODUCT_NOT_ALLOWED, permission.product_not_allowed),
    (R.SHORT_SALE, permission.short_sale),
    (R.SESSION_CLOSED, permission.session_closed),
    (R.MIS_CUTOFF, permission.mis_cutoff),
    (R.EXPIRY_DAY, permission.expiry_day),
    (R.PHYSICAL_SETTLEMENT, permission.physical_settlement),
    (R.INTENT_EXPIRED, sense.intent_expired),
    (R.DUPLICATE_INTENT, sense.duplicate_intent),
    (R.REPEATED_INTENT, sense.repeated_intent),
    (R.BAD_QUANTITY, sense.bad_quantity),
    (R.BAD_TERMS, sense.bad_terms),
    (R.LOT_SIZE, sense.lot_size),
    (R.FREEZE_QUANTITY, sense.freeze_quantity),
    (R.TICK_SIZE, sense.tick_size),
    (R.STALE_FEED, price.stale_feed),
    (R.STALE_PRICE, price.stale_price),
    (R.NO_PRICE, price.no_price),
    (R.PRICE_BAND, price.price_band),
    (R.CIRCUIT, price.circuit),
    (R.BAD_TRIGGER, price.bad_trigger),
    (R.MARKET_PROTECTION, price.market_protection),
    (R.QUANTITY_PER_ORDER, position.quantity_per_order),
    (R.VALUE_PER_ORDER, position.value_per_order),
    (
        R.STRATEGY_ORDERS_PER_SECOND,
        rate.in_window(SECOND, "second", lambda limits: limits.strategy_orders_per_second, of_strategy=True),
    ),
    (
        R.STRATEGY_ORDERS_PER_MINUTE,
        rate.in_window(MINUTE, "minute", lambda limits: limits.strategy_orders_per_minute, of_strategy=True),
    ),
    (R.STRATEGY_ORDERS_PER_DAY, rate.in_day(lambda limits: limits.strategy_orders_per_day, of_strategy=True)),
    (
        R.ORDERS_PER_SECOND,
        rate.in_window(SECOND, "second", lambda limits: limits.orders_per_second, of_strategy=False),
    ),
    (
        R.ORDERS_PER_MINUTE,
        rate.in_window(MINUTE, "minute", lambda limits: limits.orders_per_minute, of_strategy=False),
    ),
    (R.ORDERS_PER_DAY, rate.in_day(lambda limits: limits.orders_per_day, of_strategy=False)),
    (
        R.OPEN_ORDERS_PER_INSTRUMENT,
        rate.open_at_once(lambda limits: limits.open_orders_per_instrument, "in this instrument", of_instrument=True),
    ),
    (
        R.OPEN_ORDERS_PER_STRATEGY,
        rate.open_at_once(lambda limits: limits.open_orders_per_strategy, "of this strategy", of_strategy=True),
    ),
    (R.OPEN_ORDERS, rate.open_at_once(lambda limits: limits.open_orders, "in all")),
    (R.NOT_REDUCING, position.not_reducing),
    (R.HOLDINGS, position.holdings),
    (R.OPPOSING_STRATEGY, position.opposing_strategy),
    (R.SELF_TRADE, position.self_trade),
    (R.UNRESOLVED_ORDER, position.unresolved_order),
    (R.POSITION_QUANTITY, position.position_quantity),
    (R.POSITION_VALUE, position.position_value),
    (R.UNDERLYING_EXPOSURE, position.underlying_exposure),
    (R.STRATEGY_EXPOSURE, position.strategy_exposure),
    (R.PRODUCT_EXPOSURE, position.product_exposure),
    (R.SEGMENT_EXPOSURE, position.segment_exposure),
    (R.NET_EXPOSURE, position.net_exposure),
    (R.GROSS_EXPOSURE, position.gross_exposure),
    (R.CONCENTRATION, position.concentration),
    (R.INSUFFICIENT_MARGIN, money.insufficient_margin),
    (R.BROKER_MARGIN, money.broker_margin),
    (R.TRADES_PER_DAY, money.trades_per_day),
    (R.COOL_DOWN, money.cool_down),
    (R.STRATEGY_DAILY_LOSS, money.strategy_daily_loss),
    (R.DAILY_LOSS, money.daily_loss),
    (R.PROFIT_GIVEBACK, money.profit_giveback),
    (R.DAY_DRAWDOWN, money.day_drawdown),
    (R.DRAWDOWN, money.drawdown),
)

ENTRY_CHECKS: Final = tuple((reason, OF_ENTRIES.get(asked, asked)) for reason, asked in CHECKS)
EXIT_CHECKS: Final = tuple((reason, asked) for reason, asked in CHECKS if asked not in OF_ENTRIES)
"""The same in the same order, for an entry and for an exit: what an exit passes anyway is not asked."""

_ABOUT_NEW_ORDERS: Final = frozenset(
    (
        R.DUPLICATE_INTENT,
        R.REPEATED_INTENT,
        R.STRATEGY_ORDERS_PER_DAY,
        R.ORDERS_PER_DAY,
        R.TRADES_PER_DAY,
    )
)

MODIFY_CHECKS: Final[tuple[tuple[DenyReason, Check], ...]] = (
    (R.NO_OPEN_ORDER, modifying.no_open_order),
    (R.MODIFICATIONS, modifying.modifications),
    *((reason, check) for reason, check in CHECKS if reason not in _ABOUT_NEW_ORDERS),
)
