"""Another terminal beside a running trader: `run.py`'s commands on the same data.

The trader is a process of its own; the commands run in the test's, which spares each the second that a start takes.
"""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from app import cli

ONE: Final = """
sandbox: {instruments: 1}
market: {stale_price_seconds: 3600}
risk:
  {max_quantity_per_order: 100, max_position_quantity: 1000, max_value_per_order: 1000000, gross_exposure_max: 100000000,
   max_position_value_per_instrument: 10000000, daily_loss_max: 100000000, orders_per_second: 1000,
   orders_per_minute: 60000, orders_per_day: 5000, stale_price_seconds: 3600}
orders: {quarantine_seconds: 120}
strategies:
  ma_crossover: {enabled: false}
  rsi_reversion: {enabled: false}
  pulse: {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:INFY"], interval: minute, capital: 100000,
          quantity: 1, parameters: {period_seconds: 10}}
drills: {drop_feed_at: null, crash_strategy_at: null}
"""
"""One strategy in one share, which buys and sells by the clock: what is unresolved is this one's."""


def one(folder: Path) -> Path:
    """The configuration as a file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "one.yaml"
    path.write_text(ONE, encoding="utf-8")
    return path


class Terminal:
    """Runs commands on the data of a trader."""

    def __init__(self, folder: Path, sets: Sequence[str], config: Path) -> None:
        self._options = ["--config", str(config)]
        for each in (*sets, f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}"):
            self._options += ["--set", each]

    def run(self, *words: str) -> tuple[int, str, str]:
        """One command: exit status, stdout, stderr."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = cli.main([*words, *self._options])
        return status, out.getvalue(), err.getvalue()

    def say(self, *words: str) -> dict[str, object]:
        """A command that must work; its document."""
        status, out, err = self.run(*words, "--json")
        assert status == 0, f"{words}: {out} {err}"
        document = json.loads(out)
        assert isinstance(document, dict)
        return document

    def refused(self, *words: str, status: int = 1) -> str:
        """A command that must not work; its one line."""
        found, _, err = self.run(*words)
        assert found == status, f"{words}: {found} {err}"
        [line] = err.splitlines()
        return line
