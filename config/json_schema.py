"""The schema as JSON Schema, for editors: what may stand in a YAML or JSON file of settings, key by key.

No key is required, since a file states only what it changes. An editor sees a file alone, so rules that tie several
keys together, and what a strategy's class asks of its parameters, are `run.py check`'s to know.
"""

import types
from collections.abc import Iterable
from datetime import date, time
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta, Struct

from config.reference import Key, struct_of
from config.render import Plain
from config.types import RupeeUnit, Secret

Document = dict[str, Any]

_MONEY: Final = r"^[0-9]+(\.[0-9]{1,4})?$"
_TIME: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9])?$"
_PLAIN: Final[dict[type, Document]] = {
    bool: {"type": "boolean"},
    int: {"type": "integer"},
    float: {"type": "number"},
    str: {"type": "string"},
    Secret: {"type": "string", "minLength": 1},
    time: {"type": "string", "pattern": _TIME},
    date: {"type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}$"},
    type(None): {"type": "null"},
}


def json_schema(keys: Iterable[Key]) -> Document:
    """The document, of draft 7, which editors' language servers know best."""
    by_path = {key.path: key for key in keys}
    top = [key for key in by_path.values() if "." not in key.path]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Patang's settings",
        "type": "object",
        "properties": {key.path: _described(key, by_path) for key in top},
        "additionalProperties": False,
    }


def _described(key: Key, by_path: dict[str, Key]) -> Document:
    found = _of_type(key.wanted, key.path, by_path)
    words = " ".join(
        part
        for part in (
            _sentence(key.meaning),
            f"({key.unit})" if key.unit else "",
            f"Change: {key.mark}." if key.mark else "",
        )
        if part
    )
    described: Document = {"description": words, **found}
    if not key.group and key.default is not NODEFAULT:
        described["default"] = key.default
    return described


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".") + "." if text else ""


def _of_type(wanted: object, path: str, by_path: dict[str, Key]) -> Document:
    bare, metas = (get_args(wanted)[0], get_args(wanted)[1:]) if get_origin(wanted) is Annotated else (wanted, ())
    origin = get_origin(bare)
    if origin in {Union, types.UnionType}:
        options = [_of_type(option, path, by_path) for option in get_args(bare)]
        return _joined(options)
    if origin is Literal:
        return {"enum": list(get_args(bare))}
    if origin is tuple:
        found: Document = {"type": "array", "items": _of_type(get_args(bare)[0], path, by_path)}
        least = next((meta.min_length for meta in metas if isinstance(meta, Meta) and meta.min_length), None)
        return found | ({"minItems": least} if least else {})
    if origin is dict:
        return _by_name(bare, path, by_path)
    if isinstance(bare, type) and issubclass(bare, Struct):
        return _of_struct(bare, path, by_path)
    found = dict(_PLAIN[cast("type", bare)])
    if RupeeUnit in metas:
        return {"anyOf": [{"type": "number", **_bounds(metas)}, {"type": "string", "pattern": _MONEY}]}
    return found | _bounds(metas)


def _of_struct(struct: type[Struct], path: str, by_path: dict[str, Key]) -> Document:
    properties = {
        field.name: _described(by_path[f"{path}.{field.name}"], by_path) for field in msgspec.structs.fields(struct)
    }
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _by_name(bare: object, path: str, by_path: dict[str, Key]) -> Document:
    """A mapping from names to values. A whole definition of a lower layer may be taken away by null."""
    name, value = get_args(bare)
    if struct_of(value) is None:
        below = _of_type(value, path, by_path)
    else:
        placed = next(each for each in by_path if each.startswith(f"{path}.<")).split(".")[: path.count(".") + 2]
        below = _joined([_of_type(value, ".".join(placed), by_path), {"type": "null"}])
    found: Document = {"type": "object", "additionalProperties": below}
    pattern = [meta.pattern for meta in get_args(name)[1:] if isinstance(meta, Meta) and meta.pattern]
    return found | ({"propertyNames": {"pattern": pattern[0]}} if pattern else {})


def _joined(options: list[Document]) -> Document:
    """One of several; plain types in one word."""
    if all(set(option) == {"type"} for option in options):
        return {"type": [option["type"] for option in options]}
    enums = [option["enum"] for option in options if set(option) == {"enum"}]
    if len(enums) == len(options):
        return {"enum": [value for enum in enums for value in enum]}
    return {"anyOf": options}


def _bounds(metas: Iterable[Any]) -> Document:
    names = {
        "ge": "minimum",
        "gt": "exclusiveMinimum",
        "le": "maximum",
        "lt": "exclusiveMaximum",
        "min_length": "minLength",
        "pattern": "pattern",
    }
    found: dict[str, Plain] = {}
    for meta in metas:
        if isinstance(meta, Meta):
            found |= {word: getattr(meta, each) for each, word in names.items() if getattr(meta, each) is not None}
    return found
