"""Where the checks that a strategy has passed are kept: with the data of all environments, since they are of none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.options import ConfigFile, Env, load_settings

if TYPE_CHECKING:
    from config.loader import Loaded
    from research.strategy_check import Finding, Strategy

FOLDER: Final = "checks"


def checks_folder(loaded: Loaded) -> Path:
    """The folder of passed checks."""
    return loaded.root / loaded.settings.data_dir / FOLDER


def keep(env: Env, config: ConfigFile, strategy: Strategy, path: str, data: str, findings: Iterable[Finding]) -> Path:
    """Keep what was found; the file."""
    from research.gating import record

    return record(checks_folder(load_settings(env, config)), strategy, path, data, findings)
