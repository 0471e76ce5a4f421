"""Every key there is, with what a person must know of it: for the page, for editors, and for nobody's memory.

What a key means stands in one place: beside its default in `base.yaml`, or, for what users name themselves (strategies,
channels of alerts), in the docstring of its Struct. Types and bounds come from the schema.
"""

import re
import types
from collections.abc import Iterator
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Struct

from config import document
from config.convert import describe
from config.marks import mark_of
from config.render import Plain, plain
from config.schema import Settings
from config.tree import Node
from config.types import RupeeUnit, Secret

_COMMENT: Final = re.compile(r"\s# (.*)$")
_MEANING: Final = re.compile(r"^ {4}(\w+(?:, \w+)*) {2,}(\S.*)$")
_CLOCK: Final = re.compile(r"\b(wall|market) (seconds?|minutes?)\b")
_NAMED: Final = {"strategies": "ID", "channels": "NAME"}
"""What stands for a name of the user's own in a path."""


class Key(Struct, frozen=True):
    """One key.

    path      dotted; a name that users choose is in capitals between angle brackets: `strategies.<ID>.kind`
    wanted    its type, of the schema
    allowed   the same in words
    default   as it would be written; NODEFAULT where a value must be given
    unit      what a number counts; empty where it counts nothing
    meaning   one line; empty where nobody has written one (a test refuses that)
    group     whether it has no value of its own, but keys below it
    mark      when a change of it takes effect: live, next session or restart; empty for a group
    """

    path: str
    wanted: object
    allowed: str
    default: object
    unit: str
    meaning: str
    group: bool
    mark: str

    @property
    def section(self) -> str:
        """The top key that it stands below."""
        return self.path.partition(".")[0]


def keys(base: Path) -> tuple[Key, ...]:
    """Every key in the order of the schema, groups before what they hold.

    base  the delivered `base.yaml`: where defaults and meanings of all fixed keys are
    """
    lines = base.read_text(encoding="utf-8").splitlines()
    return tuple(_of_struct(Settings, "", document.read(base, "config/base.yaml", "base"), lines))


def _of_struct(struct: type[Struct], path: str, node: Node | None, lines: list[str]) -> Iterator[Key]:
    """node: what the base file has there; None below a name of the user's own."""
    meanings = in_docstring(struct)
    for field in msgspec.structs.fields(struct):
        here = f"{path}.{field.name}" if path else field.name
        default: object
        if node is not None and isinstance(node.value, dict):
            child: Node | None = node.value[field.name]
            assert child is not None
            default, meaning = written(child), _comment(child, lines)
        else:
            child, default, meaning = None, _default(field), meanings.get(field.name, "")
        yield from _of_type(here, field.type, default, meaning, child, lines)


def _of_type(
    path: str, wanted: object, default: object, meaning: str, node: Node | None, lines: list[str]
) -> Iterator[Key]:
    below = struct_of(wanted)
    named = _struct_by_name(wanted)
    group = named is not None or (below is not None and not _has_leaf(wanted))
    if group and not meaning:
        meaning = ((below or named).__doc__ or "").partition("\n")[0].rstrip(".")
    yield Key(
        path,
        wanted,
        describe(wanted),
        default,
        unit(path, wanted, meaning),
        meaning,
        group,
        "" if group else _mark(path),
    )
    if below is not None:
        yield from _of_struct(below, path, node, lines)
    elif named is not None:
        name = _NAMED[path.rpartition(".")[2]]
        yield from _of_struct(named, f"{path}.<{name}>", None, lines)


def _default(field: msgspec.structs.FieldInfo) -> object:
    if field.default is not NODEFAULT:
        return plain(field.default, field.type)
    return NODEFAULT if field.default_factory is NODEFAULT else plain(field.default_factory(), field.type)


def _mark(path: str) -> str:
    return mark_of(re.sub(r"<\w+>", "x", path)).value


def struct_of(wanted: object) -> type[Struct] | None:
    """The Struct that a type is, or may be."""
    bare = get_args(wanted)[0] if get_origin(wanted) is Annotated else wanted
    options = get_args(bare) if get_origin(bare) in {Union, types.UnionType} else (bare,)
    found = [each for each in options if isinstance(each, type) and issubclass(each, Struct)]
    return found[0] if found else None


def _has_leaf(wanted: object) -> bool:
    """Whether a plain value may stand there too."""
    return any(
        bare is not type(None) and not (isinstance(bare, type) and issubclass(bare, Struct))
        for bare, _ in _leaves(wanted)
    )


def _struct_by_name(wanted: object) -> type[Struct] | None:
    return struct_of(get_args(wanted)[1]) if get_origin(wanted) is dict else None


def unit(path: str, wanted: object, meaning: str) -> str:
    """What a value of this key counts. A duration's clock is the one that its meaning names."""
    name = path.rpartition(".")[2]
    leaves = tuple(_leaves(wanted))
    clock = _CLOCK.search(meaning)
    if any(RupeeUnit in metas for _, metas in leaves):
        return "rupees"
    if any(bare is time for bare, _ in leaves):
        return "time of day, IST"
    if any(bare is date for bare, _ in leaves):
        return "date"
    if "percent" in name:
        return "percent"
    for ending, words in _ENDINGS.items():
        if name.endswith(ending):
            return words
    for ending in ("seconds", "minutes"):
        if name.endswith(ending):
            return f"{clock.group(1)} {ending}" if clock else ending
    return ""


_ENDINGS: Final = {
    "per_second": "a second",
    "per_minute": "a minute",
    "per_hour": "an hour",
    "per_day": "a day",
    "megabytes": "megabytes",
    "_days": "days",
    "_sessions": "trading days",
    "share": "share, 0 to 1",
    "quantity": "units",
    "quantity_per_order": "units",
}


def _leaves(wanted: object) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if get_origin(wanted) is Annotated:
        bare, *metas = get_args(wanted)
        yield bare, tuple(metas)
    elif get_origin(wanted) in {Union, types.UnionType}:
        for option in get_args(wanted):
            yield from _leaves(option)
    else:
        yield wanted, ()


def is_secret(key: Key) -> bool:
    """Whether a file of a real account must not have it."""
    return any(bare is Secret for bare, _ in _leaves(key.wanted))


def in_docstring(struct: type[Struct]) -> dict[str, str]:
    """The meanings that a Struct's docstring states: `name, other  what they mean`; lines further in go on with one."""
    found: dict[str, str] = {}
    names: list[str] = []
    for line in (struct.__doc__ or "").splitlines():
        start = _MEANING.match(line)
        if start:
            names = start.group(1).split(", ")
            found.update(dict.fromkeys(names, start.group(2).strip()))
        elif line.startswith(" " * 6) and names:
            for name in names:
                found[name] += f" {line.strip()}"
        else:
            names = []
    return found


def written(node: Node) -> Plain:
    """A value as the file has it."""
    match node.value:
        case dict(items):
            return {name: written(child) for name, child in items.items()}
        case list(items):
            return [written(child) for child in items]
        case None | bool() | int() | str():
            return node.value
        case _:
            return float(node.value)


def _comment(node: Node, lines: list[str]) -> str:
    line = node.origin.line
    assert line is not None
    found = _COMMENT.search(lines[line - 1])
    return found.group(1).strip() if found else ""
