"""Which orders a person's cancel means, and what is said about those it cannot touch. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from domain.messages.journal import OrderRecord, OrderState
from domain.messages.operator import Cancel

BY_HAND: Final = "by hand: "
"""What the reason of a person's cancel begins with: whoever made the order sees that it was meant."""


def cancellable(command: Cancel, open_records: Iterable[OrderRecord]) -> list[OrderRecord]:
    """The open orders that it means and that can be cancelled: unsent ones, and those at the broker by their id."""
    return [
        record
        for record in open_records
        if record.state in (OrderState.INTENT, OrderState.ACKNOWLEDGED)
        and _is_meant(command, record)
        and (command.tag or command.include_exits or not record.intent.reduce_only)
    ]


def why_none(command: Cancel, record: OrderRecord | None) -> str | None:
    """Why the order of a named tag cannot be cancelled; None where it can be, or where no tag is named."""
    if not command.tag:
        return None
    if record is None:
        return f"no order has the tag {command.tag}; `run.py orders` lists them"
    if record.state is OrderState.SENDING:
        return f"order {command.tag} is on its way to the broker: try again in a moment"
    if record.state is OrderState.QUARANTINED:
        return f"order {command.tag} is unresolved: it has no order id to cancel; see `run.py resolve --help`"
    if record.state.final:
        return f"order {command.tag} is {record.state.name.lower()} already"
    return None


def left_alone(command: Cancel, open_records: Iterable[OrderRecord]) -> str:
    """What rests on, in words; empty where nothing does."""
    meant = [record for record in open_records if _is_meant(command, record)]
    exits = sum(
        record.intent.reduce_only and not command.include_exits and not command.tag
        for record in meant
        if record.state in (OrderState.INTENT, OrderState.ACKNOWLEDGED)
    )
    unproved = sum(record.state in (OrderState.SENDING, OrderState.QUARANTINED) for record in meant)
    said = []
    if exits:
        said.append(f"{exits} exits are left (--exits cancels them too)")
    if unproved:
        said.append(f"{unproved} have no order id yet")
    return "; ".join(said)


def _is_meant(command: Cancel, record: OrderRecord) -> bool:
    if command.tag:
        return record.tag == command.tag
    return command.strategy in ("", record.intent.strategy)
