"""`status`: how the trader of an environment stands, from another terminal, while it runs or not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import msgspec
from cyclopts import Parameter

from actors.runtime import TreeNode
from app.options import ConfigFile, Env, Json, Sets, load_settings
from app.output import DONE, print_json, print_table
from app.status import Standing, Status, read_standing
from app.world import folders

Tree = Annotated[
    bool, Parameter(name="--tree", negative=(), show_default=False, help="The tree of actors, one line each.")
]

COLUMNS = (
    "actor",
    "state",
    "life",
    "restarts",
    "waiting c/e/d",
    "oldest",
    "most",
    "conflated",
    "dropped",
    "dead",
    "hung",
    "up for",
    "last failure",
)


def run(
    *, env: Env = "sandbox", config: ConfigFile = None, sets: Sets = (), tree: Tree = False, as_json: Json = False
) -> int:
    """How the trader of this environment stands; says so where none runs, and how the last one ended."""
    standing = read_standing(folders(load_settings(env, config, sets)).data)
    if as_json:
        document = {"running": standing.running, "age_seconds": standing.age_seconds}
        print_json(document | ({} if standing.status is None else msgspec.structs.asdict(standing.status)))
        return DONE
    for line in lines(env, standing):
        print(line)
    if tree and standing.status is not None:
        print_table("Tree" if standing.running else "Tree at the end", COLUMNS, tree_rows(standing.status.tree))
    return DONE


def lines(env: str, standing: Standing) -> Iterator[str]:
    """The standing in words."""
    status, age = standing.status, standing.age_seconds
    if status is None or age is None:
        yield f"{env}: not running; nothing has traded here yet"
        return
    if standing.running:
        since = (status.wall_ns - status.started_ns) / 1e9
        yield f"{env}: running for {span(since)}, process {status.pid}, run {status.run[:8]}"
        if age > 5:
            yield f"no news for {span(age)}: the process lives, but its main loop does not answer"
    else:
        how = status.ended or "without a last word: it was killed, or crashed"
        yield f"{env}: not running; ended {span(age)} ago: {how}"
    yield f"state     {status.state} ({status.why})"
    yield f"market    {status.market_time}"
    yield f"orders    {status.orders}, open {status.open}, unresolved {status.unresolved}"
    if standing.running:
        yield from _answers(status)


def _answers(status: Status) -> Iterator[str]:
    feed, money = status.feed, status.money
    if feed is None:
        yield "feed      no answer"
    else:
        age = "no prices yet" if feed.age_seconds is None else f"last prices {span(feed.age_seconds)} ago"
        yield f"feed      {'connected' if feed.connected else 'not connected'}, {age}, {feed.frames} frames"
    if money is None:
        yield "money     no answer"
    else:
        yield (
            f"money     net {money.net}, realised {money.realised}, unrealised {money.unrealised}, "
            f"charges {money.charges}, {money.round_trips} round trips"
        )


def tree_rows(root: TreeNode) -> list[tuple[object, ...]]:
    """One row per supervisor and child, in starting order, indented."""
    return [_row(node, depth) for node, depth in _walk(root, 0)]


def _walk(node: TreeNode, depth: int) -> Iterator[tuple[TreeNode, int]]:
    yield node, depth
    for child in node.children:
        yield from _walk(child, depth + 1)


def _row(node: TreeNode, depth: int) -> tuple[object, ...]:
    name = f"{'  ' * depth}{node.id}"
    up = "" if node.uptime_seconds is None else span(node.uptime_seconds)
    if node.kind == "supervisor":
        blanks = ("",) * 7
        return (name, node.state, node.incarnation, node.restarts, *blanks, up, node.last_failure)
    hung = f"{node.hung} ({node.abandoned} alive)" if node.abandoned else node.hung
    return (
        name,
        node.state,
        node.incarnation,
        node.restarts,
        "/".join(map(str, node.depths)),
        "" if node.oldest_age_seconds is None else span(node.oldest_age_seconds),
        node.high_water,
        node.conflated,
        node.dropped,
        node.dead_letters,
        hung,
        up,
        node.last_failure,
    )


def span(seconds: float) -> str:
    """A time span for people: `0.12 s`, `45 s`, `12 min`, `3.5 h`, `2 days`."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.0f} days"
