"""What the broker is asked to reckon, and its answers: the day's price limits, margins, charges.

None of it moves an order: it is asked of the worker for reads, and whoever waits for it goes on meanwhile with what is
known. `error` is empty where it worked; `refused` where the broker proved that it does not answer this very question.
"""

from __future__ import annotations

from msgspec import Struct

from domain.messages.broker import DayLimits, ExecutedOrder, OrderCosts, PlaceOrder
from domain.values import E4


class ReadLimits(Struct, frozen=True, tag=True):
    """Command to the read worker: the day's price limits of these `EXCHANGE:SYMBOL`, one batch of at most 500."""

    request: int
    instruments: tuple[str, ...]


class LimitsRead(Struct, frozen=True, tag=True):
    """Event, read worker to risk gate. An instrument that the broker left out is not in `limits`."""

    request: int
    limits: tuple[DayLimits, ...]
    error: str = ""
    refused: bool = False


class ReadMargins(Struct, frozen=True, tag=True):
    """Command to the read worker: what each of these orders would take by itself; at most 100 of them."""

    request: int
    orders: tuple[PlaceOrder, ...]


class MarginsRead(Struct, frozen=True, tag=True):
    """Event, read worker to risk gate: (order, margin), in the order asked; none where `error` says why."""

    request: int
    margins: tuple[tuple[PlaceOrder, E4], ...]
    error: str = ""
    refused: bool = False


class ReadCosts(Struct, frozen=True, tag=True):
    """Command to the read worker: the virtual contract note of these executed orders."""

    request: int
    orders: tuple[ExecutedOrder, ...]


class CostsRead(Struct, frozen=True, tag=True):
    """Event, read worker to reporter: the note, order by order."""

    request: int
    costs: tuple[OrderCosts, ...]
    error: str = ""
    refused: bool = False
