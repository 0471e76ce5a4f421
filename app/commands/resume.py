"""`resume`: clear a halt."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.commands.operator_options import Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from domain.messages.operator import Resume

Thaw = Annotated[
    str,
    Parameter(name="--thaw", show_default=False, help="Let this frozen strategy or EXCHANGE:SYMBOL trade, no more."),
]


def run(
    *,
    why: Why,
    thaw: Thaw = "",
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Let entries leave again. What has a cause of its own (no session, a stop under way) ends with that cause."""
    return operate(env, config, sets, Resume(why, thaw), who, as_json=as_json)
