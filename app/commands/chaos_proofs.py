"""`chaos --mutants`, `--matrix` and `--kill-points`: what the simulation proves besides its seeds."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

from app.output import DONE, FAILED, UsageError, complain, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from app.chaos.bytecodes import Place
    from app.chaos.killpoints import Outcome, Point
    from app.chaos.matrix import Struck

FAILURES_SHOWN = 5


def show_mutants(workers: int, *, as_json: bool) -> int:
    """Hunt every deliberate breakage."""
    from app.chaos.pool import MUTANT_SEEDS, run_mutants

    fates = list(run_mutants(workers))
    survivors = [fate.name for fate in fates if fate.seed is None]
    if as_json:
        print_json({"mutants": fates, "survivors": survivors})
    else:
        rows = [(fate.name, fate.breaks, fate.seed or "survived", fate.rule) for fate in fates]
        print_table("Mutants", ("mutant", "what it breaks", "seeds", "caught by"), rows)
        print(f"{len(fates) - len(survivors)} of {len(fates)} caught within {MUTANT_SEEDS} seeds")
    return FAILED if survivors else DONE


def show_matrix(workers: int, *, as_json: bool) -> int:
    """The crash matrix, and how long recovery takes."""
    from app.chaos.matrix import KINDS
    from app.chaos.pool import run_matrix

    began = time.monotonic()
    struck = list(run_matrix(workers))
    wrong = [each for each in struck if each.violations or each.changed]
    compared = sum(len(each.spared) for each in struck)
    if as_json:
        print_json({"struck": struck, "failed": wrong, "compared": compared})
        return FAILED if wrong else DONE
    for each in wrong[:FAILURES_SHOWN]:
        blow = each.blow
        complain(
            f"{blow.kind} of {blow.actor} at {blow.state.name}, seed {blow.seed}: {each.violations} {each.changed}"
        )
    rows = [
        (actor, *(_times([each for each in struck if each.blow.actor == actor and each.blow.kind == k]) for k in KINDS))
        for actor in dict.fromkeys(each.blow.actor for each in struck)
    ]
    rows.append(("all", *(_times([each for each in struck if each.blow.kind == kind]) for kind in KINDS)))
    print_table("Virtual seconds until all is well again: p50 / p99", ("struck", *KINDS), rows)
    print(
        f"{len(struck)} runs, {len(wrong)} failed; {compared} outputs of strategies that the fault did not concern "
        f"compared with the run without it, {sum(len(each.changed) for each in struck)} differ; "
        f"{time.monotonic() - began:.0f} s"
    )
    return FAILED if wrong else DONE


def _times(struck: Sequence[Struck]) -> str:
    from app.chaos.scripted import quantile

    back = [each.back for each in struck]
    return f"{quantile(back, 0.5):.1f} / {quantile(back, 0.99):.1f}"


def show_kill_points(count: int, scenario: str, workers: int, *, as_json: bool) -> int:
    """Deaths at bytecodes of an order's way; count 0: all that differ, and a second one of each moment."""
    from app.chaos.killpoints import Point, sample, unlike
    from app.chaos.pool import run_kill_points, run_surveys
    from app.chaos.ways import SCENARIOS

    names = [each.name for each in SCENARIOS if scenario in ("", each.name)]
    if not names or count < 0:
        allowed = ", ".join(each.name for each in SCENARIOS)
        raise UsageError(f"--kill-points: at least 0, --scenario: one of {allowed}; found {count} and {scenario!r}")
    began = time.monotonic()
    surveys = dict(zip(names, run_surveys(workers, names, moments=not count), strict=True))
    points: list[tuple[Point, Place]] = []
    for number, (name, found) in enumerate(surveys.items()):
        share = count // len(names) + (number < count % len(names))
        chosen = sample(found.places, share) if count else found.deaths()
        points += [(Point(name, at), found.places[at - 1]) for at in chosen]
    outcomes: list[Outcome] = []
    for outcome in run_kill_points(workers, points):
        outcomes.append(outcome)
        if outcome.violations and not as_json:
            complain(f"{outcome.point.scenario} {outcome.point.number}, {outcome.place}: {outcome.violations[0]}")
        if len(outcomes) % 500 == 0 and not as_json:
            complain(f"{len(outcomes)} of {len(points)}, {time.monotonic() - began:.0f} s")
    wrong = [each for each in outcomes if each.violations]
    differ = [] if count else unlike(outcomes, surveys)
    if as_json:
        ran = {name: len(found.places) for name, found in surveys.items()}
        moments = {name: len(set(found.moments)) for name, found in surveys.items()}
        print_json({"points": len(outcomes), "bytecodes": ran, "moments": moments, "failed": wrong, "unlike": differ})
        return FAILED if wrong or differ else DONE
    rows = []
    for each in (each for each in SCENARIOS if each.name in surveys):
        ours = [outcome for outcome in outcomes if outcome.point.scenario == each.name]
        ends = ", ".join(f"{number} {end.lower()}" for end, number in Counter(o.ended for o in ours).most_common())
        found = surveys[each.name]
        places = f"{len({o.place for o in ours})} of {len(set(found.places))}"
        failed = sum(bool(outcome.violations) for outcome in ours)
        differing = len(set(found.moments)) or "-"
        rows.append((each.name, each.what, len(found.places), differing, len(ours), places, ends, failed))
    columns = ("way", "what", "bytecodes", "moments", "deaths", "at places", "the order then ended", "failed")
    print_table("Kill points", columns, rows)
    for each_unlike in differ:
        complain(f"{each_unlike.point.scenario} {each_unlike.point.number}: not as the first death of its moment")
    every = sum(len(found.places) for found in surveys.values())
    covered = "" if count else f", every moment of {every} bytecodes, {len(differ)} unlike another of their moment"
    print(
        f"{len(outcomes)} deaths{covered}, {len(wrong)} with anything lost, doubled or wrong; "
        f"{time.monotonic() - began:.0f} s"
    )
    return FAILED if wrong or differ else DONE
