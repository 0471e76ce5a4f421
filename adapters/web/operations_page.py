"""The API as a page to read, from its own OpenAPI document: no script, nothing from elsewhere."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping
from typing import Any

_HEAD = """<!doctype html><html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Patang: the admin API</title>
<link rel="stylesheet" href="/static/dashboard.css"></head><body class="reading"><main>
<h1>The admin API</h1><p>JSON over HTTP on this machine. Every call carries <code>Authorization: Bearer</code> with the
token of <code>admin.token</code>. The whole description is <a href="/openapi/openapi.json">openapi.json</a>.</p>"""


def operations_page(schema: Mapping[str, Any]) -> str:
    """One section for each operation: method, path, what it says, its parameters and its body's fields."""
    return _HEAD + "".join(_sections(schema)) + "</main></body></html>"


def _sections(schema: Mapping[str, Any]) -> Iterator[str]:
    for path, operations in sorted(schema["paths"].items()):
        for method, each in operations.items():
            text = html.escape(each.get("description") or each.get("summary") or "")
            yield f"<section class='card'><h2><code>{method.upper()} {html.escape(path)}</code></h2><p>{text}</p>"
            rows = [*_parameters(each), *_fields(each, schema)]
            if rows:
                yield "<table><thead><tr><th>Name</th><th>In</th><th>Type</th><th>Default</th></tr></thead><tbody>"
                yield "".join(rows)
                yield "</tbody></table>"
            yield "</section>"


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    for each in operation.get("parameters", ()):
        yield _row(each["name"], each["in"], each.get("schema", {}))


def _fields(operation: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[str]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = str(content.get("$ref", "")).rpartition("/")[2]
    body = schema.get("components", {}).get("schemas", {}).get(name, {})
    for field, of in body.get("properties", {}).items():
        yield _row(field, "body", of)


def _row(name: str, where: str, of: Mapping[str, Any]) -> str:
    default = "" if "default" not in of else f"<code>{html.escape(repr(of['default']))}</code>"
    kind = html.escape(str(of.get("type", "")))
    return f"<tr><td><code>{html.escape(name)}</code></td><td>{where}</td><td>{kind}</td><td>{default}</td></tr>"
