"""The options that commands share, and the settings they add up to.

A command names them as keyword parameters:

    def run(*, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
        loaded = load_settings(env, config, sets)
"""

import os
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from config.loader import Loaded, load
from config.types import EnvironmentName

ROOT = Path(__file__).resolve().parent.parent
"""The project's folder: what relative folders in the settings are relative to."""

Env = Annotated[
    EnvironmentName,
    Parameter(
        name="--env",
        help="sandbox (local, pretend), kite-sandbox (Zerodha's own), paper (real prices, pretend orders) or live.",
    ),
]
ConfigFile = Annotated[
    Path | None,
    Parameter(name="--config", help="Your own YAML or JSON file, over the environment's."),
]
Sets = Annotated[
    tuple[str, ...],
    Parameter(
        name="--set", negative=(), show_default=False, help="key.path=value, over everything else; may be repeated."
    ),
]
Json = Annotated[
    bool,
    Parameter(name="--json", negative=(), show_default=False, help="One JSON document on stdout; logs on stderr."),
]


def load_settings(env: EnvironmentName, config: Path | None = None, sets: tuple[str, ...] = ()) -> Loaded:
    """The checked settings for these options. Raises ConfigError (one line; exit status 2)."""
    return load(env, config, sets, os.environ, ROOT)
