"""`resume`: clear a halt."""

from __future__ import annotations

from app.commands.operator_options import Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from domain.messages.operator import Resume


def run(
    *,
    why: Why,
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Let entries leave again. What has a cause of its own (no session, a stop under way) ends with that cause."""
    return operate(env, config, sets, Resume(why), who, as_json=as_json)
