"""Figures are said in one way, and the page is made of them. How fast anything is, is not asked here."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks._figures import Figure, Goal, Row, Spread, fact, judged, percentile, quartiles, rows
from benchmarks._machine import machine
from benchmarks._page import NOTHING_WRITTEN, merged, page, read_notes
from benchmarks._run import Document, apart
from benchmarks._side_by_side import Measured, figure


def test_whatever_a_measurement_returns_becomes_a_row() -> None:
    found = {
        "a": judged(3.0, "ms", Goal(at_most=2)),
        "b": True,
        "c": 17,
        "d": "words",
        "e": {"ours": 4.0, "goal": "≥ 3"},
    }

    said = {row.name: row.figure for row in rows("name", found)}

    assert said["a"] == Figure(3.0, "ms", goal="≤ 2 ms", met=False)
    assert said["b"] == fact(holds=True)
    assert (said["c"].ours, said["c"].met) == (17, None)
    assert said["d"].ours == "words"
    assert (said["e"].ours, said["e"].goal) == (4.0, "≥ 3")


@pytest.mark.parametrize(
    ("goal", "faster", "ratio", "met"),
    [
        (Goal(at_least=2), True, 2.0, True),
        (Goal(at_least=2.1), True, 2.0, False),
        (Goal(at_most=0.5), False, 0.5, True),
        (Goal(at_most=0.4), False, 0.5, False),
    ],
)
def test_a_ratio_is_judged_by_its_goal(goal: Goal, faster: bool, ratio: float, met: bool) -> None:
    found = figure(Measured(1e-6, 0.5e-6, 2e-6), Measured(2e-6, 2e-6, 2e-6), goal, faster=faster)

    assert (found.ours, found.peer, found.floor, found.unit) == (1.0, 2.0, None, "µs")
    assert (found.ratio, found.met, found.spread) == (ratio, met, Spread(0.5, 2.0))


def test_percentiles_are_by_nearest_rank() -> None:
    samples = [float(each) for each in range(100, 0, -1)]

    assert [percentile(samples, each) for each in (50, 99, 100)] == [50.0, 99.0, 100.0]
    assert percentile([7.0], 99) == 7.0
    assert quartiles([1.0, 2.0, 3.0, 4.0]) == (2.5, Spread(2.0, 3.0))


def test_the_page_holds_every_figure_and_every_word_written_about_it() -> None:
    figures = (
        Row("one", "quick enough", Figure(1.0, "ms", goal="≤ 2 ms", met=True)),
        Row("one", "too slow", Figure(9.0, "ms", peer=4.0, ratio=2.25, goal="≤ 1×", met=False)),
        Row("two", "slow as well", Figure(9.0, "s", goal="≤ 1 s", met=False)),
    )
    notes = read_notes("# Preface\n\n## one\n\nAbout it.\n\n### too slow\n\nThe disk.\n")

    said = page(Document(machine(), "2026-01-01T00:00+00:00", quick=False, long=False, figures=figures), notes)

    assert "Of 3 figures with a goal 1 meet it" in said
    assert "| too slow | 9 ms |  | 4 |  | 2.25 | ≤ 1× | **no** |" in said
    assert "About it." in said
    assert "**too slow.** The disk." in said
    assert f"**slow as well.** {NOTHING_WRITTEN}" in said
    assert "Preface" not in said


def test_a_measurement_that_fails_is_a_row_that_says_why() -> None:
    (row,) = apart("no_such_measurement")

    assert (row.figure.ours, row.figure.met) == ("failed", False)
    assert "no_such_measurement" in row.figure.note


def test_a_document_is_one_json_value() -> None:
    made = Document(machine(), "now", quick=True, long=False, figures=(Row("one", "it", Figure(1.0)),))

    assert msgspec.json.decode(msgspec.json.encode(made), type=Document) == made


def test_of_two_runs_the_newer_measurement_counts() -> None:
    def run(when: str, *figures: tuple[str, float]) -> Document:
        rows = tuple(Row(name, "it", Figure(value)) for name, value in figures)
        return Document(machine(), when, quick=False, long=False, figures=rows)

    both = merged([run("before", ("a", 1.0), ("b", 1.0)), run("after", ("b", 2.0))])

    assert [(row.benchmark, row.figure.ours) for row in both.figures] == [("a", 1.0), ("b", 2.0)]
    assert both.when == "after"
