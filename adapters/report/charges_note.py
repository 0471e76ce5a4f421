"""What orders cost, for the terminal: a row per order, and the day's note."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from adapters.report.tables import Table
from adapters.report.text import inr
from domain.costs.basket import BasketOrder
from domain.costs.note import ContractNote
from domain.costs.order import OrderCharges, order_charges
from domain.costs.tables.fees import ROUNDING
from domain.values import PAISA, RUPEE

NAMES: Final = {
    "brokerage": "Brokerage",
    "stt": "STT / CTT",
    "exchange": "Exchange charge with IPFT",
    "sebi": "SEBI fee",
    "gst": "GST",
    "stamp": "Stamp duty",
    "dp": "Depository charge",
    "square_off": "Broker's square-off fee",
}

_PARTS: Final = ("Brokerage", "Tax", "Exchange", "SEBI", "GST", "Stamp")


def tables(orders: Sequence[BasketOrder], note: ContractNote) -> tuple[Table, ...]:
    """A row per order with its charges to four decimals, and the note as it is rounded. Raises RatesUnknown."""
    return _orders(orders, note.day), _note(note)


def _orders(orders: Sequence[BasketOrder], day: dt.date) -> Table:
    return Table(
        f"Charges per order on {day}, unrounded",
        ("Order", "#Quantity", "#Price", "#Turnover", *(f"#{name}*" for name in _PARTS), "#Total"),
        tuple(_order(order, day) for order in orders),
        empty="no orders",
    )


def _order(order: BasketOrder, day: dt.date) -> tuple[str, ...]:
    charges = order_charges(day, order.exchange, order.kind, order.side, order.turnover)
    return (
        f"{order.side.value} {order.exchange}:{order.symbol} {order.product.value}",
        str(order.quantity),
        _price(order.average_price),
        inr(order.value),
        *(_four(part) for part in _parts(charges)),
        _four(charges.total),
    )


def _parts(charges: OrderCharges) -> tuple[Fraction, ...]:
    return charges.brokerage, charges.tax, charges.exchange, charges.sebi, charges.gst, charges.stamp


def _note(note: ContractNote) -> Table:
    rows = [(NAMES[name], inr(amount), _rule(name)) for name, amount in note.components]
    return Table(
        f"Contract note of {note.day}, were these all of the day's orders",
        ("", "#Rupees", "Rounded once*"),
        (*rows, ("Total", inr(note.total), "")),
    )


def _rule(component: str) -> str:
    rule = ROUNDING.get(component)
    if rule is None:
        return ""
    return f"to the {'paisa' if rule.unit == PAISA else 'rupee'} over {rule.over}"


def _price(price: Fraction) -> str:
    exact = price * RUPEE
    return inr(exact.numerator) if exact.denominator == 1 else f"{Decimal(float(price)):.6f}"


def _four(amount: Fraction) -> str:
    return f"{Decimal(round(amount * RUPEE)) / RUPEE:.4f}"
