"""`cancel`: cancel one order, or what rests."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.commands.operator_options import OfStrategy, Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from app.output import UsageError
from domain.messages.operator import Cancel

Tag = Annotated[str, Parameter(show_default=False, help="The order's tag, as `run.py orders` shows it.")]
All = Annotated[bool, Parameter(name="--all", negative=(), show_default=False, help="Whatever rests.")]
Exits = Annotated[bool, Parameter(name="--exits", negative=(), show_default=False, help="Exits as well.")]


def run(
    tag: Tag = "",
    /,
    *,
    why: Why,
    strategy: OfStrategy = "",
    everything: All = False,
    exits: Exits = False,
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Cancel one order by its tag, or the entries that rest: of one strategy, or all. See `orders` afterwards."""
    if sum((bool(tag), bool(strategy), everything)) != 1:
        raise UsageError("cancel: name one of: a TAG, --strategy ID, --all")
    command = Cancel(why, tag=tag, strategy=strategy, include_exits=exits)
    return operate(env, config, sets, command, who, as_json=as_json)
