"""Writes the list of all keys into docs/configuration.md, and config/schema.json for editors; both from the code.

.venv/bin/python -m docs.tools.configuration
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from msgspec import NODEFAULT

from config.json_schema import json_schema
from config.reference import Key, is_secret, keys

ROOT: Final = Path(__file__).resolve().parents[2]
BASE: Final = ROOT / "config" / "base.yaml"
PAGE: Final = ROOT / "docs" / "configuration.md"
SCHEMA: Final = ROOT / "config" / "schema.json"
BEGINS: Final = "<!-- From here on written by `python -m docs.tools.configuration`; a test holds it to the code. -->\n"

HEAD: Final = """
## Every key

**Default** is what `config/base.yaml` says; the overlays of the environments change a few (`check --explain KEY`).
**(secret)**: never in a file of a real account. `<ID>` and `<NAME>` are names that you choose.
**Change**: whether a change in the file takes effect *live*, in the *next session*, or at a *restart*.

"""


def main() -> int:
    """Write both; exit status 1 where a key has no meaning."""
    every = keys(BASE)
    missing = [key.path for key in every if not key.meaning]
    if missing:
        sys.stdout.write(f"no meaning in config/base.yaml, or in the Struct's docstring, for: {', '.join(missing)}\n")
        return 1
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), every), encoding="utf-8")
    SCHEMA.write_text(schema(every), encoding="utf-8")
    return 0


def page(text: str, every: Sequence[Key]) -> str:
    """The page with its written part as it is, and the list of keys after it."""
    by_hand = text.partition(BEGINS)[0].rstrip()
    parts = [by_hand, "\n\n", BEGINS, HEAD]
    for section, rows in groupby(every, key=lambda key: key.section):
        found = list(rows)
        if not found[0].group:
            parts.append("" if parts[-1].startswith("|") else f"### Folders\n\n{_HEADS}")
            parts.append(_row(found[0]))
            continue
        lead = "\n" if parts[-1].startswith("|") else ""
        parts.append(f"{lead}### `{section}`\n\n{_capital(found[0].meaning)}.\n\n{_HEADS}")
        parts.extend(_row(key) for key in found[1:])
    return "".join(parts).rstrip() + "\n"


def schema(every: Sequence[Key]) -> str:
    """The text of config/schema.json."""
    return json.dumps(json_schema(every), indent=2, ensure_ascii=False) + "\n"


_HEADS: Final = "| Key | Default | Unit | Meaning | Allowed | Change |\n|---|---|---|---|---|---|\n"


def _row(key: Key) -> str:
    meaning = key.meaning + (" (secret)" if is_secret(key) else "")
    if key.group:
        return _line(f"`{key.path}`", "", "", f"*{meaning}*", "", "")
    default = "must be given" if key.default is NODEFAULT else f"`{_written(key.default)}`"
    return _line(f"`{key.path}`", default, key.unit, meaning, key.allowed, key.mark)


def _line(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _written(value: object) -> str:
    match value:
        case str():
            return value or '""'
        case list():
            return f"[{', '.join(_written(item) for item in value)}]"
        case dict():
            return "{" + ", ".join(f"{name}: {_written(item)}" for name, item in value.items()) + "}"
        case _:
            return json.dumps(value)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")


if __name__ == "__main__":
    sys.exit(main())
