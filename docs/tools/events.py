"""Writes docs/events.md: every event that can stand in the log, its level and keys from the code, its meaning in words.

.venv/bin/python -m docs.tools.events
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple

import msgspec

from actors.runtime.engine import LOGGED
from docs.tools.events_catalogue import FAMILIES, WORDS, Words
from docs.tools.sources import ROOT, files, tree
from domain.orders.telling import EVENT_NAMES

PAGE: Final = ROOT / "docs" / "events.md"
FOLDERS: Final = ("actors", "adapters", "app", "research")
LOGGERS: Final = frozenset({"log", "_log", "EventLog"})

HEAD: Final = """# Events: what can stand in the log

Written by `python -m docs.tools.events` from the code; a test holds the two together. One JSON object per line in
`<data_dir>/<environment>/logs/patang.jsonl`, with `time` (IST), `ns` (UTC), `level`, `event`, `market_time`, and for
what an actor says `actor` and `incarnation`; then the keys below. `tag` and `order_id` lead through one order's whole
life, `strategy` through one strategy's. Every alert is an event too: `alert.<name>` with its text.

"""


class Found(NamedTuple):
    """An event as the code has it. levels: `?` where it is decided at run time."""

    name: str
    levels: tuple[str, ...]
    keys: tuple[str, ...]


def main() -> int:
    """Write the page; exit status 1 where an event has no words."""
    found = {each.name: each for each in events()}
    missing = sorted(set(found) - set(WORDS))
    if missing:
        sys.stdout.write(f"no words in docs/tools/events_catalogue.py for: {', '.join(missing)}\n")
        return 1
    PAGE.write_text(page(found), encoding="utf-8")
    return 0


@cache
def events() -> tuple[Found, ...]:
    """Every event that the code names, by name."""
    levels: dict[str, set[str]] = {name: {"info"} for name in EVENT_NAMES.values()}
    keys: dict[str, set[str]] = {name: {"seq", "tag", "strategy", "…"} for name in EVENT_NAMES.values()}
    for kind, (level, name) in LOGGED.items():
        levels[name], keys[name] = {level}, {field.name for field in msgspec.structs.fields(kind)}
    for folder in FOLDERS:
        for path in files(folder):
            for level, name, words in _logged(tree(path)):
                levels.setdefault(name, set()).add(level)
                keys.setdefault(name, set()).update(words)
    return tuple(Found(name, tuple(sorted(levels[name])), tuple(sorted(keys[name]))) for name in sorted(levels))


def _logged(tree: ast.AST) -> Iterator[tuple[str, str, list[str]]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        called, first, second = node.func, node.args[0], node.args[1]
        name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
        is_log = name in LOGGERS or isinstance(called, ast.Call)
        if is_log and isinstance(second, ast.Constant) and isinstance(second.value, str) and "." in second.value:
            level = str(first.value).lower() if isinstance(first, ast.Constant) else "?"
            yield level, second.value, [keyword.arg or "…" for keyword in node.keywords]


def page(found: dict[str, Found]) -> str:
    """The page, by families."""
    parts = [HEAD]
    for family, title in FAMILIES.items():
        names = [name for name in WORDS if name.partition(".")[0] == family]
        if not names:
            continue
        parts.append(f"## {title}\n\n| Event | Level | Keys | Meaning | What to do |\n|---|---|---|---|---|\n")
        for name in sorted(names):
            words, each = WORDS[name], found.get(name)
            level = words.level or "/".join(each.levels if each else ()).replace("?", "as it is")
            keys = ", ".join(f"`{key}`" for key in (each.keys if each else ()))
            parts.append(f"| `{name}` | {level} | {keys} | {words.meaning} | {words.act or '–'} |\n")
        parts.append("\n")
    return "".join(parts).rstrip() + "\n"


def families() -> set[str]:
    """The first words of all names."""
    return {name.partition(".")[0] for name in WORDS}


__all__ = ["Found", "Words", "events", "families", "main", "page"]

if __name__ == "__main__":
    sys.exit(main())
