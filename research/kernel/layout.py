"""What the compiled loop is given and keeps: named tuples of arrays, and the places of numbers in them.

Loop and rule are two compiled functions, and each is given one address: that of the sheet, whose words say where all
else lies. So either can be kept as machine code, and called by whoever knows the address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from domain.messages.orders import DenyReason
from research.records import REASONS, denial_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


class Market(NamedTuple):
    """Bars of one instrument, and a row per day. Times in nanoseconds UTC, prices in 1/10,000 rupee.

    cutoff     from when no MIS entry is made
    square_off when MIS is closed; beyond every time where nothing is
    tariff     row of the rates
    even       1 where each bar of the day begins when the one before ends
    """

    start: Ints
    open: Ints
    high: Ints
    low: Ints
    close: Ints
    volume: Ints
    number: Ints
    first: Ints
    opens: Ints
    closes: Ints
    cutoff: Ints
    square_off: Ints
    tariff: Ints
    even: Ints


class Rules(NamedTuple):
    """Everything about a run that is one number. Fractions are (numerator, denominator), limits as in RiskLimits."""

    interval: int
    sessions: int
    mis: int
    delivery: int
    valid: int
    warm_up: int
    decide_from: int
    has_state: int
    tick: int
    lot: int
    multiplier: int
    freeze: int
    freeze_slice: int
    fixed_quantity: int
    fixed_value: int
    capital: int
    inside: int
    parts: int
    ticks: int
    flat: int
    never: int
    never_short: int
    never_exit: int
    margin_percent: int
    buffer_top: int
    buffer_bottom: int
    band_top: int
    band_bottom: int
    quantity_per_order: int
    value_per_order: int
    per_second: int
    per_minute: int
    per_day: int
    own_per_second: int
    own_per_minute: int
    own_per_day: int
    open_in_instrument: int
    open_of_strategy: int
    open_in_all: int
    position_quantity: int
    position_value: int
    underlying: int
    strategy: int
    product: int
    segment: int
    net: int
    gross: int
    concentration_top: int
    concentration_bottom: int
    trades_per_day: int
    losses_in_a_row: int
    cool_down: int
    own_daily_loss: int
    daily_loss: int
    lock_from: int
    giveback_top: int
    giveback_bottom: int
    day_drawdown: int
    drawdown: int


RATES: Final = (
    "brokerage",
    "tax_buy",
    "tax_sell",
    "exchange",
    "ipft",
    "sebi",
    "stamp_buy",
    "brokerage_cap",
    "gst_percent",
    "dp",
)
"""Columns of the table of rates; brokerage -1: every order costs the cap."""

# Places of the account's numbers.
(
    OPENING,
    FLOW,
    OWED,
    CARRIED,
    POSITION,
    MARK,
    BROKERAGE,
    EXCHANGE,
    IPFT,
    SEBI,
    STAMP,
    TAX_BUY,
    TAX_SELL,
    BOUGHT,
    SOLD,
    FROM_HOLDINGS,
    DAY_ORDERS,
    TRADES,
    LOSSES,
    LAST_LOSS,
    DAY_PEAK,
    PEAK,
    HALTED,
    ORDERS,
    FILLS,
    DAYS,
    DECIDED,
    STATUS,
    LOT_FIRST,
    LOT_COUNT,
    LOT_UNITS_VALUE,
    TRIP,
    RECENT,
    OPENED_BAR,
    DAY_TARIFF,
    PENDING,
    PENDING_ORDER,
    PENDING_REDUCES,
    CLOSING,
    CLOSING_ORDER,
    REFERENCE,
    DECIDED_AT,
    WANTED,
    REVERSING,
    FLATTENING,
    DAY_OPENS,
    DAY_CLOSES,
    DAY_CUTOFF,
) = range(48)
NUMBERS: Final = 48
RULES_COUNT: Final = len(Rules._fields)
RATES_COUNT: Final = len(RATES)
ORDER_WORDS, FILL_WORDS, DAY_WORDS = 7, 5, 4
"""Numbers in a row of what a run writes down: those of OrderRow, FillRow and DayRow."""

# Places of the sheet's words. First addresses: of the rule, of the market's arrays, of what a run writes on.
(
    RULE,
    STARTS,
    OPENS,
    HIGHS,
    LOWS,
    CLOSES,
    VOLUMES,
    NUMBER_AT,
    FIRST_AT,
    OPENS_AT,
    CLOSES_AT,
    CUTOFF_AT,
    SQUARE_OFF_AT,
    TARIFF_AT,
    EVEN_AT,
    RULES_AT,
    RATES_AT,
    ACCOUNT_AT,
    LOTS_AT,
    RECENT_AT,
    ORDERS_AT,
    FILLS_AT,
    DAYS_AT,
) = range(23)
MARKET_AT: Final = STARTS
"""The first of the market's, which stand in the order of `Market`."""
# How long they are.
BARS, DAY_COUNT, RATE_ROWS, ORDER_ROOM, FILL_ROOM, DAY_ROOM = range(23, 29)
# What the loop tells the rule: the day, what is held, what there is to lose; and whether the first bar's levels and
# loss were looked at (SEEN).
(
    DAY_BEGINS,
    DAY_EVEN,
    SESSION_OPENS,
    SESSION_CLOSES,
    SETTLED,
    LEAST,
    UNDER_WAY,
    SIZE,
    ENTRY_PRICE,
    SEEN,
) = range(29, 39)
# What it answers: whether it wants another position, which one, with which levels, the best result on the way, and
# the best price since the position was opened.
ACTS, WISH, WISH_STOP, WISH_TARGET, WISH_TRAIL, TOP, BEST = range(39, 46)
OWN: Final = 46
"""Where the rule's own words begin: its parameters, its state, and the addresses of its indicators."""

RUNNING: Final = 0
FULL: Final = 1
TOO_LARGE: Final = 2
TOO_MANY_LOTS: Final = 3
SLICED: Final = 4
REFUSED_INSIDE: Final = 5
RAISED: Final = 6
"""STATUS: all is well; the rows are full (run again with more); a number could leave 64 bits; and so on; the rule
raised an exception."""

LOTS_MAX: Final = 4_096
RECENT_MAX: Final = 8_192
TURNOVER_MAX: Final = 1 << 40
SUM_MAX: Final = 1 << 61
MONEY_MAX: Final = 1 << 46

ENTRY: Final = REASONS.index("entry")
EXIT: Final = REASONS.index("exit")
STOP: Final = REASONS.index("stop")
TRAIL: Final = REASONS.index("trail")
TARGET: Final = REASONS.index("target")
SQUARE_OFF: Final = REASONS.index("square-off")
LOSS: Final = REASONS.index("loss")

D_HALTED: Final = denial_number(DenyReason.HALTED)
D_SESSION_CLOSED: Final = denial_number(DenyReason.SESSION_CLOSED)
D_MIS_CUTOFF: Final = denial_number(DenyReason.MIS_CUTOFF)
D_LOT_SIZE: Final = denial_number(DenyReason.LOT_SIZE)
D_FREEZE_QUANTITY: Final = denial_number(DenyReason.FREEZE_QUANTITY)
D_PRICE_BAND: Final = denial_number(DenyReason.PRICE_BAND)
D_QUANTITY_PER_ORDER: Final = denial_number(DenyReason.QUANTITY_PER_ORDER)
D_VALUE_PER_ORDER: Final = denial_number(DenyReason.VALUE_PER_ORDER)
D_OWN_PER_SECOND: Final = denial_number(DenyReason.STRATEGY_ORDERS_PER_SECOND)
D_OWN_PER_MINUTE: Final = denial_number(DenyReason.STRATEGY_ORDERS_PER_MINUTE)
D_OWN_PER_DAY: Final = denial_number(DenyReason.STRATEGY_ORDERS_PER_DAY)
D_PER_SECOND: Final = denial_number(DenyReason.ORDERS_PER_SECOND)
D_PER_MINUTE: Final = denial_number(DenyReason.ORDERS_PER_MINUTE)
D_PER_DAY: Final = denial_number(DenyReason.ORDERS_PER_DAY)
D_OPEN_IN_INSTRUMENT: Final = denial_number(DenyReason.OPEN_ORDERS_PER_INSTRUMENT)
D_OPEN_OF_STRATEGY: Final = denial_number(DenyReason.OPEN_ORDERS_PER_STRATEGY)
D_OPEN_IN_ALL: Final = denial_number(DenyReason.OPEN_ORDERS)
D_POSITION_QUANTITY: Final = denial_number(DenyReason.POSITION_QUANTITY)
D_POSITION_VALUE: Final = denial_number(DenyReason.POSITION_VALUE)
D_UNDERLYING: Final = denial_number(DenyReason.UNDERLYING_EXPOSURE)
D_STRATEGY: Final = denial_number(DenyReason.STRATEGY_EXPOSURE)
D_PRODUCT: Final = denial_number(DenyReason.PRODUCT_EXPOSURE)
D_SEGMENT: Final = denial_number(DenyReason.SEGMENT_EXPOSURE)
D_NET: Final = denial_number(DenyReason.NET_EXPOSURE)
D_GROSS: Final = denial_number(DenyReason.GROSS_EXPOSURE)
D_CONCENTRATION: Final = denial_number(DenyReason.CONCENTRATION)
D_MARGIN: Final = denial_number(DenyReason.INSUFFICIENT_MARGIN)
D_TRADES_PER_DAY: Final = denial_number(DenyReason.TRADES_PER_DAY)
D_COOL_DOWN: Final = denial_number(DenyReason.COOL_DOWN)
D_OWN_DAILY_LOSS: Final = denial_number(DenyReason.STRATEGY_DAILY_LOSS)
D_DAILY_LOSS: Final = denial_number(DenyReason.DAILY_LOSS)
D_PROFIT_GIVEBACK: Final = denial_number(DenyReason.PROFIT_GIVEBACK)
D_DAY_DRAWDOWN: Final = denial_number(DenyReason.DAY_DRAWDOWN)
D_DRAWDOWN: Final = denial_number(DenyReason.DRAWDOWN)
