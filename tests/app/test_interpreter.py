"""The trading process shares its interpreter finely; what that is worth is measured, not tested."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from app.interpreter import SWITCH_SECONDS, share_finely


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


def test_it_is_set_as_measured() -> None:
    share_finely()

    assert sys.getswitchinterval() == pytest.approx(SWITCH_SECONDS)
