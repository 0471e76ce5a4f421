"""A whole trader in an environment other than the local sandbox's, with a sandbox of ours standing in for its broker."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path

from app import logs
from app.day import Ended, StopRequest, TradingDay
from app.strategies import cast_of
from app.world import World, folders
from config.loader import load
from sandbox.launch import RunningSandbox
from tests.support.log_lines import LogLines
from tests.support.projects import ROOT
from tests.system.plant import Trader

STRATEGIES = """
market: {stale_price_seconds: 3600}
risk:
  max_value_per_order: 1000000
  max_position_value_per_instrument: 10000000
  gross_exposure_max: 100000000
  daily_loss_max: 100000000
  orders_per_day: 5000
  orders_per_second: 1000
  orders_per_minute: 60000
  stale_price_seconds: 3600
strategies:
  pulse_infy: {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:INFY"], interval: minute, capital: 100000, quantity: 1, parameters: {period_seconds: 20}}
  pulse_sbin: {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:SBIN"], interval: minute, capital: 100000, quantity: 2, parameters: {period_seconds: 20}}
  pulse_rcf:  {kind: "domain.strategies.pulse:Pulse", instruments: ["NSE:RCF"], interval: minute, capital: 100000, quantity: 5, parameters: {period_seconds: 20}}
"""


def credentials(env: str, sandbox: RunningSandbox) -> dict[str, str]:
    """The variables that hold the stand-in's credentials, with a token that is good already."""
    prefix = "PATANG_KITE_SANDBOX_" if env == "kite-sandbox" else "PATANG_KITE_"
    details = sandbox.details
    return {
        f"{prefix}API_KEY": details.api_key,
        f"{prefix}API_SECRET": details.api_secret,
        f"{prefix}ACCESS_TOKEN": details.access_token,
    }


def addresses(sandbox: RunningSandbox) -> tuple[str, ...]:
    """Settings that point an environment at the stand-in."""
    return (
        f"kite.rest_url={sandbox.rest}",
        f"kite.ws_url={sandbox.ws}",
        f"kite.login_url={sandbox.rest}/connect/login",
    )


class StandInTrader(Trader):
    """A trader in `env` at a stand-in."""

    def __init__(  # does what its parent's does, for another environment
        self, env: str, folder: Path, sandbox: RunningSandbox, *sets: str, environ: Mapping[str, str] | None = None
    ) -> None:
        config = folder / "strategies.yaml"
        config.write_text(STRATEGIES, encoding="utf-8")
        here = (f"data_dir={folder / 'data'}", f"reports_dir={folder / 'reports'}", "logs.console=false")
        variables = credentials(env, sandbox) if environ is None else environ
        loaded = load(env, config, (*addresses(sandbox), *here, *sets), variables, ROOT)
        where = folders(loaded)
        self.journal_path = where.journal
        self.lines = LogLines(where.logs / "patang.jsonl")
        log = logs.setup(loaded.settings.logs, where.logs)
        self.world = World(env, loaded, where, log)
        try:
            self.world.open_session()
            self.cast = cast_of(loaded, self.world.catalog())
            self.day = TradingDay(self.world, self.cast, log)
        except BaseException:
            self.world.close()
            logs.stop()
            raise
        self._stop = StopRequest()
        self._ended: list[Ended | BaseException] = []
        self._thread = threading.Thread(target=self._run, name="day")
        self._thread.start()
