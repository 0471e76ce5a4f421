"""Load the settings of an environment: layers merged, checked, converted, and each value's origin kept.

Lowest to highest: `config/base.yaml`, `config/<environment>.yaml` (or `.json`), the file given by the user (YAML or
JSON), `.env` and PATANG_KITE_* variables (credentials alone), `--set key.path=value`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from config import credentials, document
from config.checks import CHECKS
from config.convert import Converter, SecretRule
from config.errors import ConfigError
from config.schema import Settings
from config.tree import Node, Origin, leaves, merge, nested
from config.types import EnvironmentName, Secret

T = TypeVar("T", bound=Struct)

ENVIRONMENTS: tuple[str, ...] = get_args(EnvironmentName)
_REAL_ACCOUNT = frozenset({"live", "paper"})


class Loaded(Struct, frozen=True):
    """Settings with what is known about them.

    env       the environment's name
    settings  every setting, checked
    origins   dotted key path → where its value was written (and what that replaced)
    root      the folder that relative folders lie in
    tree      the merged tree, for parts whose types are only known later (a strategy's parameters)
    words     the command line's options that they are read again by, as another process of ours needs them
    """

    env: str
    settings: Settings
    origins: dict[str, Origin]
    root: Path
    tree: Node
    words: tuple[str, ...] = ()

    def data_path(self) -> Path:
        """Where this environment keeps its data: environments never share a store."""
        return self.root / self.settings.data_dir / self.env

    def reports_path(self) -> Path:
        """Where reports are written."""
        return self.root / self.settings.reports_dir

    def secrets(self) -> tuple[str, ...]:
        """Every secret text, for the log's redaction.

        The sandbox's password and code are public words (`sandbox`, `000000`) that stand in paths and order ids too:
        masking those would cost the log its meaning.
        """
        kite = self.settings.kite
        held = [kite.api_secret, kite.access_token]
        if self.env != "sandbox":
            held += [kite.password, kite.totp]
        alerts = self.settings.alerts
        held += [alerts.heartbeat_url, *(each.url for each in alerts.channels.values())]
        return tuple(secret.reveal() for secret in held if isinstance(secret, Secret))

    def parameters(self, strategy: str, wanted: type[T]) -> T:
        """A strategy's parameters as its own Struct; unknown keys, types and bounds checked.

        Raises ConfigError with file and line, and KeyError when there is no such strategy.
        """
        entry = _child(_child(self.tree, "strategies"), strategy)
        if not isinstance(entry.value, dict):
            raise KeyError(strategy)
        node = entry.value.get("parameters", Node({}, entry.origin))
        return Converter(_no_secrets).struct(node, wanted, f"strategies.{strategy}.parameters")


def load(env: str, file: Path | None, sets: Sequence[str], environ: Mapping[str, str], root: Path) -> Loaded:
    """The settings of `env`. Raises ConfigError: one line with file, line, key path, what was found and is allowed.

    file     a user's own YAML or JSON file, relative to the working folder; None for none
    sets     `key.path=value`, each value in YAML's notation
    environ  the process's variables
    root     the project's folder: `config/` and `.env` are looked for there
    """
    if env not in ENVIRONMENTS:
        msg = f"--env: found {env!r}; allowed: {', '.join(ENVIRONMENTS)}"
        raise ConfigError(msg)
    layers = [
        document.read(root / "config" / "base.yaml", "config/base.yaml", "base"),
        _overlay(root / "config", env),
        *([document.read(file, str(file), "file")] if file is not None else []),
        *credentials.from_environment(env, environ, root / ".env"),
        *(_from_set(text) for text in sets),
    ]
    tree = layers[0]
    for layer in layers[1:]:
        tree = merge(tree, layer)
    own = () if file is None else ("--config", str(file.absolute()))
    words = ("--env", env, *own, *(word for text in sets for word in ("--set", text)))
    return replace(assembled(env, tree, root), words=words)


def assembled(env: str, tree: Node, root: Path) -> Loaded:
    """The settings of a merged tree, checked. Raises ConfigError."""
    settings = Converter(_secret_rule(env)).struct(tree, Settings, "")
    origins = {path: node.origin for path, node in leaves(tree)}
    for check in CHECKS:
        for path, what, allowed in check(settings):
            msg = f"{origins[path].where()}: {path}: found {what}; allowed: {allowed}"
            raise ConfigError(msg)
    return Loaded(env, settings, origins, root, tree)


def _overlay(folder: Path, env: str) -> Node:
    """The environment's own file. One of each kind is refused: which of them counts, nobody should have to know."""
    yaml, json = f"{env}.yaml", f"{env}.json"
    if (folder / json).exists():
        if (folder / yaml).exists():
            msg = f"config/{json}: found beside config/{yaml}; allowed: one of the two"
            raise ConfigError(msg)
        return document.read(folder / json, f"config/{json}", "overlay")
    return document.read(folder / yaml, f"config/{yaml}", "overlay")


def _from_set(text: str) -> Node:
    path, equals, value = text.partition("=")
    keys = tuple(path.strip().split("."))
    if not equals or not all(keys):
        msg = f"--set: found {path!r} without a value; allowed: key.path=value, such as sandbox.speed=60"
        raise ConfigError(msg)
    return nested(keys, document.parse(value, Origin("--set", "--set"), path.strip()))


def _secret_rule(env: str) -> SecretRule:
    def rule(path: str, node: Node) -> str | None:
        if node.origin.layer in {".env", "environment"}:
            return None
        if path.startswith("alerts."):
            return f"null here, and the variable {credentials.alert_variable(path)} or .env"
        variable = credentials.variable_for(env, path.removeprefix("kite."))
        instead = f"null here, and the variable {variable} or .env" if variable else "null"
        if node.origin.layer == "--set":
            return instead if variable else "a file: command lines can be read by others"
        return instead if env in _REAL_ACCOUNT else None

    return rule


def _no_secrets(_path: str, _node: Node) -> str | None:
    return "no secrets among a strategy's parameters"


def _child(node: Node, key: str) -> Node:
    if isinstance(node.value, dict) and key in node.value:
        return node.value[key]
    raise KeyError(key)
