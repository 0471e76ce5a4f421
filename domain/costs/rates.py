"""The tariff as dated tables: each row is valid from its date until the next row's, and names its source.

Rates are integers, parts per 1,000,000,000 of turnover (so 0.03 % = 300,000 and Rs 10 per crore = 1,000): exact for
every published rate. Turnover is price x quantity x multiplier; for options, of the premium.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, TypeVar

from msgspec import Struct

from domain.costs.kinds import ChargeKind
from domain.errors import RatesUnknown
from domain.values import E4, PAISA, RUPEE

RATE_UNIT: Final = 1_000_000_000
"""What rates are parts of."""

FIRST_KNOWN: Final = dt.date(2024, 10, 1)
"""Before it the exchanges charged by slabs for which there is no source good enough to state (kite-facts 7.1)."""

APRIL_2026: Final = dt.date(2026, 4, 1)
MARCH_2026: Final = dt.date(2026, 3, 1)

GST_PERCENT: Final = 18
"""On brokerage, exchange charge without IPFT, and the SEBI fee. Since 2017 (kite-facts 7.1)."""

DP_CHARGE: Final[E4] = 1534 * PAISA
"""Per scrip and day on which holdings are sold, GST included (kite-facts 7.1, autumn 2026)."""

SQUARE_OFF_FEE: Final[E4] = 59 * RUPEE
"""Per order by which the broker squares off: Rs 50 and 18 % GST (kite-facts 7.1, 9.3)."""

BROKERAGE_CAP: Final[E4] = 20 * RUPEE
"""Most that one executed order costs in brokerage; options cost exactly this (kite-facts 7.1)."""

_T = TypeVar("_T")
_Rows = tuple[tuple[dt.date, _T, str], ...]
"""(valid from, value, source), oldest first."""

_K = ChargeKind


def _always(value: _T, source: str) -> _Rows[_T]:
    return ((FIRST_KNOWN, value, source),)


_PAGE: Final = "broker's charges page, kite-facts 7.1"

BROKERAGE: Final[dict[ChargeKind, _Rows[int | None]]] = {
    _K.EQUITY_DELIVERY: _always(0, _PAGE),
    _K.EQUITY_INTRADAY: _always(300_000, _PAGE),
    _K.EQUITY_FUTURE: _always(300_000, _PAGE),
    _K.EQUITY_OPTION: _always(None, _PAGE),
    _K.CURRENCY_FUTURE: _always(300_000, _PAGE),
    _K.CURRENCY_OPTION: _always(None, _PAGE),
    _K.COMMODITY_FUTURE: _always(300_000, _PAGE),
    _K.COMMODITY_OPTION: _always(None, _PAGE),
}
"""Rate per order up to BROKERAGE_CAP; None = flat, the cap itself."""

TRANSACTION_TAX: Final[dict[ChargeKind, _Rows[tuple[int, int]]]] = {
    _K.EQUITY_DELIVERY: _always((1_000_000, 1_000_000), _PAGE),
    _K.EQUITY_INTRADAY: _always((0, 250_000), _PAGE),
    _K.EQUITY_FUTURE: (
        (FIRST_KNOWN, (0, 200_000), "Finance (No. 2) Act 2024, kite-facts 7.1"),
        (APRIL_2026, (0, 500_000), "Finance Act 2026, kite-facts 7.1"),
    ),
    _K.EQUITY_OPTION: (
        (FIRST_KNOWN, (0, 1_000_000), "Finance (No. 2) Act 2024, kite-facts 7.1"),
        (APRIL_2026, (0, 1_500_000), "Finance Act 2026, kite-facts 7.1"),
    ),
    _K.CURRENCY_FUTURE: _always((0, 0), _PAGE),
    _K.CURRENCY_OPTION: _always((0, 0), _PAGE),
    # CTT on non-agricultural commodities.
    _K.COMMODITY_FUTURE: _always((0, 100_000), _PAGE),
    _K.COMMODITY_OPTION: _always((0, 500_000), _PAGE),
}
"""STT or CTT on (buy, sell) turnover. Tax on exercise is not here: it needs the settlement price."""

_NSE_CASH: Final[_Rows[tuple[int, int]]] = (
    (FIRST_KNOWN, (29_700, 1_000), "297 + 10 per crore, kite-facts 7.1"),
    (MARCH_2026, (30_699, 1), "306.99 + 0.01 per crore, NSE FA73061, kite-facts 7.1"),
)
_NSE_FUTURES: Final[_Rows[tuple[int, int]]] = (
    (FIRST_KNOWN, (17_300, 1_000), "173 + 10 per crore, kite-facts 7.1"),
    (MARCH_2026, (18_299, 1), "182.99 + 0.01 per crore, NSE FA73061, kite-facts 7.1"),
)
_NSE_OPTIONS: Final[_Rows[tuple[int, int]]] = (
    (FIRST_KNOWN, (350_300, 5_000), "3503 + 50 per crore of premium, kite-facts 7.1"),
    (MARCH_2026, (355_200, 100), "3552 + 1 per crore of premium, NSE FA73061, kite-facts 7.1"),
)
_BSE_CASH: Final[_Rows[tuple[int, int]]] = _always((37_500, 0), "0.00375 %, group dependent, kite-facts 7.1")

EXCHANGE_CHARGE: Final[dict[tuple[str, ChargeKind], _Rows[tuple[int, int]]]] = {
    ("NSE", _K.EQUITY_DELIVERY): _NSE_CASH,
    ("NSE", _K.EQUITY_INTRADAY): _NSE_CASH,
    ("BSE", _K.EQUITY_DELIVERY): _BSE_CASH,
    ("BSE", _K.EQUITY_INTRADAY): _BSE_CASH,
    ("NFO", _K.EQUITY_FUTURE): _NSE_FUTURES,
    ("NFO", _K.EQUITY_OPTION): _NSE_OPTIONS,
    ("BFO", _K.EQUITY_FUTURE): _always((0, 0), _PAGE),
    ("BFO", _K.EQUITY_OPTION): _always((325_000, 0), _PAGE),
    ("CDS", _K.CURRENCY_FUTURE): _always((3_500, 0), _PAGE),
    ("CDS", _K.CURRENCY_OPTION): _always((311_000, 0), _PAGE),
    ("BCD", _K.CURRENCY_FUTURE): _always((4_500, 0), _PAGE),
    ("BCD", _K.CURRENCY_OPTION): _always((10_000, 0), _PAGE),
    ("MCX", _K.COMMODITY_FUTURE): _always((21_000, 0), _PAGE),
    ("MCX", _K.COMMODITY_OPTION): _always((418_000, 0), _PAGE),
}
"""(exchange charge, investor protection fund): both are charged, GST is on the first alone."""

SEBI_FEE: Final[_Rows[int]] = _always(1_000, "Rs 10 per crore, kite-facts 7.1")

STAMP_DUTY: Final[dict[ChargeKind, _Rows[int]]] = {
    # Indian Stamp Act table since 2020-07-01, kite-facts 7.1; buy side alone.
    _K.EQUITY_DELIVERY: _always(150_000, _PAGE),
    _K.EQUITY_INTRADAY: _always(30_000, _PAGE),
    _K.EQUITY_FUTURE: _always(20_000, _PAGE),
    _K.EQUITY_OPTION: _always(30_000, _PAGE),
    _K.CURRENCY_FUTURE: _always(1_000, _PAGE),
    _K.CURRENCY_OPTION: _always(1_000, _PAGE),
    _K.COMMODITY_FUTURE: _always(20_000, _PAGE),
    _K.COMMODITY_OPTION: _always(30_000, _PAGE),
}


class Rates(Struct, frozen=True):
    """The tariff of one exchange and kind on one day, in parts of RATE_UNIT.

    brokerage  per order up to BROKERAGE_CAP, or None for the flat fee
    ipft       investor protection fund: charged with the exchange's own part, outside GST
    """

    brokerage: int | None
    tax_buy: int
    tax_sell: int
    exchange: int
    ipft: int
    sebi: int
    stamp_buy: int


def rates_on(day: dt.date, exchange: str, kind: ChargeKind) -> Rates:
    """The rates in force. Raises RatesUnknown for a day before the tables, or an exchange without this kind."""
    if day < FIRST_KNOWN:
        raise RatesUnknown(f"charges on {day} are not known: the tables begin on {FIRST_KNOWN}")
    charged = EXCHANGE_CHARGE.get((exchange, kind))
    if charged is None:
        raise RatesUnknown(f"there is no tariff for {kind.value} on {exchange}")
    tax_buy, tax_sell = _in_force(TRANSACTION_TAX[kind], day)
    own, ipft = _in_force(charged, day)
    return Rates(
        brokerage=_in_force(BROKERAGE[kind], day),
        tax_buy=tax_buy,
        tax_sell=tax_sell,
        exchange=own,
        ipft=ipft,
        sebi=_in_force(SEBI_FEE, day),
        stamp_buy=_in_force(STAMP_DUTY[kind], day),
    )


def _in_force(rows: _Rows[_T], day: dt.date) -> _T:
    return next(value for since, value, _ in reversed(rows) if since <= day)
