"""`replay`: a recorded day run again, message for message, and held against what the day left."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, FAILED, UsageError, print_json, print_table
from app.recording import FOLDER
from app.replaying import Replayed, replay
from app.world import folders

Date = Annotated[str, Parameter(help="The day, YYYY-MM-DD.")]


def run(
    date: Date, /, *, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), as_json: Json = False
) -> int:
    """Run a recorded day again. Exit status 0 where every life of the process that day did the same again."""
    parent = folders(load_settings(env, config, sets)).data / FOLDER
    lives = sorted(each for each in (parent / date).glob("*") if (each / "header.json").exists())
    if not lives:
        days = ", ".join(sorted(each.name for each in parent.glob("*-*-*"))) or "none"
        raise UsageError(f"found {date!r}, a day without a recording in {parent}; recorded days: {days}")
    found = [replay(each) for each in lives]
    _show(found, as_json=as_json)
    return DONE if all(each.equal for each in found) else FAILED


def _show(found: list[Replayed], *, as_json: bool) -> None:
    if as_json:
        print_json({"lives": found, "equal": all(each.equal for each in found)})
        return
    print_table(
        "Replayed",
        ("Life", "Messages", "Orders", "Journal", "Original", "As on the day"),
        [
            (
                each.folder.rpartition("/")[2],
                each.messages,
                len(each.orders),
                each.journal[:16],
                each.original[:16] or "not known",
                "yes" if each.equal else "no",
            )
            for each in found
        ],
    )
    for each in found:
        if each.diverged:
            print(f"{each.folder.rpartition('/')[2]}: {each.diverged}")
