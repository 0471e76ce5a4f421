"""One executed order's charges, exact and unrounded: the shape of the broker's `/charges/orders`."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction
from typing import Final

from msgspec import Struct

from domain.costs.kinds import ChargeKind
from domain.costs.rates import RATE_UNIT, Rates, rates_on
from domain.values import E4, RUPEE, Side

_BUY: Final = Side.BUY


class OrderCharges(Struct, frozen=True):
    """Charges of one order in rupees, as exact fractions. `exchange` includes the investor protection fund."""

    brokerage: Fraction
    tax: Fraction
    exchange: Fraction
    sebi: Fraction
    gst: Fraction
    stamp: Fraction

    @property
    def total(self) -> Fraction:
        """The sum of the parts."""
        return self.brokerage + self.tax + self.exchange + self.sebi + self.gst + self.stamp


def order_charges(day: dt.date, exchange: str, kind: ChargeKind, side: Side, turnover: E4 | Fraction) -> OrderCharges:
    """Charges of one executed order of this turnover (1/10,000 rupee). Raises RatesUnknown.

    An order's turnover out of its average price may have a fraction; a sum of trades has none. The depository charge
    and the square-off fee belong to the day's note alone.
    """
    return charges_under(rates_on(day, exchange, kind), side, turnover)


def charges_under(rates: Rates, side: Side, turnover: E4 | Fraction) -> OrderCharges:
    """Charges of one executed order under these rates."""
    scale = RATE_UNIT * RUPEE
    value = Fraction(turnover)
    cap = Fraction(rates.brokerage_cap, RUPEE) if value else Fraction(0)
    brokerage = cap if rates.brokerage is None else min(rates.brokerage * value / scale, cap)
    own, sebi = rates.exchange * value / scale, rates.sebi * value / scale
    return OrderCharges(
        brokerage=brokerage,
        tax=tax_rate(rates, side) * value / scale,
        exchange=own + rates.ipft * value / scale,
        sebi=sebi,
        gst=Fraction(rates.gst_percent, 100) * (brokerage + own + sebi),
        stamp=stamp_rate(rates, side) * value / scale,
    )


def brokerage_scaled(rates: Rates, turnover: E4) -> int:
    """Brokerage of one order in 1/10,000 rupee times RATE_UNIT; nothing for an order that did not trade."""
    if turnover == 0:
        return 0
    cap = rates.brokerage_cap * RATE_UNIT
    return cap if rates.brokerage is None else min(rates.brokerage * turnover, cap)


def tax_rate(rates: Rates, side: Side) -> int:
    """STT or CTT rate of the side."""
    return rates.tax_buy if side is _BUY else rates.tax_sell


def stamp_rate(rates: Rates, side: Side) -> int:
    """Stamp duty rate of the side: buyers alone pay it."""
    return rates.stamp_buy if side is _BUY else 0
