"""Who may come in: the token, sessions, confirmations, rates. Pure: no server runs here."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest

from adapters.web.door import BURST, CALLS_PER_SECOND, CONFIRM_SECONDS, SESSION_HOURS, Door, machine_token
from domain.errors import PatangError
from domain.values import SECOND

RIGHT = "the token"


class Hand:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000 * SECOND

    def now_ns(self) -> int:
        return self.now


def a_door(clock: Hand, token: str = RIGHT) -> Door:
    words = count()
    return Door(token, clock, clock, lambda: f"word{next(words)}")


def test_only_the_token_is_the_token() -> None:
    door = a_door(Hand())
    assert door.is_token("the token")
    assert not any(door.is_token(wrong) for wrong in ("", "the toke", "the token ", "The token", "\udcff"))


def test_ten_wrong_ones_within_a_minute_are_guessing() -> None:
    clock = Hand()
    door = a_door(clock)
    for _ in range(9):
        door.is_token("wrong")
    assert not door.is_guessed()
    door.is_token("wrong")
    assert door.is_guessed()
    clock.now += 61 * SECOND
    assert not door.is_guessed()


def test_a_session_lasts_its_hours_and_outlives_the_server() -> None:
    clock = Hand()
    word = a_door(clock).open_session()
    after_a_restart = a_door(clock)
    assert after_a_restart.is_session(word)
    assert not a_door(clock, "another token").is_session(word), "a new token ends them all"
    clock.now += SESSION_HOURS * 3600 * SECOND
    assert not after_a_restart.is_session(word)


@pytest.mark.parametrize(
    "change", [lambda w: "9" + w, lambda w: w[:-1], lambda w: w + "0", lambda _: "", lambda _: "a.b.c"]
)
def test_a_session_that_was_not_given_here_is_none(change: object) -> None:
    door = a_door(Hand())
    assert callable(change)
    assert not door.is_session(change(door.open_session()))


def test_a_session_that_was_ended_is_none() -> None:
    door = a_door(Hand())
    word, other = door.open_session(), door.open_session()
    door.end_session(word)
    assert (door.is_session(word), door.is_session(other)) == (False, True)


def test_a_confirmation_is_for_one_call_with_that_body() -> None:
    clock = Hand()
    door = a_door(clock)
    assert not door.confirmed(door.ask_confirmation("flatten", "{}"), "resume", "{}")
    assert not door.confirmed(door.ask_confirmation("flatten", "{}"), "flatten", '{"strategy":"x"}')
    word = door.ask_confirmation("flatten", "{}")
    assert door.confirmed(word, "flatten", "{}")
    assert not door.confirmed(word, "flatten", "{}"), "once"
    late = door.ask_confirmation("flatten", "{}")
    clock.now += CONFIRM_SECONDS * SECOND
    assert not door.confirmed(late, "flatten", "{}")


def test_calls_beyond_the_rate_wait_for_credit() -> None:
    clock = Hand()
    door = a_door(clock)
    assert [door.take_turn() for _ in range(BURST + 1)] == [True] * BURST + [False]
    clock.now += SECOND
    assert sum(door.take_turn() for _ in range(BURST)) == CALLS_PER_SECOND


def test_the_token_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "admin.token"
    token = machine_token(path)
    assert len(token) >= 40
    assert machine_token(path) == token
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o644)
    with pytest.raises(PatangError, match="others may read it"):
        machine_token(path)


def test_a_token_file_without_a_token_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "admin.token"
    path.touch(0o600)
    with pytest.raises(PatangError, match="holds no token"):
        machine_token(path)
