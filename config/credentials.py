"""Secrets from the environment: which variables there are, who may read them, and the `.env` file.

Each kind of account has names of its own, so that a live token can never be sent to another server: the local sandbox
reads none.
"""

import difflib
from collections.abc import Mapping
from pathlib import Path

from config.errors import ConfigError
from config.tree import Node, Origin

_KEYS = ("api_key", "api_secret", "user_id", "access_token")
_PREFIXES: Mapping[str, str] = {
    "live": "PATANG_KITE_",
    "paper": "PATANG_KITE_",
    "kite-sandbox": "PATANG_KITE_SANDBOX_",
}
_FAMILY = "PATANG_KITE_"
CHANNEL_PREFIX = "PATANG_ALERT_"
HEARTBEAT = "PATANG_HEARTBEAT_URL"


def variable_for(env: str, key: str) -> str | None:
    """The variable that holds `kite.<key>` in this environment; None if there is none."""
    prefix = _PREFIXES.get(env)
    return f"{prefix}{key.upper()}" if prefix and key in _KEYS else None


def alert_variable(path: str) -> str:
    """The variable that holds the address at `alerts.…`."""
    keys = path.split(".")
    return HEARTBEAT if len(keys) == 2 else f"{CHANNEL_PREFIX}{keys[2].upper()}"


def from_environment(env: str, environ: Mapping[str, str], dotenv: Path) -> list[Node]:
    """Layers of credentials, lowest first: the `.env` file, then the process's variables. Empty values count as unset.

    Raises ConfigError for a line that is no assignment and for a PATANG_KITE_ name that nobody knows.
    """
    layers: list[Node] = []
    for layer, variables in ((".env", _read(dotenv)), ("environment", {k: (v, None) for k, v in environ.items()})):
        _refuse_unknown(variables, layer)
        values: dict[str, Node] = {}
        for key in _KEYS:
            name = variable_for(env, key)
            text, line = variables.get(name, ("", None)) if name else ("", None)
            if text:
                source = ".env" if layer == ".env" else f"variable {name}"
                values[key] = Node(text, Origin(layer, source, line))
        sections = {**({"kite": Node(values, Origin(layer, layer))} if values else {}), **_alerts(variables, layer)}
        if sections:
            layers.append(Node(sections, Origin(layer, layer)))
    return layers


def _alerts(variables: Mapping[str, tuple[str, int | None]], layer: str) -> dict[str, Node]:
    """Addresses of channels of alerts: every kind of account has the same, for they lead to a person."""
    whole = Origin(layer, layer)

    def node(name: str) -> Node:
        text, line = variables[name]
        return Node(text, Origin(layer, ".env" if layer == ".env" else f"variable {name}", line))

    given = [name for name, (text, _) in variables.items() if text]
    channels = {
        name.removeprefix(CHANNEL_PREFIX).lower(): Node({"url": node(name)}, whole)
        for name in sorted(given)
        if name.startswith(CHANNEL_PREFIX)
    }
    found: dict[str, Node] = {"channels": Node(channels, whole)} if channels else {}
    if HEARTBEAT in given:
        found["heartbeat_url"] = node(HEARTBEAT)
    return {"alerts": Node(found, whole)} if found else {}


def _refuse_unknown(variables: Mapping[str, tuple[str, int | None]], layer: str) -> None:
    known = [f"{prefix}{key.upper()}" for prefix in dict.fromkeys(_PREFIXES.values()) for key in _KEYS]
    for name, (_, line) in variables.items():
        if name.startswith(_FAMILY) and name not in known:
            close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            where = Origin(layer, layer, line).where()
            msg = f"{where}: {name}: found an unknown variable{hint}; allowed: {', '.join(known)}"
            raise ConfigError(msg)


def _read(path: Path) -> dict[str, tuple[str, int | None]]:
    """Name → (value, line) of a `.env` file; empty when there is none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        msg = f".env: cannot be read: {getattr(error, 'strerror', None) or 'not UTF-8'}; allowed: lines NAME=value"
        raise ConfigError(msg) from None
    found: dict[str, tuple[str, int | None]] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip().removeprefix("export ").strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.strip().isidentifier():
            msg = f".env:{number}: found a line (not shown) that is no assignment; allowed: NAME=value"
            raise ConfigError(msg)
        found[name.strip()] = (_unquote(value.strip()), number)
    return found


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value.partition(" #")[0].rstrip()
