"""What may be traded, how much, and when: market data, risk limits, orders, portfolio, timetable and strategies."""

from datetime import time
from typing import Annotated, Literal

from msgspec import Meta, Struct

from config.sections.managed import ExecutionSettings, ExitSettings
from config.types import (
    AtLeastOne,
    ClassPath,
    Count,
    InstrumentKey,
    Interval,
    Percent,
    PerSecond,
    Rupees,
    Seconds,
    Share,
    StrategyId,
)
from domain.values import SessionClass

MarginPercent = Annotated[int, Meta(ge=1, le=100)]
ParameterValue = int | float | bool | str


class TimesByClass(Struct, frozen=True, forbid_unknown_fields=True):
    """A market time for each class of instrument, since their sessions end at different times.

    The keys are the values of `domain.values.SessionClass`; an index has none, since nobody trades one.
    """

    equity_auction: time
    equity: time
    equity_derivative: time
    currency: time
    commodity: time

    def of(self, session: SessionClass) -> time:
        """The time for one class. Raises KeyError for a class that is not traded."""
        match session:
            case SessionClass.EQUITY_AUCTION:
                return self.equity_auction
            case SessionClass.EQUITY:
                return self.equity
            case SessionClass.EQUITY_DERIVATIVE:
                return self.equity_derivative
            case SessionClass.CURRENCY:
                return self.currency
            case SessionClass.COMMODITY:
                return self.commodity
            case SessionClass.INDEX:
                raise KeyError(session)


class MarketSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Bars and prices. The grace is in wall seconds, the age of a price in market seconds."""

    bar_grace_seconds: Seconds
    stale_price_seconds: Seconds


class RiskSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The limits that every intent is checked against, by the names of `domain.risk.RiskLimits`, which says what each
    means, and the times and quantities that they rest on.

    Zero allows nothing; it never means that nothing is checked. A limit that is null follows a wider one of the same
    kind (`app.limits`).
    """

    max_quantity_per_order: Count
    max_value_per_order: Rupees
    slices_max: Annotated[int, Meta(ge=1, le=50)]
    orders_per_second: PerSecond
    orders_per_minute: Count
    orders_per_day: Count
    strategy_orders_per_second: PerSecond | None
    strategy_orders_per_minute: Count | None
    strategy_orders_per_day: Count | None
    exits_reserved_share: Share
    repeat_seconds: Annotated[float, Meta(gt=0, le=60)]
    modifications_per_order: Count
    open_orders_per_instrument: Count
    open_orders_per_strategy: Count
    open_orders: Count
    max_position_quantity: Count
    max_position_value_per_instrument: Rupees
    underlying_exposure_max: Rupees | None
    strategy_exposure_max: Rupees | None
    product_exposure_max: Rupees | None
    segment_exposure_max: Rupees | None
    net_exposure_max: Rupees | None
    gross_exposure_max: Rupees
    concentration_max_percent: Annotated[float, Meta(ge=0)]
    daily_loss_max: Rupees
    strategy_daily_loss_max: Rupees | None
    day_drawdown_max: Rupees | None
    drawdown_max: Rupees | None
    profit_lock_from: Rupees | None
    profit_giveback_percent: Percent
    losses_in_a_row: AtLeastOne
    cool_down_minutes: Seconds
    trades_per_day: Count | None
    stale_price_seconds: Seconds
    stale_feed_seconds: Seconds
    unresolved_orders_max: Count
    price_band_percent: Percent
    circuit_margin_percent: Percent
    market_protection_max_percent: Percent
    expiry_day_cutoff: time
    physical_settlement_sessions: Count
    index_underlyings: tuple[str, ...]
    margin_percent_mis: MarginPercent
    margin_percent_cnc: MarginPercent
    margin_percent_nrml: MarginPercent
    margin_percent_mtf: MarginPercent
    margin_percent_short_option: MarginPercent
    margin_buffer_percent: Percent
    allowed_products: tuple[Literal["MIS", "CNC", "NRML", "MTF"], ...]
    allowed_exchanges: tuple[Literal["NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX"], ...]
    banned: tuple[str, ...]
    mis_cutoff: TimesByClass
    freeze_quantities: dict[str, AtLeastOne]
    ask_broker: bool
    margin_differs_percent: Percent
    warn_at_percent: Percent | None


class Workers(Struct, frozen=True, forbid_unknown_fields=True):
    """Threads that talk to the broker, by what they carry: exits never queue behind entries.

    exits  all exits and cancels of one instrument go through the same one
    """

    entries: AtLeastOne
    exits: Annotated[int, Meta(ge=1, le=4)]
    reads: AtLeastOne


class OrderSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The life of an order.

    quarantine_seconds  market seconds that an unresolved order is looked for before it waits for a person; 83 s has
                        been seen between a request and its row in the order book, so never under 120
    market_protection   "auto" for the broker's own band, or a percentage of the last price, above 0
    market_as_limit_percent  how far beyond the last price a market order reaches that is sent as a limit; 0: it is not
    """

    quarantine_seconds: Annotated[float, Meta(ge=120)]
    poll_seconds: Seconds
    reconcile_seconds: Seconds
    market_order_patience_seconds: Seconds
    intent_valid_seconds: Seconds
    market_protection: Literal["auto"] | Annotated[float, Meta(gt=0, le=100)]
    market_as_limit_percent: Annotated[float, Meta(ge=0, le=2)]
    cancel_open_on_stop: bool
    workers: Workers


class PortfolioSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """The account. `opening_cash` None: as the broker reports it at start."""

    opening_cash: Rupees | None


class ScheduleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Daily jobs, in market time; `run.py jobs` lists when each runs next."""

    login_reminder: time
    instruments_refresh: time
    preflight: time
    square_off_warning: TimesByClass
    square_off: TimesByClass
    eod_report: time
    evening_minutes: Annotated[int, Meta(ge=1, le=600)]
    backups_keep: AtLeastOne
    session_expiry: time


class SizingSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How many units an entry has; `domain.risk.sizing` says what each way does and which keys it reads.

    kind          quantity, value, equity, volatility, risk, kelly or equal-risk
    value         rupees of an entry (value)
    percent       percent of the equity that an entry is worth or risks (equity, volatility, risk, equal-risk)
    bars          bars that the range is averaged over (volatility, equal-risk)
    stop_percent  percent of the price to the stop (risk)
    win_rate      share of trades that win (kelly)
    payoff        average win over average loss (kelly)
    fraction      share of Kelly's size that is taken (kelly)
    cap_percent   percent of the equity that an entry is worth at most (kelly)
    """

    kind: Literal["quantity", "value", "equity", "volatility", "risk", "kelly", "equal-risk"]
    value: Rupees | None = None
    percent: Annotated[float, Meta(gt=0, le=100)] | None = None
    bars: Annotated[int, Meta(ge=1, le=500)] = 14
    stop_percent: Annotated[float, Meta(gt=0, le=100)] | None = None
    win_rate: Share | None = None
    payoff: Seconds | None = None
    fraction: Annotated[float, Meta(gt=0, le=1)] = 0.5
    cap_percent: Annotated[float, Meta(gt=0, le=100)] = 20


class HandOver(Struct, frozen=True, forbid_unknown_fields=True):
    """Another strategy takes over what is held.

    hand_over  its id
    """

    hand_over: StrategyId


class StrategySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One strategy: which code, on what, with how much.

    kind         the class; its own fields are checked against `parameters`
    instruments  what it trades, and hears the bars of
    interval     the bars that it decides on
    capital      rupees that it may have in the market at once
    quantity     units per entry, where `sizing` says nothing else
    parameters   the fields of its class, by name; `strategy check` lists them with their bounds
    product      MIS: closed the same day; CNC: shares delivered; NRML: contracts carried overnight
    enabled      whether it may enter positions; else it only leaves those that it has
    sizing       another way to size; null: the quantity
    exits        how its positions are protected; null: the strategy itself sees to its exits
    execution    how its decisions become orders; null: one order at once
    checks       what `bias` must have found in order, with this code and these parameters, before it may trade live
    checks_data  fingerprint of the data on which it must have; null: on any
    on_removal   what becomes of its positions when its entry is taken out of the file while it trades: keep them
                 (intraday ones are squared off with all others), flatten them at once, or hand them over to another
    isolation    thread: beside the others in the trading process; process: in one of its own, for code that computes
                 for long, or that may take its whole process down
    """

    kind: ClassPath
    instruments: Annotated[tuple[InstrumentKey, ...], Meta(min_length=1)]
    interval: Interval
    capital: Rupees
    quantity: AtLeastOne
    parameters: dict[str, ParameterValue] = {}
    product: Literal["MIS", "CNC", "NRML"] = "MIS"
    enabled: bool = True
    sizing: SizingSettings | None = None
    exits: ExitSettings | None = None
    execution: ExecutionSettings | None = None
    checks: tuple[Literal["lookahead", "recursive", "hidden state", "overfit"], ...] = ()
    checks_data: str | None = None
    on_removal: Literal["keep", "flatten"] | HandOver = "keep"
    isolation: Literal["thread", "process"] = "thread"


class DrillSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Faults on purpose, at a market time, to show that supervision works. null: not today."""

    drop_feed_at: time | None
    crash_strategy_at: time | None
