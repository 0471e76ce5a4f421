"""When a channel says an alert: levels, quiet hours, a cap, digests, and what is never held back. Pure."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.alerting import FLOOD, HOUR, LEVELS, ChannelRules, Note, Speaker
from domain.values import IST, MINUTE, SECOND, nanos

DAY = nanos(dt.datetime(2026, 11, 20, tzinfo=IST))
NIGHT = (dt.time(22), dt.time(7))


def at(hours: float) -> int:
    return DAY + int(hours * HOUR)


def a_note(level: str = "warning", text: str = "x") -> Note:
    return Note(level, "feed.stale", text, DAY)


@pytest.mark.parametrize(
    ("rules", "level", "hours", "said"),
    [
        (ChannelRules("warning"), "info", 12, False),
        (ChannelRules("warning"), "warning", 12, True),
        (ChannelRules("critical"), "warning", 12, False),
        (ChannelRules("info"), "info", 12, True),
        (ChannelRules(quiet=NIGHT), "warning", 21.99, True),
        (ChannelRules(quiet=NIGHT), "warning", 22, False),
        (ChannelRules(quiet=NIGHT), "warning", 3, False),
        (ChannelRules(quiet=NIGHT), "warning", 7, True),
        (ChannelRules(quiet=NIGHT), "critical", 3, True),
        (ChannelRules(quiet=(dt.time(12), dt.time(13))), "warning", 12.5, False),
        (ChannelRules(quiet=(dt.time(12), dt.time(13))), "warning", 13, True),
    ],
)
def test_what_is_said_at_once(rules: ChannelRules, level: str, hours: float, said: bool) -> None:
    note = a_note(level)
    assert Speaker(rules).offer(note, at(hours)) == (note if said else None)


def test_beyond_the_cap_the_rest_waits_for_one_digest() -> None:
    speaker = Speaker(ChannelRules(per_hour=2, digest_minutes=15))
    assert [speaker.offer(a_note(), at(12)) is not None for _ in range(5)] == [True, True, False, False, False]
    assert speaker.digest(at(12) + 15 * MINUTE - 1) is None
    digest = speaker.digest(at(12) + 15 * MINUTE)
    assert digest is not None
    assert digest.level == "warning"
    assert digest.text == "3 alerts were held back\nfeed.stale: x (3 times)"
    assert speaker.digest(at(14)) is None, "once"
    assert speaker.offer(a_note(), at(13) - 1) is None
    assert speaker.offer(a_note(), at(13)) is not None, "an hour later there is room again"


def test_an_emergency_passes_where_others_wait_but_not_a_flood_of_them() -> None:
    speaker = Speaker(ChannelRules(per_hour=2))
    for _ in range(3):
        speaker.offer(a_note(), at(12))
    said = [speaker.offer(a_note("critical"), at(12)) is not None for _ in range(2 * FLOOD)]
    assert said == [True] * (2 * FLOOD - 2) + [False, False]
    digest = speaker.digest(at(13))
    assert digest is not None
    assert digest.level == "critical", "the digest is as grave as the gravest in it"


def test_a_night_ends_with_its_digest() -> None:
    speaker = Speaker(ChannelRules(quiet=NIGHT))
    speaker.offer(a_note(text="a"), at(23))
    speaker.offer(a_note(text="b"), at(26))
    assert speaker.digest(at(30.9)) is None
    digest = speaker.digest(at(31))
    assert digest is not None
    assert digest.text.splitlines() == ["2 alerts were held back", "feed.stale: a", "feed.stale: b"]


def test_a_long_digest_is_cut_and_says_so() -> None:
    speaker = Speaker(ChannelRules(per_hour=1))
    for number in range(30):
        speaker.offer(a_note(text=str(number)), at(12))
    digest = speaker.digest(at(13))
    assert digest is not None
    lines = digest.text.splitlines()
    assert (len(lines), lines[0], lines[-1]) == (22, "29 alerts were held back", "and 9 more kinds")


@given(st.lists(st.tuples(st.sampled_from(LEVELS), st.integers(0, 40 * 60)), max_size=60))
def test_nothing_is_lost_and_the_cap_holds(offered: list[tuple[str, int]]) -> None:
    rules = ChannelRules("info", per_hour=3, digest_minutes=10)
    speaker, said, held, now = Speaker(rules), list[int](), 0, DAY
    for level, seconds in offered:
        now += seconds * SECOND
        digest = speaker.digest(now)
        if digest is not None:
            assert digest.text.startswith(f"{held} alerts")
            held = 0
        if speaker.offer(a_note(level), now) is None:
            held += 1
        else:
            said.append(now)
        assert speaker.held == held
        assert sum(now - each < HOUR for each in said) <= 3 * FLOOD
