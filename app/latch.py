"""When supervision gives up: the halt is made to outlive the process, and a person is told."""

from __future__ import annotations

from typing import Final

import msgspec

from actors.risk import STATE_FLAG
from app.logs import EventLog
from domain.errors import JournalUnavailable
from domain.messages.control import TradingState
from domain.ports import Journal

WHO: Final = "supervision"


def latch_halt(journal: Journal, run: str, why: str, log: EventLog) -> None:
    """Say it, and keep it (`keep_halt`). The gate itself is latched by then."""
    log("critical", "alert.supervisor.gave_up", text=f"supervision gave up, trading is halted: {why}")
    keep_halt(journal, run, why, log)


def keep_halt(journal: Journal, run: str, why: str, log: EventLog) -> None:
    """Keep HALTED as the trading state, as the risk gate keeps it: whatever starts next stays halted until cleared.

    Never raises: a disk that refuses is one more thing to tell.
    """
    kept = {"state": TradingState.HALTED, "why": f"supervision gave up: {why}", "who": WHO, "run": run}
    try:
        journal.set_flag(STATE_FLAG, msgspec.json.encode(kept).decode())
    except JournalUnavailable as error:
        log("critical", "alert.risk.state_not_kept", text=f"the halt could not be kept: {error}")
