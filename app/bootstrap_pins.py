"""What a compiled requirements file asks for, and what an environment has. Standard library only.

Read straight from file and folder names, since this runs at every start: a few milliseconds, where asking the
packaging tools would take a second.
"""

import ast
import operator
import os
import platform
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

PIN = re.compile(
    r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)\s*(?:;(?P<marker>[^\\]*))?"
)

_COMPARE: Mapping[type[ast.cmpop], Callable[[object, object], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,  # type: ignore[dict-item]  # both sides are str, or both tuples of int
    ast.LtE: operator.le,  # type: ignore[dict-item]  # as above
    ast.Gt: operator.gt,  # type: ignore[dict-item]  # as above
    ast.GtE: operator.ge,  # type: ignore[dict-item]  # as above
    ast.In: lambda one, other: str(one) in str(other),
    ast.NotIn: lambda one, other: str(one) not in str(other),
}


def read(path: Path) -> dict[str, str]:
    """Normalised name → exact version, for every pin of the file that applies to this interpreter and system.

    A marker that cannot be understood counts as applying: at worst a good environment is made again.
    Raises OSError when the file cannot be read.
    """
    wanted: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        match = PIN.match(line)
        if match and (match["marker"] is None or applies(match["marker"].strip())):
            wanted[normalise(match["name"])] = match["version"]
    return wanted


def installed(prefix: Path) -> dict[str, str]:
    """Normalised name → version of every distribution in the environment's own site-packages; empty if it has none."""
    major_minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = prefix / "Lib" / "site-packages" if os.name == "nt" else prefix / "lib" / major_minor / "site-packages"
    found: dict[str, str] = {}
    try:
        entries = [path.name for path in site.iterdir()]
    except OSError:
        return found
    for entry in entries:
        if entry.endswith(".dist-info"):
            name, _, version = entry.removesuffix(".dist-info").partition("-")
            found[normalise(name)] = version
    return found


def satisfied(wanted: Mapping[str, str], have: Mapping[str, str]) -> bool:
    """Whether every pin is installed at exactly its version. An empty list of pins is no list: never satisfied."""
    return bool(wanted) and all(have.get(name) == version for name, version in wanted.items())


def normalise(name: str) -> str:
    """The one spelling of a distribution's name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def applies(marker: str) -> bool:
    """Evaluate an environment marker (PEP 508) here. What is not understood counts as true."""
    try:
        return _truth(ast.parse(marker, mode="eval").body)
    except (SyntaxError, KeyError, TypeError, ValueError):
        return True


def _truth(node: ast.expr) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = (_truth(part) for part in node.values)
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        left, right = _text(node.left), _text(node.comparators[0])
        compare = _COMPARE[type(node.ops[0])]
        if _names_a_version(node.left) or _names_a_version(node.comparators[0]):
            return compare(_version(left), _version(right))
        return compare(left, right)
    raise ValueError(ast.dump(node))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.Name):
        return _environment()[node.id]
    raise ValueError(ast.dump(node))


def _names_a_version(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in {"python_version", "python_full_version", "implementation_version"}


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _environment() -> dict[str, str]:
    return {
        "os_name": os.name,
        "sys_platform": sys.platform,
        "platform_machine": platform.machine(),
        "platform_python_implementation": platform.python_implementation(),
        "platform_system": platform.system(),
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "python_full_version": ".".join(str(part) for part in sys.version_info[:3]),
        "implementation_name": sys.implementation.name,
    }
