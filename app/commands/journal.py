"""`journal`: every order intent with the state it is in."""

from __future__ import annotations

from app.options import ConfigFile, Env, Json, Sets
from app.output import DONE, print_json, print_table
from app.stores import stored_journal
from domain.messages.journal import OrderRecord
from domain.orders.telling import change_words
from domain.orders.transitions import filled
from domain.values import ist, rupees


def run(*, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """Every order intent with its tag, state and order id; reads the store, also while nothing runs."""
    with stored_journal(env, config, sets) as (journal, _):
        rows = [] if journal is None else [intent_row(record) for record in journal.records()]
    if as_json:
        print_json({"intents": rows})
    else:
        columns = ("time", "tag", "state", "strategy", "instrument", "side", "quantity", "filled", "order_id", "text")
        print_table("Intents", columns, [[row[column] for column in columns] for row in rows])
    return DONE


def intent_row(record: OrderRecord) -> dict[str, object]:
    """One order of ours for people and programs."""
    intent = record.intent
    return {
        "time": ist(record.created).isoformat(timespec="seconds"),
        "tag": record.tag,
        "state": record.state.name.lower(),
        "order_id": record.order_id or None,
        "strategy": intent.strategy,
        "intent_id": intent.intent_id,
        "instrument": intent.instrument,
        "side": intent.side.value,
        "quantity": record.order.quantity,
        "product": intent.product.value,
        "kind": record.order.kind.value,
        "variety": record.order.variety.value,
        "validity": record.order.validity.value,
        "price": rupees(record.order.price) if record.order.price else None,
        "trigger_price": rupees(record.order.trigger_price) if record.order.trigger_price else None,
        "modifications": record.modifications,
        "modifying": None if record.modifying is None else change_words(record.modifying.change),
        "cancel_asked": record.cancel_why or None,
        "parent": record.parent or None,
        "slice_of": intent.slice_of or None,
        "reduce_only": intent.reduce_only,
        "filled": filled(record),
        "booked": record.booked,
        "text": record.text,
        "updated": ist(record.updated).isoformat(timespec="seconds"),
    }
