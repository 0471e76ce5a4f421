"""What trading costs: Zerodha's tariff, dated, in exact fractions (kite-facts 7.1).

Two uses. `order_charges` is what `/charges/orders` answers: one order, unrounded. `note_charges` is what the books are
debited: one contract note per day and segment group, each component rounded once.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from msgspec import Struct

from sandbox.money import UNITS_PER_PAISA, UNITS_PER_RUPEE, round_half_up

BUY, SELL = 1, -1
_PERCENT = Fraction(1, 100)
_CRORE = 10_000_000

BROKERAGE_RATE = Fraction(3, 100) * _PERCENT
BROKERAGE_CAP = 20 * UNITS_PER_RUPEE
SEBI_RATE = Fraction(10, _CRORE)
GST_RATE = Fraction(18, 100)
SQUARE_OFF_FEE = 59 * UNITS_PER_RUPEE
"""Rs 50 and 18 % GST, per order of the broker's square-off."""
DP_CHARGE = 1534 * UNITS_PER_PAISA
"""Per scrip and day on which a holding is sold for delivery, GST included."""
LATEST = date(2039, 12, 31)

Kind = Literal[
    "delivery",
    "intraday",
    "futures",
    "options",
    "currency futures",
    "currency options",
    "commodity futures",
    "commodity options",
]


class Tariff(Struct, frozen=True):
    """Rates of one kind of trading, as fractions of turnover; `ipft` is the part of the exchange charge without GST.

    brokerage is None where every executed order costs the cap.
    """

    brokerage: Fraction | None
    tax_buy: Fraction
    tax_sell: Fraction
    exchange: Fraction
    ipft: Fraction
    stamp_buy: Fraction


def _percent(text: str) -> Fraction:
    return Fraction(text) * _PERCENT


def _per_crore(rupees: str) -> Fraction:
    return Fraction(rupees) / _CRORE


_OCTOBER_2024 = date(2024, 10, 1)
_MARCH_2026 = date(2026, 3, 1)
_APRIL_2026 = date(2026, 4, 1)
_EVER = date.min

_Dated = tuple[tuple[date, Fraction, Fraction], ...]
"""(from, exchange charge, investor protection fund), newest first."""

_ZERO = Fraction(0)
_NSE_CASH: _Dated = (
    (_MARCH_2026, _per_crore("306.99"), _per_crore("0.01")),
    (_OCTOBER_2024, _per_crore("297"), _per_crore("10")),
    (_EVER, _percent("0.00325"), _percent("0.0001")),
)
_NSE_FUTURES: _Dated = (
    (_MARCH_2026, _per_crore("182.99"), _per_crore("0.01")),
    (_OCTOBER_2024, _per_crore("173"), _per_crore("10")),
    (_EVER, _percent("0.0019"), _ZERO),
)
_NSE_OPTIONS: _Dated = (
    (_MARCH_2026, _per_crore("3552"), _per_crore("1")),
    (_OCTOBER_2024, _per_crore("3503"), _per_crore("50")),
    (_EVER, _percent("0.05"), _percent("0.0005")),
)


def _always(percent: str) -> _Dated:
    return ((_EVER, _percent(percent), _ZERO),)


_EXCHANGE: dict[tuple[str, Kind], _Dated] = {
    ("NSE", "delivery"): _NSE_CASH,
    ("NSE", "intraday"): _NSE_CASH,
    ("BSE", "delivery"): _always("0.00375"),
    ("BSE", "intraday"): _always("0.00375"),
    ("NFO", "futures"): _NSE_FUTURES,
    ("NFO", "options"): _NSE_OPTIONS,
    ("BFO", "futures"): _always("0"),
    ("BFO", "options"): _always("0.0325"),
    ("CDS", "currency futures"): _always("0.00035"),
    ("CDS", "currency options"): _always("0.0311"),
    ("BCD", "currency futures"): _always("0.00045"),
    ("BCD", "currency options"): _always("0.001"),
    ("MCX", "commodity futures"): _always("0.0021"),
    ("MCX", "commodity options"): _always("0.0418"),
}

_STT_FUTURES = ((_APRIL_2026, _percent("0.05")), (_OCTOBER_2024, _percent("0.02")), (_EVER, _percent("0.0125")))
_STT_OPTIONS = ((_APRIL_2026, _percent("0.15")), (_OCTOBER_2024, _percent("0.1")), (_EVER, _percent("0.0625")))
_STT_EXERCISE = ((_APRIL_2026, _percent("0.15")), (_EVER, _percent("0.125")))

_STAMP: dict[Kind, Fraction] = {
    "delivery": _percent("0.015"),
    "intraday": _percent("0.003"),
    "futures": _percent("0.002"),
    "options": _percent("0.003"),
    "currency futures": _percent("0.0001"),
    "currency options": _percent("0.0001"),
    "commodity futures": _percent("0.002"),
    "commodity options": _percent("0.003"),
}


def kind_of(exchange: str, product: str, tradingsymbol: str = "") -> Kind:
    """The tariff's kind for an order: by exchange and symbol for contracts, else by product (CNC and MTF deliver)."""
    is_option = tradingsymbol.endswith(("CE", "PE"))
    if exchange in {"NFO", "BFO"}:
        return "options" if is_option else "futures"
    if exchange in {"CDS", "BCD"}:
        return "currency options" if is_option else "currency futures"
    if exchange == "MCX":
        return "commodity options" if is_option else "commodity futures"
    return "intraday" if product in {"MIS", "CO"} else "delivery"


@lru_cache(maxsize=256)
def tariff_of(exchange: str, kind: Kind, day: date = LATEST) -> Tariff:
    """The rates in force on a day. KeyError for an unknown exchange."""
    charge, ipft = next((charge, ipft) for since, charge, ipft in _EXCHANGE[exchange, kind] if since <= day)
    tax_buy, tax_sell = _tax(kind, day)
    brokerage: Fraction | None = BROKERAGE_RATE
    if kind == "delivery":
        brokerage = _ZERO
    elif kind.endswith("options"):
        brokerage = None
    return Tariff(brokerage, tax_buy, tax_sell, charge, ipft, _STAMP[kind])


def exercise_tax(day: date, intrinsic_value: int) -> int:
    """STT of an option exercised at expiry, to the rupee: the holder's, on the intrinsic value (1/10,000 rupee)."""
    return _to_rupee(_on(_STT_EXERCISE, day) * intrinsic_value)


def _tax(kind: Kind, day: date) -> tuple[Fraction, Fraction]:
    """STT or CTT (of non-agricultural commodities) on (purchases, sales)."""
    if kind == "delivery":
        return _percent("0.1"), _percent("0.1")
    if kind == "intraday":
        return _ZERO, _percent("0.025")
    if kind == "futures":
        return _ZERO, _on(_STT_FUTURES, day)
    if kind == "options":
        return _ZERO, _on(_STT_OPTIONS, day)
    if kind == "commodity futures":
        return _ZERO, _percent("0.01")
    if kind == "commodity options":
        return _ZERO, _percent("0.05")
    return _ZERO, _ZERO


def _on(rows: tuple[tuple[date, Fraction], ...], day: date) -> Fraction:
    return next(rate for since, rate in rows if since <= day)


class OrderCharges(Struct, frozen=True):
    """Unrounded charges of one order in 1/10,000 rupee; `exchange` includes IPFT."""

    tax: Fraction
    exchange: Fraction
    sebi: Fraction
    brokerage: Fraction
    stamp: Fraction
    gst: Fraction

    @property
    def total(self) -> Fraction:
        """Sum of the parts."""
        return self.tax + self.exchange + self.sebi + self.brokerage + self.stamp + self.gst


def order_charges(
    exchange: str, product: str, side: int, turnover: int, tradingsymbol: str = "", day: date = LATEST
) -> OrderCharges:
    """Charges of one executed order; turnover in 1/10,000 rupee. KeyError for an unknown exchange."""
    tariff = tariff_of(exchange, kind_of(exchange, product, tradingsymbol), day)
    exchange_charge = tariff.exchange + tariff.ipft
    cap = Fraction(BROKERAGE_CAP) if turnover else _ZERO
    brokerage = cap if tariff.brokerage is None else min(tariff.brokerage * turnover, cap)
    sebi = SEBI_RATE * turnover
    return OrderCharges(
        tax=(tariff.tax_buy if side == BUY else tariff.tax_sell) * turnover,
        exchange=exchange_charge * turnover,
        sebi=sebi,
        brokerage=brokerage,
        stamp=(tariff.stamp_buy if side == BUY else _ZERO) * turnover,
        gst=GST_RATE * (brokerage + tariff.exchange * turnover + sebi),
    )


class ExecutedOrder(Struct, frozen=True):
    """What one order contributes to a day's note: its executed turnover in 1/10,000 rupee."""

    exchange: str
    tradingsymbol: str
    product: str
    side: int
    turnover: int
    square_off: bool = False


class Charges(Struct, frozen=True):
    """Rounded charges in 1/10,000 rupee."""

    brokerage: int = 0
    stt: int = 0
    exchange: int = 0
    sebi: int = 0
    gst: int = 0
    stamp: int = 0
    dp: int = 0
    square_off: int = 0

    @property
    def total(self) -> int:
        """Sum of the components."""
        return sum(getattr(self, name) for name in self.__struct_fields__)

    def plus(self, other: "Charges") -> "Charges":
        """The sum, component by component."""
        return Charges(*(getattr(self, name) + getattr(other, name) for name in self.__struct_fields__))


def note_charges(
    orders: Iterable[ExecutedOrder], holdings_sold: int = 0, *, exercise_taxes: int = 0, day: date = LATEST
) -> Charges:
    """The charges of one day.

    One contract note per segment group (exchange). On it brokerage, exchange charge, SEBI fee and GST are summed
    exactly and rounded once, half up, to the paisa; stamp duty is summed and rounded once, half up, to the rupee; STT
    is rounded half up to the rupee for each (symbol, kind, side). `holdings_sold` counts the scrips sold from holdings
    that day; `exercise_taxes` is the STT of options exercised.
    """
    groups: dict[str, list[ExecutedOrder]] = defaultdict(list)
    for order in orders:
        groups[order.exchange].append(order)
    total = Charges(dp=holdings_sold * DP_CHARGE, stt=exercise_taxes)
    for group in groups.values():
        total = total.plus(_group_charges(group, day))
    return total


def _group_charges(orders: list[ExecutedOrder], day: date) -> Charges:
    tax: dict[tuple[str, str, int], Fraction] = defaultdict(Fraction)
    brokerage = exchange = sebi = gst = stamp = Fraction(0)
    square_offs = 0
    for order in orders:
        one = order_charges(order.exchange, order.product, order.side, order.turnover, order.tradingsymbol, day)
        kind = kind_of(order.exchange, order.product, order.tradingsymbol)
        tax[order.tradingsymbol, kind, order.side] += one.tax
        brokerage += one.brokerage
        exchange += one.exchange
        sebi += one.sebi
        gst += one.gst
        stamp += one.stamp
        square_offs += order.square_off
    return Charges(
        brokerage=_to_paisa(brokerage),
        stt=sum(_to_rupee(part) for part in tax.values()),
        exchange=_to_paisa(exchange),
        sebi=_to_paisa(sebi),
        gst=_to_paisa(gst),
        stamp=_to_rupee(stamp),
        square_off=square_offs * SQUARE_OFF_FEE,
    )


def _to_paisa(units: Fraction) -> int:
    return round_half_up(units / UNITS_PER_PAISA) * UNITS_PER_PAISA


def _to_rupee(units: Fraction) -> int:
    return round_half_up(units / UNITS_PER_RUPEE) * UNITS_PER_RUPEE
