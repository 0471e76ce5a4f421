"""`halt`: no entry leaves any more, now and after every restart, until a person resumes."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.commands.operator_options import Who, Why
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from domain.messages.operator import Halt

AndFlatten = Annotated[
    bool, Parameter(name="--flatten", negative=(), show_default=False, help="Close every position as well.")
]


def run(
    *,
    why: Why,
    flatten: AndFlatten = False,
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Stop entries and cancel those that rest; exits stay possible. Prints the tags that were on the wire already."""
    return operate(env, config, sets, Halt(why, flatten=flatten), who, as_json=as_json)
