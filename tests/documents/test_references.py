"""docs/strategy-api.md and docs/admin-api.md are as the docstrings and the admin API's own description are."""

from __future__ import annotations

import importlib
import re

import pytest

from docs.tools.references import CHAPTERS, ROOT, _split, openapi, pages

MAKE = "run: .venv/bin/python -m docs.tools.references"


@pytest.mark.parametrize("name", ["strategy-api.md", "admin-api.md"])
def test_a_page_is_as_the_code_is(name: str) -> None:
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == pages()[name], MAKE


def test_every_operation_is_there_and_says_what_it_does() -> None:
    text = pages()["admin-api.md"]
    for path, operations in openapi()["paths"].items():
        for method, operation in operations.items():
            assert f"### {method.upper()} {path}\n" in text
            assert operation.get("description"), f"{method} {path}: its handler needs a docstring"


def test_every_line_that_imports_a_name_is_true() -> None:
    found = re.findall(r"^`from (\S+) import (\w+)`$", pages()["strategy-api.md"], re.MULTILINE)
    assert len(found) >= sum(map(len, CHAPTERS.values())) - 1
    for module, name in found:
        assert hasattr(importlib.import_module(module), name)


def test_a_docstring_is_taken_apart() -> None:
    text, terms = _split("One.\n\n    x = 1\n\nTwo.\n\na, b  first\n      and more\nlong_name  second")
    assert text == "One.\n\n```python\nx = 1\n\n```\nTwo."
    assert terms == {"a, b": "first and more", "long_name": "second"}
