"""What trading costs: Zerodha's tariff of autumn 2026, in exact fractions (kite-facts 7.1).

Two uses. `order_charges` is what `/charges/orders` answers: one order, unrounded. `note_charges` is what the books are
debited: one contract note per day and segment group, each component rounded once.
"""

from collections import defaultdict
from collections.abc import Iterable
from fractions import Fraction

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


class Tariff(Struct, frozen=True):
    """Rates of one kind of trading, as fractions of turnover; `ipft` is the part of the exchange charge without GST."""

    brokerage: Fraction
    tax_buy: Fraction
    tax_sell: Fraction
    exchange: Fraction
    ipft: Fraction
    stamp_buy: Fraction


_NSE_CASH = (Fraction(30699, 100 * _CRORE), Fraction(1, 100 * _CRORE))
_BSE_CASH = (Fraction(375, 100_000) * _PERCENT, Fraction(0))
_NSE_FUTURES = (Fraction(18299, 100 * _CRORE), Fraction(1, 100 * _CRORE))
_FREE = (Fraction(0), Fraction(0))


def _delivery(rates: tuple[Fraction, Fraction]) -> Tariff:
    tax = Fraction(1, 10) * _PERCENT
    return Tariff(Fraction(0), tax, tax, rates[0], rates[1], Fraction(15, 1000) * _PERCENT)


def _intraday(rates: tuple[Fraction, Fraction]) -> Tariff:
    tax = Fraction(25, 1000) * _PERCENT
    return Tariff(BROKERAGE_RATE, Fraction(0), tax, rates[0], rates[1], Fraction(3, 1000) * _PERCENT)


def _futures(rates: tuple[Fraction, Fraction]) -> Tariff:
    tax = Fraction(5, 100) * _PERCENT
    return Tariff(BROKERAGE_RATE, Fraction(0), tax, rates[0], rates[1], Fraction(2, 1000) * _PERCENT)


# (exchange, kind): kind is what a contract note calls the trade.
TARIFFS = {
    ("NSE", "delivery"): _delivery(_NSE_CASH),
    ("NSE", "intraday"): _intraday(_NSE_CASH),
    ("BSE", "delivery"): _delivery(_BSE_CASH),
    ("BSE", "intraday"): _intraday(_BSE_CASH),
    ("NFO", "futures"): _futures(_NSE_FUTURES),
    ("BFO", "futures"): _futures(_FREE),
}


def kind_of(exchange: str, product: str) -> str:
    """The tariff's kind for an order: futures; else by product, CNC being delivery and MIS intraday."""
    if exchange in {"NFO", "BFO"}:
        return "futures"
    return "intraday" if product == "MIS" else "delivery"


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


def order_charges(exchange: str, product: str, side: int, turnover: int) -> OrderCharges:
    """Charges of one executed order; turnover in 1/10,000 rupee. KeyError for an unknown exchange."""
    tariff = TARIFFS[exchange, kind_of(exchange, product)]
    exchange_charge = tariff.exchange + tariff.ipft
    brokerage = min(tariff.brokerage * turnover, Fraction(BROKERAGE_CAP))
    sebi = SEBI_RATE * turnover
    return OrderCharges(
        tax=(tariff.tax_buy if side == BUY else tariff.tax_sell) * turnover,
        exchange=exchange_charge * turnover,
        sebi=sebi,
        brokerage=brokerage,
        stamp=(tariff.stamp_buy if side == BUY else Fraction(0)) * turnover,
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


def note_charges(orders: Iterable[ExecutedOrder], holdings_sold: int = 0) -> Charges:
    """The charges of one day.

    One contract note per segment group (exchange). On it brokerage, exchange charge, SEBI fee and GST are summed
    exactly and rounded once, half up, to the paisa; stamp duty is summed and rounded once, half up, to the rupee; STT
    is rounded half up to the rupee for each (symbol, kind, side). `holdings_sold` counts the scrips sold from holdings
    that day.
    """
    groups: dict[str, list[ExecutedOrder]] = defaultdict(list)
    for order in orders:
        groups[order.exchange].append(order)
    total = Charges(dp=holdings_sold * DP_CHARGE)
    for group in groups.values():
        total = total.plus(_group_charges(group))
    return total


def _group_charges(orders: list[ExecutedOrder]) -> Charges:
    tax: dict[tuple[str, str, int], Fraction] = defaultdict(Fraction)
    brokerage = exchange = sebi = gst = stamp = Fraction(0)
    square_offs = 0
    for order in orders:
        one = order_charges(order.exchange, order.product, order.side, order.turnover)
        tax[order.tradingsymbol, kind_of(order.exchange, order.product), order.side] += one.tax
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
