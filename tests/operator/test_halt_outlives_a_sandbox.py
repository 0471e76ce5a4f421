"""A sandbox that is started anew brings an empty journal; what a person said of trading there stays said."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import pytest

from actors.risk import STATE_FLAG
from adapters.store.journal import SqliteJournal
from app.logs import EventLog
from app.world import ACCOUNT_FLAG, World, folders
from config.loader import load
from tests.system.plant import ROOT, an_exchange


@pytest.mark.parametrize(
    ("state", "who", "stays"),
    [("HALTED", "operator", True), ("HALTED", "limit", False), ("ACTIVE", "operator", False)],
)
def test_only_a_persons_halt_goes_on_in_a_new_life(tmp_path: Path, state: str, who: str, stays: bool) -> None:
    former = SqliteJournal(tmp_path / "sandbox" / "journal.db", threading.Lock)
    former.set_flag(ACCOUNT_FLAG, "sandbox life of yesterday")
    kept = msgspec.json.encode({"state": state, "why": "w", "who": who, "run": "r"}).decode()
    former.set_flag(STATE_FLAG, kept)
    former.close()

    with an_exchange() as exchange:
        loaded = load("sandbox", None, (*exchange.sets, f"data_dir={tmp_path}"), {}, ROOT)
        world = World("sandbox", loaded, folders(loaded), EventLog())
        found = world.journal.flag(STATE_FLAG)
        world.close()

    assert found == (kept if stays else None)
