"""The limits that every intent is checked against. Zero allows nothing; it never means that nothing is checked."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from functools import lru_cache
from typing import Annotated, Final

from msgspec import Meta, Struct

from domain.values import E4, RUPEE, SECOND, Instrument, InstrumentKind, Nanos, Product

_Count = Annotated[int, Meta(ge=0)]
_Money = Annotated[int, Meta(ge=0)]
_Percent = Annotated[float, Meta(ge=0, le=100)]
_Seconds = Annotated[float, Meta(gt=0)]
_MarginPercent = Annotated[int, Meta(ge=1, le=100)]

EXCHANGES: Final = ("NSE", "BSE", "NFO", "BFO", "CDS", "BCD", "MCX")
INDEX_UNDERLYINGS: Final = (
    "NIFTY",
    "BANKNIFTY",
    "FINNIFTY",
    "MIDCPNIFTY",
    "NIFTYNXT50",
    "SENSEX",
    "BANKEX",
    "SENSEX50",
)
"""Settled in cash; every other equity derivative is settled by delivery."""


class RiskLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of the account and of each strategy. Money is 1/10,000 rupee, times are market time. Exits are bound by
    none of them but `price_band_percent`: leaving a position must stay possible. docs/risk.md says what each is for.

    max_quantity_per_order      units in one order
    max_value_per_order         value of one order at the worse of its own price and the last
    slices_max                  orders that one intent above the freeze quantity may be cut into
    orders_per_second           orders of the account in any second, entries and exits together; the exchange asks for
                                registration from 10 on
    orders_per_minute           in any 60 seconds; the broker allows 400
    orders_per_day              in one trading day; the broker allows 5,000, and past it refuses exits too
    strategy_orders_per_*       the same of one strategy
    exits_reserved_share        share of each of these that entries may not use, 0 to 1
    repeat_seconds              within which the same order of a strategy is taken for a repetition; 60 at most
    modifications_per_order     changes of one entry's terms
    open_orders*                entries that may be open at once: per instrument, per strategy, in all
    max_position_quantity       units per instrument over all strategies, every open order taken as filled
    max_position_value_per_instrument  the same, at the last price
    underlying_, strategy_, product_, segment_exposure_max  the same, added up over the instruments of one underlying,
                                strategy, product, or segment (exchange), longs and shorts alike
    gross_exposure_max          and over all of them
    net_exposure_max            longs less shorts, at the worse end
    concentration_max_percent   the exposure to one underlying in percent of the funds
    daily_loss_max              the day's loss, realised and unrealised and charges, at which entries stop
    strategy_daily_loss_max     the same of one strategy
    day_drawdown_max            fall of the day's result from its highest, at which entries stop
    drawdown_max                fall of the account's result since ever from its highest, at which entries stop
    profit_lock_from            a day's result from which on its profit is locked, and
    profit_giveback_percent     how much of the highest result may be given back then
    losses_in_a_row             losing round trips of a strategy without a winner between them, after which
    cool_down_minutes           it makes no entry for so long
    trades_per_day              positions that one strategy may open in a day
    stale_price_seconds         age of the last price beyond which no entry is made
    stale_feed_seconds          the same of a feed that is down; then trading is REDUCING until it is up
    unresolved_orders_max       orders that may be unresolved at once; beyond, trading is REDUCING until they are fewer
    price_band_percent          how far an order's prices may lie from the last price
    circuit_margin_percent      how close to the exchange's limit of the day an entry's prices may come
    market_protection_max_percent  the widest protection of a market order
    expiry_day_cutoff           time of day from which nothing is opened in a contract that expires that day
    physical_settlement_sessions  trading days before expiry from which nothing is opened in what is settled by delivery
    index_underlyings           names that are settled in cash
    margin_percent_*            margin that one rupee of position of the product takes
    margin_percent_short_option margin that one rupee of a sold option's strike takes
    margin_buffer_percent       share of the funds that is kept free of margin
    allowed_products            products in which positions may be opened
    allowed_exchanges           exchanges on which positions may be opened
    banned                      `EXCHANGE:SYMBOL`, or the name of an underlying: nothing is opened in it
    """

    max_quantity_per_order: _Count = 500
    max_value_per_order: _Money = 100_000 * RUPEE
    slices_max: Annotated[int, Meta(ge=1, le=50)] = 1
    orders_per_second: Annotated[float, Meta(ge=0)] = 9
    orders_per_minute: _Count = 120
    orders_per_day: _Count = 1_000
    strategy_orders_per_second: Annotated[float, Meta(ge=0)] = 9
    strategy_orders_per_minute: _Count = 60
    strategy_orders_per_day: _Count = 500
    exits_reserved_share: Annotated[float, Meta(ge=0, le=1)] = 0.2
    repeat_seconds: Annotated[float, Meta(gt=0, le=60)] = 1
    modifications_per_order: _Count = 60
    open_orders_per_instrument: _Count = 10
    open_orders_per_strategy: _Count = 50
    open_orders: _Count = 100
    max_position_quantity: _Count = 1_000
    max_position_value_per_instrument: _Money = 200_000 * RUPEE
    underlying_exposure_max: _Money = 200_000 * RUPEE
    strategy_exposure_max: _Money = 500_000 * RUPEE
    product_exposure_max: _Money = 500_000 * RUPEE
    segment_exposure_max: _Money = 500_000 * RUPEE
    net_exposure_max: _Money = 500_000 * RUPEE
    gross_exposure_max: _Money = 500_000 * RUPEE
    concentration_max_percent: Annotated[float, Meta(ge=0)] = 100
    daily_loss_max: _Money = 10_000 * RUPEE
    strategy_daily_loss_max: _Money = 10_000 * RUPEE
    day_drawdown_max: _Money = 20_000 * RUPEE
    drawdown_max: _Money = 50_000 * RUPEE
    profit_lock_from: _Money = 50_000 * RUPEE
    profit_giveback_percent: _Percent = 50
    losses_in_a_row: Annotated[int, Meta(ge=1)] = 8
    cool_down_minutes: _Seconds = 30
    trades_per_day: _Count = 200
    stale_price_seconds: _Seconds = 10
    stale_feed_seconds: _Seconds = 10
    unresolved_orders_max: _Count = 3
    price_band_percent: _Percent = 3
    circuit_margin_percent: _Percent = 0
    market_protection_max_percent: _Percent = 5
    expiry_day_cutoff: dt.time = dt.time(15)
    physical_settlement_sessions: _Count = 4
    index_underlyings: tuple[str, ...] = INDEX_UNDERLYINGS
    margin_percent_mis: _MarginPercent = 20
    margin_percent_cnc: _MarginPercent = 100
    margin_percent_nrml: _MarginPercent = 100
    margin_percent_mtf: _MarginPercent = 100
    margin_percent_short_option: _MarginPercent = 15
    margin_buffer_percent: _Percent = 5
    allowed_products: tuple[Product, ...] = (Product.MIS, Product.CNC)
    allowed_exchanges: tuple[str, ...] = EXCHANGES
    banned: tuple[str, ...] = ()

    def entries_allowed(self, limit: float) -> int:
        """How many orders of a count limit entries may bring it to: the limit less the exits' share, rounded down."""
        return _less_share(limit, self.exits_reserved_share)

    def margin_percent(self, product: Product) -> int:
        """Margin per hundred of value."""
        if product is _MIS:
            return self.margin_percent_mis
        match product:
            case Product.CNC:
                return self.margin_percent_cnc
            case Product.NRML:
                return self.margin_percent_nrml
            case Product.MTF:
                return self.margin_percent_mtf

    def margin(self, value: E4, product: Product, sold_option_strikes: E4 = 0) -> E4:
        """Margin that a position of this value takes, rounded up.

        sold_option_strikes  of a sold option: the value of its units at the strike, which is what can be lost by
        """
        by_value = -(-value * self.margin_percent(product) // 100)
        if not sold_option_strikes and by_value >= 0:
            return by_value
        return max(by_value, -(-sold_option_strikes * self.margin_percent_short_option // 100))

    def settles_by_delivery(self, instrument: Instrument) -> bool:
        """Whether an open position in it ends in shares (or goods) to be delivered, or paid for in full."""
        if instrument.kind is _EQUITY or (instrument.kind not in OPTIONS and instrument.kind is not _FUTURE):
            return False
        if instrument.exchange in ("CDS", "BCD"):
            return False
        return instrument.name not in self.index_underlyings


OPTIONS: Final = (InstrumentKind.CALL, InstrumentKind.PUT)
_EQUITY: Final = InstrumentKind.EQUITY
_FUTURE: Final = InstrumentKind.FUTURE
_MIS: Final = Product.MIS


def strikes(instrument: Instrument | None, units: int) -> E4:
    """The value at the strike of so many units (signed) of a sold option; 0 of anything else."""
    if instrument is None or units >= 0 or instrument.kind not in OPTIONS:
        return 0
    return -units * instrument.strike * instrument.multiplier


@lru_cache(maxsize=1_024)
def exactly(number: float) -> Fraction:
    """The number as it was written, so that 0.1 is a tenth: `0.9 * 10` must leave room for one order, not none."""
    return Fraction(str(number))


@lru_cache(maxsize=1_024)
def ratio(number: float) -> tuple[int, int]:
    """The same as numerator and denominator, for comparing in whole numbers what is compared for every order."""
    return exactly(number).as_integer_ratio()


@lru_cache(maxsize=1_024)
def whole_nanos(seconds: float) -> Nanos:
    """So many seconds exactly as they are written, rounded down to a nanosecond."""
    return int(exactly(seconds) * SECOND)


@lru_cache(maxsize=1_024)
def _less_share(limit: float, share: float) -> int:
    return int(exactly(limit) * (1 - exactly(share)))
