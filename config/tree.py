"""Configuration between file and Struct: a tree of values, each of which remembers where it was written."""

from collections.abc import Iterator
from decimal import Decimal

from msgspec import Struct

Scalar = None | bool | int | Decimal | str
"""What a plain value can be. Numbers with a point stay decimal, so that money is exact."""


class Origin(Struct, frozen=True):
    """Where a value was written.

    layer      base, overlay, file, environment, .env or --set
    source     the file as the user knows it, the variable's name, or --set
    line       1-based; None where there are no lines
    overrides  the origin of the value that this one replaced
    """

    layer: str
    source: str
    line: int | None = None
    overrides: "Origin | None" = None

    def where(self) -> str:
        """`file:line`, or the source alone."""
        return self.source if self.line is None else f"{self.source}:{self.line}"


class Node(Struct, frozen=True):
    """A value and its origin: a mapping, a sequence or a scalar."""

    value: "dict[str, Node] | list[Node] | Scalar"
    origin: Origin


def merge(under: Node, over: Node, path: tuple[str, ...] = ()) -> Node:
    """`over` on top of `under`: mappings key by key, everything else replaced.

    A strategy that a file gives a `kind` is a whole definition and replaces one of the same name; without `kind` it is
    a change to it. Otherwise the parameters of one kind would be left under another. (--set always changes one key.)
    """
    if isinstance(under.value, dict) and isinstance(over.value, dict) and not _defines_a_strategy(over, path):
        merged = dict(under.value)
        for key, node in over.value.items():
            merged[key] = merge(merged[key], node, (*path, key)) if key in merged else node
        return Node(merged, over.origin)
    return Node(over.value, Origin(over.origin.layer, over.origin.source, over.origin.line, under.origin))


def _defines_a_strategy(node: Node, path: tuple[str, ...]) -> bool:
    states_its_kind = isinstance(node.value, dict) and "kind" in node.value
    return len(path) == 2 and path[0] == "strategies" and states_its_kind and node.origin.layer != "--set"


def nested(path: tuple[str, ...], leaf: Node) -> Node:
    """A tree with `leaf` alone, at `path`."""
    node = leaf
    for key in reversed(path):
        node = Node({key: node}, leaf.origin)
    return node


def leaves(node: Node, path: str = "") -> Iterator[tuple[str, Node]]:
    """Every dotted key path with what stands there; a sequence counts as one value, and so does an empty mapping."""
    if isinstance(node.value, dict) and node.value:
        for key, child in node.value.items():
            yield from leaves(child, f"{path}.{key}" if path else key)
    else:
        yield path, node
