"""Writes docs/strategy-api.md from the docstrings and docs/admin-api.md from the admin API's own description.

.venv/bin/python -m docs.tools.references
"""

from __future__ import annotations

import inspect
import re
import sys
import threading
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, ForwardRef, cast

import msgspec
from litestar import Litestar

from adapters.web.guard import Guard
from adapters.web.server import application
from domain.bars import Bar
from domain.exits.values import ExitLevels
from domain.indicators.declaration import Indicator, indicator
from domain.messages.gtt import GttLeg
from domain.messages.market import PriceChanged
from domain.strategy.asks import CancelDraft, GttDraft, ModifyDraft, ModifyGttDraft, OwnGtt
from domain.strategy.chain import Chain
from domain.strategy.event import EventStrategy, Fill, IntentDraft, Needs, OwnOrder, View
from domain.strategy.holding import Held
from domain.strategy.rule import Book, RuleStrategy, SessionNow, Targets
from domain.values import Instrument, OrderKind, Product, Side, Validity, Variety

ROOT: Final = Path(__file__).resolve().parents[2]
CHAPTERS: Final[Mapping[str, tuple[Any, ...]]] = {
    "A rule": (RuleStrategy, Targets, Book, SessionNow),
    "Indicators": (indicator, Indicator),
    "An event strategy": (EventStrategy, Needs, View),
    "What it returns": (IntentDraft, ExitLevels, ModifyDraft, CancelDraft, GttDraft, GttLeg, ModifyGttDraft),
    "What it is told": (Bar, PriceChanged, Fill, Held, OwnOrder, OwnGtt, Chain, Instrument),
    "Words": (Side, Product, OrderKind, Validity, Variety),
}
STRATEGY_HEAD: Final = """# Strategy API

Written by `python -m docs.tools.references` from the docstrings; a test holds the two together. How a strategy is made
is in [strategies.md](strategies.md); this page has every name that one may use. Prices of type `E4` are integers of
1/10,000 rupee, times of type `Nanos` nanoseconds UTC; both are plain integers.
"""
ADMIN_HEAD: Final = """# Admin API

Written by `python -m docs.tools.references` from the API's own OpenAPI description, which a running dashboard serves at
`/openapi/openapi.json` (and as a page at `/schema`); a test holds the two together. A call is shown in
[dashboard.md](dashboard.md#from-a-program). Every call carries `Authorization: Bearer` with the token of
`<data_dir>/<environment>/admin.token`; without it, all of them answer 401. Bodies and answers are JSON; an error is
`{"error": "…"}`.

"""
EXACT: Final = 1 << 53
"""Above it JSON's numbers are not what they say, and no bound of ours is meant for a person."""
COMMON: Final = {
    "token": "the instrument's number at the broker",
    "reference_price": "what the decision was made at",
    "reason": "a word for the log and the reports",
    "event": "as of IntentDraft",
    "event_time": "the exchange's time",
    "received_time": "our time",
    "time": "market time",
    "intent_id": "the decision's own name",
    "tag": "the order's at the broker",
    "side": "what it does",
    "kind": "MARKET unless said",
    "last_price": "of the newest trade",
    "entry": "average price of what is held",
}
"""Fields that mean the same wherever they stand and are not explained again in each docstring."""
TERM: Final = re.compile(r"^(\w+(?:(?:, |\.\.)\w+)*) {2,}(\S.*)$")


def main() -> int:
    """Write both pages; the exit status."""
    for name, text in pages().items():
        (ROOT / "docs" / name).write_text(text, encoding="utf-8")
        sys.stdout.write(f"docs/{name}\n")
    return 0


def pages() -> dict[str, str]:
    """The text of each page, by its name in docs."""
    return {"strategy-api.md": strategy_page(), "admin-api.md": admin_page(openapi())}


def strategy_page() -> str:
    """Every name of CHAPTERS, in that order."""
    parts = [STRATEGY_HEAD]
    for title, names in CHAPTERS.items():
        parts.append(f"## {title}\n")
        for each in names:
            parts.extend(_described(each))
    text = re.sub(r"\n+(?=##)", "\n\n", "\n".join(parts))
    return text.rstrip() + "\n"


def _described(thing: Any) -> Iterator[str]:  # noqa: ANN401 - classes and functions of any kind
    text, terms = _split(inspect.getdoc(thing) or "")
    if inspect.isfunction(thing):
        yield f"### {thing.__name__}\n\n```python\n{thing.__name__}{_signature(thing)}\n```\n\n{text}\n"
        return
    yield f"### {thing.__name__}\n\n`from {thing.__module__} import {thing.__name__}`\n\n{text}\n"
    if issubclass(thing, Enum):
        yield f"One of {', '.join(f'`{each.name}`' for each in thing)}.\n"
        return
    rows = list(_fields(thing, terms))
    if rows:
        yield "| Field | Type | Default | Meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    for name, method in vars(thing).items():
        function = method.fget if isinstance(method, property) else method
        if name.startswith("_") or not inspect.isfunction(function) or not function.__doc__:
            continue
        said, more = _split(inspect.getdoc(function) or "")
        listed = "".join(f"\n  - `{term}`: {meaning}" for term, meaning in more.items())
        call = f"`{name}`" if isinstance(method, property) else f"`{name}{_signature(function)}`"
        yield f"- {call}: {' '.join(said.split())}{listed}"


def _fields(thing: Any, terms: Mapping[str, str]) -> Iterator[str]:  # noqa: ANN401 - as above
    defaults: dict[str, object] = {}
    if issubclass(thing, msgspec.Struct):
        names = [each.name for each in msgspec.structs.fields(thing)]
        defaults = {each.name: each.default for each in msgspec.structs.fields(thing)}
        made = {each.name for each in msgspec.structs.fields(thing) if each.default_factory is not msgspec.NODEFAULT}
        defaults |= dict.fromkeys(made, "{}")
    else:
        names, defaults = list(getattr(thing, "_fields", ())), dict(getattr(thing, "_field_defaults", {}))
    explained = {name for term in terms for name in re.split(r", |\.\.", term)}
    for name in (*names, *(name for name in thing.__annotations__ if name in explained and name not in names)):
        kind = _plain(thing.__annotations__.get(name, ""))
        default = defaults.get(name, msgspec.NODEFAULT)
        shown = "" if default is msgspec.NODEFAULT else f"`{_value(default)}`"
        meaning = next(
            (text for term, text in terms.items() if name in re.split(r", |\.\.", term)), COMMON.get(name, "")
        )
        yield f"| `{name}` | {f'`{kind}`' if kind else ''} | {shown} | {meaning.replace('|', chr(92) + '|')} |"


def _split(text: str) -> tuple[str, dict[str, str]]:
    """A docstring as Markdown, and the terms that it lists with two blanks behind each."""
    terms: dict[str, str] = {}
    lines: list[str] = []
    code = False
    for line in text.splitlines():
        found = TERM.match(line)
        if found:
            terms[found[1]] = found[2]
        elif terms and line.startswith("  ") and not code:
            last = next(reversed(terms))
            terms[last] += " " + line.strip()
        else:
            if line.startswith("    ") != code and line.strip():
                lines.append("```" if code else "```python")
                code = not code
            lines.append(line.removeprefix("    ") if code else line)
    if code:
        lines.append("```")
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip(), terms


def _signature(function: Any) -> str:  # noqa: ANN401 - as above
    found = inspect.signature(function)
    shown: list[str] = []
    for each in found.parameters.values():
        if each.name == "self":
            continue
        if each.kind is each.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        stars = "**" if each.kind is each.VAR_KEYWORD else ""
        default = "" if each.default is each.empty else f" = {_value(each.default)}"
        shown.append(f"{stars}{each.name}: {_plain(each.annotation)}{default}")
    return f"({', '.join(shown)}) -> {_plain(found.return_annotation)}"


def _plain(annotation: object) -> str:
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))
    return re.sub(r"ClassVar\[(.*)\]$", r"\1", text).replace("|", "or")


def _value(value: object) -> str:
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case msgspec.Struct():
            return f"{type(value).__name__}()"
        case str() if value != "{}":
            return f'"{value}"'
        case _:
            return str(value)


def openapi() -> dict[str, Any]:
    """The admin API's own description; nothing is served."""
    nothing: Any = SimpleNamespace()
    guard = cast("Guard", application(nothing, nothing, (), lambda _: None, threading.Event()))
    app = next(each for each in vars(guard).values() if isinstance(each, Litestar))
    schema: dict[str, Any] = app.openapi_schema.to_schema()
    return schema


def admin_page(schema: Mapping[str, Any]) -> str:
    """One section for each operation: readings first, then commands."""
    parts = [ADMIN_HEAD]
    for title, wanted in (("Readings", "get"), ("Commands", "post")):
        parts.append(f"## {title}\n\n")
        for path, operations in sorted(schema["paths"].items()):
            if wanted in operations:
                parts.append(_operation(wanted, path, operations[wanted], schema))
    others = {method for operations in schema["paths"].values() for method in operations} - {"get", "post"}
    assert not others, f"a chapter for {others} is missing"
    return "".join(parts).rstrip() + "\n"


def _operation(method: str, path: str, operation: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    text = " ".join((operation.get("description") or operation.get("summary") or "").split())
    rows = [(each["name"], each["in"], each.get("schema", {}), each.get("required", False)) for each in operation.get("parameters", ())]  # fmt: skip  # noqa: E501 - a row of a table
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    found = _resolved(body, schema)
    rows += [(name, "body", of, name in found.get("required", ())) for name, of in found.get("properties", {}).items()]
    lines = "".join(
        f"| `{name}` | {where} | {_kind(of, schema)} | {'must be given' if must else _default(of)} |\n"
        for name, where, of, must in rows
    )
    table = f"\n| Name | In | Type | Default |\n|---|---|---|---|\n{lines}" if lines else ""
    return f"### {method.upper()} {path}\n\n{text}\n{table}\n"


def _resolved(of: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(of.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = schema.get("components", {}).get("schemas", {}).get(name, of)
    return found


def _kind(of: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    of = _resolved(of, schema)
    if "oneOf" in of or "anyOf" in of:
        return " or ".join(_kind(each, schema) for each in of.get("oneOf") or of["anyOf"])
    if "enum" in of:
        return ", ".join(f"`{each}`" for each in of["enum"])
    bounds = [
        f"{word} {int(of[key])}"
        for key, word in (("minimum", "from"), ("maximum", "to"), ("maxLength", "at most"))
        if key in of and of[key] < EXACT
    ]
    return " ".join([str(of.get("type", "object")), *bounds])


def _default(of: Mapping[str, Any]) -> str:
    return f"`{of['default']!r}`" if "default" in of else ""


if __name__ == "__main__":
    sys.exit(main())
