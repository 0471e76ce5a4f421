"""The trading process shares its interpreter finely and rarely looks for garbage; what that is worth is measured."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from weakref import ref

import pytest

from app.interpreter import SWITCH_SECONDS, collect_rarely, keep_what_is_there, let_go, share_finely


class _Knot:
    """Refers to itself: nothing but a look for cycles finds it."""

    def __init__(self) -> None:
        self.self = self


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before, thresholds = sys.getswitchinterval(), gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)
    sys.setswitchinterval(before)


def test_it_is_set_as_measured() -> None:
    share_finely()

    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)


def test_what_a_day_keeps_is_not_looked_at_before_the_night() -> None:
    collect_rarely()
    kept = _Knot()
    held = ref(kept)
    keep_what_is_there()
    del kept

    gc.collect()
    assert held() is not None, "no look is at it"
    let_go()
    gc.collect()
    assert held() is None
    assert gc.get_threshold()[0] > 10_000
