"""`gate`: which checks each strategy must have passed before it trades live, and which it lacks."""

from __future__ import annotations

from app.checks_kept import lacking_of
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, print_json, print_table
from domain.strategy.load import find_strategy


def run(*, env: Env = "live", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """Say what is lacking; exit status 1 where anything is."""
    loaded = load_settings(env, config, sets)
    made = {
        name: loaded.parameters(name, find_strategy(each.kind))
        for name, each in loaded.settings.strategies.items()
        if each.enabled
    }
    missing = lacking_of(loaded, made)
    rows = [
        (name, check, missing.get(name, {}).get(check, "passed"))
        for name in made
        for check in loaded.settings.strategies[name].checks
    ]
    if as_json:
        print_json([dict(zip(("strategy", "check", "state"), row, strict=True)) for row in rows])
    else:
        print_table("Checks before live trading", ("strategy", "check", "state"), rows)
    return FAILED if any(missing.values()) else DONE
