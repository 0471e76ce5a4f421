"""`chaos`: the whole system in a simulated world under faults; try your own strategy there too."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
from cyclopts import Parameter

from app.options import ROOT, Json
from app.output import DONE, FAILED, UsageError, complain, print_json, print_table

if TYPE_CHECKING:
    from app.chaos.pool import Trial
    from app.chaos.world import Result

Seeds = Annotated[int, Parameter(name="--seeds", help="How many seeds to run.")]
First = Annotated[int, Parameter(name="--from", help="The first seed: blocks of a long run are resumed with it.")]
StrategyPath = Annotated[
    str, Parameter(name="--strategy", help="MODULE:CLASS, traded with its default parameters instead of our own.")
]
Faults = Annotated[str, Parameter(name="--faults", help="Only these kinds, comma-separated; all of them on.")]
WorkerCount = Annotated[int, Parameter(name="--workers", help="Processes.")]
Replay = Annotated[int | None, Parameter(name="--replay", help="Run this one seed and print its whole trace.")]
Mutants = Annotated[
    bool, Parameter(name="--mutants", negative=(), help="Break the system on purpose, and see each breakage caught.")
]
Matrix = Annotated[
    bool, Parameter(name="--matrix", negative=(), help="Every actor, struck as an order comes to each of its states.")
]
KillPoints = Annotated[
    int | None,
    Parameter(
        name="--kill-points",
        help="Die at so many bytecodes of an order's way, spread over them all; 0: in every moment that differs.",
    ),
]
ScenarioName = Annotated[str, Parameter(name="--scenario", help="With --kill-points: only this way of an order.")]
Twice = Annotated[bool, Parameter(name="--twice", negative=(), help="Run each seed again, and compare the traces.")]

Real = Annotated[
    bool, Parameter(name="--real", negative=(), help="Kill the real program, on a sandbox that breaks on purpose.")
]
Kills = Annotated[int, Parameter(name="--kills", help="With --real: how many kills.")]
RealSeed = Annotated[int, Parameter(name="--seed", help="With --real: draws the moments; the same seed is resumed.")]
State = Annotated[
    Path | None, Parameter(name="--state", help="With --real: the file of what is done (data/chaos/kills.jsonl).")
]

TAIL_LINES = 40
FAILURES_SHOWN = 3


def run(
    *,
    seeds: Seeds = 200,
    first: First = 1,
    strategy: StrategyPath = "",
    faults: Faults = "",
    workers: WorkerCount = 2,
    replay: Replay = None,
    mutants: Mutants = False,
    matrix: Matrix = False,
    kill_points: KillPoints = None,
    scenario: ScenarioName = "",
    twice: Twice = False,
    real: Real = False,
    kills: Kills = 50,
    seed: RealSeed = 1,
    state: State = None,
    as_json: Json = False,
) -> int:
    """Run the whole system through simulated days full of faults; every invariant is checked in every one.

    The same seed is the same run, to the last step. A failing seed prints the end of its trace and how to replay it.
    With --real it is the real program that is killed (SIGKILL), trading config/examples/stress.yaml on a sandbox full
    of faults: nothing may be lost, nothing doubled. Blocks of 50 kills; what is done is kept, and resumed.
    """
    if real:
        return _real(seed, kills, state, as_json=as_json)
    from app.chaos.faults import FAULTS
    from app.chaos.pool import Trial
    from app.commands.chaos_proofs import show_kill_points, show_matrix, show_mutants
    from domain.strategy.load import find_strategy

    wanted = tuple(name.strip() for name in faults.split(",") if name.strip())
    unknown = [name for name in wanted if name not in FAULTS]
    if unknown:
        raise UsageError(f"--faults: found {unknown[0]!r}; allowed: {', '.join(FAULTS)}")
    if seeds < 1 or workers < 1 or first < 0:
        raise UsageError(f"--seeds and --workers: at least 1, --from: at least 0; found {seeds}, {workers}, {first}")
    if strategy:
        try:
            find_strategy(strategy)
        except ValueError as error:
            raise UsageError(f"--strategy: {error}") from None
    if mutants:
        return show_mutants(workers, as_json=as_json)
    if matrix:
        return show_matrix(workers, as_json=as_json)
    if kill_points is not None:
        return show_kill_points(kill_points, scenario, workers, as_json=as_json)
    trial = Trial(faults=wanted, strategy=strategy, twice=twice)
    if replay is not None:
        return _replay(trial, replay, as_json=as_json)
    return _seeds(trial, range(first, first + seeds), workers, as_json=as_json)


def _seeds(trial: Trial, seeds: range, workers: int, *, as_json: bool) -> int:
    from app.chaos.pool import run_seeds

    began = time.monotonic()
    done = 0
    failed: list[Result] = []
    struck: dict[str, int] = {}
    totals = {"orders": 0, "trades": 0, "processes": 0, "steps": 0}
    for result in run_seeds(trial, seeds, workers):
        done += 1
        for name in totals:
            totals[name] += getattr(result, name)
        for name, count in result.faults.items():
            struck[name] = struck.get(name, 0) + count
        if result.violations:
            failed.append(result)
            if len(failed) <= FAILURES_SHOWN:
                _show_failure(trial, result)
        if done % 200 == 0 and not as_json:
            complain(f"{done} of {len(seeds)} seeds, {len(failed)} failed, {time.monotonic() - began:.0f} s")
    seconds = time.monotonic() - began
    if as_json:
        print_json(
            {
                "seeds": done,
                "from": seeds.start,
                "failed": [{"seed": r.seed, "violations": r.violations, "trace_hash": r.trace_hash} for r in failed],
                "violations": sum(len(result.violations) for result in failed),
                "wall_seconds": round(seconds, 1),
                "totals": totals,
                "faults": dict(sorted(struck.items())),
            }
        )
    else:
        print_table("Faults that struck", ("fault", "times"), sorted(struck.items()))
        ended = totals["processes"] - done
        print(
            f"{done} seeds from {seeds.start}: {len(failed)} failed; {totals['orders']} orders, "
            f"{totals['trades']} trades, {ended} processes killed or given up, {totals['steps']} steps, {seconds:.0f} s"
        )
        if failed:
            print(f"failing seeds: {', '.join(str(result.seed) for result in failed[:50])}")
    return FAILED if failed else DONE


def _show_failure(trial: Trial, result: Result) -> None:
    lines = [*result.lines[-TAIL_LINES:], *(f"seed {result.seed}: {v.rule}: {v.text}" for v in result.violations[:5])]
    options = f" --faults {','.join(trial.faults)}" if trial.faults else ""
    options += f" --strategy {trial.strategy}" if trial.strategy else ""
    lines.append(f"replay it: python run.py chaos --replay {result.seed}{options}   (trace {result.trace_hash})")
    sys.stderr.write("\n".join(lines) + "\n\n")


def _replay(trial: Trial, seed: int, *, as_json: bool) -> int:
    result = trial.run(seed, verbose=not as_json)
    if as_json:
        print_json(msgspec.structs.asdict(result))
    else:
        print("\n".join(result.lines))
        for violation in result.violations:
            print(f"{violation.rule}: {violation.text}")
        print(f"seed {seed}: trace {result.trace_hash}, {result.seconds:.1f} virtual s, {result.steps} steps")
    return FAILED if result.violations else DONE


def _real(seed: int, kills: int, state: Path | None, *, as_json: bool) -> int:
    from app.chaos.real import run_kills

    if kills < 1:
        raise UsageError(f"--kills: at least 1, found {kills}")
    path = ROOT / "data" / "chaos" / "kills.jsonl" if state is None else state
    try:
        blocks = list(run_kills(seed, kills, path, complain))
    except msgspec.MsgspecError as error:
        raise UsageError(f"--state: {path} is no file of kills: {error}") from None
    wrong = [line for block in blocks for line in block.violations]
    totals = {name: sum(getattr(each, name) for each in blocks) for name in ("kills", "orders", "trades", "ordering")}
    figures = {
        "seed": seed,
        **totals,
        "lost": sum("lost:" in line for line in wrong),
        "doubled": sum("doubled:" in line for line in wrong),
        "violations": wrong,
        "unresolved": sum(each.unresolved for each in blocks),
        "minutes": round(sum(each.seconds for each in blocks) / 60, 1),
        "state": str(path),
    }
    if as_json:
        print_json(figures)
    else:
        for line in wrong:
            complain(line)
        print(
            f"{figures['kills']} kills (seed {seed}): {figures['lost']} lost, {figures['doubled']} doubled, "
            f"{len(wrong)} violations; {figures['orders']} orders, {figures['trades']} trades, {figures['ordering']} "
            f"lives gave orders, {figures['unresolved']} lines left to a person, {figures['minutes']} minutes"
        )
    return FAILED if wrong else DONE
