"""`orders`: the newest trading day's orders that reached the broker, with their fills."""

from __future__ import annotations

from app.commands.journal import intent_row
from app.options import ConfigFile, Env, Json, Sets
from app.output import DONE, print_json, print_table
from app.stores import stored_journal
from domain.messages.journal import OrderState
from domain.values import ist


def run(*, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """The newest trading day's orders at the broker; reads the store, also while nothing runs."""
    with stored_journal(env, config, sets) as (journal, _):
        records = [] if journal is None else journal.records()
    day = max((ist(record.created).date() for record in records), default=None)
    at_broker = [
        intent_row(record)
        for record in records
        if ist(record.created).date() == day and record.state not in (OrderState.INTENT, OrderState.EXPIRED)
    ]
    if as_json:
        print_json({"day": day.isoformat() if day else None, "orders": at_broker})
    else:
        who = ("time", "order_id", "state", "strategy", "instrument", "side")
        columns = (*who, "quantity", "filled", "kind", "price", "trigger_price", "text")
        print_table(
            f"Orders of {day}" if day else "Orders", columns, [[row[column] for column in columns] for row in at_broker]
        )
    return DONE
