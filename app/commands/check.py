"""`check`: validate the configuration, print what is in force, and say where a value came from."""

import difflib
from typing import Annotated, Final

from cyclopts import Parameter

from app.account import require_account
from app.options import ROOT, ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, complain, print_json
from config.errors import ConfigError
from config.loader import Loaded
from config.marks import Mark, mark_of
from config.render import Plain, plain
from config.schema import Settings
from config.tree import Origin

EFFECT: Final = {
    Mark.LIVE: "live, at the next reload",
    Mark.NEXT_SESSION: "in the next session",
    Mark.RESTART: "after a restart",
}
Explain = Annotated[
    str | None, Parameter(name="--explain", help="Say where this key's value came from, such as risk.daily_loss_max.")
]


def run(
    *,
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
    explain: Explain = None,
) -> int:
    """Validate the configuration and print what is in force, secrets masked."""
    loaded = load_settings(env, config, sets)
    require_account(loaded)
    _check_strategies(loaded)
    effective = plain(loaded.settings, Settings)
    if explain is not None:
        _explain(loaded, effective, explain, as_json=as_json)
    elif as_json:
        print_json(
            {
                "environment": loaded.env,
                "data_path": str(loaded.data_path()),
                "reports_path": str(loaded.reports_path()),
                "settings": effective,
            }
        )
    else:
        print(f"# environment {loaded.env}; relative folders lie in {ROOT}")
        print(_yaml(effective), end="")
        complain(f"configuration of {loaded.env} is valid: {len(loaded.origins)} settings")
    return DONE


def _check_strategies(loaded: Loaded) -> None:
    """Find every strategy's class and try its parameters on it: what the schema alone cannot know."""
    from domain.strategy.load import find_strategy

    for name, strategy in loaded.settings.strategies.items():
        try:
            found = find_strategy(strategy.kind)
        except ValueError as error:
            place = loaded.origins[f"strategies.{name}.kind"].where()
            raise ConfigError(f"{place}: strategies.{name}.kind: {error}") from None
        loaded.parameters(name, found)


def _explain(loaded: Loaded, effective: Plain, key: str, *, as_json: bool) -> None:
    known = [path for path in loaded.origins if path == key or path.startswith(f"{key}.")]
    if not known:
        close = difflib.get_close_matches(key, loaded.origins, n=3, cutoff=0.5)
        hint = f" (did you mean {' or '.join(close)}?)" if close else ""
        raise ConfigError(
            f"--explain: found {key!r}, which is no setting{hint}; allowed: a key path as `check` prints them"
        )
    chains = {path: _chain(loaded.origins[path]) for path in known}
    if as_json:
        print_json(
            [
                {"key": path, "value": _at(effective, path), "from": chain, "takes_effect": mark_of(path).value}
                for path, chain in chains.items()
            ]
        )
        return
    for path, chain in chains.items():
        came = ", which replaced ".join(chain)
        print(f"{path} = {_at(effective, path)}: from {came}; a change takes effect: {EFFECT[mark_of(path)]}")


def _chain(origin: Origin | None) -> list[str]:
    chain: list[str] = []
    while origin is not None:
        chain.append(origin.where())
        origin = origin.overrides
    return chain


def _at(effective: Plain, path: str) -> Plain:
    value = effective
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _yaml(effective: Plain) -> str:
    import yaml

    return yaml.safe_dump(effective, sort_keys=False, allow_unicode=True, width=120)
