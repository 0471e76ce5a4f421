"""Dates and words, as every other part relies on them."""

from __future__ import annotations

import copy
import pickle
from enum import Enum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.values import SECOND, OrderKind, Product, SessionClass, Side, Validity, Variety, ist, ist_date


@given(instant=st.integers(-2_000_000_000 * SECOND, 8_000_000_000 * SECOND))
def test_the_indian_date_is_that_of_the_indian_time(instant: int) -> None:
    assert ist_date(instant) == ist(instant).date()


@pytest.mark.parametrize("words", [Side, Product, OrderKind, Validity, Variety, SessionClass])
def test_a_word_is_the_same_key_wherever_it_comes_from(words: type[Enum]) -> None:
    for word in words:
        known = {("a", word): 1}
        for again in (words(word.value), pickle.loads(pickle.dumps(word)), copy.deepcopy(word)):  # noqa: S301 - our own
            assert known["a", again] == 1


def test_sides() -> None:
    assert [side.sign for side in Side] == [1, -1]
    assert [side.opposite for side in Side] == [Side.SELL, Side.BUY]
