"""`reload`: have the trader read its configuration again, or (--dry-run) say what would change."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.commands.operator_options import Who
from app.operating import operate
from app.options import ConfigFile, Env, Json, Sets
from domain.messages.operator import Reload

Why = Annotated[str, Parameter(name="--why", help="The reason; kept in the journal and the audit trail.")]
DryRun = Annotated[
    bool, Parameter(name="--dry-run", negative=(), show_default=False, help="Only say what would change.")
]


def run(
    *,
    why: Why = "asked for at a terminal",
    dry_run: DryRun = False,
    who: Who = "",
    env: Env = "sandbox",
    config: ConfigFile = None,
    sets: Sets = (),
    as_json: Json = False,
) -> int:
    """Take over what may change while it trades. A wrong file changes nothing, and is named with its line."""
    return operate(env, config, sets, Reload(why, dry_run=dry_run), who, as_json=as_json)
