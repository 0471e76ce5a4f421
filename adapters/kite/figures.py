"""What Kite is asked to reckon: day limits out of quotes, margins and charges as JSON bodies (kite-facts 2.4, 2.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from adapters.kite import money
from adapters.kite.translate import ORDER_KINDS
from domain.messages.broker import DayLimits, ExecutedOrder, OrderCosts, PlaceOrder
from domain.values import E4, RUPEE

QUOTES_MAX: Final = 500
"""Instruments of one GET /quote."""

ORDERS_MAX: Final = 100
"""Orders of one POST to be reckoned: how many the broker takes is not documented, the sandbox takes 200."""

T = TypeVar("T")


def batches(orders: Sequence[T]) -> Iterator[Sequence[T]]:
    """The orders in parts of at most ORDERS_MAX."""
    return (orders[start : start + ORDERS_MAX] for start in range(0, len(orders), ORDERS_MAX))


class _Quote(Struct):
    lower_circuit_limit: float = 0.0
    upper_circuit_limit: float = 0.0


class _Margin(Struct):
    exchange: str
    tradingsymbol: str
    total: float


class _Gst(Struct):
    total: float = 0.0


class _Charges(Struct):
    transaction_tax: float
    exchange_turnover_charge: float
    sebi_turnover_charge: float
    brokerage: float
    stamp_duty: float
    gst: _Gst
    total: float


class _NoteRow(Struct):
    exchange: str
    tradingsymbol: str
    quantity: float
    charges: _Charges


_quotes: Final = msgspec.json.Decoder(dict[str, _Quote], strict=False)
_margins: Final = msgspec.json.Decoder(list[_Margin], strict=False)
_note: Final = msgspec.json.Decoder(list[_NoteRow], strict=False)


def day_limits(data: bytes) -> list[DayLimits]:
    """The limits of every quote that states them; an index has none."""
    return [
        DayLimits(name, money.nearest(row.lower_circuit_limit), money.nearest(row.upper_circuit_limit))
        for name, row in _quotes.decode(data).items()
        if 0 <= row.lower_circuit_limit < row.upper_circuit_limit
    ]


def margin_body(orders: Sequence[PlaceOrder]) -> bytes:
    """The body of POST /margins/orders. A market order has no price: the broker takes the last one."""
    return msgspec.json.encode(
        [
            {
                **_terms(order),
                "quantity": order.quantity,
                "price": order.price / RUPEE,
                "trigger_price": order.trigger_price / RUPEE,
            }
            for order in orders
        ]
    )


def margins(orders: Sequence[PlaceOrder], data: bytes) -> list[E4]:
    """The totals, in the order asked. Raises ValueError for an answer to another question."""
    rows = _margins.decode(data)
    _must_answer([(each.exchange, each.symbol) for each in orders], [(r.exchange, r.tradingsymbol) for r in rows])
    return [money.nearest(row.total) for row in rows]


def costs_body(orders: Sequence[ExecutedOrder]) -> bytes:
    """The body of POST /charges/orders."""
    return msgspec.json.encode(
        [
            {
                "order_id": order.order_id,
                **_terms(order),
                "quantity": order.quantity,
                "average_price": order.value / (order.quantity * RUPEE),
            }
            for order in orders
        ]
    )


def costs(orders: Sequence[ExecutedOrder], data: bytes) -> list[OrderCosts]:
    """The note's rows. They bear no order id: they come in the order asked. Raises ValueError where they do not."""
    rows = _note.decode(data)
    asked = [(each.exchange, each.symbol, each.quantity) for each in orders]
    _must_answer(asked, [(row.exchange, row.tradingsymbol, row.quantity) for row in rows])
    return [
        OrderCosts(
            order_id=order.order_id,
            brokerage=money.nearest(row.charges.brokerage),
            tax=money.nearest(row.charges.transaction_tax),
            exchange=money.nearest(row.charges.exchange_turnover_charge),
            sebi=money.nearest(row.charges.sebi_turnover_charge),
            gst=money.nearest(row.charges.gst.total),
            stamp=money.nearest(row.charges.stamp_duty),
            total=money.nearest(row.charges.total),
        )
        for order, row in zip(orders, rows, strict=True)
    ]


def _terms(order: PlaceOrder | ExecutedOrder) -> Mapping[str, object]:
    return {
        "exchange": order.exchange,
        "tradingsymbol": order.symbol,
        "transaction_type": order.side.value,
        "variety": order.variety.value,
        "product": order.product.value,
        "order_type": ORDER_KINDS[order.kind],
    }


def _must_answer(asked: Sequence[object], rows: Sequence[object]) -> None:
    if list(asked) != list(rows):
        raise ValueError(f"{len(rows)} rows that are not the {len(asked)} asked for")
