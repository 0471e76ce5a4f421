"""One event into the log file, in the caller's thread, against loguru's own serialised sink."""

from __future__ import annotations

import tempfile
from pathlib import Path

from loguru import logger

from app import logs
from benchmarks._figures import judged
from benchmarks._side_by_side import Goal, figure, in_turns
from config.sections.output import LogSettings

SETTINGS = LogSettings(
    level="INFO",
    file_level="DEBUG",
    console=False,
    colour="never",
    file_max_megabytes=4_096,
    file_keep_megabytes=1,
    file_keep_days=1,
)


def run(quick: bool = False) -> dict[str, object]:
    """Microseconds an event. A level that no sink wants costs next to nothing, which has its own line."""
    with tempfile.TemporaryDirectory() as name:
        log = logs.setup(SETTINGS, Path(name))
        bound = log.bind(actor="orders", incarnation=1)
        theirs = logger.add(Path(name) / "theirs.jsonl", serialize=True, level=60, format="{message}")
        logger.level("PEER", no=60)
        try:
            measured = in_turns(
                {
                    "ours": lambda: bound("INFO", "order.trade", seq=9, tag="PABCDEFGHIJKLMNOP", quantity=50),
                    "peer": lambda: logger.bind(seq=9, tag="PABCDEFGHIJKLMNOP", quantity=50).log("PEER", "order.trade"),
                },
                quick=quick,
            )
        finally:
            logger.remove(theirs)
            logs.stop()
    return {
        "an event, in the caller's thread": judged(measured["ours"].seconds * 1e6, "µs", Goal(at_most=15)),
        "an event, beside loguru's serialize=True": figure(measured["ours"], measured["peer"], Goal(at_least=2)),
    }
