"""`positions`: who holds what, from the ledgers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from app.options import ConfigFile, Env, Json, Sets
from app.output import DONE, print_json, print_table
from app.stores import stored_books, stored_journal
from domain.messages.control import PositionView
from domain.portfolio.average import AverageCost, AverageLine, average_costs
from domain.values import rupees


def run(*, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """Positions by strategy, valued at the last trade; reads the store, also while nothing runs."""
    averages: dict[AverageLine, AverageCost] = {}
    with stored_journal(env, config, sets) as (journal, _):
        snapshot = None if journal is None else stored_books(journal)
        if journal is not None:
            averages = average_costs(journal.read(0))
    rows = [] if snapshot is None else [_row(view, averages) for view in snapshot.positions]
    if as_json:
        print_json({"day": snapshot.day if snapshot else None, "unit": "INR", "positions": rows})
    else:
        columns = (
            "strategy",
            "instrument",
            "product",
            "quantity",
            "average",
            "realised",
            "unrealised",
            "charges",
            "round_trips",
        )
        print_table("Positions", columns, [[row[column] for column in columns] for row in rows])
    return DONE


def _row(view: PositionView, averages: Mapping[AverageLine, AverageCost]) -> dict[str, object]:
    """Profit is matched first in, first out; `average` is that of all that is held, as a broker's screen shows it."""
    line = averages.get((view.strategy, view.instrument, view.product), AverageCost())
    return {
        "strategy": view.strategy or "(by hand)",
        "instrument": view.instrument,
        "product": view.product.value,
        "quantity": view.quantity,
        "average": Decimal(rupees(round(line.price))),
        "cost": Decimal(rupees(view.cost)),
        "last_price": Decimal(rupees(view.last_price)),
        "realised": Decimal(rupees(view.realised)),
        "unrealised": Decimal(rupees(view.unrealised)),
        "charges": Decimal(rupees(view.charges)),
        "round_trips": view.round_trips,
    }
