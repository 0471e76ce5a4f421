"""docs/performance.md from the figures of one run, and from what is written by hand about them in benchmarks/notes.md.

notes.md has a heading for each measurement, and below it one for each figure that falls short: why, what was tried,
what the least is. The page says so where a figure falls short and nothing is written about it.
`python -m benchmarks._page FIGURES.json …` writes the page again from what `bench --json` printed.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from benchmarks._figures import Figure, Row
from benchmarks._run import Document

PAGE: Final = Path("docs") / "performance.md"
NOTES: Final = Path("benchmarks") / "notes.md"
NOTHING_WRITTEN: Final = "Falls short, and nothing is written about it yet (`benchmarks/notes.md`)."
BUSY: Final = 0.5
"""Load for each core above which the machine was shared, and the figures are to be taken again."""


class Note(Struct, frozen=True):
    """What is written by hand about one measurement: before the table, and about figures by name."""

    intro: str
    figures: Mapping[str, str]


def write(document: Document, root: Path) -> None:
    """Replace the page."""
    # Links of the notes lead from their own folder.
    text = (
        (root / NOTES)
        .read_text(encoding="utf-8")
        .replace("](../docs/", "](")
        .replace("](counts", "](../benchmarks/counts")
    )
    notes = read_notes(text)
    (root / PAGE).write_text(page(document, notes), encoding="utf-8")


def merged(documents: Sequence[Document]) -> Document:
    """Figures of several runs as one: of a measurement that is in more than one, the newest. At least one document."""
    newest = {row.benchmark: document for document in documents for row in document.figures}
    figures = (row for name in sorted(newest) for row in newest[name].figures if row.benchmark == name)
    busiest = max((document.machine for document in documents), key=lambda each: each.load)
    last = documents[-1]
    return replace(last, machine=busiest, figures=tuple(figures))


def main(files: Sequence[str]) -> None:
    """Write the page from documents that `bench --json` printed, oldest first."""
    read = [msgspec.json.decode(Path(each).read_bytes(), type=Document) for each in files]
    write(merged(read), Path(__file__).resolve().parent.parent)


def read_notes(text: str) -> dict[str, Note]:
    """By measurement: `## name`, its words, and `### figure` with its own. What stands before the first is left out."""
    notes: dict[str, Note] = {}
    for part in _parts(text, "## "):
        name, _, rest = part.partition("\n")
        intro, *figures = rest.split("\n### ")
        pairs = (each.partition("\n") for each in figures)
        notes[name.strip()] = Note(intro.strip(), {figure.strip(): words.strip() for figure, _, words in pairs})
    return notes


def page(document: Document, notes: Mapping[str, Note]) -> str:
    """The whole page."""
    judged = [row for row in document.figures if row.figure.met is not None]
    short = [row for row in judged if not row.figure.met]
    lines = [
        "# Performance",
        "",
        (
            "Written by `python run.py bench all --write`; the words between the tables are from "
            "`benchmarks/notes.md`. Every measurement runs in a process of its own. Ours, its peer and its floor take "
            "turns in it, and medians are compared: a ratio says more than the figures that it is made of."
        ),
        "",
        *_of_machine(document),
        "",
        f"Of {len(judged)} figures with a goal {len(judged) - len(short)} meet it"
        + (": those that do not stand first." if short else "."),
        "",
        *_shortfalls(short),
        *(line for name in _names(document) for line in _section(name, document, notes.get(name, Note("", {})))),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _of_machine(document: Document) -> list[str]:
    here = document.machine
    versions = ", ".join(f"{name} {version}" for name, version in here.versions.items())
    lines = [
        (
            f"Taken {document.when.replace('T', ' ').replace('+00:00', ' UTC')} on {here.cores} cores of {here.cpu}, "
            f"{here.kernel}, {here.python}, disk {here.disk}, load {here.load:g} at the start; {versions}."
        )
    ]
    if here.load > BUSY * here.cores:
        lines += [
            "",
            (
                "**The machine was shared with other work: these figures are noise in part, and are to be taken again "
                "on an idle one.**"
            ),
        ]
    return lines


def _shortfalls(short: list[Row]) -> list[str]:
    if not short:
        return []
    head = ["| Measurement | Figure | Ours | Ratio | Goal |", "|---|---|---|---|---|"]
    body = [
        f"| [{row.benchmark}](#{row.benchmark}) | {row.name} | {_value(row.figure)} | {_number(row.figure.ratio)} "
        f"| {row.figure.goal} |"
        for row in short
    ]
    return [*head, *body, ""]


def _section(name: str, document: Document, note: Note) -> list[str]:
    rows = [row for row in document.figures if row.benchmark == name]
    lines = [f"## {name}", ""]
    if note.intro:
        lines += [note.intro, ""]
    lines += ["| Figure | Ours | Spread | Peer | Floor | Ratio | Goal | Met |", "|---|---|---|---|---|---|---|---|"]
    lines += [_line(row) for row in rows]
    lines.append("")
    short = [row.name for row in rows if row.figure.met is False]
    for figure in short:
        words = note.figures.get(figure, NOTHING_WRITTEN)
        lines += [f"**{figure}.** {words}", ""]
    return lines


def _line(row: Row) -> str:
    figure = row.figure
    spread = "" if figure.spread is None else f"{figure.spread.low:g}–{figure.spread.high:g}"
    met = "" if figure.met is None else "yes" if figure.met else "**no**"
    name = f"{row.name} ({figure.note})" if figure.note else row.name
    numbers = (_number(figure.peer), _number(figure.floor), _number(figure.ratio))
    return "| " + " | ".join((name, _value(figure), spread, *numbers, figure.goal, met)).replace("\n", " ") + " |"


def _value(figure: Figure) -> str:
    if isinstance(figure.ours, bool | str):
        return str(figure.ours).lower() if isinstance(figure.ours, bool) else figure.ours
    return f"{_number(figure.ours)} {figure.unit}".strip()


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:g}"


def _names(document: Document) -> list[str]:
    return list(dict.fromkeys(row.benchmark for row in document.figures))


def _parts(text: str, heading: str) -> list[str]:
    return ("\n" + text).split("\n" + heading)[1:]


if __name__ == "__main__":
    main(sys.argv[1:])
