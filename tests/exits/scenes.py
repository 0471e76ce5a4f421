"""Configurations for tests of managed exits and execution: wide limits, and one small strategy for each case."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from adapters.store.journal import SqliteJournal
from app.chaos.real_exchange import Exchange
from domain.messages.broker import BrokerStatus
from domain.messages.journal import JournalEvent, OrderRecord, OrderState

OFF: Final = {"ma_crossover": "{enabled: false}", "rsi_reversion": "{enabled: false}"}
_WIDE: Final = """
sandbox: {instruments: null}
market: {stale_price_seconds: 3600}
risk:
  max_quantity_per_order: 100000
  max_position_quantity: 100000
  max_value_per_order: 1000000000
  max_position_value_per_instrument: 1000000000
  gross_exposure_max: 10000000000
  daily_loss_max: 100000000
  orders_per_second: 1000
  orders_per_minute: 60000
  orders_per_day: 5000
  stale_price_seconds: 3600
drills: {drop_feed_at: null, crash_strategy_at: null}
strategies:
"""


def rows(
    instrument: str,
    *,
    exits: str = "",
    execution: str = "",
    product: str = "MIS",
    quantity: int = 20,
    parameters: str = "{}",
) -> str:
    """One strategy of `tests.exits.buyer`."""
    more = (f", exits: {exits}" if exits else "") + (f", execution: {execution}" if execution else "")
    return (
        f'{{kind: "tests.exits.buyer:Buyer", instruments: ["{instrument}"], interval: minute, capital: 10000000, '
        f"quantity: {quantity}, product: {product}, parameters: {parameters}{more}}}"
    )


def a_config(folder: Path, strategies: Mapping[str, str]) -> Path:
    """A file for `--config`."""
    file = folder / "scene.yaml"
    file.write_text(_WIDE + "".join(f"  {name}: {text}\n" for name, text in strategies.items()))
    return file


def resting_stops(records: Iterable[OrderRecord]) -> list[OrderRecord]:
    """Those that are stops and rest at the exchange."""
    return [
        record
        for record in records
        if record.intent.protective
        and record.state is OrderState.ACKNOWLEDGED
        and record.seen_status is BrokerStatus.TRIGGER_PENDING
    ]


def active_gtts(exchange: Exchange) -> list[object]:
    """GTTs that wait at the exchange."""
    found = exchange.rows("/gtt/triggers")
    assert isinstance(found, list)
    return [row for row in found if row["status"] == "active"]


def journal_of(path: Path) -> tuple[list[OrderRecord], list[JournalEvent]]:
    """What a journal says, read from the disk past its owner: the orders, and every event."""
    journal = SqliteJournal(path, threading.Lock, read_only=True)
    try:
        return list(journal.records()), [record.event for record in journal.read(0)]
    finally:
        journal.close()
