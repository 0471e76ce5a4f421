"""docs/events.md has every event of the code, and nothing else."""

from __future__ import annotations

from docs.tools.events import PAGE, events, page
from docs.tools.events_catalogue import FAMILIES, WORDS

MAKE = "run: .venv/bin/python -m docs.tools.events"


def test_every_event_of_the_code_has_words_and_every_word_an_event() -> None:
    found = {each.name for each in events()}
    assert len(found) > 100
    assert found - set(WORDS) == set(), "name them in docs/tools/events_catalogue.py"
    assert set(WORDS) - found == set(), "these are gone from the code"


def test_every_family_has_a_title() -> None:
    assert {name.partition(".")[0] for name in WORDS} == set(FAMILIES)


def test_the_page_is_as_the_code_is() -> None:
    assert PAGE.read_text(encoding="utf-8") == page({each.name: each for each in events()}), MAKE
