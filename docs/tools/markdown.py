"""What a Markdown page holds, as far as links, anchors and marked commands go. Not a parser of all of Markdown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from msgspec import Struct

ROOT: Final = Path(__file__).resolve().parents[2]
LEFT_OUT: Final = frozenset(
    {".git", ".venv", ".cache", "node_modules", "data", "reports", ".hypothesis", ".pytest_cache"}
)
LINK: Final = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)")
IMAGE: Final = re.compile(r"<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"")
REFERENCE: Final = re.compile(r"^\[[^\]]+\]:\s+<?(\S+?)>?$", re.MULTILINE)
FENCE: Final = re.compile(r"^(?P<indent> *)(?P<fence>`{3,})(?P<info>[^\n`]*)\n(?P<body>.*?)^(?P=indent)(?P=fence) *$", re.MULTILINE | re.DOTALL)  # fmt: skip  # noqa: E501 - one expression reads better in one line
CODE: Final = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)


class Block(Struct, frozen=True):
    """A fenced block. line: of its fence, from 1. info: what stands after the fence, such as `console run`."""

    line: int
    info: str
    body: str


def pages(root: Path = ROOT) -> list[Path]:
    """Every page of ours, in the order of their names."""
    found = (path for path in root.rglob("*.md") if not LEFT_OUT.intersection(path.relative_to(root).parts[:-1]))
    return sorted(path for path in found if not any(part.startswith(".venv") for part in path.parts))


def blocks(text: str) -> list[Block]:
    """The fenced blocks of a page."""
    return [
        Block(text.count("\n", 0, found.start()) + 1, found["info"].strip(), found["body"])
        for found in FENCE.finditer(text)
    ]


def prose(text: str) -> str:
    """The page without its fenced blocks, line for line."""
    return FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)


def links(text: str) -> Iterator[tuple[int, str]]:
    """(line, target) of every link and image that is not inside code."""
    bare = CODE.sub(lambda found: " " * len(found[0]) if "\n" not in found[0] else found[0], prose(text))
    for pattern in (LINK, IMAGE, REFERENCE):
        for found in pattern.finditer(bare):
            yield bare.count("\n", 0, found.start()) + 1, found[1]


def anchors(text: str) -> set[str]:
    """What `#…` can name on a page: its headings, as the usual hosts of repositories make them, and explicit ids."""
    found, seen = set[str](), Counter[str]()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(text), re.MULTILINE):
        name = slug(heading)
        found.add(f"{name}-{seen[name]}" if seen[name] else name)
        seen[name] += 1
    return found | set(re.findall(r"<a (?:id|name)=\"([^\"]+)\"", text))


def slug(heading: str) -> str:
    """The anchor of a heading: lower case, without signs, blanks as hyphens."""
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "")
    return re.sub(r"[^\w\- ]", "", plain.strip().lower()).replace(" ", "-")


def broken(path: Path, root: Path = ROOT) -> Iterator[str]:
    """What is wrong with a page's links, a line each: page, line, target, what is missing."""
    for line, target in links(path.read_text(encoding="utf-8")):
        where = f"{path.relative_to(root)}:{line}: {target}"
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (path.parent / name).resolve() if name else path
        if not file.is_relative_to(root):
            yield f"{where}: is outside of the repository"
        elif not file.exists():
            yield f"{where}: no such file"
        elif anchor and (file.suffix != ".md" or anchor not in anchors(file.read_text(encoding="utf-8"))):
            yield f"{where}: no such heading"
