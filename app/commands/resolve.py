"""`resolve`: say what became of an unresolved order, having looked at the broker's."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.commands.operator_options import Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from app.output import UsageError
from domain.messages.operator import Resolve

Tag = Annotated[str, Parameter(help="The order's tag, as `run.py journal` shows it.")]
Finding = Annotated[str, Parameter(name="--as", help="placed:ORDER_ID, or absent.")]


def run(
    tag: Tag,
    /,
    *,
    finding: Finding,
    why: Why,
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """End the uncertainty about one order, which frees its strategy and instrument. Held against the broker's book."""
    word, colon, order_id = finding.partition(":")
    if not (finding == "absent" or (word == "placed" and colon and order_id.strip())):
        raise UsageError(f"--as: found {finding!r}; allowed: placed:ORDER_ID or absent")
    command = Resolve(why, tag=tag, order_id=order_id.strip())
    return operate(env, config, sets, command, who, as_json=as_json)
