"""Checks that a strategy has passed: where they are kept, and what is lacking before it may trade live.

They lie with the data of all environments, since they are of none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from app.options import ConfigFile, Env, load_settings
from config.errors import ConfigError

if TYPE_CHECKING:
    from app.strategies import Cast
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


def lacking_of(loaded: Loaded, strategies: Mapping[str, Strategy]) -> dict[str, dict[str, str]]:
    """By strategy id: required checks that it has not passed as it stands, each with why. Raises ChecksUnreadable."""
    found: dict[str, dict[str, str]] = {}
    for name, made in strategies.items():
        settings = loaded.settings.strategies[name]
        if settings.checks:
            from research.gating import lacking, read

            known = read(checks_folder(loaded), settings.kind)
            found[name] = lacking(known, made, settings.checks, settings.checks_data)
    return found


def require_checks(loaded: Loaded, cast: Cast) -> None:
    """Refuse a cast of which one has not passed what it must. Raises ConfigError with one line."""
    for name, missing in lacking_of(loaded, {each.id: each.strategy for each in cast.strategies}).items():
        if missing:
            said = ", ".join(f"{check} ({why})" for check, why in missing.items())
            kind = loaded.settings.strategies[name].kind
            raise ConfigError(
                f"strategies.{name}.checks: not passed: {said}; run `run.py bias --strategy {kind} --data ...` "
                "with the same parameters first"
            )
