"""A socket that lives without prices: when it is replaced, and when it is left alone."""

from __future__ import annotations

import pytest

from domain.market.silence import LONGEST, Silence
from domain.values import SECOND

PATIENCE = 30.0


def silence(at: float = 0.0) -> Silence:
    one = Silence(PATIENCE)
    one.connected(int(at * SECOND))
    return one


def look(one: Silence, at: float, *, trading: bool = True) -> float:
    return one.overdue(int(at * SECOND), trading=trading)


@pytest.mark.parametrize(("at", "seconds"), [(29.9, 0.0), (30.0, 30.0), (31.5, 31.5)])
def test_silence_in_market_hours_is_overdue_after_the_patience(at: float, seconds: float) -> None:
    assert look(silence(), at) == seconds


def test_it_is_said_once_for_each_connection() -> None:
    one = silence()

    assert look(one, 40)
    assert not look(one, 41)


def test_ticks_are_no_silence() -> None:
    one = silence()
    for second in range(0, 100, 20):
        one.ticks(second * SECOND)
        assert not look(one, second + 19)


def test_outside_of_market_hours_nothing_is_missed_and_the_patience_begins_with_the_session() -> None:
    one = silence()
    assert not look(one, 1_000, trading=False)

    assert not look(one, 1_029)
    assert look(one, 1_030) == 30.0


def test_without_a_connection_nobody_is_told() -> None:
    one = silence()
    one.lost()

    assert not look(one, 1_000)


def test_where_replacing_brings_nothing_it_is_done_more_and_more_seldom() -> None:
    one, now, waits = silence(), 0.0, []
    for _ in range(8):
        one.connected(int(now * SECOND))
        one.ticks(int((now + 1) * SECOND))  # the last prices again
        began = now
        while not look(one, now):
            now += 1
        waits.append(now - began - 1)

    assert waits == [PATIENCE * min(2**each, LONGEST) for each in range(8)]


def test_prices_that_go_on_bring_the_first_patience_back() -> None:
    one = silence()
    assert look(one, 30)
    one.connected(31 * SECOND)
    one.ticks(37 * SECOND)

    assert look(one, 67) == 30.0
