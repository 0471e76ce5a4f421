"""A sandbox with faults enabled, shared by the tests of one file; each begins and ends without any in force."""

from collections.abc import Iterator

import pytest

from sandbox.launch import RunningSandbox, launch
from tests.sandbox_faults.talk import Talk

DAY = ["--date", "2026-11-20", "--start", "10:00:00"]


@pytest.fixture(scope="module")
def wild() -> Iterator[RunningSandbox]:
    with launch(speed=20, seed=5, relax=["rate-limits", "order-caps"], extra=[*DAY, "--faults", "on"]) as one:
        yield one


@pytest.fixture
def talk(wild: RunningSandbox) -> Iterator[Talk]:
    one = Talk(wild)
    yield one
    assert one("DELETE", "/_sandbox/faults").json()["faults"] == []
