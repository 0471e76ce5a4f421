"""Rows of one instrument: what they know of the bars that went by."""

from __future__ import annotations

import pytest

from domain.market.buckets import Hours
from domain.strategy.rows import ENDS_KEPT, Rows
from tests.strategy.playing import a_bar, at

LATEST = 2 * ENDS_KEPT + 9


@pytest.fixture(scope="module")
def rows() -> Rows:
    """So many bars that the ends of former ones were given up."""
    made = Rows({}, 60)
    hours = Hours(at(0) // 1_000_000_000, at(0) // 1_000_000_000 + 22_500)
    for minute in range(LATEST):
        made.push(a_bar(minute, 100), hours)
    return made


@pytest.mark.parametrize(
    ("minutes_ago", "bars"),
    [(0, 0), (1, 1), (7, 7), (ENDS_KEPT - 1, ENDS_KEPT - 1), (ENDS_KEPT, ENDS_KEPT), (ENDS_KEPT + 1, ENDS_KEPT)],
)
def test_an_age_in_bars_is_counted_up_to_a_bound(rows: Rows, minutes_ago: int, bars: int) -> None:
    assert rows.bars_since(at(60 * (LATEST - minutes_ago))) == bars
    assert rows.bars_since(at(60 * (LATEST - minutes_ago)) - 1) == min(bars + 1, ENDS_KEPT)


def test_an_age_is_right_just_after_ends_were_given_up() -> None:
    made = Rows({}, 60)
    hours = Hours(at(0) // 1_000_000_000, at(0) // 1_000_000_000 + 22_500)
    for minute in range(2 * ENDS_KEPT):
        made.push(a_bar(minute, 100), hours)
        assert made.bars_since(at(60 * (minute - 5) + 1)) == min(6, minute + 1)
    assert made.bars_since(0) == ENDS_KEPT
