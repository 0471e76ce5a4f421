"""The process may die at any bytecode of an order's way: nothing is lost and nothing doubled, wherever it was."""

from __future__ import annotations

import pytest

from actors import gtts
from app.chaos.bytecodes import ORDER_PATH, Place
from app.chaos.killpoints import Point, deaths_unheard, die_at, sample, survey, unlike
from app.chaos.pool import mutant_named
from app.chaos.ways import SCENARIOS
from app.options import ROOT
from domain.messages.gtt import GttExpired, GttRecord
from domain.messages.journal import JournalEvent
from domain.values import Nanos

DEATHS = 10
"""Of each way here; thousands of them by `python run.py chaos --kill-points 5000`."""


@pytest.mark.parametrize("name", [each.name for each in SCENARIOS])
def test_whatever_the_bytecode_nothing_is_lost_or_doubled(name: str) -> None:
    places = survey(name).places

    with deaths_unheard():
        for number in sample(places, DEATHS):
            outcome = die_at(Point(name, number), places[number - 1])
            assert not outcome.violations, f"{name} {number}, {outcome.place}: {outcome.violations[0]}"


def test_a_survey_sees_the_whole_way_and_is_the_same_again() -> None:
    places = survey("entry").places

    assert survey("entry").places == places
    assert {place.phase for place in places} == {"decided", "SENDING", "ACKNOWLEDGED", "COMPLETE"}
    files = {place.file for place in places}
    assert all(any(file.startswith(path) for file in files) for path in ORDER_PATH)
    assert all((ROOT / file).is_file() for file in files)


def test_an_exit_has_a_moment_more_in_which_it_is_journaled_and_certainly_unsent() -> None:
    assert "INTENT" in {place.phase for place in survey("exit").places}


def test_a_breakage_that_only_a_death_between_two_bytecodes_shows_is_caught() -> None:
    """An order that is posted before its claim is durable is lost by a death in between, and by no other."""
    with mutant_named("restart forgets what was sent").applied(), deaths_unheard():
        places = survey("found").places
        sent = [n for n, place in enumerate(places, start=1) if place.phase == "SENDING"]
        assert any(die_at(Point("found", number)).violations for number in sent[::40])


def test_a_gtt_that_a_restart_takes_for_unsent_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def forget(record: GttRecord, now: Nanos) -> list[JournalEvent]:
        return [] if record.state.final else [GttExpired(record.tag, record.intent.strategy, "restart", now)]

    monkeypatch.setattr(gtts, "after_restart_gtt", forget)
    places = survey("gtt").places
    sent = [n for n, place in enumerate(places, start=1) if place.phase == "SENDING"]

    with deaths_unheard():
        assert any(die_at(Point("gtt", number)).violations for number in sent[::60])


def test_deaths_within_one_moment_leave_the_same_world() -> None:
    found = survey("entry", moments=True)
    numbers = found.deaths()
    firsts = [n for n in numbers if n == 1 or found.moments[n - 1] != found.moments[n - 2]]

    assert len(found.moments) == len(found.places)
    assert len(firsts) == len(set(found.moments)), "every moment is died in"
    with deaths_unheard():
        outcomes = [die_at(Point("entry", number)) for number in numbers[::6] + numbers[1::6]]
    assert unlike(outcomes, {"entry": found}) == []
    assert len({each.trace for each in outcomes}) > len(outcomes) / 3, "and one moment is not like another"


def test_a_sample_takes_every_place_once_before_any_twice() -> None:
    a, b = Place("f", "a", 0, "I"), Place("f", "b", 0, "I")
    places = [a, a, a, b, a]

    assert len(sample(places, 2)) == 2
    assert 4 in sample(places, 2)
    assert sample(places, 99) == [1, 2, 3, 4, 5]
    assert sample(places, 3) == sample(places, 3)
