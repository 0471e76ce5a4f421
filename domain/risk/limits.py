"""The limits that every intent is checked against. Zero allows nothing; it never means that nothing is checked."""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated

from msgspec import Meta, Struct

from domain.values import E4, RUPEE, Product

_Count = Annotated[int, Meta(ge=0)]
_Money = Annotated[int, Meta(ge=0)]
_Percent = Annotated[float, Meta(ge=0, le=100)]
_MarginPercent = Annotated[int, Meta(ge=1, le=100)]


class RiskLimits(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits of the account. Money is 1/10,000 rupee, times are market seconds. Exits are bound by none of them but
    `price_band_percent`: leaving a position must stay possible.

    max_quantity_per_order      units in one order
    max_value_per_order         value of one order at the worse of its own price and the last
    orders_per_second           orders of the account in any second, entries and exits together; the exchange asks for
                                registration from 10 on
    orders_per_minute           in any 60 seconds; the broker allows 400
    orders_per_day              in one trading day; the broker allows 5,000, and past it refuses exits too
    exits_reserved_share        share of each of the three that entries may not use, 0 to 1
    max_position_quantity       units per instrument over all strategies, every open order taken as filled
    max_position_value_per_instrument  the same, at the last price
    gross_exposure_max          the same, added up over all instruments, longs and shorts alike
    daily_loss_max              the day's loss, realised and unrealised and charges, at which entries stop
    stale_price_seconds         age of the last price beyond which no entry is made
    price_band_percent          how far an order's prices may lie from the last price
    margin_percent_*            margin that one rupee of position of the product takes
    margin_buffer_percent       share of the funds that is kept free of margin
    allowed_products            products in which positions may be opened
    """

    max_quantity_per_order: _Count = 500
    max_value_per_order: _Money = 100_000 * RUPEE
    orders_per_second: Annotated[float, Meta(ge=0)] = 9
    orders_per_minute: _Count = 120
    orders_per_day: _Count = 1_000
    exits_reserved_share: Annotated[float, Meta(ge=0, le=1)] = 0.2
    max_position_quantity: _Count = 1_000
    max_position_value_per_instrument: _Money = 200_000 * RUPEE
    gross_exposure_max: _Money = 500_000 * RUPEE
    daily_loss_max: _Money = 10_000 * RUPEE
    stale_price_seconds: Annotated[float, Meta(gt=0)] = 10
    price_band_percent: _Percent = 3
    margin_percent_mis: _MarginPercent = 20
    margin_percent_cnc: _MarginPercent = 100
    margin_percent_nrml: _MarginPercent = 100
    margin_percent_mtf: _MarginPercent = 100
    margin_buffer_percent: _Percent = 5
    allowed_products: tuple[Product, ...] = (Product.MIS, Product.CNC)

    def entries_allowed(self, limit: float) -> int:
        """How many orders of a count limit entries may bring it to: the limit less the exits' share, rounded down."""
        return int(exactly(limit) * (1 - exactly(self.exits_reserved_share)))

    def margin_percent(self, product: Product) -> int:
        """Margin per hundred of value."""
        match product:
            case Product.MIS:
                return self.margin_percent_mis
            case Product.CNC:
                return self.margin_percent_cnc
            case Product.NRML:
                return self.margin_percent_nrml
            case Product.MTF:
                return self.margin_percent_mtf

    def margin(self, value: E4, product: Product) -> E4:
        """Margin that a position of this value takes, rounded up."""
        return -(-value * self.margin_percent(product) // 100)


def exactly(number: float) -> Fraction:
    """The number as it was written, so that 0.1 is a tenth: `0.9 * 10` must leave room for one order, not none."""
    return Fraction(str(number))
