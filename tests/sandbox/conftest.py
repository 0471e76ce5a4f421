"""Fixtures of the sandbox's tests."""

from collections.abc import Iterator

import pytest

from sandbox.launch import RunningSandbox, launch
from tests.sandbox.desk import FRIDAY, RELAX_PACE, Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture(scope="module")
def fast() -> Iterator[RunningSandbox]:
    """A sandbox process at 60 times real speed without pacing rules."""
    with launch(speed=60, seed=7, relax=RELAX_PACE, extra=["--date", FRIDAY.isoformat(), "--start", "10:00:00"]) as one:
        yield one
