"""Turn a tree into a Struct, key by key, so that the first wrong one is named with file, line and what is allowed."""

import difflib
import types
from collections.abc import Callable, Mapping
from datetime import date, time
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar, Union, cast, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from config.document import found
from config.errors import ConfigError
from config.tree import Node
from config.types import RupeeUnit, Secret
from domain.values import e4

T = TypeVar("T", bound=Struct)
SecretRule = Callable[[str, Node], str | None]
"""Given a secret's path and node: None when it may stand there, else what is allowed instead."""


class _Refused(Exception):
    """The value does not fit; what would is described from the type."""


class Converter:
    """Converts trees by the types of the schema. `secret_rule` says where secrets may be written."""

    def __init__(self, secret_rule: SecretRule) -> None:
        self._secret_rule = secret_rule

    def struct(self, node: Node, wanted: type[T], path: str) -> T:
        """The Struct `wanted` from a mapping. Raises ConfigError: an unknown, missing or wrong key."""
        if not isinstance(node.value, dict):
            raise _error(node, path, f"found {found(node)}", f"a mapping with the keys {_keys(wanted)}")
        fields = {field.name: field for field in msgspec.structs.fields(wanted)}
        values: dict[str, object] = {}
        for key, child in node.value.items():
            here = _join(path, key)
            if key not in fields:
                close = difflib.get_close_matches(key, fields, n=1, cutoff=0.6)
                hint = f" (did you mean {close[0]!r}?)" if close else ""
                raise _error(child, here, f"found an unknown key{hint}", _keys(wanted))
            values[key] = self.value(child, fields[key].type, here)
        for name, field in fields.items():
            if name not in values and field.required:
                raise _error(node, _join(path, name), "found nothing", describe(field.type))
        try:
            return wanted(**values)
        except ValueError as error:  # a Struct's own rule about its fields together
            raise ConfigError(f"{node.origin.where()}: {path or 'document'}: {error}") from None

    def value(self, node: Node, wanted: object, path: str) -> object:
        """The value of any type that the schema uses. Raises ConfigError."""
        bare, metas = _bare(wanted)
        origin = get_origin(bare)
        if origin in {Union, types.UnionType}:
            return self._union(node, bare, path)
        if isinstance(bare, type) and issubclass(bare, Struct):
            return self.struct(node, bare, path)
        if origin is dict:
            return self._mapping(node, bare, path)
        if origin is tuple:
            return self._sequence(node, bare, metas, path)
        if bare is Secret:
            return self._secret(node, path)
        try:
            return _leaf(node.value, bare, wanted, metas)
        except (_Refused, msgspec.ValidationError):
            raise _error(node, path, f"found {found(node)}", describe(wanted)) from None

    def _union(self, node: Node, wanted: object, path: str) -> object:
        options = get_args(wanted)
        if node.value is None and type(None) in options:
            return None
        rest = [option for option in options if option is not type(None)]
        if len(rest) == 1:
            return self._one_of(node, rest[0], path, wanted)
        for option in rest:
            try:
                return self.value(node, option, path)
            except ConfigError:
                continue
        raise _error(node, path, f"found {found(node)}", describe(wanted))

    def _one_of(self, node: Node, option: object, path: str, whole: object) -> object:
        bare, metas = _bare(option)
        if get_origin(bare) or bare is Secret or (isinstance(bare, type) and issubclass(bare, Struct)):
            return self.value(node, option, path)
        try:
            return _leaf(node.value, bare, option, metas)
        except (_Refused, msgspec.ValidationError):
            raise _error(node, path, f"found {found(node)}", describe(whole)) from None

    def _mapping(self, node: Node, wanted: object, path: str) -> object:
        key_type, value_type = get_args(wanted)
        if not isinstance(node.value, dict):
            raise _error(node, path, f"found {found(node)}", describe(wanted))
        bare, _ = _bare(value_type)
        removable = isinstance(bare, type) and issubclass(bare, Struct)
        values: dict[str, object] = {}
        for key, child in node.value.items():
            here = _join(path, key)
            try:
                msgspec.convert(key, key_type)
            except msgspec.ValidationError:
                raise _error(child, here, f"found the name {key!r}", describe(key_type)) from None
            if child.value is None and removable:  # null takes an entry of a lower layer away
                continue
            values[key] = self.value(child, value_type, here)
        return values

    def _sequence(self, node: Node, wanted: object, metas: tuple[object, ...], path: str) -> object:
        item_type = get_args(wanted)[0]
        least = max((meta.min_length or 0 for meta in metas if isinstance(meta, Meta)), default=0)
        if not isinstance(node.value, list) or len(node.value) < least:
            at_least = f", {least} at least" if least else ""
            raise _error(node, path, f"found {found(node)}", describe(wanted) + at_least)
        return tuple(self.value(item, item_type, f"{path}[{index}]") for index, item in enumerate(node.value))

    def _secret(self, node: Node, path: str) -> Secret:
        instead = self._secret_rule(path, node)
        if instead is not None:
            raise _error(node, path, "found a secret", instead)
        if not isinstance(node.value, str) or not node.value:
            raise _error(node, path, "found a value (not shown) that is not a text", "a text in quotes")
        return Secret(node.value)


def _leaf(value: object, bare: object, wanted: object, metas: tuple[object, ...]) -> object:
    if RupeeUnit in metas:
        return msgspec.convert(_rupees(value), wanted)
    if bare is time:
        return _time(value)
    if bare is date:
        if not isinstance(value, str):
            raise _Refused
        return msgspec.convert(value, date)
    if isinstance(value, Decimal):
        value = float(value)
    if bare is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    # msgspec's stubs accept any annotation here but say `type`
    return msgspec.convert(value, cast("type[object]", wanted))


def _rupees(value: object) -> int:
    """Exactly 1/10,000 rupee, or refused: never through a float."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise _Refused
    try:
        return e4(value)
    except (ValueError, ArithmeticError):
        raise _Refused from None


def _time(value: object) -> time:
    parts = value.split(":") if isinstance(value, str) else []
    if len(parts) not in {2, 3} or not all(len(part) == 2 and part.isascii() and part.isdigit() for part in parts):
        raise _Refused
    try:
        hour, minute, second = (int(part) for part in [*parts, "00"][:3])
        return time(hour, minute, second)
    except ValueError:
        raise _Refused from None


def describe(wanted: object) -> str:
    """What a type allows, in words."""
    bare, metas = _bare(wanted)
    limits = [meta for meta in metas if isinstance(meta, Meta)]
    for meta in limits:
        if meta.description:
            return meta.description
    origin = get_origin(bare)
    if RupeeUnit in metas:
        return "rupees, whole or with up to 4 decimals" + _bounds(limits)
    if origin in {Union, types.UnionType}:
        return " or ".join(dict.fromkeys(describe(option) for option in get_args(bare)))
    if origin is Literal:
        return ("one of " if len(get_args(bare)) > 1 else "") + ", ".join(str(option) for option in get_args(bare))
    if origin is tuple:
        return f"a list, each item {describe(get_args(bare)[0])}"
    if origin is dict:
        return f"a mapping from names to {describe(get_args(bare)[1])}"
    if isinstance(bare, type) and issubclass(bare, Struct):
        return f"a mapping with the keys {_keys(bare)}"
    return _WORDS.get(cast("type", bare), str(bare)) + _bounds(limits)


_WORDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    time: "a time of day HH:MM",
    date: "a date YYYY-MM-DD",
    Secret: "a text",
    type(None): "null",
}


def _bounds(limits: list[Meta]) -> str:
    parts: list[str] = []
    for meta in limits:
        for sign, bound in (("≥", meta.ge), (">", meta.gt), ("≤", meta.le), ("<", meta.lt)):
            if bound is not None:
                parts.append(f"{sign} {bound:g}")
    return " " + " and ".join(parts) if parts else ""


def _bare(wanted: object) -> tuple[Any, tuple[object, ...]]:
    """The type without its annotations, and the annotations. Types are values here, hence Any."""
    if get_origin(wanted) is Annotated:
        bare, *metas = get_args(wanted)
        return bare, tuple(metas)
    return wanted, ()


def _keys(wanted: object) -> str:
    return ", ".join(field.name for field in msgspec.structs.fields(cast("type[Struct]", wanted)))


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _error(node: Node, path: str, what: str, allowed: str) -> ConfigError:
    return ConfigError(f"{node.origin.where()}: {path or 'document'}: {what}; allowed: {allowed}")
