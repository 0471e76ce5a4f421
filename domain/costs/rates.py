"""The rates in force on a day, out of the dated tables.

Rates are integers, parts per RATE_UNIT of turnover. Turnover is price x quantity x multiplier; for options, of the
premium.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Final

from msgspec import Struct

from domain.costs.kinds import ChargeKind
from domain.costs.tables import commodity, currency, derivatives, equity, fees
from domain.costs.tables.shape import FIRST_KNOWN, RATE_UNIT, Column, in_force
from domain.errors import RatesUnknown
from domain.values import E4

__all__ = ["COLUMNS", "FIRST_KNOWN", "RATE_UNIT", "Fees", "Rates", "exercise_rate_on", "fees_on", "rates_on"]

COLUMNS: Final[dict[ChargeKind, Column]] = {
    column.kind: column
    for column in (
        equity.DELIVERY,
        equity.INTRADAY,
        derivatives.FUTURES,
        derivatives.OPTIONS,
        currency.FUTURES,
        currency.OPTIONS,
        commodity.FUTURES,
        commodity.OPTIONS,
    )
}
"""The whole tariff."""


class Rates(Struct, frozen=True):
    """The tariff of one exchange and kind on one day, in parts of RATE_UNIT.

    brokerage    per order up to brokerage_cap (1/10,000 rupee), or None for the flat fee
    ipft         investor protection fund: charged with the exchange's own part, outside GST
    gst_percent  on brokerage, the exchange's own part and the SEBI fee
    """

    brokerage: int | None
    tax_buy: int
    tax_sell: int
    exchange: int
    ipft: int
    sebi: int
    stamp_buy: int
    brokerage_cap: E4
    gst_percent: int


class Fees(Struct, frozen=True):
    """What a day's note charges whatever was traded; amounts in 1/10,000 rupee, GST included."""

    gst_percent: int
    dp: E4
    square_off: E4


@lru_cache(maxsize=512)
def rates_on(day: dt.date, exchange: str, kind: ChargeKind) -> Rates:
    """The rates in force. Raises RatesUnknown for a day before the tables, or an exchange without this kind."""
    _refuse_before_tables(day)
    column = COLUMNS[kind]
    charged = column.exchange.get(exchange)
    if charged is None:
        raise RatesUnknown(f"there is no tariff for {kind.value} on {exchange}")
    charge = in_force(charged, day).value
    return Rates(
        brokerage=in_force(column.brokerage, day).value,
        tax_buy=in_force(column.tax_buy, day).value,
        tax_sell=in_force(column.tax_sell, day).value,
        exchange=charge.own,
        ipft=charge.ipft,
        sebi=in_force(fees.SEBI_FEE, day).value,
        stamp_buy=in_force(column.stamp_buy, day).value,
        brokerage_cap=in_force(fees.BROKERAGE_CAP, day).value,
        gst_percent=in_force(fees.GST_PERCENT, day).value,
    )


def exercise_rate_on(day: dt.date, kind: ChargeKind) -> int:
    """STT on the intrinsic value of an exercised option, in parts of RATE_UNIT. Raises RatesUnknown where none is."""
    _refuse_before_tables(day)
    rows = COLUMNS[kind].exercise_tax
    if not rows:
        raise RatesUnknown(f"there is no tax on the exercise of a {kind.value} in the tables")
    return in_force(rows, day).value


def fees_on(day: dt.date) -> Fees:
    """The fees in force. Raises RatesUnknown for a day before the tables."""
    _refuse_before_tables(day)
    return Fees(
        gst_percent=in_force(fees.GST_PERCENT, day).value,
        dp=in_force(fees.DP_CHARGE, day).value,
        square_off=in_force(fees.SQUARE_OFF_FEE, day).value,
    )


def _refuse_before_tables(day: dt.date) -> None:
    if day < FIRST_KNOWN:
        raise RatesUnknown(f"charges on {day} are not known: the tables begin on {FIRST_KNOWN}")
