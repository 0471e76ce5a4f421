"""Read one configuration text into a tree that knows its lines.

YAML by libyaml, with the scalars of YAML 1.2's core schema in place of 1.1's: `15:15` is a text and not 915, `yes`,
`no`, `on` and `off` are texts and so are dates and `010`; only `true`, `false`, `null`, decimal integers and decimal
numbers are special. Duplicate keys, unknown tags and more than one document are refused. JSON is read by the same
parser (after the strict one has accepted it), so that its errors have lines and its duplicate keys are seen.
"""

import json
import re
from decimal import Decimal
from pathlib import Path

import yaml

from config.errors import ConfigError
from config.tree import Node, Origin

_NULL, _BOOL, _INT, _FLOAT, _STR = (f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str"))
_DIGITS_MAX = 30


class _Loader(yaml.CSafeLoader):
    """Resolves plain scalars by the rules above and nothing else."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 — PyYAML's own protocol


_Loader.add_implicit_resolver(_NULL, re.compile(r"^(null|~|)$"), ["n", "~", ""])
_Loader.add_implicit_resolver(_BOOL, re.compile(r"^(true|false)$"), ["t", "f"])
_Loader.add_implicit_resolver(_INT, re.compile(r"^[-+]?(0|[1-9](_?[0-9])*)$"), list("-+0123456789"))
_Loader.add_implicit_resolver(
    _FLOAT, re.compile(r"^[-+]?(0|[1-9](_?[0-9])*)(\.[0-9]+)?([eE][-+]?[0-9]{1,2})?$"), list("-+0123456789")
)


def read(path: Path, shown: str, layer: str) -> Node:
    """The tree of a file; an empty file is an empty mapping. `shown` is its name in messages. Raises ConfigError."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        msg = f"{shown}: cannot be read: {error.strerror}; allowed: a readable YAML or JSON file"
        raise ConfigError(msg) from None
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        msg = f"{shown}:{line}: found bytes that are not UTF-8; allowed: a YAML or JSON file in UTF-8"
        raise ConfigError(msg) from None
    if path.suffix == ".json":
        _require_json(text, shown)
    node = parse(text, Origin(layer, shown))
    if node.value is None:
        return Node({}, node.origin)
    if not isinstance(node.value, dict):
        msg = f"{node.origin.where()}: found {found(node)}; allowed: a mapping of settings"
        raise ConfigError(msg)
    if path.suffix == ".json":  # which names an editor's schema so, for want of comments
        return Node({key: child for key, child in node.value.items() if key != "$schema"}, node.origin)
    return node


def parse(text: str, origin: Origin, path: str = "") -> Node:
    """The tree of a text that stands at `path`. Lines are counted but for --set. Raises ConfigError."""
    try:
        document = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else None
        what = " ".join(part for part in (error.context, error.problem) if part)
        where = Origin(origin.layer, origin.source, line if origin.layer != "--set" else None).where()
        named = f"{where}: {path}" if path else where
        msg = f"{named}: cannot be read: {what}; allowed: one well-formed YAML or JSON document"
        raise ConfigError(msg) from None
    except yaml.YAMLError as error:
        msg = f"{origin.source}: cannot be read: {' '.join(str(error).split())}; allowed: one well-formed document"
        raise ConfigError(msg) from None
    return Node(None, origin) if document is None else _build(document, origin, path)


def _require_json(text: str, shown: str) -> None:
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        msg = f"{shown}:{error.lineno}: cannot be read: {error.msg}; allowed: one well-formed JSON document"
        raise ConfigError(msg) from None


def _build(node: yaml.Node, base: Origin, path: str) -> Node:
    line = None if base.layer == "--set" else node.start_mark.line + 1
    origin = Origin(base.layer, base.source, line)
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        return Node(_mapping(node, base, path), origin)
    if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
        return Node([_build(item, base, path) for item in node.value], origin)
    if isinstance(node, yaml.ScalarNode):
        match node.tag:
            case "tag:yaml.org,2002:str":
                return Node(node.value, origin)
            case "tag:yaml.org,2002:null":
                return Node(None, origin)
            case "tag:yaml.org,2002:bool" if node.value in {"true", "false"}:
                return Node(node.value == "true", origin)
            case "tag:yaml.org,2002:int" if len(node.value) <= _DIGITS_MAX and _is(_INT, node.value):
                return Node(int(node.value), origin)
            case "tag:yaml.org,2002:float" if len(node.value) <= _DIGITS_MAX and _is(_FLOAT, node.value):
                return Node(Decimal(node.value), origin)
    msg = (
        f"{origin.where()}: {path or 'document'}: found {str(node.value)[:40]!r} tagged {node.tag}; "
        "allowed: plain texts, numbers, true, false, null, lists and mappings"
    )
    raise ConfigError(msg)


def _is(tag: str, text: str) -> bool:
    return any(
        known == tag and pattern.match(text) for known, pattern in _Loader.yaml_implicit_resolvers.get(text[:1], ())
    )


def _mapping(node: yaml.MappingNode, base: Origin, path: str) -> "dict[str, Node]":
    built: dict[str, Node] = {}
    for key_node, value_node in node.value:
        key = _build(key_node, base, path)
        if not isinstance(key.value, str):
            where = f"{key.origin.where()}: {path or 'document'}"
            msg = f"{where}: found the key {found(key)}; allowed: keys that are words"
            raise ConfigError(msg)
        here = f"{path}.{key.value}" if path else key.value
        if key.value in built:
            first = built[key.value].origin
            again = f"a duplicate key, first seen in line {first.line}"
            msg = f"{key.origin.where()}: {here}: found {again}; allowed: each key once"
            raise ConfigError(msg)
        child = _build(value_node, base, here)
        # A value's line is its key's: that is where one looks for it, also when a mapping begins on the next line.
        built[key.value] = Node(child.value, key.origin)
    return built


def found(node: Node) -> str:
    """A value as messages name it: what it is, with its kind where that could be mistaken."""
    match node.value:
        case None:
            return "null"
        case bool(value):
            return "true" if value else "false"
        case int() | Decimal():
            return str(node.value)
        case str(text):
            return f"the text {text[:60]!r}"
        case list(items):
            return f"a list of {len(items)}"
        case dict():
            return "a mapping"
