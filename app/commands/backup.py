"""`backup` and `restore`: an environment's stores in one file, taken while a trader runs, and put back only whole."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from adapters.clock import SystemMarketClock
from adapters.store.audit import prove
from adapters.store.backup import Manifest, make, restore
from adapters.store.journal import SqliteJournal
from adapters.store.lock import AccountLock
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, complain, print_json
from app.world import folders
from domain.values import ist

To = Annotated[Path, Parameter(name="--to", help="A folder, which gets patang-<env>-<time>.tar.gz; or a file.")]
Backup = Annotated[Path, Parameter(help="A file that `backup` made.")]


def run(*, to: To, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False) -> int:
    """Copy journal, commands and audit trail of this environment, also while it trades. No secret goes into it."""
    where, now = folders(load_settings(env, config, sets)), SystemMarketClock().now_ns()
    target = to / f"patang-{env}-{ist(now):%Y%m%d-%H%M%S}.tar.gz" if to.is_dir() else to
    _say(make(where.data, env, target, now), target, "written to", as_json=as_json)
    return DONE


def put_back(
    backup: Backup, /, *, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False
) -> int:
    """Put a backup where nothing is yet, then prove that journal and trail are whole. Nothing is changed otherwise."""
    where = folders(load_settings(env, config, sets))
    lock = AccountLock(where.lock)
    try:
        manifest = restore(backup, env, where.data)
        if "journal.db" in manifest.files:
            SqliteJournal(where.journal, threading.Lock, read_only=True).close()
        if where.audit.exists():
            prove(where.audit)
    finally:
        lock.release()
    _say(manifest, where.data, "restored to", as_json=as_json)
    complain(
        "what the broker knows that the backup does not is found when a trader starts: it compares before it trades"
    )
    return DONE


def _say(manifest: Manifest, path: Path, how: str, *, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "env": manifest.env,
                "made": ist(manifest.made_ns).isoformat(),
                "path": str(path),
                "files": list(manifest.files),
            }
        )
    else:
        print(
            f"{len(manifest.files)} files of {manifest.env}, "
            f"made {ist(manifest.made_ns):%Y-%m-%d %H:%M:%S}, {how} {path}"
        )
