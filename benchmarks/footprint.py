"""From the start of a process to trading, by stage: seconds and memory; and what it has imported that it should not.

A process of its own, a journal of 1,000 orders, 90,000 instruments in the cache, 10 strategies of 50 instruments each
that are warmed up from history. Broker and history answer at once: what they would take is not the program's.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from adapters.store.journal import SqliteJournal
from benchmarks._figures import Figure, fact, plain
from benchmarks._orders import NOW, accepted
from benchmarks._rig import BEGINS, BrokerProcess, SteppedClock, account_at
from benchmarks._system import no_log
from domain.messages.journal import IntentExpired
from domain.values import ist

if TYPE_CHECKING:
    from domain.messages.journal import JournalEvent

ROOT: Final = Path(__file__).resolve().parent.parent
HEAD: Final = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,lot_size,instrument_type,"
    "segment,exchange"
)


def run(quick: bool = False) -> dict[str, object]:
    """Medians of three starts behind a first one."""
    orders, listed, strategies, shares, starts = (10, 100, 1, 2, 1) if quick else (1_000, 90_000, 10, 50, 3)
    found = [_start(orders, listed, strategies, shares) for _ in range(starts + 1)]
    found = found[1:]  # the first one may have to compile modules
    figures: dict[str, object] = {}
    before = 0.0
    for at, stage in enumerate(each["stage"] for each in found[0]):
        seconds = statistics.median(start[at]["seconds"] for start in found)
        megabytes = statistics.median(start[at]["megabytes"] for start in found)
        figures[f"{stage}: after"] = plain(seconds, "s", f"{seconds - before:.3f} s of it here")
        figures[f"{stage}: resident"] = plain(megabytes, "MB")
        before = seconds
    foreign = sorted({name for start in found for name in start[-1]["foreign"]})
    figures["nothing of research is imported"] = fact(not foreign, ", ".join(foreign))
    figures["orders in the journal"] = Figure(orders)
    return figures


def _start(orders: int, listed: int, strategies: int, shares: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory(prefix="patang-start-") as name:
        folder = Path(name)
        _journal(folder / "journal.db", orders)
        dump = folder / "dump.csv"
        rows = (
            f"{(50_000 + number) << 8 | 1},{50_000 + number},L{number},LISTED {number},0,,0,0.05,1,EQ,NSE,NSE"
            for number in range(listed)
        )
        dump.write_text("\n".join((HEAD, *rows)) + "\n", encoding="utf-8")
        broker = BrokerProcess(dump)
        try:
            instruments = account_at(broker.url, folder, SteppedClock(BEGINS), no_log).instruments()
            instruments.load(ist(BEGINS).date())
            instruments.close()
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks._footprint", str(folder), broker.url, str(strategies), str(shares)],
                capture_output=True, text=True, check=False, cwd=ROOT, env=_environment(),
            )  # fmt: skip
        finally:
            broker.close()
    if done.returncode:
        raise RuntimeError((done.stderr.strip().splitlines() or ["the start said nothing"])[-1])
    return [json.loads(line) for line in done.stdout.splitlines()]


def _environment() -> dict[str, str]:
    """A user's: modules are compiled once, and kept."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def _journal(path: Path, orders: int) -> None:
    """Orders that were accepted, and are over."""
    journal = SqliteJournal(path, threading.Lock)
    events: list[JournalEvent] = []
    for _ in range(orders):
        intent = accepted()
        over = IntentExpired(intent.tag, intent.intent.intent_id, intent.intent.strategy, "not sent in time", NOW)
        events += [intent, over]
    journal.commit(events)
    journal.close()
