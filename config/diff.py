"""What differs between two configurations, key by key, and what of it may be taken over while it trades."""

import json
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from config.loader import Loaded, assembled
from config.marks import Mark, mark_of
from config.render import Plain, plain
from config.schema import Settings
from config.tree import Node


class Change(Struct, frozen=True):
    """One key that differs; a strategy or a channel that one side has not is one change as a whole.

    old, new  as a file would state them, secrets masked; None where there is no such key (then `gone` or `fresh`)
    where     file and line of the new value; of the old one where the key is gone
    """

    path: str
    old: Plain
    new: Plain
    mark: Mark
    where: str
    fresh: bool = False
    gone: bool = False

    def words(self) -> str:
        """One line: `risk.daily_loss_max: 10000 → 8000 (live)`."""
        old = "absent" if self.fresh else said(self.old)
        new = "absent" if self.gone else said(self.new)
        return f"{self.path}: {old} → {new} ({self.mark.value})"


class _Leaf(Struct, frozen=True):
    raw: object
    shown: Plain
    whole: str = ""  # of an entry of a mapping: the entry's own path


def changes(old: Loaded, new: Loaded) -> tuple[Change, ...]:
    """Every key that differs, in the order of the schema; keys that are gone at the end."""
    before, after = dict(_leaves(old.settings, Settings, "")), dict(_leaves(new.settings, Settings, ""))
    found: list[Change] = []
    entries_before, entries_after = _entries(before), _entries(after)
    seen: set[str] = set()
    for path, leaf in after.items():
        if leaf.whole and leaf.whole not in entries_before:
            if leaf.whole not in seen:
                seen.add(leaf.whole)
                shown = _entry(new, leaf.whole)
                found.append(Change(leaf.whole, None, shown, mark_of(leaf.whole), _where(new, leaf.whole), fresh=True))
        elif path not in before:
            found.append(Change(path, None, leaf.shown, mark_of(path), _where(new, path), fresh=True))
        elif before[path].raw != leaf.raw:
            found.append(Change(path, before[path].shown, leaf.shown, mark_of(path), _where(new, path)))
    for path, leaf in before.items():
        if leaf.whole and leaf.whole not in entries_after:
            if leaf.whole not in seen:
                seen.add(leaf.whole)
                shown = _entry(old, leaf.whole)
                found.append(Change(leaf.whole, shown, None, mark_of(leaf.whole), _where(old, leaf.whole), gone=True))
        elif path not in after:
            found.append(Change(path, leaf.shown, None, mark_of(path), _where(old, path), gone=True))
    return tuple(found)


def changes_of_plain(old: Plain, new: Plain) -> tuple[Change, ...]:
    """The same of two configurations as they are shown (secrets masked, so never different): where is not known."""
    before, after = dict(_flat(old, "")), dict(_flat(new, ""))
    found = []
    for path in dict.fromkeys((*after, *before)):
        if path in before and path in after and before[path] == after[path]:
            continue
        try:
            mark = mark_of(path)
        except KeyError:  # a key that another release of the program knew
            continue
        fresh, gone = path not in before, path not in after
        found.append(Change(path, before.get(path), after.get(path), mark, "", fresh=fresh, gone=gone))
    return tuple(found)


def taken_over(old: Loaded, new: Loaded) -> Loaded:
    """The old configuration with the new one's live keys. Raises ConfigError where the two do not go together."""
    return assembled(old.env, _live(old.tree, new.tree, ""), old.root)


def said(value: Plain) -> str:
    """A value on one line."""
    return json.dumps(value, ensure_ascii=False)


def _live(old: Node, new: Node, path: str) -> Node:
    """Of two trees of the whole schema: the new one's nodes where the key is live, the old one's elsewhere."""
    if path and (mark_of(path) is Mark.LIVE):
        return new
    if not (isinstance(old.value, dict) and isinstance(new.value, dict)):
        return old
    if path and _is_one_value(path):
        return old
    merged = {}
    for key, node in old.value.items():
        here = f"{path}.{key}" if path else key
        if key in new.value:
            merged[key] = _live(node, new.value[key], here)
        elif not _is_live_somewhere(here):
            merged[key] = node
    for key, node in new.value.items():
        here = f"{path}.{key}" if path else key
        if key not in old.value and _is_live_somewhere(here):
            merged[key] = node
    return Node({key: merged[key] for key in (*new.value, *old.value) if key in merged}, new.origin)


def _is_live_somewhere(path: str) -> bool:
    try:
        return mark_of(path) is Mark.LIVE
    except KeyError:
        return False


def _is_one_value(path: str) -> bool:
    """Whether what lies below has the mark of the whole (freeze quantities)."""
    try:
        mark_of(f"{path}.?")
    except KeyError:
        return False
    return True


def _leaves(value: object, declared: object, path: str, whole: str = "") -> Iterator[tuple[str, _Leaf]]:
    if isinstance(value, Struct):
        for field in msgspec.structs.fields(type(value)):
            here = f"{path}.{field.name}" if path else field.name
            yield from _leaves(getattr(value, field.name), field.type, here, whole)
    elif isinstance(value, dict):
        values = get_args(_bare(declared))[1]
        for key, each in value.items():
            here = f"{path}.{key}"
            yield from _leaves(each, values, here, here if isinstance(each, Struct) else whole)
    else:
        yield path, _Leaf(value, plain(value, declared), whole)


def _flat(value: Plain, path: str) -> Iterator[tuple[str, Plain]]:
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _flat(each, f"{path}.{key}" if path else key)
    else:
        yield path, value


def _entries(leaves: Mapping[str, _Leaf]) -> frozenset[str]:
    return frozenset(leaf.whole for leaf in leaves.values() if leaf.whole)


def _entry(loaded: Loaded, path: str) -> Plain:
    shown = plain(loaded.settings, Settings)
    for key in path.split("."):
        assert isinstance(shown, dict), f"{path} is an entry of the settings"
        shown = shown[key]
    return shown


def _where(loaded: Loaded, path: str) -> str:
    """Where it was written; of a mapping, its first key's place; empty where only the code has it."""
    origin = loaded.origins.get(path)
    if origin is None:
        origin = next((each for at, each in loaded.origins.items() if at.startswith(f"{path}.")), None)
    return "" if origin is None else origin.where()


def _bare(declared: object) -> object:
    if get_origin(declared) is Annotated:
        declared = get_args(declared)[0]
    if get_origin(declared) in {Union, types.UnionType}:
        return next((_bare(each) for each in get_args(declared) if each is not type(None)), declared)
    return declared
