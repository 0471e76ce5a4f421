"""Every name that an alert can have, read from the code and from Prometheus' rules: what the runbook must explain."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import yaml

from actors import alerts, caretaker
from docs.tools.sources import ROOT, files, tree
from domain.messages.control import TradingState
from domain.risk import loss

FOLDERS: Final = ("actors", "domain", "adapters", "app")
RULES: Final = ROOT / "deploy" / "prometheus" / "alerts.yml"
SEEDS: Final = {"Alert": 1, "Note": 1, "alert": 0, "alarm": 0, "_alert": 0, "_alarm": 0}
"""Which argument holds the name, of what is called so; a function of the same file that hands one on says it itself."""
SPEAKS: Final = re.compile(r"[Aa]l(?:ert|arm)\(|Note\(")
COMPUTED: Final[dict[str, Callable[[], set[str]]]] = {
    "f'trading.{state.value.lower()}'": lambda: {f"trading.{state.value.lower()}" for state in TradingState},
    "f'risk.{reason.name.lower()}'": lambda: {f"risk.{reason.lower()}" for reason in _reasons()},
    "_NAMES[verdict]": lambda: set(caretaker._NAMES.values()),  # noqa: SLF001 - the names are its own
    "_JOBS[kind]": lambda: {name for _, name, _ in alerts._JOBS.values()},  # noqa: SLF001 - the names are its own
}
"""Names that are made at run time: the source of the expression, and what it can give."""


class NotFollowed(Exception):
    """An alert whose name this cannot find: give it a literal name, or a row in COMPUTED."""


def of_code() -> set[str]:
    """The names of the trader's own alerts. Raises NotFollowed."""
    found: set[str] = set()
    for folder in FOLDERS:
        for path in files(folder):
            if SPEAKS.search(path.read_text(encoding="utf-8")):
                found.update(_named(tree(path), path))
    return found


def of_rules() -> set[str]:
    """The names of Prometheus' alerts."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return {rule["alert"] for group in groups for rule in group["rules"]}


def _named(tree: ast.Module, path: Path) -> Iterator[str]:
    owners = {
        call: function
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for call in ast.walk(function)
        if isinstance(call, ast.Call)
    }
    where = dict(SEEDS)
    while (wider := where | dict(_handed_on(owners, where))) != where:
        where = wider
    for call, function in owners.items():
        name = _argument(call, where)
        if name is not None and _parameter(name, function) is None:
            yield from _words(name, function, path)


def _handed_on(owners: dict[ast.Call, ast.FunctionDef], where: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Functions that take an alert's name and say it for another: which of their arguments it is."""
    for call, function in owners.items():
        name = _argument(call, where)
        if name is not None and (at := _parameter(name, function)) is not None:
            yield function.name, at


def _parameter(name: ast.expr, function: ast.FunctionDef) -> int | None:
    parameters = [each.arg for each in function.args.args if each.arg != "self"]
    return parameters.index(name.id) if isinstance(name, ast.Name) and name.id in parameters else None


def _argument(call: ast.Call, where: dict[str, int]) -> ast.expr | None:
    called = call.func
    name = called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""
    if name not in where:
        return None
    keyword = next((each.value for each in call.keywords if each.arg == "name"), None)
    return keyword or (call.args[where[name]] if len(call.args) > where[name] else None)


def _words(name: ast.expr, function: ast.FunctionDef, path: Path) -> set[str]:
    match name:
        case ast.Constant(value=str() as text):
            return {text}
        case ast.IfExp(body=ast.Constant(value=str() as one), orelse=ast.Constant(value=str() as other)):
            return {one, other}
        case ast.Attribute(attr="name"):
            return set()  # an alert that is passed on
        case ast.Name(id=word):
            # `level, name, text = _JOBS[kind]`
            for each in ast.walk(function):
                targets = each.targets[0] if isinstance(each, ast.Assign) else None
                if isinstance(each, ast.Assign) and isinstance(targets, ast.Tuple):
                    names = [part.id for part in targets.elts if isinstance(part, ast.Name)]
                    if word in names and ast.unparse(each.value) in COMPUTED:
                        return COMPUTED[ast.unparse(each.value)]()
        case _ if ast.unparse(name) in COMPUTED:
            return COMPUTED[ast.unparse(name)]()
        case _:
            pass
    raise NotFollowed(f"{path.relative_to(ROOT)}:{name.lineno}: the name of an alert is {ast.unparse(name)}")


def _reasons() -> list[str]:
    text = Path(loss.__file__).read_text(encoding="utf-8")
    (body,) = re.findall(r"^def breach\(.*?(?=^def )", text, re.MULTILINE | re.DOTALL)
    return re.findall(r"DenyReason\.(\w+)", body)
