"""A list of executed orders in the shape of the broker's `/charges/orders`, priced order by order and as a day's note.

Request, per order: exchange, tradingsymbol, transaction_type, product, quantity, average_price, and order_id, variety,
order_type, which are not needed. Two keys of our own: `multiplier` (rupees of value per rupee of price and unit of
quantity, where it is not known by the symbol) and `squared_off_by_broker`. Other keys are ignored, as the broker does.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final, TypeGuard

from msgspec import Struct

from domain.costs.kinds import ChargeKind, UnknownInstrument, kind_by_name
from domain.costs.note import ChargeableTrade, ContractNote, NoteBuilder
from domain.costs.order import OrderCharges, order_charges
from domain.costs.rates import COLUMNS
from domain.costs.tables.contracts import units_per_quantity
from domain.values import E4, RUPEE, Product, Side

EXCHANGES: Final = tuple(sorted({exchange for column in COLUMNS.values() for exchange in column.exchange}))

QUANTITY_MAX: Final = 1_000_000_000
PRICE_MAX: Final = 100_000_000
DECIMALS_MAX: Final = 20
"""An average comes with as many digits as a float has; more is no price."""

_SHOWN_MAX: Final = 60
_TEXT: Final = f"printable ASCII text of at most {_SHOWN_MAX} characters"


class BadOrder(ValueError):
    """The list is not what it should be. The text is one line: where, what was found, what is allowed."""


class BasketOrder(Struct, frozen=True):
    """One executed order of the list.

    average_price  rupees, exactly as given
    echo           what the reply repeats as it was given: variety and order_type, None where absent
    """

    order_id: str
    exchange: str
    symbol: str
    side: Side
    product: Product
    kind: ChargeKind
    quantity: int
    average_price: Fraction
    multiplier: int
    squared_off_by_broker: bool
    echo: tuple[tuple[str, str | None], ...]

    @property
    def turnover(self) -> Fraction:
        """Value in 1/10,000 rupee: a fraction where the average was rounded."""
        return self.average_price * self.quantity * self.multiplier * RUPEE

    @property
    def value(self) -> E4:
        """Value in whole 1/10,000 rupee: trade prices are whole, so this is what the trades added up to."""
        return round(self.turnover)


def read_basket(decoded: object) -> tuple[BasketOrder, ...]:
    """The orders out of decoded JSON (numbers with a point as Decimal). Raises BadOrder."""
    if not isinstance(decoded, Sequence) or isinstance(decoded, str | bytes):
        raise BadOrder(f"found {_shown(decoded)}; allowed: a list of orders")
    return tuple(_order(index, each) for index, each in enumerate(decoded))


def reply(order: BasketOrder, day: dt.date) -> dict[str, object]:
    """The order's row of the broker's reply: what was asked, and its charges in rupees, unrounded.

    Raises RatesUnknown for a day before the tables, or an exchange without this kind of trade.
    """
    charges = order_charges(day, order.exchange, order.kind, order.side, order.turnover)
    return {
        "transaction_type": order.side.value,
        "tradingsymbol": order.symbol,
        "exchange": order.exchange,
        "variety": dict(order.echo)["variety"],
        "product": order.product.value,
        "order_type": dict(order.echo)["order_type"],
        "quantity": order.quantity,
        "price": float(order.average_price),
        "charges": _block(charges, "ctt" if order.exchange == "MCX" else "stt"),
    }


def basket_note(orders: Sequence[BasketOrder], day: dt.date) -> ContractNote:
    """The contract note, were these all of the day's orders, each filled in one trade. Raises RatesUnknown."""
    builder = NoteBuilder(day)
    for index, order in enumerate(orders):
        builder.add(
            ChargeableTrade(
                # An id of its own for each: brokerage is per order, and ids may be missing.
                order_id=str(index),
                day=day,
                instrument=f"{order.exchange}:{order.symbol}",
                exchange=order.exchange,
                kind=order.kind,
                product=order.product,
                side=order.side,
                quantity=order.quantity,
                price=round(order.average_price * RUPEE) or 1,
                strategy="",
                multiplier=order.multiplier,
                squared_off_by_broker=order.squared_off_by_broker,
                value=order.value,
            )
        )
    return builder.note()


def _block(charges: OrderCharges, tax_type: str) -> dict[str, object]:
    gst = float(charges.gst)
    return {
        "transaction_tax": float(charges.tax),
        "transaction_tax_type": tax_type,
        "exchange_turnover_charge": float(charges.exchange),
        "sebi_turnover_charge": float(charges.sebi),
        "brokerage": float(charges.brokerage),
        "stamp_duty": float(charges.stamp),
        # Between states; how it would be split within one does not change the sum.
        "gst": {"igst": gst, "cgst": 0.0, "sgst": 0.0, "total": gst},
        "total": float(charges.total),
    }


# -- reading ---------------------------------------------------------------------------------------------------------


class _Fields:
    """One order's keys, each read with its path for the message."""

    def __init__(self, index: int, row: Mapping[str, object]) -> None:
        self._index, self._row = index, row

    def refuse(self, key: str, found: object, allowed: str) -> BadOrder:
        return BadOrder(f"[{self._index}].{key}: found {_shown(found)}; allowed: {allowed}")

    def one_of(self, key: str, allowed: Sequence[str]) -> str:
        value = self._needed(key, " or ".join(allowed))
        if not isinstance(value, str) or value not in allowed:
            raise self.refuse(key, value, " or ".join(allowed))
        return value

    def text(self, key: str) -> str:
        value = self._needed(key, _TEXT)
        if not _is_plain(value) or not value:
            raise self.refuse(key, value, _TEXT)
        return value

    def optional_text(self, key: str) -> str | None:
        value = self._row.get(key)
        if value is not None and not _is_plain(value):
            raise self.refuse(key, value, _TEXT)
        return value

    def optional_flag(self, key: str) -> bool:
        value = self._row.get(key, False)
        if not isinstance(value, bool):
            raise self.refuse(key, value, "true or false")
        return value

    def whole(self, key: str, most: int) -> int:
        allowed = f"a whole number from 1 to {most}"
        value = self._needed(key, allowed)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 1 <= value <= most or value % 1:
            raise self.refuse(key, value, allowed)
        return int(value)

    def optional_whole(self, key: str, most: int) -> int | None:
        return None if self._row.get(key) is None else self.whole(key, most)

    def price(self, key: str) -> Fraction:
        allowed = f"rupees above 0, up to {PRICE_MAX}, as a number of at most {DECIMALS_MAX} decimals"
        value = self._needed(key, allowed)
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not 0 < value <= PRICE_MAX:
            raise self.refuse(key, value, allowed)
        exponent = Decimal(value).as_tuple().exponent
        if not isinstance(exponent, int) or exponent < -DECIMALS_MAX:
            raise self.refuse(key, value, allowed)
        return Fraction(value)

    def _needed(self, key: str, allowed: str) -> object:
        if key not in self._row:
            raise BadOrder(f"[{self._index}].{key}: is missing; allowed: {allowed}")
        return self._row[key]


def _order(index: int, row: object) -> BasketOrder:
    if not isinstance(row, Mapping):
        raise BadOrder(f"[{index}]: found {_shown(row)}; allowed: an order as a table of keys")
    fields = _Fields(index, row)
    exchange = fields.one_of("exchange", EXCHANGES)
    symbol = fields.text("tradingsymbol")
    side = Side(fields.one_of("transaction_type", [side.value for side in Side]))
    product = Product(fields.one_of("product", [product.value for product in Product]))
    kind = kind_by_name(exchange, symbol, product)
    if kind is None:
        raise fields.refuse("tradingsymbol", symbol, f"a contract of {exchange}, ending in FUT, CE or PE")
    return BasketOrder(
        order_id=fields.optional_text("order_id") or "",
        exchange=exchange,
        symbol=symbol,
        side=side,
        product=product,
        kind=kind,
        quantity=fields.whole("quantity", QUANTITY_MAX),
        average_price=fields.price("average_price"),
        multiplier=fields.optional_whole("multiplier", QUANTITY_MAX) or _units(index, exchange, symbol),
        squared_off_by_broker=fields.optional_flag("squared_off_by_broker"),
        echo=tuple((key, fields.optional_text(key)) for key in ("variety", "order_type")),
    )


def _units(index: int, exchange: str, symbol: str) -> int:
    try:
        return units_per_quantity(exchange, symbol)
    except UnknownInstrument as error:
        raise BadOrder(f"[{index}].multiplier: is missing, and {error}; allowed: a whole number above 0") from None


def _is_plain(value: object) -> TypeGuard[str]:
    # It is shown on terminals and written as JSON: neither takes every character that JSON can spell.
    return isinstance(value, str) and value.isascii() and len(value) <= _SHOWN_MAX and value.isprintable()


def _shown(value: object) -> str:
    text = "true" if value is True else "false" if value is False else "null" if value is None else ""
    if not text:
        match value:
            case Mapping():
                text = "a table of keys"
            case str():
                text = repr(value)
            case Sequence():
                text = "a list"
            case int() if abs(value) >= 10**_SHOWN_MAX:
                text = "a very large number"
            case _:
                text = str(value)
    return text if len(text) <= _SHOWN_MAX else f"{text[:_SHOWN_MAX]}…"
