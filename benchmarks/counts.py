"""Instructions of the hot paths on a fixed workload, beside those in benchmarks/counts.json."""

from __future__ import annotations

from benchmarks._counts import WITHIN, count, is_countable, recorded
from benchmarks._figures import Figure, Goal, missing
from benchmarks._hot import paths


def run(quick: bool = False) -> dict[str, object]:
    """Instructions of one call. quick: that each path runs; nothing is counted."""
    if quick:
        for work in paths().values():
            work()
        return dict.fromkeys(paths(), missing("nothing is counted when it is to be quick"))
    if not is_countable():
        return {"instructions": missing("valgrind is not installed")}
    before, now = recorded(), count()
    goal = Goal(at_most=WITHIN)
    same = (before.python, before.versions) == (now.python, now.versions)
    note = "beside counts.json" if same else "beside counts.json, which was counted with other versions"
    found: dict[str, object] = {}
    for name, instructions in now.instructions.items():
        base = before.instructions.get(name)
        ratio = None if base is None else instructions / base
        found[name] = Figure(
            instructions,
            "instructions",
            peer=base,
            ratio=None if ratio is None else round(ratio, 3),
            goal=goal.text(),
            met=None if ratio is None or not same else goal.is_met(ratio),
            note=note,
        )
    return found
