"""`flatten`: close what is held now."""

from __future__ import annotations

from app.commands.operator_options import OfStrategy, Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from domain.messages.operator import Flatten


def run(
    *,
    why: Why,
    strategy: OfStrategy = "",
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Close every position, or one strategy's, at the market. Trading goes on after it: `halt --flatten` stops it."""
    return operate(env, config, sets, Flatten(why, strategy), who, as_json=as_json)
